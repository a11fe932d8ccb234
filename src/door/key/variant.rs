//! Which of several representations a client wants, as far as servers really tell them apart.
//!
//! `Accept` differs between clients that get the same: all that is generic is no variant. What
//! names a format of its own is one.

use http::HeaderMap;
use http::header::ACCEPT;
use url::Url;

/// Longer names of formats are cut.
const NAME_SIZE_MAX: usize = 100;

/// Git's wire protocol: <https://git-scm.com/docs/protocol-v2>.
const GIT_PROTOCOL: &str = "git-protocol";

/// The short form of a package's document in npm's registry.
const NPM_INSTALL: &str = "npm-install";

/// Package files of npm's registry. They have one representation: yarn and pnpm ask for them as for
/// documents, npm itself does not.
const NPM_FILE: &str = ".tgz";

/// The variant, if the request chooses one.
pub(super) fn of(url: &Url, headers: &HeaderMap) -> Option<String> {
    if let Some(version) = headers.get(GIT_PROTOCOL).and_then(|value| value.to_str().ok()) {
        let version = version.split(':').find_map(|part| part.trim().strip_prefix("version="))?;
        let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
        return (is_number && version.len() < 4).then(|| format!("git-{version}"));
    }
    let accepts: Vec<&str> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accepts = accepts.join(",").to_ascii_lowercase();
    let variant = of_image(&accepts).or_else(|| of_media_type(best(&accepts)?));
    variant.filter(|variant| variant != NPM_INSTALL || !url.path().ends_with(NPM_FILE))
}

/// Clients of container registries name all that they know, each in an order of its own; what
/// matters is whether an index is among it:
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>.
fn of_image(accepts: &str) -> Option<String> {
    let knows = |types: &[&str]| types.iter().any(|media_type| accepts.contains(media_type));
    if knows(&["vnd.oci.image.index.", "vnd.docker.distribution.manifest.list."]) {
        return Some("image-index".to_owned());
    }
    knows(&["vnd.oci.image.manifest.", "vnd.docker.distribution.manifest."])
        .then(|| "image-manifest".to_owned())
}

/// What is liked most, the first of several, except what stands for any type:
/// <https://www.rfc-editor.org/rfc/rfc9110#field.accept>.
fn best(accepts: &str) -> Option<&str> {
    let mut best: Option<(&str, u16)> = None;
    for range in accepts.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, thousandths);
        let is_better = best.is_none_or(|(_, there)| quality > there);
        if media_type.contains('/') && media_type != "*/*" && quality > 0 && is_better {
            best = Some((media_type, quality));
        }
    }
    best.map(|(media_type, _)| media_type)
}

/// `0`, `0.5`, `1.000`; what is no quality counts as none given.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse()) {
        ("0", Ok(thousandths)) => thousandths,
        _ => 1000,
    }
}

fn of_media_type(media_type: &str) -> Option<String> {
    match media_type {
        // The indexes of Python and npm, each beside an older form under the same URL:
        // https://peps.python.org/pep-0691/
        "application/vnd.pypi.simple.v1+json" | "application/vnd.pypi.simple.latest+json" => {
            Some("pypi-json".to_owned())
        }
        "application/vnd.npm.install-v1+json" => Some(NPM_INSTALL.to_owned()),
        "application/json" => Some("json".to_owned()),
        // An asset of a release, and not its description.
        "application/octet-stream" => Some("octet-stream".to_owned()),
        _ => {
            let (_, subtype) = media_type.split_once('/')?;
            // HTML of the same index; and vendors' own formats, which are asked for on purpose.
            let is_own = subtype.starts_with("vnd.") && !subtype.starts_with("vnd.pypi.simple.");
            let is_name =
                subtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte));
            (is_own && is_name).then(|| subtype.chars().take(NAME_SIZE_MAX).collect())
        }
    }
}
