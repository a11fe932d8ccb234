//! A Go module proxy: <https://go.dev/ref/mod#goproxy-protocol>.

use super::{Tree, pack};

/// The path of the one module.
pub(crate) const MODULE: &str = "code.test/greeter";

/// The module with a function that says its version, in these versions.
pub(crate) fn proxy(versions: &[&str], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    let manifest = format!("module {MODULE}\n\ngo 1.19\n");
    for version in versions {
        let code = format!("package greeter\n\nfunc Version() string {{ return {version:?} }}\n");
        let prefix = format!("{MODULE}@{version}");
        let archive = pack::zip(&[
            (&format!("{prefix}/go.mod"), manifest.as_bytes()),
            (&format!("{prefix}/greeter.go"), code.as_bytes()),
        ]);
        let about = format!("{{\"Version\":{version:?},\"Time\":\"2025-01-01T00:00:00Z\"}}");
        let at = |suffix: &str| format!("/{MODULE}/@v/{version}.{suffix}");
        tree.page(&at("info"), "application/json", about.clone());
        tree.page(&at("mod"), "text/plain", manifest.clone());
        tree.file(&at("zip"), archive);
        if Some(version) == versions.last() {
            tree.page(&format!("/{MODULE}/@latest"), "application/json", about);
        }
    }
    tree.page(&format!("/{MODULE}/@v/list"), "text/plain", versions.join("\n") + "\n");
    tree
}
