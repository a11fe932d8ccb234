//! What a package does when it is installed, and what it needs: the same of every kind of package
//! file. Its values are compared, so each is what matters and no more: names without versions, the
//! scripts themselves.

use super::{MAGIC_LENGTH, PackageFileError, apk, deb, file, rpm};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

/// What a package file says beside its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// What must be there when it is installed or runs, each without its version. Alternatives stand
    /// together: `libc6 | libc6-udeb`. What is needed only to build it says so: `setuptools (to
    /// build)`.
    pub depends: BTreeSet<String>,
    /// What is installed with it unless somebody objects.
    pub recommends: BTreeSet<String>,
    /// What it counts as beside itself, and, of languages, the commands that it puts on the path.
    pub provides: BTreeSet<String>,
    /// What cannot be there beside it, or gives way to it.
    pub displaces: BTreeSet<String>,
    /// What is run, or decides what is run, when it is installed, upgraded or removed, or, of
    /// languages, whenever their interpreter starts; by name.
    pub scripts: BTreeMap<String, Vec<u8>>,
    /// When it was built, in seconds since 1970, by its own word; kinds that say so are apk and rpm.
    pub built: Option<i64>,
}

/// The purl types of package files that [`control`] reads.
pub const CONTROL_KINDS: [&str; 5] = ["apk", "deb", "npm", "pypi", "rpm"];

/// What a package file runs when it is installed, and what it needs; none where it is no package of
/// one of the [`CONTROL_KINDS`].
pub fn control(mut file: impl Read + Seek + Send) -> Result<Option<Control>, PackageFileError> {
    let mut magic = Vec::new();
    file.by_ref().take(MAGIC_LENGTH).read_to_end(&mut magic)?;
    file.rewind()?;
    let found = match *magic {
        [b'!', b'<', ..] => deb::control(&mut file)?,
        [0xed, 0xab, 0xee, 0xdb, ..] => Some(rpm::control(&mut file)?),
        [0x1f, 0x8b, ..] => apk::control(&mut file)?,
        _ => None,
    };
    if found.is_some() {
        return Ok(found);
    }
    file.rewind()?;
    file::control(file)
}
