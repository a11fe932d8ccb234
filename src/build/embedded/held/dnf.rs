//! dnf: a second repository for each view, that comes before all others and has nothing but the
//! packages that must not move, in the versions that they have.
//! <https://dnf.readthedocs.io/en/latest/conf_ref.html#repo-options>
//!
//! Its name is that of the image's own with [`MARK`] in front, so that what dnf 5 notes of where a
//! package is from can be made what it would be.

use super::{Injected, Kind, pins, require_directory, text};
use crate::build::{BuildError, HeldPackage, HeldStep, HeldView};
use crate::package::Package;
use crate::store::rooted::Root;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where dnf looks for repositories.
const PARTS: &[u8] = b"etc/yum.repos.d";
const FILE: &[u8] = b"etc/yum.repos.d/rlock-held.repo";

/// How the names of the second repositories start.
pub(super) const MARK: &[u8] = b"rlock-held-";

/// Where managers of rpms keep what they have fetched, by the name of the repository.
pub(super) const CACHES: [&[u8]; 3] = [b"var/cache/dnf", b"var/cache/libdnf5", b"var/cache/yum"];

/// Where dnf 5 notes which repository a package is from.
pub(super) const NOTES: [&[u8]; 1] = [b"usr/lib/sysimage/libdnf5/nevras.toml"];

/// What rpm calls the keys that it believes; no repository has them.
const KEYS: &str = "gpg-pubkey";

/// What is injected; nothing where no view is of dnf.
pub(super) fn files(
    image: &Root,
    step: &HeldStep,
    installed: &[Package],
) -> Result<Vec<Injected>, BuildError> {
    let views: Vec<&HeldView> = step.views.iter().filter(|it| it.kind == "rpm").collect();
    let pins = pins(step, "rpm", installed);
    let kept: Vec<String> = pins.iter().filter(|pin| pin.name != KEYS).map(nevra).collect();
    // An empty list of packages would mean all of them.
    if views.is_empty() || kept.is_empty() {
        return Ok(Vec::new());
    }
    require_directory(image, PARTS)?;
    let mut sections = Vec::new();
    for name in image.list(PARTS).unwrap_or_default() {
        if name.ends_with(b".repo") {
            let path = [PARTS, b"/", &name].concat();
            sections.extend(parse(&text(image, &path)?.unwrap_or_default()));
        }
    }
    let mut content = String::new();
    for (number, view) in views.iter().enumerate() {
        content.push_str(&for_view(view, number, &sections, &kept));
    }
    let (path, content) = (FILE.to_vec(), content.into_bytes());
    Ok(vec![Injected { path, content, kind: Kind::Own }])
}

/// `NAME-EPOCH:VERSION-RELEASE.ARCHITECTURE`
fn nevra(pin: &HeldPackage) -> String {
    let HeldPackage { name, architecture, version, .. } = pin;
    if architecture.is_empty() {
        format!("{name}-{version}")
    } else {
        format!("{name}-{version}.{architecture}")
    }
}

/// A repository of the image.
#[derive(Debug, Default)]
struct Section {
    id: String,
    options: BTreeMap<String, String>,
}

