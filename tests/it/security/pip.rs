//! pip: a page for each project, and wheels.

use super::language::Story;
use crate::clients::{Case, NEW, OLD};
use crate::upstream::python::{Release, index};
use crate::upstream::{Site, Tree, Wire};

/// A program and what it needs, something else, and what no advisory is about.
fn project(library: &[Release], versions: &[&'static str], modified: i64) -> Tree {
    let mut all = library.to_vec();
    for (name, requires) in [("other", None), ("tool", Some("library>=1"))] {
        all.extend(versions.iter().map(|version| Release { name, version, requires }));
    }
    index(&all, modified)
}

fn library(version: &'static str) -> Release {
    Release { name: "library", version, requires: None }
}

fn old() -> Tree {
    project(&[library("1.0")], &["1.0"], OLD)
}

fn new() -> Tree {
    project(&[library("1.0"), library("1.0.1")], &["1.0", "1.1"], NEW)
}

/// `tool` and `other` are installed, and then `and` is done.
fn story<'a>(site: &'a Site, and: &str) -> Story<'a> {
    let dockerfile = format!(
        "RUN pip install --no-cache-dir --break-system-packages --index-url {}/simple tool other \
         && PYTHONDONTWRITEBYTECODE=1 tool{and}\n",
        site.url()
    );
    Story {
        case: Case::new("clients", &dockerfile, &[site]),
        kind: "pypi",
        ecosystem: "PyPI",
        old: "1.0",
        fixed: "1.0.1",
    }
}

#[test]
fn a_security_fix_is_found_moved_alone_explained_and_proven_as_far_as_that_goes() {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(old());
    let story = story(&site, "");
    story.start();
    story.nothing_to_do();
    site.serve(new());
    story.outdated(&["library", "other", "tool"]);
    assert_eq!(story.update(), [story.row("library", "1.0.1")]);

    let files = story.review(&["library"], 0);
    assert_eq!(files.unexplained, [""; 0]);
    let of_library = files.of("library");
    assert_eq!(files.explained.len(), 3, "{:#?}", files.explained);
    let site_packages = "/usr/local/lib/python3.13/dist-packages";
    for path in [
        "library.py",
        "library-1.0.dist-info/METADATA",
        "library-1.0.1.dist-info/METADATA",
        "library-1.0.1.dist-info/RECORD",
        "library-1.0.1.dist-info/INSTALLER",
    ] {
        let path = format!("{site_packages}/{path}");
        assert!(of_library.contains(&path), "no {path} in {of_library:#?}");
    }
    assert_eq!(files.by("package library").len(), 8, "{:#?}", files.explained);
    // Whether it is what its source compiles to, only Python could say.
    let bytecode = format!("{site_packages}/__pycache__/library.cpython-313.pyc");
    assert_eq!(*files.by("unproven library"), [bytecode].into());
    let others = of_library.iter().filter(|path| !path.contains("library"));
    assert_eq!(others.collect::<Vec<_>>(), [""; 0]);

    story.prove();
    // The page has the hash of each file: the lock needs neither the file nor the lock before.
    // A version that the file does not have would be believed to be repaired.
    story.poisoned("library", "version", "1.0.2", &[]);
    site.stop();
    let expected = story.digest_of("other");
    let finding = story.swapped("other", &"5".repeat(64), &[]);
    assert!(finding["message"].as_str().unwrap().contains(&expected), "{finding:#}");
    story.swapped("library", &expected, &["--base", "HEAD"]);
}

#[test]
fn a_file_that_comes_another_way_is_unexplained() {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(old());
    let and = " && if [ -d /usr/local/lib/python3*/dist-packages/library-1.0.1.dist-info ]; then \
               cp /bin/true /usr/local/bin/payload; fi";
    let story = story(&site, and);
    story.start();
    site.serve(new());
    assert_eq!(story.update(), [story.row("library", "1.0.1")]);
    let files = story.review(&["library"], 1);
    assert_eq!(files.unexplained, ["/usr/local/bin/payload"]);
}

/// What no index of the lock knows is affected: nobody says that there is nothing to do.
#[test]
fn what_no_index_can_repair_is_named() {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(old());
    let url = format!("{}/files/library-1.0-py3-none-any.whl", site.url());
    let dockerfile = format!("RUN pip install --no-cache-dir --break-system-packages {url}\n");
    let story = Story { case: Case::new("clients", &dockerfile, &[&site]), ..story(&site, "") };
    story.start();
    let notes = story.notes();
    let expected = "pypi library 1.0 stays with CVE-2026-1111: no index in the lock says whether a \
                    later version repairs it";
    assert_eq!(notes, [expected]);
}
