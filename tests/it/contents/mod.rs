//! A review does not believe what the image says of its own packages: what a package's script did is
//! compared with what the package's file brings.

mod language;
mod scripts;
mod sources;

use crate::clients::{Case, NEW, OLD};
use crate::schema;
use crate::upstream::apt::{Contents, Key, Package, archive_with, sources};
use crate::upstream::{Site, Wire};
use crate::world::{succeed, tool};
use serde_json::Value;

const INSTALL: &str =
    "RUN apt-get update && apt-get install -y greeter && rm -rf /var/lib/apt/lists/*\n";

/// What the review says of the files of the image when `greeter` 1.0 moves to 1.1.
#[track_caller]
fn reviewed(phrases: Contents<'_>, old: Contents<'_>, new: Contents<'_>, code: i32) -> Value {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let serve = |version: &'static str, contents: Contents<'_>, modified: i64| {
        let greeter = Package { name: "greeter", version, depends: Some("phrases") };
        let base = Package { name: "phrases", version: "1.0", depends: None };
        let packages = [(greeter, contents), (base, phrases)];
        site.serve(archive_with(&key, &packages, modified, None));
    };
    serve("1.0", old, OLD);
    let dockerfile = sources(&site.url(), &key) + INSTALL;
    let case = Case::new("debian-bookworm", &dockerfile, &[&site]);
    moved(&case, || serve("1.1", new, NEW), code)
}

/// What the review says of files when a site moves on.
#[track_caller]
fn moved(case: &Case<'_>, move_on: impl FnOnce(), code: i32) -> Value {
    report(case, move_on, code)["files"].clone()
}

/// The review when a site moves on.
#[track_caller]
fn report(case: &Case<'_>, move_on: impl FnOnce(), code: i32) -> Value {
    case.lock();
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "-qm", "locked"]] {
        let mut git = tool("git", "git");
        git.current_dir(case.world.path("context"));
        git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]).args(arguments);
        succeed(&mut git);
    }
    move_on();
    std::fs::remove_file(case.world.path("context/Dockerfile.lock")).unwrap();
    case.lock();
    let ran = case.rlock("review", &["HEAD", "--files", "--format", "json"]).expect(code);
    schema::report(&case.world, &ran)
}

fn script(text: &str) -> String {
    format!("#!/bin/sh\nset -e\n{text}\n")
}

/// Path and reason of what is unexplained.
fn unexplained(files: &Value) -> Vec<(&str, &str)> {
    let all = files["unexplained"].as_array().unwrap().iter();
    all.map(|file| (file["path"].as_str().unwrap(), file["reason"].as_str().unwrap())).collect()
}

/// Kind and rule of what explains a file.
#[track_caller]
fn explained<'a>(files: &'a Value, path: &str) -> (&'a str, &'a str) {
    let mut groups = files["explained_by"].as_array().unwrap().iter();
    let has =
        |group: &&Value| group["files"].as_array().unwrap().iter().any(|file| file["path"] == path);
    let group = groups.find(has).unwrap_or_else(|| panic!("{path}: {files:#}"));
    (group["kind"].as_str().unwrap(), group["rule"].as_str().unwrap_or_default())
}

#[test]
fn a_file_that_a_script_adds_to_its_packages_list_is_unexplained() {
    let postinst = script(
        "echo payload > /usr/bin/payload\nchmod 755 /usr/bin/payload\n\
         echo /usr/bin/payload >> /var/lib/dpkg/info/greeter.list",
    );
    let new = Contents { postinst: Some(&postinst), ..Contents::default() };
    let files = reviewed(Contents::default(), Contents::default(), new, 1);
    let found = unexplained(&files);
    let paths: Vec<&str> = found.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, ["/usr/bin/payload", "/var/lib/dpkg/info/greeter.list"], "{files:#}");
    let noted = "noted as greeter 1.1's, and the package's file does not bring it";
    assert!(found[0].1.contains(noted), "{}", found[0].1);
    assert!(found[1].1.contains("lists `/usr/bin/payload`"), "{}", found[1].1);
}

#[test]
fn a_shipped_file_that_a_script_overwrites_is_unexplained() {
    let postinst = script("echo payload > /usr/share/greeter");
    let new = Contents { postinst: Some(&postinst), ..Contents::default() };
    let files = reviewed(Contents::default(), Contents::default(), new, 1);
    let found = unexplained(&files);
    assert_eq!(found.len(), 1, "{files:#}");
    assert_eq!(found[0].0, "/usr/share/greeter");
    for text in ["brought by greeter 1.1", "its content is another one"] {
        assert!(found[0].1.contains(text), "{}", found[0].1);
    }
}

#[test]
fn a_shipped_file_that_a_script_makes_setuid_without_naming_it_is_unexplained() {
    let postinst = script("cd /usr/share && chmod u+s greet?r");
    let new = Contents { postinst: Some(&postinst), ..Contents::default() };
    let files = reviewed(Contents::default(), Contents::default(), new, 1);
    let found = unexplained(&files);
    assert_eq!(found.len(), 1, "{files:#}");
    assert_eq!(found[0].0, "/usr/share/greeter");
    assert!(found[0].1.contains("its mode is 4644, not 0644"), "{}", found[0].1);
}

#[test]
fn an_honest_update_is_explained_whole() {
    // Of another package's path, where dpkg is told to put it; a path below /lib, which is a link;
    // configuration.
    let divert = script(
        "dpkg-divert --package phrases --add --rename --divert /usr/share/greeter.distrib \
         /usr/share/greeter",
    );
    let phrases = Contents { preinst: Some(&divert), ..Contents::default() };
    let files: [&[(&str, &[u8])]; 2] = [
        &[("./lib/greeter.so", b"1.0"), ("./etc/greeter.conf", b"old\n")],
        &[("./lib/greeter.so", b"1.1"), ("./etc/greeter.conf", b"new\n")],
    ];
    let [old, new] = files.map(|files| Contents {
        files,
        conffiles: Some("/etc/greeter.conf\n"),
        ..Contents::default()
    });
    let files = reviewed(phrases, old, new, 0);
    assert_eq!(unexplained(&files), [], "{files:#}");
    for (path, expected) in [
        ("/usr/lib/greeter.so", ("package", "")),
        ("/etc/greeter.conf", ("package", "")),
        ("/usr/share/greeter.distrib", ("installed", "dpkg-diversion")),
        ("/var/lib/dpkg/info/greeter.md5sums", ("installed", "dpkg-notes")),
    ] {
        assert_eq!(explained(&files, path), expected, "{path}");
    }
    assert!(files["compared"].as_u64().unwrap() >= 4, "{files:#}");
}
