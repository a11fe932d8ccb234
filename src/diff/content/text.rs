//! Texts: the lines that changed, and whether there is a simple reason for all of them.

use super::secret::{has_password_hash, redact};
use super::stamps::{self, Stamps};
use super::{Comparator, Comparison, Limits};
use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

/// Lines between the equal start and end of two texts that are compared with each other: about a
/// second of work at worst. More are taken as one change.
const LINES_MAX: usize = 20_000;

/// What differs between two texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextDifference {
    /// The first hunks.
    pub hunks: Vec<Hunk>,
    /// Hunks that are not kept.
    pub hunks_omitted: u64,
    /// Lines that are only on the left.
    pub left_lines: u64,
    /// Lines that are only on the right.
    pub right_lines: u64,
    /// Whether both have the same lines, in another order.
    pub is_reordered: bool,
    /// The stamps that, taken out, leave equal texts.
    pub stamps: Option<Stamps>,
    /// Whether a line that changed holds a password hash; it is shown redacted.
    pub has_password_hash: bool,
}

/// Changed lines with a few unchanged ones around them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hunk {
    /// Number of the first line on the left, from 1.
    pub left_start: u64,
    /// Number of the first line on the right, from 1.
    pub right_start: u64,
    /// The lines, in order.
    pub lines: Vec<Line>,
    /// Lines of the hunk that are not kept.
    pub lines_omitted: u64,
}

/// A line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it is.
    pub side: Side,
    /// Without its end; password hashes redacted.
    pub text: Vec<u8>,
    /// Whether the end of a long line is not kept.
    pub is_cut: bool,
}

/// On which side a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Only on the left.
    Left,
    /// Only on the right.
    Right,
    /// On both.
    Both,
}

/// Content without NUL bytes and with few control characters, of whatever character set.
#[derive(Debug)]
pub(super) struct Text;

impl Comparator for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn matches(&self, _path: &[u8], left: &[u8], right: &[u8], limits: &Limits) -> bool {
        [left, right].iter().all(|side| side.len() <= limits.text_size_max && is_text(side))
    }

    fn compare(&self, left: &[u8], right: &[u8], limits: &Limits) -> Option<Comparison> {
        let text = Some(compare(left, right, limits));
        Some(Comparison { text, ..Comparison::default() })
    }
}

fn is_text(content: &[u8]) -> bool {
    let is_control =
        |byte: u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    let controls = content.iter().filter(|byte| is_control(**byte)).count();
    !content.contains(&0) && controls <= content.len() / 32
}

fn compare(left: &[u8], right: &[u8], limits: &Limits) -> TextDifference {
    let left: Vec<&[u8]> = left.split_inclusive(|byte| *byte == b'\n').collect();
    let right: Vec<&[u8]> = right.split_inclusive(|byte| *byte == b'\n').collect();
    let (left_changed, right_changed) = changed_part(&left, &right);
    let mut difference = TextDifference {
        is_reordered: is_reordered(left_changed, right_changed),
        stamps: stamps::explain(left_changed, right_changed),
        ..TextDifference::default()
    };
    let operations = operations(&left, &right, left_changed.len().max(right_changed.len()));
    for operation in operations.iter().filter(|operation| operation.tag() != DiffTag::Equal) {
        difference.left_lines += operation.old_range().len() as u64;
        difference.right_lines += operation.new_range().len() as u64;
        let changed = left
            .get(operation.old_range())
            .into_iter()
            .chain(right.get(operation.new_range()))
            .flatten();
        difference.has_password_hash |= changed.into_iter().any(|line| has_password_hash(line));
    }
    let groups = group_diff_ops(operations, limits.context_lines);
    difference.hunks_omitted = groups.len().saturating_sub(limits.hunks_max) as u64;
    let kept = groups.iter().take(limits.hunks_max);
    difference.hunks = kept.map(|group| hunk(group, &left, &right, limits)).collect();
    difference
}

/// Both without the lines that they start and end with in common.
fn changed_part<'a, 'b>(
    left: &'a [&'b [u8]],
    right: &'a [&'b [u8]],
) -> (&'a [&'b [u8]], &'a [&'b [u8]]) {
    let start = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let left = left.get(start..).unwrap_or_default();
    let right = right.get(start..).unwrap_or_default();
    let ends = left.iter().rev().zip(right.iter().rev());
    let end = ends.take_while(|(left, right)| left == right).count();
    let cut = |lines: &'a [&'b [u8]]| lines.get(..lines.len() - end).unwrap_or_default();
    (cut(left), cut(right))
}

