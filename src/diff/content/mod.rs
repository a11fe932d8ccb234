//! What differs between two contents: formats that know their structure, and one driver that
//! descends into what they hold.
//!
//! A format is one file and one line in [`COMPARATORS`]. It sees two byte slices and gives values;
//! only the driver here recurses, and only it owns the limits of depth, count and size.

mod ar;
mod bytes;
mod compressed;
mod fields;
mod pyc;
pub mod secret;
mod stamps;
mod tarball;
mod text;
mod zip;

#[cfg(test)]
mod tests;

pub use bytes::BytesDifference;
pub use stamps::Stamps;
pub use text::{Hunk, Line, Side, TextDifference};

/// How deep, how many and how large.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Archives in archives: `x.tar.gz` is two deep. A bomb of nested archives ends here.
    pub depth_max: usize,
    /// Differing members that are shown of one archive.
    pub members_max: usize,
    /// What one member may unpack to, in bytes. A decompression bomb ends here.
    pub member_size_max: u64,
    /// Texts larger than this, in bytes, are compared as bytes.
    pub text_size_max: usize,
    /// Hunks that are kept of one text.
    pub hunks_max: usize,
    /// Lines that are kept of one hunk, and unchanged lines around a change.
    pub hunk_lines_max: usize,
    /// Unchanged lines before and after a change.
    pub context_lines: usize,
    /// Bytes that are kept of one line.
    pub line_size_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth_max: 4,
            members_max: 16,
            member_size_max: 16 << 20,
            text_size_max: 4 << 20,
            hunks_max: 8,
            hunk_lines_max: 24,
            context_lines: 2,
            line_size_max: 300,
        }
    }
}

/// What differs between two contents of one path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentDifference {
    /// The format that was recognised: `text`, `gzip`, `tar`, `pyc`, … or `bytes`.
    pub format: &'static str,
    /// Fields of the format that differ: times in headers and the like.
    pub fields: Vec<FieldDifference>,
    /// Changed lines, for texts.
    pub text: Option<TextDifference>,
    /// Differing bytes, where nothing better is known.
    pub bytes: Option<BytesDifference>,
    /// What differs inside, for archives and compressed files.
    pub members: Vec<MemberDifference>,
    /// Why the comparison is not complete, where a limit ended it.
    pub incomplete: Option<String>,
}

/// A field of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDifference {
    /// Its name: `source time`.
    pub name: &'static str,
    /// Whether it is a time or another stamp that says nothing about the content.
    pub kind: FieldKind,
    /// Left value, for people.
    pub left: String,
    /// Right value, for people.
    pub right: String,
    /// In how many records of the file the field differs; the values are the first's.
    pub count: u64,
}

/// What a differing field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldKind {
    /// A time, an owner, an order: nothing of what the file carries.
    Stamp,
    /// Something that matters.
    Content,
}

/// A member of an archive that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDifference {
    /// Its name within the archive; empty for what a compressed file holds.
    pub name: Vec<u8>,
    /// What differs in it.
    pub content: ContentDifference,
}

/// A member that a format found, with both contents.
#[derive(Debug)]
pub struct Member {
    /// Its name within the archive.
    pub name: Vec<u8>,
    /// Content on the left.
    pub left: Vec<u8>,
    /// Content on the right.
    pub right: Vec<u8>,
}

/// What a format found. The driver compares the members.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Fields that differ.
    pub fields: Vec<FieldDifference>,
    /// Changed lines.
    pub text: Option<TextDifference>,
    /// Differing bytes.
    pub bytes: Option<BytesDifference>,
    /// Members whose contents differ, in order.
    pub members: Vec<Member>,
    /// Why the comparison is not complete.
    pub incomplete: Option<String>,
}

/// A format.
pub trait Comparator: Sync + std::fmt::Debug {
    /// Its name, for people and reports.
    fn name(&self) -> &'static str;

    /// Whether both contents are of this format. `path` is the name in the image or archive.
    fn matches(&self, path: &[u8], left: &[u8], right: &[u8], limits: &Limits) -> bool;

    /// What differs; nothing where the contents turn out not to be of this format after all.
    fn compare(&self, left: &[u8], right: &[u8], limits: &Limits) -> Option<Comparison>;
}

/// Every format, the first that matches is taken. The last matches everything.
pub static COMPARATORS: &[&dyn Comparator] = &[
    &pyc::Pyc,
    &compressed::GZIP,
    &compressed::XZ,
    &compressed::ZSTD,
    &tarball::Tar,
    &zip::Zip,
    &ar::Ar,
    &bytes::ELF,
    &bytes::CLASS,
    &bytes::SQLITE,
    &text::Text,
    &bytes::BYTES,
];

/// Compares two contents that are not equal. `path` is their path in the image.
pub fn compare(path: &[u8], left: &[u8], right: &[u8], limits: &Limits) -> ContentDifference {
    compare_at(path, left, right, limits, 0)
}

fn compare_at(
    path: &[u8],
    left: &[u8],
    right: &[u8],
    limits: &Limits,
    depth: usize,
) -> ContentDifference {
    if secret::is_secret(path, left) || secret::is_secret(path, right) {
        return secret::difference(left, right);
    }
    let matching = COMPARATORS
        .iter()
        .filter(|comparator| comparator.matches(path, left, right, limits))
        .find_map(|comparator| Some((comparator.name(), comparator.compare(left, right, limits)?)));
    let Some((format, found)) = matching else {
        let bytes = Some(BytesDifference::of(left, right));
        return ContentDifference { format: "bytes", bytes, ..ContentDifference::default() };
    };
    let mut difference = ContentDifference {
        format,
        fields: found.fields,
        text: found.text,
        bytes: found.bytes,
        members: Vec::new(),
        incomplete: found.incomplete,
    };
    if depth >= limits.depth_max && !found.members.is_empty() {
        difference.incomplete = Some(format!("archives nested deeper than {depth}"));
        return difference;
    }
    if found.members.len() > limits.members_max {
        let rest = found.members.len() - limits.members_max;
        difference.incomplete = Some(format!("{rest} more members differ"));
    }
    for Member { name, left, right } in found.members.into_iter().take(limits.members_max) {
        // What a compressed file holds is called as the file is, without its suffix.
        let inner = if name.is_empty() { stem(path) } else { &name };
        let content = compare_at(inner, &left, &right, limits, depth + 1);
        difference.members.push(MemberDifference { name, content });
    }
    difference
}

/// `x.tar` of `x.tar.gz`.
fn stem(path: &[u8]) -> &[u8] {
    let dot = path.iter().rposition(|byte| *byte == b'.');
    dot.and_then(|dot| path.get(..dot)).unwrap_or(path)
}
