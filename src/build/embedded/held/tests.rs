//! Layers of what is held, and upper directories after a step.

use super::apt::{LIST, PREFERENCES};
use super::*;
use crate::build::HeldView;
use std::os::unix::fs::MetadataExt as _;

fn package(name: &str, architecture: &str, version: &str) -> Package {
    Package {
        kind: "deb",
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        version: version.to_owned(),
        source: None,
        automatic: false,
    }
}

fn pin(name: &str, architecture: &str, version: &str) -> HeldPackage {
    let (name, architecture) = (name.to_owned(), architecture.to_owned());
    HeldPackage { kind: "deb".to_owned(), name, architecture, version: version.to_owned() }
}

#[test]
fn what_is_locked_is_pinned_and_so_is_what_is_installed() {
    let step = HeldStep {
        views: Vec::<HeldView>::new(),
        pins: vec![pin("libfoo", "amd64", "1.0"), pin("data", "all", "2")],
        free: ["moves".to_owned()].into(),
        is_optional: false,
    };
    let installed = [
        package("base", "amd64", "3"),
        package("libfoo", "amd64", "0.9"),
        package("moves", "amd64", "1"),
    ];
    assert_eq!(
        apt::preferences(&step, &installed),
        "Package: base:amd64\nPin: version 3\nPin-Priority: 1001\n\n\
         Package: data\nPin: version 2\nPin-Priority: 1001\n\n\
         Package: libfoo:amd64\nPin: version 1.0\nPin-Priority: 1001\n\n"
    );
}

fn image() -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    for directory in ["etc/apt/sources.list.d", "etc/apt/preferences.d"] {
        std::fs::create_dir_all(image.path().join(directory)).unwrap();
    }
    image
}

fn own(files: &[(&[u8], &[u8])]) -> Vec<Injected> {
    let file = |(path, content): &(&[u8], &[u8])| Injected {
        path: path.to_vec(),
        content: content.to_vec(),
        kind: Kind::Own,
    };
    files.iter().map(file).collect()
}

#[test]
fn the_layer_repeats_the_directories_of_the_image() {
    let (image, target) = (image(), tempfile::tempdir().unwrap());
    let root = |folder: &tempfile::TempDir| Root::open(folder.path()).unwrap();
    let mtime = crate::archive::tar::Timestamp { seconds: 1_000_000, nanoseconds: 0 };
    root(&image).set_times(b"etc/apt", mtime).unwrap();
    let layer = layer::write(&root(&image), &root(&target), own(&[(LIST, b"deb x y\n")])).unwrap();
    assert_eq!(layer.files, [LIST.to_vec()]);
    let made = target.path().join("etc/apt");
    assert_eq!(made.metadata().unwrap().mtime(), 1_000_000);
    assert_eq!(std::fs::read(made.join("sources.list.d/rlock-held.list")).unwrap(), b"deb x y\n");
    assert!(!made.join("preferences.d").exists());
}

#[test]
fn nothing_of_a_view_stays() {
    let (image, target, upper) =
        (image(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files: [(&[u8], &[u8]); 2] = [(LIST, b"deb x y\n"), (PREFERENCES, b"Package: x\n")];
    let root = |folder: &tempfile::TempDir| Root::open(folder.path()).unwrap();
    let layer = layer::write(&root(&image), &root(&target), own(&files)).unwrap();
    let write = |path: &str| {
        let path = upper.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    };
    let lists = "var/lib/apt/lists";
    for name in [
        "deb.example.held-0123abcd_debian_dists_stable_InRelease",
        "deb.example.held-0123abcd:8080_debian_dists_stable_InRelease",
        "partial/deb.example.held-0123abcd_debian_dists_stable_InRelease",
        "deb.example_debian_dists_stable_InRelease",
        "deb.example.held-0123abcdef_debian_dists_stable_InRelease",
    ] {
        write(&format!("{lists}/{name}"));
    }
    // As after `chmod -R` and as after a change beside it.
    write("etc/apt/sources.list.d/rlock-held.list");
    write("etc/apt/preferences.d/rlock-held");
    write("etc/apt/preferences.d/own");
    let mtime = crate::archive::tar::Timestamp { seconds: 1_000_000, nanoseconds: 5 };
    root(&upper).set_times(lists.as_bytes(), mtime).unwrap();
    scrub::scrub(upper.path(), &layer, &[b"deb.example.held-0123abcd".to_vec()]).unwrap();
    let list = |path: &str| root(&upper).list(path.as_bytes()).unwrap();
    let text = |names: Vec<Vec<u8>>| {
        names.into_iter().map(|name| String::from_utf8(name).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        text(list(lists)),
        [
            "deb.example.held-0123abcdef_debian_dists_stable_InRelease",
            "deb.example_debian_dists_stable_InRelease",
            "partial"
        ]
    );
    assert_eq!(text(list("etc/apt")), ["preferences.d"]);
    assert_eq!(text(list("etc/apt/preferences.d")), ["own"]);
    assert_eq!(upper.path().join(lists).metadata().unwrap().mtime(), 1_000_000);
}

#[test]
fn a_directory_that_is_only_a_copy_goes() {
    let (image, target, upper) =
        (image(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = |folder: &tempfile::TempDir| Root::open(folder.path()).unwrap();
    let layer = layer::write(&root(&image), &root(&target), own(&[(LIST, b"deb x y\n")])).unwrap();
    let directory = upper.path().join("etc/apt/sources.list.d");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("rlock-held.list"), "").unwrap();
    scrub::scrub(upper.path(), &layer, &[]).unwrap();
    assert!(!upper.path().join("etc").exists());
    scrub::scrub(upper.path(), &layer, &[]).unwrap();
}
