//! `rlock.toml`: what a project says of its surroundings, beside the Dockerfile. Read strictly, as the
//! lockfile is: what is not known, or could be meant in two ways, is an error with its line.
//!
//! ```toml
//! [store]
//! remote = "registry.example/team/locks"
//! push = "auto"
//!
//! [[mirror]]
//! of = "http://deb.example/debian/"
//! url = "https://mirror.example/debian/"
//!
//! [[archive]]
//! origin = "Debian"
//! label = "Debian-Security"
//! url = "https://snapshot.example/archive/debian-security/{date}/"
//!
//! [[key]]
//! path = "keys/archive.asc"
//!
//! [update]
//! min-age = "3d"                             # versions that were published later are not taken
//! security-min-age = "1d"                    # the same of what repairs something; without it 0
//!
//! [advisories]
//! paths = ["osv/debian.zip"]                 # as `--advisories`, relative to this file
//! lifecycle = "distro-info"                   # ends of life, as `--lifecycle`
//! service = "https://osv.example"            # asked only where `--advisories-service` is given
//!
//! [[advisories.ignore]]
//! id = "CVE-2024-1234"
//! package = "openssl"                        # all packages where it is left out
//! reason = "the parser is not used"
//! expires = 2027-01-31                       # the last day; without it, never
//! ```

mod advisories;
mod changes;
#[cfg(test)]
mod tests;
mod update;

pub(super) use advisories::AdvisorySettings;
pub(super) use changes::{Loosened, line, loosened};
pub(super) use update::UpdateSettings;

use super::failure::Unreadable;
use crate::oci::Reference;
use crate::text::LineIndex;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use url::Url;

/// The name of the file.
pub(super) const FILE_NAME: &str = "rlock.toml";

/// A larger file is none that somebody wrote.
const SIZE_MAX: usize = 1 << 20;

/// What stands for the time in the URL of an archive.
const DATE: &str = "{date}";

/// The settings of a project; those of one without the file are the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Where the content behind the lock is shared.
    pub(super) store: StoreSettings,
    /// Where else what is below a URL can be had.
    pub(super) mirrors: Vec<Mirror>,
    /// Who keeps what package archives once were.
    pub(super) archives: Vec<Archive>,
    /// Files with keys that signed indexes are believed of, relative to this file.
    pub(super) keys: Vec<PathBuf>,
    /// Where advisories are known from.
    pub(super) advisories: AdvisorySettings,
    /// What an update takes.
    pub(super) update: UpdateSettings,
}

/// `[store]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StoreSettings {
    /// A repository of a registry; has neither tag nor digest.
    pub(super) remote: Option<Reference>,
    /// When content goes there.
    pub(super) push: PushPolicy,
}

/// When commands that build push by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PushPolicy {
    /// Only `rlock store push` does.
    #[default]
    Never,
    /// After each build whose lock the remote does not have. Who may not push gets a warning.
    Auto,
}

/// `[[mirror]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    /// The prefix of URLs that it stands in for.
    pub(super) of: String,
    /// What replaces the prefix.
    pub(super) url: String,
}

/// `[[archive]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    /// The `Origin` of the archive's signed index.
    pub(super) origin: String,
    /// Its `Label`; none for any.
    pub(super) label: Option<String>,
    /// Its root, with `{date}` for the time.
    pub(super) url: String,
}

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: line {line}: {message}", path.display())]
pub(super) struct InSettings {
    path: PathBuf,
    line: usize,
    message: String,
}

impl Settings {
    /// Reads the file beside the Dockerfile, if there is one.
    pub(super) fn beside(dockerfile: &Path) -> anyhow::Result<Self> {
        let path = dockerfile.with_file_name(FILE_NAME);
        let text = match super::project::read_at_most(&path, SIZE_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Unreadable { what: "settings", path, source }.into()),
        };
        Ok(Self::parse(&text, path)?)
    }

    /// Reads the text of a file, which messages call `path`.
    pub(super) fn parse(text: &[u8], path: PathBuf) -> Result<Self, InSettings> {
        parse(text).map_err(|(line, message)| InSettings { path, line, message })
    }
}

type Text = Spanned<String>;

