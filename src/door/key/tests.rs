//! Keys of requests as clients send them.

use super::super::answer::Asked;
use super::super::exchange::Key;
use super::super::redact::Secrets;
use super::{canonical, fetchable, is_expiring};
use crate::oci::Digest;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::{HeaderMap, HeaderName, Method};
use proptest::prelude::*;
use std::io::Write as _;
use url::Url;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn asked(method: Method, to: &str, headers: &[(&str, &str)], body: &[u8]) -> Asked {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    Asked { method, url: url(to), headers, body: Bytes::copy_from_slice(body) }
}

fn variant(headers: &[(&str, &str)]) -> Option<String> {
    let asked = asked(Method::GET, "http://a.example/", headers, b"");
    Key::of(&asked, &Secrets::default()).variant
}

#[test]
fn spellings_of_one_url_have_one_key() {
    for (spelled, expected) in [
        ("HTTP://Deb.Example:80/A", "http://deb.example/A"),
        ("https://deb.example.:443/", "https://deb.example/"),
        ("https://deb.example:80", "https://deb.example:80/"),
        ("http://u:p@a.example/x#fragment", "http://a.example/x"),
        ("http://a.example/g%2b%2B+_1%3a2%7e.deb", "http://a.example/g+++_1:2~.deb"),
        ("http://a.example/@scope%2fname", "http://a.example/@scope%2Fname"),
        ("http://a.example/a%20b/%e4%b8%ad/ü|", "http://a.example/a%20b/%E4%B8%AD/%C3%BC%7C"),
        ("http://a.example/a/../b/./c//d", "http://a.example/b/c//d"),
        ("http://a.example/100%", "http://a.example/100%25"),
        ("http://a.example/x?", "http://a.example/x"),
        ("http://a.example/x?b=1&a=2&b=0&&c", "http://a.example/x?a=2&b=1&b=0&c"),
        ("http://a.example/x?a=%7e%2B+%2f/", "http://a.example/x?a=~%2B+%2F/"),
        ("http://a.example/x?a[]=1", "http://a.example/x?a%5B%5D=1"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
    ] {
        assert_eq!(canonical(&url(spelled)), expected, "{spelled}");
    }
}

#[test]
fn secrets_and_cache_busters_are_no_part_of_a_key() {
    let signed = "X-Amz-Algorithm=A&X-Amz-Expires=300&X-Amz-Signature=0f&response-content-type=x";
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.Q2hhbmdl";
    for (query, expected) in [
        ("token=abc&name=x", "?name=x"),
        ("Access-Token=abc&b=1", "?b=1"),
        ("private_token=x;p=1", "?p=1"),
        (signed, ""),
        ("response-content-type=x", "?response-content-type=x"),
        ("sv=2020&sp=r&se=2026&sig=ab%2B&id=7", "?id=7"),
        ("sp=r&se=2026", "?se=2026&sp=r"),
        ("key=AIzaSyB0123456789abcdef", ""),
        ("key=0x0123456789abcdef", "?key=0x0123456789abcdef"),
        ("key=value", "?key=value"),
        (
            "page_token=abc&nextToken=d&continuation-token=e",
            "?continuation-token=e&nextToken=d&page_token=abc",
        ),
        ("token", "?token"),
        (&format!("x={jwt}"), ""),
        ("_=1763000000000&q=1", "?q=1"),
        ("_=page", "?_=page"),
        ("cachebust=17", ""),
        ("1763000000", ""),
        ("1763", "?1763"),
        ("t=1763000000", "?t=1763000000"),
    ] {
        let found = canonical(&url(&format!("http://a.example/?{query}")));
        assert_eq!(found, format!("http://a.example/{expected}"), "{query}");
    }
    let in_path = canonical(&url("http://a.example/ghp_0123456789ABCDEFabcdef0123/x"));
    assert_eq!(in_path, "http://a.example/***/x");
}

#[test]
fn known_secrets_are_in_no_part_of_a_key() {
    let secrets = Secrets::new(&[b"hunter two".to_vec()]);
    let headers = [("authorization", "Bearer hunter3"), ("accept", "application/vnd.hunter3")];
    let to = "http://hunter3.example/hunter%20two/?a=hunter+two";
    let with = |secret: &str| asked(Method::POST, to, &headers, secret.as_bytes());
    let secrets = secrets.of_request(&url(to), &with("").headers);
    let key = Key::of(&with("p=hunter two"), &secrets);
    assert_eq!(key.url, "http://***.example/***/?a=***");
    assert_eq!(key.variant.as_deref(), Some("vnd.***"));
    assert_eq!(key.body, Some(Digest::of(b"p=***")));
    assert_eq!(Key::of(&with("p=hunter3"), &secrets).body, Some(Digest::of(b"p=***")));
}

#[test]
fn urls_that_expire_are_known() {
    for expiring in [
        "https://cdn.example/x?X-Amz-Signature=1",
        "https://cdn.example/x?Expires=1763000000&Key-Pair-Id=K",
        "https://cdn.example/x?sig=1",
        "https://cdn.example/exp=1763~acl=*~hmac=ab/x",
        "https://u:p@cdn.example/x",
        "https://cdn.example/x?e=1&token=2",
    ] {
        assert!(is_expiring(&url(expiring)), "{expiring}");
    }
    for lasting in ["https://cdn.example/x", "https://cdn.example/x?a=1", "https://c.example/?t"] {
        assert!(!is_expiring(&url(lasting)), "{lasting}");
    }
}

#[test]
fn variants_are_what_servers_tell_apart() {
    let pip = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
    let npm = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
    for (accept, expected) in [
        ("*/*", None),
        ("text/*", None),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None),
        ("application/vnd.pypi.simple.v1+html, text/html;q=0.5", None),
        (pip, Some("pypi-json")),
        (npm, Some("npm-install")),
        ("application/json, */*", Some("json")),
        ("application/vnd.github.raw+json", Some("vnd.github.raw+json")),
        ("application/vnd.a;q=0, application/vnd.b;q=0.1", Some("vnd.b")),
        (
            "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json",
            Some("image-index"),
        ),
        ("application/vnd.oci.image.manifest.v1+json", Some("image-manifest")),
        ("", None),
        (",;/,q=", None),
    ] {
        assert_eq!(variant(&[("accept", accept)]).as_deref(), expected, "{accept}");
    }
    assert_eq!(variant(&[]), None);
    let git = |version| variant(&[("git-protocol", version), ("accept", "*/*")]);
    assert_eq!(git("version=2").as_deref(), Some("git-2"));
    assert_eq!(git("key:version=1").as_deref(), Some("git-1"));
    assert_eq!(git("version=x"), None);
}

