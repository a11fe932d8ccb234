//! Where a registry is: from the domain of a reference to a URL, and how far a host may be trusted.

use super::RegistryError;
use crate::oci::Reference;
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};

/// How a host is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// HTTPS with a certificate that the system trusts, and nothing else.
    Verified,
    /// Declared insecure by the user: HTTPS with any certificate, else HTTP.
    Insecure,
    /// This machine: as insecure, and never through a proxy.
    Loopback,
}

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Public,
    Private,
    Loopback,
    LinkLocal,
}

/// One registry's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Domain as references have it: `docker.io`.
    pub(super) registry: String,
    /// `https://registry-1.docker.io/`.
    pub(super) base: Url,
    pub(super) trust: Trust,
}

impl Endpoint {
    /// The endpoint for a reference, with HTTPS.
    pub(super) fn of(reference: &Reference, insecure: &[String]) -> Result<Self, RegistryError> {
        let registry = reference.domain.to_ascii_lowercase();
        // Docker Hub's API is at another host than its references say:
        // https://docs.docker.com/reference/api/registry/latest/
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { &*registry };
        let base = Url::parse(&format!("https://{host}/")).map_err(|error| {
            RegistryError::Network { url: registry.clone(), reason: error.to_string() }
        })?;
        let trust = trust_of(&base, insecure);
        Ok(Self { registry, base, trust })
    }

    /// The same endpoint, spoken to without TLS.
    pub(super) fn over_http(&self) -> Option<Self> {
        let mut endpoint = self.clone();
        // `set_scheme` drops a port that is the new scheme's default only; `:443` was dropped as
        // the default of https already, and Docker, too, then asks port 80.
        endpoint.base.set_scheme("http").ok()?;
        Some(endpoint)
    }

    /// `/v2/NAME/manifests/…` and the like.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }
}

/// How this URL's host is to be spoken to.
pub(super) fn trust_of(url: &Url, insecure: &[String]) -> Trust {
    let host = host_of(url);
    if is_local_name(&host) || literal(&host).is_some_and(|address| address.is_loopback()) {
        return Trust::Loopback;
    }
    let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
    let declared = |entry: &String| {
        entry.eq_ignore_ascii_case(&host)
            || with_port.as_ref().is_some_and(|name| entry.eq_ignore_ascii_case(name))
    };
    if insecure.iter().any(declared) { Trust::Insecure } else { Trust::Verified }
}

/// Host in lower case, IPv6 addresses in brackets.
pub(super) fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

/// `localhost` and the names below it never leave the machine:
/// <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>.
fn is_local_name(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

fn literal(host: &str) -> Option<IpAddr> {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Where a URL written as an address, or as `localhost`, leads; `None` for other names.
pub(super) fn literal_reach(url: &Url) -> Option<Reach> {
    let host = host_of(url);
    if is_local_name(&host) {
        return Some(Reach::Loopback);
    }
    literal(&host).map(reach_of)
}

/// Where a URL leads, by its name's addresses: the least public of them. A name that this machine
/// cannot resolve (a proxy may) counts as public.
pub(super) fn reach(url: &Url) -> Reach {
    if let Some(reach) = literal_reach(url) {
        return reach;
    }
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses = (&*host_of(url), port).to_socket_addrs();
    let reaches = addresses.into_iter().flatten().map(|address| reach_of(address.ip()));
    reaches.max().unwrap_or(Reach::Public)
}

fn reach_of(address: IpAddr) -> Reach {
    match address.to_canonical() {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    if address.is_loopback() || address.is_unspecified() {
        Reach::Loopback
    } else if address.is_link_local() || address.is_broadcast() || address.is_multicast() {
        Reach::LinkLocal
    } else if address.is_private() || is_shared(address) {
        Reach::Private
    } else {
        Reach::Public
    }
}

/// 100.64.0.0/10, addresses behind a carrier's NAT: <https://www.rfc-editor.org/rfc/rfc6598>.
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0xc0 == 64
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if address.is_loopback() || address.is_unspecified() {
        Reach::Loopback
    } else if address.is_unicast_link_local() || address.is_multicast() {
        Reach::LinkLocal
    } else if address.is_unique_local() {
        Reach::Private
    } else {
        Reach::Public
    }
}

/// A URL for messages: without user, password, query and fragment, which may hold signatures.
pub(super) fn redacted(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(reference: &str) -> Endpoint {
        Endpoint::of(&reference.parse().unwrap(), &["plain.example".to_owned()]).unwrap()
    }

    #[test]
    fn docker_hub_is_spoken_to_at_its_api_host() {
        let hub = endpoint("debian");
        assert_eq!(
            (&*hub.registry, hub.base.as_str()),
            ("docker.io", "https://registry-1.docker.io/")
        );
        assert_eq!(hub.trust, Trust::Verified);
        let other = endpoint("LOCALHOST:5000/a/b");
        assert_eq!(other.url("/v2/a/b/tags").as_str(), "https://localhost:5000/v2/a/b/tags");
        assert_eq!(other.over_http().unwrap().base.as_str(), "http://localhost:5000/");
    }

    #[test]
    fn only_loopback_and_declared_hosts_may_be_insecure() {
        for (reference, trust) in [
            ("localhost/a", Trust::Loopback),
            ("127.0.0.1:5000/a", Trust::Loopback),
            ("127.1.2.3:5000/a", Trust::Loopback),
            ("[::1]:5000/a", Trust::Loopback),
            ("[::ffff:7f00:1]/a", Trust::Loopback),
            ("plain.example/a", Trust::Insecure),
            ("PLAIN.example:5000/a", Trust::Insecure),
            ("10.0.0.1:5000/a", Trust::Verified),
            ("localhost.example/a", Trust::Verified),
            ("127.0.0.1.example/a", Trust::Verified),
            ("other.example/a", Trust::Verified),
        ] {
            assert_eq!(endpoint(reference).trust, trust, "{reference}");
        }
        let with_port = ["a.example:5000".to_owned()];
        let trust = |url: &str| trust_of(&url.parse().unwrap(), &with_port);
        assert_eq!(trust("https://a.example:5000/"), Trust::Insecure);
        assert_eq!(trust("https://a.example:5001/"), Trust::Verified);
    }

    #[test]
    fn addresses_are_told_apart() {
        for (url, expected) in [
            ("https://169.254.169.254/", Reach::LinkLocal),
            ("https://[fe80::1]/", Reach::LinkLocal),
            ("https://[::ffff:169.254.169.254]/", Reach::LinkLocal),
            ("https://0xa9fea9fe/", Reach::LinkLocal),
            ("https://10.1.2.3/", Reach::Private),
            ("https://192.168.0.1/", Reach::Private),
            ("https://100.100.1.1/", Reach::Private),
            ("https://[fd00::1]/", Reach::Private),
            ("https://0.0.0.0/", Reach::Loopback),
            ("https://[::]/", Reach::Loopback),
            ("https://LOCALHOST./", Reach::Loopback),
            ("https://x.localhost/", Reach::Loopback),
            ("https://2130706433/", Reach::Loopback),
            ("https://8.8.8.8/", Reach::Public),
            ("https://[2001:4860:4860::8888]/", Reach::Public),
        ] {
            assert_eq!(reach(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn messages_show_no_user_and_no_signature() {
        let url = "https://user:secret@a.example:1/b?X-Amz-Signature=secret#secret";
        assert_eq!(redacted(&url.parse().unwrap()), "https://a.example:1/b");
    }
}
