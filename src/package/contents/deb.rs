//! Debian packages: `data.tar` has the files, `control.tar` the rest.
//! <https://manpages.debian.org/bookworm/dpkg-dev/deb.5.en.html>

use super::{Contents, Items, Role, tree};
use crate::archive::tar::{self, Kind};
use crate::oci::Digest;
use crate::package::{PackageFileError, deb};
use std::collections::BTreeMap;
use std::io::Read;

/// How the name of the member starts that holds the files.
const DATA_MEMBER: &[u8] = b"data.tar";

/// What dpkg does not keep as a file: it goes into its list of packages.
const ABOUT: &[u8] = b"control";

/// The names of configuration files.
const CONFFILES: &[u8] = b"conffiles";

/// Bytes of that list.
const CONFFILES_MAX: u64 = 16 << 20;

pub(super) fn contents(
    file: &mut (impl Read + Send),
) -> Result<Option<Contents>, PackageFileError> {
    let Some((package, control, mut archive)) = deb::open_with_control(file)? else {
        return Ok(None);
    };
    let (control, conffiles) = of_control(&control)?;
    let mut items = None;
    while let Some(member) = archive.next_member()? {
        if !member.name.starts_with(DATA_MEMBER) {
            continue;
        }
        if items.is_some() {
            return Err(PackageFileError::malformed("it has `data.tar` twice"));
        }
        items = Some(of_data(archive.content())?);
    }
    let mut items = items.ok_or_else(|| PackageFileError::malformed("it has no `data.tar`"))?;
    for path in conffiles {
        if let Some(item) = items.get_mut(&path) {
            item.role = Role::Configuration;
        }
    }
    Ok(Some(Contents { package, items: items.into_map(), control, is_source: false }))
}

fn of_data(data: impl Read + Send) -> Result<Items, PackageFileError> {
    let mut files = tree::open(data)?;
    let mut items = Items::default();
    while let Some(entry) = files.next_entry()? {
        tree::add(&mut items, &mut files, &entry, &entry.path)?;
        // dpkg sets no attributes, whatever the archive has.
        if let Some(item) = items.get_mut(&entry.path) {
            item.has_capabilities = false;
        }
    }
    Ok(items)
}

type Control = (BTreeMap<Vec<u8>, Digest>, Vec<Vec<u8>>);

fn of_control(archive: &[u8]) -> Result<Control, PackageFileError> {
    let mut files = tar::Reader::new(archive, tar::Limits::default());
    let (mut control, mut conffiles) = (BTreeMap::new(), Vec::new());
    while let Some(entry) = files.next_entry()? {
        if entry.kind != Kind::File || entry.path == ABOUT {
            continue;
        }
        let digest = if entry.path == CONFFILES {
            if entry.size > CONFFILES_MAX {
                return Err(PackageFileError::malformed("its `conffiles` is too large"));
            }
            let mut text = Vec::new();
            files.copy_body(&mut |bytes| {
                text.extend_from_slice(bytes);
                Ok(())
            })?;
            conffiles = paths(&text);
            Digest::of(&text)
        } else {
            tree::digest(&mut files)?
        };
        if control.insert(entry.path, digest).is_some() {
            return Err(PackageFileError::malformed("`control.tar` has a file twice"));
        }
    }
    Ok((control, conffiles))
}

/// A path a line; before it may stand `remove-on-upgrade`, which the package does not bring.
fn paths(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter_map(|line| line.strip_prefix(b"/")).map(<[u8]>::to_vec).collect()
}
