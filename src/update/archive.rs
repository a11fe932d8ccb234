//! The apt archives of a lock: each suite's signed index, and the indexes below it that were fetched.

use crate::door::real_host;
use crate::index::apt::{Form, Release, release_place};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Digest;
use std::collections::BTreeSet;
use url::Url;

/// One suite of an archive, as a lock has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedArchive {
    /// URL of its signed index.
    pub url: String,
    /// URL of the archive; ends in a slash.
    pub root: String,
    /// What the names in its signed index are relative to; ends in a slash.
    pub base: String,
    /// As sources of apt name it: `bookworm`.
    pub suite: String,
    /// Digest of the signed index.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The steps that asked for it.
    pub steps: BTreeSet<String>,
    /// Whether this is an earlier state, under a name of its own.
    pub is_held: bool,
}

/// An index of packages, below a signed one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexFile {
    /// As the signed index names it: `main/binary-amd64/Packages.xz`.
    pub name: String,
    /// What it must give.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where it was fetched.
    pub url: String,
}

/// Every archive that a step has asked for the signed index of, by URL.
pub fn locked_archives(lock: &Lockfile) -> Vec<LockedArchive> {
    let mut archives: Vec<LockedArchive> = Vec::new();
    let mut fetches: Vec<&LockedFetch> =
        lock.fetches.iter().filter(|fetch| is_answer(fetch)).collect();
    fetches.sort_by(|left, right| left.url.cmp(&right.url));
    for fetch in fetches {
        let Some(place) = release_place(&fetch.url) else { continue };
        if place.form == Form::Signature {
            continue;
        }
        let base = place.base();
        // Where a suite has both, `InRelease` is what apt reads.
        if let Some(known) = archives.iter_mut().find(|known| known.base == base) {
            known.steps.insert(fetch.step.clone());
            continue;
        }
        let host = Url::parse(&fetch.url).ok();
        let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
        archives.push(LockedArchive {
            url: fetch.url.clone(),
            suite: place.suite.strip_prefix("dists/").unwrap_or(&place.suite).to_owned(),
            root: place.root,
            base,
            digest: fetch.sha256,
            size: fetch.size,
            steps: BTreeSet::from([fetch.step.clone()]),
            is_held: real_host(host).is_some(),
        });
    }
    archives
}

fn is_answer(fetch: &LockedFetch) -> bool {
    fetch.status.is_none() && fetch.method.is_none() && fetch.location.is_none()
}

impl LockedArchive {
    /// Whether a URL is one of its indexes, and no package.
    pub fn has(&self, url: &str) -> bool {
        if self.suite.is_empty() {
            // A flat archive has its packages beside its indexes.
            let rest = url.strip_prefix(&self.base);
            return rest.is_some_and(|rest| {
                let name = rest.rsplit('/').next().unwrap_or(rest);
                rest.starts_with("by-hash/")
                    || ["InRelease", "Release", "Packages", "Sources", "Translation", "Contents"]
                        .iter()
                        .any(|start| name.starts_with(start))
            });
        }
        url.starts_with(&self.base)
    }

    /// The lists of packages that were fetched, as the signed index has them.
    pub fn indexes(&self, lock: &Lockfile, release: &Release) -> Vec<IndexFile> {
        let mut found = BTreeSet::new();
        for fetch in lock.fetches.iter().filter(|fetch| is_answer(fetch)) {
            let Some(path) = fetch.url.strip_prefix(&self.base) else { continue };
            let Some((name, digest, size)) = release.file(path, &fetch.sha256) else { continue };
            let file = name.rsplit('/').next().unwrap_or(name);
            if file == "Packages" || file.starts_with("Packages.") {
                let (name, url) = (name.to_owned(), fetch.url.clone());
                found.insert(IndexFile { name, digest, size, url });
            }
        }
        found.into_iter().collect()
    }
}

