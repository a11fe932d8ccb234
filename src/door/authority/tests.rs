//! What OpenSSL, the strictest that is at hand, thinks of the certificates.

use super::*;
use std::path::Path;
use std::process::Command;

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().expect("openssl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {text}{errors}");
    text
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}

#[test]
fn the_authority_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new().unwrap();
    let file = write(folder.path(), "ca.pem", authority.certificate_pem());
    let text = openssl(&["x509", "-in", &file, "-noout", "-text"]);
    for expected in [
        "Subject: CN = rlock build authority ",
        "Issuer: CN = rlock build authority ",
        "Not Before: Jan  1 00:00:00 2000 GMT",
        "Not After : Dec 31 00:00:00 2049 GMT",
        "X509v3 Key Usage: critical",
        "Certificate Sign, CRL Sign",
        "X509v3 Basic Constraints: critical",
        "CA:TRUE, pathlen:0",
        "X509v3 Subject Key Identifier",
        "NIST CURVE: P-256",
        "ecdsa-with-SHA256",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in:\n{text}");
    }
    let der = folder.path().join("ca.der");
    std::fs::write(&der, authority.certificate_der()).unwrap();
    let again =
        openssl(&["x509", "-inform", "DER", "-in", der.to_str().unwrap(), "-outform", "PEM"]);
    assert_eq!(
        again.lines().collect::<Vec<_>>(),
        authority.certificate_pem().lines().collect::<Vec<_>>()
    );
}

#[test]
fn leaves_pass_the_strictest_check() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new().unwrap();
    let root = write(folder.path(), "ca.pem", authority.certificate_pem());
    let long = format!("{}.example", ["a".repeat(60).as_str(); 3].join("."));
    for (name, option, in_openssl) in [
        ("deb.example", "-verify_hostname", "deb.example"),
        (long.as_str(), "-verify_hostname", long.as_str()),
        ("under_score.example", "-verify_hostname", "under_score.example"),
        ("203.0.113.7", "-verify_ip", "203.0.113.7"),
        ("[2001:db8::1]", "-verify_ip", "2001:db8::1"),
    ] {
        let leaf = authority.0.make_leaf(&host(name)).unwrap();
        let file = write(folder.path(), "leaf.pem", &leaf.pem());
        for time in ["1000000000", "1900000000", "2500000000"] {
            let verified = openssl(&[
                "verify",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-attime",
                time,
                "-CAfile",
                &root,
                option,
                in_openssl,
                &file,
            ]);
            assert!(verified.contains(": OK"), "{name}: {verified}");
        }
    }
}

#[test]
fn each_authority_is_another_and_each_leaf_too() {
    let (left, right) = (Authority::new().unwrap(), Authority::new().unwrap());
    assert_ne!(left.certificate_der(), right.certificate_der());
    assert_eq!(left.clone().certificate_der(), left.certificate_der());
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = std::collections::BTreeSet::new();
    for (authority, name) in
        [(&left, "a.example"), (&left, "b.example"), (&left, "192.0.2.1"), (&right, "a.example")]
    {
        let leaf = authority.0.make_leaf(&host(name)).unwrap();
        let file = write(folder.path(), "leaf.pem", &leaf.pem());
        let seen = openssl(&["x509", "-in", &file, "-noout", "-serial", "-issuer"]);
        let serial = seen.lines().next().unwrap().trim_start_matches("serial=");
        assert_eq!(serial.len(), 2 * SERIAL_OCTETS, "{seen}");
        assert!(numbers.insert(seen.clone()), "{seen} twice");
    }
}

#[test]
fn a_leaf_is_made_once_and_not_kept_without_end() {
    let authority = Authority::new().unwrap();
    let first = authority.server_config(&host("deb.example")).unwrap();
    assert!(Arc::ptr_eq(&first, &authority.server_config(&host("deb.example")).unwrap()));
    for number in 0..LEAVES_MAX {
        authority.server_config(&host(&format!("{number}.host.example"))).unwrap();
    }
    assert!(authority.0.leaves.lock().unwrap().len() <= LEAVES_MAX);
}
