//! The algorithms: <https://www.rfc-editor.org/rfc/rfc9580#section-9>. What is weak is refused by
//! name, what is unknown by number.

use super::PgpError;
use super::packet::{Bytes, padded};
use ring::signature as ring;
use sha2::Digest as _;

/// 1.3.6.1.4.1.11591.15.1, Ed25519 in the form of keys before RFC 9580.
const OID_ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
/// 1.2.840.10045.3.1.7.
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34.
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// A hash that signatures may be made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn of(number: u8) -> Result<Self, PgpError> {
        match number {
            8 => Ok(Self::Sha256),
            9 => Ok(Self::Sha384),
            10 => Ok(Self::Sha512),
            1 => Err(PgpError::new("MD5 is too weak to sign with")),
            2 => Err(PgpError::new("SHA-1 is too weak to sign with")),
            3 => Err(PgpError::new("RIPEMD-160 is too weak to sign with")),
            other => Err(PgpError::new(format!("hash algorithm {other} is not supported"))),
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        }
    }
}

/// The public half of a key that can sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The digest is what is signed. `is_legacy`: the signature is two numbers and not 64 bytes.
    Ed25519 {
        point: Vec<u8>,
        is_legacy: bool,
    },
    P256 {
        point: Vec<u8>,
    },
    P384 {
        point: Vec<u8>,
    },
}

impl PublicKey {
    /// From the part of a key packet that belongs to the algorithm.
    pub(super) fn parse(algorithm: u8, mut bytes: Bytes<'_>) -> Result<Self, PgpError> {
        match algorithm {
            1 | 3 => {
                let (modulus, exponent) = (bytes.integer()?.to_vec(), bytes.integer()?.to_vec());
                Ok(Self::Rsa { modulus, exponent })
            }
            19 | 22 => {
                let length = bytes.number(1)?;
                let oid = bytes.take(length)?;
                let point = bytes.integer()?;
                match (algorithm, oid) {
                    (22, OID_ED25519) => {
                        let point = point.strip_prefix(&[0x40]).unwrap_or(point).to_vec();
                        Ok(Self::Ed25519 { point, is_legacy: true })
                    }
                    (19, OID_P256) => Ok(Self::P256 { point: point.to_vec() }),
                    (19, OID_P384) => Ok(Self::P384 { point: point.to_vec() }),
                    _ => Err(PgpError::new("the key's curve is not supported")),
                }
            }
            27 => Ok(Self::Ed25519 { point: bytes.take(32)?.to_vec(), is_legacy: false }),
            17 => Err(PgpError::new("DSA is not supported")),
            other => Err(PgpError::new(format!("public-key algorithm {other} is not supported"))),
        }
    }

    /// Whether `signature`, as in a signature packet, is this key's over `message`.
    pub(super) fn verify(
        &self,
        hash: Hash,
        message: &[u8],
        mut signature: Bytes<'_>,
    ) -> Result<(), PgpError> {
        let wrong = |_| PgpError::Wrong;
        match self {
            Self::Rsa { modulus, exponent } => {
                let parameters = match hash {
                    Hash::Sha256 => &ring::RSA_PKCS1_2048_8192_SHA256,
                    Hash::Sha384 => &ring::RSA_PKCS1_2048_8192_SHA384,
                    Hash::Sha512 => &ring::RSA_PKCS1_2048_8192_SHA512,
                };
                if modulus.len() < 256 {
                    return Err(PgpError::new("the RSA key has fewer than 2048 bits"));
                }
                let signature = padded(signature.integer()?, modulus.len())?;
                let key = ring::RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, message, &signature).map_err(wrong)
            }
            Self::Ed25519 { point, is_legacy } => {
                let signature =
                    if *is_legacy { pair(signature, 32)? } else { signature.take(64)?.to_vec() };
                let key = ring::UnparsedPublicKey::new(&ring::ED25519, point);
                key.verify(&hash.digest(message), &signature).map_err(wrong)
            }
            Self::P256 { point } => {
                if hash != Hash::Sha256 {
                    return Err(PgpError::new(
                        "P-256 with another hash than SHA-256 is not supported",
                    ));
                }
                let key = ring::UnparsedPublicKey::new(&ring::ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, &pair(signature, 32)?).map_err(wrong)
            }
            Self::P384 { point } => {
                if hash != Hash::Sha384 {
                    return Err(PgpError::new(
                        "P-384 with another hash than SHA-384 is not supported",
                    ));
                }
                let key = ring::UnparsedPublicKey::new(&ring::ECDSA_P384_SHA384_FIXED, point);
                key.verify(message, &pair(signature, 48)?).map_err(wrong)
            }
        }
    }
}

/// Two numbers of `length` bytes each.
fn pair(mut signature: Bytes<'_>, length: usize) -> Result<Vec<u8>, PgpError> {
    let mut both = padded(signature.integer()?, length)?;
    both.extend(padded(signature.integer()?, length)?);
    Ok(both)
}
