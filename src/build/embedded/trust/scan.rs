//! What a step left in its upper directory, and which of it has something of the authority.

use super::certificate::Certificate;
use crate::store::rooted::{FileKind, Metadata, Root, names, stat_at};
use rayon::prelude::*;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _};

/// What is read and searched at once, in bytes: it stays in the processor's second cache.
const CHUNK_LENGTH: usize = 256 << 10;

/// A regular file: its path, and what it is.
pub(super) type FoundFile = (Vec<u8>, Metadata);

/// The upper directory of an overlay, as far as it matters here. All in bytewise order.
#[derive(Default)]
pub(super) struct Tree {
    /// Regular files.
    pub(super) files: Vec<FoundFile>,
    /// Symbolic links with their targets.
    pub(super) links: Vec<(Vec<u8>, Vec<u8>)>,
    /// Paths that the step removed.
    pub(super) whiteouts: Vec<Vec<u8>>,
}

/// Goes through the directory. Nothing is followed.
pub(super) fn walk(root: &Root) -> io::Result<Tree> {
    let mut tree = Tree::default();
    let mut directories = vec![Vec::new()];
    while let Some(parent) = directories.pop() {
        let directory = root.directory_strict(&parent)?;
        for name in names(&directory)? {
            let metadata = stat_at(&directory, &name)?;
            let path = join(&parent, name.as_bytes());
            match metadata.kind {
                FileKind::File => tree.files.push((path, metadata)),
                FileKind::Directory => directories.push(path),
                FileKind::Symlink => {
                    let target = root.read_link(&path)?;
                    tree.links.push((path, target));
                }
                FileKind::CharDevice { major: 0, minor: 0 } => tree.whiteouts.push(path),
                _ => {}
            }
        }
    }
    tree.files.sort_by(|left, right| left.0.cmp(&right.0));
    tree.links.sort();
    tree.whiteouts.sort();
    Ok(tree)
}

/// The files that have something of the certificate. Reads all of all files, on all processors.
pub(super) fn suspects(
    root: &Root,
    files: &[FoundFile],
    certificate: &Certificate,
) -> Result<Vec<FoundFile>, (Vec<u8>, io::Error)> {
    let looked_at = files.par_iter().map_init(
        || vec![0; CHUNK_LENGTH],
        |buffer, (path, metadata)| {
            let found = root
                .open_file_strict(path)
                .and_then(|file| has_marker(file, metadata.size, buffer, certificate))
                .map_err(|error| (path.clone(), error))?;
            Ok(found.then(|| (path.clone(), *metadata)))
        },
    );
    looked_at.filter_map(Result::transpose).collect()
}

/// Whether something of the certificate is in the file, in memory of `buffer`'s size.
fn has_marker(
    mut file: File,
    size: u64,
    buffer: &mut [u8],
    certificate: &Certificate,
) -> io::Result<bool> {
    let overlap = certificate.marker_length_max();
    let (mut kept, mut passed) = (0, 0);
    loop {
        let count = match file.read(buffer.get_mut(kept..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let end = kept + count;
        if count == 0 {
            return Ok(false);
        }
        if certificate.is_in(buffer.get(..end).unwrap_or_default()) {
            return Ok(true);
        }
        passed += count as u64;
        if passed >= size {
            return Ok(false);
        }
        let start = end.saturating_sub(overlap);
        buffer.copy_within(start..end, 0);
        kept = end - start;
    }
}

/// What stands at the path itself; nothing where there is nothing, or where a link or a file is in
/// the way.
pub(super) fn entry(root: &Root, path: &[u8]) -> io::Result<Option<Metadata>> {
    match root.entry(path) {
        Err(error) if is_absent(&error) => Ok(None),
        found => found,
    }
}

/// Whether an error says that a path leads to nothing, for whatever reason.
pub(super) fn is_absent(error: &io::Error) -> bool {
    let absent = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::NAMETOOLONG];
    Errno::from_io_error(error).is_some_and(|error| absent.contains(&error))
}

/// Path of a name in a directory.
pub(super) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

/// Directory and name of a path.
pub(in super::super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => {
            let (parent, name) = path.split_at(slash);
            (parent, name.get(1..).unwrap_or_default())
        }
        None => (b"", path),
    }
}

/// Where a symbolic link at `path` leads to by its text alone, relative to the root.
pub(super) fn follow(path: &[u8], target: &[u8]) -> Vec<u8> {
    let base: &[u8] = if target.starts_with(b"/") { b"" } else { split(path).0 };
    let mut components: Vec<&[u8]> = Vec::new();
    for component in base.split(|byte| *byte == b'/').chain(target.split(|byte| *byte == b'/')) {
        match component {
            b"" | b"." => {}
            b".." => drop(components.pop()),
            name => components.push(name),
        }
    }
    components.join(&b'/')
}
