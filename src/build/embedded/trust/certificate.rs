//! The authority's certificate: what is put into trust stores, and what it is known by afterwards.

use super::der::{self, CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bstr::{ByteSlice as _, Finder};

/// `id-at-commonName`, RFC 5280 appendix A.1.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// A number or a name shorter than this, in bytes, could be in a file by chance.
const DISTINCT_MIN: usize = 12;

/// Bytes that one line of PEM holds (RFC 7468: 64 characters).
const LINE_LENGTH: usize = 48;

/// A certificate that can be told from all others.
pub(super) struct Certificate {
    pem: Vec<u8>,
    der: Vec<u8>,
    name: Vec<u8>,
    /// Its name stands in it as it is, and in every certificate that it signed.
    markers: [Finder<'static>; 2],
}

impl Certificate {
    /// Reads a certificate; none where it is none, or one whose serial number and common name are too
    /// short to be found again.
    pub(super) fn parse(pem: &str) -> Option<Self> {
        let body: String =
            pem.lines().filter(|line| !line.is_empty() && !line.contains('-')).collect();
        let der = BASE64_STANDARD.decode(body).ok()?;
        let (serial, name) = identity(&der)?;
        if serial.len() < DISTINCT_MIN || name.len() < DISTINCT_MIN {
            return None;
        }
        // The number stands at the start of a certificate, so all of it is in the first line of its
        // PEM. Three bytes are four characters, from the first byte on.
        let start = offset_in(&der, serial)?.div_ceil(3) * 3;
        let encoded = BASE64_STANDARD.encode(der.get(start..start + DISTINCT_MIN)?);
        if start + DISTINCT_MIN > LINE_LENGTH {
            return None;
        }
        let markers = [encoded.as_bytes(), name].map(|marker| Finder::new(marker).into_owned());
        let name = name.to_vec();
        Some(Self { pem: written(&der), der, name, markers })
    }

    /// As PEM: one block that ends with a newline.
    pub(super) fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// As DER.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The common name of its subject, which programs make file names and comments of.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether something of it is in `content`: its serial number in Base64, or its name.
    pub(super) fn is_in(&self, content: &[u8]) -> bool {
        self.markers.iter().any(|marker| marker.find(content).is_some())
    }

    /// Bytes that two pieces of a content must share so that [`Self::is_in`] misses nothing.
    pub(super) fn marker_length_max(&self) -> usize {
        self.markers.iter().map(|marker| marker.needle().len()).max().unwrap_or_default()
    }
}

/// In lines as RFC 7468 has them, whatever those were that it came in.
fn written(der: &[u8]) -> Vec<u8> {
    let mut pem = b"-----BEGIN CERTIFICATE-----\n".to_vec();
    for line in der.chunks(LINE_LENGTH) {
        pem.extend_from_slice(BASE64_STANDARD.encode(line).as_bytes());
        pem.push(b'\n');
    }
    pem.extend_from_slice(b"-----END CERTIFICATE-----\n");
    pem
}

/// Serial number and common name of the subject: RFC 5280, section 4.1.
fn identity(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut certificate = der::only(der, SEQUENCE)?;
    let mut body = der::take_tagged(&mut certificate, SEQUENCE)?.content;
    der::take_tagged(&mut body, CONTEXT_0); // version
    let serial = der::take_tagged(&mut body, INTEGER)?.content;
    for _ in ["signature", "issuer", "validity"] {
        der::take_tagged(&mut body, SEQUENCE)?;
    }
    let subject = der::take_tagged(&mut body, SEQUENCE)?.content;
    let name = der::all(subject)?.into_iter().find_map(|relative| {
        let mut attribute = der::only(der::only(relative.whole, SET)?, SEQUENCE)?;
        let kind = der::take_tagged(&mut attribute, OBJECT_IDENTIFIER)?.content;
        let value = der::take(&mut attribute)?.content;
        (kind == COMMON_NAME).then_some(value)
    })?;
    Some((serial, name))
}

fn offset_in(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.find(part)
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixtures::{authority, certificate_of};
    use super::*;

    #[test]
    fn it_is_written_as_it_was_read() {
        let (pem, der) = authority();
        let certificate = Certificate::parse(&pem).unwrap();
        assert_eq!(certificate.der(), der);
        assert_eq!(certificate.pem(), pem.replace('\r', "").as_bytes());
        assert!(certificate.name().starts_with(b"rlock build authority "));
    }

    #[test]
    fn it_is_found_in_each_form() {
        let (pem, der) = authority();
        let certificate = Certificate::parse(&pem).unwrap();
        let one_line = BASE64_STANDARD.encode(&der);
        let wide: Vec<u8> = one_line.as_bytes().chunks(76).collect::<Vec<_>>().join(&b'\n');
        for form in [pem.as_bytes(), &der, one_line.as_bytes(), &wide, certificate.name()] {
            assert!(certificate.is_in(&[b"before", form, b"after"].concat()));
        }
        let (other, other_der) = authority();
        assert!(!certificate.is_in(other.as_bytes()) && !certificate.is_in(&other_der));
    }

    #[test]
    fn what_cannot_be_told_from_others_is_refused() {
        assert!(Certificate::parse("").is_none());
        assert!(Certificate::parse("-----BEGIN CERTIFICATE-----\nAAAA\n").is_none());
        assert!(Certificate::parse(&certificate_of("rlock", &[1; 16])).is_none(), "name");
        assert!(Certificate::parse(&certificate_of("rlock build authority", &[1])).is_none());
        assert!(Certificate::parse(&certificate_of("rlock build authority", &[1; 16])).is_some());
    }
}
