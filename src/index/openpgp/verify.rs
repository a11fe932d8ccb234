//! Whose signature a text has.

use super::key::{Key, Keyring};
use super::signature::{self, Signature};
use super::{KeyId, PgpError};
use std::collections::BTreeSet;

/// A value with the exact text that it was read from, and the signatures over that.
#[derive(Debug, Clone)]
pub struct Signed<T> {
    /// What the text says.
    pub value: T,
    text: Vec<u8>,
    /// None where nobody has signed it.
    signatures: Option<Vec<Signature>>,
}

/// A key that a text is signed with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// The key that signed; a subkey has its own.
    pub key: KeyId,
    /// The key that it belongs to, which may be the same.
    pub primary: KeyId,
    /// The first user id of the key, as the keyring has it.
    pub user: Option<String>,
    /// The keyring that it is in.
    pub keyring: String,
    /// When it was signed, in seconds since 1970.
    pub made: i64,
    /// When the signature or its key stops to hold, in seconds since 1970.
    pub until: Option<i64>,
}

/// Why a text counts as signed by nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error("it is not signed")]
    Unsigned,
    /// No key of the keyring has signed it.
    #[error("it is signed by {}, which no keyring has", list(.0))]
    UnknownKey(BTreeSet<KeyId>),
    /// It is not what the key has signed.
    #[error("it is not what key {key} has signed")]
    Wrong {
        /// The key.
        key: KeyId,
    },
    /// The signature or its key counts for nothing.
    #[error("the signature of key {key} counts for nothing: {reason}")]
    Unusable {
        /// The key.
        key: KeyId,
        /// Why.
        reason: String,
    },
    /// The signature says not whose it is, or is of a form that is not supported.
    #[error("the signature cannot be checked: {0}")]
    Unsupported(String),
}

fn list(keys: &BTreeSet<KeyId>) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("key {key}")).collect();
    keys.join(" and ")
}

impl<T> Signed<T> {
    pub(super) fn new(value: T, text: Vec<u8>, signatures: Option<Vec<Signature>>) -> Self {
        Self { value, text, signatures }
    }

    /// Exactly what was signed, lines ended by LF.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The same text with another value.
    pub(crate) fn with<U>(self, value: U) -> Signed<U> {
        Signed { value, text: self.text, signatures: self.signatures }
    }

    /// Whether there is a signature at all, good or bad.
    pub fn is_signed(&self) -> bool {
        self.signatures.is_some()
    }

    /// Who has signed it, of the keys in `keyring`: at least one, and none of them wrongly.
    /// Signatures of other keys do not count. A key has to hold when it signed.
    pub fn verify(&self, keyring: &Keyring) -> Result<Vec<Signer>, SignatureError> {
        let Some(signatures) = &self.signatures else { return Err(SignatureError::Unsigned) };
        let mut signers = Vec::new();
        let mut unknown = BTreeSet::new();
        let mut failure = None;
        for signature in signatures {
            let Some(id) = signature.issuer else {
                let reason =
                    signature.refusal().map_or("it names no key".to_owned(), ToString::to_string);
                failure = failure.or(Some(SignatureError::Unsupported(reason)));
                continue;
            };
            let mut candidates = keyring.find(id).peekable();
            if candidates.peek().is_none() {
                unknown.insert(id);
            }
            let mut error = None;
            let good = candidates
                .find_map(|key| self.check(signature, key).map_err(|it| error = Some(it)).ok());
            match (good, error) {
                (Some(signer), _) => signers.push(signer),
                (None, Some(wrong @ SignatureError::Wrong { .. })) => return Err(wrong),
                (None, error) => failure = failure.or(error),
            }
        }
        match (signers.is_empty(), failure) {
            (false, _) => Ok(signers),
            (true, Some(failure)) => Err(failure),
            (true, None) => Err(SignatureError::UnknownKey(unknown)),
        }
    }

    fn check(&self, signature: &Signature, key: &Key) -> Result<Signer, SignatureError> {
        let unusable = |reason: String| SignatureError::Unusable { key: key.id, reason };
        let public = key.usable.as_ref().map_err(|error| unusable(error.to_string()))?;
        if let Some(refused) = signature.refusal() {
            return Err(unusable(refused.to_string()));
        }
        let holds = match signature.kind {
            signature::BINARY => signature.verify(public, &self.text),
            signature::TEXT => signature.verify(public, &canonical(&self.text)),
            kind => Err(PgpError::new(format!("a signature of type {kind} is not of a text"))),
        };
        holds.map_err(|error| match error {
            PgpError::Wrong => SignatureError::Wrong { key: key.id },
            PgpError::Refused(reason) => unusable(reason),
        })?;
        if signature.made < key.made {
            return Err(unusable("it was made before its key".to_owned()));
        }
        if key.until.is_some_and(|until| signature.made > until) {
            return Err(unusable("the key had expired when it signed".to_owned()));
        }
        let until = signature.holds_for.map(|it| signature.made.saturating_add(it));
        Ok(Signer {
            key: key.id,
            primary: key.primary,
            user: key.user.clone(),
            keyring: key.place.clone(),
            made: signature.made,
            until: [until, key.until].into_iter().flatten().min(),
        })
    }
}

/// Lines ended by CR LF, which is what signatures of texts are made over. The end of the last line is
/// not signed in a clear-signed text; there it has been taken off.
fn canonical(text: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(text.len() + text.len() / 32);
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            canonical.extend_from_slice(b"\r\n");
        }
        canonical.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    }
    canonical
}
