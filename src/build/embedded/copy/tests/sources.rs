//! What is copied.

use super::*;

#[test]
fn a_directory_gives_its_content() {
    let fixture = Fixture::with(&["app/main.c", "app/sub/x.h", "app/empty/", "other"]);
    fixture.copy(&["app"], "/src");
    let expected =
        ["src/", "src/empty/", "src/main.c: app/main.c", "src/sub/", "src/sub/x.h: app/sub/x.h"];
    assert_eq!(fixture.image(), expected);
}

#[test]
fn the_context_is_a_directory_too() {
    for source in [".", "/", "./", "../.."] {
        let fixture = Fixture::with(&["a", "b/c"]);
        let summary = fixture.copy(&[source], "/x/");
        assert_eq!(fixture.image(), ["x/", "x/a: a", "x/b/", "x/b/c: b/c"]);
        assert_eq!((summary.files, summary.bytes), (2, 4));
    }
}

#[test]
fn patterns_match_one_level() {
    let files = ["a.txt", "b.txt", "c.md", "d/e.txt", "d/f.txt", "g/e.txt", ".h.txt"];
    let cases: [(&str, &[&str]); 7] = [
        ("*.txt", &[".h.txt", "a.txt", "b.txt"]),
        ("?.*", &["a.txt", "b.txt", "c.md"]),
        ("[ab].txt", &["a.txt", "b.txt"]),
        ("*/e.txt", &["e.txt"]),
        ("d/*.txt", &["e.txt", "f.txt"]),
        ("[dg]", &["e.txt", "f.txt"]),
        ("d/[^e]*", &["f.txt"]),
    ];
    for (pattern, expected) in cases {
        let fixture = Fixture::with(&files);
        fixture.copy(&[pattern], "/x/");
        let names: Vec<String> = fixture.image().into_iter().skip(1).collect();
        let names: Vec<&str> =
            names.iter().map(|line| line.split([':', '/']).nth(1).unwrap()).collect();
        assert_eq!(names, expected, "{pattern}");
    }
}

#[test]
fn a_pattern_without_match_is_no_error() {
    let fixture = Fixture::with(&["a.log", "b"]).ignoring("*.log");
    let summary = fixture.copy(&["*.none", "*.log", "b"], "/x/");
    let unmatched = |pattern: &str, ignored| Unmatched { pattern: pattern.to_owned(), ignored };
    assert_eq!(summary.unmatched, [unmatched("*.none", false), unmatched("*.log", true)]);
    assert_eq!(fixture.image(), ["x/", "x/b: b"]);
}

#[test]
fn missing_sources_are_named() {
    let fixture = Fixture::with(&["a", "target/app.jar", "skipped/x", "dangling -> nowhere"])
        .ignoring("target\nskipped");
    let cases = [
        ("none", "`none` is not in the build context"),
        ("a/b", "`a/b` is not in the build context"),
        ("none/*.c", "`none/*.c` is not in the build context"),
        ("dangling", "`dangling` is not in the build context"),
        ("target/app.jar", "`target/app.jar` is left out of the build context by .dockerignore"),
        ("./skipped", "`./skipped` is left out of the build context by .dockerignore"),
        ("a[", "`a[` is not a valid pattern: "),
    ];
    for (source, message) in cases {
        let error = fixture.error(&[source], "/x");
        assert!(error.to_string().starts_with(message), "{error}");
    }
    let hint = fixture.error(&["./skipped/"], "/x").hint().unwrap();
    assert_eq!(hint, "add the line `!skipped` to the end of .dockerignore");
    let error = copy(&fixture.request_from_stage(&["/bin/x"], "/x")).unwrap_err();
    assert_eq!(error.to_string(), "`/bin/x` is not in the image that it is copied from");
    assert_eq!(fixture.image(), Vec::<String>::new());
}

#[test]
fn dockerignore_leaves_out_and_takes_back() {
    let files = ["Dockerfile", ".dockerignore", "a", "log/x", "log/keep/y", "src/a.o", "src/a.c"];
    let fixture =
        Fixture::with(&files).ignoring("Dockerfile\n.dockerignore\nlog\n**/*.o\n!log/keep");
    fixture.copy(&["."], "/");
    let expected =
        ["a: a", "log/", "log/keep/", "log/keep/y: log/keep/y", "src/", "src/a.c: src/a.c"];
    assert_eq!(fixture.image(), expected);
    // A directory of which something is taken back is there.
    fixture.copy(&["log"], "/again");
    assert!(fixture.in_image("again/keep/y").exists() && !fixture.in_image("again/x").exists());
    // It is the context's: other sources know nothing of it.
    fixture.add("stage", &["log/x"]);
    copy(&fixture.request_from_stage(&["log/x"], "/from-stage")).unwrap();
    assert!(fixture.in_image("from-stage").exists());
}

