//! npm: a document for each package, and tarballs.

use super::language::Story;
use crate::clients::{Case, NEW, OLD};
use crate::upstream::npm::{Release, registry};
use crate::upstream::{Site, Tree, Wire};

/// A program and what it needs, and something else.
fn packages(url: &str, library: &[Release], versions: &[&'static str], modified: i64) -> Tree {
    let mut all = library.to_vec();
    for (name, requires) in [("other", None), ("tool", Some(("library", "^1.0.0")))] {
        all.extend(versions.iter().map(|version| Release { name, version, requires }));
    }
    registry(url, &all, modified)
}

fn library(version: &'static str) -> Release {
    Release { name: "library", version, requires: None }
}

fn old(site: &Site) -> Tree {
    packages(&site.url(), &[library("1.0.0")], &["1.0.0"], OLD)
}

fn new(site: &Site) -> Tree {
    packages(&site.url(), &[library("1.0.0"), library("1.0.1")], &["1.0.0", "1.1.0"], NEW)
}

/// `tool` and `other` are installed, and then `and` is done.
fn story<'a>(site: &'a Site, and: &str) -> Story<'a> {
    let dockerfile = format!(
        "WORKDIR /srv\nENV npm_config_registry={}\nRUN echo '{{\"private\":true}}' > package.json \
         && npm install tool other && npm cache clean --force && node -p 'require(\"tool\")'{and}\n",
        site.url()
    );
    Story {
        case: Case::new("clients", &dockerfile, &[site]),
        kind: "npm",
        ecosystem: "npm",
        old: "1.0.0",
        fixed: "1.0.1",
    }
}

#[test]
fn a_security_fix_is_found_moved_alone_explained_and_proven_as_far_as_that_goes() {
    let site = Site::start("npm.test", Wire::Tls);
    site.serve(old(&site));
    let story = story(&site, "");
    story.start();
    story.nothing_to_do();
    site.serve(new(&site));
    story.outdated(&["library", "other", "tool"]);
    assert_eq!(story.update(), [story.row("library", "1.0.1")]);

    let files = story.review(&["library"], 0);
    assert_eq!(files.unexplained, [""; 0]);
    let of_library = files.by("package library");
    let module =
        ["index.js", "package.json"].map(|file| format!("/srv/node_modules/library/{file}"));
    assert!(module.iter().all(|path| of_library.contains(path)), "{of_library:#?}");
    let outside = of_library.iter().filter(|it| !it.starts_with("/srv/node_modules/library"));
    assert_eq!(outside.collect::<Vec<_>>(), [""; 0]);
    let notes: Vec<&String> = files.by("derived npm-lock").iter().collect();
    assert_eq!(notes, ["/srv/node_modules/.package-lock.json", "/srv/package-lock.json"]);
    assert_eq!(files.explained.len(), 2, "{:#?}", files.explained);

    story.prove();
    // A version that the file does not have would be believed to be repaired.
    story.poisoned("library", "version", "1.0.2", &[]);
    site.stop();
    // A document has no SHA-256 of a file. With the content of something else it is contradicted;
    // where nobody has such content, by the lock before.
    let other = story.digest_of("other");
    story.swapped("library", &other, &["--base", "Dockerfile.lock"]);
    let finding = story.swapped("other", &"5".repeat(64), &["--base", "HEAD"]);
    assert!(finding["message"].as_str().unwrap().contains(&other), "{finding:#}");
}

#[test]
fn a_file_that_comes_another_way_is_unexplained() {
    let site = Site::start("npm.test", Wire::Tls);
    site.serve(old(&site));
    let and = " && if grep -q 1.0.1 node_modules/library/package.json; then \
               cp /bin/true node_modules/tool/payload; fi";
    let story = story(&site, and);
    story.start();
    site.serve(new(&site));
    assert_eq!(story.update(), [story.row("library", "1.0.1")]);
    let files = story.review(&["library"], 1);
    assert_eq!(files.unexplained, ["/srv/node_modules/tool/payload"]);
}
