//! A lockfile as the Store's commands see it: its bytes, which name its artifact, and its values.

use crate::cli::args::LockPlaceArguments;
use crate::cli::failure::{InLockfile, StaleLock, Unreadable};
use crate::cli::project::read_at_most;
use crate::lock::{self, Lockfile};
use crate::oci::{Digest, Platform};
use crate::report::LockState;
use std::io;
use std::path::{Path, PathBuf};

/// Digits of the lock's digest that are in its tag: what nobody can find twice.
const TAG_DIGITS: usize = 32;

/// Where a lock is, or would be.
#[derive(Debug, Clone)]
pub(super) struct LockPlace {
    pub(super) dockerfile: PathBuf,
    pub(super) path: PathBuf,
}

impl LockPlace {
    pub(super) fn of(directory: &Path, arguments: &LockPlaceArguments) -> Self {
        let dockerfile = arguments.file.clone().unwrap_or_else(|| match directory.to_str() {
            Some(".") => PathBuf::from("Dockerfile"),
            _ => directory.join("Dockerfile"),
        });
        let host = Platform::host();
        let platform = arguments.platform.clone().unwrap_or_else(|| host.clone());
        let path = Lockfile::file_name(&dockerfile, &platform, &host);
        Self { dockerfile, path }
    }

    /// The lock there, if there is one.
    pub(super) fn read(&self) -> anyhow::Result<Option<LockText>> {
        LockText::read(&self.path)
    }

    /// The lock there.
    pub(super) fn require(&self) -> anyhow::Result<LockText> {
        Ok(self.read()?.ok_or_else(|| StaleLock {
            path: self.path.clone(),
            dockerfile: self.dockerfile.clone(),
            state: LockState::Missing,
        })?)
    }
}

/// A lockfile with the bytes that it has: everybody who has checked it out has the same.
#[derive(Debug, Clone)]
pub(super) struct LockText {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) lock: Lockfile,
}

impl LockText {
    /// Reads a lockfile; nothing where there is none.
    pub(super) fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let path = path.to_owned();
        let bytes = match read_at_most(&path, lock::SIZE_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Unreadable { what: "lockfile", path, source }.into()),
        };
        match Lockfile::parse(&bytes) {
            Ok(lock) => Ok(Some(Self { path, bytes, lock })),
            Err(error) => Err(InLockfile { path, error }.into()),
        }
    }

    /// Reads a lockfile that a user named, or the one in a directory that they named.
    pub(super) fn named(path: &Path) -> anyhow::Result<Self> {
        let path = if path.is_dir() { path.join("Dockerfile.lock") } else { path.to_owned() };
        let missing = || Unreadable {
            what: "lockfile",
            path: path.clone(),
            source: io::ErrorKind::NotFound.into(),
        };
        Ok(Self::read(&path)?.ok_or_else(missing)?)
    }

    /// The tag of its artifact in every repository.
    pub(super) fn tag(&self) -> String {
        let digits: String = Digest::of(&self.bytes).hex().chars().take(TAG_DIGITS).collect();
        format!("lock-{digits}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_follows_the_bytes() {
        let text = "version = 1\nplatform = \"linux/amd64\"\nepoch = 0\ncanonical = 1\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile.lock");
        std::fs::write(&path, text).unwrap();
        let lock = LockText::named(folder.path()).unwrap();
        let tag = lock.tag();
        assert!(tag.starts_with("lock-") && tag.len() == 37, "{tag}");
        assert_eq!(LockText::named(&path).unwrap().tag(), tag);
        std::fs::write(&path, format!("# by hand\n{text}")).unwrap();
        assert_ne!(LockText::named(&path).unwrap().tag(), tag);
        assert!(LockText::named(&folder.path().join("none")).is_err());
        assert!(LockText::read(&folder.path().join("none")).unwrap().is_none());
    }
}
