//! The canonical writer: one archive for one list of entries.
//!
//! The form: entries ascend bytewise; ustar headers; a PAX header, its records sorted, only for
//! what ustar cannot hold; no names of users; directories end in `/`; numbers are octal with
//! leading zeros; two zero blocks at the end and nothing else. A change of this form changes the
//! digest of every layer, so golden digests in the tests hold it.

use super::input::padding;
use super::number::format_time;
use super::pax::{XATTR, push_record};
use super::{BLOCK, Entry, Kind, Limits, OWNER_MAX, Problem, TIME_MAX, TIME_MIN, TarError};
use super::{Timestamp, path};
use std::io::{ErrorKind, Read, Write};
use tar::{Header, UstarHeader};

/// The output is written in pieces of exactly this size, so what a compressor behind it makes of
/// them does not depend on the sizes of files either.
const PIECE: usize = 256 * 1024;

/// Name of every extended header: readers without PAX would unpack it under this name.
const PAX_PATH: &[u8] = b"PaxHeaders/entry";

/// Writes a tar archive to `inner`, which needs no buffer of its own.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    buffer: Box<[u8]>,
    filled: usize,
    /// Bytes of the archive before the buffer.
    written: u64,
    previous: Option<Vec<u8>>,
}

impl<W: Write> Writer<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        let buffer = vec![0; PIECE].into_boxed_slice();
        Self { inner, buffer, filled: 0, written: 0, previous: None }
    }

    /// Adds an entry, which must come after the previous one in bytewise order of paths, and for a
    /// file its content, which must have exactly `entry.size` bytes. Hard links must come after
    /// what they link to. Names of user and group are not written.
    pub fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), TarError> {
        let offset = self.written + self.filled as u64;
        let error = |problem| TarError::new(Some(&entry.path), offset, problem);
        self.check(entry).map_err(error)?;
        let headers = Headers::of(entry).map_err(error)?;
        if let Some(records) = &headers.records {
            self.push_pax(records).map_err(error)?;
        }
        self.push(headers.header.as_bytes()).map_err(error)?;
        if entry.kind == Kind::File {
            self.push_body(body, entry.size).map_err(error)?;
        }
        self.previous = Some(entry.path.clone());
        Ok(())
    }

    /// Ends the archive and gives the stream back, flushed.
    pub fn finish(mut self) -> Result<W, TarError> {
        let result = self.push_zeros(2 * BLOCK as u64).and_then(|()| self.flush());
        result.map_err(|problem| TarError::new(None, self.written, problem))?;
        Ok(self.inner)
    }

    fn check(&self, entry: &Entry) -> Result<(), Problem> {
        check_paths(entry)?;
        if let Some(previous) = &self.previous
            && entry.path <= *previous
        {
            return Err(Problem::Order(previous.clone()));
        }
        if entry.kind == Kind::Hardlink && entry.link >= entry.path {
            return Err(Problem::Unrepresentable("hard link before the file that it links to"));
        }
        if entry.kind != Kind::File && entry.size != 0 {
            return Err(Problem::UnexpectedBody { kind: entry.kind.word(), size: entry.size });
        }
        Ok(())
    }

    fn push_pax(&mut self, records: &[u8]) -> Result<(), Problem> {
        let mut header = blank(b'x', 0o644)?;
        put(&mut ustar(&mut header)?.name, PAX_PATH);
        put_number(&mut ustar(&mut header)?.size, records.len() as u64);
        header.set_cksum();
        self.push(header.as_bytes())?;
        self.push(records)?;
        self.push_zeros(padding(records.len() as u64))
    }

    /// Reads the body straight into the buffer.
    fn push_body(&mut self, body: &mut dyn Read, size: u64) -> Result<(), Problem> {
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE - self.filled);
            let target = self.buffer.get_mut(self.filled..self.filled + length);
            let count = read(body, target.unwrap_or_default())?;
            if count == 0 {
                return Err(Problem::Size("shorter", size));
            }
            self.filled += count;
            left -= count as u64;
            self.drain_full()?;
        }
        if read(body, &mut [0])? != 0 {
            return Err(Problem::Size("longer", size));
        }
        self.push_zeros(padding(size))
    }

    fn push(&mut self, mut bytes: &[u8]) -> Result<(), Problem> {
        while !bytes.is_empty() {
            let length = bytes.len().min(PIECE - self.filled);
            let (now, later) = bytes.split_at(length);
            if let Some(target) = self.buffer.get_mut(self.filled..self.filled + length) {
                target.copy_from_slice(now);
            }
            self.filled += length;
            bytes = later;
            self.drain_full()?;
        }
        Ok(())
    }

    fn push_zeros(&mut self, mut count: u64) -> Result<(), Problem> {
        while count > 0 {
            let length = usize::try_from(count).unwrap_or(usize::MAX).min(BLOCK);
            self.push([0; BLOCK].get(..length).unwrap_or_default())?;
            count -= length as u64;
        }
        Ok(())
    }

    fn drain_full(&mut self) -> Result<(), Problem> {
        if self.filled == PIECE { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> Result<(), Problem> {
        let piece = self.buffer.get(..self.filled).unwrap_or_default();
        self.inner.write_all(piece).map_err(Problem::Write)?;
        self.written += self.filled as u64;
        self.filled = 0;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Problem> {
        self.drain()?;
        self.inner.flush().map_err(Problem::Write)
    }
}

/// The writer makes nothing that the reader refuses.
fn check_paths(entry: &Entry) -> Result<(), Problem> {
    let path_max = Limits::default().path_max;
    let is_clean = |path: &[u8]| {
        path.is_empty() || path::clean_path(path, path_max).is_ok_and(|clean| clean == path)
    };
    if !entry.path.is_empty() {
        path::clean_path(&entry.path, path_max).map_err(Problem::Path)?;
    }
    if !is_clean(&entry.path) {
        return Err(Problem::Unrepresentable("path is not a clean relative one"));
    }
    if entry.path.is_empty() && entry.kind != Kind::Directory {
        return Err(Problem::Root(entry.kind.word()));
    }
    match entry.kind {
        Kind::Symlink => path::check(&entry.link, path_max).map_err(Problem::Link),
        Kind::Hardlink if entry.link.is_empty() || !is_clean(&entry.link) => {
            Err(Problem::Unrepresentable("link target is not a clean relative path"))
        }
        _ => Ok(()),
    }
}

/// The header of an entry, and the records of its extended header if it needs one.
struct Headers {
    header: Header,
    records: Option<Vec<u8>>,
}

impl Headers {
    fn of(entry: &Entry) -> Result<Self, Problem> {
        check_values(entry)?;
        let mut records: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut record = |key: &[u8], value: Vec<u8>| records.push((key.to_vec(), value));
        let mut header = blank(type_flag(entry.kind), entry.mode)?;
        let fields = ustar(&mut header)?;
        let path = archive_path(entry);
        if !put_path(fields, &path) {
            record(b"path", path);
        }
        let link: &[u8] = match entry.kind {
            Kind::Symlink | Kind::Hardlink => &entry.link,
            _ => b"",
        };
        if !put(&mut fields.linkname, link) {
            record(b"linkpath", link.to_vec());
        }
        for (key, field, value) in [
            (&b"uid"[..], &mut fields.uid[..], u64::from(entry.uid)),
            (b"gid", &mut fields.gid, u64::from(entry.gid)),
            (b"size", &mut fields.size, entry.size),
        ] {
            if !put_number(field, value) {
                record(key, value.to_string().into_bytes());
            }
        }
        let seconds = u64::try_from(entry.mtime.seconds).unwrap_or(u64::MAX);
        if !put_number(&mut fields.mtime, seconds) || entry.mtime.nanoseconds != 0 {
            record(b"mtime", format_time(entry.mtime).into_bytes());
        }
        put_device(fields, entry.kind)?;
        for (name, value) in &entry.xattrs {
            record(&[XATTR, name].concat(), value.clone());
        }
        header.set_cksum();
        Ok(Self { header, records: encode(records)? })
    }
}

/// Directories end in a slash, as everyone writes them; the root is `./`.
fn archive_path(entry: &Entry) -> Vec<u8> {
    let mut path = entry.path.clone();
    if path.is_empty() {
        path.push(b'.');
    }
    if entry.kind == Kind::Directory {
        path.push(b'/');
    }
    path
}

fn check_values(entry: &Entry) -> Result<(), Problem> {
    let Timestamp { seconds, nanoseconds } = entry.mtime;
    for (field, value, max) in [
        ("uid", entry.uid, OWNER_MAX),
        ("gid", entry.gid, OWNER_MAX),
        ("mode", entry.mode, 0o7777),
        ("mtime", nanoseconds, 999_999_999),
    ] {
        if value > max {
            return Err(Problem::Range { field, value: i64::from(value) });
        }
    }
    if !(TIME_MIN..=TIME_MAX).contains(&seconds) {
        return Err(Problem::Range { field: "mtime", value: seconds });
    }
    if i64::try_from(entry.size).is_err() {
        return Err(Problem::Range { field: "size", value: i64::MAX });
    }
    if entry.xattrs.keys().any(|name| name.is_empty() || name.contains(&b'=') || name.contains(&0))
    {
        return Err(Problem::Unrepresentable(
            "extended attribute has a name with `=`, NUL or none",
        ));
    }
    Ok(())
}

fn encode(mut records: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Option<Vec<u8>>, Problem> {
    records.sort();
    let mut encoded = Vec::new();
    for (key, value) in &records {
        push_record(&mut encoded, key, value);
    }
    let max = Limits::default().pax_max;
    if encoded.len() as u64 > max {
        return Err(Problem::Limit { what: "extended header in bytes", max });
    }
    Ok((!encoded.is_empty()).then_some(encoded))
}

fn type_flag(kind: Kind) -> u8 {
    match kind {
        Kind::File => b'0',
        Kind::Hardlink => b'1',
        Kind::Symlink => b'2',
        Kind::CharDevice { .. } => b'3',
        Kind::BlockDevice { .. } => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    }
}

fn blank(type_flag: u8, mode: u32) -> Result<Header, Problem> {
    let mut header = Header::new_ustar();
    let fields = ustar(&mut header)?;
    fields.typeflag = [type_flag];
    put_number(&mut fields.mode, u64::from(mode));
    for field in [&mut fields.uid[..], &mut fields.gid, &mut fields.size, &mut fields.mtime] {
        put_number(field, 0);
    }
    put_number(&mut fields.dev_major, 0);
    put_number(&mut fields.dev_minor, 0);
    Ok(header)
}

fn ustar(header: &mut Header) -> Result<&mut UstarHeader, Problem> {
    header.as_ustar_mut().ok_or(Problem::Version)
}

fn put_device(fields: &mut UstarHeader, kind: Kind) -> Result<(), Problem> {
    let (Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor }) = kind else {
        return Ok(());
    };
    let fits = put_number(&mut fields.dev_major, u64::from(major))
        && put_number(&mut fields.dev_minor, u64::from(minor));
    // PAX has no record for these, and Linux no device with such numbers.
    if fits { Ok(()) } else { Err(Problem::Unrepresentable("device number is too large")) }
}

/// The path in `name`, or split at a slash into `prefix` and `name`, the prefix as short as can
/// be. False, and an empty name, if it fits neither way.
fn put_path(fields: &mut UstarHeader, path: &[u8]) -> bool {
    if put(&mut fields.name, path) {
        return true;
    }
    let (name_max, prefix_max) = (fields.name.len(), fields.prefix.len());
    let split = path.iter().enumerate().position(|(index, byte)| {
        let name = path.len() - index - 1;
        *byte == b'/' && (1..=prefix_max).contains(&index) && (1..=name_max).contains(&name)
    });
    let Some((prefix, name)) = split.and_then(|index| path.split_at_checked(index)) else {
        return false;
    };
    let name = name.strip_prefix(b"/").unwrap_or(name);
    put(&mut fields.prefix, prefix) && put(&mut fields.name, name)
}

/// False, and the field as it was, if the text does not fit.
fn put(field: &mut [u8], text: &[u8]) -> bool {
    match field.get_mut(..text.len()) {
        Some(target) => {
            target.copy_from_slice(text);
            true
        }
        None => false,
    }
}

/// Octal digits with leading zeros and a NUL; false, and a zero, if they do not fit.
fn put_number(field: &mut [u8], value: u64) -> bool {
    let width = field.len().saturating_sub(1);
    let digits = format!("{value:0width$o}");
    let fits = digits.len() <= width;
    let zero = "0".repeat(width);
    put(field, if fits { digits.as_bytes() } else { zero.as_bytes() });
    fits
}

fn read(body: &mut dyn Read, target: &mut [u8]) -> Result<usize, Problem> {
    loop {
        match body.read(target) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(Problem::Read),
        }
    }
}
