//! Which keys count for which archive: what apt's sources in the locked images say. Sources that a
//! step makes are not known without building; nothing is bound then, and a note says so.

use super::layers::InImage;
use crate::door::{real_host, with_host};
use crate::index::apt::{self, Form, SignedBy};
use crate::index::openpgp::Keyring;
use crate::index::proof::{Binding, Counting};
use crate::lock::Lockfile;
use std::collections::BTreeSet;
use url::Url;

/// Symbolic links that are followed to a file of keys.
const LINKS_MAX: usize = 8;

/// Whether apt reads sources from a file.
pub(super) fn is_source(path: &[u8]) -> bool {
    let Some(name) = path.strip_prefix(b"etc/apt/sources.list") else { return false };
    let below = name.strip_prefix(b".d/").is_some_and(|name| {
        !name.contains(&b'/') && (name.ends_with(b".list") || name.ends_with(b".sources"))
    });
    name.is_empty() || below
}

/// What the sources of images bind, by the names of the images. The keys of rlock.toml are the
/// project's own word, and count for every archive.
pub(super) fn bindings(images: &[(String, InImage)], settings: &Keyring) -> Vec<Binding> {
    let mut bindings = Vec::new();
    for (image, files) in images {
        for (path, text) in files.contents.iter().filter(|(path, _)| is_source(path)) {
            let path = String::from_utf8_lossy(path);
            for source in apt::apt_sources(&path, text) {
                let keys = match counting(&source.signed_by, files, settings) {
                    Ok(keys) => Counting::These(keys),
                    Err(reason) => Counting::NotKnown(reason),
                };
                let place = format!("{path} of {image}");
                let binding = |base| Binding { base, keys: keys.clone(), place: place.clone() };
                bindings.extend(source.bases.into_iter().map(binding));
            }
        }
    }
    bindings
}

/// The keys that count; why they are not known, else.
fn counting(signed_by: &SignedBy, image: &InImage, settings: &Keyring) -> Result<Keyring, String> {
    let mut keys = settings.clone();
    match signed_by {
        SignedBy::Nobody => {
            return Err("its source says `trusted=yes`: apt looks at no signature".to_owned());
        }
        SignedBy::Trusted => keys.extend(trusted(image)?),
        SignedBy::Embedded(key) => add(&mut keys, "its source", key)?,
        SignedBy::Named { files, fingerprints } => {
            for path in files {
                let content = image.file(path.as_bytes()).ok_or_else(|| {
                    format!("`/{path}`, which its source names, is not among the image's keys")
                })?;
                add(&mut keys, path, content)?;
            }
            if !fingerprints.is_empty() {
                keys.extend(trusted(image)?.only(fingerprints));
            }
        }
    }
    Ok(keys)
}

/// What counts where a source names no keys.
fn trusted(image: &InImage) -> Result<Keyring, String> {
    let mut keys = Keyring::default();
    let is_trusted =
        |path: &[u8]| path == b"etc/apt/trusted.gpg" || path.starts_with(b"etc/apt/trusted.gpg.d/");
    let names = image.contents.keys().chain(image.links.keys());
    for path in names.filter(|path| is_trusted(path)) {
        let name = String::from_utf8_lossy(path);
        let content = image.file(path).ok_or_else(|| format!("`/{name}` leads nowhere"))?;
        add(&mut keys, &name, content)?;
    }
    Ok(keys)
}

pub(super) fn add(keys: &mut Keyring, place: &str, content: &[u8]) -> Result<(), String> {
    keys.add(place, content).map_err(|error| format!("the keys in {place} cannot be read: {error}"))
}

impl InImage {
    /// The content of a file, links followed.
    pub(super) fn file(&self, path: &[u8]) -> Option<&[u8]> {
        let mut path = path.to_vec();
        for _ in 0..LINKS_MAX {
            if let Some(content) = self.contents.get(&path) {
                return Some(content);
            }
            path = target(&path, self.links.get(&path)?)?;
        }
        None
    }
}

/// Where a link leads, without a slash at the start; none where that is above the root.
fn target(path: &[u8], link: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    parts.pop();
    if link.starts_with(b"/") {
        parts.clear();
    }
    for part in link.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join(&b'/'))
}

/// The same place at the archive itself, where this is one of a view that an update holds.
pub(super) fn at_real(base: String) -> String {
    let host = Url::parse(&base).ok().and_then(|url| url.host_str().map(str::to_owned));
    let real = host.as_deref().and_then(real_host).and_then(|real| with_host(&base, real));
    real.unwrap_or(base)
}

