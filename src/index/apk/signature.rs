//! RSA signatures in the first segment: `.SIGN.RSA.NAME` over SHA-1, `.SIGN.RSA256.NAME` and
//! `.SIGN.RSA512.NAME`. `NAME` is a file in `/etc/apk/keys`.

use crate::index::IndexError;
use base64::Engine as _;
use ring::signature as ring;
use std::collections::BTreeMap;

/// Keys that are believed, by the names that signatures use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApkKeys {
    /// The place of a key, and the key as PKCS #1 has it.
    keys: BTreeMap<String, (String, Vec<u8>)>,
}

/// A key that an index is signed with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApkSigner {
    /// Its name.
    pub key: String,
    /// Where the key is from.
    pub place: String,
    /// Whether the signature is over SHA-1, which is weak. Alpine's own indexes are.
    pub is_weak: bool,
}

/// A signature as it stands there; it proves nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    key: String,
    algorithm: &'static str,
    bytes: Vec<u8>,
}

impl ApkKeys {
    /// Adds a key: its file's name, where it is from, and the file, `BEGIN PUBLIC KEY`.
    pub fn add(&mut self, name: &str, place: &str, pem: &[u8]) -> Result<(), IndexError> {
        let bad = |reason: &str| IndexError::new("apk key", format!("`{place}`: {reason}"));
        let text = std::str::from_utf8(pem).map_err(|_| bad("it is not ASCII"))?;
        let body = text
            .split_once("-----BEGIN PUBLIC KEY-----")
            .and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"))
            .map(|(body, _)| body.split_ascii_whitespace().collect::<String>())
            .ok_or_else(|| bad("it is no public key in PEM"))?;
        let der = base64::engine::general_purpose::STANDARD.decode(body);
        let der = der.map_err(|_| bad("it is not base64"))?;
        let key = rsa_key(&der).ok_or_else(|| bad("it is no RSA key"))?.to_vec();
        self.keys.insert(name.to_owned(), (place.to_owned(), key));
        Ok(())
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Signature {
    /// From the name and content of a file of the first segment; none where it is no signature.
    pub(super) fn parse(name: &[u8], bytes: Vec<u8>) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?.strip_prefix(".SIGN.")?;
        let (algorithm, key) = name.split_once('.')?;
        let algorithm = ["RSA", "RSA256", "RSA512"].into_iter().find(|it| *it == algorithm)?;
        Some(Self { key: key.to_owned(), algorithm, bytes })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Who signed `signed`; none where no key of that name is believed; the error where the key has
    /// signed something else.
    pub(super) fn verify(
        &self,
        keys: &ApkKeys,
        signed: &[u8],
    ) -> Option<Result<ApkSigner, IndexError>> {
        let (place, key) = keys.keys.get(&self.key)?;
        let algorithm = match self.algorithm {
            "RSA256" => &ring::RSA_PKCS1_2048_8192_SHA256,
            "RSA512" => &ring::RSA_PKCS1_2048_8192_SHA512,
            _ => &ring::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        };
        let verified = ring::UnparsedPublicKey::new(algorithm, key).verify(signed, &self.bytes);
        let signer = ApkSigner {
            key: self.key.clone(),
            place: place.clone(),
            is_weak: self.algorithm == "RSA",
        };
        let wrong = |_| {
            let reason = format!("it is not what key `{}` has signed", self.key);
            IndexError::new("APKINDEX.tar.gz", reason)
        };
        Some(verified.map(|()| signer).map_err(wrong))
    }
}

/// The RSA key of a `SubjectPublicKeyInfo`: <https://www.rfc-editor.org/rfc/rfc5280#section-4.1>.
fn rsa_key(der: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    /// `rsaEncryption` with its empty parameters.
    const RSA: &[u8] =
        &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let (outer, rest) = element(der, SEQUENCE)?;
    let (algorithm, key) = element(outer, SEQUENCE)?;
    let (key, end) = element(key, BIT_STRING)?;
    let is_whole = rest.is_empty() && end.is_empty() && algorithm == RSA;
    // No unused bits.
    key.strip_prefix(&[0]).filter(|_| is_whole)
}

/// The content of an element with a tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
