//! Makes foreign text harmless. File names, package versions and program output come from images
//! that may be hostile: they must not move the cursor, colour the screen, reorder a line, or start a
//! command of the CI system that reads the log.

pub(in crate::report) mod markdown;

pub use markdown::{block, cell, code, code_bytes, markdown, target};

use std::fmt::Write as _;

/// Prefixes that a CI system obeys wherever they stand in a line of a log (GitHub's older form,
/// Azure Pipelines, `TeamCity`). GitHub's newer form is `::` at a line's start.
const CI_COMMAND: [&str; 3] = ["##[", "##vso[", "##teamcity["];

/// Whether a character shows as itself and changes nothing else on the screen.
pub fn is_inert(character: char) -> bool {
    !character.is_control() && !is_invisible(character)
}

/// Characters that reorder, hide or join text: bidirectional controls, zero-width characters, line
/// and paragraph separators, language tags (<https://trojansource.codes>).
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// One line of foreign text: what is not inert is written as `\n`, `\x1b` or `\u{202e}`.
pub fn text(text: &str) -> String {
    let mut inert = String::with_capacity(text.len());
    text.chars().for_each(|character| push(&mut inert, character));
    disarm(inert)
}

/// One line of foreign bytes: as [`text`], and what is not UTF-8 is written as `\xff`.
pub fn bytes(bytes: &[u8]) -> String {
    let mut inert = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push(&mut inert, character));
        chunk.invalid().iter().for_each(|byte| push_byte(&mut inert, *byte));
    }
    disarm(inert)
}

/// A source text for excerpts with carets: same length in bytes, so that offsets still fit.
/// ASCII control characters are left to the excerpt's renderer, which shows pictures of them.
pub fn same_length(source: &[u8]) -> String {
    let mut inert = String::with_capacity(source.len());
    for chunk in source.utf8_chunks() {
        for character in chunk.valid().chars() {
            match (character.is_ascii() || is_inert(character), character.len_utf8()) {
                (true, _) => inert.push(character),
                (false, 2) => inert.push('\u{bf}'),
                (false, 3) => inert.push('\u{fffd}'),
                (false, _) => inert.push_str("????"),
            }
        }
        chunk.invalid().iter().for_each(|_| inert.push('?'));
    }
    CI_COMMAND
        .iter()
        .fold(inert, |text, command| text.replace(command, &command.replace("##", "#?")))
}

fn push(inert: &mut String, character: char) {
    match character {
        character if is_inert(character) => inert.push(character),
        '\n' => inert.push_str("\\n"),
        '\t' => inert.push_str("\\t"),
        '\r' => inert.push_str("\\r"),
        character if character.is_ascii() => push_byte(inert, character as u8),
        character => inert.extend(character.escape_unicode()),
    }
}

fn push_byte(inert: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(inert, "\\x{byte:02x}");
}

fn disarm(text: String) -> String {
    let starts_command = text.trim_start().starts_with("::");
    let text = if starts_command { text.replacen("::", "\\x3a:", 1) } else { text };
    if CI_COMMAND.iter().any(|command| text.contains(command)) {
        return text.replace("##", "#\\x23");
    }
    text
}

/// Cuts `text` to `width` characters, the middle replaced by an ellipsis: of a path both the place
/// and the name are worth seeing.
pub fn shorten_middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let head = kept / 3;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - (kept - head)).collect();
    format!("{start}…{end}")
}

/// Cuts `text` to `width` characters, the end replaced by an ellipsis.
pub fn shorten_end(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let start: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_bidirectional_controls_are_shown_not_obeyed() {
        assert_eq!(text("a\x1b[31mred\x07"), "a\\x1b[31mred\\x07");
        assert_eq!(text("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(text("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(text("one\ntwo\r\n"), "one\\ntwo\\r\\n");
        assert_eq!(text("Grüße, 世界 ✓"), "Grüße, 世界 ✓");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown() {
        assert_eq!(bytes(b"caf\xe9/\xff\x00"), "caf\\xe9/\\xff\\x00");
    }

    #[test]
    fn commands_of_ci_systems_are_disarmed() {
        assert_eq!(text("  ::error::owned"), "  \\x3a:error::owned");
        assert_eq!(text("x ##[error]owned"), "x #\\x23[error]owned");
        assert_eq!(text("##vso[task.setvariable]"), "#\\x23vso[task.setvariable]");
        assert_eq!(text("std::fs ## heading"), "std::fs ## heading");
    }

    #[test]
    fn both_ends_of_a_long_path_are_kept() {
        let path = "/usr/lib/python3/dist-packages/flask/__pycache__/app.cpython-311.pyc";
        let short = shorten_middle(path, 40);
        assert_eq!(short.chars().count(), 40);
        assert!(short.starts_with("/usr/lib/pyth") && short.ends_with("app.cpython-311.pyc"));
        assert_eq!(shorten_middle("/a", 40), "/a");
        assert_eq!(shorten_end("one two three", 8), "one two…");
    }

    proptest! {
        #[test]
        fn whatever_comes_in_what_goes_out_is_inert(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            let shown = bytes(&input);
            prop_assert!(shown.chars().all(is_inert), "{shown:?}");
            prop_assert!(!shown.trim_start().starts_with("::"));
            prop_assert!(CI_COMMAND.iter().all(|command| !shown.contains(command)));
        }

        #[test]
        fn excerpts_keep_their_offsets(input in proptest::collection::vec(any::<u8>(), 0..200), more in ".{0,50}") {
            prop_assert_eq!(same_length(&input).len(), input.len());
            prop_assert_eq!(same_length(more.as_bytes()).len(), more.len());
            prop_assert_eq!(same_length(b"x ##[error]##vso[y"), "x #?[error]#?vso[y");
        }
    }
}
