//! Where apt takes packages from, and whose keys count there: `sources.list` and `*.sources`.
//! <https://manpages.debian.org/bookworm/apt/sources.list.5.en.html>

use super::stanza::stanzas;

/// Lines or stanzas of one file; machines have a few dozen.
const SOURCES_MAX: usize = 2000;

/// Archives that one line or stanza names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptSource {
    /// URLs of the folders of their signed indexes, each of which ends in a slash, as
    /// [`super::Place::base`].
    pub bases: Vec<String>,
    /// Whose signatures count.
    pub signed_by: SignedBy,
}

/// Whose signatures over an archive count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// Those of the keys in `trusted.gpg` and `trusted.gpg.d`.
    Trusted,
    /// Those of the keys in these files, paths without a slash at the start; and of those of the
    /// `trusted` files that have these fingerprints.
    Named {
        /// Paths.
        files: Vec<String>,
        /// Hexadecimal digits.
        fingerprints: Vec<String>,
    },
    /// Those of a key that stands in the source, armored.
    Embedded(Vec<u8>),
    /// Nobody is asked: `Trusted: yes`.
    Nobody,
}

/// Reads a file of sources. What apt would not read is passed over, as it is no source then.
pub fn apt_sources(path: &str, text: &[u8]) -> Vec<AptSource> {
    let sources = if path.ends_with(".sources") { paragraphs(text) } else { lines(text) };
    sources.into_iter().take(SOURCES_MAX).filter(|source| !source.bases.is_empty()).collect()
}

fn paragraphs(text: &[u8]) -> Vec<AptSource> {
    // Comments may stand anywhere, within folded fields too.
    let mut plain: Vec<u8> = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n').filter(|it| !it.starts_with(b"#")) {
        plain.extend_from_slice(line);
    }
    let mut sources = Vec::new();
    for stanza in stanzas("sources", &plain) {
        let Ok(fields) = stanza.fields() else { continue };
        let is = |name: &str, wanted: &str| {
            fields.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
        };
        if is("Enabled", "no") || is("Enabled", "false") {
            continue;
        }
        let words = |name: &str| -> Vec<&str> {
            fields.get(name).unwrap_or_default().split_whitespace().collect()
        };
        let signed_by = match fields.get("Signed-By") {
            _ if is("Trusted", "yes") => SignedBy::Nobody,
            None => SignedBy::Trusted,
            Some(key) if key.contains("BEGIN PGP") => SignedBy::Embedded(unfolded(key)),
            Some(named) => SignedBy::named(named),
        };
        sources.push(AptSource { bases: bases(&words("URIs"), &words("Suites")), signed_by });
    }
    sources
}

/// A key as it was before it was folded into a field, where an empty line is ` .`.
fn unfolded(field: &str) -> Vec<u8> {
    let lines = field.lines().map(str::trim).skip_while(|line| line.is_empty());
    let lines = lines.map(|line| if line == "." { "" } else { line });
    lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()
}

