//! Images in layouts and archives: those of other programs, and hostile ones.

use crate::oci::{Descriptor, Digest, Platform, media_type};
use crate::store::document::DOCUMENT_SIZE_MAX;
use crate::store::tree::tests::{archive, directory, file};
use crate::store::{FileTree, Image, Selector, Store, StoreError, docker_archive, layout};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn amd64() -> Platform {
    "linux/amd64".parse().unwrap()
}

/// A layout under construction.
struct Fixture {
    root: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("blobs/sha256")).unwrap();
        fs::write(root.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { root }
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    fn blob(&self, bytes: &[u8], media_type: &str) -> Value {
        let digest = Digest::of(bytes);
        fs::write(self.path().join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    fn document(&self, document: &Value, media_type: &str) -> Value {
        self.blob(document.to_string().as_bytes(), media_type)
    }

    /// A manifest whose only layer has one file with this content.
    fn manifest(&self, architecture: &str, content: &str) -> Value {
        let layer = archive(&[directory("etc"), file("etc/name", content.as_bytes())]);
        let diff_id = Digest::of(&layer);
        let config = json!({"os": "linux", "architecture": architecture,
            "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
        json!({"schemaVersion": 2, "mediaType": media_type::MANIFEST,
            "config": self.document(&config, media_type::CONFIG),
            "layers": [self.blob(&layer, media_type::LAYER)]})
    }

    fn image(&self, architecture: &str, content: &str) -> Value {
        self.document(&self.manifest(architecture, content), media_type::MANIFEST)
    }

    fn index(&self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }

    fn open(&self, selector: &Selector) -> Result<Image, StoreError> {
        layout::open(self.path(), selector, &amd64())
    }

    #[track_caller]
    fn refused(&self, manifest: &Value, reason: &str) {
        self.index(&[self.document(manifest, media_type::MANIFEST)]);
        let error = self.open(&Selector::Any).unwrap_err();
        assert!(error.is_integrity(), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

fn tagged(mut descriptor: Value, tag: &str) -> Value {
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    descriptor
}

fn for_platform(mut descriptor: Value, architecture: &str) -> Value {
    descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
    descriptor
}

fn content(image: &Image) -> u64 {
    let mut tree = FileTree::new();
    for (index, layer) in image.layers.iter().enumerate() {
        tree.apply_layer(index, layer.open().unwrap()).unwrap();
    }
    match tree.get(b"etc/name").unwrap().kind {
        crate::store::NodeKind::File { size, .. } => size,
        _ => panic!(),
    }
}

fn tag(name: &str) -> Selector {
    Selector::Tag(name.to_owned())
}

#[test]
fn tags_choose_and_a_wrong_one_tells_the_others() {
    let layout = Fixture::new();
    layout.index(&[
        tagged(layout.image("amd64", "1"), "one"),
        tagged(layout.image("amd64", "22"), "docker.io/library/app:two"),
    ]);
    assert_eq!(content(&layout.open(&tag("one")).unwrap()), 1);
    assert_eq!(content(&layout.open(&tag("app:two")).unwrap()), 2);
    let error = layout.open(&tag("three")).unwrap_err();
    assert!(error.to_string().contains("no image named `three`"), "{error}");
    assert_eq!(error.hint().unwrap(), "it has `one`, `docker.io/library/app:two`");
    assert!(!error.is_integrity());
    let error = layout.open(&Selector::Any).unwrap_err();
    assert!(error.hint().unwrap().contains("`one`, "), "{error}");
}

#[test]
fn indexes_lead_to_the_platform() {
    let layout = Fixture::new();
    let mut attestation = layout.image("unknown", "4444");
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let manifests = [
        for_platform(layout.image("arm64", "333"), "arm64"),
        for_platform(layout.image("amd64", "1"), "amd64"),
        attestation,
    ];
    let index = json!({"schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": manifests});
    let inner = layout.document(&index, media_type::INDEX);
    let outer = json!({"schemaVersion": 2, "manifests": [inner.clone()]});
    let outer = layout.document(&outer, media_type::INDEX);
    layout.index(&[tagged(outer.clone(), "t")]);
    let image = layout.open(&tag("t")).unwrap();
    assert_eq!(content(&image), 1);
    assert_eq!(image.index.unwrap().to_string(), outer["digest"].as_str().unwrap());

    let by_digest =
        |value: &Value| Selector::Digest(value["digest"].as_str().unwrap().parse().unwrap());
    for wanted in [&outer, &inner, &manifests[1]] {
        assert_eq!(content(&layout.open(&by_digest(wanted)).unwrap()), 1);
    }
    assert_eq!(content(&layout.open(&by_digest(&manifests[0])).unwrap()), 3);
    let riscv = "linux/riscv64".parse().unwrap();
    let error = layout::open(layout.path(), &tag("t"), &riscv).unwrap_err();
    assert!(error.hint().unwrap().ends_with("linux/arm64, linux/amd64"), "{error}");
    let error = layout.open(&Selector::Digest(Digest::of(b"none"))).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
}

#[test]
fn documents_that_can_be_read_in_two_ways_are_refused() {
    let layout = Fixture::new();
    let good = layout.manifest("amd64", "1");
    let with = |key: &str, value: Value| {
        let mut manifest = good.clone();
        manifest[key] = value;
        manifest
    };
    layout.refused(&with("manifests", json!([])), "both `layers` and `manifests`");
    layout.refused(&with("Layers", json!([])), "`Layers`");
    layout.refused(&with("mediaType", json!(media_type::INDEX)), "where");
    layout.refused(&with("mediaType", json!(7)), "not a string");
    layout.refused(&with("schemaVersion", json!(1)), "schemaVersion");
    let artifact = layout.blob(b"{}", "application/vnd.example.chart.config.v1+json");
    layout.refused(&with("config", artifact), "artifact");
    let text = layout.blob(b"text", "text/plain");
    layout.refused(&with("layers", json!([text])), "`text/plain`");
    layout.refused(&with("layers", json!([])), "1 diff ids for 0 layers");
    let many = vec![good["layers"][0].clone(); 10_000];
    layout.refused(&with("layers", json!(many)), "10000 layers");
    for bad in ["not json", "[1]", "{\"rootfs\": {}}", &"[".repeat(100_000)] {
        let config = layout.blob(bad.as_bytes(), media_type::CONFIG);
        layout.refused(&with("config", config), "config sha256:");
    }
    for digest in ["sha256:../../x", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:ABC"] {
        let mut config = good["config"].clone();
        config["digest"] = json!(digest);
        layout.refused(&with("config", config), "digest");
    }
}

#[test]
fn blobs_that_are_not_what_they_should_be_are_refused() {
    let layout = Fixture::new();
    let mut manifest = layout.manifest("amd64", "1");
    manifest["layers"][0]["size"] = json!(5);
    layout.refused(&manifest, "is damaged");
    let mut manifest = layout.manifest("amd64", "1");
    manifest["config"]["size"] = json!(5);
    layout.refused(&manifest, "is damaged");
    let manifest = layout.manifest("amd64", "1");
    let config: Digest = manifest["config"]["digest"].as_str().unwrap().parse().unwrap();
    let path = layout::blob_path(layout.path(), &config);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    layout.refused(&manifest, "not a regular file");
    fs::remove_file(&path).unwrap();
    layout.index(&[layout.document(&manifest, media_type::MANIFEST)]);
    let error = layout.open(&Selector::Any).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    let large = format!("{{\"schemaVersion\":2,{}}}", " ".repeat(4 << 20));
    layout.index(&[layout.blob(large.as_bytes(), media_type::MANIFEST)]);
    let error = layout.open(&Selector::Any).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { size_max: DOCUMENT_SIZE_MAX, .. }), "{error}");
}

#[test]
fn indexes_in_indexes_end() {
    let layout = Fixture::new();
    let mut inner = layout.image("amd64", "1");
    for _ in 0..6 {
        let index = json!({"schemaVersion": 2, "manifests": [inner]});
        inner = layout.document(&index, media_type::INDEX);
    }
    layout.index(&[inner]);
    let error = layout.open(&Selector::Any).unwrap_err();
    assert!(error.to_string().contains("indexes in one another"), "{error}");
}

#[test]
fn what_is_no_layout_is_said_to_be_none() {
    let empty = tempfile::tempdir().unwrap();
    let error = layout::open(empty.path(), &Selector::Any, &amd64()).unwrap_err();
    assert!(error.to_string().contains("not an OCI image layout"), "{error}");
    let error = layout::open(&empty.path().join("none"), &Selector::Any, &amd64()).unwrap_err();
    assert!(error.to_string().contains("cannot open"), "{error}");
}

#[test]
fn images_go_through_the_store_and_out_again() {
    let layout_ = Fixture::new();
    layout_.index(&[layout_.image("amd64", "1")]);
    let image = layout_.open(&Selector::Any).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let digest = store.add_image(&image).unwrap();
    assert_eq!(digest, image.manifest_digest);
    store.add_image(&image).unwrap();
    let stored = store.image(&digest).unwrap();
    assert_eq!(content(&stored), 1);
    let index = fs::read_to_string(store.root().join("index.json")).unwrap();
    assert_eq!(index.matches(&digest.hex()).count(), 1);

    let output = folder.path().join("out");
    layout::write(&stored, &output, Some("a")).unwrap();
    layout::write(&stored, &output, Some("b")).unwrap();
    layout::write(&stored, &output, Some("a")).unwrap();
    for name in ["a", "b"] {
        let again = layout::open(&output, &tag(name), &amd64()).unwrap();
        assert_eq!(again.manifest_digest, digest);
    }
    // A damaged layer does not get through.
    let layer: &Descriptor = &image.layers[0].descriptor;
    let path = layout::blob_path(layout_.path(), &layer.digest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    let other = folder.path().join("other");
    let error = layout::write(&image, &other, None).unwrap_err();
    assert!(error.is_integrity() && error.to_string().contains(path.to_str().unwrap()), "{error}");
    let empty = Store::open(&folder.path().join("empty")).unwrap();
    assert!(empty.add_image(&image).unwrap_err().is_integrity());
    assert!(!empty.contains(&layer.digest) && !layout::blob_path(&other, &layer.digest).exists());
    let archive = folder.path().join("archive.tar");
    assert!(docker_archive::write(&image, &archive, None).unwrap_err().is_integrity());
    assert!(!archive.exists());
}

#[test]
fn archives_are_read_in_place() {
    let layout_ = Fixture::new();
    layout_.index(&[layout_.image("amd64", &"x".repeat(3 << 20))]);
    let image = layout_.open(&Selector::Any).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    docker_archive::write(&image, &path, Some("app:1")).unwrap();
    for name in [None, Some("app:1"), Some("docker.io/library/app:1")] {
        let again = docker_archive::open(&path, name, &amd64()).unwrap();
        assert_eq!(again.manifest_digest, image.manifest_digest);
        assert_eq!(content(&again), 3 << 20);
    }
    let error = docker_archive::open(&path, Some("app:2"), &amd64()).unwrap_err();
    assert_eq!(error.hint().unwrap(), "it has `docker.io/library/app:1`");
}

/// As Docker wrote archives before version 25, with a layer that comes twice as a link.
fn classic(manifest: &Value, extra: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
    let layer = archive(&[directory("etc"), file("etc/name", b"1")]);
    let diff_id = Digest::of(&layer);
    let config = json!({"os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [diff_id, diff_id]}})
    .to_string();
    let config_name = format!("{}.json", Digest::of(config.as_bytes()).hex());
    let manifest = manifest.to_string().replace("CONFIG", &config_name);
    let mut entries = vec![
        directory("aa"),
        file("aa/layer.tar", &layer),
        crate::store::tree::tests::link(
            "bb/layer.tar",
            crate::archive::tar::Kind::Symlink,
            "../aa/layer.tar",
        ),
        file(&config_name, config.as_bytes()),
        file("manifest.json", manifest.as_bytes()),
    ];
    entries.extend(extra.iter().map(|(name, body)| file(name, body)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    fs::write(&path, archive(&entries)).unwrap();
    (folder, path)
}

#[test]
fn classic_archives_are_read_too() {
    let manifest = json!([{"Config": "CONFIG", "RepoTags": ["app:1"], "Layers": ["aa/layer.tar", "bb/layer.tar"]}]);
    let (_folder, path) = classic(&manifest, &[]);
    let image = docker_archive::open(&path, Some("app:1"), &amd64()).unwrap();
    assert_eq!(content(&image), 1);
    assert_eq!(image.layers.len(), 2);
    assert_eq!(image.layers[0].location, image.layers[1].location);
    assert_eq!(image.layers[0].diff_id, image.layers[0].descriptor.digest);
    let error = docker_archive::open(&path, Some("app:2"), &amd64()).unwrap_err();
    assert_eq!(error.hint().unwrap(), "it has `app:1`");
    let folder = tempfile::tempdir().unwrap();
    layout::write(&image, folder.path(), Some("x")).unwrap();
    assert_eq!(content(&layout::open(folder.path(), &tag("x"), &amd64()).unwrap()), 1);
}

#[test]
fn hostile_archives_are_refused() {
    let entry = |config: &str, layers: &[&str]| json!([{"Config": config, "Layers": layers}]);
    let cases = [
        (entry("CONFIG", &["../../x", "aa/layer.tar"]), "leads upward"),
        (entry("CONFIG", &["/etc/passwd", "aa/layer.tar"]), "absolute"),
        (entry("CONFIG", &["aa/none.tar", "aa/layer.tar"]), "not in the archive"),
        (entry("CONFIG", &["aa/layer.tar"]), "2 diff ids for 1 layers"),
        (entry("manifest.json", &[]), "expected struct"),
        (json!({"Config": "CONFIG"}), "manifest.json"),
    ];
    for (manifest, reason) in cases {
        let (_folder, path) = classic(&manifest, &[]);
        let error = docker_archive::open(&path, None, &amd64()).unwrap_err();
        assert!(error.is_integrity(), "{error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
    let good = entry("CONFIG", &["aa/layer.tar", "aa/layer.tar"]);
    let (_folder, path) = classic(&good, &[("aa/layer.tar", b"again")]);
    let error = docker_archive::open(&path, None, &amd64()).unwrap_err();
    assert!(error.to_string().contains("`aa/layer.tar` twice"), "{error}");
    let wrong = format!("{}.json", Digest::of(b"other").hex());
    let (_folder, path) = classic(&entry(&wrong, &[]), &[(&wrong, b"{}")]);
    let error = docker_archive::open(&path, None, &amd64()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    fs::write(&path, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]).unwrap();
    let error = docker_archive::open(&path, None, &amd64()).unwrap_err();
    assert!(error.to_string().contains("compressed with gzip"), "{error}");
}

/// Nothing if the program is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<()> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
            Some(())
        }
        Err(error) => {
            println!("skipped: cannot run {program}: {error}");
            None
        }
    }
}

#[test]
fn skopeo_and_umoci_read_what_is_written() {
    let layout_ = Fixture::new();
    layout_.index(&[layout_.image("amd64", "1")]);
    let image = layout_.open(&Selector::Any).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    layout::write(&image, &folder.path().join("layout"), Some("t")).unwrap();
    docker_archive::write(&image, &folder.path().join("docker.tar"), Some("app:1")).unwrap();

    let layout_name = format!("oci:{}:t", text("layout"));
    let docker_name = format!("docker-archive:{}:app:1", text("docker.tar"));
    let insecure = "--insecure-policy";
    let copies = [
        (&layout_name, format!("docker-archive:{}", text("skopeo.tar"))),
        (&docker_name, format!("oci:{}:s", text("skopeo"))),
    ];
    for (from, to) in &copies {
        if run("skopeo", &[insecure, "copy", from, to]).is_none() {
            return;
        }
    }
    let from_skopeo =
        docker_archive::open(&folder.path().join("skopeo.tar"), None, &amd64()).unwrap();
    assert_eq!(content(&from_skopeo), 1);
    let from_skopeo = layout::open(&folder.path().join("skopeo"), &tag("s"), &amd64()).unwrap();
    assert_eq!(content(&from_skopeo), 1, "compressed by skopeo");

    let bundle = text("bundle");
    let image_name = format!("{}:t", text("layout"));
    if run("umoci", &["unpack", "--image", &image_name, &bundle]).is_some() {
        let name = fs::read(folder.path().join("bundle/rootfs/etc/name")).unwrap();
        assert_eq!(name, b"1");
    }
}
