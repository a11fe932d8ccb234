//! Content that is not what it should be.

use super::fake::{Content, Fake, Received, head, reply};
use super::{Bench, amd64};
use crate::oci::Digest;
use crate::registry::RegistryError;
use std::io::{self, Write as _};
use std::net::TcpStream;

/// Serves `content`, but what `is_bad` matches with `bad`.
fn lying(
    content: &Content,
    part: &str,
    bad: impl Fn(&Received, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> Fake {
    let (content, part) = (content.clone(), part.to_owned());
    Fake::start("127.0.0.1", move |request, stream| {
        if request.method == "GET" && request.is_for(&part) {
            return bad(request, stream);
        }
        content.serve(request, stream)
    })
}

/// The pull fails as a matter of integrity and leaves no blob of `digest`.
fn assert_refused(fake: &Fake, digest: &Digest, words: &str) {
    let bench = Bench::new();
    let error = bench.pull(fake).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let shown = format!("{error}: {source}");
    assert!(error.is_integrity(), "{shown}");
    assert!(shown.contains(words), "{shown}");
    assert!(shown.contains(&fake.address), "{shown}");
    assert!(!bench.store().contains(digest), "nothing unverified is kept");
}

#[test]
fn other_bytes_than_the_digests_are_refused() {
    let content = Content::new(&[1000]);
    let layer = content.layers[0];
    let fake = lying(&content, &layer.to_string(), |_, stream| reply(stream, 200, &[], &[0; 1000]));
    assert_refused(&fake, &layer, "content has digest");
    let manifest = content.manifest;
    let mut other = content.documents[&manifest.to_string()].clone();
    other[0] = b' ';
    let fake = lying(&content, &manifest.to_string(), move |_, stream| {
        // The header agrees with what was asked for; only the body counts.
        reply(stream, 200, &[("Docker-Content-Digest", &manifest.to_string())], &other)
    });
    assert_refused(&fake, &manifest, "content has digest");
}

#[test]
fn a_short_body_is_refused() {
    let content = Content::new(&[1000]);
    let layer = content.layers[0];
    let fake = lying(&content, &layer.to_string(), |_, stream| reply(stream, 200, &[], &[0; 999]));
    assert_refused(&fake, &layer, "ends after 999 bytes, expected 1000");
}

#[test]
fn a_longer_content_length_is_refused_before_the_body() {
    let content = Content::new(&[1000]);
    let layer = content.layers[0];
    let fake = lying(&content, &layer.to_string(), |_, stream| {
        head(stream, 200, &[("Content-Length", "1000000000000000")])
    });
    assert_refused(&fake, &layer, "longer than the expected 1000");
}

/// Chunks without end.
fn endless(stream: &mut TcpStream) -> io::Result<()> {
    head(stream, 200, &[("Transfer-Encoding", "chunked")])?;
    loop {
        stream.write_all(b"400\r\n")?;
        stream.write_all(&[b' '; 0x400])?;
        stream.write_all(b"\r\n")?;
    }
}

#[test]
fn a_body_without_end_is_cut_off() {
    let content = Content::new(&[1000]);
    let layer = content.layers[0];
    let fake = lying(&content, &layer.to_string(), |_, stream| endless(stream));
    assert_refused(&fake, &layer, "longer than the expected 1000");
    let fake = lying(&content, "manifests/c", |_, stream| endless(stream));
    assert_refused(&fake, &content.index, "larger than 4194304 bytes");
}

#[test]
fn a_tags_manifest_must_have_the_digest_of_its_header() {
    let content = Content::new(&[10]);
    let index = content.documents["c"].clone();
    let fake = lying(&content, "manifests/c", move |_, stream| {
        let lie = Digest::of(b"lie").to_string();
        reply(stream, 200, &[("Docker-Content-Digest", &lie)], &index)
    });
    assert_refused(&fake, &content.index, "content has digest");
}

#[test]
fn what_a_header_says_of_content_asked_by_digest_does_not_matter() {
    let content = Content::new(&[10]);
    for lie in [Digest::of(b"lie").to_string(), "sha256:../../x".to_owned(), "md5:0".to_owned()] {
        let manifest = content.documents[&content.manifest.to_string()].clone();
        let fake = lying(&content, &content.manifest.to_string(), move |_, stream| {
            reply(stream, 200, &[("Docker-Content-Digest", &lie)], &manifest)
        });
        assert_eq!(Bench::new().pull(&fake).unwrap().manifest_digest, content.manifest);
    }
}

#[test]
fn an_encoding_header_changes_nothing() {
    let content = Content::new(&[1000]);
    let layer = content.layers[0].to_string();
    let blob = content.blobs[&layer].clone();
    let fake = lying(&content, &layer, move |_, stream| {
        reply(stream, 200, &[("Content-Encoding", "gzip")], &blob)
    });
    Bench::new().pull(&fake).unwrap();
    let mut requests = fake.received().into_iter();
    assert!(requests.all(|request| request.header("accept-encoding") == Some("identity")));
}

#[test]
fn a_page_instead_of_a_manifest_is_named_as_such() {
    let content = Content::new(&[10]);
    let fake = lying(&content, "manifests/c", |_, stream| {
        reply(stream, 200, &[("Content-Type", "text/html")], b"<html>Please sign in</html>")
    });
    assert_refused(&fake, &content.index, "the manifest is not valid");
}

#[test]
fn sizes_of_an_index_are_held_against_its_manifests() {
    let content = Content::new(&[10]);
    let index = String::from_utf8(content.documents["c"].clone()).unwrap();
    let size = content.documents[&content.manifest.to_string()].len();
    let index = index.replace(&format!("\"size\":{size}"), &format!("\"size\":{}", size + 1));
    let fake =
        lying(&content, "manifests/c", move |_, stream| reply(stream, 200, &[], index.as_bytes()));
    let error = Bench::new().client().resolve(&super::reference(&fake), &amd64()).unwrap_err();
    assert!(matches!(error, RegistryError::Corrupt { .. }), "{error}");
}