fn is_reordered(left: &[&[u8]], right: &[&[u8]]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // The last line may lack its end on one side.
    let sorted = |lines: &[&[u8]]| {
        let mut lines: Vec<Vec<u8>> =
            lines.iter().map(|line| line.trim_ascii_end().to_vec()).collect();
        lines.sort_unstable();
        lines
    };
    left != right && sorted(left) == sorted(right)
}

fn operations(left: &[&[u8]], right: &[&[u8]], changed: usize) -> Vec<DiffOp> {
    if changed <= LINES_MAX {
        return capture_diff_slices(Algorithm::Myers, left, right);
    }
    let start = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let (left_changed, right_changed) = changed_part(left, right);
    let end = left.len() - start - left_changed.len();
    let mut operations = vec![DiffOp::Equal { old_index: 0, new_index: 0, len: start }];
    operations.push(DiffOp::Replace {
        old_index: start,
        old_len: left_changed.len(),
        new_index: start,
        new_len: right_changed.len(),
    });
    operations.push(DiffOp::Equal {
        old_index: start + left_changed.len(),
        new_index: start + right_changed.len(),
        len: end,
    });
    operations
        .retain(|operation| !operation.old_range().is_empty() || !operation.new_range().is_empty());
    operations
}

fn hunk(group: &[DiffOp], left: &[&[u8]], right: &[&[u8]], limits: &Limits) -> Hunk {
    let start =
        |range: Option<std::ops::Range<usize>>| range.map_or(1, |range| range.start as u64 + 1);
    let mut hunk = Hunk {
        left_start: start(group.first().map(DiffOp::old_range)),
        right_start: start(group.first().map(DiffOp::new_range)),
        ..Hunk::default()
    };
    // Half of the room for each side, so that a long replacement shows both.
    let side_max = limits.hunk_lines_max.div_ceil(2);
    for operation in group {
        let mut push = |lines: Option<&[&[u8]]>, side: Side, max: usize| {
            let lines = lines.unwrap_or_default();
            let room = max.min(limits.hunk_lines_max.saturating_sub(hunk.lines.len()));
            hunk.lines_omitted += lines.len().saturating_sub(room) as u64;
            hunk.lines.extend(lines.iter().take(room).map(|text| line(text, side, limits)));
        };
        if operation.tag() == DiffTag::Equal {
            push(left.get(operation.old_range()), Side::Both, usize::MAX);
        } else {
            push(left.get(operation.old_range()), Side::Left, side_max);
            push(right.get(operation.new_range()), Side::Right, side_max);
        }
    }
    hunk
}

