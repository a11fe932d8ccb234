//! What a package file of apk runs, and what it needs: `.PKGINFO` and the scripts beside it.
//! <https://wiki.alpinelinux.org/wiki/Apk_spec#Control_Segment>

use super::CONSTRAINT;
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Kind};
use crate::package::{Control, PackageFileError};
use std::io::Read;

const ABOUT: &[u8] = b".PKGINFO";
const SIGNATURE: &[u8] = b".SIGN.";

/// Scripts, by the names of their files without the dot.
const SCRIPTS: [&str; 7] = [
    "pre-install",
    "post-install",
    "pre-upgrade",
    "post-upgrade",
    "pre-deinstall",
    "post-deinstall",
    "trigger",
];

/// Bytes of `.PKGINFO` and of all scripts together.
const TEXT_MAX: u64 = 16 << 20;

/// Bytes of the whole package, unpacked: apk goes by the names of files, wherever they stand in it.
const UNPACKED_MAX: u64 = 8 << 30;

/// Reads it; none where the file is another archive.
pub(in crate::package) fn control(
    file: impl Read + Send,
) -> Result<Option<Control>, PackageFileError> {
    let limits = compression::Limits { output_max: UNPACKED_MAX, ..Default::default() };
    let (_, unpacked) = decoder_within(file, &limits)?;
    let mut archive = tar::Reader::new(unpacked, tar::Limits::default());
    let mut control = Control::default();
    let (mut is_package, mut size) = (false, 0_u64);
    loop {
        let entry = match archive.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            // What is compressed is often something else: only signatures make it a package.
            Err(_) if !is_package => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !is_package && !entry.path.starts_with(SIGNATURE) && entry.path != ABOUT {
            return Ok(None);
        }
        let script =
            SCRIPTS.iter().find(|name| entry.path.strip_prefix(b".") == Some(name.as_bytes()));
        let is_about = entry.path == ABOUT;
        is_package |= is_about;
        if entry.kind != Kind::File || !(is_about || script.is_some()) {
            continue;
        }
        size = size.saturating_add(entry.size);
        if size > TEXT_MAX {
            return Err(PackageFileError::malformed("its scripts are too large"));
        }
        let mut content = Vec::new();
        archive.copy_body(&mut |bytes| {
            content.extend_from_slice(bytes);
            Ok(())
        })?;
        match script {
            Some(name) => drop(control.scripts.insert((*name).to_owned(), content)),
            None => relate(&mut control, &String::from_utf8_lossy(&content)),
        }
    }
    Ok(is_package.then_some(control))
}

/// Notes the relations of `.PKGINFO`. Where a trigger listens is a part of it.
fn relate(control: &mut Control, about: &str) {
    for (key, value) in about.lines().filter_map(|line| line.split_once(" = ")) {
        let name = |value: &str| {
            let name = value.trim().split(CONSTRAINT).next().unwrap_or_default();
            name.to_owned()
        };
        match (key, value.trim().strip_prefix('!')) {
            ("depend", None) => drop(control.depends.insert(name(value))),
            ("depend", Some(other)) => drop(control.displaces.insert(name(other))),
            ("provides", _) => drop(control.provides.insert(name(value))),
            ("replaces", _) => drop(control.displaces.insert(name(value))),
            ("builddate", _) => control.built = value.trim().parse().ok(),
            ("triggers", _) => {
                control.scripts.insert("trigger paths".to_owned(), value.trim().into());
            }
            _ => {}
        }
    }
}
