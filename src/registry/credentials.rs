//! Credentials as `docker login` and `podman login` leave them.
//!
//! Docker: <https://docs.docker.com/reference/cli/docker/login/#credential-stores>; the containers
//! tools: <https://github.com/containers/image/blob/v5.32.2/docs/containers-auth.json.5.md>.

use super::helper::Helpers;
use super::secret::Secret;
use base64::Engine as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The name that Docker stores its hub's credentials under.
const HUB_KEY: &str = "https://index.docker.io/v1/";
const FILE_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// What a registry is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// User and password.
    Password { user: String, secret: Secret },
    /// An OAuth refresh token.
    IdentityToken(Secret),
}

/// The files in which Docker, then Podman, keep credentials, by the values of `DOCKER_CONFIG`,
/// `REGISTRY_AUTH_FILE`, `XDG_RUNTIME_DIR` and `HOME`, in the order in which they are asked.
pub fn credential_files(
    docker_config: Option<&Path>,
    registry_auth_file: Option<&Path>,
    runtime_directory: Option<&Path>,
    home: Option<&Path>,
) -> Vec<PathBuf> {
    let docker = docker_config.map(Path::to_owned).or_else(|| Some(home?.join(".docker")));
    let mut files: Vec<PathBuf> =
        docker.into_iter().map(|folder| folder.join("config.json")).collect();
    files.extend(registry_auth_file.map(Path::to_owned));
    files.extend(runtime_directory.map(|folder| folder.join("containers/auth.json")));
    files.extend(home.map(|folder| folder.join(".config/containers/auth.json")));
    files
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<Secret>,
    username: String,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// The credentials for a repository, from the first file that has some.
pub(super) fn find(
    files: &[PathBuf],
    helpers: &Helpers,
    registry: &str,
    repository: &str,
) -> Result<Option<Credential>, String> {
    for path in files {
        let Some(file) = read(path)? else { continue };
        let problem = |text| format!("{}: {text}", path.display());
        if let Some(found) = file.find(helpers, registry, repository).map_err(problem)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<File>, String> {
    let problem = |text: &dyn std::fmt::Display| format!("{}: {text}", path.display());
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem(&error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_SIZE_MAX + 1).read_to_end(&mut bytes).map_err(|error| problem(&error))?;
    if bytes.len() as u64 > FILE_SIZE_MAX {
        return Err(problem(&format!("longer than {FILE_SIZE_MAX} bytes")));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    // Line and column, and not serde's words, which may quote a password.
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        problem(&format!("line {} column {} is not valid", error.line(), error.column()))
    })
}

impl File {
    /// A helper for this registry is asked alone, else the store is, else the file counts:
    /// <https://github.com/docker/cli/blob/v28.0.0/cli/config/configfile/file.go#L277>.
    fn find(
        &self,
        helpers: &Helpers,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credential>, String> {
        let server = if registry == "docker.io" { HUB_KEY } else { registry };
        let helper = self.cred_helpers.iter().find(|(key, _)| names(key, registry));
        match helper {
            Some((_, helper)) if !helper.is_empty() => return helpers.get(helper, server),
            _ if !self.creds_store.is_empty() => return helpers.get(&self.creds_store, server),
            _ => {}
        }
        self.entry(registry, repository).map_or(Ok(None), Entry::credential)
    }

    /// The most specific entry: `host/a/b`, `host/a`, `host`, then older spellings of the host.
    fn entry(&self, registry: &str, repository: &str) -> Option<&Entry> {
        let mut name = format!("{registry}/{repository}");
        while let Some(slash) = name.rfind('/') {
            if let Some(entry) = self.auths.get(&name) {
                return Some(entry);
            }
            name.truncate(slash);
        }
        let exact = self.auths.get(&name);
        exact.or_else(|| {
            self.auths.iter().find(|(key, _)| names(key, registry)).map(|(_, entry)| entry)
        })
    }
}

/// Whether a key without a repository means this registry: `host`, `https://host/v1/`. A key
/// `host/team` does not: its credentials are the team's.
fn names(key: &str, registry: &str) -> bool {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let host = match bare {
        Some(rest) => rest.split('/').next().unwrap_or(rest),
        None => key,
    };
    if registry == "docker.io" {
        return ["docker.io", "index.docker.io", "registry-1.docker.io"]
            .iter()
            .any(|hub| host.eq_ignore_ascii_case(hub));
    }
    host.eq_ignore_ascii_case(registry)
}

impl Entry {
    fn credential(&self) -> Result<Option<Credential>, String> {
        if let Some(token) = self.identitytoken.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(Credential::IdentityToken(token.clone())));
        }
        if let Some(auth) = self.auth.as_ref().filter(|auth| !auth.is_empty()) {
            return decode(auth)
                .map(Some)
                .ok_or_else(|| "an `auth` entry is not the base64 of USER:PASSWORD".to_owned());
        }
        let password = self.password.as_ref().filter(|password| !password.is_empty());
        Ok(password.map(|secret| Credential::Password {
            user: self.username.clone(),
            secret: secret.clone(),
        }))
    }
}

/// Docker pads passwords with zeros: `decodeAuth` of
/// <https://github.com/docker/cli/blob/v28.0.0/cli/config/configfile/file.go#L254>.
fn decode(auth: &Secret) -> Option<Credential> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(auth.reveal().trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    let secret = Secret::new(password.trim_matches('\0'));
    (!user.is_empty()).then(|| Credential::Password { user: user.to_owned(), secret })
}

#[cfg(test)]
#[path = "tests/credentials.rs"]
mod tests;
