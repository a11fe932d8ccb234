//! The Store itself: an OCI image layout and what belongs to it.
//!
//! ```text
//! oci-layout, index.json, blobs/sha256/…   the layout, for skopeo and everybody
//! unpacked/MAPPING/DIFF-ID/                layers as directories, made when needed
//! derived/KIND/DIGEST                      what was worked out of a blob; see the module `derived`
//! unsynced/BOOT/                           what might not survive a loss of power, by name
//! locks/                                   where the lockfiles are that it serves; see the module `gc`
//! temporary/OWNER/                         half-made things; see the module `temporary`
//! ```

use super::document::{self, DOCUMENT_SIZE_MAX, Document};
use super::error::StoreError;
use super::image::Image;
use super::layout::{self, Content};
use super::source::Source;
use super::stop::Stop;
use super::temporary::{Area, TemporaryDirectory, create_dir_all, lock_file};
use super::writer::BlobWriter;
use super::{read_dir_sorted, remove_tree};
use crate::oci::{Descriptor, Digest, HashingReader, VerifiedReader};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Blobs and images on disk. Cheap to clone; safe with several threads and processes at once, and
/// with the death of any of them.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    stop: Stop,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    area: Arc<Area>,
    /// Where this boot notes what may not be on the disk yet; nothing where the system does not
    /// tell boots apart, and then everything is synced at once.
    unsynced: Option<PathBuf>,
}

