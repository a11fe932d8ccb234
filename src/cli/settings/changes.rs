//! What one `rlock.toml` would let pass, believe or ask that another does not. What only asks for more
//! (a key that is gone, an ignore that ends sooner) is no such thing.

use super::{AdvisorySettings, PushPolicy, Settings, StoreSettings, UpdateSettings};
use crate::advisory::Ignore;
use crate::update::age_words;
use std::fmt::Display;
use std::path::PathBuf;

/// One such thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Loosened {
    /// `[[key]] keys/archive.asc`.
    pub(in crate::cli) subject: String,
    /// Lower case, a few words.
    pub(in crate::cli) detail: String,
    /// What the line has that says it; empty where there is none.
    pub(in crate::cli) written: String,
}

/// All of it, in the order of the file. A new section has to be looked at here.
pub(in crate::cli) fn loosened(old: &Settings, new: &Settings) -> Vec<Loosened> {
    let mut found = Vec::new();
    let Settings { store, mirrors, archives, keys, advisories, update } = new;
    of_store(&old.store, store, &mut found);
    for mirror in mirrors.iter().filter(|it| !old.mirrors.contains(it)) {
        let subject = format!("[[mirror]] {}", mirror.of);
        found.push(change(subject, format!("may come from {}", mirror.url), &mirror.url));
    }
    for archive in archives.iter().filter(|it| !old.archives.contains(it)) {
        let subject = format!("[[archive]] {}", archive.origin);
        found.push(change(
            subject,
            format!("earlier states come from {}", archive.url),
            &archive.url,
        ));
    }
    for key in keys.iter().filter(|it| !old.keys.contains(it)) {
        let name = key.display().to_string();
        found.push(change(format!("[[key]] {name}"), "its signatures count", &name));
    }
    of_advisories(&old.advisories, advisories, &mut found);
    of_update(&old.update, update, &mut found);
    found
}

fn change(subject: impl Into<String>, detail: impl Display, written: &str) -> Loosened {
    let (subject, written) = (subject.into(), written.to_owned());
    Loosened { subject, detail: detail.to_string(), written }
}

fn of_store(old: &StoreSettings, new: &StoreSettings, found: &mut Vec<Loosened>) {
    if let Some(remote) = new.remote.as_ref().filter(|remote| old.remote.as_ref() != Some(remote)) {
        let name = remote.name();
        found.push(change("[store] remote", format!("content comes from {name}"), "remote"));
    }
    if (old.push, new.push) == (PushPolicy::Never, PushPolicy::Auto) {
        found.push(change("[store] push", "what is built is pushed", "push"));
    }
}

fn of_advisories(old: &AdvisorySettings, new: &AdvisorySettings, found: &mut Vec<Loosened>) {
    for path in new.paths.iter().filter(|it| !old.paths.contains(it)) {
        let name = path.display().to_string();
        let detail = "new data, which may also say what is not affected";
        found.push(change(format!("[advisories] {name}"), detail, &name));
    }
    for path in old.paths.iter().filter(|it| !new.paths.contains(it)) {
        let subject = format!("[advisories] {}", path.display());
        found.push(change(subject, "no longer looked into", ""));
    }
    if old.service != new.service {
        let name =
            |it: &Option<url::Url>| it.as_ref().map_or("none".to_owned(), url::Url::to_string);
        let detail = format!("{} → {}", name(&old.service), name(&new.service));
        found.push(change("[advisories] service", detail, "service"));
    }
    if old.lifecycle != new.lifecycle {
        let name = |it: &Option<PathBuf>| {
            it.as_ref().map_or("what is built in".to_owned(), |path| path.display().to_string())
        };
        let detail = format!("{} → {}", name(&old.lifecycle), name(&new.lifecycle));
        found.push(change("[advisories] lifecycle", detail, "lifecycle"));
    }
    for ignore in &new.ignores {
        if let Some(detail) = ignored(old, ignore) {
            let package = ignore.package.as_deref().unwrap_or("all packages");
            let subject = format!("[[advisories.ignore]] {} of {package}", ignore.id);
            found.push(change(subject, detail, &ignore.id));
        }
    }
}

/// A shorter wait. How long a version must be out at all is what the update asks; no review does.
fn of_update(old: &UpdateSettings, new: &UpdateSettings, found: &mut Vec<Loosened>) {
    let ages = [
        ("min-age", old.min_age, new.min_age),
        ("security-min-age", old.security_min_age, new.security_min_age),
    ];
    for (key, old, new) in ages {
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        if new < old {
            let detail = format!("{} → {}", age_words(old), age_words(new));
            found.push(change(format!("[update] {key}"), detail, key));
        }
    }
}

