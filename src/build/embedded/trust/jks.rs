//! Java's own key stores: what `sun.security.provider.JavaKeyStore` reads and writes.
//!
//! ```text
//! FEEDFEED  version  count  entry*  SHA-1
//! entry:    1  alias  date  length key  count (type length certificate)*
//!           2  alias  date  type length certificate
//! ```
//!
//! Numbers are big-endian, 4 bytes, a date 8 (ms since 1970); alias and type have a length of 2 bytes
//! before them, and the type is there from version 2 on. The digest goes over the password in UTF-16,
//! a constant, and all before it.
//! <https://github.com/openjdk/jdk17u/blob/master/src/java.base/share/classes/sun/security/provider/JavaKeyStore.java>

use super::certificate::Certificate;
use sha1::{Digest as _, Sha1};

const MAGIC: &[u8] = &[0xFE, 0xED, 0xFE, 0xED];
const DIGEST_LENGTH: usize = 20;
const KEY: u32 = 1;
const TRUSTED: u32 = 2;
const X509: &[u8] = b"X.509";

/// The password that every distribution protects its trust stores with.
pub(super) const PASSWORD: &str = "changeit";

/// The name of the entry that is added.
const ALIAS: &[u8] = b"rlock";

struct Entry<'a> {
    whole: &'a [u8],
    /// Of an entry that is trusted.
    trusted: Option<&'a [u8]>,
}

/// Whether the content starts as a key store of Java's own kind.
pub(super) fn is_store(content: &[u8]) -> bool {
    content.starts_with(MAGIC)
}

/// The store with the certificate as its last entry; none if it is no whole store with [`PASSWORD`].
pub(super) fn add(content: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    let (version, entries) = parse(content)?;
    let own = entry(version, ALIAS, certificate.der())?;
    let entries = entries.iter().map(|entry| entry.whole).chain([own.as_slice()]);
    write(version, &entries.collect::<Vec<_>>())
}

/// The store without the certificate's entries; none if it has none or is no store with [`PASSWORD`].
pub(super) fn remove(content: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    let (version, entries) = parse(content)?;
    let kept = entries.iter().filter(|entry| entry.trusted != Some(certificate.der()));
    let kept: Vec<_> = kept.map(|entry| entry.whole).collect();
    if kept.len() == entries.len() { None } else { write(version, &kept) }
}

/// A store that trusts these certificates (DER).
pub(super) fn of(certificates: &[Vec<u8>]) -> Option<Vec<u8>> {
    let numbered = certificates.iter().enumerate();
    let entries = numbered.map(|(number, der)| entry(2, format!("{number}").as_bytes(), der));
    let entries: Vec<_> = entries.collect::<Option<_>>()?;
    write(2, &entries.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// The store with all dates at zero: they are when an entry was made.
#[cfg(test)]
pub(super) fn undated(content: &[u8]) -> Option<Vec<u8>> {
    let (version, entries) = parse(content)?;
    let undated = entries.iter().map(|entry| {
        let mut whole = entry.whole.to_vec();
        let alias = usize::from(u16::from_be_bytes([whole[4], whole[5]]));
        whole[6 + alias..][..8].fill(0);
        whole
    });
    let undated: Vec<_> = undated.collect();
    write(version, &undated.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn parse(content: &[u8]) -> Option<(u32, Vec<Entry<'_>>)> {
    let (signed, digest) = content.split_at_checked(content.len().checked_sub(DIGEST_LENGTH)?)?;
    if seal(signed) != digest {
        return None;
    }
    let mut rest = signed.strip_prefix(MAGIC)?;
    let version = number(&mut rest)?;
    let count = number(&mut rest)?;
    if !matches!(version, 1 | 2) {
        return None;
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(next(&mut rest, version)?);
    }
    rest.is_empty().then_some((version, entries))
}

fn next<'a>(rest: &mut &'a [u8], version: u32) -> Option<Entry<'a>> {
    let start = *rest;
    let kind = number(rest)?;
    text(rest)?;
    bytes(rest, 8)?;
    let trusted = match kind {
        TRUSTED => Some(certificate(rest, version)?),
        KEY => {
            sized(rest)?;
            for _ in 0..number(rest)? {
                certificate(rest, version)?;
            }
            None
        }
        _ => return None,
    };
    Some(Entry { whole: start.get(..start.len() - rest.len())?, trusted })
}

fn certificate<'a>(rest: &mut &'a [u8], version: u32) -> Option<&'a [u8]> {
    if version > 1 {
        text(rest)?;
    }
    sized(rest)
}

fn entry(version: u32, alias: &[u8], der: &[u8]) -> Option<Vec<u8>> {
    let mut entry = TRUSTED.to_be_bytes().to_vec();
    for (number, text) in [alias, X509].into_iter().enumerate() {
        if number == 1 {
            entry.extend([0; 8]);
            if version == 1 {
                break;
            }
        }
        entry.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
        entry.extend_from_slice(text);
    }
    entry.extend(u32::try_from(der.len()).ok()?.to_be_bytes());
    entry.extend_from_slice(der);
    Some(entry)
}

fn write(version: u32, entries: &[&[u8]]) -> Option<Vec<u8>> {
    let mut content = MAGIC.to_vec();
    content.extend(version.to_be_bytes());
    content.extend(u32::try_from(entries.len()).ok()?.to_be_bytes());
    content.extend(entries.concat());
    let seal = seal(&content);
    content.extend(seal);
    Some(content)
}

fn seal(content: &[u8]) -> [u8; DIGEST_LENGTH] {
    let password: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let digest = Sha1::new().chain_update(password).chain_update(b"Mighty Aphrodite");
    digest.chain_update(content).finalize().into()
}

fn bytes<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes(rest, 4)?.try_into().ok()?))
}

fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    bytes(rest, usize::try_from(length).ok()?)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_be_bytes(bytes(rest, 2)?.try_into().ok()?);
    bytes(rest, usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixtures::{Fixture, authority};
    use super::*;

    #[test]
    fn what_is_added_can_be_removed() {
        let fixture = Fixture::new();
        for count in 0..3 {
            let others: Vec<_> = (0..count).map(|_| authority().1).collect();
            let store = of(&others).unwrap();
            assert_eq!(remove(&store, &fixture.certificate), None);
            let with = add(&store, &fixture.certificate).unwrap();
            assert!(fixture.certificate.is_in(&with));
            assert_eq!(remove(&with, &fixture.certificate).unwrap(), store);
        }
    }

    #[test]
    fn only_whole_stores_with_the_known_password_are_touched() {
        let fixture = Fixture::new();
        let store = of(&[authority().1]).unwrap();
        for end in 0..store.len() {
            assert_eq!(add(&store[..end], &fixture.certificate), None);
        }
        let mut other = store.clone();
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(add(&other, &fixture.certificate), None);
    }

    #[test]
    fn version_1_has_no_types() {
        let fixture = Fixture::new();
        let other = authority().1;
        let old = write(1, &[&entry(1, b"a", &other).unwrap()]).unwrap();
        let with = add(&old, &fixture.certificate).unwrap();
        assert_eq!(remove(&with, &fixture.certificate).unwrap(), old);
    }
}
