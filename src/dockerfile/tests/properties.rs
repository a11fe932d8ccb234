//! What holds for every text.

use super::super::*;
use super::dump;
use proptest::prelude::*;

/// Pieces that Dockerfiles are made of, and some that they should not be.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "FROM ",
        "RUN ",
        "COPY ",
        "ADD ",
        "ENV ",
        "ARG ",
        "LABEL ",
        "CMD ",
        "ONBUILD ",
        "EXPOSE ",
        "HEALTHCHECK ",
        "VOLUME ",
        "SHELL ",
        "WORKDIR ",
        "scratch",
        " AS ",
        "a",
        "b=c",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\\\n",
        "\\",
        "`\n",
        "# escape=`\n",
        "#",
        "--mount=type=cache,target=/x ",
        "--from=",
        "--link ",
        "--",
        "<<EOF",
        "<<-",
        "EOF\n",
        "'",
        "\"",
        "[",
        "]",
        "\"a\"",
        ",",
        "$x",
        "${x:-y}",
        "$((1 << 2))",
        "CMD",
        "NONE",
        "80/tcp",
        "é",
        "\u{a0}",
        "\u{feff}",
        "\0",
    ]);
    prop_oneof![9 => fixed.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| format!("FROM a\n{}", pieces.concat()))
}

/// Spans lie within the file, one token behind the other, and within their instruction.
fn check_spans(file: &Dockerfile) {
    let mut last = 0;
    for stage in &file.stages {
        assert!(stage.span.end <= file.source.len());
        for instruction in &stage.instructions {
            assert!(instruction.span.start >= last, "{instruction:?}");
            assert!(stage.span.start <= instruction.span.start);
            assert!(instruction.span.end <= stage.span.end);
            last = instruction.span.end;
            assert_eq!(instruction.span.start, instruction.keyword_span.start);
            check_tokens(&file.source, instruction);
        }
    }
}

fn check_tokens(source: &[u8], instruction: &Instruction) {
    let mut last = instruction.keyword_span.end;
    for (label, span, text) in dump::tokens(instruction) {
        assert!(span.start <= span.end && span.end <= instruction.span.end, "{label} {text:?}");
        // A flag's parts share one span where they are quoted or continued.
        assert!(label == "value" || span.start >= last, "{label} {text:?} {span:?} {last}");
        last = if label == "flag" { span.start } else { span.end.max(last) };
        if span.end - span.start == text.len() {
            assert_eq!(span.of(source), text.as_bytes(), "{label}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn bytes_never_panic(source in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(parse(&source));
        let text = String::from_utf8_lossy(&source);
        drop(parse_instruction(&text, '\\'));
    }

    #[test]
    fn spans_lie_in_order(source in text()) {
        match parse(source.as_bytes()) {
            Ok(file) => check_spans(&file),
            Err(error) => {
                prop_assert!(error.span.end <= source.len());
                prop_assert!(!error.message.is_empty());
            }
        }
    }

    #[test]
    fn lines_may_end_in_crlf(source in text()) {
        let plain = source.replace('\r', "");
        let windows = plain.replace('\n', "\r\n");
        let normalized = |source: &str| {
            let file = parse(source.as_bytes()).ok()?;
            let instructions = file.stages.into_iter().flat_map(|stage| stage.instructions);
            let texts = instructions.map(|each| each.normalized().replace("\r\n", "\n"));
            Some(texts.collect::<Vec<_>>())
        };
        prop_assert_eq!(normalized(&plain), normalized(&windows));
    }

    #[test]
    fn a_parsed_file_says_the_same_when_laid_out_otherwise(
        words in prop::collection::vec("[a-z&|;/.-]{1,6}", 1..8),
        breaks in prop::collection::vec(
            prop::sample::select(vec![" ", " \\\n", " \\\n    ", "\\\n ", " \\\n# note\n\n\t"]), 8),
    ) {
        let plain = words.join(" ");
        let mut laid_out = String::new();
        for (word, gap) in words.iter().zip(&breaks) {
            laid_out.push_str(word);
            laid_out.push_str(gap);
        }
        let laid_out = laid_out.trim_end_matches([' ', '\t', '\n', '\\', '#']);
        let laid_out = laid_out.strip_suffix("# note").unwrap_or(laid_out);
        for keyword in ["RUN", "CMD", "COPY x", "EXPOSE $x", "ENV x=y a=", "VOLUME"] {
            let normalized = |arguments: &str| {
                parse_instruction(&format!("{keyword} {arguments}"), '\\')
                    .map(|instruction| instruction.normalized())
                    .map_err(|error| error.message)
            };
            prop_assert_eq!(normalized(&plain), normalized(laid_out), "{}", keyword);
        }
    }

    #[test]
    fn the_canonical_text_is_its_own_canonical_text(source in text()) {
        let Ok(file) = parse(source.as_bytes()) else { return Ok(()) };
        if file.directives.escape != '\\' {
            return Ok(());
        }
        for instruction in file.stages.iter().flat_map(|stage| &stage.instructions) {
            let text = instruction.normalized();
            let Ok(again) = parse_instruction(&text, '\\') else { continue };
            prop_assert_eq!(again.keyword, instruction.keyword, "{}", text);
            // At the end an escape means another line; before white space that is trimmed it did not.
            if !text.contains('"') && !text.contains("<<") && !text.ends_with('\\') {
                prop_assert_eq!(again.normalized(), text);
            }
        }
    }
}
