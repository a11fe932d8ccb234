//! Second views of package archives: what an archive said at an earlier time, under a host name of
//! its own, so that a client can be given both what it says now and what it said then.
//!
//! `deb.example.held-0123abcd` is `deb.example` as its signed index with a digest that starts with
//! `0123abcd` has it. No name server knows such a name. What the lock has under it is served; whatever
//! else is asked there is asked at the real host: packages keep their URL.

use crate::oci::Digest;
use url::Url;

/// What stands between the name of the host and the digest.
const MARK: &str = ".held-";

/// Digits of the digest: enough to tell the states of one archive.
const DIGITS: usize = 8;

/// The name under which an archive at `host` is seen as the index with this digest has it.
pub fn held_host(host: &str, index: &Digest) -> String {
    let hex = index.hex();
    format!("{host}{MARK}{}", hex.get(..DIGITS).unwrap_or(&hex))
}

/// The host that a held view is one of; none where the name is that of no view.
pub fn real_host(host: &str) -> Option<&str> {
    let (real, digits) = host.rsplit_once(MARK)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (!real.is_empty() && digits.len() == DIGITS && digits.bytes().all(is_digit)).then_some(real)
}

/// The same URL with another host; none where it has none, or cannot have this one.
pub fn with_host(url: &str, host: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.set_host(Some(host)).ok()?;
    Some(url.into())
}

/// The URL at the real host, where this one is of a held view.
pub(super) fn real_url(url: &Url) -> Option<Url> {
    let mut real = url.clone();
    real.set_host(Some(real_host(url.host_str()?)?)).ok()?;
    Some(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_a_name_of_its_own_and_tells_its_host() {
        let digest = Digest::of(b"InRelease");
        let host = held_host("deb.example", &digest);
        assert_eq!(host, format!("deb.example.held-{}", &digest.hex()[..8]));
        assert_eq!(real_host(&host), Some("deb.example"));
        let url = with_host("http://deb.example:81/debian/x?y", &host).unwrap();
        assert_eq!(url, format!("http://{host}:81/debian/x?y"));
        assert_eq!(
            real_url(&Url::parse(&url).unwrap()).unwrap().as_str(),
            "http://deb.example:81/debian/x?y"
        );
        // An address is a host, too.
        assert!(with_host("http://127.0.0.1/", &held_host("127.0.0.1", &digest)).is_some());
    }

    #[test]
    fn other_names_are_no_views() {
        for host in [
            "deb.example",
            "deb.example.held-",
            "deb.example.held-0123",
            "deb.example.held-0123ABCD",
            "deb.example.held-0123abcz",
            ".held-0123abcd",
            "held-0123abcd",
        ] {
            assert_eq!(real_host(host), None, "{host}");
        }
    }
}