/// yarn and pnpm ask for packages as for what is said of them, npm does not: it is one file.
#[test]
fn package_files_of_npm_have_no_variants() {
    let accept = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
    let key = |url: &str, accept: &str| {
        Key::of(&asked(Method::GET, url, &[("accept", accept)], b""), &Secrets::default())
    };
    let file = "https://n.example/greeter/-/greeter-1.0.0.tgz";
    assert_eq!(key(file, accept), key(file, "*/*"));
    let signed = format!("{file}?cache=0");
    assert_eq!(key(&signed, accept).variant, None);
    let document = key("https://n.example/greeter", accept);
    assert_eq!(document.variant.as_deref(), Some("npm-install"));
    // What names another format wants that one.
    let own = key(file, "application/vnd.own+json");
    assert_eq!(own.variant.as_deref(), Some("vnd.own+json"));
}

#[test]
fn bodies_count_as_what_they_mean() {
    let text = b"0011command=ls-refs\n".repeat(40);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&text).unwrap();
    zlib.write_all(&text).unwrap();
    raw.write_all(&text).unwrap();
    let body = |coding: &str, body: &[u8]| {
        let to = asked(Method::POST, "http://a.example/", &[("content-encoding", coding)], body);
        Key::of(&to, &Secrets::default()).body
    };
    assert_eq!(body("gzip", &gzip.finish().unwrap()), Some(Digest::of(&text)));
    assert_eq!(body("deflate", &zlib.finish().unwrap()), Some(Digest::of(&text)));
    assert_eq!(body("deflate", &raw.finish().unwrap()), Some(Digest::of(&text)));
    assert_eq!(body("gzip", b"not gzip"), Some(Digest::of(b"not gzip")));
    assert_eq!(body("identity", b""), None);
}

#[test]
fn head_has_the_key_of_get_and_the_client_does_not_matter() {
    let get = asked(Method::GET, "http://a.example/", &[("user-agent", "a")], b"");
    let head = asked(Method::HEAD, "http://a.example/", &[("range", "bytes=0-1")], b"");
    let secrets = Secrets::default();
    assert_eq!(Key::of(&get, &secrets), Key::of(&head, &secrets));
}

#[test]
fn plus_signs_are_asked_for_encoded() {
    assert_eq!(fetchable("http://a.example/g++?q=a+b"), "http://a.example/g%2B%2B?q=a+b");
    assert_eq!(canonical(&url(&fetchable("http://a.example/g++"))), "http://a.example/g++");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn canonical_urls_stay_as_they_are(
        host in "[A-Za-z0-9]{1,8}(\\.[A-Za-z]{2,4}\\.?)?",
        rest in "(:[0-9]{1,4})?/[ -~é]{0,40}",
    ) {
        let Ok(parsed) = Url::parse(&format!("http://{host}{rest}")) else { return Ok(()) };
        let once = canonical(&parsed);
        let again = canonical(&Url::parse(&once).unwrap());
        prop_assert_eq!(&once, &again);
        let fetched = Url::parse(&fetchable(&once)).unwrap();
        prop_assert_eq!(&once, &canonical(&fetched));
    }

    #[test]
    fn no_url_makes_it_panic(text in ".{0,60}", scheme in "(https?|ftp|data|file|x):/{0,3}") {
        for text in [text.clone(), format!("{scheme}{text}")] {
            if let Ok(parsed) = Url::parse(&text) {
                let to = Asked {
                    method: Method::GET,
                    url: parsed,
                    headers: HeaderMap::new(),
                    body: Bytes::new(),
                };
                let secrets = Secrets::new(&[b"abcd".to_vec()]);
                prop_assert!(!Key::of(&to, &secrets).url.contains("abcd"));
                let _either = is_expiring(&to.url);
            }
        }
    }
}
