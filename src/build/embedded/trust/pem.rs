//! Bundles of certificates as text: RFC 7468, with whatever lines programs put around the blocks.

use super::certificate::Certificate;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bstr::ByteSlice as _;
use std::ops::Range;

const BEGIN: &[u8] = b"-----BEGIN ";

/// Labels of blocks that start with a certificate. OpenSSL's `TRUSTED CERTIFICATE` has more after it:
/// <https://docs.openssl.org/3.0/man1/openssl-x509/>.
const LABELS: [&[u8]; 3] = [b"CERTIFICATE", b"TRUSTED CERTIFICATE", b"X509 CERTIFICATE"];

/// Whether the text has certificates in it.
pub(super) fn is_bundle(text: &[u8]) -> bool {
    text.find_iter(BEGIN).any(|start| label_at(text, start).is_some())
}

/// Whether the text ends with a block: one that somebody is still writing does not, most of the time.
pub(super) fn is_complete(text: &[u8]) -> bool {
    text.trim_ascii_end().ends_with(b"CERTIFICATE-----")
}

/// What goes to the end of the text to put the certificate there.
pub(super) fn addition(text: &[u8], certificate: &Certificate) -> Vec<u8> {
    let newline: &[u8] = if is_terminated(text) { b"" } else { b"\n" };
    [newline, certificate.pem()].concat()
}

/// Whether a line can follow without a newline of its own.
pub(super) fn is_terminated(text: &[u8]) -> bool {
    text.is_empty() || text.ends_with(b"\n")
}

/// All certificates of a text, as DER.
pub(super) fn certificates(text: &[u8]) -> Vec<Vec<u8>> {
    let blocks = text.find_iter(BEGIN).filter_map(|start| block_at(text, start));
    blocks.filter_map(|block| decode(text.get(block.body)?)).collect()
}

/// The text without the blocks of this certificate, and without what p11-kit writes around each
/// block: a comment with its name, and an empty line. None where there is no such block.
pub(super) fn cut(text: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    let blocks = text.find_iter(BEGIN).filter_map(|start| block_at(text, start));
    let own = blocks.filter(|block| {
        let body = text.get(block.body.clone()).unwrap_or_default();
        certificate.is_in(body)
            && decode(body).is_some_and(|der| der.starts_with(certificate.der()))
    });
    let mut kept = Vec::with_capacity(text.len());
    let mut from = 0;
    for block in own {
        kept.extend_from_slice(text.get(from..block.whole.start)?);
        let had_comment = drop_comments(&mut kept, certificate);
        from = block.whole.end;
        if had_comment && text.get(from) == Some(&b'\n') {
            from += 1;
        }
    }
    if from == 0 {
        return None;
    }
    kept.extend_from_slice(text.get(from..)?);
    Some(kept)
}

/// Takes comments with the certificate's name off the end; whether there were any.
fn drop_comments(text: &mut Vec<u8>, certificate: &Certificate) -> bool {
    let length = text.len();
    while let Some(above) = text.strip_suffix(b"\n") {
        let start = above.rfind_byte(b'\n').map_or(0, |newline| newline + 1);
        let line = above.get(start..).unwrap_or_default();
        if !line.starts_with(b"#") || line.find(certificate.name()).is_none() {
            break;
        }
        text.truncate(start);
    }
    text.len() < length
}

/// A block: whole lines, the last one's end included, and what is between the first and the last.
struct Block {
    whole: Range<usize>,
    body: Range<usize>,
}

fn block_at(text: &[u8], start: usize) -> Option<Block> {
    let is_line = start == 0 || text.get(start - 1) == Some(&b'\n');
    let label = label_at(text, start).filter(|_| is_line)?;
    let end_line = [b"-----END ", label, b"-----"].concat();
    let body = start + BEGIN.len() + label.len() + b"-----".len();
    let end = body + text.get(body..)?.find(&end_line)?;
    let mut next = end + end_line.len();
    for byte in [b'\r', b'\n'] {
        next += usize::from(text.get(next) == Some(&byte));
    }
    Some(Block { whole: start..next, body: body..end })
}

