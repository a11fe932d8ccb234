//! Parameters of URLs that are no part of what is asked for: credentials, signatures and what
//! goes with them, and values that are there to get past caches.
//!
//! Nothing is dropped that can choose between two answers, so lists are short where a name is
//! not plain: `t`, `v`, `code` and tokens of pages stay.

use super::super::redact::{REDACTED, percent_decoded};
use ::url::Url;

/// Names of credentials, in lower case with `_` for `-`.
const SECRETS: &[&str] = &[
    "access_key",
    "access_key_id",
    "api_key",
    "apikey",
    "app_key",
    "auth",
    "auth_token",
    "authorization",
    "awsaccesskeyid",
    "client_secret",
    "credential",
    "googleaccessid",
    "hdnea",
    "hdntl",
    "hdnts",
    "hmac",
    "jwt",
    "key_pair_id",
    "license_key",
    "licensekey",
    "ossaccesskeyid",
    "pass",
    "passwd",
    "password",
    "pwd",
    "secret",
    "secret_key",
    "security_token",
    "sig",
    "signature",
    "subscription_key",
    "token",
];

/// Names of credentials by their beginning: signed requests of object stores.
const SECRET_PREFIXES: &[&str] = &["x_amz_", "x_goog_", "x_oss_", "x_obs_", "x_cos_", "q_sign_"];

/// Names of credentials by their end.
const SECRET_SUFFIXES: &[&str] =
    &["_token", "accesstoken", "authtoken", "_secret", "_password", "_api_key", "_signature"];

/// Tokens that say which page is wanted, and not by whom.
const PAGE_WORDS: &[&str] = &["page", "next", "continu", "cursor", "sync", "start", "skip"];

/// Names that a signature makes volatile, and that mean something else without one.
const SIGNED_COMPANIONS: &[&str] = &[
    "expires",
    "policy",
    "response_cache_control",
    "response_content_disposition",
    "response_content_type",
    "rscc",
    "rscd",
    "rsce",
    "rscl",
    "rsct",
    "se",
    "sip",
    "ske",
    "skoid",
    "sks",
    "skt",
    "sktid",
    "skv",
    "sp",
    "spr",
    "sr",
    "st",
    "sv",
];

/// Names that a URL has which works for a while only.
const EXPIRIES: &[&str] = &["exp", "expire", "expires", "expires_at", "expiry", "valid_until"];

/// Names whose value is there to get past caches, and for nothing else.
const CACHE_BUSTERS: &[&str] = &[
    "cache_bust",
    "cache_buster",
    "cachebust",
    "cachebuster",
    "no_cache",
    "nocache",
    "rand",
    "random",
];

/// How tokens of well-known services begin; what follows is random.
const TOKEN_PREFIXES: &[&str] =
    &["eyJ", "gAAAAA", "gho_", "ghp_", "ghs_", "ghu_", "github_pat_", "glpat-", "npm_", "pypi-AgE"];

/// Shorter values with such a beginning are words.
const TOKEN_SIZE_MIN: usize = 24;

/// Shorter values of a parameter named `key` choose something.
const KEY_SIZE_MIN: usize = 16;

/// Whether a URL is good for a while, or for somebody, only: a redirect there cannot be recorded.
pub(in super::super) fn is_expiring(url: &Url) -> bool {
    let has_user = !url.username().is_empty() || url.password().is_some();
    has_user
        || url.path_segments().into_iter().flatten().any(|segment| {
            // Tokens of content delivery networks: `/exp=1763000000~acl=*~hmac=…/`.
            is_token(segment) || segment.contains("hmac=")
        })
        || pieces(url.query().unwrap_or_default())
            .any(|piece| is_secret(piece) || EXPIRIES.contains(&&*simple_name(piece)))
}

/// The parameters without those that are no part of what is asked for.
pub(super) fn lasting(parameters: Vec<String>) -> Vec<String> {
    let is_signed = parameters.iter().flat_map(|parameter| pieces(parameter)).any(is_signature);
    let is_lasting = |piece: &&str| {
        let drops = piece.is_empty()
            || is_secret(piece)
            || is_cache_buster(piece)
            || (is_signed && SIGNED_COMPANIONS.contains(&&*simple_name(piece)));
        !drops
    };
    parameters
        .into_iter()
        .map(|parameter| {
            // Mostly one: only old programs separate parameters by semicolons.
            parameter.split(';').filter(is_lasting).collect::<Vec<_>>().join(";")
        })
        .filter(|parameter| !parameter.is_empty())
        .collect()
}

/// A segment of a path, or what stands for it where it is a token.
pub(super) fn without_token(segment: String) -> String {
    if is_token(&segment) { REDACTED.to_owned() } else { segment }
}

fn pieces(query: &str) -> impl Iterator<Item = &str> {
    query.split(['&', ';'])
}

/// The name in lower case, decoded, with `_` for `-`.
fn simple_name(piece: &str) -> String {
    let name = piece.split_once('=').map_or(piece, |(name, _)| name);
    let name = percent_decoded(name).to_ascii_lowercase();
    String::from_utf8_lossy(&name).replace('-', "_")
}

fn value(piece: &str) -> &str {
    piece.split_once('=').map_or("", |(_, value)| value)
}

fn is_secret(piece: &str) -> bool {
    let (name, value) = (simple_name(piece), value(piece));
    if value.is_empty() {
        return false;
    }
    if name == "key" {
        return value.len() >= KEY_SIZE_MIN && !is_fingerprint(value);
    }
    is_token(value)
        || SECRETS.contains(&&*name)
        || SECRET_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (SECRET_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
            && !PAGE_WORDS.iter().any(|word| name.contains(word)))
}

fn is_signature(piece: &str) -> bool {
    let name = simple_name(piece);
    matches!(&*name, "sig" | "signature" | "hmac" | "jwt") || name.ends_with("_signature")
}

/// `key` also names keys that are asked for, by their fingerprint.
fn is_fingerprint(value: &str) -> bool {
    let digits = value.strip_prefix("0x").unwrap_or(value);
    matches!(digits.len(), 16 | 32 | 40 | 64) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_token(value: &str) -> bool {
    let is_random = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
    value.len() >= TOKEN_SIZE_MIN
        && TOKEN_PREFIXES.iter().any(|prefix| value.starts_with(prefix))
        && value.bytes().all(is_random)
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// By name; `_` with a number, as a well-known library writes it; and the bare time, as shell
/// scripts do (`?$(date +%s)`).
fn is_cache_buster(piece: &str) -> bool {
    let (name, value) = (simple_name(piece), value(piece));
    match &*name {
        "_" => is_time(value),
        name => CACHE_BUSTERS.contains(&name) || (!piece.contains('=') && is_time(name)),
    }
}

/// Seconds, or thousandths, millionths, milliardths of seconds since 1970, of our days.
fn is_time(text: &str) -> bool {
    matches!(text.len(), 10 | 13 | 16 | 19)
        && text.starts_with('1')
        && text.bytes().all(|byte| byte.is_ascii_digit())
}
