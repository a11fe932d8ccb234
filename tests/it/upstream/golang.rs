//! A Go module proxy: <https://go.dev/ref/mod#goproxy-protocol>.

use super::{Tree, pack};
use std::fmt::Write as _;

/// The path of the one module.
pub(crate) const MODULE: &str = "code.test/greeter";

/// A release of a module, whose package has a function that says its version.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) module: &'static str,
    pub(crate) version: &'static str,
    pub(crate) requires: Option<(&'static str, &'static str)>,
}

/// The module in these versions.
pub(crate) fn proxy(versions: &[&'static str], modified: i64) -> Tree {
    let release = |version: &&'static str| Release { module: MODULE, version, requires: None };
    proxy_of(&versions.iter().map(release).collect::<Vec<_>>(), modified)
}

/// These modules, releases of one after each other.
pub(crate) fn proxy_of(releases: &[Release], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    for of_module in releases.chunk_by(|left, right| left.module == right.module) {
        let module = of_module[0].module;
        for release in of_module {
            add(&mut tree, release);
        }
        let versions: Vec<&str> = of_module.iter().map(|release| release.version).collect();
        let about = about(versions.last().unwrap());
        tree.page(&format!("/{module}/@latest"), "application/json", about);
        tree.page(&format!("/{module}/@v/list"), "text/plain", versions.join("\n") + "\n");
    }
    tree
}

fn about(version: &str) -> String {
    format!("{{\"Version\":{version:?},\"Time\":\"2025-01-01T00:00:00Z\"}}")
}

fn add(tree: &mut Tree, release: &Release) {
    let Release { module, version, requires } = release;
    let package = module.rsplit('/').next().unwrap();
    let mut manifest = format!("module {module}\n\ngo 1.19\n");
    let mut code = format!("package {package}\n\n");
    if let Some((needed, version)) = requires {
        writeln!(manifest, "\nrequire {needed} {version}").unwrap();
        writeln!(code, "import _ {needed:?}\n").unwrap();
    }
    writeln!(code, "func Version() string {{ return {version:?} }}").unwrap();
    let prefix = format!("{module}@{version}");
    let archive = pack::zip(&[
        (&format!("{prefix}/go.mod"), manifest.as_bytes()),
        (&format!("{prefix}/{package}.go"), code.as_bytes()),
    ]);
    let at = |suffix: &str| format!("/{module}/@v/{version}.{suffix}");
    tree.page(&at("info"), "application/json", about(version));
    tree.page(&at("mod"), "text/plain", manifest);
    tree.file(&at("zip"), archive);
}
