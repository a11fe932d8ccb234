//! The registry client against the real thing: Debian's `docker-registry`, filled by `skopeo`.

use crate::server::{AUTH, Access, PASSWORD, Server, USER, Wire};
use rlock::oci::{Digest, Platform, Reference, media_type};
use rlock::registry::{Client, Failure, Options, Resolved};
use rlock::store::Store;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn reference(server: &Server, name: &str) -> Reference {
    format!("{}/{name}", server.address).parse().unwrap()
}

/// Options with a `config.json` of this content, where there is one.
fn options(server: &Server, config: Option<String>) -> Options {
    let path = server.folder.path().join("config.json");
    if let Some(config) = config {
        std::fs::write(&path, config).unwrap();
    }
    Options { credential_files: vec![path], ..Options::default() }
}

fn store(server: &Server) -> Store {
    Store::open(&server.folder.path().join("store")).unwrap()
}

/// An OCI layout of an index with an image for each of two platforms, under the tag `it`.
pub(crate) struct Layout {
    folder: tempfile::TempDir,
    pub(crate) index: Digest,
    pub(crate) amd64: Digest,
    pub(crate) arm64: Digest,
}

impl Layout {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        let put = |bytes: &[u8]| put(folder.path(), bytes);
        let (amd64, amd64_entry) = image("amd64", &put);
        let (arm64, arm64_entry) = image("arm64", &put);
        let index = json!({
            "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [arm64_entry, amd64_entry],
        });
        let mut entry = put(index.to_string().as_bytes());
        entry["mediaType"] = json!(media_type::INDEX);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "it" });
        let index = digest_of(&entry);
        let top = json!({ "schemaVersion": 2, "manifests": [entry] });
        std::fs::write(folder.path().join("index.json"), top.to_string()).unwrap();
        std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .unwrap();
        Self { folder, index, amd64, arm64 }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Writes a blob; its descriptor without a media type.
fn put(layout: &Path, bytes: &[u8]) -> Value {
    let digest = Digest::of(bytes);
    std::fs::write(layout.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
    json!({ "digest": digest, "size": bytes.len() })
}

fn digest_of(descriptor: &Value) -> Digest {
    serde_json::from_value(descriptor["digest"].clone()).unwrap()
}

/// An image with one small and one larger layer, the second compressed; its entry for an index.
fn image(architecture: &str, put: &dyn Fn(&[u8]) -> Value) -> (Digest, Value) {
    let small = archive("etc/architecture", architecture.as_bytes());
    let noise: Vec<u8> = (0..2_000_000_u32).map(|i| i.wrapping_mul(i).to_le_bytes()[2]).collect();
    let large = archive("noise", &noise);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &large).unwrap();
    let mut layers = [put(&small), put(&encoder.finish().unwrap())];
    layers[0]["mediaType"] = json!(media_type::LAYER);
    layers[1]["mediaType"] = json!(media_type::LAYER_GZIP);
    let config = json!({
        "os": "linux", "architecture": architecture, "config": { "Cmd": ["/bin/true"] },
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&small), Digest::of(&large)] },
    });
    let mut config = put(config.to_string().as_bytes());
    config["mediaType"] = json!(media_type::CONFIG);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": layers,
    });
    let mut entry = put(manifest.to_string().as_bytes());
    entry["mediaType"] = json!(media_type::MANIFEST);
    entry["platform"] = json!({ "os": "linux", "architecture": architecture });
    (digest_of(&entry), entry)
}

fn archive(path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, path, content).unwrap();
    builder.into_inner().unwrap()
}

fn amd64() -> Platform {
    "linux/amd64".parse().unwrap()
}

#[test]
fn images_are_pulled_from_a_real_registry() {
    let server = Server::start(Access::Open, Wire::Plain);
    let layout = Layout::new();
    server.push(layout.path(), "it", "team/app:1");
    let client = Client::new(options(&server, None));
    let reference = reference(&server, "team/app:1");
    let resolved = client.resolve(&reference, &amd64()).unwrap();
    let expected = Resolved { index: Some(layout.index), manifest: layout.amd64 };
    assert_eq!(resolved, expected);
    let arm64 = client.resolve(&reference, &"linux/arm64".parse().unwrap()).unwrap();
    assert_eq!(arm64.manifest, layout.arm64);

    let image = client.pull(&reference, &amd64(), &store(&server)).unwrap();
    assert_eq!((image.manifest_digest, image.index), (layout.amd64, Some(layout.index)));
    assert_eq!(image.layers.len(), 2);
    for layer in &image.layers {
        // The layers' own reader checks that what is inside is what the config promises.
        std::io::copy(&mut layer.open().unwrap(), &mut std::io::sink()).unwrap();
    }
}

