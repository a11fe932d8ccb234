//! Where in an archive its files are.

use crate::archive::compression::{self, Compression};
use crate::archive::tar::{self, Entry, Kind, Limits};
use crate::store::blobs::open_regular;
use crate::store::error::StoreError;
use crate::store::path::{parent, show};
use crate::store::source::{Member, Members};
use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Bodies larger than this are passed over by seeking, smaller ones by reading on.
const SEEK_SIZE_MIN: u64 = 1 << 20;

/// Files in an archive: many images have many layers, but not more than this.
const MEMBERS_MAX: usize = 100_000;

/// Links in the archive that are followed: Docker once wrote one for a layer that comes twice.
const LINKS_MAX: usize = 8;

/// Finds out where in the archive each file is.
pub(super) fn scan(path: &Path) -> Result<Members, StoreError> {
    let place = format!("`{}`", path.display());
    let broken = |source| StoreError::archive(format!("of {place}"), source);
    let failed = |error| StoreError::io("read", path, error);
    let mut file = open_regular(path)?;
    let mut first = Vec::new();
    (&file).take(8).read_to_end(&mut first).map_err(failed)?;
    match compression::detect(&first) {
        Compression::None => {}
        other => {
            let reason =
                format!("compressed with {}; decompress it, it is read in place", other.name());
            return Err(StoreError::invalid(place, reason));
        }
    }
    let mut found = Found::default();
    let mut start = 0;
    'seek: loop {
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut reader = tar::Reader::new(&file, Limits::default());
        while let Some(entry) = reader.next_entry().map_err(broken)? {
            let range = reader.body_range().map(|(offset, size)| (start + offset, size));
            found.add(entry, range).map_err(|reason| StoreError::invalid(&place, reason))?;
            if let Some((offset, size)) = range
                && size > SEEK_SIZE_MIN
            {
                start = offset + size.next_multiple_of(512);
                continue 'seek;
            }
        }
        return Ok(Members { path: path.to_owned(), files: found.resolve() });
    }
}

#[derive(Debug, Default)]
struct Found {
    files: BTreeMap<Vec<u8>, Member>,
    links: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Found {
    fn add(&mut self, entry: Entry, range: Option<(u64, u64)>) -> Result<(), String> {
        let shown = show(&entry.path);
        if self.files.len() + self.links.len() >= MEMBERS_MAX {
            return Err(format!("has more than {MEMBERS_MAX} files"));
        }
        if self.files.contains_key(&entry.path) || self.links.contains_key(&entry.path) {
            return Err(format!("has `{shown}` twice"));
        }
        match entry.kind {
            Kind::File => {
                let Some((offset, size)) = range else {
                    return Err(format!("has `{shown}` as a sparse file"));
                };
                self.files.insert(entry.path, Member { offset, size });
            }
            Kind::Symlink => {
                if let Some(target) = lexical(&entry.path, &entry.link) {
                    self.links.insert(entry.path, target);
                }
            }
            Kind::Hardlink => {
                self.links.insert(entry.path, entry.link);
            }
            _ => {}
        }
        Ok(())
    }

    /// Links that lead to a file of the archive are that file; others are nothing.
    fn resolve(mut self) -> BTreeMap<Vec<u8>, Member> {
        for (path, target) in &self.links {
            let mut target = target;
            for _ in 0..LINKS_MAX {
                match self.links.get(target) {
                    Some(next) => target = next,
                    None => break,
                }
            }
            if let Some(member) = self.files.get(target).copied() {
                self.files.insert(path.clone(), member);
            }
        }
        self.files
    }
}

/// Where a relative link leads inside the archive; nothing if out of it.
fn lexical(path: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    if target.starts_with(b"/") {
        return None;
    }
    let mut components: Vec<&[u8]> = parent(path).split(|byte| *byte == b'/').collect();
    for component in target.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                components.retain(|component| !component.is_empty());
                components.pop()?;
            }
            name => components.push(name),
        }
    }
    components.retain(|component| !component.is_empty());
    Some(components.join(&b'/'))
}
