//! The certificate authority of one build, and the certificates that it makes for the names that the
//! build's steps connect to.
//!
//! Its keys never leave the process. Everything of it that can be seen is in its certificate, which
//! the steps are made to trust while they run.

#[cfg(test)]
mod tests;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData as _, SanType, SerialNumber,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{CipherSuite, ServerConfig};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// Valid for the clocks that a step may have, faked ones too. 2049 is the last year that X.509 writes
/// in its short form, which every client reads. No client on Linux limits how long a certificate of an
/// authority that it was told to trust may be valid: Go, OpenSSL, `GnuTLS`, Java, NSS and rustls only
/// compare both ends with the clock, and Apple's limits of 398 and 825 days do not leave its systems.
const FIRST_YEAR: i32 = 2000;
const LAST_YEAR: i32 = 2049;
/// Names with a certificate at once; a step that wants more makes the Door forget the others.
const LEAVES_MAX: usize = 4096;
/// RFC 5280, section 4.1.2.2: serial numbers have at most 20 octets; 16 are unique.
const SERIAL_OCTETS: usize = 16;

/// Whom a certificate is for: a name in lower case, or the address that a client has instead of one.
pub(super) type Host = url::Host<String>;

/// A certificate authority. Clones are the same one.
#[derive(Clone)]
pub struct Authority(Arc<Inner>);

struct Inner {
    pem: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    /// One for all leaves: making a certificate is then one signature.
    leaf_key: KeyPair,
    provider: Arc<CryptoProvider>,
    leaves: Mutex<BTreeMap<Host, Arc<ServerConfig>>>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuthorityError {
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes an authority with new keys.
    pub(super) fn new() -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = authority_params(&serial_number(&key.subject_public_key_info()));
        let certificate = params.self_signed(&key)?;
        Ok(Self(Arc::new(Inner {
            pem: certificate.pem(),
            der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key),
            leaf_key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
            provider: Arc::new(provider()),
            leaves: Mutex::default(),
        })))
    }

    /// The authority's own certificate, as PEM (RFC 7468).
    pub fn certificate_pem(&self) -> &str {
        &self.0.pem
    }

    /// The authority's own certificate, as DER (X.690).
    pub fn certificate_der(&self) -> &[u8] {
        &self.0.der
    }

    /// What a server of this name needs for TLS.
    pub(super) fn server_config(&self, host: &Host) -> Result<Arc<ServerConfig>, AuthorityError> {
        let mut leaves = self.0.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = leaves.get(host) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.0.make_config(host)?);
        if leaves.len() >= LEAVES_MAX {
            leaves.clear();
        }
        leaves.insert(host.clone(), Arc::clone(&config));
        Ok(config)
    }
}

impl Inner {
    fn make_leaf(&self, host: &Host) -> Result<Certificate, rcgen::Error> {
        leaf_params(host)?.signed_by(&self.leaf_key, &self.issuer)
    }

    fn make_config(&self, host: &Host) -> Result<ServerConfig, AuthorityError> {
        let leaf = self.make_leaf(host)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.into()], key)?;
        // All clients that were tried fall back to it.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ignore_client_order = true;
        Ok(config)
    }
}

/// ring's, with the suites first that cost least: there is no wire here, so that keys of 128 bits are
/// as good as any.
fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => 0,
        CipherSuite::TLS13_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => 1,
        _ => 2,
    });
    provider
}

fn authority_params(serial: &[u8]) -> CertificateParams {
    let mut hex = String::new();
    for byte in serial {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    let mut params = params(&format!("rlock build authority {hex}"), serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(host: &Host) -> Result<CertificateParams, rcgen::Error> {
    let alternative = match host {
        Host::Domain(name) => SanType::DnsName(name.as_str().try_into()?),
        Host::Ipv4(address) => SanType::IpAddress((*address).into()),
        Host::Ipv6(address) => SanType::IpAddress((*address).into()),
    };
    // The name itself may be longer than a common name can be (64); clients read the alternative name.
    let mut params = params("rlock", &serial_number(host.to_string().as_bytes()));
    params.subject_alt_names = vec![alternative];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(common_name: &str, serial: &[u8]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = rcgen::date_time_ymd(LAST_YEAR, 12, 31);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params
}

/// Unique where its source is: NSS refuses two certificates of one issuer with one number. The
/// authority's source is its new key, so that its number cannot be foreseen either.
fn serial_number(source: &[u8]) -> Vec<u8> {
    let mut serial: Vec<u8> = Sha256::digest(source).iter().copied().take(SERIAL_OCTETS).collect();
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7F | 0x40; // positive, and without leading zeros
    }
    serial
}
