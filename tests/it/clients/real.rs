//! The real package registries, as this machine is set up to reach them: what is fetched over TLS,
//! from servers that nobody here made, is replayed without them.

use super::Case;
use super::node::FORGET;
use crate::world::tool;

/// Arguments of a Dockerfile for registries that this machine does not use by default.
fn mirrors() -> Vec<String> {
    let settings = [
        ("PIP_INDEX_URL", "python3 -m pip config get global.index-url"),
        ("UV_DEFAULT_INDEX", "python3 -m pip config get global.index-url"),
    ];
    let mut arguments = Vec::new();
    for (name, command) in settings {
        let words: Vec<&str> = command.split(' ').collect();
        let output = tool(words[0], "python3").args(&words[1..]).output().unwrap();
        let value = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && !value.is_empty() {
            arguments.extend(["--build-arg".to_owned(), format!("{name}={value}")]);
        }
    }
    arguments
}

fn replays(base: &'static str, dockerfile: &str) {
    let dockerfile =
        format!("ARG PIP_INDEX_URL\nARG UV_DEFAULT_INDEX\nWORKDIR /srv\n{dockerfile}\n");
    let case = Case::new(base, &dockerfile, &[]).with(mirrors());
    let digest = case.lock();
    case.verify(&["--offline"], &digest);
}

#[test]
fn pip_and_the_real_index() {
    replays("clients", "RUN pip install --no-cache-dir --break-system-packages six");
}

#[test]
fn uv_and_the_real_index() {
    replays("clients", "RUN uv pip install --no-cache --system --break-system-packages six");
}

#[test]
fn npm_and_the_real_registry() {
    replays("clients", "RUN npm install is-odd && npm cache clean --force");
}

#[test]
fn yarn_and_the_real_registry() {
    replays("clients", "RUN yarn add is-odd && yarn cache clean");
}

#[test]
fn pnpm_and_the_real_registry() {
    replays("clients", &format!("RUN pnpm add --store-dir /tmp/store is-odd && {FORGET}"));
}

#[test]
fn curl_and_wget_and_the_real_registry() {
    replays(
        "clients",
        "RUN registry=$(npm config get registry) && curl -fsSL -o a ${registry}is-number/7.0.0 \
         && wget -nv -O b ${registry}is-number/7.0.0 && cmp a b",
    );
}

#[test]
fn cargo_and_the_real_registry() {
    replays(
        "rust",
        "RUN export CARGO_HOME=/tmp/cargo && cargo init --vcs none --name app . && cargo add itoa \
         && cargo vendor vendor && rm -rf /tmp/cargo",
    );
}

#[test]
fn apt_and_the_real_archive() {
    replays(
        "debian-bookworm",
        "RUN apt-get update && apt-get install -y --no-install-recommends hello \
         && rm -rf /var/lib/apt/lists/*",
    );
}
