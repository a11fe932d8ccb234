//! From a directory to a layer: what a step left in the upper directory of an overlay, as a
//! canonical archive.
//!
//! The archive is a function of the files alone: entries in bytewise order, times no later than
//! the epoch and in whole seconds, no names of users, hard links to the smallest path of their
//! set, removed files as the OCI image specification has them. What overlayfs notes for itself and
//! what only means something on this host is left out.

use super::aside::aside;
use super::blobs::Store;
use super::error::StoreError;
use super::path::join;
use super::rooted::{FileKind, Metadata, Root, parse_capability};
use super::walk::{Found, Item, OPAQUE_NAME, Style, WHITEOUT_PREFIX, Walk, failed};
use crate::archive::tar::{self, Entry, Kind, Problem, Timestamp};
use crate::oci::{Digest, HashingWriter};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// A layer that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Digest of the archive. It is not compressed, so this is the blob's digest too.
    pub diff_id: Digest,
    /// Bytes of the archive.
    pub size: u64,
    /// Entries of the archive, whiteouts included.
    pub entries: u64,
    /// How many of them had a time later than the epoch.
    pub clamped: u64,
}

/// Writes the layer to `out`.
pub fn write_layer(
    upper: &Path,
    epoch: i64,
    out: impl Write + Send,
) -> Result<Captured, StoreError> {
    let (output, counts) = write(upper, epoch, HashingWriter::new(out))?;
    let (diff_id, size, _) = output.finish();
    Ok(Captured { diff_id, size, entries: counts.entries, clamped: counts.clamped })
}

/// Takes the layer into the Store, which hashes it anyway: faster than [`write_layer`] to a
/// [`super::BlobWriter`].
pub fn store_layer(upper: &Path, epoch: i64, store: &Store) -> Result<Captured, StoreError> {
    let (writer, counts) = write(upper, epoch, store.writer()?)?;
    let (diff_id, size) = writer.commit()?;
    Ok(Captured { diff_id, size, entries: counts.entries, clamped: counts.clamped })
}

/// As [`store_layer`]; a layer that turns out to be `known`, which the Store has, is not written again.
pub fn store_layer_unless(
    known: &Digest,
    upper: &Path,
    epoch: i64,
    store: &Store,
) -> Result<Captured, StoreError> {
    if store.contains(known) {
        let captured = write_layer(upper, epoch, store.stop().writer(io::sink()))?;
        if captured.diff_id == *known {
            return Ok(captured);
        }
    }
    store_layer(upper, epoch, store)
}

/// Gives the files the times that the layer says, so that later steps see what whoever unpacks the
/// layer sees. Says how many changed.
pub fn clamp(upper: &Path, epoch: i64) -> Result<u64, StoreError> {
    let root = open(upper)?;
    let mut changed = 0;
    for item in Walk::new(&root, Style::Overlay)? {
        if let Item::Found(found) = item? {
            let mtime = clamped(found.metadata.mtime, epoch);
            if mtime != found.metadata.mtime {
                root.set_times(&found.path, mtime)
                    .map_err(|source| failed(&root, "set the time of", &found.path, source))?;
                changed += 1;
            }
        }
    }
    Ok(changed)
}

#[derive(Debug, Default)]
struct Counts {
    entries: u64,
    clamped: u64,
}

fn open(upper: &Path) -> Result<Root, StoreError> {
    Root::open(upper).map_err(|error| StoreError::io("open", upper, error))
}

fn write<W: Write + Send>(upper: &Path, epoch: i64, out: W) -> Result<(W, Counts), StoreError> {
    let root = open(upper)?;
    let (counts, out) = aside(out, |out| write_entries(&root, upper, epoch, out));
    Ok((out, counts?))
}

fn write_entries(
    root: &Root,
    upper: &Path,
    epoch: i64,
    out: impl Write,
) -> Result<Counts, StoreError> {
    let mut writer = tar::Writer::new(out);
    let mut counts = Counts::default();
    let mut first_names = BTreeMap::new();
    for item in Walk::new(root, Style::Overlay)? {
        let (entry, metadata) = match item? {
            Item::Whiteout(path) => (whiteout(&path), None),
            Item::Opaque(path) => (Entry::new(join(&path, OPAQUE_NAME), Kind::File), None),
            Item::Found(found) => {
                let Some(entry) = entry_of(root, &found, epoch, &mut first_names)? else {
                    continue;
                };
                counts.clamped += u64::from(found.metadata.mtime.seconds > epoch);
                (entry, Some(found.metadata))
            }
        };
        counts.entries += 1;
        match metadata {
            Some(metadata) if entry.kind == Kind::File && entry.size > 0 => {
                let mut body = open_unchanged(root, &entry.path, &metadata)?;
                append(&mut writer, &entry, &mut body, upper)?;
            }
            _ => append(&mut writer, &entry, &mut io::empty(), upper)?,
        }
    }
    writer.finish().map_err(|source| archive_error(upper, source))?;
    Ok(counts)
}