/// `deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://deb.example/debian bookworm main`.
fn lines(text: &[u8]) -> Vec<AptSource> {
    let text = String::from_utf8_lossy(text);
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<AptSource> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb-src").or_else(|| line.strip_prefix("deb"))?;
    let rest =
        rest.strip_prefix(|first: char| first.is_whitespace() || first == '[').map(|_| rest)?;
    let (options, rest) = match rest.trim_start().strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    let option = |name: &str| {
        let mut values = options.split_whitespace().filter_map(|word| word.split_once('='));
        values.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let signed_by = match option("signed-by") {
        _ if option("trusted").is_some_and(|it| it.eq_ignore_ascii_case("yes")) => SignedBy::Nobody,
        None => SignedBy::Trusted,
        Some(named) => SignedBy::named(named),
    };
    Some(AptSource { bases: bases(&[uri], &[suite]), signed_by })
}

impl SignedBy {
    /// Absolute paths are files, other words are fingerprints; both may be listed with commas.
    fn named(text: &str) -> Self {
        let words = text.split(|c: char| c.is_whitespace() || c == ',');
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let files = words.iter().filter_map(|word| word.strip_prefix('/')).map(str::to_owned);
        let others = words.iter().filter(|word| !word.starts_with('/'));
        let fingerprints = others.map(|word| word.trim_end_matches('!').to_ascii_uppercase());
        Self::Named { files: files.collect(), fingerprints: fingerprints.collect() }
    }
}

/// Folders of signed indexes. A suite that ends in a slash is the folder itself.
fn bases(uris: &[&str], suites: &[&str]) -> Vec<String> {
    let mut bases = Vec::new();
    for uri in uris.iter().filter(|uri| uri.starts_with("http")) {
        let root = uri.trim_end_matches('/');
        for suite in suites {
            let suite = suite.trim_start_matches("./").trim_start_matches('/');
            bases.push(match suite.strip_suffix('/') {
                None if suite.is_empty() => format!("{root}/"),
                None => format!("{root}/dists/{suite}/"),
                Some(folder) => format!("{root}/{}/", folder.trim_end_matches('/')),
            });
        }
    }
    bases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str, text: &str) -> String {
        let source = |source: AptSource| {
            let keys = match source.signed_by {
                SignedBy::Trusted => "trusted".to_owned(),
                SignedBy::Nobody => "nobody".to_owned(),
                SignedBy::Embedded(key) => String::from_utf8(key).unwrap().replace('\n', "|"),
                SignedBy::Named { files, fingerprints } => format!("{files:?} {fingerprints:?}"),
            };
            format!("{} {keys}\n", source.bases.join(" "))
        };
        apt_sources(path, text.as_bytes()).into_iter().map(source).collect()
    }

    #[test]
    fn lines_name_archives_and_keys() {
        let text = "# deb http://no.example a b\n\
            deb http://deb.example/debian bookworm main # comment\n\
            deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg,/k.asc] http://x.example/ stable main\n\
            deb [trusted=yes] http://flat.example/repo ./\n\
            deb-src [Signed-By=0123abcd!] http://s.example a/b/\n\
            debian http://no.example a b\ndeb cdrom:[x] a b\ndeb http://short.example\n";
        assert_eq!(
            shown("etc/apt/sources.list", text),
            "http://deb.example/debian/dists/bookworm/ trusted\n\
             http://x.example/dists/stable/ [\"usr/share/keyrings/x.gpg\", \"k.asc\"] []\n\
             http://flat.example/repo/ nobody\n\
             http://s.example/a/b/ [] [\"0123ABCD\"]\n"
        );
    }

    #[test]
    fn stanzas_name_archives_and_keys() {
        let text = "# all\nTypes: deb\nURIs: http://deb.example/debian http://b.example\n\
            Suites: bookworm bookworm-updates\n# key\nSigned-By: /usr/share/keyrings/d.gpg\n\n\
            Types: deb\nURIs: http://e.example\nSuites: s/\nSigned-By:\n \
            -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abcd\n\n\
            URIs: http://off.example\nSuites: a\nEnabled: no\n\n\
            URIs: http://t.example\nSuites: a\nTrusted: yes\n\nURIs: http://p.example\nSuites: a\n";
        assert_eq!(
            shown("etc/apt/sources.list.d/x.sources", text),
            "http://deb.example/debian/dists/bookworm/ \
             http://deb.example/debian/dists/bookworm-updates/ http://b.example/dists/bookworm/ \
             http://b.example/dists/bookworm-updates/ [\"usr/share/keyrings/d.gpg\"] []\n\
             http://e.example/s/ -----BEGIN PGP PUBLIC KEY BLOCK-----||abcd|\n\
             http://t.example/dists/a/ nobody\nhttp://p.example/dists/a/ trusted\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_file_panics(text in "((deb|URIs:|Suites:|Signed-By:| |\\[|\\]|signed-by=|/|\\.|#|\n|http://a|[a-z]){0,4}){0,30}") {
            let _lines = apt_sources("sources.list", text.as_bytes());
            let _stanzas = apt_sources("x.sources", text.as_bytes());
        }
    }
}
