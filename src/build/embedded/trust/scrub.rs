//! Takes the authority out of what a step left.

use super::clean::{Cleaned, clean};
use super::refresh::{Added, rewrite, set_mtime};
use super::scan::{self, FoundFile, Tree, entry, follow, split};
use super::{Trust, TrustError};
use crate::build::BuildError;
use crate::store::rooted::{FileKind, Metadata, Root};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Files larger than this, in bytes, are not taken into memory to be cleaned.
const CLEANED_SIZE_MAX: u64 = 256 << 20;

/// What makes a directory hide those below it in an overlay mounted with `userxattr`.
const OPAQUE: &[u8] = b"user.overlay.opaque";

/// One upper directory that is being cleaned.
pub(super) struct Scrub<'a> {
    trust: &'a Trust,
    upper: Root,
    added: Vec<Added>,
    unterminated: Vec<Vec<u8>>,
    /// Directories that something was taken out of, as they were.
    changed: BTreeMap<Vec<u8>, Metadata>,
    /// Paths that only the authority was at.
    gone: BTreeSet<Vec<u8>>,
    /// Files that it cannot be taken out of.
    stuck: Vec<Vec<u8>>,
}

impl<'a> Scrub<'a> {
    pub(super) fn new(trust: &'a Trust, upper: &Path) -> Result<Self, BuildError> {
        let root = Root::open(upper).map_err(|source| BuildError::io(upper, source))?;
        let (added, mut unterminated) = trust.take_progress();
        unterminated.extend(trust.layer.unterminated.iter().cloned());
        Ok(Self {
            trust,
            upper: root,
            added,
            unterminated,
            changed: BTreeMap::new(),
            gone: trust.layer.injected.clone(),
            stuck: Vec::new(),
        })
    }

    pub(super) fn run(mut self) -> Result<(), BuildError> {
        let settled = self.trust.layer.owned_by_apk.settle(&self.upper);
        settled.map_err(|source| self.failed(b"etc", source))?;
        let tree = match scan::walk(&self.upper) {
            // No layer can hold such a path: taking the layer says so, by name.
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Ok(()),
            walked => walked.map_err(|source| self.failed(b"", source))?,
        };
        self.each(&tree.files, Self::restore)?;
        let suspects = scan::suspects(&self.upper, &tree.files, &self.trust.certificate)
            .map_err(|(path, source)| self.failed(&path, source))?;
        self.each(&suspects, Self::clean)?;
        self.remove_links(&tree)?;
        for path in tree.whiteouts.iter().filter(|path| self.trust.layer.injected.contains(*path)) {
            self.remove(path).map_err(|source| self.failed(path, source))?;
        }
        self.settle_directories()?;
        if self.stuck.is_empty() { Ok(()) } else { Err(TrustError::Residue(self.stuck).into()) }
    }

    fn each(
        &mut self,
        files: &[FoundFile],
        act: impl Fn(&mut Self, &[u8], &Metadata) -> io::Result<()>,
    ) -> Result<(), BuildError> {
        for (path, metadata) in files {
            act(self, path, metadata).map_err(|source| self.failed(path, source))?;
        }
        Ok(())
    }

    fn failed(&self, path: &[u8], source: io::Error) -> BuildError {
        BuildError::io(self.upper.path().join(OsStr::from_bytes(path)), source)
    }

    /// A program that was still writing to a file when the authority was put to its end has written
    /// over the start of it. Then the rest of it is the end of the file.
    fn restore(&mut self, path: &[u8], metadata: &Metadata) -> io::Result<()> {
        for added in self.added.iter().filter(|added| added.inode == metadata.inode) {
            let length = added.bytes.len() as u64;
            if metadata.size != added.offset + length {
                continue;
            }
            let file = self.upper.open_file_writable(path)?;
            let mut found = vec![0; added.bytes.len()];
            file.read_exact_at(&mut found, added.offset)?;
            let pairs = found.iter().zip(&added.bytes).rev();
            let left = pairs.take_while(|(found, added)| found == added).count() as u64;
            if left > 0 && left < length {
                file.set_len(metadata.size - left)?;
                set_mtime(&file, metadata.mtime)?;
            }
        }
        Ok(())
    }