impl IndexFile {
    /// The same file in another state of the suite; none where that has none of the name.
    pub fn in_release(&self, release: &Release, base: &str) -> Option<Self> {
        let (digest, size) = *release.files.get(&self.name)?;
        let file = self.name.rsplit('/').next().unwrap_or_default();
        let folder = self.name.strip_suffix(file).unwrap_or_default();
        let url = if release.by_hash {
            format!("{base}{folder}by-hash/SHA256/{}", digest.hex())
        } else {
            format!("{base}{}", self.name)
        };
        Some(Self { name: self.name.clone(), digest, size, url })
    }

    /// Where it is without its hash.
    pub fn plain_url(&self, base: &str) -> String {
        format!("{base}{}", self.name)
    }
}

/// The lists of packages of a suite for one architecture, of all its components: where nothing says
/// which of them a client reads, as apt does not fetch an empty one.
pub fn all_indexes(release: &Release, base: &str, architecture: &str) -> Vec<IndexFile> {
    let mut found = Vec::new();
    for name in release.files.keys() {
        let Some(folder) = name.strip_suffix("/Packages") else { continue };
        if !folder.ends_with(&format!("/binary-{architecture}")) {
            continue;
        }
        let forms = ["xz", "gz"].map(|form| format!("{name}.{form}"));
        let name = forms.into_iter().find(|name| release.files.contains_key(name));
        let name = name.unwrap_or_else(|| format!("{folder}/Packages"));
        let file = IndexFile { name, digest: Digest::of(b""), size: 0, url: String::new() };
        found.extend(file.in_release(release, base));
    }
    found
}

