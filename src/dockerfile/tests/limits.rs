//! Each limit, and texts that would take a careless parser forever.

use super::super::*;

fn error(source: &str) -> String {
    parse(source.as_bytes()).unwrap_err().message
}

#[test]
fn a_file_may_not_be_too_large() {
    let mut source = b"FROM a\n#".to_vec();
    source.resize(SIZE_BYTES_MAX, b'x');
    assert!(parse(&source).is_ok());
    source.push(b'x');
    let error = parse(&source).unwrap_err();
    assert_eq!(error.message, format!("the file is larger than {SIZE_BYTES_MAX} bytes"));
}

#[test]
fn heredocs_are_counted() {
    let source = |count: usize| {
        let markers = "<<E ".repeat(count);
        format!("FROM a\nCOPY {markers} /x\n{}", "E\n".repeat(count))
    };
    assert!(parse(source(HEREDOCS_MAX).as_bytes()).is_ok());
    let message = format!("more than {HEREDOCS_MAX} heredocs in one instruction");
    assert_eq!(error(&source(HEREDOCS_MAX + 1)), message);
}

#[test]
fn stages_are_counted() {
    assert!(parse("FROM a\n".repeat(STAGES_MAX).as_bytes()).is_ok());
    let message = format!("more than {STAGES_MAX} build stages");
    assert_eq!(error(&"FROM a\n".repeat(STAGES_MAX + 1)), message);
}

#[test]
fn time_is_in_proportion_to_size() {
    const SIZE: usize = 1 << 20;
    for (start, repeated) in [
        ("RUN a", "\\\nb"),
        ("RUN a", " \\\n  b"),
        ("RUN a \\\n", "\n"),
        ("RUN <<", "<"),
        ("RUN << ", "$(( "),
        ("RUN << ", "a<<b<"),
        ("RUN ", "'"),
        ("RUN ", "${x:-"),
        ("RUN <<E ", "\"$"),
        ("RUN <<E\n", "E \n"),
        ("RUN ", "--mount=target=/x "),
        ("RUN --mount=target=/x", ",ro"),
        ("RUN --mount=", "\\\"\\\""),
        ("COPY ", "a "),
        ("COPY ", "<<"),
        ("ENV ", "a=b "),
        ("ENV ", "\\"),
        ("ARG ", "a\\\n b"),
        ("CMD [", "\"a\","),
        ("CMD [", "["),
        ("EXPOSE ", "1 "),
        ("ONBUILD ", "ONBUILD "),
        ("LABEL ", "a\"'"),
        ("", "#\n"),
        ("", "FROM a AS b\n"),
        ("", "\\\n"),
        ("", "ARG a\n"),
        ("", "R"),
    ] {
        let source = format!("FROM a\n{start}{}", repeated.repeat(SIZE / repeated.len()));
        let result = parse(source.as_bytes());
        for instruction in result.iter().flat_map(|file| &file.stages[0].instructions) {
            assert!(instruction.normalized().len() <= 2 * source.len());
        }
    }
}
