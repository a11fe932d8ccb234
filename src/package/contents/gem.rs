//! Gems: `data.tar.gz` has the files, which become the folder `gems/NAME-VERSION`; `metadata.gz` says
//! what is written into `specifications/NAME-VERSION.gemspec`.
//! <https://guides.rubygems.org/specification-reference/>

use super::{Contents, Items, tree};
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar;
use crate::oci::Digest;
use crate::package::{PackageFile, PackageFileError};
use std::collections::BTreeMap;
use std::io::Read;

const DATA: &[u8] = b"data.tar.gz";
const METADATA: &[u8] = b"metadata.gz";

/// Bytes of the specification.
const METADATA_MAX: u64 = 8 << 20;

/// Fields of the specification that decide which files are loaded and run.
const FIELDS: [&str; 4] = ["bindir", "executables", "extensions", "require_paths"];

pub(super) fn contents(
    package: PackageFile,
    file: impl Read + Send,
) -> Result<Contents, PackageFileError> {
    let mut members = tar::Reader::new(file, tar::Limits::default());
    let (mut items, mut control) = (None, None);
    while let Some(member) = members.next_entry()? {
        let twice = || PackageFileError::malformed("it has a part of a gem twice");
        match &*member.path {
            DATA if items.is_some() => return Err(twice()),
            METADATA if control.is_some() => return Err(twice()),
            DATA => items = Some(of_data(&*packed(&mut members)?)?),
            METADATA => control = Some(of_metadata(&packed(&mut members)?)?),
            _ => {}
        }
    }
    let missing = |name: &str| PackageFileError::malformed(format!("it has no `{name}`"));
    let items = items.ok_or_else(|| missing("data.tar.gz"))?;
    let control = control.ok_or_else(|| missing("metadata.gz"))?;
    let is_source = control.keys().any(|key| key.starts_with(b"extensions/"));
    Ok(Contents { package, items: items.into_map(), control, is_source })
}

fn packed<R: Read>(members: &mut tar::Reader<R>) -> Result<Vec<u8>, PackageFileError> {
    let mut packed = Vec::new();
    members.copy_body(&mut |bytes| {
        packed.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(packed)
}

fn of_data(packed: impl Read + Send) -> Result<Items, PackageFileError> {
    let mut files = tree::open(packed)?;
    let mut items = Items::default();
    while let Some(entry) = files.next_entry()? {
        tree::add(&mut items, &mut files, &entry, &entry.path)?;
        if let Some(item) = items.get_mut(&entry.path) {
            // RubyGems gives rights of its own, and everything to whoever runs it.
            (item.mode, item.owner, item.has_capabilities) = (None, None, false);
        }
    }
    Ok(items)
}

/// `FIELD/VALUE` of each.
fn of_metadata(packed: &[u8]) -> Result<BTreeMap<Vec<u8>, Digest>, PackageFileError> {
    let limits = compression::Limits {
        output_max: METADATA_MAX,
        ratio_free: METADATA_MAX,
        ..compression::Limits::default()
    };
    let (_, mut unpacked) = decoder_within(packed, &limits)?;
    let mut text = String::new();
    unpacked.read_to_string(&mut text)?;
    let (mut found, mut field) = (BTreeMap::new(), None);
    for line in text.lines() {
        let (name, value) = if let Some(item) = line.strip_prefix("- ") {
            (field, item)
        } else {
            let (name, value) = line.split_once(':').unwrap_or_default();
            field = FIELDS.into_iter().find(|field| *field == name);
            (field, value)
        };
        let value = value.trim().trim_matches(['"', '\'']);
        if let (Some(name), false) = (name, matches!(value, "" | "[]")) {
            found.insert(format!("{name}/{value}").into_bytes(), Digest::of(value.as_bytes()));
        }
    }
    Ok(found)
}
