//! Where programs look for what they trust. One table for each kind of thing.

use super::scan::is_absent;
use crate::store::rooted::{FileKind, Root};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// What a place holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Certificates as text.
    Pem,
    /// Certificates for Java.
    KeyStore,
}

/// Bundles, the ones that most programs read first. What a distribution has beside these is a link to
/// one of them, or made from one of them.
const BUNDLES: &[&str] = &[
    "etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch, Wolfi, distroless
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL, Amazon, Azure
    "etc/pki/tls/certs/ca-bundle.crt",   // the same, before Fedora 42 a link to the above
    "etc/ssl/ca-bundle.pem",             // SUSE
    "var/lib/ca-certificates/ca-bundle.pem", // SUSE
    "etc/ca-certificates/extracted/tls-ca-bundle.pem", // Arch
    "etc/ssl/certs/ca-bundle.crt",       // Nix
    "etc/ssl/cert.pem",                  // OpenSSL's own default, Alpine
    "etc/pki/tls/cert.pem",              // OpenSSL's default in Fedora
    "etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt", // OpenSSL's trusted form
    "usr/lib/ssl/cert.pem",              // OpenSSL's default in Debian
    "usr/local/ssl/cert.pem",            // OpenSSL from source
    "etc/apk/ca.pem",                    // apk: where it is there, instead of all others
];

/// Java's trust stores. A `*` is any one name.
const KEY_STORES: &[&str] = &[
    "etc/ssl/certs/java/cacerts",                     // Debian, Alpine
    "etc/ssl/certs/adoptium/cacerts",                 // Temurin's packages for Debian
    "etc/pki/java/cacerts",                           // Fedora, RHEL
    "etc/pki/ca-trust/extracted/java/cacerts",        // Fedora, RHEL
    "etc/ca-certificates/extracted/java-cacerts.jks", // Arch
    "var/lib/ca-certificates/java-cacerts",           // SUSE
    "usr/lib/jvm/*/lib/security/cacerts",             // packages
    "usr/lib/jvm/*/jre/lib/security/cacerts",         // packages of Java 8
    "usr/java/*/lib/security/cacerts",                // Oracle
    "usr/local/*/lib/security/cacerts",               // images of openjdk
    "opt/*/lib/security/cacerts",                     // archives
    "opt/java/*/lib/security/cacerts",                // images of Temurin
];

/// Below `$JAVA_HOME`.
const KEY_STORES_OF_HOME: [&str; 2] = ["lib/security/cacerts", "jre/lib/security/cacerts"];

/// Variables with which a Dockerfile names a bundle of its own.
const NAMING: &[&str] = &[
    "AWS_CA_BUNDLE",
    "BUNDLE_SSL_CA_CERT",
    "CARGO_HTTP_CAINFO",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "COMPOSER_CAFILE",
    "CURL_CA_BUNDLE",
    "DENO_CERT",
    "GIT_SSL_CAINFO",
    "HEX_CACERTS_PATH",
    "NIX_SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "NPM_CONFIG_CAFILE",
    "npm_config_cafile",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "YARN_CAFILE",
    "YARN_HTTPS_CA_FILE_PATH",
];

/// Directories from which p11-kit reads what the administrator trusts, each time that it is asked
/// (`GnuTLS` and NSS ask it there) and when it makes the bundles. One of a group suffices.
///
/// Debian's and Alpine's `/usr/local/share/ca-certificates` is none of them: only
/// `update-ca-certificates` reads it, which makes one bundle of it, and that is appended to when it
/// is there. What it says and calls (`1 added`, its hooks) would then not be what it says without rlock, and
/// the directory could not be removed with its package.
pub(super) const ANCHORS: &[&[&str]] = &[
    &["etc/pki/ca-trust/source/anchors"],          // Fedora, RHEL
    &["etc/ca-certificates/trust-source/anchors"], // Arch
    &["etc/pki/trust/anchors", "usr/share/pki/trust/anchors"], // SUSE
];

