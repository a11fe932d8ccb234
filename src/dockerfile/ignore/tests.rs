//! Decisions that Docker's own matcher makes.

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;

/// Each `fixtures/dockerignore/NAME.dockerignore` with what Docker's own code, driven as BuildKit
/// walks a context, says of the paths in `paths.txt`: `NAME.expected`.
#[test]
fn fixtures_are_read_as_docker_reads_them() {
    let folder = std::path::Path::new("fixtures/dockerignore");
    let paths = std::fs::read_to_string(folder.join("paths.txt")).unwrap();
    let mut count = 0;
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        if entry.path().extension() != Some("dockerignore".as_ref()) {
            continue;
        }
        let found = decisions(&std::fs::read(entry.path()).unwrap(), &paths);
        let expected = std::fs::read_to_string(entry.path().with_extension("expected")).unwrap();
        assert_eq!(found, expected, "{:?}", entry.path());
        count += 1;
    }
    assert!(count >= 60, "only {count} fixtures were found");
}

fn decisions(ignore: &[u8], paths: &str) -> String {
    let ignore = match Ignore::parse(ignore) {
        Ok(ignore) => ignore,
        Err(error) => return format!("error at line {}\n", error.line),
    };
    let mut text = String::new();
    for path in paths.lines() {
        let word = if ignore.is_ignored(path) { "ignored" } else { "kept" };
        writeln!(text, "{word} {path}").unwrap();
    }
    text
}

#[test]
fn the_root_is_never_ignored() {
    let everything = Ignore::parse(b"**\n*\n.\n").unwrap();
    assert!(!everything.is_ignored(""));
    assert!(!everything.is_ignored("."));
    assert!(everything.is_ignored("a"));
}

#[test]
fn names_need_not_be_utf8() {
    let ignore = Ignore::parse(b"f\xffo\n*.\xe9\n").unwrap();
    assert!(ignore.is_ignored(&b"f\xffo"[..]));
    assert!(!ignore.is_ignored(&b"f\xfeo"[..]));
    assert!(ignore.is_ignored(&b"x.\xe9"[..]));
}

#[test]
fn a_walk_enters_an_ignored_directory_only_for_an_exception() {
    let ignore =
        Ignore::parse(b"build\nnode_modules\ndocs\n!build/keep/*.txt\n!docs/**/x").unwrap();
    for (directory, expected) in [
        ("src", true),
        ("build", true),
        ("build/keep", true),
        ("build/keep/deep", false),
        ("build/other", false),
        ("node_modules", false),
        ("docs", true),
        ("docs/a/b/c", true),
        ("docsx", true),
    ] {
        assert_eq!(ignore.may_match_below(directory), expected, "{directory}");
    }
}

#[test]
fn excludes_are_taken_as_they_are() {
    let patterns = ["#x", "/a", "!b"].map(str::to_owned);
    let ignore = Ignore::from_patterns(&patterns).unwrap();
    assert!(ignore.is_ignored("#x"));
    assert!(!ignore.is_ignored("a"), "an absolute pattern matches no relative path");
    let error = Ignore::from_patterns(&["a".to_owned(), "[".to_owned()]).unwrap_err();
    assert_eq!(error.line, 2);
    assert!(Ignore::empty().is_empty());
    assert!(Ignore::parse(b"!a\n# b\n").unwrap().is_empty());
}

#[test]
fn errors_name_the_line_and_the_pattern() {
    let message = |text: &str| Ignore::parse(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(message("a\n\n[b"), "line 3: `[b` is not a valid pattern: a `[` is not closed");
    assert_eq!(message("# a\n!"), "line 2: `!` stands alone; a pattern must follow it");
    assert!(message("*{3}").contains("repetition"));
    assert!(message("a|b*").contains("choice"));
    assert!(message("a\\bc*").contains("not supported"));
    assert!(Ignore::parse(b"a|b\na{3}").is_ok(), "without wildcards they are names");
}

#[test]
fn lines_have_a_limit() {
    let longest = "a".repeat(LINE_LENGTH_MAX);
    assert!(Ignore::parse(longest.as_bytes()).is_ok());
    let error = Ignore::parse(format!("b\n{longest}a").as_bytes()).unwrap_err();
    assert_eq!(error, IgnoreError { line: 2, kind: IgnoreErrorKind::TooLong });
}

#[test]
fn many_stars_take_no_exponential_time() {
    let ignore = Ignore::parse(("**/a/".repeat(100) + "b").as_bytes()).unwrap();
    assert!(!ignore.is_ignored(&("a/".repeat(300) + "a")));
}

#[test]
fn paths_are_cleaned_as_go_does() {
    for (path, expected) in [
        ("a//b/", "a/b"),
        ("./a", "a"),
        ("a/..", "."),
        ("a/../..", ".."),
        ("/..", "/"),
        ("/../a", "/a"),
        ("../../a", "../../a"),
        ("!./a", "!./a"),
    ] {
        assert_eq!(clean(path.as_bytes()), expected.as_bytes(), "{path}");
    }
}

/// Short patterns and paths of the same few pieces, so that they often match.
fn pieces() -> impl Strategy<Value = String> {
    let piece =
        prop::sample::select(vec!["a", "b", "/", "/", "*", "**", "?", "[a-b]", "[^a]", "."]);
    prop::collection::vec(piece, 1..7).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_input_panics(text: Vec<u8>, path: Vec<u8>) {
        if let Ok(ignore) = Ignore::parse(&text) {
            ignore.may_match_below(&path);
        }
    }

    #[test]
    fn a_pruned_directory_holds_nothing_that_is_kept(
        patterns in prop::collection::vec(("!?", pieces()).prop_map(|(mark, p)| mark + &p), 1..4),
        path in "[ab.](/[ab.]{1,2}){1,4}",
    ) {
        let ignore = Ignore::from_patterns(&patterns);
        prop_assume!(ignore.is_ok());
        let ignore = ignore.unwrap();
        prop_assume!(!ignore.is_ignored(&path));
        for (end, _) in path.match_indices('/') {
            prop_assert!(ignore.may_match_below(&path[..end]), "{:?} {}", patterns, path);
        }
    }
}
