//! Whom the image trusts: authorities for certificates, keys for packages.

use super::Images;
use super::privileges::Seen;
use crate::diff::FileDifference;
use crate::oci::Digest;
use crate::review::risk::Risk;
use crate::store::{Node, NodeKind};
use std::collections::BTreeSet;

/// Bundles of authorities, as distributions have them.
const BUNDLES: [&str; 5] = [
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/ssl/cert.pem",
];

/// Where single authorities are put.
const AUTHORITIES: [&[u8]; 5] = [
    b"usr/share/ca-certificates/",
    b"usr/local/share/ca-certificates/",
    b"etc/pki/ca-trust/source/anchors/",
    b"usr/share/pki/ca-trust-source/",
    b"etc/ca-certificates/",
];

/// Where keys are that packages are trusted of.
const KEYS: [&[u8]; 9] = [
    b"etc/apt/trusted.gpg",
    b"etc/apt/keyrings/",
    b"usr/share/keyrings/",
    b"usr/local/share/keyrings/",
    b"etc/pki/rpm-gpg/",
    b"usr/share/distribution-gpg-keys/",
    b"etc/apk/keys/",
    b"usr/share/apk/keys/",
    b"usr/lib/rpm/gnupg/",
];

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

pub(super) fn compare(images: &Images<'_>, seen: &mut Seen<'_>) {
    for file in &images.diff.files {
        let is_key = KEYS.iter().any(|start| file.path.starts_with(start));
        if let Some(change) = Change::of(file).filter(|_| is_key) {
            seen.flag(Risk::SigningKeys, &file.path, change.name().to_owned());
        }
    }
    for folder in AUTHORITIES {
        let files = images.diff.files.iter().filter(|file| file.path.starts_with(folder));
        let changes = files.filter_map(|file| Some((Change::of(file)?, &*file.path)));
        authorities(folder, &changes.collect::<Vec<_>>(), seen);
    }
    for bundle in BUNDLES {
        if images.diff.files.iter().any(|file| file.path == bundle.as_bytes()) {
            compare_bundle(bundle, images, seen);
        }
    }
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Added,
    Removed,
    Changed,
}

impl Change {
    /// None where it has the same content, and for directories.
    fn of(file: &FileDifference) -> Option<Self> {
        let kind = |node: &'_ Option<Node>| {
            let kind = node.as_ref().map(|node| node.kind.clone());
            kind.filter(|kind| *kind != NodeKind::Directory)
        };
        match (kind(&file.left), kind(&file.right)) {
            (None, None) => None,
            (None, Some(_)) => Some(Self::Added),
            (Some(_), None) => Some(Self::Removed),
            (left, right) => (left != right).then_some(Self::Changed),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One flag for all single authorities in a folder: an update of their package changes dozens.
fn authorities(folder: &[u8], changes: &[(Change, &[u8])], seen: &mut Seen<'_>) {
    const NAMES_MAX: usize = 3;
    if let [(change, path)] = changes {
        return seen.flag(Risk::CaRoots, path, change.name().to_owned());
    }
    let mut parts = Vec::new();
    for change in [Change::Added, Change::Removed, Change::Changed] {
        let of = changes.iter().filter(|(other, _)| *other == change);
        let names: Vec<_> = of.map(|(_, path)| name(path)).collect();
        let mut shown = names.get(..NAMES_MAX).unwrap_or(&names).join(", ");
        if names.len() > NAMES_MAX {
            shown += ", …";
        }
        if !names.is_empty() {
            parts.push(format!("{} {} ({shown})", names.len(), change.name()));
        }
    }
    if !parts.is_empty() {
        let paths = changes.iter().map(|(_, path)| *path);
        seen.flag_all(Risk::CaRoots, folder, paths, parts.join(", "));
    }
}

fn name(path: &[u8]) -> String {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    String::from_utf8_lossy(name).into_owned()
}

fn compare_bundle(path: &str, images: &Images<'_>, seen: &mut Seen<'_>) {
    let read = |side: &super::Side<'_>| (side.read)(path.as_bytes());
    match (read(&images.old), read(&images.new)) {
        (Ok(old), Ok(new)) => {
            let (old, new) = (certificates(old.as_deref()), certificates(new.as_deref()));
            let (added, removed) = (new.difference(&old).count(), old.difference(&new).count());
            if added + removed > 0 {
                let detail = format!("{added} added, {removed} removed of {}", new.len());
                seen.flag(Risk::CaRoots, path.as_bytes(), detail);
            }
        }
        (Err(error), _) | (_, Err(error)) => seen.not_checked(Risk::CaRoots, path, &error),
    }
}

/// What stands between the lines of each block, without line ends: the order in a bundle says
/// nothing.
fn certificates(bundle: Option<&[u8]>) -> BTreeSet<Digest> {
    let text = String::from_utf8_lossy(bundle.unwrap_or_default()).into_owned();
    let mut found = BTreeSet::new();
    let mut block: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with(BEGIN) {
            block = Some(String::new());
        } else if line.starts_with(END) {
            found.extend(block.take().map(|block| Digest::of(block.as_bytes())));
        } else if let Some(block) = &mut block {
            block.push_str(line);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_a_set_of_blocks() {
        let block = |body: &str| format!("# x\n{BEGIN}CERTIFICATE-----\n{body}\n{END}X-----\n");
        let of = |blocks: &[&str]| {
            let text: String = blocks.iter().map(|body| block(body)).collect();
            certificates(Some(text.as_bytes()))
        };
        assert_eq!(of(&["ab", "cd"]), of(&["cd", "a\nb"]));
        assert_eq!(of(&["ab", "cd"]).difference(&of(&["ab"])).count(), 1);
        assert!(certificates(None).is_empty());
    }
}
