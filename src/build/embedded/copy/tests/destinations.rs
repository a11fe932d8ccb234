//! Where it goes.

use super::*;

#[test]
fn a_file_goes_into_a_directory_or_in_its_place() {
    let cases: [(&'static str, &[&str], &str); 6] = [
        ("/x", &[], "x: a"),
        ("/x/", &[], "x/a: a"),
        ("/new/deep/x", &[], "new/deep/x: a"),
        ("/there", &["there/"], "there/a: a"),
        ("/there", &["there"], "there: a"),
        ("/", &[], "a: a"),
    ];
    for (destination, before, line) in cases {
        let fixture = Fixture::with(&["a"]);
        fixture.add("image", before);
        fixture.copy(&["a"], destination);
        assert!(fixture.image().contains(&line.to_owned()), "{destination}: {:?}", fixture.image());
    }
}

#[test]
fn several_sources_need_a_directory() {
    let fixture = Fixture::with(&["a", "b"]);
    let error = fixture.error(&["a", "b"], "/x");
    assert_eq!(
        error.to_string(),
        "several sources need a directory as destination, and `/x` is none"
    );
    assert_eq!(error.hint().unwrap(), "end the destination in `/`");
    fixture.copy(&["a", "b"], "/x/");
    fixture.copy(&["a", "b"], "/x");
    assert_eq!(fixture.image(), ["x/", "x/a: a", "x/b: b"]);
}

#[test]
fn links_in_the_image_are_followed_inside_it() {
    let fixture = Fixture::with(&["a", "d/b"]);
    let links =
        ["real/", "link -> /real", "up -> ../../real", "out -> ../secret", "later -> /made/later"];
    fixture.add("image", &links);
    fixture.copy(&["a"], "/link");
    fixture.copy(&["a"], "/up/a2");
    fixture.copy(&["d"], "/later");
    fixture.copy(&["d"], "/link/sub/");
    // The link leads to a file that is made inside.
    fixture.copy(&["a"], "/out");
    let expected = [
        "later -> /made/later",
        "link -> /real",
        "made/",
        "made/later/",
        "made/later/b: d/b",
        "out -> ../secret",
        "real/",
        "real/a: a",
        "real/a2: a",
        "real/sub/",
        "real/sub/b: d/b",
        "secret: a",
        "up -> ../../real",
    ];
    assert_eq!(fixture.image(), expected);
}

#[test]
fn links_below_the_destination_are_replaced_by_files() {
    let fixture = Fixture::with(&["d/f", "d/g"]);
    fixture.add("image", &["x/f -> ../target", "target"]);
    fixture.copy(&["d"], "/x");
    fixture.copy(&["d/g"], "/x/");
    assert_eq!(fixture.image(), ["target: target", "x/", "x/f: d/f", "x/g: d/g"]);
}

#[test]
fn directories_are_merged() {
    let fixture = Fixture::with(&["d/sub/new", "d/f"]);
    fixture.add("image", &["x/sub/old", "x/f"]);
    fixture.copy(&["d"], "/x");
    let expected = ["x/", "x/f: d/f", "x/sub/", "x/sub/new: d/sub/new", "x/sub/old: x/sub/old"];
    assert_eq!(fixture.image(), expected);
}

#[test]
fn files_and_directories_do_not_replace_each_other() {
    let cases: [(&str, &'static str, &[&str], &str); 5] = [
        ("d", "/x", &["x"], "`/x` is needed as a directory and is none"),
        ("d", "/x", &["x/sub"], "`/x/sub` is needed as a directory and is none"),
        (
            "d",
            "/x",
            &["real/", "x/sub -> ../real"],
            "`/x/sub` is needed as a directory and is none",
        ),
        ("a", "/x/y", &["x"], "`/x` is needed as a directory and is none"),
        ("a", "/x/", &["x/a/"], "cannot replace directory `/x/a` with a file"),
    ];
    for (source, destination, before, message) in cases {
        let fixture = Fixture::with(&["a", "d/sub/f"]);
        fixture.add("image", before);
        let error = fixture.error(&[source], destination);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_file_replaces_a_name_and_not_what_it_shares() {
    let fixture = Fixture::with(&["a"]);
    fixture.add("image", &["x"]);
    fs::hard_link(fixture.in_image("x"), fixture.in_image("same")).unwrap();
    fixture.copy(&["a"], "/x");
    assert_eq!(fixture.image(), ["same: x", "x: a"]);
}
