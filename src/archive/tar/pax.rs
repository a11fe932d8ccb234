//! Extended headers: records `LENGTH KEY=VALUE\n`.
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_03>

use super::sparse::Records;
use super::{Timestamp, number};
use std::collections::{BTreeMap, BTreeSet};

/// Records of extended attributes: the name of the attribute follows.
pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";

/// Records of sparse files.
const SPARSE: &[u8] = b"GNU.sparse.";

/// Why an extended header is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaxProblem {
    /// A length that is no number, or not the record's.
    #[error("has a record with a wrong length")]
    Length,
    /// No `=`, or nothing before it.
    #[error("has a record without a key")]
    Key,
    /// One key twice: some readers take the first, some the last.
    #[error("has the key `{0}` twice")]
    Duplicate(String),
    /// A NUL byte, where some readers cut and others do not.
    #[error("has a NUL byte in `{0}`")]
    Nul(String),
    /// A value of the wrong form.
    #[error("has a malformed `{0}`")]
    Value(String),
}

/// What the extended header of one entry says. An empty value leaves the field to the header.
#[derive(Debug, Default)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<i64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) user_name: Option<Vec<u8>>,
    pub(super) group_name: Option<Vec<u8>>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) sparse: Records,
}

impl Extended {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, PaxProblem> {
        let mut extended = Self::default();
        let mut keys = BTreeSet::new();
        for record in Split(bytes) {
            let (key, value) = record?;
            // The map of sparse format 0.0 is the only thing that repeats keys.
            if !keys.insert(key) && !Records::repeats(key) {
                return Err(PaxProblem::Duplicate(show(key)));
            }
            extended.set(key, value)?;
        }
        Ok(extended)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), PaxProblem> {
        if let Some(name) = key.strip_prefix(XATTR) {
            // The attribute's value is data: newlines, NUL bytes and emptiness belong to it.
            self.xattrs.insert(name.to_vec(), value.to_vec());
            return Ok(());
        }
        if value.is_empty() {
            return Ok(());
        }
        if key.starts_with(SPARSE) {
            return self.sparse.set(key, value).ok_or_else(|| PaxProblem::Value(show(key)));
        }
        match key {
            b"path" => self.path = Some(text(key, value)?),
            b"linkpath" => self.link = Some(text(key, value)?),
            b"uname" => self.user_name = Some(text(key, value)?),
            b"gname" => self.group_name = Some(text(key, value)?),
            b"size" => self.size = Some(decimal(key, value)?),
            b"uid" => self.uid = Some(decimal(key, value)?),
            b"gid" => self.gid = Some(decimal(key, value)?),
            b"mtime" => self.mtime = Some(time(key, value)?),
            b"atime" | b"ctime" => drop(time(key, value)?),
            _ => {}
        }
        Ok(())
    }
}

/// The first key of a global header that changes entries. `comment`, which git writes, does not.
pub(super) fn global_override(bytes: &[u8]) -> Result<Option<String>, PaxProblem> {
    const FIELDS: [&[u8]; 8] =
        [b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime", b"uname", b"gname"];
    let mut found = None;
    for record in Split(bytes) {
        let (key, _) = record?;
        let sets = FIELDS.contains(&key) || key.starts_with(XATTR) || key.starts_with(SPARSE);
        if sets && found.is_none() {
            found = Some(show(key));
        }
    }
    Ok(found)
}

/// The records of a header.
struct Split<'a>(&'a [u8]);

impl<'a> Iterator for Split<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), PaxProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = split_record(self.0);
        self.0 = record.as_ref().map_or(&[], |(_, rest)| rest);
        Some(record.and_then(|(record, _)| split_key(record)))
    }
}

/// One record without length and newline, and what follows it. The length counts all of it, and
/// nothing else ends it: values may have newlines, and file capabilities do.
fn split_record(bytes: &[u8]) -> Result<(&[u8], &[u8]), PaxProblem> {
    let space = bytes.iter().position(|byte| *byte == b' ').ok_or(PaxProblem::Length)?;
    let digits = bytes.get(..space).and_then(number::parse_decimal);
    let length =
        digits.and_then(|length| usize::try_from(length).ok()).ok_or(PaxProblem::Length)?;
    let (record, rest) = bytes.split_at_checked(length).ok_or(PaxProblem::Length)?;
    let record = record.get(space + 1..).ok_or(PaxProblem::Length)?;
    let record = record.strip_suffix(b"\n").ok_or(PaxProblem::Length)?;
    Ok((record, rest))
}

