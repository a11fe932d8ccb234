//! Certificates and keyrings: <https://www.rfc-editor.org/rfc/rfc9580#section-10.1>.

use super::algorithm::PublicKey;
use super::packet::{self, Bytes, Packet, packets};
use super::signature::{
    self, DIRECT_KEY, KEY_REVOCATION, PRIMARY_BINDING, SUBKEY_BINDING, SUBKEY_REVOCATION, Signature,
};
use super::{KeyId, PgpError, armor};
use sha1::Digest as _;

/// "May be used to sign data."
const FLAG_SIGN: u8 = 0x02;

/// Bytes of one keyring. Debian's with all its developers has 60 MB, those of archives 100 KB.
const KEYRING_MAX: usize = 16 << 20;

/// Keys that are believed, each with what is known against it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring {
    keys: Vec<Key>,
}

/// One key that may sign, or says why it may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) id: KeyId,
    /// Of the primary key, which may be the same.
    pub(super) primary: KeyId,
    /// The file that it was read from.
    pub(super) place: String,
    pub(super) user: Option<String>,
    pub(super) made: i64,
    /// The last second at which it may sign, in seconds since 1970.
    pub(super) until: Option<i64>,
    /// The key, or why it signs nothing.
    pub(super) usable: Result<PublicKey, PgpError>,
}

impl Keyring {
    /// Adds the keys of a file, `.gpg` or `.asc`. `place` names it in messages.
    pub fn add(&mut self, place: &str, bytes: &[u8]) -> Result<(), PgpError> {
        if bytes.len() > KEYRING_MAX {
            return Err(PgpError::new(format!("the keyring has more than {KEYRING_MAX} bytes")));
        }
        let bytes = armor::plain(bytes)?;
        let packets = packets(&bytes)?;
        let mut packets = packets.as_slice();
        while let Some((first, rest)) = packets.split_first() {
            let next = rest.iter().position(|packet| packet.tag == packet::PUBLIC_KEY);
            let (own, others) =
                rest.split_at_checked(next.unwrap_or(rest.len())).unwrap_or((rest, &[]));
            packets = others;
            if first.tag == packet::PUBLIC_KEY {
                self.keys.extend(certificate(place, first, own));
            }
        }
        Ok(())
    }

    /// Adds all keys of another.
    pub fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
    }

    /// Those of its keys that, or whose primary keys, have one of these fingerprints, given in
    /// hexadecimal digits.
    #[must_use]
    pub fn only(mut self, fingerprints: &[String]) -> Self {
        let is_one = |id: KeyId| {
            let id = id.to_string();
            fingerprints.iter().any(|fingerprint| fingerprint.ends_with(&id))
        };
        self.keys.retain(|key| is_one(key.id) || is_one(key.primary));
        self
    }

    /// The ids of all keys, each as often as it is there.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(|key| key.id).collect()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys there are, subkeys included.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys with an id: several where a file has one that was changed since.
    pub(super) fn find(&self, id: KeyId) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.id == id)
    }
}

/// A key packet.
struct Material {
    id: KeyId,
    made: i64,
    key: Result<PublicKey, PgpError>,
    /// As section 5.2.4 has it signed.
    signed: Vec<u8>,
    signatures: Vec<Signature>,
}

impl Material {
    /// None of a version or form that this cannot read: such a key signs nothing here.
    fn parse(body: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        if bytes.byte().ok()? != 4 {
            return None;
        }
        let made = i64::try_from(bytes.number(4).ok()?).ok()?;
        let algorithm = bytes.byte().ok()?;
        let mut signed = vec![0x99];
        signed.extend_from_slice(&u16::try_from(body.len()).ok()?.to_be_bytes());
        signed.extend_from_slice(body);
        // Fingerprints of version 4 are SHA-1; they find a key, they prove nothing.
        let fingerprint = sha1::Sha1::digest(&signed);
        let id = KeyId(*fingerprint.last_chunk()?);
        let key = PublicKey::parse(algorithm, bytes);
        Some(Self { id, made, key, signed, signatures: Vec::new() })
    }
}

