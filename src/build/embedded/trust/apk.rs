//! What apk makes of a bundle that looks changed.
//!
//! apk leaves a file below `/etc` alone that is not what it once installed, and puts the new one
//! beside it as `.apk-new`. For apk the bundle with the authority in it is such a file: an `apk upgrade`
//! would keep the old one. So what it would have done otherwise is done when the step is over.
//! <https://gitlab.alpinelinux.org/alpine/apk-tools/-/blob/v2.14.4/src/database.c> (`apk_db_migrate_files`)

use super::scan::{entry, split};
use crate::store::rooted::{FileKind, Root};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bstr::ByteSlice as _;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::io;

/// Where apk notes what it has installed: version 2, version 3.
const DATABASES: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];

/// Databases larger than this are not read, in bytes.
const DATABASE_SIZE_MAX: u64 = 256 << 20;

/// What apk appends to the name of a file that it would not replace.
const NEW: &[u8] = b".apk-new";

/// apk's notes, as they are; empty where there is no apk.
#[derive(Default)]
pub(super) struct Database(Vec<u8>);

impl Database {
    pub(super) fn read(image: &Root) -> io::Result<Self> {
        for path in DATABASES {
            if let Some(content) = image.read(path, DATABASE_SIZE_MAX)? {
                return Ok(Self(content));
            }
        }
        Ok(Self::default())
    }

    /// The checksum of the file that apk installed at this path: `Q1` and its SHA-1, or `Q2` and its
    /// SHA-256, in Base64. <https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2>
    fn checksum(&self, path: &[u8]) -> Option<&[u8]> {
        let (folder, name) = split(path);
        let (mut is_folder, mut is_file) = (false, false);
        for line in self.0.lines() {
            match line.split_at_checked(2) {
                Some((b"F:", found)) => (is_folder, is_file) = (found == folder, false),
                Some((b"R:", found)) => is_file = is_folder && found == name,
                Some((b"Z:", checksum)) if is_file => return Some(checksum),
                _ => {}
            }
        }
        None
    }
}

/// The bundles of an image of apk's, as they were.
#[derive(Default)]
pub(super) struct Owned(BTreeMap<Vec<u8>, Original>);

struct Original {
    content: Vec<u8>,
    /// Whether it is what apk installed.
    is_unchanged: bool,
}

impl Owned {
    /// Notes a file that the step sees changed.
    pub(super) fn note(&mut self, database: &Database, path: &[u8], content: &[u8]) {
        if database.0.is_empty() {
            return;
        }
        let is_unchanged = database.checksum(path).is_some_and(|checksum| {
            let digest = match checksum.get(..2) {
                Some(b"Q1") => Sha1::digest(content).to_vec(),
                Some(b"Q2") => Sha256::digest(content).to_vec(),
                _ => return false,
            };
            checksum.get(2..) == Some(BASE64_STANDARD.encode(digest).as_bytes())
        });
        self.0.insert(path.to_vec(), Original { content: content.to_vec(), is_unchanged });
    }

    /// Does in the upper directory what apk would have done to an unchanged file.
    pub(super) fn settle(&self, upper: &Root) -> io::Result<()> {
        for (path, original) in &self.0 {
            let new = [path, NEW].concat();
            let is_there = matches!(
                entry(upper, &new)?,
                Some(found) if found.kind == FileKind::File
            );
            if !is_there {
                continue;
            }
            let (parent, _) = split(path);
            let before = upper.entry(parent)?;
            let limit = original.content.len() as u64;
            if original.is_unchanged {
                upper.rename(&new, path)?;
            } else if upper.read(&new, limit).ok().flatten().as_ref() == Some(&original.content) {
                // The changed file is the new one already.
                upper.remove(&new)?;
            }
            if let Some(before) = before {
                upper.set_times(parent, before.mtime)?;
            }
        }
        Ok(())
    }
}
