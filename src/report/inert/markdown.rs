//! Foreign text in Markdown, as forges render it: `CommonMark`, GitHub's extensions, and what forges do
//! afterwards with the rendered text: mentions, references, links, emoji, formulas.
//!
//! A backslash keeps a character from being markup, and does not keep `@name` from being a mention:
//! that is looked for in the rendered text. There only a code span helps, or something invisible
//! after the `@`.

use super::{bytes, text};
use std::fmt::Write as _;

/// A zero-width space, as an entity: the file itself stays free of invisible characters.
const APART: &str = "&#8203;";

/// Foreign text as words of a sentence, a list item or a table cell: one line that reads as `foreign`
/// does and is nothing but text.
pub fn markdown(foreign: &str) -> String {
    let plain = text(foreign);
    let characters: Vec<char> = plain.trim().chars().collect();
    let mut inert = String::with_capacity(characters.len() * 2);
    let start = list_marker(&characters);
    for (index, character) in characters.iter().enumerate() {
        let before = characters.get(..index).unwrap_or_default();
        let after = characters.get(index + 1).copied();
        match character {
            '<' => inert.push_str("&lt;"),
            '>' => inert.push_str("&gt;"),
            '&' => inert.push_str("&amp;"),
            // `\$` may still open a formula: some look for it in the rendered text.
            '$' => inert.push_str("<span>&#36;</span>"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '{' | '}' | '#' | '!' | '|' | '~'
            | '^' | '=' => inert.extend(['\\', *character]),
            _ if Some(index) == start => inert.extend(['\\', *character]),
            _ => inert.push(*character),
        }
        if after.is_some_and(|after| starts_reference(before, *character, after)) {
            inert.push_str(APART);
        }
    }
    inert
}

/// Foreign text as a code span, exactly as it is: forges look for nothing in there.
pub fn code(foreign: &str) -> String {
    span(&text(foreign))
}

/// Foreign bytes, such as a path, as [`code`].
pub fn code_bytes(foreign: &[u8]) -> String {
    span(&bytes(foreign))
}

/// A path below the top of the repository as the target of a link; none for a path from elsewhere. All
/// but plain characters is escaped as in a URL, so that it has no scheme, host or query.
pub fn target(path: &str) -> Option<String> {
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return None;
    }
    let mut target = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'/' => {
                target.push(char::from(byte));
            }
            _ => {
                let _ = write!(target, "%{byte:02X}");
            }
        }
    }
    Some(target.replace("//", "/"))
}

/// What [`code`] or [`code_bytes`] gave, in a cell of a table: there a `|` ends the cell, in code too.
pub fn cell(code: &str) -> String {
    // There is no way to write a backslash before a `|`.
    code.replace("\\|", "\\\\x7c").replace('|', "\\|")
}

/// Lines of foreign text as a fenced block. `language` is ours.
pub fn block<'a>(language: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    let lines: Vec<String> = lines.into_iter().map(text).collect();
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let open = format!("{fence}{language}");
    let all: Vec<&str> =
        std::iter::once(open.as_str()).chain(lines.iter().map(String::as_str)).collect();
    format!("{}\n{fence}\n", all.join("\n"))
}

