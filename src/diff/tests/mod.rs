//! Images of a few files, made in memory: what must be found, and what must not.

mod contents;
mod encoding;
mod layers;
mod properties;

use super::*;
use crate::oci::{Descriptor, ImageConfig, Manifest};
use crate::store::{Layer, Location};
use std::path::PathBuf;
use tar::EntryType;
use tempfile::TempDir;

/// 2026-01-01.
pub(crate) const TIME: u64 = 1_767_225_600;

/// An entry of a layer, as an archive has it.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    path: String,
    kind: EntryType,
    mode: u32,
    owner: (u64, u64),
    user_name: &'static str,
    time: u64,
    content: Vec<u8>,
    link: String,
    attributes: Vec<(&'static str, Vec<u8>)>,
    device: (u32, u32),
}

pub(crate) fn part(path: &str, kind: EntryType) -> Part {
    Part {
        path: path.to_owned(),
        kind,
        mode: if kind == EntryType::Directory { 0o755 } else { 0o644 },
        owner: (0, 0),
        user_name: "",
        time: TIME,
        content: Vec::new(),
        link: String::new(),
        attributes: Vec::new(),
        device: (0, 0),
    }
}

pub(crate) fn file(path: &str, content: impl AsRef<[u8]>) -> Part {
    Part { content: content.as_ref().to_vec(), ..part(path, EntryType::Regular) }
}

pub(crate) fn directory(path: &str) -> Part {
    part(path, EntryType::Directory)
}

pub(crate) fn link(path: &str, target: &str) -> Part {
    Part { link: target.to_owned(), ..part(path, EntryType::Symlink) }
}

pub(crate) fn hardlink(path: &str, target: &str) -> Part {
    Part { link: target.to_owned(), ..part(path, EntryType::Link) }
}

/// `directory` + `.wh.name`.
pub(crate) fn whiteout(path: &str) -> Part {
    let (directory, name) =
        path.rsplit_once('/').map_or(("", path), |(directory, name)| (directory, name));
    let slash = if directory.is_empty() { "" } else { "/" };
    file(&format!("{directory}{slash}.wh.{name}"), "")
}

impl Part {
    pub(crate) fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    pub(crate) fn time(self, time: u64) -> Self {
        Self { time, ..self }
    }
}

