//! Trust stores of UEFI firmware, which p11-kit makes too: one `EFI_SIGNATURE_LIST` after the other.
//!
//! ```text
//! type (GUID)  size of the list  size of the header (0)  size of a signature  owner (GUID)  DER
//! ```
//!
//! Sizes are little-endian, 4 bytes; that of the list includes its own 28 bytes. UEFI 2.10,
//! section 32.4.1: <https://uefi.org/specs/UEFI/2.10/32_Secure_Boot_and_Driver_Signing.html>

use super::certificate::Certificate;

/// `EFI_CERT_X509_GUID`: a5c059a1-94e4-4aa7-87b5-ab155c2bf072.
const X509: [u8; 16] = [
    0xA1, 0x59, 0xC0, 0xA5, 0xE4, 0x94, 0xA7, 0x4A, 0x87, 0xB5, 0xAB, 0x15, 0x5C, 0x2B, 0xF0, 0x72,
];

/// Bytes before the certificate: type, three sizes, owner.
const HEAD: usize = 16 + 12 + 16;

/// Whether the content starts with a list of X.509 certificates.
pub(super) fn is_store(content: &[u8]) -> bool {
    content.starts_with(&X509)
}

/// The store without the lists that hold the certificate; none if there are none, or if something
/// else is in it.
pub(super) fn remove(content: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    let mut rest = content;
    let mut kept = Vec::with_capacity(content.len());
    while !rest.is_empty() {
        let size = rest.strip_prefix(&X509)?.get(..4)?;
        let size = usize::try_from(u32::from_le_bytes(size.try_into().ok()?)).ok()?;
        let (list, left) = rest.split_at_checked(size).filter(|_| size >= HEAD)?;
        if list.get(HEAD..) != Some(certificate.der()) {
            kept.extend_from_slice(list);
        }
        rest = left;
    }
    (kept.len() < content.len()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixtures::{Fixture, authority};
    use super::*;

    fn list(der: &[u8]) -> Vec<u8> {
        let size = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let sizes = [size(HEAD + der.len()), size(0), size(16 + der.len())].concat();
        [&X509[..], &sizes, &[9; 16], der].concat()
    }

    #[test]
    fn the_own_list_goes() {
        let fixture = Fixture::new();
        let (own, first, second) =
            (list(fixture.certificate.der()), list(&authority().1), list(&authority().1));
        let with = [first.clone(), own.clone(), second.clone()].concat();
        let kept = [first, second].concat();
        assert_eq!(remove(&with, &fixture.certificate).unwrap(), kept);
        assert_eq!(remove(&kept, &fixture.certificate), None);
        assert_eq!(remove(&own, &fixture.certificate).unwrap(), Vec::<u8>::new());
        assert_eq!(remove(&with[..with.len() - 1], &fixture.certificate), None);
    }
}
