//! The sentence of a finding: how many files, which cause, and what the first one shows.

use crate::diff::content::{ContentDifference, Side};
use crate::diff::{Aspect, FileDifference};
use crate::store::{Node, NodeKind};
use std::collections::BTreeSet;

/// Characters that are shown of a value.
const VALUE_CHARACTERS_MAX: usize = 60;

/// `1,443 files differ: pyc-mtime (source: 2026-…, 2026-…)`.
pub(super) fn message(id: &str, files: &[&FileDifference]) -> String {
    let Some(first) = files.first() else { return id.to_owned() };
    let is_one_sided = |file: &&FileDifference| file.left.is_none() || file.right.is_none();
    let one_sided = files.iter().copied().filter(|file| is_one_sided(file)).count();
    let is_all_one_sided = one_sided == files.len();
    let message = match (files.len(), is_all_one_sided) {
        (1, true) => format!("`/{}` is on one side only: {id}", shown(&first.path)),
        (1, false) => format!("`/{}` differs: {id}", shown(&first.path)),
        (many, true) => format!("{} are on one side only: {id}", count(many, "file")),
        (many, false) => format!("{} differ: {id}", count(many, "file")),
    };
    match files.iter().find_map(|file| evidence(file).map(|evidence| (file, evidence))) {
        Some((_, evidence)) if files.len() == 1 => format!("{message} ({evidence})"),
        Some((file, evidence)) => format!("{message} (`/{}`: {evidence})", shown(&file.path)),
        None if files.len() > 1 => format!("{message} (the first is `/{}`)", shown(&first.path)),
        None => message,
    }
}

/// `1 file`, `1,443 files`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = if number == 1 { "" } else { "s" };
    format!("{grouped} {noun}{plural}")
}

/// Both values of something, for people.
pub(super) fn pair(left: Option<&str>, right: Option<&str>) -> String {
    let value = |value: Option<&str>| {
        value.map_or_else(|| "nothing".to_owned(), |value| format!("`{}`", shown(value.as_bytes())))
    };
    format!("{} and {}", value(left), value(right))
}

/// Printable, and not too long. What an image holds must not write to the terminal by itself.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let printable: String = text
        .chars()
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect();
    if printable.chars().nth(VALUE_CHARACTERS_MAX).is_none() {
        return printable;
    }
    printable.chars().take(VALUE_CHARACTERS_MAX).chain(['…']).collect()
}

fn evidence(file: &FileDifference) -> Option<String> {
    if let Some(content) = &file.content {
        return content_evidence(content);
    }
    let (left, right) = (file.left.as_ref()?, file.right.as_ref()?);
    file.aspects.iter().find_map(|aspect| aspect_evidence(*aspect, left, right))
}

fn content_evidence(content: &ContentDifference) -> Option<String> {
    if let Some(text) = &content.text {
        let lines = text.hunks.iter().flat_map(|hunk| &hunk.lines);
        let first = |side: Side| {
            let line = lines.clone().find(|line| line.side == side);
            line.map(|line| String::from_utf8_lossy(line.text.trim_ascii()).into_owned())
        };
        return Some(pair(first(Side::Left).as_deref(), first(Side::Right).as_deref()));
    }
    if let Some(field) = content.fields.first() {
        return Some(format!("{}: {}", field.name, pair(Some(&field.left), Some(&field.right))));
    }
    if let Some(member) = content.members.first() {
        let inside = content_evidence(&member.content)?;
        return Some(match &member.name[..] {
            b"" => inside,
            name => format!("in `{}`: {inside}", shown(name)),
        });
    }
    let bytes = content.bytes.as_ref().filter(|_| content.format != "secret")?;
    let sizes = if bytes.left_size == bytes.right_size {
        String::new()
    } else {
        format!(", {} and {} bytes in size", bytes.left_size, bytes.right_size)
    };
    let differing = count(usize::try_from(bytes.differing).unwrap_or(usize::MAX), "byte");
    Some(format!("{differing}, the first at offset {}{sizes}", bytes.first_offset))
}

fn aspect_evidence(aspect: Aspect, left: &Node, right: &Node) -> Option<String> {
    let time = |node: &Node| {
        let seconds = node.mtime.seconds;
        let time = jiff::Timestamp::from_second(seconds);
        time.map_or_else(|_| seconds.to_string(), |time| time.to_string())
    };
    let (name, left, right) = match aspect {
        Aspect::Mode => ("mode", format!("{:04o}", left.mode), format!("{:04o}", right.mode)),
        Aspect::Owner => {
            let owner = |node: &Node| format!("{}:{}", node.uid, node.gid);
            ("owner", owner(left), owner(right))
        }
        Aspect::Mtime => ("time", time(left), time(right)),
        Aspect::Target => ("target", target(left)?, target(right)?),
        Aspect::Xattrs => return Some(xattrs_evidence(left, right)),
        _ => return None,
    };
    Some(format!("{name}: {}", pair(Some(&left), Some(&right))))
}

fn target(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Symlink(target) => Some(String::from_utf8_lossy(target).into_owned()),
        _ => None,
    }
}

/// The names of the attributes that differ.
fn xattrs_evidence(left: &Node, right: &Node) -> String {
    let names: BTreeSet<&Vec<u8>> = left.xattrs.keys().chain(right.xattrs.keys()).collect();
    let differing =
        names.into_iter().filter(|name| left.xattrs.get(*name) != right.xattrs.get(*name));
    let names: Vec<String> = differing.map(|name| format!("`{}`", shown(name))).collect();
    format!("attributes: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        for (number, expected) in [
            (0, "0 files"),
            (1, "1 file"),
            (999, "999 files"),
            (1443, "1,443 files"),
            (1_000_000, "1,000,000 files"),
        ] {
            assert_eq!(count(number, "file"), expected);
        }
    }

    #[test]
    fn what_an_image_holds_cannot_write_to_the_terminal() {
        assert_eq!(shown(b"a\x1b[31mb"), "a\u{fffd}[31mb");
        assert_eq!(shown(&[b'x'; 99]).chars().count(), VALUE_CHARACTERS_MAX + 1);
        assert_eq!(pair(None, Some("a")), "nothing and `a`");
    }
}
