//! What an rpm brings, by the lists of its header. rpm itself verifies by them what it unpacks.

use super::file::{identified, main_header};
use super::header::Header;
use crate::oci::Digest;
use crate::package::PackageFileError;
use crate::package::contents::{Contents, Item, ItemKind, ItemOwner, Items, Role};
use std::collections::BTreeMap;
use std::io::Read;

/// Tags: <https://rpm-software-management.github.io/rpm/manual/tags.html>.
const FILE_SIZES: u32 = 1028;
const FILE_MODES: u32 = 1030;
const FILE_DIGESTS: u32 = 1035;
const FILE_LINK_TARGETS: u32 = 1036;
const FILE_FLAGS: u32 = 1037;
const FILE_USERS: u32 = 1039;
const FILE_GROUPS: u32 = 1040;
const LONG_FILE_SIZES: u32 = 5008;
const FILE_CAPABILITIES: u32 = 5010;
const FILE_DIGEST_ALGORITHM: u32 = 5011;

/// As OpenPGP counts algorithms; what is not said is MD5.
const SHA256: u32 = 8;

/// Flags of a file.
const CONFIGURATION: u32 = 1;
const GHOST: u32 = 1 << 6;

/// What a file is, in its mode, as `stat` has it.
const FORMAT: u16 = 0o170_000;
const DIRECTORY: u16 = 0o040_000;
const REGULAR: u16 = 0o100_000;
const SYMLINK: u16 = 0o120_000;

/// What a package file brings.
pub(in crate::package) fn contents(file: &mut impl Read) -> Result<Contents, PackageFileError> {
    let blob = main_header(file)?;
    let header = Header::parse(&blob)?;
    let package = identified(&header)?;
    let lists = Lists::of(&header)?;
    let mut items = Items::default();
    let paths = super::paths(&header)?;
    if lists.modes.len() != paths.len() {
        return Err(PackageFileError::malformed("its header has files without modes"));
    }
    for (index, (directory, name)) in paths.into_iter().enumerate() {
        let path = [directory, name].concat();
        let path = path.strip_prefix(b"/").unwrap_or(&path).to_vec();
        items.add(path, lists.item(index)?)?;
    }
    let control = BTreeMap::new();
    Ok(Contents { package, items: items.into_map(), control, is_source: false })
}

/// One value a file.
struct Lists<'a> {
    modes: Vec<u16>,
    digests: Vec<&'a [u8]>,
    targets: Vec<&'a [u8]>,
    flags: Vec<u32>,
    sizes: Vec<u64>,
    users: Vec<&'a [u8]>,
    groups: Vec<&'a [u8]>,
    capabilities: Vec<&'a [u8]>,
    is_sha256: bool,
}

impl<'a> Lists<'a> {
    fn of(header: &Header<'a>) -> Result<Self, PackageFileError> {
        let algorithm = header.numbers(FILE_DIGEST_ALGORITHM)?;
        let mut sizes: Vec<u64> = header.numbers(FILE_SIZES)?.into_iter().map(u64::from).collect();
        if header.has(LONG_FILE_SIZES) {
            sizes = header.long_numbers(LONG_FILE_SIZES)?;
        }
        Ok(Self {
            modes: header.short_numbers(FILE_MODES)?,
            digests: header.strings(FILE_DIGESTS)?,
            targets: header.strings(FILE_LINK_TARGETS)?,
            flags: header.numbers(FILE_FLAGS)?,
            sizes,
            users: header.strings(FILE_USERS)?,
            groups: header.strings(FILE_GROUPS)?,
            capabilities: header.strings(FILE_CAPABILITIES)?,
            is_sha256: algorithm.first() == Some(&SHA256),
        })
    }

    fn item(&self, index: usize) -> Result<Item, PackageFileError> {
        let missing = || PackageFileError::malformed("a list of its header is cut off");
        let mode = *self.modes.get(index).ok_or_else(missing)?;
        let flags = self.flags.get(index).copied().unwrap_or_default();
        let role = match flags {
            _ if flags & GHOST != 0 => Role::Ghost,
            _ if flags & CONFIGURATION != 0 => Role::Configuration,
            _ => Role::Plain,
        };
        let kind = match mode & FORMAT {
            DIRECTORY => ItemKind::Directory,
            SYMLINK => ItemKind::Symlink(self.targets.get(index).ok_or_else(missing)?.to_vec()),
            // What is made later has no content yet.
            REGULAR if role == Role::Ghost => ItemKind::File { digest: Digest::of(b""), size: 0 },
            REGULAR => ItemKind::File {
                digest: self.digest(index)?,
                size: *self.sizes.get(index).ok_or_else(missing)?,
            },
            _ => ItemKind::Special,
        };
        let name = |names: &[&[u8]]| names.get(index).map(|name| name.to_vec()).unwrap_or_default();
        let owner =
            ItemOwner { user: name(&self.users), group: name(&self.groups), uid: None, gid: None };
        let is_link = matches!(kind, ItemKind::Symlink(_));
        Ok(Item {
            kind,
            mode: (!is_link).then(|| u32::from(mode & !FORMAT)),
            owner: Some(owner),
            role,
            has_capabilities: self.capabilities.get(index).is_some_and(|text| !text.is_empty()),
        })
    }

    fn digest(&self, index: usize) -> Result<Digest, PackageFileError> {
        if !self.is_sha256 {
            let reason = "its files have digests of another kind than sha256";
            return Err(PackageFileError::malformed(reason));
        }
        let text = self.digests.get(index).and_then(|text| std::str::from_utf8(text).ok());
        let digest = text.and_then(|text| Digest::from_hex(text).ok());
        digest.ok_or_else(|| PackageFileError::malformed("a file of it has no digest"))
    }
}
