//! OpenPGP signatures over indexes: <https://www.rfc-editor.org/rfc/rfc9580>, as far as archives use
//! it: signatures and keys of version 4, RSA, Ed25519, ECDSA on P-256 and P-384, SHA-2. The
//! arithmetic is ring's.
//!
//! A key is believed if it is in a keyring that the caller trusts, and only as far as its own
//! self-signatures go: what is expired, revoked, not for signing, or vouched for by nothing but
//! SHA-1 or MD5 signs nothing.

mod algorithm;
mod armor;
mod cleartext;
mod key;
mod packet;
mod signature;
mod verify;

#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

pub use key::Keyring;
pub use verify::{SignatureError, Signed, Signer};

use signature::Signature;

/// Something that is not OpenPGP as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PgpError {
    /// Malformed, weak or not supported.
    #[error("{0}")]
    Refused(String),
    /// Well-formed, and not made by the key over these bytes.
    #[error("the signature is not the key's")]
    Wrong,
}

impl PgpError {
    fn new(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

/// Signatures that one text may have.
const SIGNATURES_MAX: usize = 64;

/// The id of a key: the last eight bytes of its fingerprint, as everybody writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl std::fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02X}"))
    }
}

/// Reads a clear-signed text (section 7). Text outside of the signed block is an error: nobody has
/// signed it, and programs have been made to read it.
pub(crate) fn cleartext(bytes: &[u8]) -> Result<Signed<()>, PgpError> {
    let (text, armored) = cleartext::split(bytes)?;
    let signatures = signatures(&armor::decode(armored)?)?;
    Ok(Signed::new((), text, Some(signatures)))
}

/// A text with the signatures beside it, armored or not (section 10.4).
pub(crate) fn detached(text: &[u8], signature: &[u8]) -> Result<Signed<()>, PgpError> {
    let signatures = signatures(&armor::plain(signature)?)?;
    Ok(Signed::new((), text.to_vec(), Some(signatures)))
}

/// A text that nobody has signed.
pub(crate) fn unsigned(text: &[u8]) -> Signed<()> {
    Signed::new((), text.to_vec(), None)
}

fn signatures(bytes: &[u8]) -> Result<Vec<Signature>, PgpError> {
    let mut signatures = Vec::new();
    for packet in packet::packets(bytes)? {
        match packet.tag {
            packet::SIGNATURE => signatures.push(Signature::parse(packet.body)?),
            // A marker and padding are ignored by definition.
            packet::MARKER | packet::PADDING => {}
            tag => return Err(PgpError::new(format!("packet {tag} among signatures"))),
        }
        if signatures.len() > SIGNATURES_MAX {
            return Err(PgpError::new(format!("there are more than {SIGNATURES_MAX} signatures")));
        }
    }
    if signatures.is_empty() {
        return Err(PgpError::new("there is no signature"));
    }
    Ok(signatures)
}
