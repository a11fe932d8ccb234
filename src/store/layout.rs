//! OCI image layouts: a folder of blobs and an index of the images in it.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>.

use super::document::{self, DOCUMENT_SIZE_MAX, Document};
use super::error::StoreError;
use super::image::Image;
use super::layer::Layer;
use super::select::{self, REF_NAME};
use super::source::Source;
use super::temporary::{create_dir_all, lock};
use crate::oci::{Descriptor, Digest, HashingWriter, Index, Platform, media_type};
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Which image of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one with this name.
    Tag(String),
    /// The manifest with this digest, or the index with it and then the platform's manifest.
    Digest(Digest),
    /// The only one there is.
    Any,
}

const LAYOUT_FILE: &str = "oci-layout";
pub(super) const LAYOUT_CONTENT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const INDEX_FILE: &str = "index.json";

/// Opens an image of the layout in folder `path`.
pub fn open(path: &Path, selector: &Selector, platform: &Platform) -> Result<Image, StoreError> {
    let source = Source::Layout(path.to_owned());
    match read_index(&source)? {
        Some(index) => select::select(&source, &index, selector, platform),
        None => match std::fs::metadata(path) {
            Ok(_) => Err(StoreError::invalid(
                format!("`{}`", path.display()),
                "not an OCI image layout: it has no `oci-layout` and `index.json`",
            )),
            Err(error) => Err(StoreError::io("open", path, error)),
        },
    }
}

/// Writes the image into the layout in folder `path`, which is made where there is none. Where
/// another image has the tag, it loses it. Several processes may write to one layout.
pub fn write(image: &Image, path: &Path, tag: Option<&str>) -> Result<(), StoreError> {
    create_dir_all(&path.join("blobs/sha256"))?;
    initialize(path)?;
    add(image, path, tag, &mut |digest, size, content| write_blob(path, digest, size, &content))
}

/// What a blob is made from.
pub(super) enum Content<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// The blob of a layer.
    Layer(&'a Layer),
}

/// Where a layout has the blob.
pub(super) fn blob_path(root: &Path, digest: &Digest) -> PathBuf {
    root.join("blobs/sha256").join(digest.hex())
}

/// The layout's index; nothing if this is not a layout.
pub(super) fn read_index(source: &Source) -> Result<Option<Index>, StoreError> {
    let place = |file: &str| format!("`{file}` in `{}`", source.place().display());
    let Some(marker) = source.read_file(LAYOUT_FILE, DOCUMENT_SIZE_MAX)? else { return Ok(None) };
    let marker: BTreeMap<String, serde_json::Value> =
        document::parse_json(&marker, &place(LAYOUT_FILE))?;
    let version = marker.get("imageLayoutVersion").and_then(serde_json::Value::as_str);
    if version != Some("1.0.0") {
        let reason = "`imageLayoutVersion` is not `1.0.0`";
        return Err(StoreError::invalid(place(LAYOUT_FILE), reason));
    }
    let Some(bytes) = source.read_file(INDEX_FILE, DOCUMENT_SIZE_MAX)? else { return Ok(None) };
    match document::parse(&bytes, None, &place(INDEX_FILE))? {
        Document::Index(index) => Ok(Some(index)),
        Document::Manifest(_) => Err(StoreError::invalid(place(INDEX_FILE), "not an index")),
    }
}

/// Makes a folder an empty layout, if it is not one yet.
pub(super) fn initialize(root: &Path) -> Result<(), StoreError> {
    let marker = root.join(LAYOUT_FILE);
    if marker.exists() && root.join(INDEX_FILE).exists() {
        return Ok(());
    }
    let _one_at_a_time = lock_directory(root)?;
    if !root.join(INDEX_FILE).exists() {
        write_index(root, &empty_index())?;
    }
    if !marker.exists() {
        write_document(&marker, LAYOUT_CONTENT)?;
    }
    Ok(())
}