    fn clean(&mut self, path: &[u8], metadata: &Metadata) -> io::Result<()> {
        if metadata.size > CLEANED_SIZE_MAX {
            self.stuck.push(path.to_vec());
            return Ok(());
        }
        let mut file = self.upper.open_file_writable(path)?;
        let mut content = Vec::new();
        (&file).take(CLEANED_SIZE_MAX).read_to_end(&mut content)?;
        if !self.trust.certificate.is_in(&content) {
            // Cleaned under another name.
            return Ok(());
        }
        let content = match clean(&content, &self.trust.certificate, &self.unterminated) {
            Cleaned::Content(content) => content,
            Cleaned::Nothing if self.trust.is_place(&self.upper, path) => Vec::new(),
            Cleaned::Nothing => {
                self.gone.insert(path.to_vec());
                return self.remove(path);
            }
            Cleaned::Stuck => {
                self.stuck.push(path.to_vec());
                return Ok(());
            }
        };
        rewrite(&mut file, &content)?;
        set_mtime(&file, metadata.mtime)
    }

    /// Links to what is gone, and links to those.
    fn remove_links(&mut self, tree: &Tree) -> Result<(), BuildError> {
        let mut links: Vec<_> =
            tree.links.iter().map(|(path, target)| (path, follow(path, target))).collect();
        loop {
            let (dangling, rest): (Vec<_>, Vec<_>) =
                links.into_iter().partition(|(_, target)| self.gone.contains(target));
            if dangling.is_empty() {
                return Ok(());
            }
            for (path, _) in dangling {
                self.remove(path).map_err(|source| self.failed(path, source))?;
                self.gone.insert(path.clone());
            }
            links = rest;
        }
    }

    fn remove(&mut self, path: &[u8]) -> io::Result<()> {
        let (parent, _) = split(path);
        if !self.changed.contains_key(parent)
            && let Some(before) = self.upper.entry(parent)?
        {
            self.changed.insert(parent.to_vec(), before);
        }
        self.upper.remove(path)
    }

    /// Gives directories their times back, and takes those away that the step has only looked at: the
    /// deepest first.
    fn settle_directories(&mut self) -> Result<(), BuildError> {
        while let Some((path, before)) = self.changed.pop_last() {
            let settled = self.settle_directory(&path, &before);
            settled.map_err(|source| self.failed(&path, source))?;
        }
        Ok(())
    }

    fn settle_directory(&mut self, path: &[u8], before: &Metadata) -> io::Result<()> {
        if self.is_copy(path, before)? {
            return self.remove(path);
        }
        self.upper.set_times(path, before.mtime)
    }

    /// Whether a directory has nothing and says nothing that the image's own does not: it is there
    /// because of what was put into it for the step. The time of the one that it was put into does not
    /// count: a step that removes everything in it has changed only that.
    fn is_copy(&self, path: &[u8], before: &Metadata) -> io::Result<bool> {
        let Some(original) = self.trust.layer.directories.get(path) else { return Ok(false) };
        let mut places = self.trust.layer.injected.iter().map(|own| split(own).0);
        let same = (before.mode, before.owner) == (original.mode, original.owner)
            && (before.mtime == original.mtime || places.any(|place| place == path));
        if path.is_empty() || !same || !self.upper.list(path)?.is_empty() {
            return Ok(false);
        }
        // An opaque one hides what the image has.
        Ok(!self.upper.xattrs(path)?.contains_key(OPAQUE))
    }
}

/// Whether a place of the tables is at this path of the upper directory.
pub(super) fn is_place(trust: &Trust, upper: &Root, path: &[u8]) -> bool {
    trust.places.all(upper).contains_key(path)
        && matches!(entry(upper, path), Ok(Some(found)) if found.kind == FileKind::File)
}
