//! Packages of languages: wheels and the tarballs of npm.

use super::{explained, moved, unexplained};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::{Site, Wire, npm, python};
use serde_json::Value;

/// What a wheel of `library` has besides, in a version.
type Files = Vec<(String, String)>;

/// The review when a wheel with the first files becomes one with the others, and is used.
#[track_caller]
fn of_wheels(old: &Files, new: &Files, and: &str, code: i32) -> Value {
    let site = Site::start("python.test", Wire::Tls);
    let release = |version| python::Release { name: "library", version, requires: None };
    let old: Vec<(&str, &str)> = old.iter().map(|(path, text)| (&**path, &**text)).collect();
    let new: Vec<(&str, &str)> = new.iter().map(|(path, text)| (&**path, &**text)).collect();
    let (old, new) = ((release("1.0"), &*old), (release("1.0.1"), &*new));
    site.serve(python::index_with(std::slice::from_ref(&old), OLD));
    let dockerfile = format!(
        "RUN pip install --no-cache-dir --break-system-packages --index-url {}/simple library{and}\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    moved(&case, || site.serve(python::index_with(&[old.clone(), new.clone()], NEW)), code)
}

/// Nothing is believed because a database says so, and much is compared.
#[track_caller]
fn assert_compared(files: &Value, at_least: u64) {
    assert_eq!(unexplained(files), [], "{files:#}");
    let groups = files["explained_by"].as_array().unwrap().iter();
    let kinds: Vec<&str> = groups.map(|group| group["kind"].as_str().unwrap()).collect();
    let known = ["package", "installed", "derived", "unproven"];
    assert!(kinds.iter().all(|kind| known.contains(kind)), "{files:#}");
    assert!(files["compared"].as_u64().unwrap() >= at_least, "{files:#}");
}

const MODULES: &str = "/usr/local/lib/python3.13/dist-packages";

#[test]
fn a_wheel_is_installed_in_all_of_its_places() {
    let of = |version: &str| -> Files {
        let data = format!("library-{version}.data");
        [
            ("scripts/library-script", "#!python\nprint('VERSION')\n"),
            ("scripts/library-shell", "#!/bin/sh\necho VERSION\n"),
            ("data/share/library/words", "VERSION\n"),
            ("headers/library.h", "#define LIBRARY \"VERSION\"\n"),
            ("purelib/library_pure/__init__.py", "VERSION = 'VERSION'\n"),
            ("platlib/library_native/__init__.py", "VERSION = 'VERSION'\n"),
        ]
        .map(|(path, text)| (format!("{data}/{path}"), text.replace("VERSION", version)))
        .into()
    };
    let and = " && library && library-script && library-shell";
    let files = of_wheels(&of("1.0"), &of("1.0.1"), and, 0);
    assert_compared(&files, 12);
    for (path, expected) in [
        (format!("{MODULES}/library.py"), ("package", "")),
        (format!("{MODULES}/library_pure/__init__.py"), ("package", "")),
        (format!("{MODULES}/library_native/__init__.py"), ("package", "")),
        ("/usr/local/share/library/words".to_owned(), ("package", "")),
        ("/usr/include/python3.13/library/library.h".to_owned(), ("package", "")),
        ("/usr/local/bin/library-script".to_owned(), ("installed", "python-program")),
        ("/usr/local/bin/library-shell".to_owned(), ("installed", "python-program")),
        (format!("{MODULES}/library-1.0.1.dist-info/RECORD"), ("installed", "python-installer")),
        (format!("{MODULES}/library-1.0.dist-info/INSTALLER"), ("installed", "python-installer")),
        (format!("{MODULES}/__pycache__/library.cpython-313.pyc"), ("unproven", "bytecode")),
        (format!("{MODULES}/library.py"), ("package", "")),
    ] {
        assert_eq!(explained(&files, &path), expected, "{path}: {files:#}");
    }
}

/// The module of the later wheel does this when it is imported; it is, in the same step.
#[track_caller]
fn of_module(text: &str) -> Value {
    let new = vec![("library.py".to_owned(), text.to_owned())];
    of_wheels(&Vec::new(), &new, " && python3 -c 'import library'", 1)
}

#[test]
fn a_module_that_writes_itself_anew_is_unexplained() {
    let files = of_module("open(__file__, 'a').write('# payload\\n')\n");
    let found = unexplained(&files);
    let expected = ["__pycache__/library.cpython-313.pyc", "library.py"];
    let expected = expected.map(|path| format!("{MODULES}/{path}"));
    assert_eq!(found.iter().map(|(path, _)| *path).collect::<Vec<_>>(), expected, "{files:#}");
    assert!(found[0].1.contains("bytecode of a module that is not as"), "{}", found[0].1);
    for text in ["brought by library 1.0.1", "its content is another one"] {
        assert!(found[1].1.contains(text), "{}", found[1].1);
    }
}

#[test]
fn what_a_module_adds_to_the_record_of_its_package_is_unexplained() {
    let files = of_module(
        "import pathlib\nhere = pathlib.Path(__file__).parent\n\
         (here / 'payload.pth').write_text('import library\\n')\n\
         record = here / 'library-1.0.1.dist-info/RECORD'\n\
         record.write_text(record.read_text() + 'payload.pth,,\\n')\n",
    );
    let found = unexplained(&files);
    assert_eq!(found.len(), 1, "{files:#}");
    assert_eq!(found[0].0, format!("{MODULES}/payload.pth"));
    let noted = "noted as library 1.0.1's, and the package's file does not bring it";
    assert!(found[0].1.contains(noted), "{}", found[0].1);
}

/// The review when `library` moves from 1.0.0 to 1.0.1, which has this script.
#[track_caller]
fn of_tarballs(postinstall: Option<&str>, and: &str, code: i32) -> Value {
    let site = Site::start("npm.test", Wire::Plain);
    let release = |name, version, requires| npm::Release { name, version, requires };
    let plain = |name, requires| (release(name, "1.0.0", requires), npm::More::default());
    let files: [&[(&str, &str)]; 2] = [
        &[("cli.js", "#!/usr/bin/env node\n// 1.0.0\n"), ("lib/deep/words.json", "[0]")],
        &[("cli.js", "#!/usr/bin/env node\n// 1.0.1\n"), ("lib/deep/words.json", "[1]")],
    ];
    let more = |files| npm::More { files, program: Some("cli.js"), ..npm::More::default() };
    let [old, new] = files.map(more);
    let new = npm::More { postinstall, ..new };
    let first = (release("library", "1.0.0", None), old);
    let second = (release("library", "1.0.1", None), new);
    let other = (release("library", "2.0.0", None), old);
    let [tool, wide] =
        [plain("tool", Some(("library", "^1.0.0"))), plain("other", Some(("library", "^2.0.0")))];
    let base = [tool, wide];
    let serve = |libraries: &[(npm::Release, npm::More<'_>)], modified| {
        let all = [libraries, &base].concat();
        site.serve(npm::registry_with(&site.url(), &all, modified));
    };
    serve(&[first.clone(), other.clone()], OLD);
    let dockerfile = format!(
        "WORKDIR /srv\nENV npm_config_registry={}\nRUN echo '{{\"private\":true}}' > package.json \
         && npm install other && npm install tool library@1 && npm cache clean --force{and}\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    moved(&case, || serve(&[first.clone(), second.clone(), other.clone()], NEW), code)
}

#[test]
fn a_package_of_npm_is_unpacked_as_it_is() {
    let files = of_tarballs(None, "", 0);
    assert_compared(&files, 4);
    for (path, expected) in [
        ("/srv/node_modules/library/index.js", "package"),
        ("/srv/node_modules/library/package.json", "package"),
        ("/srv/node_modules/library/cli.js", "package"),
        ("/srv/node_modules/library/lib/deep/words.json", "package"),
        ("/srv/package-lock.json", "derived"),
        ("/srv/node_modules/.package-lock.json", "derived"),
    ] {
        assert_eq!(explained(&files, path).0, expected, "{path}: {files:#}");
    }
}

#[test]
fn what_a_script_of_npm_does_is_unexplained() {
    let script = "echo payload > index.js && echo payload > more.js && chmod 4755 cli.js \
                  && echo payload > ../tool/index.js";
    let files = of_tarballs(Some(script), "", 1);
    let found = unexplained(&files);
    let expected = [
        ("library/cli.js", "its mode is 4755"),
        ("library/index.js", "brought by library 1.0.1, and not as the package's file has it"),
        ("library/more.js", "noted as library 1.0.1's, and the package's file does not bring it"),
        ("tool/index.js", "belongs to tool 1.0.0, which the lock does not move"),
    ];
    let paths = expected.map(|(path, _)| format!("/srv/node_modules/{path}"));
    assert_eq!(found.iter().map(|(path, _)| *path).collect::<Vec<_>>(), paths, "{files:#}");
    for ((path, reason), (_, expected)) in found.iter().zip(expected) {
        assert!(reason.contains(expected), "{path}: {reason}");
    }
}

#[test]
fn what_else_changes_in_a_manifest_is_unexplained() {
    let and = " && if grep -q 1.0.1 node_modules/library/package.json; then \
               sed -i 's/true/false/' package.json; fi";
    let files = of_tarballs(None, and, 1);
    let found = unexplained(&files);
    let expected =
        "is a list of packages, and `private` changed, which is about no package that moved";
    assert_eq!(found, [("/srv/package.json", expected)], "{files:#}");
}
