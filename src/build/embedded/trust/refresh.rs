//! Trust stores that appear while a step runs.

use super::certificate::Certificate;
use super::layer::STORE_SIZE_MAX;
use super::places::{Format, Places, file_at};
use super::{keystore, pem};
use crate::archive::tar::Timestamp;
use crate::store::rooted::{FileKind, Metadata, Root, modified_at, stat_fd};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;

/// What was seen and done so far.
#[derive(Default)]
pub(super) struct Progress {
    /// Time and size of each file that needs nothing, by its inode.
    seen: BTreeMap<(u64, u64), (Timestamp, u64)>,
    /// What was put to the end of files.
    pub(super) added: Vec<Added>,
    /// Contents whose last line was ended by it.
    pub(super) unterminated: Vec<Vec<u8>>,
}

/// Something put to the end of a file in place.
pub(super) struct Added {
    /// Which file.
    pub(super) inode: (u64, u64),
    /// Where.
    pub(super) offset: u64,
    /// What.
    pub(super) bytes: Vec<u8>,
}

impl Progress {
    /// Puts the certificate into every trust store of the upper directory that lacks it, in place: a
    /// mounted overlay shows what changes in its files, but not which files there are. Time, mode and
    /// owner stay.
    pub(super) fn refresh(
        &mut self,
        upper: &Root,
        places: &Places,
        certificate: &Certificate,
    ) -> io::Result<()> {
        for (path, format) in places.all(upper) {
            let Ok(metadata) = upper.metadata(&path) else { continue };
            if metadata.kind != FileKind::File || self.is_known(&metadata) {
                continue;
            }
            let Some(path) = file_at(upper, &path)? else { continue };
            let file = match upper.open_file_writable(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            self.extend(file, format, certificate)?;
        }
        Ok(())
    }

    fn is_known(&self, metadata: &Metadata) -> bool {
        self.seen.get(&metadata.inode) == Some(&(metadata.mtime, metadata.size))
    }

    fn extend(
        &mut self,
        mut file: File,
        format: Format,
        certificate: &Certificate,
    ) -> io::Result<()> {
        let before = stat_fd(&file)?;
        if before.size > STORE_SIZE_MAX {
            return Ok(());
        }
        let mut content = Vec::new();
        (&file).take(STORE_SIZE_MAX).read_to_end(&mut content)?;
        let is_whole = match format {
            _ if certificate.is_in(&content) => true,
            Format::Pem => self.append(&file, &before, content, certificate)?,
            Format::KeyStore => match keystore::add(&content, certificate) {
                Some(extended) => {
                    rewrite(&mut file, &extended)?;
                    true
                }
                None => false,
            },
        };
        // Somebody may still be writing to what is not whole.
        if is_whole {
            set_mtime(&file, before.mtime)?;
            let after = stat_fd(&file)?;
            self.seen.insert(after.inode, (after.mtime, after.size));
        }
        Ok(())
    }

    fn append(
        &mut self,
        file: &File,
        before: &Metadata,
        content: Vec<u8>,
        certificate: &Certificate,
    ) -> io::Result<bool> {
        if !pem::is_complete(&content) {
            return Ok(false);
        }
        let (offset, bytes) = (content.len() as u64, pem::addition(&content, certificate));
        file.write_all_at(&bytes, offset)?;
        self.added.push(Added { inode: before.inode, offset, bytes });
        if !pem::is_terminated(&content) {
            self.unterminated.push(content);
        }
        Ok(true)
    }
}

/// Puts other content into the same file.
pub(super) fn rewrite(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)
}

/// Gives an open file its time back.
pub(super) fn set_mtime(file: &File, mtime: Timestamp) -> io::Result<()> {
    Ok(rustix::fs::futimens(file, &modified_at(mtime))?)
}
