//! Which keys count for which repository of rpm packages: what the `.repo` files in the locked images
//! say, and the lists of mirrors that these name, as the lock has them. apk is not asked: it believes
//! each of its keys for every repository.

use super::bound::{add, at_real};
use super::layers::InImage;
use crate::index::openpgp::Keyring;
use crate::index::proof::{Binding, Counting};
use crate::index::rpm::{self, RpmRepository, Variables};
use crate::lock::Lockfile;
use crate::oci::Digest;
use std::collections::BTreeSet;

/// What the Store has of a digest.
type Bodies<'a> = dyn Fn(&Digest) -> Option<Vec<u8>> + 'a;

/// Whether dnf or zypper reads repositories from a file.
pub(super) fn is_source(path: &[u8]) -> bool {
    let places: [&[u8]; 2] = [b"etc/yum.repos.d/", b"etc/zypp/repos.d/"];
    let name = places.iter().find_map(|place| path.strip_prefix(*place));
    name.is_some_and(|name| !name.contains(&b'/') && name.ends_with(b".repo"))
}

/// A section of a file of an image.
struct Section<'a> {
    repository: RpmRepository,
    files: &'a InImage,
    /// `etc/yum.repos.d/x.repo of almalinux:9`.
    place: String,
}

fn sections(images: &[(String, InImage)]) -> Vec<Section<'_>> {
    let mut sections = Vec::new();
    for (image, files) in images {
        for (path, text) in files.contents.iter().filter(|(path, _)| is_source(path)) {
            let place = format!("{} of {image}", String::from_utf8_lossy(path));
            let section = |repository| Section { repository, files, place: place.clone() };
            sections.extend(rpm::rpm_repositories(text).into_iter().map(section));
        }
    }
    sections
}

