//! Requests that no result depends on, and that would differ between two builds: known noise. Each
//! gets the same answer always, without upstream and without a lock.

use super::answer::Asked;
use super::exchange::{Content, Exchange, Head, Key};
use crate::oci::Digest;
use bytes::Bytes;
use http::header::{HeaderMap, USER_AGENT};

/// When a rule answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Always: nobody asks this for a result.
    Always,
    /// Where the lock does not have it: the same request may also be made for a result, and is then
    /// recorded and locked.
    Unlocked,
}

/// A kind of request, and its answer.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its name in reports.
    pub(super) id: &'static str,
    when: When,
    method: &'static str,
    host: Host,
    path: Path,
    /// How `User-Agent` begins; empty where it does not matter.
    agent: &'static str,
    status: u16,
    media_type: &'static str,
    body: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Host {
    Any,
    Is(&'static str),
    EndsWith(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum Path {
    Any,
    Is(&'static str),
    StartsWith(&'static str),
    EndsWith(&'static str),
}

use Host::{Any, EndsWith as Below, Is as On};
use When::{Always, Unlocked};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const TRACKED: &str = r#"{"itemsReceived":0,"itemsAccepted":0,"errors":[]}"#;
const AUDITED: &str = r#"{"actions":[],"advisories":{},"muted":[],"metadata":{"vulnerabilities":{"info":0,"low":0,"moderate":0,"high":0,"critical":0},"dependencies":0,"devDependencies":0,"optionalDependencies":0,"totalDependencies":0}}"#;

const fn rule(
    (id, when): (&'static str, When),
    (method, host, path, agent): (&'static str, Host, Path, &'static str),
    (status, media_type, body): (u16, &'static str, &'static str),
) -> Rule {
    Rule { id, when, method, host, path, agent, status, media_type, body }
}

/// All rules; the first that matches answers. An explicit `npm audit` is none of this, see
/// [`Rule::matches`].
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    // Installing asks for advisories, to print their number.
    rule(("npm-audit", Always), ("POST", Any, Path::EndsWith("/-/npm/v1/security/advisories/bulk"), "npm/"), (200, JSON, "{}")),
    rule(("npm-audit", Always), ("POST", Any, Path::EndsWith("/-/npm/v1/security/audits/quick"), "npm/"), (200, JSON, AUDITED)),
    // Programs that look whether there is a newer one of them, some runs only.
    rule(("npm-update-check", Unlocked), ("GET", Any, Path::EndsWith("/npm"), "npm/"), (404, JSON, "{}")),
    rule(("pnpm-update-check", Unlocked), ("GET", Any, Path::EndsWith("/pnpm"), "pnpm/"), (404, JSON, "{}")),
    rule(("yarn-update-check", Unlocked), ("GET", Any, Path::Is("/latest-version"), "yarn/"), (404, TEXT, "")),
    rule(("pip-update-check", Unlocked), ("GET", Any, Path::EndsWith("/pip/"), "pip/"), (404, TEXT, "")),
    rule(("pip-update-check", Unlocked), ("GET", Any, Path::EndsWith("/pypi/pip/json"), "pip/"), (404, TEXT, "")),
    rule(("terraform-update-check", Always), ("GET", On("checkpoint-api.hashicorp.com"), Path::StartsWith("/v1/check/"), ""), (200, JSON, "{}")),
    rule(("prisma-update-check", Always), ("POST", On("checkpoint.prisma.io"), Path::Any, ""), (200, JSON, "{}")),
    rule(("ubuntu-release-check", Unlocked), ("GET", On("changelogs.ubuntu.com"), Path::StartsWith("/meta-release"), ""), (404, TEXT, "")),
    // Counts of installations, and telemetry.
    rule(("composer-notify", Always), ("POST", Any, Path::EndsWith("/downloads/"), "Composer/"), (201, JSON, r#"{"status":"success"}"#)),
    rule(("go-telemetry", Always), ("POST", On("telemetry.go.dev"), Path::Any, ""), (200, TEXT, "")),
    rule(("dotnet-telemetry", Always), ("POST", On("dc.services.visualstudio.com"), Path::Any, ""), (200, JSON, TRACKED)),
    rule(("dotnet-telemetry", Always), ("POST", Below(".applicationinsights.azure.com"), Path::Any, ""), (200, JSON, TRACKED)),
    rule(("next-telemetry", Always), ("POST", On("telemetry.nextjs.org"), Path::Any, ""), (200, JSON, "{}")),
    rule(("nuxt-telemetry", Always), ("POST", On("telemetry.nuxt.com"), Path::Any, ""), (200, JSON, "{}")),
    rule(("astro-telemetry", Always), ("POST", On("telemetry.astro.build"), Path::Any, ""), (200, JSON, "{}")),
    rule(("gatsby-telemetry", Always), ("POST", On("analytics.gatsbyjs.com"), Path::Any, ""), (200, JSON, "{}")),
    rule(("google-analytics", Always), ("POST", Below(".google-analytics.com"), Path::EndsWith("/collect"), ""), (204, "", "")),
    rule(("segment", Always), ("POST", On("api.segment.io"), Path::StartsWith("/v1/"), ""), (200, JSON, r#"{"success":true}"#)),
    rule(("sentry", Always), ("POST", Below(".ingest.sentry.io"), Path::StartsWith("/api/"), ""), (200, JSON, "{}")),
    rule(("sentry", Always), ("POST", Below(".ingest.us.sentry.io"), Path::StartsWith("/api/"), ""), (200, JSON, "{}")),
    // News for whoever logs in, and offers.
    rule(("motd", Always), ("GET", On("motd.ubuntu.com"), Path::Any, ""), (404, TEXT, "")),
    rule(("ubuntu-pro", Always), ("GET", On("contracts.canonical.com"), Path::StartsWith("/v1/resources"), ""), (404, JSON, "{}")),
    // Whether there is a network at all: there is.
    rule(("connectivity-check", Always), ("GET", On("connectivity-check.ubuntu.com"), Path::Is("/"), ""), (204, "", "")),
    rule(("connectivity-check", Always), ("GET", On("network-test.debian.org"), Path::Is("/nm"), ""), (200, TEXT, "NetworkManager is online\n")),
    rule(("connectivity-check", Always), ("GET", On("nmcheck.gnome.org"), Path::Is("/check_network_status.txt"), ""), (200, TEXT, "NetworkManager is online\n")),
    rule(("connectivity-check", Always), ("GET", On("fedoraproject.org"), Path::Is("/static/hotspot.txt"), ""), (200, TEXT, "OK")),
    rule(("connectivity-check", Always), ("GET", On("connectivitycheck.gstatic.com"), Path::Is("/generate_204"), ""), (204, "", "")),
    rule(("connectivity-check", Always), ("GET", On("detectportal.firefox.com"), Path::Is("/success.txt"), ""), (200, TEXT, "success\n")),
];

impl Rule {
    /// The rule for a request, among those that answer then.
    pub(super) fn of(asked: &Asked, when: When) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.when == when && rule.matches(asked))
    }

    fn matches(&self, asked: &Asked) -> bool {
        let method = if asked.method == http::Method::HEAD { "GET" } else { asked.method.as_str() };
        let host = asked.url.host_str().unwrap_or_default();
        let host = host.strip_suffix('.').unwrap_or(host);
        let path = asked.url.path();
        method == self.method
            && match self.host {
                Any => true,
                On(name) => host == name,
                Below(end) => host.ends_with(end),
            }
            && match self.path {
                Path::Any => true,
                Path::Is(whole) => path == whole,
                Path::StartsWith(start) => path.starts_with(start),
                Path::EndsWith(end) => path.ends_with(end),
            }
            && header(&asked.headers, USER_AGENT.as_str()).starts_with(self.agent)
            // An audit that somebody asked for decides by its answer whether the step fails.
            && (self.id != "npm-audit" || header(&asked.headers, "npm-command") != "audit")
    }

    /// The answer to a request with this key.
    pub(super) fn answer(&self, key: Key) -> (Exchange, Bytes) {
        let media_type = (!self.media_type.is_empty()).then(|| self.media_type.to_owned());
        let head = Head { status: self.status, media_type, ..Head::default() };
        let body = Bytes::from_static(self.body.as_bytes());
        let content = Content { digest: Digest::of(&body), size: body.len() as u64 };
        (Exchange { key, head, content }, body)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, Method};

    fn rule_of(method: &str, url: &str, headers: &[(&str, &str)]) -> Option<(&'static str, When)> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let asked = Asked { method, url: url.parse().unwrap(), headers, body: Bytes::new() };
        [Always, Unlocked].into_iter().find_map(|when| Some((Rule::of(&asked, when)?.id, when)))
    }

    #[test]
    fn noise_is_told_from_what_looks_like_it() {
        let bulk = "https://npm.example/mirror/-/npm/v1/security/advisories/bulk";
        let npm = ("user-agent", "npm/11.0.0 node/v24");
        for (method, url, headers, expected) in [
            ("POST", bulk, &[npm, ("npm-command", "install")][..], Some(("npm-audit", Always))),
            ("POST", bulk, &[npm, ("npm-command", "audit")], None),
            ("POST", bulk, &[("user-agent", "pnpm/10")], None),
            ("GET", bulk, &[npm], None),
            ("GET", "https://npm.example/npm", &[npm], Some(("npm-update-check", Unlocked))),
            ("GET", "https://npm.example/npm", &[("user-agent", "curl/8")], None),
            ("GET", "https://npm.example/not-npm", &[npm], None),
            (
                "GET",
                "https://py.example/simple/pip/",
                &[("user-agent", "pip/26.3")],
                Some(("pip-update-check", Unlocked)),
            ),
            ("GET", "http://motd.ubuntu.com/", &[], Some(("motd", Always))),
            (
                "HEAD",
                "http://connectivity-check.ubuntu.com./",
                &[],
                Some(("connectivity-check", Always)),
            ),
            ("GET", "http://connectivity-check.ubuntu.com.example/", &[], None),
            (
                "POST",
                "https://x.applicationinsights.azure.com/v2/track",
                &[],
                Some(("dotnet-telemetry", Always)),
            ),
            ("GET", "http://deb.example/debian/dists/bookworm/InRelease", &[], None),
        ] {
            assert_eq!(rule_of(method, url, headers), expected, "{method} {url}");
        }
    }

    #[test]
    fn rules_are_well_formed() {
        for rule in RULES {
            assert!(rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            assert!(matches!(rule.status, 200..=299 | 404));
            assert!(rule.status != 204 || (rule.body.is_empty() && rule.media_type.is_empty()));
            if rule.media_type == JSON {
                serde_json::from_str::<serde_json::Value>(rule.body).unwrap();
            }
            let is_narrow = !matches!((rule.host, rule.path), (Any, Path::Any));
            assert!(is_narrow, "{}", rule.id);
        }
    }
}
