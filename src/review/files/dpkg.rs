//! What dpkg does on purpose with what packages bring: its notes of them, files that it puts
//! elsewhere, rights that it was told to give, paths that it leaves out.

use super::Side;
use super::brought::Brought;
use crate::oci::Digest;
use crate::package::{Contents, ItemKind};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

const INFO: &[u8] = b"var/lib/dpkg/info/";

/// <https://manpages.debian.org/bookworm/dpkg/dpkg-divert.1.en.html>
const DIVERSIONS: &[u8] = b"var/lib/dpkg/diversions";

/// <https://manpages.debian.org/bookworm/dpkg/dpkg-statoverride.1.en.html>
const OVERRIDES: &[u8] = b"var/lib/dpkg/statoverride";

/// <https://manpages.debian.org/bookworm/dpkg/dpkg.cfg.5.en.html>
const CONFIGURATION: &[u8] = b"etc/dpkg/dpkg.cfg";
const CONFIGURATIONS: &[u8] = b"etc/dpkg/dpkg.cfg.d";

/// Where files are that packages have moved out of the way.
#[derive(Debug, Default)]
pub(super) struct Diversions(BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)>);

impl Diversions {
    /// Three lines each: the path, where it goes, whose path it is then (`:` nobody's).
    pub(super) fn of(side: &Side<'_>) -> io::Result<Self> {
        let text = (side.read)(DIVERSIONS)?.unwrap_or_default();
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let mut found = BTreeMap::new();
        for lines in lines.chunks(3) {
            if let [path, elsewhere, owner] = *lines {
                let bare = |path: &[u8]| path.strip_prefix(b"/").unwrap_or(path).to_vec();
                found.insert(bare(path), (bare(elsewhere), owner.to_vec()));
            }
        }
        Ok(Self(found))
    }

    /// Where a path of a package goes, if that is elsewhere.
    fn of_path<'a>(&'a self, path: &[u8], package: &str) -> Option<&'a [u8]> {
        let (elsewhere, owner) = self.0.get(path)?;
        (owner != package.as_bytes()).then_some(elsewhere)
    }

    /// The same, of what a package brings.
    pub(super) fn elsewhere<'a>(&'a self, path: &[u8], package: &Brought) -> Option<&'a [u8]> {
        if package.kind == "deb" { self.of_path(path, &package.name) } else { None }
    }
}

/// Rights that dpkg gives instead of those that packages ask for, by path.
#[derive(Debug, Default)]
pub(super) struct Overrides(BTreeMap<Vec<u8>, Override>);

/// User and group, by name or as `#NUMBER`, and mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Override {
    pub(super) user: Vec<u8>,
    pub(super) group: Vec<u8>,
    pub(super) mode: u32,
}

impl Overrides {
    /// A line each: `root messagebus 4754 /usr/lib/x`.
    pub(super) fn of(side: &Side<'_>) -> io::Result<Self> {
        let text = (side.read)(OVERRIDES)?.unwrap_or_default();
        let mut found = BTreeMap::new();
        for line in text.split(|byte| *byte == b'\n') {
            let words: Vec<&[u8]> = line.splitn(4, |byte| *byte == b' ').collect();
            let [user, group, mode, path] = *words else { continue };
            let mode = std::str::from_utf8(mode).ok();
            let Some(mode) = mode.and_then(|mode| u32::from_str_radix(mode, 8).ok()) else {
                continue;
            };
            let path = path.strip_prefix(b"/").unwrap_or(path);
            let one = Override { user: user.to_vec(), group: group.to_vec(), mode };
            found.insert((side.resolve)(path), one);
        }
        Ok(Self(found))
    }

    pub(super) fn at(&self, path: &[u8]) -> Option<&Override> {
        self.0.get(path)
    }
}

/// Paths that dpkg leaves out (`path-exclude`), the last pattern that fits decides.
#[derive(Debug, Default)]
pub(super) struct Exclusions(Vec<(bool, Vec<u8>)>);

impl Exclusions {
    pub(super) fn of(side: &Side<'_>) -> io::Result<Self> {
        let mut files = vec![CONFIGURATION.to_vec()];
        let mut names = (side.list)(CONFIGURATIONS)?;
        names.sort();
        files.extend(names.iter().map(|name| [CONFIGURATIONS, b"/", &**name].concat()));
        let mut patterns = Vec::new();
        for file in files {
            let text = (side.read)(&file)?.unwrap_or_default();
            for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
                let out = line.strip_prefix(b"path-exclude").map(|rest| (true, rest));
                let kept = line.strip_prefix(b"path-include").map(|rest| (false, rest));
                let Some((is_out, rest)) = out.or(kept) else { continue };
                let pattern = rest.trim_ascii_start();
                let pattern = pattern.strip_prefix(b"=").unwrap_or(pattern).trim_ascii_start();
                let pattern = pattern.strip_prefix(b"/").unwrap_or(pattern);
                patterns.push((is_out, pattern.to_vec()));
            }
        }
        Ok(Self(patterns))
    }

    pub(super) fn has(&self, path: &[u8]) -> bool {
        let fits = |(_, pattern): &&(bool, Vec<u8>)| super::derived::matches(pattern, path);
        self.0.iter().rev().find(fits).is_some_and(|(is_out, _)| *is_out)
    }
}