/// Whether an archive has nothing but security fixes, by what it says of itself.
pub fn is_security(release: &Release) -> bool {
    let is = |field: &Option<String>| {
        field.as_deref().is_some_and(|text| text.to_ascii_lowercase().ends_with("-security"))
    };
    is(&release.label) || is(&release.suite) || is(&release.codename)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::held_host;

    const BASE: &str = "http://deb.example/debian/dists/stable/";

    fn lock(urls: &[&str]) -> Lockfile {
        let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
        for (at, url) in urls.iter().enumerate() {
            let digest = Digest::of(url.as_bytes());
            lock.fetches.push(LockedFetch::new((*url).to_owned(), digest, 1, at.to_string()));
        }
        lock
    }

    fn release(names: &[&str]) -> Release {
        let line = |name: &&str| format!(" {} 7 {name}\n", Digest::of(name.as_bytes()).hex());
        let files: Vec<String> = names.iter().map(line).collect();
        let text = format!("Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{}", files.concat());
        crate::index::apt::release_detached(text.as_bytes(), None).unwrap().value
    }

    #[test]
    fn archives_are_the_suites_that_steps_asked_for() {
        let held = held_host("deb.example", &Digest::of(b"x"));
        let view = format!("http://{held}/debian/dists/stable/InRelease");
        let mut lock = lock(&[
            "http://deb.example/debian/dists/stable/Release",
            "http://deb.example/debian/dists/stable/InRelease",
            "http://deb.example/debian/dists/stable/Release.gpg",
            "http://deb.example/debian/dists/gone/InRelease",
            "http://deb.example/debian/pool/a.deb",
            "http://flat.example/it/InRelease",
            &view,
        ]);
        lock.fetches[3].status = Some(404);
        let found = locked_archives(&lock);
        let told: Vec<_> = found
            .iter()
            .map(|it| (&*it.root, &*it.base, &*it.suite, it.is_held, it.steps.len()))
            .collect();
        let (root, base) =
            (format!("http://{held}/debian/"), format!("http://{held}/debian/dists/stable/"));
        assert_eq!(
            told,
            [
                (&*root, &*base, "stable", true, 1),
                ("http://deb.example/debian/", BASE, "stable", false, 2),
                ("http://flat.example/it/", "http://flat.example/it/", "", false, 1),
            ]
        );
        // apt reads the one that is signed in itself.
        assert_eq!(found[1].url, "http://deb.example/debian/dists/stable/InRelease");
        assert_eq!(found[1].digest, Digest::of(found[1].url.as_bytes()));
    }

    #[test]
    fn indexes_of_an_archive_are_told_from_its_packages() {
        let lock = lock(&[
            "http://deb.example/debian/dists/stable/InRelease",
            "http://flat.example/InRelease",
        ]);
        let found = locked_archives(&lock);
        for (at, url, expected) in [
            (0, "http://deb.example/debian/dists/stable/main/binary-amd64/Packages.xz", true),
            (0, "http://deb.example/debian/dists/stable-updates/InRelease", false),
            (0, "http://deb.example/debian/pool/a.deb", false),
            (1, "http://flat.example/Packages.gz", true),
            (1, "http://flat.example/by-hash/SHA256/00", true),
            (1, "http://flat.example/Release", true),
            (1, "http://flat.example/tool_1_all.deb", false),
            (1, "http://flat.example/by-hash-tool.deb", false),
            (1, "http://other.example/Packages", false),
        ] {
            assert_eq!(found[at].has(url), expected, "{url}");
        }
    }

    #[test]
    fn lists_of_packages_are_found_in_another_state_of_the_suite() {
        let names = ["main/binary-amd64/Packages.xz", "main/i18n/Translation-en.xz", "Packages.gz"];
        let mut now = release(&names);
        let list = "http://deb.example/debian/dists/stable/main/binary-amd64/Packages.xz";
        let lock = lock(&[
            "http://deb.example/debian/dists/stable/InRelease",
            list,
            "http://deb.example/debian/dists/stable/main/i18n/Translation-en.xz",
            "http://deb.example/debian/dists/stable/main/binary-i386/Packages.xz",
        ]);
        let archive = locked_archives(&lock).remove(0);
        let found = archive.indexes(&lock, &now);
        let [index] = &*found else { panic!("{found:#?}") };
        assert_eq!((&*index.name, &*index.url, index.size), (names[0], list, 7));
        assert_eq!(index.in_release(&now, BASE).unwrap().url, list);
        assert_eq!(index.plain_url(BASE), list);
        assert_eq!(index.in_release(&release(&names[1..]), BASE), None);
        now.by_hash = true;
        let hex = |name: &str| Digest::of(name.as_bytes()).hex();
        let expected = format!("{BASE}main/binary-amd64/by-hash/SHA256/{}", hex(names[0]));
        assert_eq!(index.in_release(&now, BASE).unwrap().url, expected);
        // Of a flat archive the hashes are beside the index.
        let flat = IndexFile { name: names[2].to_owned(), ..index.clone() };
        let expected = format!("http://flat.example/by-hash/SHA256/{}", hex(names[2]));
        assert_eq!(flat.in_release(&now, "http://flat.example/").unwrap().url, expected);
    }

    #[test]
    fn all_lists_of_an_architecture_are_taken_in_their_smallest_form() {
        let release = release(&[
            "main/binary-amd64/Packages",
            "main/binary-amd64/Packages.gz",
            "main/binary-amd64/Packages.xz",
            "contrib/binary-amd64/Packages",
            "contrib/binary-amd64/Packages.gz",
            "other/binary-amd64/Packages",
            "main/binary-i386/Packages",
            "main/debian-installer/binary-amd64x/Packages",
        ]);
        let found = all_indexes(&release, BASE, "amd64");
        let names: Vec<&str> = found.iter().map(|it| &*it.name).collect();
        assert_eq!(
            names,
            [
                "contrib/binary-amd64/Packages.gz",
                "main/binary-amd64/Packages.xz",
                "other/binary-amd64/Packages"
            ]
        );
        assert_eq!(found[1].digest, Digest::of(b"main/binary-amd64/Packages.xz"));
        assert!(all_indexes(&release, BASE, "riscv64").is_empty());
    }

    #[test]
    fn an_archive_of_security_fixes_says_so() {
        let with = |field: &str, value: &str| {
            let text = format!("Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{field}: {value}\n");
            is_security(&crate::index::apt::release_detached(text.as_bytes(), None).unwrap().value)
        };
        for field in ["Label", "Suite", "Codename"] {
            assert!(with(field, "stable-security") && with(field, "Debian-Security"), "{field}");
            assert!(!with(field, "security") && !with(field, "x-security-y"), "{field}");
        }
        assert!(!with("Origin", "x-security"));
    }
}
