//! Which name has which address.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

/// 198.18.1.0: below it, 198.18.0.0/24 is for rlock itself ([`crate::sandbox::NAME_SERVER`]).
const FIRST: u32 = 0xC612_0100;
/// Blocks of 256 addresses from [`FIRST`] to the end of 198.18.0.0/15.
const BLOCKS: u32 = 511;
/// Of a block: .0 and .255 look like networks and broadcasts to some programs.
const HOSTS: u32 = 254;
/// Names at most, which keeps the search for a free address short.
const NAMES_MAX: usize = 65_536;

/// The names that were asked for, and their addresses. One for all builds of a [`Door`](super::super::Door),
/// so that both builds of a check see the same addresses.
#[derive(Debug, Default)]
pub(in crate::door) struct NameTable(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    addresses: BTreeMap<String, Ipv4Addr>,
    names: BTreeMap<Ipv4Addr, String>,
}

impl NameTable {
    /// The address of a name, in lower case: a function of the name, save where two names fall on
    /// one address and the later takes the next. None when there are too many names.
    pub(in crate::door) fn address_of(&self, name: &str) -> Option<Ipv4Addr> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = tables.addresses.get(name) {
            return Some(*address);
        }
        if tables.addresses.len() >= NAMES_MAX {
            return None;
        }
        let address = candidates(name).find(|address| !tables.names.contains_key(address))?;
        tables.addresses.insert(name.to_owned(), address);
        tables.names.insert(address, name.to_owned());
        Some(address)
    }

    /// The name that an address was given to.
    pub(in crate::door) fn name_of(&self, address: Ipv4Addr) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).names.get(&address).cloned()
    }
}

/// Where a name may be, best first.
fn candidates(name: &str) -> impl Iterator<Item = Ipv4Addr> {
    let digest = Sha256::digest(name.as_bytes());
    let seed = digest.iter().take(4).fold(0_u32, |seed, byte| (seed << 8) | u32::from(*byte));
    let slots = BLOCKS * HOSTS;
    let start = seed % slots;
    (start..slots).chain(0..start).map(|slot| {
        let (block, host) = (slot / HOSTS, slot % HOSTS);
        Ipv4Addr::from_bits(FIRST + block * 256 + host + 1)
    })
}
