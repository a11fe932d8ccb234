//! Sources of apt, and the same for an earlier state of an archive: a copy of the image's own entry,
//! signatures and components included, with another host.
//! <https://manpages.debian.org/bookworm/apt/sources.list.5.en.html>

use crate::build::HeldView;
use std::fmt::Write as _;
use url::Url;

/// Entries for views, in the form that the image's own have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries {
    /// One-line style.
    pub(super) list: String,
    /// Deb822 style.
    pub(super) sources: String,
    /// The views that there is an entry for.
    pub(super) found: Vec<HeldView>,
}

impl Entries {
    /// Adds what a file in one-line style says of these archives.
    pub(super) fn add_list(&mut self, text: &str, views: &[HeldView]) {
        for line in text.lines() {
            let Some(entry) = Line::parse(line) else { continue };
            for view in views.iter().filter(|view| entry.is_of(view)) {
                self.list.push_str(&entry.for_view(view));
                self.note(view);
            }
        }
    }

    /// Adds what a file in deb822 style says of these archives.
    pub(super) fn add_sources(&mut self, text: &str, views: &[HeldView]) {
        for stanza in stanzas(text) {
            for view in views.iter().filter(|view| stanza.is_of(view)) {
                self.sources.push_str(&stanza.for_view(view));
                self.note(view);
            }
        }
    }

    fn note(&mut self, view: &HeldView) {
        if !self.found.contains(view) {
            self.found.push(view.clone());
        }
    }
}

/// `deb [OPTIONS] URI SUITE [COMPONENT…]`
struct Line<'a> {
    options: Vec<&'a str>,
    uri: &'a str,
    suite: &'a str,
    components: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let line = line.split('#').next().unwrap_or_default().trim();
        let rest = line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t', '[']))?;
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (options, rest) = rest.split_once(']')?;
                (options.split_whitespace().collect(), rest)
            }
            None => (Vec::new(), rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        Some(Self { options, uri, suite, components: words.collect() })
    }

    fn is_of(&self, view: &HeldView) -> bool {
        is_archive(self.uri, view) && is_suite(self.suite, view)
    }

    fn for_view(&self, view: &HeldView) -> String {
        let is_kept = |option: &&str| {
            let name = option.split('=').next().unwrap_or_default();
            !name.eq_ignore_ascii_case("check-valid-until")
        };
        let mut options: Vec<&str> = self.options.iter().copied().filter(is_kept).collect();
        options.push("check-valid-until=no");
        let words = [&[self.suite], &self.components[..]].concat().join(" ");
        format!("deb [{}] {} {words}\n", options.join(" "), view.view)
    }
}

/// A stanza: its fields in order, each with all of its lines.
struct Stanza<'a>(Vec<(&'a str, String)>);

fn stanzas(text: &str) -> Vec<Stanza<'_>> {
    let mut stanzas = vec![Stanza(Vec::new())];
    for line in text.lines() {
        let Some(Stanza(fields)) = stanzas.last_mut() else { break };
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            stanzas.push(Stanza(Vec::new()));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim(), value.trim().to_owned()));
        }
    }
    stanzas.retain(|stanza| !stanza.0.is_empty());
    stanzas
}

impl Stanza<'_> {
    fn field(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    fn has(&self, name: &str, fits: impl Fn(&str) -> bool) -> bool {
        self.field(name).split_whitespace().any(fits)
    }

    fn is_of(&self, view: &HeldView) -> bool {
        let is_off = |word: &str| ["no", "false", "without", "off", "disable"].contains(&word);
        !is_off(&self.field("Enabled").to_ascii_lowercase())
            && self.has("Types", |word| word == "deb")
            && self.has("URIs", |uri| is_archive(uri, view))
            && self.has("Suites", |suite| is_suite(suite, view))
    }

    fn for_view(&self, view: &HeldView) -> String {
        // A client that sees another suite where it named one takes the name that it gave.
        let suites: Vec<&str> =
            self.field("Suites").split_whitespace().filter(|it| is_suite(it, view)).collect();
        let mut text = format!("Types: deb\nURIs: {}\nSuites: {}\n", view.view, suites.join(" "));
        let replaced = ["Types", "URIs", "Suites", "Check-Valid-Until", "Enabled"];
        for (name, value) in &self.0 {
            if !replaced.iter().any(|replaced| replaced.eq_ignore_ascii_case(name)) {
                // Writing into a `String` cannot fail.
                let _infallible = writeln!(text, "{name}: {value}");
            }
        }
        text.push_str("Check-Valid-Until: no\n\n");
        text
    }
}

fn is_archive(uri: &str, view: &HeldView) -> bool {
    let with_slash = |uri: &str| {
        let mut text = Url::parse(uri).ok()?.to_string();
        if !text.ends_with('/') {
            text.push('/');
        }
        Some(text)
    };
    with_slash(uri).is_some_and(|uri| Some(uri) == with_slash(&view.archive))
}

fn is_suite(suite: &str, view: &HeldView) -> bool {
    suite.trim_end_matches('/') == view.suite.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> HeldView {
        HeldView {
            kind: "deb",
            archive: "http://deb.example/debian/".to_owned(),
            suite: "bookworm".to_owned(),
            view: "http://deb.example.held-0123abcd/debian/".to_owned(),
        }
    }

    #[test]
    fn lines_are_copied_with_their_options() {
        let mut entries = Entries::default();
        entries.add_list(
            "# deb http://deb.example/debian bookworm main\n\
             deb http://deb.example/debian bookworm main contrib # of all\n\
             deb [ signed-by=/k.gpg Check-Valid-Until=yes ] http://deb.example/debian/ bookworm main\n\
             deb-src http://deb.example/debian bookworm main\n\
             deb http://deb.example/debian bookworm-updates main\n\
             deb http://other.example/debian bookworm main\n\
             debt http://deb.example/debian bookworm main\n",
            &[view()],
        );
        let uri = "http://deb.example.held-0123abcd/debian/";
        assert_eq!(
            entries.list,
            format!(
                "deb [check-valid-until=no] {uri} bookworm main contrib\n\
                 deb [signed-by=/k.gpg check-valid-until=no] {uri} bookworm main\n"
            )
        );
        assert_eq!(entries.found, [view()]);
    }

    #[test]
    fn stanzas_are_copied_with_their_keys() {
        let mut entries = Entries::default();
        entries.add_sources(
            "Types: deb deb-src\nURIs: http://deb.example/debian\n# of all\n\
             Suites: bookworm bookworm-updates\nComponents: main\nSigned-By:\n -----BEGIN\n .\n x\n\n\
             Enabled: no\nTypes: deb\nURIs: http://deb.example/debian\nSuites: bookworm\n\n\
             Types: deb\nURIs: http://deb.example/debian-security\nSuites: bookworm-security\n",
            &[view()],
        );
        assert_eq!(
            entries.sources,
            "Types: deb\nURIs: http://deb.example.held-0123abcd/debian/\nSuites: bookworm\n\
             Components: main\nSigned-By: \n -----BEGIN\n .\n x\nCheck-Valid-Until: no\n\n"
        );
        assert_eq!(entries.found, [view()]);
    }

    #[test]
    fn other_archives_have_no_entry() {
        let mut entries = Entries::default();
        entries.add_list("deb mirror+file:/etc/mirrors bookworm main\n", &[view()]);
        entries.add_sources("\n\n x\n:\nURIs\n", &[view()]);
        assert_eq!(entries, Entries::default());
    }
}
