//! URLs of requests.

use super::*;
use http::Request;

fn url(scheme: &str, wanted: &str, target: &str, hosts: &[&str]) -> Result<String, &'static str> {
    let names = NameTable::default();
    let wanted = if wanted.is_empty() {
        Wanted::new(None, &names)
    } else {
        Wanted::parse(wanted, &names).unwrap()
    };
    let mut request = Request::builder().uri(target);
    for host in hosts {
        request = request.header("host", *host);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    request::url(scheme, &wanted, &parts).map(String::from)
}

#[test]
fn where_a_url_comes_from() {
    for (scheme, wanted, target, hosts, expected) in [
        ("http", "a.example:80", "/x?y#z", &["b.example"][..], "http://b.example/x?y"),
        ("http", "a.example:80", "/x", &[], "http://a.example/x"),
        ("http", "a.example:80", "/x", &[""], "http://a.example/x"),
        ("https", "a.example:443", "/x", &[], "https://a.example/x"),
        ("https", "a.example:443", "/x", &["a.example:443"], "https://a.example/x"),
        ("http", "192.0.2.1:8080", "/", &[], "http://192.0.2.1:8080/"),
        ("http", "[2001:db8::1]:8080", "/", &[], "http://[2001:db8::1]:8080/"),
        // The port that the client is connected to, or the one that it says.
        ("http", "a.example:8080", "/", &["a.example"], "http://a.example:8080/"),
        ("http", "a.example:8080", "/", &["a.example:81"], "http://a.example:81/"),
        ("https", "a.example:80", "/", &["a.example"], "https://a.example:80/"),
        ("http", "", "/", &["a.example"], "http://a.example/"),
        // To a proxy.
        ("http", "proxy.example:3128", "http://a.example/x", &["a.example"], "http://a.example/x"),
        ("http", "proxy.example:3128", "http://a.example:81", &[], "http://a.example:81/"),
        ("http", "proxy.example:3128", "https://a.example/x", &[], "https://a.example/x"),
        // Kept as they are: apt's and PyPI's paths.
        ("http", "a.example:80", "/a%2bb+c//d/%7Ee", &[], "http://a.example/a%2bb+c//d/%7Ee"),
        ("http", "A.Example:80", "/", &["B.EXAMPLE"], "http://b.example/"),
    ] {
        let seen = url(scheme, wanted, target, hosts);
        assert_eq!(seen.as_deref(), Ok(expected), "{wanted} {target} {hosts:?}");
    }
}

#[test]
fn requests_that_have_none() {
    for (wanted, target, hosts) in [
        ("", "/", &[][..]),
        ("a.example:80", "*", &[]),
        ("a.example:80", "ftp://a.example/", &[]),
        ("a.example:80", "/", &["a.example", "b.example"]),
        ("a.example:80", "/", &["user@a.example"]),
        ("a.example:80", "http://user:secret@a.example/", &[]),
        ("a.example:80", "/", &["a b"]),
        ("a.example:80", "/", &["a.example/x"]),
    ] {
        assert!(url("http", wanted, target, hosts).is_err(), "{wanted} {target} {hosts:?}");
    }
}

#[test]
fn what_is_shown_has_no_secrets() {
    let url = "https://user:secret@a.example:8443/path?token=secret#secret".parse().unwrap();
    assert_eq!(request::shown(&url), "https://a.example:8443/path");
}

#[test]
fn where_a_connection_wanted_to_go() {
    let names = NameTable::default();
    let address = names.address_of("deb.example").unwrap();
    for (destination, expected) in [
        (Some((address, 80).into()), "deb.example:80"),
        (Some(format!("[::ffff:{address}]:443").parse().unwrap()), "deb.example:443"),
        (Some("203.0.113.1:22".parse().unwrap()), "203.0.113.1:22"),
        (Some("[2001:db8::1]:22".parse().unwrap()), "[2001:db8::1]:22"),
        (None, "an address that was not seen"),
    ] {
        assert_eq!(Wanted::new(destination, &names).to_string(), expected);
    }
    let parsed = |text: &str| Wanted::parse(text, &names).map(|wanted| wanted.to_string());
    assert_eq!(parsed("Deb.Example:443").as_deref(), Some("deb.example:443"));
    assert_eq!(parsed(&format!("{address}:443")).as_deref(), Some("deb.example:443"));
    assert_eq!(parsed("[2001:db8::1]:443").as_deref(), Some("[2001:db8::1]:443"));
    for text in ["deb.example", "deb.example:", "deb.example:x", "deb.example:70000", ":443", ""] {
        assert_eq!(parsed(text), None, "{text}");
    }
}
