//! PKCS#12 key stores without a password, as Java's own trust store is since version 18: RFC 7292,
//! with nothing encrypted and no MAC.
//!
//! ```text
//! PFX { 3, data { { data { { certBag { x509Certificate { DER } } attributes }* } }* } }
//! ```

use super::certificate::Certificate;
use super::der::{
    self, BMP_STRING, CONTEXT_0, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET,
};

/// `data`: 1.2.840.113549.1.7.1.
const DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 1];
/// `certBag`: 1.2.840.113549.1.12.10.1.3.
const CERTIFICATE_BAG: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 12, 10, 1, 3];
/// `x509Certificate`: 1.2.840.113549.1.9.22.1.
const X509: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 22, 1];
/// `friendlyName`: 1.2.840.113549.1.9.20.
const FRIENDLY_NAME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 20];
/// Java takes a certificate for trusted only with this attribute: 2.16.840.1.113894.746875.1.1.
const TRUSTED_KEY_USAGE: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xF9, 0x66, 0xAD, 0xCA, 0x7B, 1, 1];
/// `anyExtendedKeyUsage`: 2.5.29.37.0.
const ANY_USAGE: &[u8] = &[0x55, 0x1D, 0x25, 0];

/// The name of the entry that is added.
const ALIAS: &str = "rlock";

/// The store with the certificate as its last entry; none if it is no store that can be changed.
pub(super) fn add(content: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    let mut safes = parse(content)?;
    let last = safes.iter_mut().rev().find_map(|safe| match safe {
        Safe::Plain(bags) => Some(bags),
        Safe::Other(_) => None,
    })?;
    last.push(bag(certificate.der()));
    Some(write(&safes))
}

/// The store without the certificate's entries; none if it has none or cannot be changed.
pub(super) fn remove(content: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    let mut safes = parse(content)?;
    let mut removed = 0;
    for safe in &mut safes {
        if let Safe::Plain(bags) = safe {
            let before = bags.len();
            bags.retain(|bag| certificate_in(bag) != Some(certificate.der()));
            removed += before - bags.len();
        }
    }
    (removed > 0).then(|| write(&safes))
}

/// What the store is made of.
enum Safe {
    /// Bags that can be read.
    Plain(Vec<Vec<u8>>),
    /// Something encrypted, as it is.
    Other(Vec<u8>),
}

/// None for what has a MAC, too: it goes over everything, and takes the password.
fn parse(content: &[u8]) -> Option<Vec<Safe>> {
    let mut store = der::only(content, SEQUENCE)?;
    (der::take_tagged(&mut store, INTEGER)?.content == [3]).then_some(())?;
    let safes = der::all(data(der::take(&mut store)?)?)?;
    if !store.is_empty() {
        return None;
    }
    let [safes] = safes.as_slice() else { return None };
    let safes = der::all(der::only(safes.whole, SEQUENCE)?)?;
    safes.into_iter().map(read_safe).collect()
}

fn read_safe(safe: Element<'_>) -> Option<Safe> {
    let Some(content) = data(safe) else { return Some(Safe::Other(safe.whole.to_vec())) };
    let bags = der::all(der::only(content, SEQUENCE)?)?;
    Some(Safe::Plain(bags.iter().map(|bag| bag.whole.to_vec()).collect()))
}

/// The content of a `ContentInfo` that is plain data.
fn data(element: Element<'_>) -> Option<&[u8]> {
    let mut info = der::only(element.whole, SEQUENCE)?;
    let kind = der::take_tagged(&mut info, OBJECT_IDENTIFIER)?.content;
    (kind == DATA).then_some(())?;
    der::only(der::only(info, CONTEXT_0)?, OCTET_STRING)
}

