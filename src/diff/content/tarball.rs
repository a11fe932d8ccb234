//! Tar archives within images: entries by path, their times and owners apart from their contents.

use super::fields::Fields;
use super::{Comparator, Comparison, Limits, Member};
use crate::archive::tar::{Entry, Kind, Reader, Timestamp};
use crate::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

/// Offset and magic of ustar, PAX and GNU headers.
const MAGIC_OFFSET: usize = 257;

/// Entries that are held of one archive.
const ENTRIES_MAX: u64 = 100_000;

/// A tar archive.
#[derive(Debug)]
pub(super) struct Tar;

impl Comparator for Tar {
    fn name(&self) -> &'static str {
        "tar"
    }

    fn matches(&self, _path: &[u8], left: &[u8], right: &[u8], _limits: &Limits) -> bool {
        let is_tar =
            |side: &&[u8]| side.get(MAGIC_OFFSET..).is_some_and(|rest| rest.starts_with(b"ustar"));
        [left, right].iter().all(is_tar)
    }

    fn compare(&self, left: &[u8], right: &[u8], limits: &Limits) -> Option<Comparison> {
        let (left, right) = (Archive::read(left, limits)?, Archive::read(right, limits)?);
        let mut fields = Fields::default();
        let mut found = Comparison::default();
        fields.stamp("order of entries", &left.order(&right), &right.order(&left));
        let paths: BTreeSet<&Vec<u8>> = left.members.keys().chain(right.members.keys()).collect();
        for path in paths {
            match (left.members.get(path), right.members.get(path)) {
                (Some(left), Some(right)) => {
                    compare_entries(&mut fields, &left.entry, &right.entry);
                    if left.body != right.body {
                        let (left, right) = (left.body.clone(), right.body.clone());
                        found.members.push(Member { name: path.clone(), left, right });
                    }
                }
                (left, _) => fields.one_sided(path, left.is_some()),
            }
        }
        if fields.found.is_empty() && found.members.is_empty() {
            fields.encoding();
        }
        found.fields = fields.found;
        Some(found)
    }
}

/// What is held of an archive. Its bytes are in memory already, so its bodies may be, too.
struct Archive {
    members: BTreeMap<Vec<u8>, Held>,
    paths: Vec<Vec<u8>>,
}

struct Held {
    entry: Entry,
    body: Vec<u8>,
}

impl Archive {
    /// Nothing where the archive is broken, hostile or over a limit: it is compared as bytes then.
    fn read(content: &[u8], limits: &Limits) -> Option<Self> {
        let tar_limits = crate::archive::tar::Limits {
            entries_max: ENTRIES_MAX,
            // A sparse file may be larger than the archive.
            size_max: limits.member_size_max.saturating_mul(2),
            ..crate::archive::tar::Limits::default()
        };
        let mut reader = Reader::new(content, tar_limits);
        let mut archive = Self { members: BTreeMap::new(), paths: Vec::new() };
        while let Some(entry) = reader.next_entry().ok()? {
            let mut body = Vec::new();
            reader.body().read_to_end(&mut body).ok()?;
            archive.paths.push(entry.path.clone());
            archive.members.insert(entry.path.clone(), Held { entry, body });
        }
        Some(archive)
    }

    /// The paths that the other archive has too, in order, as one digest.
    fn order(&self, other: &Self) -> String {
        let paths = self.paths.iter().filter(|path| other.members.contains_key(*path));
        let joined: Vec<u8> = paths.flat_map(|path| [&path[..], b"\0"].concat()).collect();
        Digest::of(&joined).short()
    }
}

fn compare_entries(fields: &mut Fields, left: &Entry, right: &Entry) {
    let time = |time: Timestamp| super::stamps::time(time.seconds);
    let owner = |entry: &Entry| format!("{}:{}", entry.uid, entry.gid);
    let names = |entry: &Entry| {
        [&entry.user_name[..], b":", &entry.group_name].concat().escape_ascii().to_string()
    };
    let content = |entry: &Entry| format!("{} {}", kind(entry.kind), entry.link.escape_ascii());
    let mode = |entry: &Entry| format!("{:04o}", entry.mode);
    fields.stamp("entry times", &time(left.mtime), &time(right.mtime));
    fields.stamp("entry owners", &owner(left), &owner(right));
    fields.stamp("entry owner names", &names(left), &names(right));
    fields.content("entry modes", &mode(left), &mode(right));
    fields.content("entry kinds", &content(left), &content(right));
    if left.xattrs != right.xattrs {
        let count = |entry: &Entry| format!("{} attributes", entry.xattrs.len());
        fields.content("entry attributes", &count(left), &format!("{}, others", count(right)));
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            format!("{} {major}:{minor}", kind.word())
        }
        _ => kind.word().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FieldKind;
    use super::*;

    type Part = (&'static str, i64, &'static [u8]);

    /// An archive by the `tar` crate, which writes entries in any order.
    fn tar(parts: &[Part]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, time, body) in parts {
            let mut header = tar::Header::new_ustar();
            header.set_size(body.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(u64::try_from(*time).unwrap());
            header.set_entry_type(tar::EntryType::Regular);
            header.set_uid(0);
            header.set_gid(0);
            builder.append_data(&mut header, path, *body).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn compare(left: &[Part], right: &[Part]) -> Comparison {
        Tar.compare(&tar(left), &tar(right), &Limits::default()).unwrap()
    }

    fn names(found: &Comparison) -> Vec<(&'static str, u64)> {
        found.fields.iter().map(|field| (field.name, field.count)).collect()
    }

    #[test]
    fn times_are_grouped_and_are_stamps() {
        let found = compare(&[("a", 1, b"x"), ("b", 1, b"y")], &[("a", 2, b"x"), ("b", 3, b"y")]);
        assert_eq!(names(&found), [("entry times", 2)]);
        assert!(found.members.is_empty());
        assert!(found.fields.iter().all(|field| field.kind == FieldKind::Stamp));
    }

    #[test]
    fn order_is_told_from_entries_that_are_missing() {
        let found = compare(&[("a", 1, b"x"), ("b", 1, b"y")], &[("b", 1, b"y"), ("a", 1, b"x")]);
        assert_eq!(names(&found), [("order of entries", 1)]);
        let found = compare(&[("a", 1, b"x"), ("b", 1, b"y")], &[("b", 1, b"y")]);
        assert_eq!(names(&found), [("entries on one side", 1)]);
        assert_eq!(found.fields[0].kind, FieldKind::Content);
    }

    #[test]
    fn contents_that_differ_become_members() {
        let found = compare(&[("a", 1, b"x")], &[("a", 1, b"y")]);
        assert_eq!(found.members.len(), 1);
        assert_eq!(found.members[0].name, b"a");
    }

    #[test]
    fn a_broken_archive_is_left_to_others() {
        let good = tar(&[("a", 1, b"content")]);
        assert!(Tar.matches(b"", &good, &good, &Limits::default()));
        assert!(Tar.compare(&good[..600], &good, &Limits::default()).is_none());
        let limits = Limits { member_size_max: 100, ..Limits::default() };
        assert!(Tar.compare(&good, &good, &limits).is_none());
    }
}
