//! Which token server may be asked, and which may be shown credentials.
//!
//! A registry names its token server itself, so a hostile one could name any: the credentials of
//! another host, or this network's metadata service, are what it would be after.

use super::RegistryError;
use super::error::RealmProblem;
use super::host::{Endpoint, Reach, Trust, host_of, literal_reach, reach, redacted, trust_of};
use reqwest::Url;

/// Registries whose token server is known to be at another host.
const KNOWN: [(&str, &str); 2] =
    [("docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")];

/// What the user declared.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    pub(super) insecure: Vec<String>,
    /// Registry and token server: `--allow-auth-host`.
    pub(super) allow_auth_hosts: Vec<(String, String)>,
}

impl Policy {
    /// The token server's URL, if it may be asked, with credentials or without.
    pub(super) fn realm(
        &self,
        endpoint: &Endpoint,
        realm: &str,
        has_credentials: bool,
    ) -> Result<Url, RegistryError> {
        let refuse = |shown: String, problem| RegistryError::Realm {
            registry: endpoint.registry.clone(),
            realm: shown,
            problem,
        };
        let Some(url) = usable(realm) else {
            return Err(refuse(super::error::quoted(realm), RealmProblem::Malformed));
        };
        match self.problem(endpoint, &url, has_credentials) {
            None => Ok(url),
            Some(problem) => Err(refuse(redacted(&url), problem)),
        }
    }

    fn problem(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        has_credentials: bool,
    ) -> Option<RealmProblem> {
        if url.scheme() != "https" && !self.may_be_plain(endpoint, url) {
            return Some(RealmProblem::Plain);
        }
        if self.is_trusted(endpoint, url) {
            return None;
        }
        if !may_reach(endpoint, url) {
            return Some(RealmProblem::Private);
        }
        has_credentials.then_some(RealmProblem::OtherHost)
    }

    /// Without TLS only where the registry itself needs none, and neither does the token server.
    fn may_be_plain(&self, endpoint: &Endpoint, url: &Url) -> bool {
        endpoint.trust != Trust::Verified && trust_of(url, &self.insecure) != Trust::Verified
    }

    fn is_trusted(&self, endpoint: &Endpoint, url: &Url) -> bool {
        let host = host_of(url);
        let registry_host = host_of(&endpoint.base);
        let is_pair = |registry: &str, server: &str| {
            let with_port = || url.port().map(|port| format!("{host}:{port}"));
            (registry.eq_ignore_ascii_case(&endpoint.registry)
                || registry.eq_ignore_ascii_case(&registry_host))
                && (server.eq_ignore_ascii_case(&host)
                    || with_port().is_some_and(|name| server.eq_ignore_ascii_case(&name)))
        };
        host == registry_host
            || KNOWN.iter().any(|(registry, server)| is_pair(registry, server))
            || self.allow_auth_hosts.iter().any(|(registry, server)| is_pair(registry, server))
    }
}

fn usable(realm: &str) -> Option<Url> {
    let url: Url = realm.parse().ok()?;
    let fits = matches!(url.scheme(), "https" | "http")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    fits.then_some(url)
}

/// A registry may send clients no deeper into the private world than it stands itself.
fn may_reach(endpoint: &Endpoint, url: &Url) -> bool {
    match reach(url) {
        Reach::Public => true,
        // Metadata services of clouds are here; nothing else of use is.
        Reach::LinkLocal => false,
        Reach::Loopback => endpoint.trust == Trust::Loopback,
        Reach::Private => {
            endpoint.trust != Trust::Verified || reach(&endpoint.base) != Reach::Public
        }
    }
}

