//! Searches an image for anything of an authority that rlock made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rlock::archive::tar::{Limits, Reader};
use rlock::store::Image;
use std::io::Read as _;

/// What stands in the subject of every such authority, as text in DER.
const SUBJECT: &[u8] = b"rlock build authority";

/// Variables that a step has while it runs, and where their files are.
const LENT: [&str; 8] = [
    "/dev/.rlock",
    "SSL_CERT_FILE=",
    "REQUESTS_CA_BUNDLE=",
    "NODE_EXTRA_CA_CERTS=",
    "GIT_SSL_CAINFO=",
    "PIP_CERT=",
    "WGETRC=",
    "APT_CONFIG=",
];

/// Panics where a file of a layer or the config has something of it.
#[track_caller]
pub(super) fn assert_none(image: &Image) {
    let config = String::from_utf8(image.config_bytes.clone()).unwrap();
    for lent in LENT {
        assert!(!config.contains(lent), "`{lent}` in {config}");
    }
    assert!(!is_in(config.as_bytes()), "{config}");
    for (index, layer) in image.layers.iter().enumerate() {
        let mut tar = Vec::new();
        layer.open().unwrap().read_to_end(&mut tar).unwrap();
        let mut reader = Reader::new(tar.as_slice(), Limits::default());
        while let Some(entry) = reader.next_entry().unwrap() {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            let name = path.rsplit('/').next().unwrap_or_default().trim_start_matches('.');
            assert!(!name.starts_with("rlock"), "layer {index} has `{path}`");
            let mut content = Vec::new();
            let mut take = |bytes: &[u8]| {
                content.extend_from_slice(bytes);
                Ok(())
            };
            reader.copy_body(&mut take).unwrap();
            assert!(!is_in(&content), "layer {index} has the authority in `{path}`");
        }
    }
}

/// Whether the subject stands in the content, or in what base64 in it says.
fn is_in(content: &[u8]) -> bool {
    // Lines may be broken anywhere.
    let joined: Vec<u8> =
        content.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    contains(content, SUBJECT) || encoded().iter().any(|encoded| contains(&joined, encoded))
}

/// The subject in base64, by where it begins in a group of three bytes. What depends on the bytes
/// around it is left out.
fn encoded() -> [Vec<u8>; 3] {
    [0, 1, 2].map(|skipped| {
        let bytes = [&[0; 2][..skipped], SUBJECT].concat();
        let text = STANDARD.encode(&bytes[..bytes.len() / 3 * 3]);
        let start = if skipped == 0 { 0 } else { 4 };
        text.as_bytes()[start..].to_vec()
    })
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    bstr::ByteSlice::find(content, wanted).is_some()
}

#[test]
fn the_search_finds_what_it_searches_for() {
    for length in 0..3 {
        let body = [&b"xyz"[..length], SUBJECT, b" 0a1b"].concat();
        assert!(is_in(&body));
        let text = STANDARD.encode(&body);
        let lines = text.as_bytes().chunks(7).collect::<Vec<_>>().join(&b"\n"[..]);
        assert!(is_in(&lines), "{text}");
    }
    assert!(!is_in(b"another build authority"));
}
