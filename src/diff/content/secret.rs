//! Secrets: what must be named but never shown.

use super::{BytesDifference, ContentDifference};
use crate::normalize::matches;
use bstr::ByteSlice as _;

/// Files that hold a key or shared secret, whatever their content looks like.
static SECRET_PATHS: &[&str] = &[
    "etc/ssh/ssh_host_*_key",
    "etc/ssl/private/**",
    "etc/dovecot/private/**",
    "etc/bind/rndc.key",
    "etc/rndc.key",
    "etc/munge/munge.key",
    "etc/opendkim/**/*.private",
    "etc/dkimkeys/**",
    "etc/pacman.d/gnupg/**",
    "var/lib/systemd/credential.secret",
    "root/.ssh/id_*",
    "home/*/.ssh/id_*",
];

/// PEM labels of private keys end so: `RSA PRIVATE KEY`, `OPENSSH PRIVATE KEY`, …
/// <https://www.rfc-editor.org/rfc/rfc7468#section-10>
const PEM_LABEL_END: &[u8] = b"PRIVATE KEY-----";

/// Schemes of crypt(5) that salt with randomness: `$6$salt$hash`.
const HASH_PREFIXES: &[&[u8]] =
    &[b"$1$", b"$2a$", b"$2b$", b"$2y$", b"$5$", b"$6$", b"$7$", b"$y$", b"$gy$", b"$sha1$"];

/// Whether the content of `path` is a secret as a whole: none of its bytes is shown.
pub fn is_secret(path: &[u8], content: &[u8]) -> bool {
    let is_public = path.ends_with(b".pub");
    let by_path = !is_public && SECRET_PATHS.iter().any(|pattern| matches(pattern, path));
    by_path
        || content
            .find_iter(PEM_LABEL_END)
            .any(|at| line_start(content, at).starts_with(b"-----BEGIN "))
}

/// From the start of the line that `at` is in.
fn line_start(content: &[u8], at: usize) -> &[u8] {
    let before = content.get(..at).unwrap_or_default();
    let start = before.rfind_byteset(b"\r\n\0").map_or(0, |newline| newline + 1);
    content.get(start..).unwrap_or_default()
}

/// All that is said about secrets that differ: that they do, and their sizes.
pub(super) fn difference(left: &[u8], right: &[u8]) -> ContentDifference {
    let bytes = BytesDifference {
        left_size: left.len() as u64,
        right_size: right.len() as u64,
        block_size: 1,
        ..BytesDifference::default()
    };
    ContentDifference { format: "secret", bytes: Some(bytes), ..ContentDifference::default() }
}

/// Whether a line holds a password hash.
pub(super) fn has_password_hash(line: &[u8]) -> bool {
    hash_at(line).is_some()
}

/// The line with each password hash replaced.
pub(super) fn redact(line: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((start, end)) = hash_at(rest) {
        result.extend_from_slice(rest.get(..start).unwrap_or_default());
        result.extend_from_slice(b"[redacted]");
        rest = rest.get(end..).unwrap_or_default();
    }
    result.extend_from_slice(rest);
    result
}

/// Where the first hash starts and ends. A hash stands at the start of a field and goes to its end.
fn hash_at(line: &[u8]) -> Option<(usize, usize)> {
    let is_end =
        |byte: &u8| matches!(byte, b':' | b'"' | b'\'' | b',' | b';') || byte.is_ascii_whitespace();
    let starts = line.find_iter(b"$").filter(|start| {
        let before = start.checked_sub(1).and_then(|at| line.get(at));
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'$')
    });
    for start in starts {
        let field = line.get(start..).unwrap_or_default();
        let length = field.iter().position(is_end).unwrap_or(field.len());
        let has_parts = field.get(..length).is_some_and(|field| field.find_iter(b"$").count() >= 3);
        if has_parts && HASH_PREFIXES.iter().any(|prefix| field.starts_with(prefix)) {
            return Some((start, start + length));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_secrets_and_certificates_are_not() {
        let key = b"x\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n";
        assert!(is_secret(b"opt/key.pem", key));
        assert!(is_secret(b"opt/bin", b"\0-----BEGIN RSA PRIVATE KEY-----"));
        assert!(is_secret(b"etc/munge/munge.key", b"\x01"));
        assert!(!is_secret(b"etc/ssh/ssh_host_rsa_key.pub", b"ssh-rsa AAAA"));
        assert!(!is_secret(b"etc/ssl/certs/a.pem", b"-----BEGIN CERTIFICATE-----\n"));
        assert!(!is_secret(b"usr/share/doc/x", b"a PRIVATE KEY----- is not one\n"));
    }

    #[test]
    fn password_hashes_are_redacted_and_the_rest_stays() {
        let line = b"web:$6$salt$hash/.x:20500:0:99999:7:::\n";
        assert_eq!(redact(line), b"web:[redacted]:20500:0:99999:7:::\n");
        assert_eq!(redact(b"a='$y$j9T$s$h' b=$2b$05$abc"), b"a='[redacted]' b=[redacted]");
        for plain in [&b"cost $5 and $6"[..], b"$HOME/$1", b"x$6$y$z"] {
            assert_eq!(redact(plain), plain);
            assert!(!has_password_hash(plain));
        }
    }
}
