//! `ar` archives: static libraries and Debian packages.
//! <https://www.freebsd.org/cgi/man.cgi?query=ar&sektion=5>
//!
//! ```text
//! 0  "!<arch>\n"
//! then for each member, at an even offset:
//! 0  name, 16      16 time, 12      28 owner, 6      34 group, 6     (decimal, padded with spaces)
//! 40 mode, 8 (octal)       48 size, 10 (decimal)     58 "`\n"        60 content
//! ```

use super::fields::Fields;
use super::{Comparator, Comparison, Limits, Member};

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER_SIZE: usize = 60;

/// An `ar` archive.
#[derive(Debug)]
pub(super) struct Ar;

impl Comparator for Ar {
    fn name(&self) -> &'static str {
        "ar"
    }

    fn matches(&self, _path: &[u8], left: &[u8], right: &[u8], _limits: &Limits) -> bool {
        [left, right].iter().all(|side| side.starts_with(MAGIC))
    }

    /// Members are paired by position; where the names differ, the archives are compared as bytes.
    fn compare(&self, left: &[u8], right: &[u8], _limits: &Limits) -> Option<Comparison> {
        let (left, right) = (read(left)?, read(right)?);
        if !left.iter().map(|member| member.name).eq(right.iter().map(|member| member.name)) {
            return None;
        }
        let mut fields = Fields::default();
        let mut members = Vec::new();
        for (left, right) in left.iter().zip(&right) {
            fields.stamp("entry times", &text(left.time), &text(right.time));
            fields.stamp("entry owners", &text(left.owner), &text(right.owner));
            fields.content("entry modes", &text(left.mode), &text(right.mode));
            if left.content != right.content {
                let name = left.name.trim_ascii_end();
                members.push(Member {
                    name: name.strip_suffix(b"/").unwrap_or(name).to_vec(),
                    left: left.content.to_vec(),
                    right: right.content.to_vec(),
                });
            }
        }
        if fields.found.is_empty() && members.is_empty() {
            fields.encoding();
        }
        Some(Comparison { fields: fields.found, members, ..Comparison::default() })
    }
}

struct Entry<'a> {
    name: &'a [u8],
    time: &'a [u8],
    owner: &'a [u8],
    mode: &'a [u8],
    content: &'a [u8],
}

fn read(content: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut rest = content.strip_prefix(MAGIC)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(HEADER_SIZE)?;
        header.ends_with(b"`\n").then_some(())?;
        let size: usize = text(header.get(48..58)?).parse().ok()?;
        let (content, after) = after.split_at_checked(size)?;
        let padding = (size % 2).min(after.len());
        rest = after.get(padding..)?;
        entries.push(Entry {
            name: header.get(..16)?,
            time: header.get(16..28)?,
            owner: header.get(28..40)?,
            mode: header.get(40..48)?,
            content,
        });
    }
    Some(entries)
}

fn text(field: &[u8]) -> String {
    field.trim_ascii().escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::FieldKind;
    use super::*;
    use proptest::prelude::*;

    fn ar(members: &[(&str, u32, &str)]) -> Vec<u8> {
        let mut archive = MAGIC.to_vec();
        for (name, time, content) in members {
            let size = content.len();
            let header =
                format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, "100644");
            archive.extend_from_slice(header.as_bytes());
            archive.extend_from_slice(content.as_bytes());
            archive.resize(archive.len() + size % 2, b'\n');
        }
        archive
    }

    fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
        Ar.compare(left, right, &Limits::default())
    }

    #[test]
    fn times_and_contents_are_told_apart() {
        let left = ar(&[("a.o/", 1, "odd"), ("b.o/", 1, "even")]);
        let found = compare(&left, &ar(&[("a.o/", 2, "odd"), ("b.o/", 3, "even")])).unwrap();
        assert!(found.members.is_empty());
        assert_eq!((found.fields[0].kind, found.fields[0].count), (FieldKind::Stamp, 2));
        let found = compare(&left, &ar(&[("a.o/", 1, "odd"), ("b.o/", 1, "EVEN")])).unwrap();
        assert!(found.fields.is_empty());
        assert_eq!(found.members[0].name, b"b.o");
    }

    #[test]
    fn other_members_or_broken_archives_are_left_to_others() {
        let left = ar(&[("a.o/", 1, "odd")]);
        assert!(compare(&left, &ar(&[("b.o/", 1, "odd")])).is_none());
        assert!(compare(&left, &left[..left.len() - 2]).is_none());
    }

    proptest! {
        #[test]
        fn bad_input_never_panics(bytes: Vec<u8>) {
            let archive = [MAGIC, &bytes].concat();
            drop(compare(&archive, &archive));
        }
    }
}
