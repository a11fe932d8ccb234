//! npm, yarn 1 and pnpm.

use super::{Case, NEW, OLD};
use crate::upstream::npm::{Release, registry};
use crate::upstream::{Site, Tree, Wire};

/// Removes pnpm's caches, and what it notes with the time in the project.
pub(super) const FORGET: &str = "rm -rf /tmp/store ~/.cache/pnpm node_modules/.modules.yaml \
    node_modules/.pnpm-workspace-state-v1.json";

const LOOK: &str = "node -p 'require(\"greeter\")' | grep '^1'";

/// A program and what it needs.
pub(crate) fn releases(url: &str, versions: &[&'static str], modified: i64) -> Tree {
    let all: Vec<Release> = [("greeter", Some(("phrases", "^1.0.0"))), ("phrases", None)]
        .into_iter()
        .flat_map(|(name, requires)| {
            versions.iter().map(move |version| Release { name, version, requires })
        })
        .collect();
    registry(url, &all, modified)
}

fn replays(command: &str) {
    let site = Site::start("npm.test", Wire::Tls);
    site.serve(releases(&site.url(), &["1.0.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv\nENV npm_config_registry={}\nRUN echo '{{\"private\":true}}' > package.json \
         && {command} && {LOOK}\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    case.assert_replays(|| site.serve(releases(&site.url(), &["1.0.1"], NEW)));
}

#[test]
fn npm() {
    replays("npm install greeter && npm cache clean --force");
}

#[test]
fn yarn() {
    replays("yarn add greeter && yarn cache clean");
}

#[test]
fn pnpm() {
    replays(&format!("pnpm add --store-dir /tmp/store greeter && {FORGET}"));
}
