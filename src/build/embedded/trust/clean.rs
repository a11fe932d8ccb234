//! A file's content without the authority, in each form that programs write trust stores in.

use super::certificate::Certificate;
use super::{edk2, keystore, pem};

/// What remains of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cleaned {
    /// Other content.
    Content(Vec<u8>),
    /// Nothing: the certificate was all that was in it.
    Nothing,
    /// The certificate is in it in a way that it cannot be taken out of.
    Stuck,
}

/// Takes the certificate out of `content`, which has something of it. `unterminated` are contents
/// whose last line was ended before the certificate was put below it.
pub(super) fn clean(
    content: &[u8],
    certificate: &Certificate,
    unterminated: &[Vec<u8>],
) -> Cleaned {
    if content == certificate.der() {
        return Cleaned::Nothing;
    }
    let cleaned = if !content.contains(&0) {
        pem::cut(content, certificate).map(|cut| unended(cut, unterminated))
    } else if edk2::is_store(content) {
        edk2::remove(content, certificate)
    } else {
        // Whatever else is no text is left alone: the structure of an archive or an image would break.
        keystore::remove(content, certificate)
    };
    match cleaned {
        Some(cleaned) if certificate.is_in(&cleaned) => Cleaned::Stuck,
        Some(cleaned) if cleaned.is_empty() => Cleaned::Nothing,
        Some(cleaned) => Cleaned::Content(cleaned),
        None => Cleaned::Stuck,
    }
}

/// The last line as it was before it was ended.
fn unended(mut content: Vec<u8>, unterminated: &[Vec<u8>]) -> Vec<u8> {
    if let Some(line) = content.strip_suffix(b"\n")
        && unterminated.iter().any(|original| original == line)
    {
        content.pop();
    }
    content
}
