//! Archives that packages are made of, as small as they can be.

use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use std::fmt::Write as _;
use std::io::Write as _;
use tar::EntryType;

/// A file of an archive: its path and its content.
pub(crate) type File<'a> = (&'a str, &'a [u8]);

/// When all files of archives were changed, in seconds since 1970.
pub(crate) const MODIFIED: u64 = 1_700_000_000;

/// A tar archive. A path that ends in `/` is a folder, `PATH -> TARGET` a link.
pub(crate) fn tar(files: &[File<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        let is_folder = path.ends_with('/');
        header.set_entry_type(if is_folder { EntryType::Directory } else { EntryType::Regular });
        header.set_mode(if is_folder { 0o755 } else { 0o644 });
        header.set_mtime(MODIFIED);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root").unwrap();
        header.set_groupname("root").unwrap();
        if let Some((path, target)) = path.split_once(" -> ") {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, path, target).unwrap();
        } else {
            builder.append_data(&mut header, path, *content).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

/// The extended header of a tar archive, in the form of pax(1), for the file that follows:
/// `name=value` each.
pub(crate) fn extended(records: &[&str]) -> Vec<u8> {
    let mut text = String::new();
    for record in records {
        // The length counts itself: two digits, a space before and a line's end behind the record.
        let length = record.len() + 4;
        assert!((10..100).contains(&length), "{record}");
        writeln!(text, "{length} {record}").unwrap();
    }
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(EntryType::XHeader);
    header.set_path("pax").unwrap();
    header.set_size(text.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// The same bytes for the same input: the header has no time.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A compressed tar archive.
pub(crate) fn tar_gz(files: &[File<'_>]) -> Vec<u8> {
    gzip(&tar(files))
}

/// An archive of ar(5), as Debian's packages are.
pub(crate) fn ar(files: &[File<'_>]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in files {
        let size = content.len();
        writeln!(bytes, "{name:<16}{MODIFIED:<12}{:<6}{:<6}{:<8}{size:<10}`", 0, 0, 100_644)
            .unwrap();
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len() + size % 2, b'\n');
    }
    bytes
}

/// A zip archive of files as they are (method 0), in the form of PKWARE's APPNOTE, 4.3.
pub(crate) fn zip(files: &[File<'_>]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (path, content) in files {
        let offset = u32::try_from(bytes.len()).unwrap();
        let common = zip_common(path, content);
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&common);
        bytes.extend_from_slice(path.as_bytes());
        bytes.extend_from_slice(content);
        // Made by a Unix of version 2.0; no comment, disk 0; mode 0644 or 0755 of a file.
        directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 6]);
        let is_program = ["bin/", "scripts/"].iter().any(|folder| path.contains(folder));
        let mode: u32 = if is_program { 0o100_755 } else { 0o100_644 };
        directory.extend_from_slice(&(mode << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(path.as_bytes());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let (start, size) = (bytes.len(), directory.len());
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(start).unwrap().to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}

/// The fields that a file's two headers share.
fn zip_common(path: &str, content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(content);
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    // Version 2.0, no flags, stored, midnight of 1 January 2024.
    let mut bytes = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58];
    bytes.extend_from_slice(&crc.sum().to_le_bytes());
    bytes.extend_from_slice(&size);
    bytes.extend_from_slice(&size);
    bytes.extend_from_slice(&u16::try_from(path.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}
