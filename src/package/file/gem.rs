//! Gems: a tar archive with the compressed specification, as YAML, in it.
//! <https://guides.rubygems.org/specification-reference/>

use super::super::{PackageFile, PackageFileError};
use super::package;
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar;
use std::io::Read;

const METADATA: &[u8] = b"metadata.gz";
/// What a gem is made of. Which comes first differs.
const MEMBERS: [&[u8]; 3] = [METADATA, b"data.tar.gz", b"checksums.yaml.gz"];

/// Bytes of the specification.
const METADATA_MAX: u64 = 8 << 20;

/// Whether a file starts with a member of a gem: the name is what a header starts with.
pub(super) fn starts_so(start: &[u8]) -> bool {
    let is_member =
        |member: &&[u8]| start.strip_prefix(*member).is_some_and(|rest| rest.first() == Some(&0));
    MEMBERS.iter().any(|member| is_member(&&**member)) && tar::is_header(start)
}

pub(super) fn identify(file: impl Read + Send) -> Result<Option<PackageFile>, PackageFileError> {
    let mut members = tar::Reader::new(file, tar::Limits::default());
    while let Some(member) = members.next_entry()? {
        if member.path == METADATA {
            let limits = compression::Limits {
                output_max: METADATA_MAX,
                ratio_free: METADATA_MAX,
                ..compression::Limits::default()
            };
            let mut packed = Vec::new();
            if member.size > METADATA_MAX {
                return Err(PackageFileError::malformed("its `metadata.gz` is too large"));
            }
            members.copy_body(&mut |bytes| {
                packed.extend_from_slice(bytes);
                Ok(())
            })?;
            let (_, mut unpacked) = decoder_within(&*packed, &limits)?;
            let mut text = String::new();
            unpacked.read_to_string(&mut text)?;
            return specification(&text).map(Some);
        }
    }
    Ok(None)
}

/// As `gem build` writes it: the fields of the specification stand at the start of lines.
fn specification(text: &str) -> Result<PackageFile, PackageFileError> {
    let field = |name: &str| {
        let mut values =
            text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.next().map(scalar)
    };
    let mut lines = text.lines().skip_while(|line| !line.starts_with("version: "));
    let version = lines.nth(1).and_then(|line| line.strip_prefix("  version: ")).map(scalar);
    let missing =
        |field: &str| PackageFileError::malformed(format!("its specification has no {field}"));
    let name = field("name").ok_or_else(|| missing("name"))?;
    let version = version.ok_or_else(|| missing("version"))?;
    let platform = field("platform").filter(|platform| platform != "ruby");
    let architecture = platform.unwrap_or_default();
    Ok(PackageFile { architecture, ..package("gem", name, version) })
}

fn scalar(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).to_owned()
}