/// The archive of some entries, in their order. Written by the `tar` crate: our own writer has one
/// order and one dialect only.
pub(crate) fn archive(parts: &[Part]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for part in parts {
        let pax = part.attributes.iter().map(|(name, value)| (*name, &value[..]));
        if !part.attributes.is_empty() {
            builder.append_pax_extensions(pax).unwrap();
        }
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(part.kind);
        header.set_mode(part.mode);
        header.set_uid(part.owner.0);
        header.set_gid(part.owner.1);
        header.set_username(part.user_name).unwrap();
        header.set_mtime(part.time);
        header.set_size(part.content.len() as u64);
        header.set_device_major(part.device.0).unwrap();
        header.set_device_minor(part.device.1).unwrap();
        if part.link.is_empty() {
            builder.append_data(&mut header, &part.path, &part.content[..]).unwrap();
        } else {
            builder.append_link(&mut header, &part.path, &part.link).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

/// Where the layers of test images are.
#[derive(Debug)]
pub(crate) struct Blobs(TempDir);

impl Blobs {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.0.path().join(digest.hex())
    }

    pub(crate) fn layer(&self, archive: &[u8]) -> Layer {
        let digest = Digest::of(archive);
        std::fs::write(self.path(&digest), archive).unwrap();
        Layer {
            diff_id: digest,
            descriptor: descriptor(digest, archive.len()),
            location: Location::File(self.path(&digest)),
        }
    }

    pub(crate) fn image(&self, layers: &[&[Part]]) -> Image {
        let layers = layers.iter().map(|parts| self.layer(&archive(parts))).collect();
        image_of(layers, serde_json::json!({}))
    }

    /// Whoever reads this layer fails.
    pub(crate) fn lose(&self, layer: &Layer) {
        std::fs::remove_file(self.path(&layer.diff_id)).unwrap();
    }
}

pub(crate) fn image_of(layers: Vec<Layer>, mut config: serde_json::Value) -> Image {
    let ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    config["os"] = "linux".into();
    config["architecture"] = "amd64".into();
    config["rootfs"] = serde_json::json!({"type": "layers", "diff_ids": ids});
    let config_bytes = config.to_string().into_bytes();
    let manifest = Manifest {
        schema_version: 2,
        media_type: None,
        config: descriptor(Digest::of(&config_bytes), config_bytes.len()),
        layers: layers.iter().map(|layer| layer.descriptor.clone()).collect(),
        annotations: std::collections::BTreeMap::new(),
    };
    let manifest_bytes = serde_json::to_vec(&manifest).unwrap();
    Image {
        manifest_digest: Digest::of(&manifest_bytes),
        manifest_bytes,
        manifest,
        config: serde_json::from_slice::<ImageConfig>(&config_bytes).unwrap(),
        config_bytes,
        layers,
        index: None,
        name: "test".to_owned(),
    }
}

fn descriptor(digest: Digest, size: usize) -> Descriptor {
    Descriptor {
        media_type: "application/vnd.oci.image.layer.v1.tar".to_owned(),
        digest,
        size: size as u64,
        platform: None,
        annotations: std::collections::BTreeMap::new(),
    }
}

pub(crate) fn compare_images(left: &Image, right: &Image) -> ImageDiff {
    images(left, right, &Options::default()).unwrap()
}

/// Compares two images of one layer each.
pub(crate) fn compare_parts(left: &[Part], right: &[Part]) -> ImageDiff {
    let blobs = Blobs::new();
    compare_images(&blobs.image(&[left]), &blobs.image(&[right]))
}

/// `path: aspect, aspect` of each difference.
pub(crate) fn shown(diff: &ImageDiff) -> Vec<String> {
    let line = |file: &FileDifference| {
        let aspects: Vec<_> = file.aspects.iter().map(|aspect| aspect.name()).collect();
        format!("{}: {}", String::from_utf8_lossy(&file.path), aspects.join(", "))
    };
    diff.files.iter().map(line).collect()
}

#[test]
fn each_aspect_is_found_and_nothing_else() {
    let device = |major| Part { device: (major, 1), ..part("dev", EntryType::Char) };
    let cases: Vec<(Part, Part, &str)> = vec![
        (file("x", "a"), file("x", "b"), "x: content"),
        (file("x", "a"), file("x", "bc"), "x: content, size"),
        (file("x", ""), directory("x").mode(0o644), "x: kind"),
        (file("x", "").mode(0o755), file("x", "").mode(0o4755), "x: mode"),
        (file("x", ""), Part { owner: (0, 5), ..file("x", "") }, "x: owner"),
        (file("x", ""), file("x", "").time(TIME + 1), "x: mtime"),
        (directory("x"), directory("x").time(TIME + 1), "x: mtime"),
        (link("x", "a"), link("x", "b"), "x: target"),
        (device(1), device(2), "dev: device"),
    ];
    for (left, right, expected) in cases {
        let diff = compare_parts(&[left], &[right]);
        assert_eq!(shown(&diff), [expected]);
        assert!(!diff.encoding_only && !diff.is_empty());
    }
}

#[test]
fn one_sided_paths_are_found_on_either_side() {
    let (a, b) = ([file("a", "")], [file("a", ""), file("b", "")]);
    assert_eq!(shown(&compare_parts(&a, &b)), ["b: presence"]);
    let diff = compare_parts(&b, &a);
    assert_eq!(shown(&diff), ["b: presence"]);
    assert!(diff.files[0].left.is_some() && diff.files[0].right.is_none());
}

#[test]
fn capabilities_count_and_labels_of_the_host_do_not() {
    let with =
        |name, value: &[u8]| Part { attributes: vec![(name, value.to_vec())], ..file("ping", "x") };
    let capability = "SCHILY.xattr.security.capability";
    let (one, other): (&[u8], &[u8]) = (
        b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    );
    let diff = compare_parts(&[with(capability, one)], &[file("ping", "x")]);
    assert_eq!(shown(&diff), ["ping: attributes"]);
    let diff = compare_parts(&[with(capability, one)], &[with(capability, other)]);
    assert_eq!(shown(&diff), ["ping: attributes"]);
    let label = with("SCHILY.xattr.security.selinux", b"system_u:object_r:usr_t:s0\0");
    assert!(compare_parts(&[label], &[file("ping", "x")]).encoding_only);
}

#[test]
fn configs_are_compared_with_the_files() {
    let blobs = Blobs::new();
    let image = |user: &str| {
        let layer = blobs.layer(&archive(&[file("a", "")]));
        image_of(vec![layer], serde_json::json!({"config": {"User": user}}))
    };
    let diff = compare_images(&image("a"), &image("b"));
    assert_eq!(diff.config.len(), 1);
    assert_eq!(diff.config[0].field, "config.User");
    assert!(diff.files.is_empty() && !diff.encoding_only);
    assert_eq!(diff.compared, 0);
}
