//! What changed in one file: its metadata, its lines, its bytes.

use super::{DIM, Detail, HEADING, LEFT, RIGHT, Screen, paint};
use crate::diff::content::{
    BytesDifference, ContentDifference, FieldDifference, Hunk, Side, Stamps, TextDifference,
};
use crate::report::{AspectRow, FileRow, Presence, inert, words};

/// Lines that are shown of each text unless everything is asked for.
const LINES_MAX: usize = 12;
const BYTES_MAX: usize = 16;

/// Whether there is more to say of a file than that its times differ.
pub(super) fn has_more_than_times(file: &FileRow) -> bool {
    file.content.is_some() || file.aspects.iter().any(|aspect| aspect.name != "mtime")
}

/// The file with everything that differs in it.
pub(super) fn lines(screen: Screen, file: &FileRow) -> Vec<String> {
    let path = inert::shorten_middle(&inert::bytes(&file.path), screen.width.saturating_sub(9));
    let heading = match file.presence {
        Presence::Left => format!("{path} (only -)"),
        Presence::Right => format!("{path} (only +)"),
        Presence::Both => path,
    };
    let mut lines = vec![paint(HEADING, &heading)];
    // Two digests say less than what differs in the content.
    let told = |row: &&AspectRow| row.name == "content" && file.content.is_some();
    let aspects = file.aspects.iter().filter(|row| !told(row));
    lines.extend(aspects.filter_map(|row| aspect(screen, row)));
    if let Some(difference) = &file.content {
        lines.extend(content(screen, difference, 2));
    }
    lines
}

fn aspect(screen: Screen, row: &AspectRow) -> Option<String> {
    if row.left.is_none() && row.right.is_none() {
        return None;
    }
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
    Some(change(screen, 2, &row.name, &side(&row.left), &side(&row.right)))
}

/// `mode: 0600 → 0644`.
fn change(screen: Screen, indent: usize, name: &str, left: &str, right: &str) -> String {
    let name = inert::text(name);
    let width = screen.width.saturating_sub(name.chars().count() + indent + 5) / 2;
    let left = inert::shorten_middle(&inert::text(left), width);
    let right = inert::shorten_middle(&inert::text(right), width);
    format!("{}{name}: {} → {}", " ".repeat(indent), paint(LEFT, &left), paint(RIGHT, &right))
}

fn content(screen: Screen, difference: &ContentDifference, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines: Vec<String> =
        difference.fields.iter().map(|field| self::field(screen, field, indent)).collect();
    if let Some(text) = &difference.text {
        lines.extend(self::text(screen, text, indent));
    }
    if let Some(bytes) = &difference.bytes {
        lines.extend(self::bytes(bytes, difference.format, indent));
    }
    for member in &difference.members {
        let name = match member.name.as_slice() {
            b"" => format!("in the {}", inert::text(difference.format)),
            name => inert::shorten_middle(
                &inert::bytes(name),
                screen.width.saturating_sub(indent + 1).max(20),
            ),
        };
        lines.push(format!("{margin}{}:", paint(HEADING, &name)));
        // Deep nesting must not push text out of the screen.
        lines.extend(content(screen, &member.content, (indent + 2).min(12)));
    }
    if let Some(reason) = &difference.incomplete {
        lines.push(format!("{margin}{}", paint(DIM, &format!("… {}", inert::text(reason)))));
    }
    lines
}

fn field(screen: Screen, field: &FieldDifference, indent: usize) -> String {
    let name = match field.count {
        0 | 1 => field.name.to_owned(),
        count => format!("{} (in {} records)", field.name, words::count(count)),
    };
    change(screen, indent, &name, &field.left, &field.right)
}

fn text(screen: Screen, text: &TextDifference, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines = vec![format!("{margin}{}", summary(text))];
    let all: Vec<String> =
        text.hunks.iter().flat_map(|hunk| self::hunk(screen, hunk, indent)).collect();
    let max = if screen.detail == Detail::All { usize::MAX } else { LINES_MAX };
    let cut = all.len() > max;
    lines.extend(all.into_iter().take(max));
    if cut || text.hunks_omitted > 0 || text.hunks.iter().any(|hunk| hunk.lines_omitted > 0) {
        lines.push(format!("{margin}{}", paint(DIM, "…")));
    }
    lines
}

/// `9 lines became 9 others, which differ only in times`.
fn summary(text: &TextDifference) -> String {
    let why = match (text.is_reordered, text.stamps) {
        (true, _) => ", in another order",
        (false, Some(Stamps::Days)) => ", only dates differ",
        (false, Some(Stamps::Times)) => ", only times differ",
        (false, Some(Stamps::Ids)) => ", only random ids differ",
        (false, Some(Stamps::TimesAndIds)) => ", only times and random ids differ",
        (false, None) => "",
    };
    let left = words::counted(text.left_lines, "line");
    format!("-{left}, +{}{why}", words::counted(text.right_lines, "line"))
}

fn hunk(screen: Screen, hunk: &Hunk, indent: usize) -> Vec<String> {
    let (mut left, mut right) = (hunk.left_start, hunk.right_start);
    let mut lines = Vec::with_capacity(hunk.lines.len());
    for line in &hunk.lines {
        let number = if line.side == Side::Left { left } else { right };
        left += u64::from(line.side != Side::Right);
        right += u64::from(line.side != Side::Left);
        let cut = if line.is_cut { "…" } else { "" };
        let text = format!("{}{cut}", inert::bytes(&line.text));
        let text = inert::shorten_end(&text, screen.width.saturating_sub(indent + 10).max(20));
        let text = match line.side {
            Side::Left => paint(LEFT, &format!("- {text}")),
            Side::Right => paint(RIGHT, &format!("+ {text}")),
            Side::Both => format!("  {text}"),
        };
        lines.push(format!("{}{number:>6}  {text}", " ".repeat(indent)));
    }
    lines
}

fn bytes(bytes: &BytesDifference, format: &str, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let sizes = if bytes.left_size == bytes.right_size {
        words::size(bytes.left_size)
    } else {
        format!("{} → {}", words::size(bytes.left_size), words::size(bytes.right_size))
    };
    if format == "secret" {
        return vec![format!("{margin}a secret of {sizes}, which is not shown")];
    }
    let places = words::counted(bytes.ranges, "place");
    let differing = words::counted(bytes.differing, "byte");
    let mut lines = vec![format!("{margin}{sizes}: {differing} in {places} differ")];
    if !bytes.left_excerpt.is_empty() || !bytes.right_excerpt.is_empty() {
        let side = |excerpt: &[u8]| dump(bytes.first_offset, excerpt);
        lines.push(format!("{margin}- {}", paint(LEFT, &side(&bytes.left_excerpt))));
        lines.push(format!("{margin}+ {}", paint(RIGHT, &side(&bytes.right_excerpt))));
    }
    lines
}

/// `0x00000008  65 3f 1a 00  e?..`.
fn dump(offset: u64, bytes: &[u8]) -> String {
    let shown = bytes.get(..BYTES_MAX.min(bytes.len())).unwrap_or_default();
    let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = shown
        .iter()
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
        .collect();
    format!("{offset:#010x}  {:47}  {text}", hex.join(" ")).trim_end().to_owned()
}
