//! Servers on loopback that hold packages, and that a test can move forward in time.
//!
//! Each has a name of the domain `test`, which no name server knows (RFC 6761): a build is told with
//! `--add-host` where it is. What a server holds is made by the test, from nothing, in memory.

pub(crate) mod apk;
pub(crate) mod apt;
pub(crate) mod authority;
pub(crate) mod cargo;
pub(crate) mod gem;
pub(crate) mod git;
pub(crate) mod golang;
mod http;
pub(crate) mod maven;
pub(crate) mod npm;
pub(crate) mod pack;
pub(crate) mod python;
pub(crate) mod rpm;
mod site;
mod tree;

pub(crate) use site::{Site, Wire};
pub(crate) use tree::Tree;

use crate::world::World;

/// Gives a world's program the names of the sites, and trust in them.
pub(crate) fn arguments(sites: &[&Site]) -> Vec<String> {
    let pair = |site: &&Site| ["--add-host".to_owned(), format!("{}:127.0.0.1", site.name())];
    sites.iter().flat_map(pair).collect()
}

/// A world whose program trusts the sites.
pub(crate) fn trust(world: &World) -> (&'static str, std::path::PathBuf) {
    let path = world.path("authorities.pem");
    std::fs::write(&path, authority::bundle()).unwrap();
    ("SSL_CERT_FILE", path)
}