/// The line that is at fault, and what is wrong.
type Fault = (usize, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    store: WireStore,
    #[serde(default)]
    mirror: Vec<Spanned<WireMirror>>,
    #[serde(default)]
    archive: Vec<Spanned<WireArchive>>,
    #[serde(default)]
    key: Vec<WireKey>,
    #[serde(default)]
    advisories: advisories::Wire,
    #[serde(default)]
    update: update::Wire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKey {
    path: Text,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireStore {
    remote: Option<Text>,
    push: Option<PushPolicy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireMirror {
    of: Text,
    url: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireArchive {
    origin: Text,
    label: Option<Text>,
    url: Text,
}

fn parse(bytes: &[u8]) -> Result<Settings, Fault> {
    let lines = LineIndex::new(bytes);
    if bytes.len() > SIZE_MAX {
        return Err((1, format!("the file has more than {SIZE_MAX} bytes, which are not read")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| (lines.line(error.valid_up_to()), "the file is not UTF-8".to_owned()))?;
    let at = |span: Range<usize>, message: String| (lines.line(span.start), message);
    let wire: Wire = toml::from_str(text).map_err(|error| {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        at(error.span().unwrap_or_default(), message)
    })?;
    let mut seen = BTreeSet::new();
    let mut once = |span: Range<usize>, key: (String, String)| {
        let message = format!("`{}` for `{}` is here a second time", key.1, key.0);
        if seen.insert(key) { Ok(()) } else { Err(at(span, message)) }
    };
    let text = |key: &str, wire: Text, read: fn(&str) -> Result<String, String>| {
        let value = read(wire.get_ref());
        value.map_err(|problem| at(wire.span(), format!("`{key}`: {problem}")))
    };
    let mut settings = Settings::default();
    settings.store.push = wire.store.push.unwrap_or_default();
    if let Some(remote) = wire.store.remote {
        let span = remote.span();
        let read = repository(remote.get_ref());
        settings.store.remote =
            Some(read.map_err(|problem| at(span, format!("`remote`: {problem}")))?);
    }
    for wire in wire.mirror {
        let (span, wire) = (wire.span(), wire.into_inner());
        let mirror =
            Mirror { of: text("of", wire.of, prefix)?, url: text("url", wire.url, prefix)? };
        once(span, (mirror.of.clone(), mirror.url.clone()))?;
        settings.mirrors.push(mirror);
    }
    for wire in wire.archive {
        let (span, wire) = (wire.span(), wire.into_inner());
        let archive = Archive {
            origin: text("origin", wire.origin, word)?,
            label: wire.label.map(|label| text("label", label, word)).transpose()?,
            url: text("url", wire.url, template)?,
        };
        let label = archive.label.clone().unwrap_or_default();
        once(span, (format!("{} {label}", archive.origin), archive.url.clone()))?;
        settings.archives.push(archive);
    }
    for wire in wire.key {
        let span = wire.path.span();
        let path = text("path", wire.path, inside)?;
        once(span, (path.clone(), "key".to_owned()))?;
        settings.keys.push(path.into());
    }
    settings.advisories = wire.advisories.read(&at, &mut once)?;
    settings.update = wire.update.read(&at)?;
    Ok(settings)
}

/// A repository: a reference without tag and digest.
fn repository(text: &str) -> Result<Reference, String> {
    let reference: Reference =
        text.parse().map_err(|error: crate::oci::ReferenceError| error.to_string())?;
    let last = text.rsplit('/').next().unwrap_or(text);
    if reference.digest.is_some() || last.contains(':') {
        return Err(format!("`{}` has a tag or digest: name the repository alone", shown(text)));
    }
    // A name without a host is one of Docker Hub's, where nobody shares content by accident.
    if !text.contains('/') || !text.starts_with(&reference.domain) {
        return Err(format!("`{}` has no host: write it as HOST/NAME", shown(text)));
    }
    Ok(reference)
}

/// A URL whose prefix is compared: in the one form that a URL has, and without secrets.
fn prefix(text: &str) -> Result<String, String> {
    let url = usable(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{}` has a query or fragment", shown(text)));
    }
    if !text.ends_with('/') {
        return Err(format!(
            "`{}` must end in `/`, so that it ends a part of the path",
            shown(text)
        ));
    }
    Ok(url.into())
}

fn template(text: &str) -> Result<String, String> {
    if text.matches(DATE).count() != 1 {
        return Err(format!("`{}` must have `{DATE}` once, for the time", shown(text)));
    }
    if !text.ends_with('/') {
        return Err(format!(
            "`{}` must end in `/`, so that it ends a part of the path",
            shown(text)
        ));
    }
    usable(&text.replace(DATE, "20260101T000000Z"))?;
    Ok(text.to_owned())
}

fn usable(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("`{}` is no URL: {error}", shown(text)))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{}` is neither an http nor an https URL", shown(text)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user or password, which do not belong in this file".to_owned());
    }
    Ok(url)
}

/// A path below the folder of the file.
fn inside(text: &str) -> Result<String, String> {
    let is_plain = |part| matches!(part, std::path::Component::Normal(_));
    let path = word(text)?;
    if Path::new(&path).components().all(is_plain) {
        return Ok(path);
    }
    Err(format!("`{}` is not a path below the folder of this file", shown(text)))
}

fn word(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text == text.trim() && !text.contains(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(format!("`{}` is not a name", shown(text))) }
}

/// Keeps what steers terminals out of messages.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(120).collect()
}