/// Where a redirect must not lead: out of TLS, to this machine or to link-local addresses. Other
/// private addresses are where a company's own object storage is, and what comes is verified.
pub(super) fn redirect_problem(
    endpoint: &Endpoint,
    url: &Url,
    insecure: &[String],
) -> Option<&'static str> {
    let is_plain_allowed =
        endpoint.trust != Trust::Verified && trust_of(url, insecure) != Trust::Verified;
    if !matches!(url.scheme(), "https" | "http") {
        return Some("that is neither https nor http");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("the URL holds a user or password");
    }
    match literal_reach(url) {
        Some(Reach::LinkLocal) => Some("that is a link-local address"),
        Some(Reach::Loopback) if endpoint.trust != Trust::Loopback => Some("that is this machine"),
        _ if url.scheme() != "https" && !is_plain_allowed => Some("that leaves TLS"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(reference: &str, realm: &str, has_credentials: bool) -> Option<RealmProblem> {
        let policy = Policy {
            insecure: vec!["plain.example".to_owned(), "10.0.0.7".to_owned()],
            allow_auth_hosts: vec![("own.example".to_owned(), "sso.example:8443".to_owned())],
        };
        let endpoint = Endpoint::of(&reference.parse().unwrap(), &policy.insecure).unwrap();
        match policy.realm(&endpoint, realm, has_credentials) {
            Ok(_) => None,
            Err(RegistryError::Realm { problem, .. }) => Some(problem),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn credentials_go_to_the_same_host_known_pairs_and_what_the_user_allows() {
        for (reference, realm) in [
            ("debian", "https://auth.docker.io/token"),
            ("registry.gitlab.com/a/b", "https://gitlab.com/jwt/auth"),
            ("reg.example/a", "https://reg.example/token"),
            ("reg.example:5000/a", "https://REG.example./token"),
            ("own.example/a", "https://sso.example:8443/token"),
            ("localhost:5000/a", "http://localhost:5001/token"),
            ("plain.example/a", "http://plain.example/token"),
        ] {
            assert_eq!(problem(reference, realm, true), None, "{reference} {realm}");
        }
        for (reference, realm) in [
            ("debian", "https://evil.invalid/token"),
            ("reg.example/a", "https://auth.docker.io/token"),
            ("reg.example/a", "https://auth.reg.example/token"),
            ("reg.example/a", "https://reg.example.evil.invalid/token"),
            ("own.example/a", "https://sso.example/token"),
            ("other.example/a", "https://sso.example:8443/token"),
        ] {
            let found = problem(reference, realm, true);
            assert_eq!(found, Some(RealmProblem::OtherHost), "{reference} {realm}");
            assert_eq!(problem(reference, realm, false), None, "anonymous {reference} {realm}");
        }
    }

    #[test]
    fn a_realm_without_tls_is_for_insecure_registries() {
        for (reference, realm) in [
            ("reg.example/a", "http://reg.example/token"),
            ("debian", "http://auth.docker.io/token"),
            ("plain.example/a", "http://reg.example/token"),
            ("reg.example/a", "http://plain.example/token"),
            ("reg.example/a", "http://localhost/token"),
        ] {
            for has_credentials in [false, true] {
                let found = problem(reference, realm, has_credentials);
                assert_eq!(found, Some(RealmProblem::Plain), "{reference} {realm}");
            }
        }
    }

    #[test]
    fn a_public_registry_reaches_nothing_private() {
        for realm in [
            "https://169.254.169.254/latest",
            "https://[fe80::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://127.0.0.1/",
            "https://localhost/",
            "https://10.0.0.1/",
            "https://192.168.1.1/",
            "https://[fd00::1]/",
        ] {
            let found = problem("8.8.8.8/a", realm, false);
            assert_eq!(found, Some(RealmProblem::Private), "{realm}");
        }
        assert_eq!(problem("10.0.0.7/a", "https://10.0.0.8/token", false), None);
        assert_eq!(problem("10.0.0.9/a", "https://10.0.0.8/token", false), None);
        let metadata = problem("localhost/a", "https://169.254.169.254/", false);
        assert_eq!(metadata, Some(RealmProblem::Private));
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        for realm in
            ["", "token", "/token", "file:///etc/passwd", "https://u:p@reg.example/", "https://"]
        {
            let found = problem("reg.example/a", realm, false);
            assert_eq!(found, Some(RealmProblem::Malformed), "{realm}");
        }
    }

    #[test]
    fn redirects_stay_in_tls_and_off_this_machine() {
        let refused = |reference: &str, target: &str| {
            let endpoint = Endpoint::of(&reference.parse().unwrap(), &[]).unwrap();
            redirect_problem(&endpoint, &target.parse().unwrap(), &[]).is_some()
        };
        assert!(!refused("reg.example/a", "https://cdn.example/blob?sig=1"));
        assert!(!refused("reg.example/a", "https://10.0.0.1/blob"));
        assert!(!refused("localhost:5000/a", "http://127.0.0.1:9000/blob"));
        for target in [
            "http://cdn.example/blob",
            "https://169.254.169.254/",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://u:p@cdn.example/",
            "file:///etc/passwd",
        ] {
            assert!(refused("reg.example/a", target), "{target}");
        }
        assert!(refused("localhost:5000/a", "http://cdn.example/blob"));
    }
}