/// The keys of one certificate: the primary key and its subkeys, with what their self-signatures
/// say. Signatures of others count for nothing.
fn certificate(place: &str, primary: &Packet<'_>, rest: &[Packet<'_>]) -> Vec<Key> {
    let Some(mut primary) = Material::parse(primary.body) else { return Vec::new() };
    let mut subkeys: Vec<Material> = Vec::new();
    let mut users: Vec<(&[u8], Vec<Signature>)> = Vec::new();
    // What the signatures that follow are about.
    let mut is_ignored = false;
    for packet in rest {
        match packet.tag {
            packet::PUBLIC_SUBKEY => match Material::parse(packet.body) {
                Some(subkey) => {
                    is_ignored = false;
                    subkeys.push(subkey);
                }
                None => is_ignored = true,
            },
            packet::USER_ID => {
                is_ignored = false;
                users.push((packet.body, Vec::new()));
            }
            packet::SIGNATURE => {
                let Ok(signature) = Signature::parse(packet.body) else { continue };
                if signature.issuer.is_some_and(|id| id != primary.id) || is_ignored {
                    continue;
                }
                match (subkeys.last_mut(), users.last_mut()) {
                    (Some(subkey), _) => subkey.signatures.push(signature),
                    (None, Some((_, signatures))) => signatures.push(signature),
                    (None, None) => primary.signatures.push(signature),
                }
            }
            // A picture, say, with signatures of its own.
            _ => is_ignored = true,
        }
    }
    let own = of_primary(&primary, &users);
    let user = users.first().map(|(user, _)| String::from_utf8_lossy(user).into_owned());
    let state = |made: i64, holds_for: Option<i64>| holds_for.map(|it| made.saturating_add(it));
    let mut keys = Vec::new();
    let (primary_usable, primary_until) = match &own {
        Ok(own) => {
            let until = state(primary.made, own.key_holds_for);
            (may_sign(own.key_flags, true).and(primary.key.clone()), until)
        }
        Err(error) => (Err(error.clone()), None),
    };
    for subkey in &subkeys {
        let bound = own.as_ref().map_err(Clone::clone).and_then(|_| of_subkey(&primary, subkey));
        let (usable, until) = match bound {
            Ok(binding) => (subkey.key.clone(), state(subkey.made, binding.key_holds_for)),
            Err(error) => (Err(error), None),
        };
        let until = [until, primary_until].into_iter().flatten().min();
        let (id, place, user) = (subkey.id, place.to_owned(), user.clone());
        keys.push(Key { id, primary: primary.id, place, user, made: subkey.made, until, usable });
    }
    let (id, made, place) = (primary.id, primary.made, place.to_owned());
    keys.push(Key {
        id,
        primary: id,
        place,
        user,
        made,
        until: primary_until,
        usable: primary_usable,
    });
    keys
}

fn may_sign(flags: Option<u8>, otherwise: bool) -> Result<(), PgpError> {
    if flags.map_or(otherwise, |flags| flags & FLAG_SIGN != 0) {
        Ok(())
    } else {
        Err(PgpError::new("the key is not for signing"))
    }
}

/// The newest self-signature of a primary key that holds.
fn of_primary<'a>(
    primary: &'a Material,
    users: &'a [(&[u8], Vec<Signature>)],
) -> Result<&'a Signature, PgpError> {
    let key = primary.key.as_ref().map_err(Clone::clone)?;
    let revoked = primary.signatures.iter().filter(|it| it.kind == KEY_REVOCATION);
    require_none(revoked, key, &primary.signed)?;
    let direct = primary.signatures.iter().filter(|it| it.kind == DIRECT_KEY);
    let direct = direct.map(|signature| (signature, signature.verify(key, &primary.signed)));
    let of_users = users.iter().flat_map(|(user, signatures)| {
        let mut signed = primary.signed.clone();
        signed.push(0xb4);
        signed.extend_from_slice(&u32::try_from(user.len()).unwrap_or(u32::MAX).to_be_bytes());
        signed.extend_from_slice(user);
        let certifications = signatures.iter().filter(|it| signature::is_certification(it.kind));
        certifications.map(move |signature| (signature, signature.verify(key, &signed)))
    });
    newest(direct.chain(of_users)).map_err(|error| {
        PgpError::new(match error {
            Some(error) => format!("the key's self-signature does not hold: {error}"),
            None => "the key has no self-signature".to_owned(),
        })
    })
}

/// The newest signature that binds a subkey for signing, which the subkey has agreed to.
fn of_subkey<'a>(primary: &Material, subkey: &'a Material) -> Result<&'a Signature, PgpError> {
    let key = primary.key.as_ref().map_err(Clone::clone)?;
    let own = subkey.key.as_ref().map_err(Clone::clone)?;
    let mut signed = primary.signed.clone();
    signed.extend_from_slice(&subkey.signed);
    let revoked = subkey.signatures.iter().filter(|it| it.kind == SUBKEY_REVOCATION);
    require_none(revoked, key, &signed)?;
    let bindings = subkey.signatures.iter().filter(|it| it.kind == SUBKEY_BINDING);
    let bindings = bindings.map(|signature| (signature, signature.verify(key, &signed)));
    let binding = newest(bindings).map_err(|error| {
        PgpError::new(match error {
            Some(error) => format!("the subkey's binding does not hold: {error}"),
            None => "the subkey is not bound to its key".to_owned(),
        })
    })?;
    may_sign(binding.key_flags, false)?;
    // Without this, anybody could claim somebody else's key as a subkey of his.
    let agreed = binding.embedded.as_ref().filter(|it| it.kind == PRIMARY_BINDING);
    let agreed = agreed.ok_or_else(|| PgpError::new("the subkey has not agreed to its key"))?;
    agreed.verify(own, &signed)?;
    Ok(binding)
}

/// A revocation holds whenever it was made; one with a weak hash too, as it can do no harm.
fn require_none<'a>(
    revocations: impl Iterator<Item = &'a Signature>,
    key: &PublicKey,
    signed: &[u8],
) -> Result<(), PgpError> {
    for revocation in revocations {
        if revocation.refusal().is_some() || revocation.verify(key, signed).is_ok() {
            return Err(PgpError::new("the key is revoked"));
        }
    }
    Ok(())
}

/// The newest of those that hold, else why one does not.
fn newest<'a>(
    signatures: impl Iterator<Item = (&'a Signature, Result<(), PgpError>)>,
) -> Result<&'a Signature, Option<PgpError>> {
    let mut found: Option<&Signature> = None;
    let mut reason = None;
    for (signature, holds) in signatures {
        match holds {
            Ok(()) if found.is_none_or(|found| found.made <= signature.made) => {
                found = Some(signature);
            }
            Ok(()) => {}
            Err(error) => reason = Some(error),
        }
    }
    found.ok_or(reason)
}
