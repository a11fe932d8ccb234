//! Signature packets of version 4: <https://www.rfc-editor.org/rfc/rfc9580#section-5.2.3>.

use super::algorithm::{Hash, PublicKey};
use super::packet::Bytes;
use super::{KeyId, PgpError};

/// What a signature is for (section 5.2.1).
pub(super) const BINARY: u8 = 0x00;
pub(super) const TEXT: u8 = 0x01;
pub(super) const SUBKEY_BINDING: u8 = 0x18;
pub(super) const PRIMARY_BINDING: u8 = 0x19;
pub(super) const DIRECT_KEY: u8 = 0x1f;
pub(super) const KEY_REVOCATION: u8 = 0x20;
pub(super) const SUBKEY_REVOCATION: u8 = 0x28;

/// The four kinds of signatures over a user id.
pub(super) fn is_certification(kind: u8) -> bool {
    (0x10..=0x13).contains(&kind)
}

/// A signature as it stands there; it proves nothing yet.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) kind: u8,
    /// In seconds since 1970.
    pub(super) made: i64,
    /// Seconds from `made` until it holds no more.
    pub(super) holds_for: Option<i64>,
    /// Seconds from the key's creation until it expires.
    pub(super) key_holds_for: Option<i64>,
    /// Section 5.2.3.29.
    pub(super) key_flags: Option<u8>,
    /// Whose it says it is.
    pub(super) issuer: Option<KeyId>,
    /// The signature of a subkey over its primary key.
    pub(super) embedded: Option<Box<Self>>,
    /// Why it counts for nothing: another version, a weak hash, something critical and unknown.
    refused: Option<PgpError>,
    hash: Option<Hash>,
    /// From the version to the end of the hashed subpackets, which is signed too.
    hashed: Vec<u8>,
    rest: Vec<u8>,
}

impl Signature {
    pub(super) fn parse(body: &[u8]) -> Result<Self, PgpError> {
        Self::parse_within(body, 1)
    }

    fn parse_within(body: &[u8], depth: u8) -> Result<Self, PgpError> {
        let mut bytes = Bytes(body);
        let version = bytes.byte()?;
        if version != 4 {
            // Kept, so that one of another version beside a good one does no harm.
            let refused =
                PgpError::new(format!("signatures of version {version} are not supported"));
            return Ok(Self::refused(refused));
        }
        let kind = bytes.byte()?;
        let _algorithm = bytes.byte()?;
        let hash = Hash::of(bytes.byte()?);
        let length = bytes.number(2)?;
        let subpackets = bytes.take(length)?;
        let hashed = body.get(..6 + length).unwrap_or_default().to_vec();
        let length = bytes.number(2)?;
        let unhashed = bytes.take(length)?;
        // The first two bytes of the digest, which are there to fail early.
        bytes.take(2)?;
        let mut signature = Self {
            kind,
            refused: hash.as_ref().err().cloned(),
            hash: hash.ok(),
            hashed,
            rest: bytes.0.to_vec(),
            ..Self::refused(PgpError::new(""))
        };
        let mut made = None;
        signature.subpackets(subpackets, &mut made, depth, true)?;
        signature.subpackets(unhashed, &mut None, depth, false)?;
        match made {
            Some(made) => signature.made = made,
            None => signature.refuse("the signature does not say when it was made"),
        }
        Ok(signature)
    }

    fn refused(reason: PgpError) -> Self {
        Self {
            kind: 0xff,
            made: 0,
            holds_for: None,
            key_holds_for: None,
            key_flags: None,
            issuer: None,
            embedded: None,
            refused: Some(reason),
            hash: None,
            hashed: Vec::new(),
            rest: Vec::new(),
        }
    }

    fn refuse(&mut self, reason: impl Into<String>) {
        if self.refused.is_none() {
            self.refused = Some(PgpError::new(reason));
        }
    }

    /// Section 5.2.3.7. Of those that are not signed only hints count: who the issuer is, and a
    /// signature that proves itself.
    fn subpackets(
        &mut self,
        bytes: &[u8],
        made: &mut Option<i64>,
        depth: u8,
        is_hashed: bool,
    ) -> Result<(), PgpError> {
        let mut bytes = Bytes(bytes);
        while !bytes.0.is_empty() {
            let length = match bytes.byte()? {
                first @ 0..192 => usize::from(first),
                255 => bytes.number(4)?,
                first => ((usize::from(first) - 192) << 8) + usize::from(bytes.byte()?) + 192,
            };
            let mut body = Bytes(bytes.take(length)?);
            let head = body.byte()?;
            let (kind, is_critical) = (head & 0x7f, head & 0x80 != 0);
            match (kind, is_hashed) {
                (2, true) => *made = Some(seconds(&mut body)?),
                (3, true) => self.holds_for = Some(seconds(&mut body)?).filter(|it| *it != 0),
                (9, true) => self.key_holds_for = Some(seconds(&mut body)?).filter(|it| *it != 0),
                (27, true) => self.key_flags = Some(body.byte().unwrap_or(0)),
                (16, _) => {
                    let id = body.take(8)?.try_into();
                    self.issuer = id.ok().map(KeyId).or(self.issuer);
                }
                // The issuer's fingerprint, which of version 4 has 20 bytes.
                (33, _) => {
                    if let Some([4, fingerprint @ ..]) = Some(body.0)
                        && let Some(id) = fingerprint.last_chunk()
                    {
                        self.issuer = Some(KeyId(*id));
                    }
                }
                (32, _) if depth > 0 => {
                    let embedded = Self::parse_within(body.0, depth - 1)?;
                    self.embedded = Some(Box::new(embedded));
                }
                // Known, and of no consequence for whether the signature holds.
                (4..=7 | 11 | 12 | 20..=26 | 28..=35 | 39, _) => {}
                (other, true) if is_critical => {
                    self.refuse(format!("subpacket {other} is critical and not supported"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it is `key`'s over `signed`, which is followed by what section 5.2.4 has follow.
    pub(super) fn verify(&self, key: &PublicKey, signed: &[u8]) -> Result<(), PgpError> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        let Some(hash) = self.hash else { return Err(PgpError::new("there is no hash")) };
        let length = u32::try_from(self.hashed.len()).unwrap_or(u32::MAX);
        let mut message = Vec::with_capacity(signed.len() + self.hashed.len() + 6);
        message.extend_from_slice(signed);
        message.extend_from_slice(&self.hashed);
        message.extend_from_slice(&[4, 0xff]);
        message.extend_from_slice(&length.to_be_bytes());
        key.verify(hash, &message, Bytes(&self.rest))
    }

    /// Why it counts for nothing, whoever made it.
    pub(super) fn refusal(&self) -> Option<&PgpError> {
        self.refused.as_ref()
    }
}

fn seconds(bytes: &mut Bytes<'_>) -> Result<i64, PgpError> {
    Ok(i64::try_from(bytes.number(4)?).unwrap_or(i64::MAX))
}
