//! The crates that a Rust program was built from, where `cargo auditable` noted them:
//! <https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md>.

use super::super::super::Package;
use super::super::{MarkError, package};
use super::elf::Elf;
use flate2::read::ZlibDecoder;
use serde::Deserialize;
use std::io::Read as _;

const SECTION: &[u8] = b".dep-v0";

/// Bytes of the section: a hundred for a crate.
const PACKED_MAX: u64 = 8 << 20;

/// Bytes of what is in it.
const UNPACKED_MAX: u64 = 64 << 20;

/// The list, without what is of no interest here.
#[derive(Deserialize)]
struct List {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default)]
    kind: Kind,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// It is in the program.
    #[default]
    Runtime,
    /// It ran when the program was built.
    Build,
    /// A later version of the format may have more.
    #[serde(other)]
    Other,
}

/// The crates that are in the program; none where it does not say.
pub(super) fn packages(program: &mut Elf) -> Result<Vec<Package>, MarkError> {
    let Some(section) = program.section(SECTION) else { return Ok(Vec::new()) };
    if section.size > PACKED_MAX {
        return Err(MarkError::malformed("its list of crates is too long"));
    }
    let packed = program.bytes(section.offset, section.size)?;
    let mut text = Vec::new();
    let unpacking = ZlibDecoder::new(&*packed).take(UNPACKED_MAX + 1).read_to_end(&mut text);
    if unpacking.is_err() || text.len() as u64 > UNPACKED_MAX {
        return Err(MarkError::malformed("its list of crates cannot be unpacked"));
    }
    let list: List = serde_json::from_slice(&text)
        .map_err(|error| MarkError::malformed(format!("its list of crates: {error}")))?;
    let shipped = list.packages.iter().filter(|it| it.kind != Kind::Build);
    shipped.map(|it| package("cargo", &it.name, &it.version)).collect()
}
