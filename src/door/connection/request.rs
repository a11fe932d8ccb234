//! What a request asks for.

use super::wanted::Wanted;
use bytes::Bytes;
use http::header::{HOST, UPGRADE};
use http::request::Parts;
use http::uri::Authority;
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use url::Url;

/// A body is kept in memory, as its digest is part of what identifies the request. Clients that build
/// send little: queries, lists of what they have.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// The whole URL of a request: RFC 9112, section 3.3. `scheme` is that of the connection.
pub(super) fn url(scheme: &str, wanted: &Wanted, request: &Parts) -> Result<Url, &'static str> {
    let uri = &request.uri;
    let scheme = uri.scheme_str().unwrap_or(scheme);
    if !matches!(scheme, "http" | "https") {
        return Err("only http and https can be recorded");
    }
    let place = match uri.authority() {
        Some(authority) => plain(authority)?.to_string(),
        None => named(request)?
            .map(|authority| with_port(&authority, scheme, wanted))
            .or_else(|| meant(wanted))
            .ok_or("it names no host")?,
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let slash = if path.starts_with('/') { "" } else { "/" };
    if path == "*" {
        return Err("it asks about the server as a whole");
    }
    Url::parse(&format!("{scheme}://{place}{slash}{path}")).map_err(|_| "its host is none")
}

/// The `Host` header. Clients of HTTP/1.0 may leave it out.
fn named(request: &Parts) -> Result<Option<Authority>, &'static str> {
    let mut values = request.headers.get_all(HOST).iter();
    let Some(value) = values.next().filter(|value| !value.is_empty()) else { return Ok(None) };
    if values.next().is_some() {
        return Err("it names more than one host");
    }
    let authority = Authority::try_from(value.as_bytes()).map_err(|_| "its host is none")?;
    plain(&authority)?;
    Ok(Some(authority))
}

/// Without user name and password: RFC 9110, section 4.2.4.
fn plain(authority: &Authority) -> Result<&Authority, &'static str> {
    if authority.as_str().contains('@') { Err("its host has a user name") } else { Ok(authority) }
}

/// A client that leaves the port out of `Host` though it is not the usual one means the server that
/// it is connected to.
fn with_port(authority: &Authority, scheme: &str, wanted: &Wanted) -> String {
    let usual = if scheme == "https" { 443 } else { 80 };
    match wanted.port {
        Some(port) if port != usual && authority.port().is_none() => format!("{authority}:{port}"),
        _ => authority.to_string(),
    }
}

fn meant(wanted: &Wanted) -> Option<String> {
    let host = wanted.host.as_ref()?;
    Some(wanted.port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}")))
}

/// Whether the client asks for web sockets. Other upgrades may be ignored, and those who offer them go
/// on in HTTP/1.1: RFC 9110, section 7.8. Java's client offers h2c with each first request.
pub(super) fn wants_web_socket(request: &Parts) -> bool {
    request
        .headers
        .get_all(UPGRADE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyProblem {
    TooLarge,
    /// The client left, or broke the protocol.
    Broken,
}

/// Reads a body to its end.
pub(super) async fn read_body(body: Incoming) -> Result<Bytes, BodyProblem> {
    // Before anything is read, so that a client that waits for `100 Continue` is not told to go on.
    if body.size_hint().lower() > BODY_MAX as u64 {
        return Err(BodyProblem::TooLarge);
    }
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyProblem::TooLarge),
        Err(_) => Err(BodyProblem::Broken),
    }
}

/// A URL as it may stand in messages: without what may be secret.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that cannot have a user name.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}
