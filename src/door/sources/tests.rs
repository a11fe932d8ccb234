//! Where else locked content is looked for.

use super::super::options::{Archive, Mirror, Sources};
use super::{Places, Release};

const RELEASE: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Example\n\
    Label: Example-Security\nSuite: stable\nDate: Sat, 21 Nov 2026 08:30:05 UTC\nSHA256:\n 00 1 x\nLabel: no\n";

fn archive(label: Option<&str>, url: &str) -> Archive {
    let label = label.map(str::to_owned);
    Archive { origin: "Example".to_owned(), label, url: url.to_owned() }
}

fn places(mirrors: &[(&str, &str)], archives: Vec<Archive>) -> Places {
    let mirrors = mirrors
        .iter()
        .map(|(of, url)| Mirror { of: (*of).to_owned(), url: (*url).to_owned() })
        .collect();
    Places::new(Sources { mirrors, archives, ..Sources::default() }).unwrap()
}

fn others(places: &Places, url: &str, releases: &[Release]) -> Vec<String> {
    places.others(url, releases).into_iter().map(String::from).collect()
}

#[test]
fn a_release_tells_repository_and_time() {
    let url = "http://deb.example/debian/dists/stable/updates/InRelease";
    let release = Release::parse(url, RELEASE.as_bytes()).unwrap();
    assert_eq!(release.root, "http://deb.example/debian/");
    assert_eq!(release.origin.as_deref(), Some("Example"));
    assert_eq!(release.label.as_deref(), Some("Example-Security"));
    assert_eq!(release.date.to_string(), "2026-11-21T08:30:05Z");
    for (url, root) in [
        ("http://deb.example/flat/Release", Some("http://deb.example/flat/")),
        ("http://deb.example/dists/x/Release.gpg", None),
        ("http://deb.example/MyRelease", None),
    ] {
        assert_eq!(Release::root_of(url), root, "{url}");
    }
    assert_eq!(Release::parse(url, b"Origin: Example\n"), None);
    assert_eq!(Release::parse(url, b"Date: yesterday\n"), None);
    assert_eq!(Release::parse(url, &[0xff, 0xfe, b'\n']), None);
}

#[test]
fn mirrors_stand_for_what_is_below_a_prefix() {
    let places = places(
        &[
            ("http://deb.example/debian", "https://one.example/d"),
            ("http://deb.example/debian/", "https://two.example/"),
            ("http://deb.example/deb", "https://never.example/"),
        ],
        Vec::new(),
    );
    let found = others(&places, "http://deb.example/debian/pool/g++.deb", &[]);
    assert_eq!(
        found,
        ["https://one.example/d/pool/g%2B%2B.deb", "https://two.example/pool/g%2B%2B.deb"]
    );
    assert!(others(&places, "http://deb.example/debian/***/x", &[]).is_empty());
    assert!(others(&places, "https://deb.example/debian/x", &[]).is_empty());
}

#[test]
fn archives_are_chosen_by_what_the_release_says() {
    let url = "http://deb.example/security/dists/stable/InRelease";
    let release = Release::parse(url, RELEASE.as_bytes()).unwrap();
    let places = places(
        &[],
        vec![
            archive(Some("Example"), "https://wrong.example/{date}/"),
            archive(Some("Example-Security"), "https://right.example/security/{date}/"),
            archive(None, "https://any.example/{date}"),
        ],
    );
    let found =
        others(&places, "http://deb.example/security/pool/x.deb", std::slice::from_ref(&release));
    assert_eq!(found.len(), 8);
    assert_eq!(found[0], "https://right.example/security/20261121T083005Z/pool/x.deb");
    assert_eq!(found[1], "https://any.example/20261121T083005Z/pool/x.deb");
    assert_eq!(found[7], "https://any.example/20261122T083005Z/pool/x.deb");
    assert!(others(&places, "http://other.example/security/pool/x.deb", &[release]).is_empty());
}

#[test]
fn what_can_be_no_source_is_refused() {
    for (of, url) in
        [("deb.example", "http://x.example"), ("http://a.example/", "ftp://b.example/")]
    {
        let mirrors = vec![Mirror { of: of.to_owned(), url: url.to_owned() }];
        let error = Places::new(Sources { mirrors, ..Sources::default() }).unwrap_err();
        assert!(error.hint().is_some());
    }
    let archives = vec![archive(None, "https://a.example/")];
    let error = Places::new(Sources { archives, ..Sources::default() }).unwrap_err();
    assert_eq!(error.to_string(), "`https://a.example/` is no archive: it has no `{date}`");
}