/// Adds an image to a layout: first what is pointed to, then what points, last the index.
pub(super) fn add(
    image: &Image,
    root: &Path,
    tag: Option<&str>,
    put: &mut dyn FnMut(&Digest, u64, Content<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for layer in &image.layers {
        put(&layer.descriptor.digest, layer.descriptor.size, Content::Layer(layer))?;
    }
    let config = &image.manifest.config;
    put(&config.digest, config.size, Content::Bytes(&image.config_bytes))?;
    let size = image.manifest_bytes.len() as u64;
    put(&image.manifest_digest, size, Content::Bytes(&image.manifest_bytes))?;

    let _one_at_a_time = lock_directory(root)?;
    let source = Source::Layout(root.to_owned());
    let mut index = read_index(&source)?.unwrap_or_else(empty_index);
    let before = index.clone();
    enter(&mut index, descriptor(image, tag));
    if index == before { Ok(()) } else { write_index(root, &index) }
}

/// Takes images off a layout's list; says how many. Their blobs stay.
pub(super) fn unlist(root: &Path, stays: &dyn Fn(&Descriptor) -> bool) -> Result<u64, StoreError> {
    let _one_at_a_time = lock_directory(root)?;
    let source = Source::Layout(root.to_owned());
    let Some(mut index) = read_index(&source)? else { return Ok(0) };
    let before = index.manifests.len();
    index.manifests.retain(stays);
    let removed = before - index.manifests.len();
    if removed > 0 {
        write_index(root, &index)?;
    }
    Ok(removed as u64)
}

/// How a layout lists the image.
pub(super) fn descriptor(image: &Image, tag: Option<&str>) -> Descriptor {
    let name = tag.map(|tag| (REF_NAME.to_owned(), tag.to_owned()));
    Descriptor {
        media_type: select::manifest_type(&image.manifest),
        digest: image.manifest_digest,
        size: image.manifest_bytes.len() as u64,
        platform: Some(image.config.platform.clone()),
        annotations: name.into_iter().collect(),
    }
}

/// A tag belongs to one image; an image without tag is listed once.
fn enter(index: &mut Index, descriptor: Descriptor) {
    let tag = descriptor.annotations.get(REF_NAME);
    let listed = |other: &Descriptor| match tag {
        Some(tag) => other.annotations.get(REF_NAME) == Some(tag),
        None => other.digest == descriptor.digest,
    };
    if tag.is_none() && index.manifests.iter().any(listed) {
        return;
    }
    index.manifests.retain(|other| !listed(other));
    index.manifests.push(descriptor);
}

pub(super) fn empty_index() -> Index {
    Index {
        schema_version: 2,
        media_type: Some(media_type::INDEX.to_owned()),
        manifests: Vec::new(),
        annotations: BTreeMap::new(),
    }
}

fn write_index(root: &Path, index: &Index) -> Result<(), StoreError> {
    let path = root.join(INDEX_FILE);
    let bytes = serde_json::to_vec(index)
        .map_err(|error| StoreError::io("write", &path, io::Error::other(error)))?;
    write_document(&path, &bytes)
}

/// Who has the folder's own lock may change its index.
fn lock_directory(root: &Path) -> Result<File, StoreError> {
    let directory = File::open(root).map_err(|error| StoreError::io("open", root, error))?;
    lock(&directory, root)?;
    Ok(directory)
}

fn write_document(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_whole(path, |file| {
        file.write_all(bytes).map_err(|error| StoreError::io("write", path, error))
    })
}

fn write_blob(
    root: &Path,
    digest: &Digest,
    size: u64,
    content: &Content<'_>,
) -> Result<(), StoreError> {
    let path = blob_path(root, digest);
    if std::fs::symlink_metadata(&path).is_ok_and(|old| old.is_file() && old.len() == size) {
        return Ok(());
    }
    match content {
        Content::Bytes(bytes) => write_document(&path, bytes),
        Content::Layer(layer) => write_whole(&path, |file| {
            let mut output = HashingWriter::new(file);
            layer.location.copy_to(size, &mut output)?;
            let (found, found_size, _) = output.finish();
            match super::writer::compare((*digest, size), (found, found_size)) {
                Some(mismatch) => Err(layer.location.blame(mismatch)),
                None => Ok(()),
            }
        }),
    }
}

/// Writes a file under a temporary name, brings it to the disk and then to its place.
fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let place = |error| StoreError::io("write", path, error);
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".rlock-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)
        .map_err(place)?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_data().map_err(place)?;
    temporary.persist(path).map_err(|error| place(error.error))?;
    Ok(())
}
