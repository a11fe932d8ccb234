//! A sparse registry of crates: <https://doc.rust-lang.org/cargo/reference/registry-index.html>.

use super::{Tree, pack};
use rlock::oci::Digest;
use serde_json::json;
use std::fmt::Write as _;

/// The registry at the site with this URL; its index is `sparse+URL/index/`. It has one crate,
/// `greeter`, with a function that says its version, in these versions.
pub(crate) fn registry(url: &str, versions: &[&str], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    let config = json!({ "dl": format!("{url}/crates/{{crate}}-{{version}}.crate") });
    tree.page("/index/config.json", "application/json", config.to_string());
    let mut lines = String::new();
    for version in versions {
        let package = package(version);
        let line = json!({
            "name": "greeter", "vers": version, "deps": [], "features": {}, "yanked": false,
            "cksum": Digest::of(&package).hex(),
        });
        writeln!(lines, "{line}").unwrap();
        tree.file(&format!("/crates/greeter-{version}.crate"), package);
    }
    tree.page("/index/gr/ee/greeter", "text/plain", lines);
    tree
}

fn package(version: &str) -> Vec<u8> {
    let manifest =
        format!("[package]\nname = \"greeter\"\nversion = \"{version}\"\nedition = \"2021\"\n");
    let code = format!("pub fn version() -> &'static str {{\n    {version:?}\n}}\n");
    pack::tar_gz(&[
        (&format!("greeter-{version}/Cargo.toml"), manifest.as_bytes()),
        (&format!("greeter-{version}/src/lib.rs"), code.as_bytes()),
    ])
}
