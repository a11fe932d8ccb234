//! An npm registry: packuments, in full and as installers want them, and tarballs.

use super::{Tree, pack};
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

/// A release of a package with one module, which says its version.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) requires: Option<(&'static str, &'static str)>,
}

/// The registry at the site with this URL. The last release of a package is its `latest`.
pub(crate) fn registry(url: &str, releases: &[Release], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    let mut names: Vec<&str> = releases.iter().map(|release| release.name).collect();
    names.dedup();
    for name in names {
        let of_package: Vec<&Release> =
            releases.iter().filter(|release| release.name == name).collect();
        package(&mut tree, url, name, &of_package);
    }
    tree
}

fn package(tree: &mut Tree, url: &str, name: &str, releases: &[&Release]) {
    let (mut short, mut times) = (serde_json::Map::new(), serde_json::Map::new());
    for release in releases {
        let file = format!("/{name}/-/{name}-{}.tgz", release.version);
        let manifest = manifest(release);
        let tarball = tarball(release, &manifest);
        let mut entry = manifest;
        entry["dist"] = json!({
            "tarball": format!("{url}{file}"), "integrity": integrity(&tarball),
            "fileCount": 2, "unpackedSize": 100,
        });
        times.insert(release.version.to_owned(), json!("2025-01-01T00:00:00.000Z"));
        short.insert(release.version.to_owned(), entry);
        tree.file(&file, tarball);
    }
    let latest = releases.last().map(|release| release.version);
    let short = json!({
        "name": name, "dist-tags": { "latest": latest }, "versions": short,
        "modified": "2025-01-01T00:00:00.000Z",
    });
    let mut full = short.clone();
    full["_id"] = json!(name);
    full["time"] = Value::Object(times);
    full["readme"] = json!("# A package of tests");
    let path = format!("/{name}");
    tree.page(&path, "application/json", full.to_string());
    tree.page(&path, "application/vnd.npm.install-v1+json", short.to_string());
}

fn manifest(release: &Release) -> Value {
    let mut manifest = json!({
        "name": release.name, "version": release.version, "main": "index.js", "license": "MIT",
    });
    if let Some((name, range)) = release.requires {
        manifest["dependencies"] = json!({ name: range });
    }
    manifest
}

fn tarball(release: &Release, manifest: &Value) -> Vec<u8> {
    let module = format!("module.exports = {:?};\n", release.version);
    pack::tar_gz(&[
        ("package/package.json", manifest.to_string().as_bytes()),
        ("package/index.js", module.as_bytes()),
    ])
}

/// As in <https://www.w3.org/TR/SRI/>.
fn integrity(bytes: &[u8]) -> String {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha512::digest(bytes));
    format!("sha512-{hash}")
}
