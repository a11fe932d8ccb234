//! A sparse registry of crates: <https://doc.rust-lang.org/cargo/reference/registry-index.html>.

use super::{Tree, pack};
use rlock::oci::Digest;
use serde_json::json;
use std::fmt::Write as _;

/// A release of a crate with a function that says its version.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// Of four letters at least.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) requires: Option<(&'static str, &'static str)>,
}

/// The registry at the site with this URL; its index is `sparse+URL/index/`. It has one crate,
/// `greeter`, in these versions.
pub(crate) fn registry(url: &str, versions: &[&'static str], modified: i64) -> Tree {
    let release = |version: &&'static str| Release { name: "greeter", version, requires: None };
    registry_of(url, &versions.iter().map(release).collect::<Vec<_>>(), modified)
}

/// The same with these crates, those of one name after each other.
pub(crate) fn registry_of(url: &str, releases: &[Release], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    let config = json!({ "dl": format!("{url}/crates/{{crate}}-{{version}}.crate") });
    tree.page("/index/config.json", "application/json", config.to_string());
    for of_crate in releases.chunk_by(|left, right| left.name == right.name) {
        let name = of_crate[0].name;
        let mut lines = String::new();
        for release in of_crate {
            let version = release.version;
            let package = package(url, release);
            let need = |(name, requirement): (&str, &str)| {
                json!({
                    "name": name, "req": requirement, "features": [], "optional": false,
                    "default_features": true, "target": null, "kind": "normal",
                })
            };
            let needs: Vec<_> = release.requires.map(need).into_iter().collect();
            let line = json!({
                "name": name, "vers": version, "deps": needs, "features": {}, "yanked": false,
                "cksum": Digest::of(&package).hex(),
            });
            writeln!(lines, "{line}").unwrap();
            tree.file(&format!("/crates/{name}-{version}.crate"), package);
        }
        let path = format!("/index/{}/{}/{name}", &name[..2], &name[2..4]);
        tree.page(&path, "text/plain", lines);
    }
    tree
}

fn package(url: &str, release: &Release) -> Vec<u8> {
    let Release { name, version, requires } = release;
    let mut manifest =
        format!("[package]\nname = {name:?}\nversion = {version:?}\nedition = \"2021\"\n");
    if let Some((needed, requirement)) = requires {
        writeln!(
            manifest,
            "[dependencies.{needed}]\nversion = {requirement:?}\nregistry-index = \
             \"sparse+{url}/index/\""
        )
        .unwrap();
    }
    let code = format!("pub fn version() -> &'static str {{\n    {version:?}\n}}\n");
    pack::tar_gz(&[
        (&format!("{name}-{version}/Cargo.toml"), manifest.as_bytes()),
        // What tells a crate from the sources of one.
        (&format!("{name}-{version}/Cargo.toml.orig"), manifest.as_bytes()),
        (&format!("{name}-{version}/src/lib.rs"), code.as_bytes()),
    ])
}
