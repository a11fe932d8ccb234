//! Reads zip archives by their central directory, within limits: wheels, jars, Go's modules.
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, sections 4.3.7, 4.3.12 to 4.3.16.
//!
//! ```text
//! local file header, name, extra, content      one a file
//! central directory header, name, extra, ...   one a file; says where the local one is
//! ZIP64 end, ZIP64 locator                     where a number does not fit in the end record
//! end record, comment
//! ```
//!
//! An archive may stand behind other bytes, as programs that unpack themselves have it. What is
//! encrypted, or packed in another way than with deflate, is listed and cannot be read.

mod directory;

#[cfg(test)]
mod tests;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::io::{self, Read, Seek, SeekFrom};

const LOCAL_MAGIC: &[u8] = b"PK\x03\x04";
const LOCAL_SIZE: u64 = 30;

/// Bytes that an archive starts with that has an entry and nothing before it.
pub const MAGIC: &[u8] = LOCAL_MAGIC;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// What is read before an archive is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries of the archive.
    pub entries_max: u64,
    /// Bytes of its central directory.
    pub directory_max: u64,
}

impl Default for Limits {
    /// The largest jars have some hundred thousand entries, of a hundred bytes each.
    fn default() -> Self {
        Self { entries_max: 1 << 20, directory_max: 128 << 20 }
    }
}

/// An archive that is not read further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// The bytes of the archive cannot be had.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// It has no end record.
    #[error("not a zip archive")]
    Magic,
    /// A record has another form, or points at nothing.
    #[error("zip archive is malformed: {0}")]
    Malformed(&'static str),
    /// More than the [`Limits`], or than the caller, allow.
    #[error("zip archive has {what} of more than {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// What is allowed.
        max: u64,
    },
    /// The content has another checksum than the directory says.
    #[error("zip archive is damaged: an entry has another checksum")]
    Checksum,
    /// It is encrypted, or packed in a way that is not known.
    #[error("zip archive has an entry that is encrypted or packed with method {0}")]
    Unsupported(u16),
}

/// A file or directory of an archive, as the central directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, verbatim; that of a directory ends in a slash.
    pub name: Vec<u8>,
    /// Bytes of its content.
    pub size: u64,
    packed_size: u64,
    checksum: u32,
    method: u16,
    is_encrypted: bool,
    /// Where its local header is, from the start of the stream.
    offset: u64,
}

/// An archive whose directory was read.
#[derive(Debug)]
pub struct Archive<R> {
    inner: R,
    entries: Vec<Entry>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the central directory.
    pub fn open(mut inner: R, limits: &Limits) -> Result<Self, ZipError> {
        let entries = directory::read(&mut inner, limits)?;
        Ok(Self { inner, entries })
    }

    /// All entries, in the order of the directory.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The one entry of this name; an error where there are two, since readers take one or the other.
    pub fn entry(&self, name: &[u8]) -> Result<Option<Entry>, ZipError> {
        let mut found = self.entries.iter().filter(|entry| entry.name == name);
        let first = found.next().cloned();
        match found.next() {
            Some(_) => Err(ZipError::Malformed("two entries have one name")),
            None => Ok(first),
        }
    }

    /// The content of an entry, of at most `size_max` bytes.
    pub fn read(&mut self, entry: &Entry, size_max: u64) -> Result<Vec<u8>, ZipError> {
        if entry.size > size_max {
            return Err(ZipError::TooLarge { what: "an entry", max: size_max });
        }
        if entry.is_encrypted {
            return Err(ZipError::Unsupported(entry.method));
        }
        let start = self.content_offset(entry)?;
        self.inner.seek(SeekFrom::Start(start)).map_err(ZipError::Read)?;
        let packed = (&mut self.inner).take(entry.packed_size);
        let content = match entry.method {
            STORED => unpacked(packed, entry.size),
            DEFLATED => unpacked(DeflateDecoder::new(packed), entry.size),
            other => return Err(ZipError::Unsupported(other)),
        }?;
        let mut crc = Crc::new();
        crc.update(&content);
        if crc.sum() == entry.checksum { Ok(content) } else { Err(ZipError::Checksum) }
    }

    /// Behind the local header, whose name and extra field may have other lengths than in the
    /// directory.
    fn content_offset(&mut self, entry: &Entry) -> Result<u64, ZipError> {
        const MALFORMED: ZipError = ZipError::Malformed("an entry is not where it should be");
        self.inner.seek(SeekFrom::Start(entry.offset)).map_err(ZipError::Read)?;
        let mut header = Vec::new();
        (&mut self.inner).take(LOCAL_SIZE).read_to_end(&mut header).map_err(ZipError::Read)?;
        if !header.starts_with(LOCAL_MAGIC) {
            return Err(MALFORMED);
        }
        let length = |offset| directory::number(&header, offset, 2);
        let (Some(name), Some(extra)) = (length(26), length(28)) else { return Err(MALFORMED) };
        Ok(entry.offset.saturating_add(LOCAL_SIZE + name + extra))
    }
}

/// What must be `size` bytes; reads no more.
fn unpacked(content: impl Read, size: u64) -> Result<Vec<u8>, ZipError> {
    const LENGTH: ZipError = ZipError::Malformed("an entry has another size than it says");
    let mut bytes = Vec::new();
    let read = content.take(size.saturating_add(1)).read_to_end(&mut bytes);
    match read {
        // The kernel's errors are those of the file; others are the decoder's.
        Err(error) if error.raw_os_error().is_some() => Err(ZipError::Read(error)),
        Err(_) => Err(ZipError::Malformed("an entry cannot be unpacked")),
        Ok(count) if count as u64 == size => Ok(bytes),
        Ok(_) => Err(LENGTH),
    }
}