/// What is new of an ignore; none where it lets no more pass than before.
fn ignored(old: &AdvisorySettings, ignore: &Ignore) -> Option<String> {
    let is_it = |it: &&Ignore| (&it.id, &it.package) == (&ignore.id, &ignore.package);
    let day = |it: &Ignore| it.expires.map_or("for ever".to_owned(), |day| format!("to {day}"));
    let reason = &ignore.reason;
    let Some(before) = old.ignores.iter().find(is_it) else {
        return Some(format!("is passed over {}: {reason}", day(ignore)));
    };
    let is_longer = match (before.expires, ignore.expires) {
        (Some(before), Some(now)) => now > before,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if is_longer {
        return Some(format!("{} → {}: {reason}", day(before), day(ignore)));
    }
    (before.reason != *reason).then(|| format!("another reason: {reason}"))
}

/// The line, from 1, that has it; the first where none has.
pub(in crate::cli) fn line(text: &[u8], written: &str) -> usize {
    let has = |line: &[u8]| {
        let line = line.trim_ascii_start();
        !line.starts_with(b"#") && bstr::ByteSlice::find(line, written.as_bytes()).is_some()
    };
    let place = text.split(|byte| *byte == b'\n').position(has);
    place.map_or(1, |place| place + 1)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const OLD: &str = r#"
[store]
remote = "registry.example/team/locks"
[[mirror]]
of = "http://deb.example/debian/"
url = "https://mirror.example/debian/"
[[key]]
path = "keys/a.asc"
[advisories]
paths = ["osv.zip"]
service = "https://osv.example"
[[advisories.ignore]]
id = "CVE-2024-1"
package = "openssl"
reason = "not used"
expires = 2027-01-31
"#;

    fn found(from: &str, to: &str) -> Vec<String> {
        let new = OLD.replace(from, to);
        assert!(from.is_empty() || new != OLD, "{from}");
        let (old, new) = (parse(OLD.as_bytes()).unwrap(), parse(new.as_bytes()).unwrap());
        let found = loosened(&old, &new);
        found.into_iter().map(|it| format!("{}: {}", it.subject, it.detail)).collect()
    }

    #[test]
    fn what_lets_more_pass_is_told() {
        let ignore = "[[advisories.ignore]]\nid = \"CVE-2024-1\"";
        let second = "[[advisories.ignore]]\nid = \"CVE-2\"\nreason = \"x\"\n";
        let archive = "[[archive]]\norigin = \"D\"\nurl = \"https://s.example/{date}/\"\n[[key]]";
        for (from, to, expected) in [
            (
                "remote = \"registry.example",
                "remote = \"evil.example",
                "[store] remote: content comes from evil.example/team/locks",
            ),
            ("[store]\n", "[store]\npush = \"auto\"\n", "[store] push: what is built is pushed"),
            (
                "//mirror.",
                "//evil.",
                "[[mirror]] http://deb.example/debian/: may come from https://evil.example/debian/",
            ),
            (
                "[[key]]",
                archive,
                "[[archive]] D: earlier states come from https://s.example/{date}/",
            ),
            ("keys/a", "keys/b", "[[key]] keys/b.asc: its signatures count"),
            (
                "\"osv.zip\"",
                "\"osv.zip\", \"vex.json\"",
                "[advisories] vex.json: new data, which may also say what is not affected",
            ),
            ("\"osv.zip\"", "", "[advisories] osv.zip: no longer looked into"),
            (
                "//osv.",
                "//evil.",
                "[advisories] service: https://osv.example/ → https://evil.example/",
            ),
            (
                "service = \"https://osv.example\"\n",
                "",
                "[advisories] service: https://osv.example/ → none",
            ),
            (
                ignore,
                &format!("{second}{ignore}"),
                "[[advisories.ignore]] CVE-2 of all packages: is passed over for ever: x",
            ),
            (
                "2027-01-31",
                "2027-02-01",
                "[[advisories.ignore]] CVE-2024-1 of openssl: to 2027-01-31 → to 2027-02-01: not used",
            ),
            (
                "expires = 2027-01-31\n",
                "",
                "[[advisories.ignore]] CVE-2024-1 of openssl: to 2027-01-31 → for ever: not used",
            ),
            (
                "not used",
                "used",
                "[[advisories.ignore]] CVE-2024-1 of openssl: another reason: used",
            ),
            // For all packages, and not for one alone.
            (
                "package = \"openssl\"\n",
                "",
                "[[advisories.ignore]] CVE-2024-1 of all packages: is passed over to 2027-01-31: not used",
            ),
        ] {
            assert_eq!(found(from, to), [expected], "{to}");
        }
    }

    #[test]
    fn what_lets_less_pass_is_not() {
        for (from, to) in [
            ("", ""),
            ("2027-01-31", "2026-12-31"),
            ("[[key]]\npath = \"keys/a.asc\"\n", ""),
            (
                "[[mirror]]\nof = \"http://deb.example/debian/\"\nurl = \"https://mirror.example/debian/\"\n",
                "",
            ),
            ("[store]\nremote = \"registry.example/team/locks\"\n", "[store]\n"),
        ] {
            assert_eq!(found(from, to), Vec::<String>::new(), "{from}");
        }
        let none = Settings::default();
        assert_eq!(loosened(&none, &none), []);
    }

    #[test]
    fn lines() {
        let text = b"# CVE-1\n\nid = \"CVE-1\"\n";
        assert_eq!((line(text, "CVE-1"), line(text, "CVE-2"), line(text, "")), (3, 1, 2));
    }
}