fn certificate_in(bag: &[u8]) -> Option<&[u8]> {
    let mut bag = der::only(bag, SEQUENCE)?;
    let kind = der::take_tagged(&mut bag, OBJECT_IDENTIFIER)?.content;
    (kind == CERTIFICATE_BAG).then_some(())?;
    let mut value = der::only(der::take_tagged(&mut bag, CONTEXT_0)?.content, SEQUENCE)?;
    let kind = der::take_tagged(&mut value, OBJECT_IDENTIFIER)?.content;
    (kind == X509).then_some(())?;
    der::only(der::only(value, CONTEXT_0)?, OCTET_STRING)
}

fn bag(certificate: &[u8]) -> Vec<u8> {
    let alias: Vec<u8> = ALIAS.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let attributes = [
        attribute(FRIENDLY_NAME, &der::encode(BMP_STRING, &alias)),
        attribute(TRUSTED_KEY_USAGE, &der::encode(OBJECT_IDENTIFIER, ANY_USAGE)),
    ];
    let value = der::encode(CONTEXT_0, &der::encode(OCTET_STRING, certificate));
    let value = sequence(&[&der::encode(OBJECT_IDENTIFIER, X509), &value]);
    sequence(&[
        &der::encode(OBJECT_IDENTIFIER, CERTIFICATE_BAG),
        &der::encode(CONTEXT_0, &value),
        &der::encode(SET, &attributes.concat()),
    ])
}

fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&der::encode(OBJECT_IDENTIFIER, kind), &der::encode(SET, value)])
}

fn write(safes: &[Safe]) -> Vec<u8> {
    let safes = safes.iter().map(|safe| match safe {
        Safe::Plain(bags) => info(&der::encode(SEQUENCE, &bags.concat())),
        Safe::Other(whole) => whole.clone(),
    });
    let safes = der::encode(SEQUENCE, &safes.collect::<Vec<_>>().concat());
    sequence(&[&der::encode(INTEGER, &[3]), &info(&safes)])
}

/// A `ContentInfo` of plain data.
fn info(content: &[u8]) -> Vec<u8> {
    let content = der::encode(CONTEXT_0, &der::encode(OCTET_STRING, content));
    sequence(&[&der::encode(OBJECT_IDENTIFIER, DATA), &content])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der::encode(SEQUENCE, &parts.concat())
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixtures::{Fixture, authority};
    use super::*;

    #[test]
    fn what_is_added_can_be_removed() {
        let fixture = Fixture::new();
        for count in 0..3 {
            let bags = (0..count).map(|_| bag(&authority().1)).collect();
            let encrypted = Safe::Other(sequence(&[&der::encode(OBJECT_IDENTIFIER, &[1])]));
            let store = write(&[Safe::Plain(bags), encrypted]);
            assert_eq!(remove(&store, &fixture.certificate), None);
            let with = add(&store, &fixture.certificate).unwrap();
            assert!(fixture.certificate.is_in(&with));
            assert_eq!(remove(&with, &fixture.certificate).unwrap(), store);
        }
    }

    #[test]
    fn a_damaged_store_is_no_reason_to_panic() {
        let fixture = Fixture::new();
        let store = write(&[Safe::Plain(vec![bag(fixture.certificate.der())])]);
        for at in 0..store.len() {
            for flip in [1, 0x7F, 0x80, 0xFF] {
                let mut damaged = store.clone();
                damaged[at] ^= flip;
                for changed in [add, remove].map(|change| change(&damaged, &fixture.certificate)) {
                    assert!(changed.is_none_or(|changed| changed != damaged));
                }
            }
        }
    }

    #[test]
    fn a_store_with_a_mac_or_cut_off_is_left_alone() {
        let fixture = Fixture::new();
        let store = write(&[Safe::Plain(vec![bag(&authority().1)])]);
        for end in 0..store.len() {
            assert_eq!(add(&store[..end], &fixture.certificate), None);
        }
        let inner = der::only(&store, SEQUENCE).unwrap();
        let with_mac = sequence(&[inner, &sequence(&[])]);
        assert_eq!(add(&with_mac, &fixture.certificate), None);
    }
}