fn split_key(record: &[u8]) -> Result<(&[u8], &[u8]), PaxProblem> {
    let equals = record.iter().position(|byte| *byte == b'=').ok_or(PaxProblem::Key)?;
    let (key, value) = record.split_at(equals);
    if key.is_empty() || key == XATTR {
        return Err(PaxProblem::Key);
    }
    if key.contains(&0) {
        return Err(PaxProblem::Nul(show(key)));
    }
    Ok((key, value.strip_prefix(b"=").unwrap_or(value)))
}

fn text(key: &[u8], value: &[u8]) -> Result<Vec<u8>, PaxProblem> {
    if value.contains(&0) {
        return Err(PaxProblem::Nul(show(key)));
    }
    Ok(value.to_vec())
}

fn decimal(key: &[u8], value: &[u8]) -> Result<i64, PaxProblem> {
    number::parse_decimal(value).ok_or_else(|| PaxProblem::Value(show(key)))
}

fn time(key: &[u8], value: &[u8]) -> Result<Timestamp, PaxProblem> {
    number::parse_time(value).ok_or_else(|| PaxProblem::Value(show(key)))
}

fn show(key: &[u8]) -> String {
    super::error::show(key)
}

/// Appends one record. Its length counts its own digits, so it is found by trying.
pub(super) fn push_record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + b" =\n".len();
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(length.to_string().as_bytes());
    records.push(b' ');
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_with_newlines_stays_whole() {
        let spoof = b"\n22 linkpath=/etc/evil\n20 path=etc/passwd2";
        let mut records = Vec::new();
        push_record(&mut records, b"SCHILY.xattr.security.capability", spoof);
        push_record(&mut records, b"path", b"harmless");
        let extended = Extended::parse(&records).unwrap();
        assert_eq!(extended.path.as_deref(), Some(&b"harmless"[..]));
        assert_eq!(extended.link, None);
        assert_eq!(extended.xattrs[&b"security.capability"[..]], spoof);
    }

    #[test]
    fn malformed_records_are_refused() {
        let cases: [(&[u8], &str); 14] = [
            (b"12 path=abcd", "has a record with a wrong length"),
            (b"14 path=abcd\n", "has a record with a wrong length"),
            (b"11 path=abcd\n", "has a record with a wrong length"),
            (b"99 path=abcd\n", "has a record with a wrong length"),
            (b"-12 path=abc\n", "has a record with a wrong length"),
            (b"0 \n", "has a record with a wrong length"),
            (b"99999999999999999999 path=abc\n", "has a record with a wrong length"),
            (b"path=abc\n", "has a record with a wrong length"),
            (b"8 abcde\n", "has a record without a key"),
            (b"6 =ab\n", "has a record without a key"),
            (b"9 path=a\n9 path=b\n", "has the key `path` twice"),
            (b"12 path=a\0b\n", "has a NUL byte in `path`"),
            (b"12 size=-12\n", "has a malformed `size`"),
            (b"13 mtime=1e3\n", "has a malformed `mtime`"),
        ];
        for (bytes, message) in cases {
            let error = Extended::parse(bytes).unwrap_err().to_string();
            assert_eq!(error, message, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_empty_value_leaves_the_field_alone() {
        let extended = Extended::parse(b"8 path=\n").unwrap();
        assert_eq!(extended.path, None);
    }

    proptest! {
        #[test]
        fn records_round_trip(
            key in "[a-zA-Z0-9._-]{1,40}",
            value in proptest::collection::vec(any::<u8>(), 0..1100),
        ) {
            let mut records = Vec::new();
            push_record(&mut records, key.as_bytes(), &value);
            push_record(&mut records, b"last", b"1");
            let split: Vec<_> = Split(&records).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(split, [(key.as_bytes(), &value[..]), (&b"last"[..], &b"1"[..])]);
        }

        #[test]
        fn no_header_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Extended::parse(&bytes));
            drop(global_override(&bytes));
        }
    }
}