fn line(text: &[u8], side: Side, limits: &Limits) -> Line {
    let text = redact(text.strip_suffix(b"\n").unwrap_or(text));
    let kept = text.get(..limits.line_size_max);
    Line {
        side,
        is_cut: kept.is_some_and(|kept| kept.len() < text.len()),
        text: kept.unwrap_or(&text).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(difference: &TextDifference) -> String {
        let line = |line: &Line| {
            let sign = match line.side {
                Side::Left => "-",
                Side::Right => "+",
                Side::Both => " ",
            };
            format!("{sign}{}\n", String::from_utf8_lossy(&line.text))
        };
        difference.hunks.iter().flat_map(|hunk| hunk.lines.iter().map(line)).collect()
    }

    #[test]
    fn changed_lines_stand_with_their_context() {
        let left = "a\nb\nc\nd\ne\nf\n";
        let right = "a\nb\nc\nD\ne\nf\n";
        let difference = compare(left.as_bytes(), right.as_bytes(), &Limits::default());
        assert_eq!(shown(&difference), " b\n c\n-d\n+D\n e\n f\n");
        assert_eq!((difference.left_lines, difference.right_lines), (1, 1));
        assert_eq!((difference.hunks[0].left_start, difference.hunks[0].right_start), (2, 2));
        assert!(!difference.is_reordered && difference.stamps.is_none());
    }

    #[test]
    fn the_same_lines_in_another_order() {
        let difference = compare(b"x\na\nb\nc\ny\n", b"x\nc\na\nb\ny\n", &Limits::default());
        assert!(difference.is_reordered);
        assert!(compare(b"a\nb", b"b\na\n", &Limits::default()).is_reordered);
        assert!(!compare(b"a\nb\n", b"a\na\nb\n", &Limits::default()).is_reordered);
    }

    #[test]
    fn dates_are_recognised_across_all_lines() {
        let left = b"k\nStart-Date: 2026-02-03  10:00:00\nk\nEnd-Date: 2026-02-03  10:00:09\n";
        let right = b"k\nStart-Date: 2026-02-03  10:01:00\nk\nEnd-Date: 2026-02-03  10:01:08\n";
        assert_eq!(compare(left, right, &Limits::default()).stamps, Some(Stamps::Times));
    }

    #[test]
    fn password_hashes_are_never_shown() {
        let difference = compare(b"u:$6$aa$bb:1:\n", b"u:$6$cc$dd:1:\n", &Limits::default());
        assert!(difference.has_password_hash);
        assert_eq!(shown(&difference), "-u:[redacted]:1:\n+u:[redacted]:1:\n");
    }

    #[test]
    fn limits_on_hunks_lines_and_their_length() {
        let limits =
            Limits { hunks_max: 2, hunk_lines_max: 6, line_size_max: 5, ..Limits::default() };
        let text = |middle: &str| {
            (0..5).map(|n| format!("{middle}{n}\n1\n2\n3\n4\n5\n6\n")).collect::<Vec<_>>().concat()
        };
        let difference = compare(text("left").as_bytes(), text("right").as_bytes(), &limits);
        assert_eq!((difference.hunks.len(), difference.hunks_omitted), (2, 3));
        let cut = difference.hunks[0].lines.iter().find(|line| line.is_cut).unwrap();
        assert_eq!(cut.text, b"right");
        let long = compare("a\n".repeat(50).as_bytes(), "b\n".repeat(40).as_bytes(), &limits);
        assert_eq!((long.hunks[0].lines.len(), long.hunks[0].lines_omitted), (6, 84));
        assert_eq!((long.left_lines, long.right_lines), (50, 40));
    }

    #[test]
    fn texts_with_too_many_changed_lines_are_one_change() {
        let text = |word: &str| {
            let middle: Vec<String> = (0..=LINES_MAX).map(|n| format!("{word}{n}\n")).collect();
            format!("start\n{}end\n", middle.concat())
        };
        let difference = compare(text("a").as_bytes(), text("b").as_bytes(), &Limits::default());
        assert_eq!(difference.left_lines, LINES_MAX as u64 + 1);
        assert_eq!(difference.hunks.len(), 1);
        assert!(shown(&difference).starts_with(" start\n-a0\n"));
    }

    #[test]
    fn what_is_text() {
        assert!(is_text(b"") && is_text(b"plain\n\ttext\r\n") && is_text("größe\n".as_bytes()));
        assert!(is_text(b"latin \xe4\xf6\n"));
        assert!(!is_text(b"a\0b") && !is_text(b"\x01\x02\x03"));
    }

    proptest! {
        /// With room for everything, the lines of one side are that side's text.
        #[test]
        fn hunks_hold_both_texts(left in "[ab\n]{0,40}", right in "[ab\n]{0,40}") {
            prop_assume!(left != right);
            let limits = Limits {
                hunks_max: 99, hunk_lines_max: 999, context_lines: 999, ..Limits::default()
            };
            let difference = compare(left.as_bytes(), right.as_bytes(), &limits);
            let lines = difference.hunks.iter().flat_map(|hunk| &hunk.lines);
            let side = |other: Side| -> Vec<&[u8]> {
                lines.clone().filter(|line| line.side != other).map(|line| &line.text[..]).collect()
            };
            let expected = |text: &str| -> Vec<Vec<u8>> {
                text.split_inclusive('\n').map(|line| line.trim_end_matches('\n').as_bytes().to_vec()).collect()
            };
            prop_assert_eq!(side(Side::Right), expected(&left));
            prop_assert_eq!(side(Side::Left), expected(&right));
        }
    }
}