/// Sections, options, and what continues an option on further lines.
fn parse(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut last = String::new();
    for line in text.lines() {
        if line.starts_with(['#', ';']) || line.trim().is_empty() {
            continue;
        }
        if let Some(id) = line.strip_prefix('[').and_then(|line| line.trim_end().strip_suffix(']'))
        {
            sections.push(Section { id: id.to_owned(), options: BTreeMap::new() });
            last.clear();
        }
        let Some(section) = sections.last_mut() else { continue };
        if line.starts_with([' ', '\t']) {
            if let Some(value) = section.options.get_mut(&last) {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once('=') {
            name.trim().clone_into(&mut last);
            section.options.insert(last.clone(), value.trim().to_owned());
        }
    }
    sections
}

impl Section {
    fn words(&self, option: &str) -> impl Iterator<Item = &str> {
        let value = self.options.get(option).map_or("", String::as_str);
        value.split([' ', ',', '\t']).filter(|word| !word.is_empty())
    }

    /// Whether it is of this archive; variables in a URL stand for a part of a path.
    fn is_of(&self, archive: &str) -> bool {
        self.words("baseurl").any(|url| {
            let wanted: Vec<&str> = archive.trim_end_matches('/').split('/').collect();
            let parts: Vec<&str> = url.trim_end_matches('/').split('/').collect();
            let fits = |(part, wanted): (&&str, &&str)| part == wanted || part.contains('$');
            parts.len() == wanted.len() && parts.iter().zip(&wanted).all(fits)
        })
    }

    fn checks_signatures(&self) -> Option<bool> {
        let value = self.options.get("gpgcheck")?;
        Some(["1", "yes", "true", "on"].contains(&&*value.to_ascii_lowercase()))
    }
}

/// The view as a repository, with the keys of the image's own; where that is found through a list of
/// mirrors, with those of all.
fn for_view(view: &HeldView, number: usize, sections: &[Section], kept: &[String]) -> String {
    let own = sections.iter().find(|section| section.is_of(&view.archive));
    let id = own.map_or_else(|| number.to_string(), |section| section.id.clone());
    let of: Vec<&Section> = own.map_or_else(|| sections.iter().collect(), |own| vec![own]);
    let checks: BTreeSet<bool> = of.iter().filter_map(|it| it.checks_signatures()).collect();
    let keys: BTreeSet<&str> = of.iter().flat_map(|section| section.words("gpgkey")).collect();
    let mark = String::from_utf8_lossy(MARK);
    let mut text = format!(
        "[{mark}{id}]\nname={mark}{id}\nbaseurl={}\nenabled=1\npriority=1\nincludepkgs={}\n",
        view.view,
        kept.join("\n  ")
    );
    // Writing into a `String` cannot fail.
    if let Some(checks) = checks.last() {
        let _infallible = writeln!(text, "gpgcheck={}", u8::from(*checks));
    }
    let metadata = own.and_then(|own| own.options.get("repo_gpgcheck"));
    if let Some(value) = metadata {
        let _infallible = writeln!(text, "repo_gpgcheck={value}");
    }
    if !keys.is_empty() {
        let keys = keys.into_iter().collect::<Vec<_>>().join("\n  ");
        let _infallible = writeln!(text, "gpgkey={keys}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPO: &str = "# of all\n[main]\nname=Main\nbaseurl=http://r.example/$releasever/$basearch/\n\
                        gpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///a\n  file:///b\n\n[other]\nmetalink=http://m.example\n\
                        gpgcheck=0\ngpgkey=file:///c\n";

    fn view(archive: &str) -> HeldView {
        HeldView {
            kind: "rpm",
            archive: archive.to_owned(),
            suite: String::new(),
            view: "http://v.example/".to_owned(),
        }
    }

    #[test]
    fn a_view_has_the_keys_of_its_repository() {
        let (sections, kept) =
            (parse(REPO), ["a-1-1.noarch".to_owned(), "b-2-1.x86_64".to_owned()]);
        let head = |id: &str| {
            format!(
                "[rlock-held-{id}]\nname=rlock-held-{id}\nbaseurl=http://v.example/\nenabled=1\n\
                 priority=1\nincludepkgs=a-1-1.noarch\n  b-2-1.x86_64\ngpgcheck=1\n"
            )
        };
        assert_eq!(
            for_view(&view("http://r.example/9/x86_64/"), 0, &sections, &kept),
            head("main") + "repo_gpgcheck=1\ngpgkey=file:///a\n  file:///b\n\n"
        );
        // Found through a list of mirrors: any of the keys may be its own.
        assert_eq!(
            for_view(&view("http://mirror.example/9/"), 1, &sections, &kept),
            head("1") + "gpgkey=file:///a\n  file:///b\n  file:///c\n\n"
        );
    }
}