fn span(plain: &str) -> String {
    if plain.trim().is_empty() {
        return "` `".to_owned();
    }
    let fence = "`".repeat(longest_run(plain) + 1);
    // One space on each side is taken off again by whoever renders it.
    let is_edge = |edge: Option<char>| matches!(edge, Some('`' | ' '));
    let pad = is_edge(plain.chars().next()) || is_edge(plain.chars().next_back());
    let pad = if pad { " " } else { "" };
    format!("{fence}{pad}{plain}{pad}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// Where a text begins as a list or a heading's underline would, the character that makes it one.
fn list_marker(characters: &[char]) -> Option<usize> {
    let digits = characters.iter().take_while(|character| character.is_ascii_digit()).count();
    match characters.get(digits)? {
        '+' | '-' | ':' if digits == 0 => Some(0),
        '.' if digits > 0 => Some(digits),
        _ => None,
    }
}

/// Whether a forge would make a mention, a reference, a link or an emoji of `character` and what
/// stands around it.
fn starts_reference(before: &[char], character: char, after: char) -> bool {
    let ends_with = |word: &str| {
        let tail = before.len().checked_sub(word.len()).and_then(|start| before.get(start..));
        tail.is_some_and(|tail| {
            tail.iter().zip(word.chars()).all(|(left, right)| left.eq_ignore_ascii_case(&right))
        })
    };
    let previous = before.last().copied();
    match character {
        '@' | '#' | '!' | '~' | '%' | '$' | '&' | '^' | '*' => !after.is_whitespace(),
        ':' => {
            let clock = previous.is_some_and(|previous| previous.is_ascii_digit())
                && after.is_ascii_digit();
            !after.is_whitespace() && !clock
        }
        '.' => ends_with("www"),
        '-' => ends_with("gh") && after.is_ascii_digit(),
        _ => false,
    }
}

#[cfg(test)]
pub(in crate::report) mod tests {
    use super::*;
    use comrak::{Options, markdown_to_html};
    use proptest::prelude::*;

    /// What a forge makes of a document, with everything that its dialect has.
    pub(in crate::report) fn rendered(document: &str) -> String {
        let mut options = Options::default();
        options.extension.strikethrough = true;
        options.extension.table = true;
        options.extension.autolink = true;
        options.extension.tasklist = true;
        options.extension.superscript = true;
        options.extension.footnotes = true;
        options.extension.math_dollars = true;
        options.extension.math_code = true;
        options.extension.alerts = true;
        options.render.r#unsafe = true;
        markdown_to_html(document, &options)
    }

    /// The text of a rendered element, as its reader sees it.
    fn seen(html: &str) -> String {
        html.replace("<span>$</span>", "$")
            .replace('\u{200b}', "")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&amp;", "&")
    }

    /// What users and files were called that meant harm.
    pub(in crate::report) const HOSTILE: [&str; 24] = [
        "a\n::error::owned",
        "\x1b[31mred\x1b]8;;http://x.example\x07",
        "\u{202e}gpj.exe",
        "</details>",
        "@everyone",
        "mail me@host.example",
        "#1",
        "org/repo#12",
        "GH-7",
        "a|b\\|c",
        "``x`` `y`",
        "`",
        "<img src=x onerror=alert(1)>",
        "![x](http://x.example/a.png)",
        "[x](javascript:alert(1))",
        "www.host.example http://host.example",
        "- [x] done",
        "1. one",
        "# heading",
        "$a$ $`b`$",
        ":tada: ~\"label\" %3 &4 !5",
        "<!-- rlock -->",
        "&lt;b&gt; &#64;x",
        "[^1]: **b** __c__ ~~d~~",
    ];

    #[test]
    fn hostile_text_is_words() {
        for hostile in HOSTILE {
            let html = rendered(&format!("- {}\n", markdown(hostile)));
            let inner = html
                .strip_prefix("<ul>\n<li>")
                .and_then(|html| html.strip_suffix("</li>\n</ul>\n"));
            let inner = inner.unwrap_or_else(|| panic!("{hostile:?} became {html}"));
            assert_eq!(seen(inner), text(hostile).trim(), "{html}");
            for triggers in ["@everyone", "#1", "GH-7", "://", "www.h", ":tada:", "!5"] {
                assert!(!inner.contains(triggers), "{hostile:?} has {triggers} in {html}");
            }
        }
    }

    #[test]
    fn hostile_text_is_code() {
        for hostile in HOSTILE {
            let html = rendered(&format!("see {} there\n", code(hostile)));
            let inner = html
                .strip_prefix("<p>see <code>")
                .and_then(|html| html.strip_suffix("</code> there</p>\n"));
            let inner = inner.unwrap_or_else(|| panic!("{hostile:?} became {html}"));
            assert_eq!(seen(inner), text(hostile), "{html}");
        }
    }

    #[test]
    fn a_block_ends_where_it_should() {
        let html = rendered(&format!(
            "{}\nafter\n",
            block("text", ["a", "```", "</details>\n@x", "````` b"])
        ));
        assert!(html.starts_with("<pre><code class=\"language-text\">a\n```\n"), "{html}");
        assert!(html.ends_with("````` b\n</code></pre>\n<p>after</p>\n"), "{html}");
    }

    proptest! {
        #[test]
        fn any_text_is_only_text(foreign in ".{0,60}", marks in "[-+*#@:$`|<>&~^!._0-9a-b \\\\\\[\\](){}=]{0,24}") {
            for foreign in [&foreign, &marks] {
                let html = rendered(&format!("- x {}\n", markdown(foreign)));
                let inner = html.strip_prefix("<ul>\n<li>x").and_then(|html| html.strip_suffix("</li>\n</ul>\n"));
                prop_assert!(inner.is_some(), "{foreign:?} became {html}");
                prop_assert_eq!(seen(inner.unwrap()).trim().to_owned(), text(foreign).trim().to_owned());
                let alone = rendered(&format!("{}\n", markdown(foreign)));
                let inner = alone.strip_prefix("<p>").and_then(|html| html.strip_suffix("</p>\n")).unwrap_or(&alone);
                prop_assert_eq!(seen(inner), text(foreign).trim().to_owned());
            }
        }

        #[test]
        fn any_text_is_one_cell(foreign in ".{0,60}", marks in "[`|\\\\ a<@]{0,16}") {
            for foreign in [&foreign, &marks] {
                for (shown, is_code) in [(cell(&code(foreign)), true), (markdown(foreign), false)] {
                    let html = rendered(&format!("| a | b |\n|---|---|\n| {shown} | end |\n"));
                    prop_assert_eq!(html.matches("<td>").count(), 2, "{}", html);
                    prop_assert!(html.contains("<td>end</td>"), "{}", html);
                    let first = html.split("<td>").nth(1).and_then(|rest| rest.split("</td>").next()).unwrap();
                    let first = if is_code { first.replace("<code>", "").replace("</code>", "") } else { first.to_owned() };
                    let expected = text(foreign);
                    let expected = if is_code { expected.replace("\\|", "\\\\x7c") } else { expected };
                    prop_assert_eq!(seen(&first).trim().to_owned(), expected.trim().to_owned());
                }
            }
        }
    }
}
