//! What package files of languages run when they are installed, and what they need.

mod npm;
mod python;
#[cfg(test)]
mod tests;

use super::super::{Control, PackageFileError};
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Kind};
use crate::archive::zip;
use crate::oci::Digest;
use std::collections::BTreeMap;
use std::io::{Read, Seek};

/// Bytes of a package, unpacked: the largest of npm's have some hundred megabytes.
const UNPACKED_MAX: u64 = 2 << 30;

/// Files of a package.
const FILES_MAX: u64 = 200_000;

/// Bytes of one file that is read, and of them all.
const TEXT_MAX: u64 = 8 << 20;
const TEXTS_MAX: u64 = 32 << 20;

/// Reads it; none where the file is no package of a kind that says so.
pub(in crate::package) fn control(
    mut file: impl Read + Seek + Send,
) -> Result<Option<Control>, PackageFileError> {
    let Some(package) = super::identify(&mut file)? else { return Ok(None) };
    file.rewind()?;
    let mut start = Vec::new();
    file.by_ref().take(zip::MAGIC.len() as u64).read_to_end(&mut start)?;
    file.rewind()?;
    match (package.kind, start == zip::MAGIC) {
        ("npm", false) => npm::control(&Folder::read(file, npm::is_text)?).map(Some),
        ("pypi", false) => python::of_sources(&Folder::read(file, python::is_text)?).map(Some),
        ("pypi", true) => python::of_wheel(file).map(Some),
        _ => Ok(None),
    }
}

/// The files of a compressed archive that has everything in one folder, by their paths in it. Whoever
/// unpacks such a one takes the first component away, whatever it is.
struct Folder {
    digests: BTreeMap<String, Digest>,
    texts: BTreeMap<String, Vec<u8>>,
}

impl Folder {
    /// Reads all of it; the content only of what is a text.
    fn read(file: impl Read + Send, is_text: fn(&str) -> bool) -> Result<Self, PackageFileError> {
        let limits = compression::Limits { output_max: UNPACKED_MAX, ..Default::default() };
        let (_, unpacked) = decoder_within(file, &limits)?;
        let limits = tar::Limits { entries_max: FILES_MAX, ..tar::Limits::default() };
        let mut archive = tar::Reader::new(unpacked, limits);
        let mut folder = Self { digests: BTreeMap::new(), texts: BTreeMap::new() };
        let mut size = 0_u64;
        while let Some(entry) = archive.next_entry()? {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            let Some((_, path)) = path.split_once('/') else { continue };
            if entry.kind != Kind::File {
                continue;
            }
            let is_text = is_text(path);
            if is_text {
                size = size.saturating_add(entry.size);
            }
            if size > TEXTS_MAX || (is_text && entry.size > TEXT_MAX) {
                return Err(PackageFileError::malformed(format!(
                    "its `{}` is too large",
                    super::super::shown(path)
                )));
            }
            let mut text = Vec::new();
            let mut hasher = crate::oci::Hasher::new();
            archive.copy_body(&mut |bytes| {
                hasher.update(bytes);
                if is_text {
                    text.extend_from_slice(bytes);
                }
                Ok(())
            })?;
            let (digest, _) = hasher.finish();
            if folder.digests.insert(path.to_owned(), digest).is_some_and(|other| other != digest) {
                let path = super::super::shown(path);
                let reason = format!("it has two files `{path}`");
                return Err(PackageFileError::malformed(reason));
            }
            if is_text {
                folder.texts.insert(path.to_owned(), text);
            }
        }
        Ok(folder)
    }

    /// Paths and digests of those files that are `wanted`, as lines.
    fn listed(&self, mut wanted: impl FnMut(&str) -> bool) -> String {
        let lines = self.digests.iter().filter(|(path, _)| wanted(path));
        lines.fold(String::new(), |text, (path, digest)| text + path + &format!(" {digest}\n"))
    }
}
