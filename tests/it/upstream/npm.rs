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

/// What a package has besides.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct More<'a> {
    /// A command that npm runs once the package is unpacked.
    pub(crate) postinstall: Option<&'a str>,
    /// The file of a program with the name of the package.
    pub(crate) program: Option<&'a str>,
    /// Why its authors advise against it.
    pub(crate) deprecated: Option<&'a str>,
    /// Paths and contents.
    pub(crate) files: &'a [(&'a str, &'a str)],
}

/// The registry at the site with this URL. The last release of a package is its `latest`.
pub(crate) fn registry(url: &str, releases: &[Release], modified: i64) -> Tree {
    let releases: Vec<(Release, More<'_>)> =
        releases.iter().map(|release| (release.clone(), More::default())).collect();
    registry_with(url, &releases, modified)
}

/// The same, with more in the packages.
pub(crate) fn registry_with(url: &str, releases: &[(Release, More<'_>)], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    let mut names: Vec<&str> = releases.iter().map(|(release, _)| release.name).collect();
    names.dedup();
    for name in names {
        let of_package: Vec<&(Release, More<'_>)> =
            releases.iter().filter(|(release, _)| release.name == name).collect();
        package(&mut tree, url, name, &of_package);
    }
    tree
}

fn package(tree: &mut Tree, url: &str, name: &str, releases: &[&(Release, More<'_>)]) {
    let (mut short, mut times) = (serde_json::Map::new(), serde_json::Map::new());
    for (release, more) in releases {
        let file = format!("/{name}/-/{name}-{}.tgz", release.version);
        let manifest = manifest(release, more);
        let tarball = tarball(release, &manifest, more);
        let mut entry = manifest;
        entry["dist"] = json!({
            "tarball": format!("{url}{file}"), "integrity": integrity(&tarball),
            "fileCount": 2, "unpackedSize": 100,
        });
        if more.postinstall.is_some() {
            entry["hasInstallScript"] = json!(true);
        }
        if let Some(why) = more.deprecated {
            entry["deprecated"] = json!(why);
        }
        times.insert(release.version.to_owned(), json!("2025-01-01T00:00:00.000Z"));
        short.insert(release.version.to_owned(), entry);
        tree.file(&file, tarball);
    }
    let latest = releases.last().map(|(release, _)| release.version);
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

fn manifest(release: &Release, more: &More<'_>) -> Value {
    let mut manifest = json!({
        "name": release.name, "version": release.version, "main": "index.js", "license": "MIT",
    });
    if let Some((name, range)) = release.requires {
        manifest["dependencies"] = json!({ name: range });
    }
    if let Some(command) = more.postinstall {
        manifest["scripts"] = json!({ "postinstall": command });
    }
    if let Some(file) = more.program {
        manifest["bin"] = json!({ release.name: file });
    }
    manifest
}

fn tarball(release: &Release, manifest: &Value, more: &More<'_>) -> Vec<u8> {
    let mut files = vec![
        ("package/package.json".to_owned(), manifest.to_string()),
        ("package/index.js".to_owned(), format!("module.exports = {:?};\n", release.version)),
    ];
    let added = more.files.iter();
    files.extend(added.map(|(path, text)| (format!("package/{path}"), (*text).to_owned())));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, text)| (&**path, text.as_bytes())).collect();
    pack::tar_gz(&files)
}

/// As in <https://www.w3.org/TR/SRI/>.
fn integrity(bytes: &[u8]) -> String {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha512::digest(bytes));
    format!("sha512-{hash}")
}
