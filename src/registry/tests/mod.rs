//! The client against registries in this process.

mod authentication;
mod documents;
mod fake;
mod hostile;
mod network;
mod push;

use super::{Client, Options, RegistryError, Resolved, Timing};
use crate::oci::{Platform, Reference};
use crate::store::{Image, Store};
use base64::Engine as _;
use fake::{Content, Fake};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const USER: &str = "user";
const PASSWORD: &str = "hunter2-correct-horse";

/// A client with a Store of its own.
struct Bench {
    folder: tempfile::TempDir,
    options: Options,
}

impl Bench {
    fn new() -> Self {
        let timing = Timing {
            backoff: Duration::from_millis(2),
            read_timeout: Duration::from_secs(20),
            ..Timing::default()
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            options: Options { timing, ..Options::default() },
        }
    }

    /// Logged in to `registry`.
    fn with_password(registry: &str) -> Self {
        let auth = basic();
        Self::with_config(&format!(r#"{{"auths":{{"{registry}":{{"auth":"{auth}"}}}}}}"#))
    }

    fn with_config(config: &str) -> Self {
        let mut bench = Self::new();
        let path = bench.folder.path().join("config.json");
        std::fs::write(&path, config).unwrap();
        bench.options.credential_files = vec![path];
        bench
    }

    fn client(&self) -> Client {
        Client::new(self.options.clone())
    }

    fn store(&self) -> Store {
        let root = self.folder.path().join("store");
        std::fs::create_dir_all(&root).unwrap();
        Store::open(&root).unwrap()
    }

    fn pull(&self, fake: &Fake) -> Result<Image, RegistryError> {
        self.client().pull(&reference(fake), &amd64(), &self.store())
    }

    fn resolve(&self, fake: &Fake) -> Result<Resolved, RegistryError> {
        self.client().resolve(&reference(fake), &amd64())
    }
}

fn basic() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"))
}

fn amd64() -> Platform {
    "linux/amd64".parse().unwrap()
}

fn reference(fake: &Fake) -> Reference {
    format!("{}/a/b:c", fake.address).parse().unwrap()
}

/// An honest registry without passwords.
fn honest(content: &Content) -> Fake {
    let content = content.clone();
    Fake::start("127.0.0.1", move |request, stream| content.serve(request, stream))
}

#[test]
fn an_image_is_pulled_with_all_its_blobs_once() {
    let content = Content::new(&[0, 10, 300_000, 1_000_000, 5, 6]);
    let fake = honest(&content);
    let bench = Bench::new();
    let image = bench.pull(&fake).unwrap();
    assert_eq!((image.index, image.manifest_digest), (Some(content.index), content.manifest));
    assert_eq!(image.name, format!("{}/a/b:c", fake.address));
    let store = bench.store();
    for layer in &content.layers {
        let blob = store.read_blob(layer, u64::MAX).unwrap();
        assert_eq!(blob, content.blobs[&layer.to_string()]);
    }
    let before = fake.count("GET", "/a/b/");
    assert_eq!(before, 2 + 1 + 6, "index, manifest, config and layers");
    assert_eq!(bench.pull(&fake).unwrap().manifest_digest, content.manifest);
    assert_eq!(fake.count("GET", "/a/b/"), before, "everything was there already");
}

#[test]
fn a_reference_is_resolved_without_its_layers() {
    let content = Content::new(&[10]);
    let fake = honest(&content);
    let bench = Bench::new();
    let expected = Resolved { index: Some(content.index), manifest: content.manifest };
    assert_eq!(bench.resolve(&fake).unwrap(), expected);
    let by_digest = |digest| {
        let text = format!("{}/a/b:gone@{digest}", fake.address);
        bench.client().resolve(&text.parse().unwrap(), &amd64())
    };
    assert_eq!(by_digest(content.index).unwrap(), expected);
    let alone = Resolved { index: None, manifest: content.manifest };
    assert_eq!(by_digest(content.manifest).unwrap(), alone);
    assert_eq!(fake.count("GET", &content.layers[0].to_string()), 0);
    assert_eq!(fake.count("GET", "manifests/gone"), 0, "the digest decides");
}

#[test]
fn the_platform_is_checked_where_there_is_no_index() {
    let content = Content::new(&[10]);
    let fake = honest(&content);
    let text = format!("{}/a/b@{}", fake.address, content.manifest);
    let arm64 = "linux/arm64".parse().unwrap();
    let error = Bench::new().client().resolve(&text.parse().unwrap(), &arm64).unwrap_err();
    assert!(error.to_string().contains("no image for linux/arm64"), "{error}");
}

#[test]
fn progress_goes_from_nothing_to_all() {
    let content = Content::new(&[700_000, 3]);
    let fake = honest(&content);
    let mut bench = Bench::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    bench.options.progress = Arc::new(move |progress| log.lock().unwrap().push(*progress));
    bench.pull(&fake).unwrap();
    let told = told.lock().unwrap();
    for (layer, size) in content.layers.iter().zip([700_000, 3]) {
        let steps: Vec<_> = told.iter().filter(|step| step.digest == *layer).collect();
        assert!(steps.iter().all(|step| step.total == size));
        assert!(steps.is_sorted_by_key(|step| step.received));
        assert_eq!(steps.first().unwrap().received, 0);
        assert_eq!(steps.last().unwrap().received, size);
    }
}

#[test]
fn what_is_not_there_is_named_with_the_registrys_words() {
    let fake = honest(&Content::new(&[1]));
    let text = format!("{}/a/other:c", fake.address);
    let error = Bench::new().client().resolve(&text.parse().unwrap(), &amd64()).unwrap_err();
    assert_eq!(error.failure(), super::Failure::NotFound);
    assert_eq!(error.to_string(), format!("`{text}` is not in the registry: unknown"));
}

#[test]
fn a_registry_that_is_not_there_is_a_network_error() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!("{address}/a/b:c");
    let error = Bench::new().client().resolve(&text.parse().unwrap(), &amd64()).unwrap_err();
    assert_eq!(error.failure(), super::Failure::Network);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn a_credential_file_that_cannot_be_read_is_an_error_where_credentials_are_needed() {
    let fake = Fake::start("127.0.0.1", |_, stream| {
        fake::reply(stream, 401, &[("WWW-Authenticate", "Basic realm=x")], b"")
    });
    let error = Bench::with_config("{").resolve(&fake).unwrap_err();
    assert_eq!(error.failure(), super::Failure::Authentication);
    assert!(error.to_string().contains("config.json: line 1"), "{error}");
    let mut bench = Bench::new();
    bench.options.credential_files = vec![PathBuf::from("/nonexistent/config.json")];
    let error = bench.resolve(&fake).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { anonymous: true, .. }), "{error}");
}
