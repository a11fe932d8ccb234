//! The tree that marks are read from, and paths in it.

use super::super::ListDirectory;
use super::MarkError;
use std::fmt;
use std::io::{self, Read, Seek};

/// A file that is open.
pub trait Content: Read + Seek + Send {}

impl<T: Read + Seek + Send> Content for T {}

/// Opens a file by its path; nothing where there is no regular file.
pub type OpenFile<'a> = dyn Fn(&[u8]) -> io::Result<Option<Box<dyn Content>>> + 'a;

/// The tree to look in. Paths are relative to its root, without a slash at the start.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    /// Opens a file.
    pub open: &'a OpenFile<'a>,
    /// Lists a directory; none where there is no such directory.
    pub list: &'a ListDirectory<'a>,
}

impl fmt::Debug for Tree<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tree").finish_non_exhaustive()
    }
}

/// Entries that are looked through for what belongs to one package.
const BELOW_MAX: usize = 1 << 20;

impl Tree<'_> {
    /// The content of a file, which may have `size_max` bytes; none where there is no such file.
    pub(super) fn read(&self, path: &[u8], size_max: u64) -> Result<Option<Vec<u8>>, MarkError> {
        let Some(file) = (self.open)(path)? else { return Ok(None) };
        let mut content = Vec::new();
        file.take(size_max.saturating_add(1)).read_to_end(&mut content)?;
        if content.len() as u64 > size_max {
            return Err(MarkError::malformed(format!("it is larger than {size_max} bytes")));
        }
        Ok(Some(content))
    }

    /// The first bytes of a file, at most `count`; none where there is no such file.
    pub(super) fn start(&self, path: &[u8], count: u64) -> Result<Option<Vec<u8>>, MarkError> {
        let Some(file) = (self.open)(path)? else { return Ok(None) };
        let mut content = Vec::new();
        file.take(count).read_to_end(&mut content)?;
        Ok(Some(content))
    }

    pub(super) fn has_file(&self, path: &[u8]) -> Result<bool, MarkError> {
        Ok((self.open)(path)?.is_some())
    }

    /// The path and all that lies below it, without what lies in directories called `without`.
    pub(super) fn below(&self, path: &[u8], without: &[u8]) -> Result<Vec<Vec<u8>>, MarkError> {
        let mut found = vec![path.to_vec()];
        let mut next = 0;
        while let Some(path) = found.get(next).cloned() {
            next += 1;
            for name in (self.list)(&path)? {
                if name != without {
                    found.push([&*path, b"/", &*name].concat());
                }
            }
            if found.len() > BELOW_MAX {
                return Err(MarkError::malformed("too many files belong to it"));
            }
        }
        Ok(found)
    }
}

/// The directory of a path, and its last component.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => {
            (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default())
        }
        None => (b"", path),
    }
}

/// The directory of a path; empty for the root.
pub(super) fn parent(path: &[u8]) -> &[u8] {
    split(path).0
}

/// The last component of a path.
pub(super) fn name(path: &[u8]) -> &[u8] {
    split(path).1
}

/// A path in a directory.
pub(super) fn join(directory: &[u8], path: &[u8]) -> Vec<u8> {
    if directory.is_empty() { path.to_vec() } else { [directory, b"/", path].concat() }
}

/// Where a path leads that is relative to a directory, or absolute; nothing where that is outside of
/// the tree. Links are not followed.
pub(super) fn resolve(directory: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let mut components: Vec<&[u8]> = Vec::new();
    let start = if path.starts_with(b"/") { b"" } else { directory };
    let both = start.split(|byte| *byte == b'/').chain(path.split(|byte| *byte == b'/'));
    for component in both {
        match component {
            b"" | b"." => {}
            b".." => drop(components.pop()?),
            name => components.push(name),
        }
    }
    (!components.is_empty()).then(|| components.join(&b"/"[..]))
}