impl Store {
    /// Opens the Store in a directory, and makes it where there is none. Removes what dead
    /// processes left half-made, and what a loss of power damaged.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        create_dir_all(&root.join("blobs/sha256"))?;
        layout::initialize(root)?;
        let area = Arc::new(Area::open(&root.join("temporary"))?);
        let unsynced = match boot_id() {
            Some(boot) => {
                let directory = root.join("unsynced").join(boot);
                create_dir_all(&directory)?;
                Some(directory)
            }
            None => None,
        };
        let inner = Arc::new(Inner { root: root.to_owned(), area, unsynced });
        let store = Self { inner, stop: Stop::default() };
        store.check_unsynced()?;
        Ok(store)
    }

    /// The same Store, whose long work (taking blobs in, unpacking layers) ends with an error soon
    /// after `stop` is set.
    #[must_use]
    pub fn stopped_by(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// What ends long work.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Whether the blob is there.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.size(digest).is_ok()
    }

    /// Where the blob is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        layout::blob_path(self.root(), digest)
    }

    /// The size of the blob.
    pub fn size(&self, digest: &Digest) -> Result<u64, StoreError> {
        let path = self.blob_path(digest);
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
            Ok(_) => {
                Err(StoreError::invalid(format!("`{}`", path.display()), "not a regular file"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Missing { digest: *digest, place: self.root().to_owned() })
            }
            Err(error) => Err(StoreError::io("read", &path, error)),
        }
    }

    /// Opens the blob. Reading to the end checks its content.
    pub fn open_blob(&self, digest: &Digest) -> Result<VerifiedReader<File>, StoreError> {
        let size = self.size(digest)?;
        self.mark_used(digest);
        let file = open_regular(&self.blob_path(digest))?;
        Ok(VerifiedReader::new(file, *digest, size))
    }

    /// The content of a blob that has at most `size_max` bytes.
    pub fn read_blob(&self, digest: &Digest, size_max: u64) -> Result<Vec<u8>, StoreError> {
        let size = self.size(digest)?;
        if size > size_max {
            return Err(StoreError::TooLarge { what: format!("blob {digest}"), size, size_max });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        self.open_blob(digest)?
            .read_to_end(&mut bytes)
            .map_err(|error| StoreError::io("read", &self.blob_path(digest), error))?;
        Ok(bytes)
    }

    /// Takes a blob in.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let mut writer = self.writer()?;
        writer.write_all(bytes).map_err(|error| writer.failed(error))?;
        Ok(writer.commit()?.0)
    }

    /// Takes a blob in piece by piece. It is there once the writer is committed.
    pub fn writer(&self) -> Result<BlobWriter, StoreError> {
        BlobWriter::new(self.clone(), self.inner.area.fresh_path("blob"))
    }

    /// Makes a directory on the Store's file system that goes when dropped.
    pub fn temporary_directory(&self) -> Result<TemporaryDirectory, StoreError> {
        TemporaryDirectory::new(&self.inner.area)
    }

    /// Takes an image in: its manifest, config and layers, verified.
    pub fn add_image(&self, image: &Image) -> Result<Digest, StoreError> {
        layout::add(image, self.root(), None, &mut |digest, size, content| {
            if self.size(digest).is_ok_and(|there| there == size) {
                self.mark_used(digest);
                return Ok(());
            }
            match content {
                Content::Bytes(bytes) => self.put(bytes).map(|_| ()),
                Content::Layer(layer) => {
                    let mut writer = self.writer()?;
                    layer.location.copy_to(size, &mut writer)?;
                    match writer.commit_as(digest, size) {
                        Err(StoreError::Promise { source, .. }) => {
                            Err(layer.location.blame(source))
                        }
                        other => other,
                    }
                }
            }
        })?;
        Ok(image.manifest_digest)
    }

    /// The image of a manifest in the Store.
    pub fn image(&self, manifest: &Digest) -> Result<Image, StoreError> {
        let bytes = self.read_blob(manifest, DOCUMENT_SIZE_MAX)?;
        let name = manifest.to_string();
        match document::parse(&bytes, None, &name)? {
            Document::Manifest(manifest) => {
                let source = Source::Layout(self.root().to_owned());
                let image = Image::assemble(&source, bytes, manifest, None, name)?;
                // Who has its layers unpacked does not open them.
                for descriptor in image.manifest.layers.iter().chain([&image.manifest.config]) {
                    self.mark_used(&descriptor.digest);
                }
                Ok(image)
            }
            Document::Index(_) => Err(StoreError::invalid(name, "an index and not a manifest")),
        }
    }

    /// What the manifest of an image names: config and layers. They need not be there.
    pub fn image_blobs(&self, manifest: &Digest) -> Result<Vec<Descriptor>, StoreError> {
        let bytes = self.read_blob(manifest, DOCUMENT_SIZE_MAX)?;
        match document::parse(&bytes, None, &manifest.to_string())? {
            Document::Manifest(manifest) => {
                Ok([manifest.config].into_iter().chain(manifest.layers).collect())
            }
            Document::Index(_) => {
                Err(StoreError::invalid(manifest.to_string(), "an index and not a manifest"))
            }
        }
    }

    /// What has no place yet and may go with this process.
    pub(super) fn area(&self) -> &Area {
        &self.inner.area
    }

    /// Notes that something is not known to be on the disk. It is renamed into its place after
    /// this, so a file system that keeps the order of such changes, as journalling ones do, never
    /// has the one without the other after a loss of power.
    ///
    /// Waiting for the disk instead would cost each build as long as writing its layers twice
    /// takes; and what is lost, is lost with the power only.
    pub(super) fn note_unsynced(&self, name: &str, file: Option<&File>) -> Result<(), StoreError> {
        match (&self.inner.unsynced, file) {
            (Some(directory), _) => {
                let note = directory.join(name);
                File::create(&note).map_err(|error| StoreError::io("create", &note, error))?;
                Ok(())
            }
            (None, Some(file)) => file
                .sync_data()
                .map_err(|error| StoreError::io("write", &self.root().join(name), error)),
            (None, None) => Ok(()),
        }
    }

    /// Goes through the notes: what an earlier boot left is verified or dropped, what this boot
    /// left is by now on the disk or brought there.
    fn check_unsynced(&self) -> Result<(), StoreError> {
        let parent = self.root().join("unsynced");
        let Some(current) = &self.inner.unsynced else { return Ok(()) };
        let _one_at_a_time = lock_file(&parent.join("lock"))?;
        let boots = list(&parent)?;
        for boot in boots.into_iter().filter(|boot| boot.is_dir()) {
            for note in list(&boot)? {
                if boot == *current { self.sync_noted(&note) } else { self.check_noted(&note)? }
            }
            if boot != *current {
                remove_tree(&boot).map_err(|error| StoreError::io("remove", &boot, error))?;
            }
        }
        Ok(())
    }

    /// Best effort: a note that stays costs one more look after the next boot.
    fn sync_noted(&self, note: &Path) {
        let Some(digest) = noted_blob(note) else { return };
        let synced = match File::open(self.blob_path(&digest)) {
            Ok(file) => file.sync_data().is_ok(),
            // Its writer may be about to put it there.
            Err(_) => false,
        };
        if synced && let Err(error) = std::fs::remove_file(note) {
            tracing::debug!(path = %note.display(), %error, "note stays");
        }
    }

    fn check_noted(&self, note: &Path) -> Result<(), StoreError> {
        let Some(digest) = noted_blob(note) else {
            return self.drop_unpacked(note);
        };
        let path = self.blob_path(&digest);
        let Ok(file) = File::open(&path) else { return Ok(()) };
        let mut reader = HashingReader::new(file);
        io::copy(&mut reader, &mut io::sink())
            .map_err(|error| StoreError::io("read", &path, error))?;
        if reader.finish().0 != digest {
            std::fs::remove_file(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        }
        Ok(())
    }

    /// Layers are unpacked in a second, so what is not known to be whole is unpacked again.
    fn drop_unpacked(&self, note: &Path) -> Result<(), StoreError> {
        let name = note.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((mapping, diff_id)) = name.split_once('.') else { return Ok(()) };
        if mapping.is_empty() || Digest::from_hex(diff_id).is_err() {
            return Ok(());
        }
        let tree = self.root().join("unpacked").join(mapping).join(diff_id);
        remove_tree(&tree).map_err(|error| StoreError::io("remove", &tree, error))
    }
}

/// Notes are named by the blob, or by mapping and diff id of an unpacked layer.
fn noted_blob(note: &Path) -> Option<Digest> {
    Digest::from_hex(note.file_name()?.to_str()?).ok()
}

pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = read_dir_sorted(path).map_err(|error| StoreError::io("list", path, error))?;
    Ok(entries.into_iter().map(|entry| entry.path()).collect())
}

/// A random id that the kernel makes when it starts (`random(4)`).
fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    let fits = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    fits.then(|| id.to_owned())
}

/// Opens a regular file. A symbolic link in the place of a blob might show another file's content
/// in an error, and a named pipe would hang: both are refused.
pub(super) fn open_regular(path: &Path) -> Result<File, StoreError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let refused = || StoreError::invalid(format!("`{}`", path.display()), "not a regular file");
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err(refused()),
        Err(error) => return Err(StoreError::io("open", path, error.into())),
    };
    let metadata = file.metadata().map_err(|error| StoreError::io("read", path, error))?;
    if metadata.is_file() { Ok(file) } else { Err(refused()) }
}