/// What the sections of images bind, by the names of the images, for the repositories of a lock. The
/// keys of rlock.toml are the project's own word, and count for every repository.
pub(super) fn bindings(
    images: &[(String, InImage)],
    (lock, bodies): (&Lockfile, &Bodies<'_>),
    settings: &Keyring,
    notes: &mut Vec<String>,
) -> Vec<Binding> {
    let sections = sections(images);
    let lists = Lists::of(&sections, lock, bodies);
    let mut bindings = Vec::new();
    for root in roots(lock) {
        let mut is_named = false;
        for (at, section) in sections.iter().enumerate() {
            let fits = |base: &String| rpm::fits(base, &root);
            let named = section.repository.bases.iter().find_map(fits);
            let Some(variables) = named.or_else(|| lists.naming(at, &root)) else { continue };
            is_named = true;
            let binding = |keys| Binding { base: root.clone(), keys, place: section.place.clone() };
            bindings.extend(section.counting(&variables, settings).into_iter().map(binding));
            if section.repository.is_unchecked {
                notes.push(section.unchecked(&root));
            }
        }
        let by_list = sections.iter().find(|section| !section.repository.lists.is_empty());
        if let (false, Some(Section { place, .. })) = (is_named, by_list) {
            let reason =
                format!("{place} names lists of mirrors, and none that the lock has names it");
            notes.push(format!("{root} is not bound: {reason}: every key that is believed counts"));
            let keys = Counting::NotKnown(reason);
            bindings.push(Binding { base: root, keys, place: place.clone() });
        } else if !is_named {
            notes.push(format!(
                "{root} is not bound: no file of repositories in a base image names it, so every \
                 key that is believed counts for it"
            ));
        }
    }
    bindings
}

/// The lists of mirrors that sections name, as far as the lock has them.
struct Lists {
    /// The section, the values of its variables, and the roots of the mirrors.
    found: Vec<(usize, Variables, Vec<String>)>,
}

impl Lists {
    fn of(sections: &[Section<'_>], lock: &Lockfile, bodies: &Bodies<'_>) -> Self {
        let mut found = Vec::new();
        for (at, section) in sections.iter().enumerate() {
            for list in &section.repository.lists {
                for fetch in &lock.fetches {
                    let is_answer = fetch.status.is_none_or(|status| status == 200);
                    let fits = rpm::fits(list, &fetch.url).filter(|_| is_answer);
                    let Some(variables) = fits else { continue };
                    let Some(text) = bodies(&fetch.sha256) else { continue };
                    found.push((at, variables, rpm::mirror_roots(&text)));
                }
            }
        }
        Self { found }
    }

    /// The values of the variables of a section one of whose lists names a root.
    fn naming(&self, section: usize, root: &str) -> Option<Variables> {
        let is_it = |(at, _, roots): &&(usize, Variables, Vec<String>)| {
            *at == section && roots.iter().any(|mirror| mirror == root)
        };
        self.found.iter().find(is_it).map(|(_, variables, _)| variables.clone())
    }
}

/// Roots of the lock's repositories; that of a view is the root of the repository itself.
fn roots(lock: &Lockfile) -> BTreeSet<String> {
    let roots = lock.fetches.iter().filter_map(|fetch| rpm::repository_root(&fetch.url));
    roots.map(|root| at_real(root.to_owned())).collect()
}

impl Section<'_> {
    /// The keys that count; besides, why others that count are not known.
    fn counting(&self, variables: &Variables, settings: &Keyring) -> Vec<Counting> {
        let mut keys = settings.clone();
        let mut unknown = Vec::new();
        if self.repository.keys.is_empty() {
            unknown.push("its section names no key (`gpgkey=`)".to_owned());
        }
        for url in &self.repository.keys {
            if let Err(reason) = self.add(&mut keys, url, variables) {
                unknown.push(reason);
            }
        }
        let unknown = unknown.into_iter().map(Counting::NotKnown);
        std::iter::once(Counting::These(keys)).chain(unknown).collect()
    }

    fn add(&self, keys: &mut Keyring, url: &str, variables: &Variables) -> Result<(), String> {
        let path = url.strip_prefix("file:///").ok_or_else(|| {
            format!(
                "its section says `gpgkey={url}`, and only keys in files of the image are known"
            )
        })?;
        let path = rpm::expand(path, variables).ok_or_else(|| {
            format!("its section says `gpgkey={url}`, whose variables are not known")
        })?;
        let content = self.files.file(path.as_bytes()).ok_or_else(|| {
            format!("`/{path}`, which its section names, is not among the image's keys")
        })?;
        add(keys, &path, content)
    }

    fn unchecked(&self, root: &str) -> String {
        let (place, id) = (&self.place, &self.repository.id);
        format!(
            "{place} says `gpgcheck=0` of `{id}`, and not `repo_gpgcheck=1`: dnf checks no signature \
             of {root}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LockedFetch;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(std::path::Path::new("fixtures/index/keys").join(name)).unwrap()
    }

    fn image(section: &str) -> (String, InImage) {
        let mut files = InImage::default();
        let mut add = |path: &str, content: Vec<u8>| {
            files.contents.insert(path.as_bytes().to_vec(), content);
        };
        add("etc/yum.repos.d/it.repo", format!("[it]\n{section}").into_bytes());
        add("etc/pki/rpm-gpg/a-9", fixture("ed25519.asc"));
        add("etc/pki/rpm-gpg/b", fixture("rsa.asc"));
        files.links.insert(b"etc/pki/rpm-gpg/link".to_vec(), b"b".to_vec());
        ("el".to_owned(), files)
    }

    /// How many keys count, why others are not known, and notes.
    fn bound(section: &str, host: &str) -> (Option<usize>, Vec<String>, Vec<String>) {
        let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
        let url = format!("http://{host}/9/x86_64/repodata/repomd.xml");
        lock.fetches.push(LockedFetch::new(url, Digest::of(b""), 0, "1".into()));
        let list =
            b"<metalink><url>http://rpm.example/9/x86_64/repodata/repomd.xml</url></metalink>";
        let url = "https://lists.example/metalink?repo=base-9&arch=x86_64".to_owned();
        lock.fetches.push(LockedFetch::new(url, Digest::of(list), 0, "1".into()));
        let bodies = |digest: &Digest| (*digest == Digest::of(list)).then(|| list.to_vec());
        let (mut count, mut unknown, mut notes) = (None, Vec::new(), Vec::new());
        for binding in
            bindings(&[image(section)], (&lock, &bodies), &Keyring::default(), &mut notes)
        {
            assert_eq!(binding.base, "http://rpm.example/9/x86_64/");
            assert_eq!(binding.place, "etc/yum.repos.d/it.repo of el");
            match binding.keys {
                Counting::These(keys) => count = Some(keys.len()),
                Counting::NotKnown(reason) => unknown.push(reason),
            }
        }
        (count, unknown, notes)
    }

    #[test]
    fn sections_decide_which_keys_count() {
        let size = |name: &str| {
            let mut ring = Keyring::default();
            ring.add("x", &fixture(name)).unwrap();
            ring.len()
        };
        let base = "baseurl=http://rpm.example/$releasever/$basearch\n";
        let found = |rest: &str| bound(&format!("{base}{rest}"), "rpm.example");
        let one = found("gpgkey=file:///etc/pki/rpm-gpg/a-$releasever\n");
        assert_eq!(one, (Some(size("ed25519.asc")), vec![], vec![]));
        let two = found("gpgkey=file:///etc/pki/rpm-gpg/a-9 file:///etc/pki/rpm-gpg/link\n");
        assert_eq!(two, (Some(size("ed25519.asc") + size("rsa.asc")), vec![], vec![]));
        for (keys, expected) in [
            ("", "names no key"),
            ("gpgkey=https://rpm.example/key\n", "only keys in files"),
            ("gpgkey=file:///etc/pki/rpm-gpg/$other\n", "variables are not known"),
            ("gpgkey=file:///opt/key\n", "`/opt/key`"),
        ] {
            let (count, unknown, _) = found(keys);
            assert_eq!(count, Some(0), "{keys}");
            assert!(unknown.len() == 1 && unknown[0].contains(expected), "{unknown:?}");
        }
        let (_, _, notes) = found("gpgcheck=0\n");
        assert!(notes.len() == 1 && notes[0].contains("dnf checks no signature"), "{notes:?}");
        assert!(found("gpgcheck=0\nrepo_gpgcheck=1\n").2.is_empty());
    }

    #[test]
    fn repositories_of_lists_and_of_nobody_are_not_bound() {
        let (count, unknown, notes) = bound("metalink=http://x.example/m\n", "rpm.example");
        assert_eq!(count, None);
        assert!(unknown[0].contains("lists of mirrors") && notes.len() == 1, "{notes:?}");
        let (count, unknown, notes) = bound("baseurl=http://other.example/\n", "rpm.example");
        assert_eq!((count, unknown.len()), (None, 0));
        assert!(notes[0].contains("no file of repositories"), "{notes:?}");
        // The view that an update holds is of the repository itself.
        let held = crate::door::held_host("rpm.example", &Digest::of(b"x"));
        let section = "baseurl=http://rpm.example/9/x86_64/\ngpgkey=file:///etc/pki/rpm-gpg/b\n";
        assert!(bound(section, &held).0.is_some());
    }

    #[test]
    fn lists_of_mirrors_that_the_lock_has_bind_what_they_name() {
        let list = "metalink=https://lists.example/metalink?repo=base-$releasever&arch=$basearch\n";
        let size = |name: &str| {
            let mut ring = Keyring::default();
            ring.add("x", &fixture(name)).unwrap();
            ring.len()
        };
        let section = format!("{list}gpgkey=file:///etc/pki/rpm-gpg/a-$releasever\n");
        assert_eq!(bound(&section, "rpm.example"), (Some(size("ed25519.asc")), vec![], vec![]));
        // A list of something else, and one that the lock does not have.
        for other in [list.replace("base-", "extra-"), list.replace("lists.", "others.")] {
            let (count, unknown, _) = bound(&other, "rpm.example");
            assert_eq!(count, None);
            assert!(unknown[0].contains("none that the lock has names it"), "{unknown:?}");
        }
    }

    #[test]
    fn files_of_repositories() {
        for (path, expected) in [
            ("etc/yum.repos.d/x.repo", true),
            ("etc/yum.repos.d/x.repo.rpmsave", false),
            ("etc/yum.repos.d/x/y.repo", false),
            ("etc/yum.repos.d", false),
            ("etc/zypp/repos.d/x.repo", true),
            ("etc/zypp/x.repo", false),
        ] {
            assert_eq!(is_source(path.as_bytes()), expected, "{path}");
        }
    }
}
