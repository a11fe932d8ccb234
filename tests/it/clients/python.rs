//! pip and uv.

use super::{Case, NEW, OLD};
use crate::upstream::python::{Release, index};
use crate::upstream::{Site, Tree, Wire};

/// A program and what it needs, with no version asked for.
pub(crate) fn releases(versions: &[&'static str], modified: i64) -> Tree {
    let all: Vec<Release> = [("greeter", Some("phrases>=1")), ("phrases", None)]
        .into_iter()
        .flat_map(|(name, requires)| {
            versions.iter().map(move |version| Release { name, version, requires })
        })
        .collect();
    index(&all, modified)
}

/// Runs the program. Bytecode that Python makes on the way has the time of the source in it, where
/// the installer did not set one.
const LOOK: &str = "PYTHONDONTWRITEBYTECODE=1 greeter | grep ' 1'";

fn replays(command: &str) {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(releases(&["1.0"], OLD));
    let install = command.replace("URL/", &format!("{}/", site.url()));
    let case = Case::new("clients", &format!("RUN {install} && {LOOK}\n"), &[&site]);
    // A new release, and the old one has been deleted.
    case.assert_replays(|| site.serve(releases(&["1.1"], NEW)));
}

#[test]
fn pip() {
    replays("pip install --no-cache-dir --break-system-packages --index-url URL/simple greeter");
}

#[test]
fn pip_in_an_environment_of_its_own() {
    replays(
        "python3 -m venv /opt/env && PIP_INDEX_URL=URL/simple /opt/env/bin/pip install --no-cache-dir \
         greeter && ln -s /opt/env/bin/greeter /usr/local/bin/greeter",
    );
}

#[test]
fn uv() {
    replays(
        "uv pip install --no-cache --system --break-system-packages --default-index URL/simple greeter",
    );
}