#[test]
fn digests_and_single_manifests_are_pulled() {
    let server = Server::start(Access::Open, Wire::Plain);
    let layout = Layout::new();
    server.push(layout.path(), "it", "app:1");
    let client = Client::new(options(&server, None));
    let by = |digest: &Digest| reference(&server, &format!("app@{digest}"));
    let image = client.pull(&by(&layout.amd64), &amd64(), &store(&server)).unwrap();
    assert_eq!((image.manifest_digest, image.index), (layout.amd64, None));
    let resolved = client.resolve(&by(&layout.index), &amd64()).unwrap();
    assert_eq!(resolved.manifest, layout.amd64);
    let error = client.resolve(&by(&layout.arm64), &amd64()).unwrap_err();
    assert_eq!(error.failure(), Failure::NotFound, "{error}");
    assert!(error.hint().unwrap().contains("linux/arm64"));
    let error = client.resolve(&by(&Digest::of(b"none")), &amd64()).unwrap_err();
    assert_eq!(error.failure(), Failure::NotFound, "{error}");
    assert!(error.to_string().contains("manifest unknown"), "{error}");
    let error = client.resolve(&reference(&server, "app:none"), &amd64()).unwrap_err();
    assert_eq!(error.failure(), Failure::NotFound, "{error}");
}

#[test]
fn a_password_opens_a_real_registry() {
    let server = Server::start(Access::Password, Wire::Plain);
    let layout = Layout::new();
    server.push(layout.path(), "it", "app:1");
    let reference = reference(&server, "app:1");
    let auths = |auth: &str| {
        let config = json!({ "auths": { &*server.address: { "auth": auth } } });
        Client::new(options(&server, Some(config.to_string())))
    };
    let image = auths(AUTH).pull(&reference, &amd64(), &store(&server)).unwrap();
    assert_eq!(image.manifest_digest, layout.amd64);

    let error = auths("dXNlcjp3cm9uZw==").resolve(&reference, &amd64()).unwrap_err();
    assert_eq!(error.failure(), Failure::Authentication, "{error}");
    assert!(error.hint().unwrap().contains("were sent and refused"), "{:?}", error.hint());
    let error = Client::new(Options::default()).resolve(&reference, &amd64()).unwrap_err();
    assert_eq!(error.failure(), Failure::Authentication, "{error}");
    assert!(error.hint().unwrap().contains("docker login"), "{:?}", error.hint());
}

#[test]
fn a_credential_helper_opens_a_real_registry() {
    let server = Server::start(Access::Password, Wire::Plain);
    let layout = Layout::new();
    server.push(layout.path(), "it", "app:1");
    let helper = server.folder.path().join("docker-credential-it");
    let answer = json!({ "ServerURL": server.address, "Username": USER, "Secret": PASSWORD });
    let script =
        format!("#!/bin/sh\n[ \"$1 $(cat)\" = 'get {}' ] && echo '{answer}'\n", server.address);
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = options(&server, Some(json!({ "credsStore": "it" }).to_string()));
    options.helper_directories = vec![server.folder.path().to_owned()];
    let client = Client::new(options);
    let image = client.pull(&reference(&server, "app:1"), &amd64(), &store(&server)).unwrap();
    assert_eq!(image.manifest_digest, layout.amd64);
}

#[test]
fn tls_with_any_certificate_will_do_on_loopback_alone() {
    let server = Server::start(Access::Open, Wire::Tls);
    let layout = Layout::new();
    server.push(layout.path(), "it", "app:1");
    let client = Client::new(options(&server, None));
    let resolved = client.resolve(&reference(&server, "app:1"), &amd64()).unwrap();
    assert_eq!(resolved.manifest, layout.amd64);

    // 0.0.0.0 leads to the same server and is not loopback.
    let elsewhere = server.address.replace("127.0.0.1", "0.0.0.0");
    let reference: Reference = format!("{elsewhere}/app:1").parse().unwrap();
    let error = client.resolve(&reference, &amd64()).unwrap_err();
    assert_eq!(error.failure(), Failure::Network, "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    let options = Options { insecure: vec![elsewhere], ..Options::default() };
    let resolved = Client::new(options).resolve(&reference, &amd64()).unwrap();
    assert_eq!(resolved.manifest, layout.amd64);
}
