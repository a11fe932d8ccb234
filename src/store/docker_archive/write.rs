//! Writing archives.

use super::{MANIFEST_FILE, Saved};
use crate::archive::tar::{self, Entry, Kind};
use crate::oci::{Digest, VerifiedReader};
use crate::store::error::StoreError;
use crate::store::image::Image;
use crate::store::layer::Layer;
use crate::store::{layout, select};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read};
use std::path::Path;

/// Writes an archive that `docker load`, `podman load` and skopeo take. `tag` is the name that the
/// image gets when it is loaded (`app:1.0`).
pub fn write(image: &Image, path: &Path, tag: Option<&str>) -> Result<(), StoreError> {
    let place = |error| StoreError::io("write", path, error);
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = tempfile::Builder::new()
        .prefix(".rlock-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(directory)
        .map_err(place)?;
    let mut writer = tar::Writer::new(BufWriter::with_capacity(256 << 10, temporary.as_file()));
    write_members(image, tag, path, &mut writer)?;
    let output = writer.finish().map_err(|source| archive_error(path, source))?;
    output.into_inner().map_err(|error| place(error.into_error()))?.sync_data().map_err(place)?;
    temporary.persist(path).map_err(|error| place(error.error))?;
    Ok(())
}

fn write_members<W: io::Write>(
    image: &Image,
    tag: Option<&str>,
    path: &Path,
    writer: &mut tar::Writer<W>,
) -> Result<(), StoreError> {
    let name = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let json = |bytes: serde_json::Result<Vec<u8>>| {
        bytes.map_err(|error| StoreError::io("write", path, io::Error::other(error)))
    };
    let saved = Saved {
        config: name(&image.manifest.config.digest),
        repo_tags: Some(tag.map(str::to_owned).into_iter().collect()),
        layers: Some(image.layers.iter().map(|layer| name(&layer.descriptor.digest)).collect()),
    };
    let mut index = layout::empty_index();
    index.manifests.push(layout::descriptor(image, None));
    for listed in &mut index.manifests {
        listed.annotations = select::annotations(tag);
    }
    let index = json(serde_json::to_vec(&index))?;
    let manifest_json = json(serde_json::to_vec(&[saved]))?;

    let mut blobs: BTreeMap<String, Option<&Layer>> = BTreeMap::new();
    for layer in &image.layers {
        blobs.insert(name(&layer.descriptor.digest), Some(layer));
    }
    let config = (name(&image.manifest.config.digest), &*image.config_bytes);
    let manifest = (name(&image.manifest_digest), &*image.manifest_bytes);
    let documents = BTreeMap::from([config, manifest]);
    blobs.extend(documents.keys().map(|name| (name.clone(), None)));

    for directory in ["blobs", "blobs/sha256"] {
        append(writer, path, directory, Kind::Directory, 0, &mut io::empty())?;
    }
    for (name, layer) in &blobs {
        match (layer, documents.get(name)) {
            (Some(Layer { descriptor, location, .. }), _) => {
                let size = descriptor.size;
                let mut blob = VerifiedReader::new(location.open(size)?, descriptor.digest, size);
                append(writer, path, name, Kind::File, size, &mut blob)?;
            }
            (None, Some(bytes)) => {
                let mut bytes = *bytes;
                append(writer, path, name, Kind::File, bytes.len() as u64, &mut bytes)?;
            }
            (None, None) => {}
        }
    }
    let files = [
        ("index.json", &*index),
        (MANIFEST_FILE, &*manifest_json),
        ("oci-layout", layout::LAYOUT_CONTENT),
    ];
    for (name, mut bytes) in files {
        append(writer, path, name, Kind::File, bytes.len() as u64, &mut bytes)?;
    }
    Ok(())
}

fn append<W: io::Write>(
    writer: &mut tar::Writer<W>,
    path: &Path,
    name: &str,
    kind: Kind,
    size: u64,
    body: &mut dyn Read,
) -> Result<(), StoreError> {
    let mut entry = Entry::new(name, kind);
    entry.size = size;
    writer.append(&entry, body).map_err(|source| archive_error(path, source))
}

fn archive_error(path: &Path, source: tar::TarError) -> StoreError {
    StoreError::archive(format!("of `{}`", path.display()), source)
}
