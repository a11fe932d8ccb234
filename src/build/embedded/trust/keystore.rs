//! Java's trust stores, of whichever kind. `java` itself takes a store by what is in it, whatever its
//! name and the kind that it is told.

use super::certificate::Certificate;
use super::{jks, pkcs12};

/// The store with the certificate in it; none for what cannot be changed without a password that only
/// its maker knows, and for what is no store.
pub(super) fn add(content: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    if jks::is_store(content) {
        jks::add(content, certificate)
    } else {
        pkcs12::add(content, certificate)
    }
}

/// The store without the certificate; none where it cannot be taken out.
pub(super) fn remove(content: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    if jks::is_store(content) {
        jks::remove(content, certificate)
    } else {
        pkcs12::remove(content, certificate)
    }
}