fn append<W: Write>(
    writer: &mut tar::Writer<W>,
    entry: &Entry,
    body: &mut dyn Read,
    upper: &Path,
) -> Result<(), StoreError> {
    writer.append(entry, body).map_err(|source| match source.problem() {
        Problem::Read(_) | Problem::Write(_) => archive_error(upper, source),
        // No archive is at fault, for there is none yet: whoever made the file is.
        problem => StoreError::Unrepresentable {
            path: entry.path.clone(),
            reason: format!("cannot be in a layer: {problem}"),
        },
    })
}

/// A failed write of the blob is that, and no fault of the archive.
fn archive_error(upper: &Path, source: tar::TarError) -> StoreError {
    StoreError::archive(format!("of `{}`", upper.display()), source)
}

/// A whiteout has neither owner nor time.
fn whiteout(path: &[u8]) -> Entry {
    let (parent, name) = super::path::split(path);
    Entry::new(join(parent, &[WHITEOUT_PREFIX, name].concat()), Kind::File)
}

/// Nothing for the root, whose attributes no tool takes from a layer, and for sockets, which no
/// archive can hold and which mean nothing without the process that listens.
fn entry_of(
    root: &Root,
    found: &Found,
    epoch: i64,
    first_names: &mut BTreeMap<(u64, u64), Vec<u8>>,
) -> Result<Option<Entry>, StoreError> {
    let Found { path, metadata, xattrs } = found;
    if path.is_empty() {
        return Ok(None);
    }
    let kind = match metadata.kind {
        FileKind::File => Kind::File,
        FileKind::Directory => Kind::Directory,
        FileKind::Symlink => Kind::Symlink,
        FileKind::CharDevice { major, minor } => Kind::CharDevice { major, minor },
        FileKind::BlockDevice { major, minor } => Kind::BlockDevice { major, minor },
        FileKind::Fifo => Kind::Fifo,
        FileKind::Socket => return Ok(None),
    };
    let mut entry = Entry::new(path.clone(), kind);
    entry.mode = if kind == Kind::Symlink { 0o777 } else { metadata.mode };
    entry.uid = metadata.owner.uid;
    entry.gid = metadata.owner.gid;
    entry.mtime = clamped(metadata.mtime, epoch);
    // Further names of a file have them too: Docker sets the owner again for each, which takes
    // capabilities away, and then what that name's entry says.
    entry.xattrs = layer_xattrs(path, xattrs)?;
    match kind {
        Kind::File if metadata.links > 1 => {
            // In bytewise order the first name is the smallest.
            match first_names.get(&metadata.inode) {
                Some(first) => {
                    entry.kind = Kind::Hardlink;
                    entry.link.clone_from(first);
                    return Ok(Some(entry));
                }
                None => first_names.insert(metadata.inode, path.clone()),
            };
            entry.size = metadata.size;
        }
        Kind::File => entry.size = metadata.size,
        Kind::Symlink => {
            entry.link =
                root.read_link(path).map_err(|source| failed(root, "read", path, source))?;
        }
        _ => {}
    }
    Ok(Some(entry))
}

/// Later times are the clock's and not the input's. Sub-seconds need extended headers that not all
/// tools keep.
fn clamped(mtime: Timestamp, epoch: i64) -> Timestamp {
    Timestamp { seconds: mtime.seconds.min(epoch), nanoseconds: 0 }
}

/// Attributes that belong to the file, in the form that layers have.
fn layer_xattrs(
    path: &[u8],
    xattrs: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
    // Overlayfs writes these only with features that rlock does not turn on.
    let elsewhere = [&b"user.overlay.redirect"[..], b"user.overlay.metacopy"];
    if elsewhere.iter().any(|name| xattrs.contains_key(*name)) {
        let reason = "has its content in another layer, which overlayfs notes in an attribute";
        return Err(StoreError::Unrepresentable { path: path.to_vec(), reason: reason.to_owned() });
    }
    let kept = xattrs.iter().filter(|(name, _)| !is_of_host(name));
    Ok(kept
        .map(|(name, value)| match &**name {
            b"security.capability" => (name.clone(), parse_capability(value)),
            _ => (name.clone(), value.clone()),
        })
        .collect())
}

/// Attributes that overlayfs or the host's security policy put on files.
pub(super) fn is_of_host(name: &[u8]) -> bool {
    name.starts_with(b"user.overlay.")
        || name.starts_with(b"trusted.overlay.")
        || name == b"security.selinux"
}

fn open_unchanged(root: &Root, path: &[u8], metadata: &Metadata) -> Result<File, StoreError> {
    let open = || {
        let file = root.open_file_strict(path)?;
        match super::rooted::stat_fd(&file)? {
            now if now.inode == metadata.inode && now.size == metadata.size => Ok(file),
            _ => Err(io::Error::other("file changed while it was read")),
        }
    };
    open().map_err(|source| failed(root, "read", path, source))
}