/// The package and the suffix of a file of dpkg's notes: `libssl3:amd64.list`.
pub(super) fn note(path: &[u8]) -> Option<(&str, &str)> {
    let name = std::str::from_utf8(path.strip_prefix(INFO)?).ok()?;
    let (package, suffix) = name.rsplit_once('.')?;
    let package = package.split(':').next().unwrap_or(package);
    (!package.contains('/') && !suffix.contains('/')).then_some((package, suffix))
}

/// Whether a note is what dpkg writes of a package with these contents; else what is wrong with it.
pub(super) fn is_note_of(
    suffix: &str,
    text: &[u8],
    contents: &Contents,
    is_kept: &dyn Fn(&[u8]) -> bool,
) -> Result<(), String> {
    match contents.control.get(suffix.as_bytes()) {
        Some(digest) if *digest == Digest::of(text) => Ok(()),
        Some(_) => Err("its content is not that of the package's file".to_owned()),
        None if suffix == "list" => is_list_of(text, contents, is_kept),
        None if suffix == "md5sums" => is_checksums_of(text, contents),
        None => Err("the package's file has nothing of that name".to_owned()),
    }
}

/// A line a path, the root as `/.`. Configuration that an earlier version had, and that is still
/// there, stays in the list.
fn is_list_of(
    text: &[u8],
    contents: &Contents,
    is_kept: &dyn Fn(&[u8]) -> bool,
) -> Result<(), String> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let listed: BTreeSet<&[u8]> = lines
        .map(|line| line.strip_prefix(b"/").unwrap_or(line))
        .filter(|path| !matches!(*path, b"" | b"."))
        .collect();
    let brought: BTreeSet<&[u8]> =
        contents.items.keys().map(Vec::as_slice).filter(|path| !path.is_empty()).collect();
    if let Some(more) = listed.difference(&brought).find(|path| !is_kept(path)) {
        let more = more.escape_ascii();
        return Err(format!("it lists `/{more}`, which the package's file does not bring"));
    }
    match brought.difference(&listed).next() {
        Some(less) => Err(format!("it does not list `/{}`", less.escape_ascii())),
        None => Ok(()),
    }
}

/// dpkg makes them for packages that have none: `MD5  PATH`. The sums are not computed anew: nothing
/// is believed for their sake.
fn is_checksums_of(text: &[u8], contents: &Contents) -> Result<(), String> {
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let (sum, path) = line.split_at_checked(34).unwrap_or_default();
        let is_sum = sum.ends_with(b"  ")
            && sum.iter().take(32).all(u8::is_ascii_hexdigit)
            && sum.len() == 34;
        let is_file =
            contents.items.get(path).is_some_and(|it| matches!(it.kind, ItemKind::File { .. }));
        if !is_sum || !is_file {
            return Err("it has a line that is no checksum of a file of the package".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{Item, PackageFile, Role};

    fn contents(paths: &[&str]) -> Contents {
        let kind = ItemKind::File { digest: Digest::of(b""), size: 0 };
        let item =
            Item { kind, mode: None, owner: None, role: Role::Plain, has_capabilities: false };
        let items = paths.iter().map(|path| (path.as_bytes().to_vec(), item.clone()));
        Contents {
            package: PackageFile {
                kind: "deb",
                name: "a".into(),
                architecture: "all".into(),
                version: "1".into(),
                source: None,
            },
            items: items.collect(),
            control: [(b"postinst".to_vec(), Digest::of(b"true\n"))].into(),
            is_source: false,
        }
    }

    #[test]
    fn notes_are_what_the_package_says() {
        let contents = contents(&["", "bin/a", "etc/b"]);
        let sum = "d41d8cd98f00b204e9800998ecf8427e";
        for (suffix, text, expected) in [
            ("list", "/.\n/bin/a\n/etc/b\n", true),
            ("list", "/.\n/bin/a\n/etc/b\n/etc/old\n", true),
            ("list", "/.\n/bin/a\n/etc/b\n/bin/payload\n", false),
            ("list", "/.\n/bin/a\n", false),
            ("postinst", "true\n", true),
            ("postinst", "false\n", false),
            ("prerm", "true\n", false),
            ("payload", "x", false),
            ("md5sums", &format!("{sum}  bin/a\n"), true),
            ("md5sums", &format!("{sum}  bin/payload\n"), false),
            ("md5sums", "anything\n", false),
        ] {
            let kept = |path: &[u8]| path == b"etc/old";
            let found = is_note_of(suffix, text.as_bytes(), &contents, &kept);
            assert_eq!(found.is_ok(), expected, "{suffix}: {text:?}: {found:?}");
        }
    }

    #[test]
    fn notes_are_known_by_their_names() {
        for (path, expected) in [
            ("var/lib/dpkg/info/a.list", Some(("a", "list"))),
            ("var/lib/dpkg/info/libc6:amd64.postinst", Some(("libc6", "postinst"))),
            ("var/lib/dpkg/info/python3.11.md5sums", Some(("python3.11", "md5sums"))),
            ("var/lib/dpkg/info/format", None),
            ("var/lib/dpkg/info/a/b.list", None),
            ("var/lib/dpkg/status", None),
        ] {
            assert_eq!(note(path.as_bytes()), expected, "{path}");
        }
    }
}