#[test]
fn links_are_followed_as_sources_and_kept_below() {
    let files = [
        "real/f",
        "link -> real",
        "real/inner -> f",
        "file -> real/f",
        "abs -> /real/f",
        "out -> ../secret",
    ];
    let fixture = Fixture::with(&files);
    fixture.copy(&["link"], "/d/");
    fixture.copy(&["link/f"], "/through");
    fixture.copy(&["file", "abs"], "/files/");
    let expected = [
        "d/",
        "d/f: real/f",
        "d/inner -> f",
        "files/",
        "files/abs: real/f",
        "files/file: real/f",
        "through: real/f",
    ];
    assert_eq!(fixture.image(), expected);
    let error = fixture.error(&["out"], "/x");
    assert_eq!(error.to_string(), "`out` is not in the build context");
}

#[test]
fn exclude_is_relative_to_the_source() {
    let fixture =
        Fixture::with(&["home.txt", "home.md", "d/a.txt", "d/a.md", "d/e/b.txt", "d/e/b.md"])
            .excluding(&["**/*.txt", "!e/b.txt"]);
    fixture.copy(&["hom*"], "/h/");
    fixture.copy(&["d"], "/d");
    let expected = [
        "d/",
        "d/a.md: d/a.md",
        "d/e/",
        "d/e/b.md: d/e/b.md",
        "d/e/b.txt: d/e/b.txt",
        "h/",
        "h/home.md: home.md",
    ];
    assert_eq!(fixture.image(), expected);
}

#[test]
fn directories_that_only_hold_excluded_files_stay() {
    let fixture = Fixture::with(&["d/only/x.o", "d/gone/y"]).excluding(&["**/*.o", "gone"]);
    fixture.copy(&["d"], "/d");
    assert_eq!(fixture.image(), ["d/", "d/only/"]);
}

#[test]
fn parents_are_kept() {
    let files = ["x/a.txt", "x/b.md", "y/a.txt", "y/deep/a.txt", "z"];
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["x/a.txt", "y/a.txt"],
            &["p/", "p/x/", "p/x/a.txt: x/a.txt", "p/y/", "p/y/a.txt: y/a.txt"],
        ),
        (&["*/a.txt"], &["p/", "p/x/", "p/x/a.txt: x/a.txt", "p/y/", "p/y/a.txt: y/a.txt"]),
        (&["./y/./**/a.txt"], &["p/", "p/a.txt: y/a.txt", "p/deep/", "p/deep/a.txt: y/deep/a.txt"]),
        (&["y/deep"], &["p/", "p/y/", "p/y/deep/", "p/y/deep/a.txt: y/deep/a.txt"]),
        (&["none*"], &["p/"]),
    ];
    for (sources, expected) in cases {
        let fixture = Fixture::with(&files);
        let request = fixture.request(sources, "/p");
        copy(&CopyRequest { parents: true, ..request }).unwrap();
        assert_eq!(fixture.image(), expected, "{sources:?}");
    }
}

#[test]
fn parents_that_are_missing_are_named() {
    let fixture = Fixture::with(&["x/a"]).ignoring("x");
    for (source, message) in [
        ("y/a", "`y/a` is not in the build context"),
        ("x/./a", "`x/./a` is left out of the build context by .dockerignore"),
    ] {
        let request = fixture.request(&[source], "/p");
        let error = copy(&CopyRequest { parents: true, ..request }).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn heredocs_come_after_sources() {
    let fixture = Fixture::with(&["a"]);
    let inline =
        vec![Inline { name: "a", data: b"from the Dockerfile" }, Inline { name: "b", data: b"" }];
    let mut request = fixture.request(&["a"], "/x/");
    request.inline = inline;
    let summary = copy(&request).unwrap();
    assert_eq!(fixture.image(), ["x/", "x/a: from the Dockerfile", "x/b: "]);
    assert_eq!(summary.files, 3);
    let metadata = fixture.image.entry(b"x/a").unwrap().unwrap();
    assert_eq!((metadata.mode, metadata.mtime.seconds), (0o644, TIME));
}

#[test]
fn names_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let fixture = Fixture::new();
    let name = std::ffi::OsStr::from_bytes(b"\xff\n*");
    fs::write(fixture.in_context("").join(name), "x").unwrap();
    fixture.copy(&["?*"], "/d/");
    fixture.copy(&["."], "/e/");
    assert!(fixture.in_image("d").join(name).exists() && fixture.in_image("e").join(name).exists());
}

#[test]
fn deep_trees_are_copied() {
    let fixture = Fixture::new();
    let deep = "d/".repeat(500);
    fixture.context.create_dir_all(deep.as_bytes(), 0o755, owner_of_process()).unwrap();
    fixture.copy(&["."], "/x/");
    assert!(
        fixture
            .image
            .entry(format!("x/{}", deep.trim_end_matches('/')).as_bytes())
            .unwrap()
            .is_some()
    );
}

fn owner_of_process() -> Owner {
    Owner { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
}
