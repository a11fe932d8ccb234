//! The extra lower layer: trust stores of the image with the authority in them, and anchors.

use super::certificate::Certificate;
use super::places::{self, Format, Places};
use super::scan::{join, split};
use super::{apk, keystore, pem};
use crate::store::rooted::{Metadata, Owner, Root};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};

/// Trust stores larger than this, in bytes, are none.
pub(super) const STORE_SIZE_MAX: u64 = 64 << 20;

/// The kernel's mark of an overlay's own attributes.
const OVERLAY_XATTRS: &[u8] = b"user.overlay.";

/// What is in the layer, and what it was made from.
#[derive(Default)]
pub(super) struct Layer {
    /// The image's directories that the layer repeats.
    pub(super) directories: BTreeMap<Vec<u8>, Metadata>,
    /// Paths that only the layer has.
    pub(super) injected: BTreeSet<Vec<u8>>,
    /// Bundles whose last line does not end, as the image has them: for these it cannot be seen
    /// afterwards that a newline was added.
    pub(super) unterminated: Vec<Vec<u8>>,
    /// Files that apk installed and that were not changed since.
    pub(super) owned_by_apk: apk::Owned,
    /// Whether the image has a key store that cannot be extended.
    pub(super) has_closed_key_store: bool,
    /// The image's most important bundle, as it is.
    pub(super) bundle: Vec<u8>,
}

/// Fills the empty directory `target` with what the image, seen through `image`, needs. Says what
/// else each place is known as.
pub(super) fn write(
    image: &Root,
    target: &Root,
    places: &mut Places,
    certificate: &Certificate,
) -> io::Result<Layer> {
    let mut writer = Writer { image, target, layer: Layer::default(), names: BTreeMap::new() };
    writer.directory(b"")?;
    let database = apk::Database::read(image)?;
    for (path, format) in places.all(image) {
        let Some(path) = places::file_at(image, &path)? else { continue };
        places.add(&path, format);
        if !writer.has(&path)? {
            writer.extend(&path, format, certificate, &database)?;
        }
    }
    for directory in places::anchors(image)? {
        writer.anchor(&directory, certificate)?;
    }
    for path in places.bundles() {
        if let Some(content) = read(image, path)?
            && pem::is_bundle(&content)
        {
            writer.layer.bundle = content;
            break;
        }
    }
    writer.finish()
}

/// What a path leads to; none for what is too large.
fn read(root: &Root, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let Some(path) = places::file_at(root, path)? else { return Ok(None) };
    match root.read(&path, STORE_SIZE_MAX) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(None),
        read => read,
    }
}

struct Writer<'a> {
    image: &'a Root,
    target: &'a Root,
    layer: Layer,
    /// First name of each file that has several.
    names: BTreeMap<(u64, u64), Vec<u8>>,
}

impl Writer<'_> {
    fn has(&self, path: &[u8]) -> io::Result<bool> {
        match self.target.exists_no_follow(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            answer => answer,
        }
    }

    fn extend(
        &mut self,
        path: &[u8],
        format: Format,
        certificate: &Certificate,
        database: &apk::Database,
    ) -> io::Result<()> {
        let Some(content) = read(self.image, path)? else { return Ok(()) };
        let Some(metadata) = self.image.entry(path)? else { return Ok(()) };
        let extended = match format {
            Format::Pem if pem::is_bundle(&content) => {
                [content.as_slice(), &pem::addition(&content, certificate)].concat()
            }
            Format::Pem => return Ok(()),
            Format::KeyStore => {
                let Some(extended) = keystore::add(&content, certificate) else {
                    self.layer.has_closed_key_store = true;
                    return Ok(());
                };
                extended
            }
        };
        self.directory(split(path).0)?;
        if let Some(first) = self.names.get(&metadata.inode) {
            return self.target.hard_link(first, path);
        }
        self.file(path, &extended, metadata.mode, metadata.owner)?;
        self.copy_xattrs(path)?;
        self.target.set_times(path, metadata.mtime)?;
        if metadata.links > 1 {
            self.names.insert(metadata.inode, path.to_vec());
        }
        self.layer.owned_by_apk.note(database, path, &content);
        if format == Format::Pem && !pem::is_terminated(&content) {
            self.layer.unterminated.push(content);
        }
        Ok(())
    }

    /// Puts the certificate into a directory under a name that nothing has.
    fn anchor(&mut self, directory: &[u8], certificate: &Certificate) -> io::Result<()> {
        for number in 0_u32.. {
            let name = if number == 0 { "rlock.pem".into() } else { format!("rlock-{number}.pem") };
            let path = join(directory, name.as_bytes());
            if self.image.exists_no_follow(&path)? {
                continue;
            }
            self.directory(directory)?;
            self.file(&path, certificate.pem(), 0o644, Owner::default())?;
            let mtime = self.layer.directories.get(directory).map(|found| found.mtime);
            self.target.set_times(&path, mtime.unwrap_or_default())?;
            self.layer.injected.insert(path);
            break;
        }
        Ok(())
    }

    fn file(&self, path: &[u8], content: &[u8], mode: u32, owner: Owner) -> io::Result<()> {
        self.target.create_file(path, mode, owner)?.write_all(content)
    }

    /// Repeats a directory of the image, and those above it: the topmost layer says what it looks
    /// like.
    fn directory(&mut self, path: &[u8]) -> io::Result<()> {
        if self.layer.directories.contains_key(path) {
            return Ok(());
        }
        let found = self.image.entry(path)?.ok_or(io::ErrorKind::NotFound)?;
        if path.is_empty() {
            self.target.set_owner(path, found.owner)?;
            self.target.set_mode(path, found.mode)?;
        } else {
            self.directory(split(path).0)?;
            self.target.create_dir(path, found.mode, found.owner)?;
        }
        self.copy_xattrs(path)?;
        self.layer.directories.insert(path.to_vec(), found);
        Ok(())
    }

    fn copy_xattrs(&self, path: &[u8]) -> io::Result<()> {
        for (name, value) in self.image.xattrs(path)? {
            if name.starts_with(b"user.") && !name.starts_with(OVERLAY_XATTRS) {
                self.target.set_xattr(path, &name, &value)?;
            }
        }
        Ok(())
    }

    /// The times of directories last: what is made in them changes them.
    fn finish(self) -> io::Result<Layer> {
        for (path, found) in &self.layer.directories {
            self.target.set_times(path, found.mtime)?;
        }
        Ok(self.layer)
    }
}