fn label_at(text: &[u8], start: usize) -> Option<&'static [u8]> {
    let label = text.get(start + BEGIN.len()..)?;
    LABELS
        .into_iter()
        .find(|known| label.strip_prefix(*known).is_some_and(|rest| rest.starts_with(b"-----")))
}

fn decode(body: &[u8]) -> Option<Vec<u8>> {
    let characters: Vec<u8> =
        body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64_STANDARD.decode(characters).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixtures::{Fixture, authority};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_own_block_is_cut() {
        let fixture = Fixture::new();
        let (own, others) = (fixture.pem(), [authority().0, authority().0]);
        let [first, second] = &others;
        let table = [
            (format!("{first}{own}{second}"), Some(format!("{first}{second}"))),
            (format!("{own}{first}{own}"), Some(first.clone())),
            (format!("{own}\n{first}"), Some(format!("\n{first}"))),
            (format!("text\n{own}text"), Some("text\ntext".to_owned())),
            (own.clone(), Some(String::new())),
            (own.trim_end().to_owned(), Some(String::new())),
            (own.replace('\n', "\r\n"), Some(String::new())),
            (format!("{first}\n{own}"), Some(format!("{first}\n"))),
            (format!("{first}{second}"), None),
            // Nobody knows where the line before it ended.
            (format!("{}{own}", first.trim_end()), None),
            (own.replace("CERTIFICATE", "NONSENSE"), None),
            (own.replace("-----END", "-----EN"), None),
        ];
        for (text, expected) in table {
            let kept = cut(text.as_bytes(), &fixture.certificate);
            assert_eq!(kept.map(|kept| String::from_utf8(kept).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn comments_of_p11_kit_go_too() {
        let fixture = Fixture::new();
        let name = String::from_utf8(fixture.certificate.name().to_vec()).unwrap();
        let (own, other) = (fixture.pem(), authority().0);
        let block = |name: &str, pem: &str| format!("# {name}\n{pem}\n");
        let (own, other) = (block(&name, &own), block("Other", &other));
        for text in [[&own, &other, &other], [&other, &own, &other], [&other, &other, &own]] {
            let kept = cut(text.map(String::as_str).concat().as_bytes(), &fixture.certificate);
            assert_eq!(kept.unwrap(), [other.as_bytes(), other.as_bytes()].concat());
        }
    }

    #[test]
    fn openssl_writes_more_behind_the_certificate() {
        let fixture = Fixture::new();
        let trusted = [fixture.certificate.der(), &[0x30, 2, 0x0C, 0]].concat();
        let text = format!(
            "-----BEGIN TRUSTED CERTIFICATE-----\n{}\n-----END TRUSTED CERTIFICATE-----\n",
            BASE64_STANDARD.encode(&trusted)
        );
        assert_eq!(cut(text.as_bytes(), &fixture.certificate), Some(Vec::new()));
    }

    #[test]
    fn bundles_are_known() {
        let fixture = Fixture::new();
        assert!(is_bundle(fixture.pem().as_bytes()) && is_complete(fixture.pem().as_bytes()));
        assert!(!is_bundle(b"") && !is_bundle(b"-----BEGIN PRIVATE KEY-----\n"));
        assert!(!is_complete(b"-----BEGIN CERTIFICATE-----\nMII"));
        assert_eq!(certificates(fixture.pem().as_bytes()), [fixture.certificate.der()]);
    }

    proptest! {
        /// Whatever the text, what is put to its end can be cut off it.
        #[test]
        fn what_was_added_is_cut(text in "(.|\n){0,200}") {
            let fixture = Fixture::shared();
            let with = [text.as_bytes(), &addition(text.as_bytes(), &fixture.certificate)].concat();
            let mut kept = cut(&with, &fixture.certificate).unwrap();
            if !is_terminated(text.as_bytes()) {
                prop_assert_eq!(kept.pop(), Some(b'\n'));
            }
            prop_assert_eq!(kept, text.as_bytes());
        }
    }
}