/// Where a step may find what it trusts.
pub(super) struct Places {
    fixed: BTreeMap<Vec<u8>, Format>,
    /// In the order of the table, for who needs the best.
    bundles: Vec<Vec<u8>>,
}

impl Places {
    /// The places of the tables, and those that the Dockerfile's own variables name.
    pub(super) fn new(environment: &BTreeMap<String, String>) -> Self {
        let named = NAMING.iter().filter_map(|name| environment.get(*name));
        let named = named.filter_map(|path| path.strip_prefix('/')).filter(|path| !path.is_empty());
        let bundles: Vec<_> =
            BUNDLES.iter().copied().chain(named).map(|path| path.as_bytes().to_vec()).collect();
        let home = environment.get("JAVA_HOME").map(|home| home.trim_matches('/'));
        let of_home = home.into_iter().flat_map(|home| {
            KEY_STORES_OF_HOME.iter().map(move |path| format!("{home}/{path}").into_bytes())
        });
        let stores = KEY_STORES.iter().filter(|path| !path.contains('*'));
        let stores = stores.map(|path| path.as_bytes().to_vec()).chain(of_home);
        let fixed = bundles.iter().cloned().map(|path| (path, Format::Pem));
        let fixed = fixed.chain(stores.map(|path| (path, Format::KeyStore))).collect();
        Self { fixed, bundles }
    }

    /// Adds places that are known to be asked for by another path.
    pub(super) fn add(&mut self, path: &[u8], format: Format) {
        self.fixed.entry(path.to_vec()).or_insert(format);
    }

    /// Bundles by path, the most important first.
    pub(super) fn bundles(&self) -> &[Vec<u8>] {
        &self.bundles
    }

    /// Every place that `root` could have something at: fixed ones in [areas](area) that it has, and what
    /// the patterns give.
    pub(super) fn all(&self, root: &Root) -> BTreeMap<Vec<u8>, Format> {
        let patterns = KEY_STORES.iter().filter_map(|path| path.split_once("/*/"));
        let found = patterns.flat_map(|(parent, rest)| {
            let names = root.resolve(parent.as_bytes()).and_then(|parent| root.list(&parent));
            let join = move |name: Vec<u8>| {
                [parent.as_bytes(), b"/", &name, b"/", rest.as_bytes()].concat()
            };
            names.unwrap_or_default().into_iter().map(join)
        });
        let mut all: BTreeMap<_, _> = found.map(|path| (path, Format::KeyStore)).collect();
        let mut areas: BTreeMap<&[u8], bool> = BTreeMap::new();
        for (path, format) in &self.fixed {
            let has = |area| !root.metadata(area).is_err_and(|error| is_absent(&error));
            if *areas.entry(area(path)).or_insert_with_key(|area| has(area)) {
                all.insert(path.clone(), *format);
            }
        }
        all
    }
}

/// The part of a path that many places share, its first two directories: where that is not there, no
/// more has to be looked for.
fn area(path: &[u8]) -> &[u8] {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let end = slashes.map(|(index, _)| index).take(2).last().unwrap_or(0);
    path.get(..end).unwrap_or_default()
}

/// A regular file that a path leads to, at its real path; none where there is none: a tree may have
/// anything there, loops and devices too.
pub(super) fn file_at(root: &Root, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let real = match root.metadata(path) {
        Ok(found) if found.kind == FileKind::File => root.resolve(path)?,
        Ok(_) => return Ok(None),
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(matches!(root.entry(&real)?, Some(found) if found.kind == FileKind::File).then_some(real))
}

/// The directories of [`ANCHORS`] that the tree has, at their real paths.
pub(super) fn anchors(root: &Root) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut found = BTreeSet::new();
    for group in ANCHORS {
        for path in *group {
            match root.metadata(path.as_bytes()) {
                Ok(metadata) if metadata.kind == FileKind::Directory => {
                    found.insert(root.resolve(path.as_bytes())?);
                    break;
                }
                Ok(_) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}
