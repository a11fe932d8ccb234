//! What users see when something went wrong.

use super::*;
use proptest::prelude::*;

fn plain(diagnostic: &Diagnostic) -> String {
    anstream::adapter::strip_str(&diagnostic.render()).to_string()
}

fn excerpt(source: &str, marked: &str, label: &str) -> Excerpt {
    let start = source.find(marked).unwrap();
    Excerpt {
        path: "fixtures/x/Dockerfile".into(),
        source: source.as_bytes().to_vec(),
        span: Span::new(start, start + marked.len()),
        label: label.to_owned(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read `{0}`")]
struct Outer(&'static str, #[source] std::io::Error);

#[test]
fn a_chain_of_errors_is_one_line() {
    let inner = std::io::Error::other("permission denied");
    let diagnostic = Diagnostic::of(&Outer("x", inner)).context("cannot check Dockerfile");
    let expected = "error: cannot check Dockerfile: cannot read `x`: permission denied\n";
    assert_eq!(plain(&diagnostic), expected);
    let diagnostic = Diagnostic::new("no such stage: `final`")
        .hint(Some("stages are `build` and `test`".into()))
        .hint(None);
    assert_eq!(
        plain(&diagnostic),
        "error: no such stage: `final`\nhint: stages are `build` and `test`\n"
    );
}

#[test]
fn a_parse_error() {
    let source = "FROM debian:bookworm\nRUN apt-get update\nCOPPY . /app\nCMD [\"x\"]\n";
    let diagnostic = Diagnostic::new("unknown instruction `COPPY`")
        .excerpt(excerpt(source, "COPPY", "not an instruction"))
        .hint(Some("did you mean `COPY`?".into()));
    insta::assert_snapshot!(plain(&diagnostic), @r#"
    error: unknown instruction `COPPY`
     --> fixtures/x/Dockerfile:3:1
      |
    3 | COPPY . /app
      | ^^^^^ not an instruction
    hint: did you mean `COPY`?
    "#);
}

#[test]
fn a_failed_step() {
    let source = "FROM debian:bookworm\nRUN apt-get update \\\n    && apt-get install \\\n    imagemagick\nCMD x\n";
    let run = "RUN apt-get update \\\n    && apt-get install \\\n    imagemagick";
    let output = (0..30).map(|number| format!("line {number}").into_bytes());
    let last = b"Do you want to continue? [Y/n] \x1b[1mAbort.\x1b[0m\x07\xff".to_vec();
    let diagnostic = Diagnostic::new("cannot check fixtures/x/Dockerfile: `RUN apt-get update && apt-get install imagemagick` failed with exit code 1 at line 2")
        .excerpt(excerpt(source, run, "exit code 1"))
        .output(output.chain([last]).collect())
        .hint(Some("nobody answers questions in a build: add `-y`".into()));
    insta::assert_snapshot!(plain(&diagnostic), @r#"
    error: cannot check fixtures/x/Dockerfile: `RUN apt-get update && apt-get install imagemagick` failed with exit code 1 at line 2
     --> fixtures/x/Dockerfile:2:1
      |
    2 | / RUN apt-get update \
    3 | |     && apt-get install \
    4 | |     imagemagick
      | |_______________^ exit code 1
    it wrote, at the end:
      | line 11
      | line 12
      | line 13
      | line 14
      | line 15
      | line 16
      | line 17
      | line 18
      | line 19
      | line 20
      | line 21
      | line 22
      | line 23
      | line 24
      | line 25
      | line 26
      | line 27
      | line 28
      | line 29
      | Do you want to continue? [Y/n] Abort.
    hint: nobody answers questions in a build: add `-y`
    "#);
    let failure = diagnostic.failure("check", Status::BuildFailed);
    let location = failure.location.unwrap();
    assert_eq!((location.start_line, location.end_line), (2, 4));
    assert_eq!(location.instruction, "RUN apt-get update && apt-get install imagemagick");
}

#[test]
fn long_instructions_and_long_lines_are_cut() {
    let heredoc = format!("RUN <<EOF\n{}EOF\n", "echo\n".repeat(500));
    let source = format!("FROM x\n{heredoc}CMD y\n");
    let diagnostic =
        Diagnostic::new("failed").excerpt(excerpt(&source, heredoc.trim_end(), "here"));
    assert!(plain(&diagnostic).lines().count() < 22, "{}", plain(&diagnostic));
    let source = format!("RUN {}x {}\n", "y ".repeat(100_000), "z ".repeat(100_000));
    let diagnostic = Diagnostic::new("failed").excerpt(excerpt(&source, "x", "here"));
    assert!(plain(&diagnostic).len() < 2000, "{}", plain(&diagnostic).len());
}

#[test]
fn hostile_text_is_shown_not_obeyed() {
    let source = "FROM x\nRUN \x1b[2J\u{202e}evil \u{9b}31m\t::error::x\r\n";
    let diagnostic = Diagnostic::new("bad \x1b[31m`x`\n::error::owned\nline")
        .excerpt(excerpt(source, "evil", "\x1b]8;;x\x07"))
        .output(vec![b"::error::owned".to_vec(), b"\x1b]0;title\x07##[error]".to_vec()])
        .hint(Some("\u{202e}hint".into()));
    let text = plain(&diagnostic);
    for line in text.lines() {
        assert!(line.chars().all(inert::is_inert), "{line:?}");
        assert!(!line.trim_start().starts_with("::"), "{line}");
        assert!(!line.contains("##["), "{line}");
    }
}

proptest! {
    #[test]
    fn no_text_and_no_place_breaks_an_excerpt(
        source in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'\t'), any::<u8>()], 0..200),
        start in 0usize..250,
        length in 0usize..250,
    ) {
        let excerpt = Excerpt {
            path: "Dockerfile".into(),
            source,
            span: Span::new(start, start + length),
            label: "here".into(),
        };
        let diagnostic = Diagnostic::new("x").excerpt(excerpt);
        let text = plain(&diagnostic);
        prop_assert!(text.contains("Dockerfile"), "{}", text);
        prop_assert!(text.lines().all(|line| line.chars().all(inert::is_inert)), "{:?}", text);
    }
}