/// A note about each archive of the lock that no image names.
pub(super) fn notes(lock: &Lockfile, bindings: &[Binding]) -> Vec<String> {
    let places = lock.fetches.iter().filter_map(|fetch| apt::release_place(&fetch.url));
    let places = places.filter(|place| place.form != Form::Signature && !place.suite.is_empty());
    // A view has the keys of the archive itself.
    let bases: BTreeSet<String> = places.map(|place| at_real(place.base())).collect();
    let is_free = |base: &&String| !bindings.iter().any(|binding| binding.base == **base);
    let note = |base: &String| {
        format!(
            "{base} is not bound: no file of sources in a base image names it, so every key that \
             is believed counts for it"
        )
    };
    bases.iter().filter(is_free).map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(std::path::Path::new("fixtures/index/keys").join(name)).unwrap()
    }

    fn image(sources: &str) -> (String, InImage) {
        let mut files = InImage::default();
        let mut add = |path: &str, content: Vec<u8>| {
            files.contents.insert(path.as_bytes().to_vec(), content);
        };
        add("etc/apt/sources.list", sources.as_bytes().to_vec());
        add("etc/apt/trusted.gpg.d/a.asc", fixture("ed25519.asc"));
        add("usr/share/keyrings/b.asc", fixture("rsa.asc"));
        let link = b"../keyrings/b.asc".to_vec();
        files.links.insert(b"usr/share/keyrings/link.asc".to_vec(), link);
        ("debian".to_owned(), files)
    }

    /// How many keys count, or why that is not known.
    fn bound(options: &str, settings: &Keyring) -> Result<Keyring, String> {
        let line = format!("deb {options} http://deb.example/debian bookworm main\n");
        let mut bindings = bindings(&[image(&line)], settings);
        assert_eq!(bindings.len(), 1);
        let binding = bindings.remove(0);
        assert_eq!(binding.base, "http://deb.example/debian/dists/bookworm/");
        assert_eq!(binding.place, "etc/apt/sources.list of debian");
        match binding.keys {
            Counting::These(keys) => Ok(keys),
            Counting::NotKnown(reason) => Err(reason),
        }
    }

    #[test]
    fn sources_decide_which_keys_count() {
        let ring = |name: &str| {
            let mut ring = Keyring::default();
            ring.add("x", &fixture(name)).unwrap();
            ring.ids()
        };
        let none = Keyring::default();
        let ids = |options: &str| bound(options, &none).unwrap().ids();
        assert_eq!(ids(""), ring("ed25519.asc"));
        assert_eq!(ids("[signed-by=/usr/share/keyrings/b.asc]"), ring("rsa.asc"));
        assert_eq!(ids("[signed-by=/usr/share/keyrings/link.asc]"), ring("rsa.asc"));
        let id = ring("ed25519.asc").first().unwrap().to_string();
        assert_eq!(ids(&format!("[signed-by=00{id}]")), ring("ed25519.asc"));
        assert!(ids("[signed-by=0123456789ABCDEF]").is_empty());
        let missing = bound("[signed-by=/opt/x.gpg]", &none).unwrap_err();
        assert!(missing.contains("`/opt/x.gpg`"), "{missing}");
        assert!(bound("[trusted=yes]", &none).unwrap_err().contains("no signature"));
        // The project's own keys count everywhere.
        let mut own = Keyring::default();
        own.add("rlock.toml", &fixture("p256.asc")).unwrap();
        let found = bound("[signed-by=/usr/share/keyrings/b.asc]", &own).unwrap();
        assert_eq!(found.len(), ring("p256.asc").len() + ring("rsa.asc").len());
    }

    #[test]
    fn links_stay_in_the_image() {
        for (path, link, expected) in [
            ("a/b/c", "d", Some("a/b/d")),
            ("a/b/c", "../d/./e", Some("a/d/e")),
            ("a/b/c", "/x//y", Some("x/y")),
            ("a/c", "../../x", None),
        ] {
            let found = target(path.as_bytes(), link.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{path} {link}");
        }
        let mut files = InImage::default();
        files.links.insert(b"a".to_vec(), b"a".to_vec());
        assert_eq!(files.file(b"a"), None);
    }

    #[test]
    fn files_of_sources() {
        for (path, expected) in [
            ("etc/apt/sources.list", true),
            ("etc/apt/sources.list.d/x.sources", true),
            ("etc/apt/sources.list.d/x.list", true),
            ("etc/apt/sources.list.d/x.save", false),
            ("etc/apt/sources.list.d/x/y.list", false),
            ("etc/apt/sources.list~", false),
        ] {
            assert_eq!(is_source(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn archives_that_no_image_names_are_noted() {
        use crate::lock::LockedFetch;
        use crate::oci::Digest;
        let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
        for path in [
            "debian/dists/bookworm/InRelease",
            "debian/dists/other/Release",
            "debian/dists/third/Release.gpg",
            "flat/InRelease",
            "debian/dists/bookworm/main/binary-amd64/Packages",
        ] {
            let url = format!("http://deb.example/{path}");
            lock.fetches.push(LockedFetch::new(url, Digest::of(b""), 0, "1".into()));
        }
        // What an update holds is of the archive itself.
        let view = "http://deb.example.held-0123abcd/debian/dists/bookworm/InRelease".to_owned();
        lock.fetches.push(LockedFetch::new(view, Digest::of(b""), 0, "1".into()));
        let base = |suite: &str| format!("http://deb.example/debian/dists/{suite}/");
        let heads = |bindings: &[Binding]| -> Vec<String> {
            let notes = notes(&lock, bindings);
            notes.iter().map(|it| it.split(' ').next().unwrap().to_owned()).collect()
        };
        assert_eq!(heads(&[]), [base("bookworm"), base("other")]);
        let keys = Counting::These(Keyring::default());
        let known = Binding { base: base("bookworm"), keys, place: "x".to_owned() };
        assert_eq!(heads(&[known]), [base("other")]);
        assert!(!is_source(b"etc/apt/preferences"));
    }
}
