//! Changelogs of package files in the Store. They stand behind everything else in a file that takes a
//! second to decompress, so each is looked for once.

use crate::oci::Digest;
use crate::package::{self, Changelog, PackageFileError};
use crate::store::{Store, StoreError};

/// The kind of what is kept, with the number of its form: what finds changelogs may get better.
const KIND: &str = "changelog-1";

/// Why there is none to read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// The Store does not have the file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no good package file.
    #[error(transparent)]
    File(#[from] PackageFileError),
}

/// The changelog of a package file.
pub(super) fn of(file: &Digest, store: &Store) -> Result<Changelog, Unread> {
    if let Some(known) = store.derived(KIND, file).and_then(read) {
        return Ok(known);
    }
    let mut reader = store.open_blob(file)?;
    let changelog = package::changelog(&mut reader)?;
    // To its end, which verifies it: what is kept is believed again.
    std::io::copy(&mut reader, &mut std::io::sink()).map_err(PackageFileError::from)?;
    if let Err(error) = store.keep_derived(KIND, file, &written(&changelog)) {
        tracing::debug!(%file, %error, "a changelog is not kept");
    }
    Ok(changelog)
}

/// A line that says what it is, and the text.
fn written(changelog: &Changelog) -> Vec<u8> {
    match changelog {
        Changelog::Text(text) => [b"text\n", &**text].concat(),
        Changelog::In { package } => format!("in\n{package}").into_bytes(),
        Changelog::None => b"none\n".to_vec(),
    }
}

fn read(mut bytes: Vec<u8>) -> Option<Changelog> {
    let at = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let rest = bytes.split_off(at);
    match &*bytes {
        b"text\n" => Some(Changelog::Text(rest)),
        b"in\n" => Some(Changelog::In { package: String::from_utf8(rest).ok()? }),
        b"none\n" if rest.is_empty() => Some(Changelog::None),
        _ => None,
    }
}

/// Lets a file have that changelog.
#[cfg(test)]
pub(super) fn keep(file: &Digest, store: &Store, changelog: &Changelog) {
    store.keep_derived(KIND, file, &written(changelog)).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for changelog in [
            Changelog::Text(b"a (1) stable\n\n  * x\n".to_vec()),
            Changelog::Text(Vec::new()),
            Changelog::In { package: "liba".to_owned() },
            Changelog::None,
        ] {
            assert_eq!(read(written(&changelog)), Some(changelog));
        }
        for damaged in [&b""[..], b"text", b"other\nx", b"none\nx"] {
            assert_eq!(read(damaged.to_vec()), None);
        }
    }
}
