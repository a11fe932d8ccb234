//! Authorities, and certificates of others.

use super::super::certificate::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// One authority.
pub(crate) struct Fixture {
    pub(crate) certificate: Certificate,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { certificate: Certificate::parse(&authority().0).unwrap() }
    }

    /// The same one for whoever asks.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Fixture> = LazyLock::new(Fixture::new);
        &SHARED
    }

    pub(crate) fn pem(&self) -> String {
        String::from_utf8(self.certificate.pem().to_vec()).unwrap()
    }
}

/// A new authority as the Door makes them: PEM and DER.
pub(crate) fn authority() -> (String, Vec<u8>) {
    let (certificate, _) = signer();
    (certificate.pem(), certificate.der().to_vec())
}

/// A new authority that can sign.
pub(crate) fn signer() -> (rcgen::Certificate, Issuer<'static, KeyPair>) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // As random as a real one, the same in each run.
    let mut serial = Sha256::digest(number.to_be_bytes())[..16].to_vec();
    serial[0] = serial[0] & 0x7F | 0x40;
    let number = u128::from_be_bytes(serial.as_slice().try_into().unwrap());
    let params = params(&format!("rlock build authority {number:032x}"), &serial);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap(), Issuer::new(params, key))
}

/// A certificate with this common name and serial number, as PEM.
pub(crate) fn certificate_of(name: &str, serial: &[u8]) -> String {
    params(name, serial).self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn params(name: &str, serial: &[u8]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
