//! Which distribution a tree is of: advisories and purls are about packages of one.
//! <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>

use super::{Files, PackageError};

/// The first that is there counts.
const PATHS: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// A distribution, as `os-release` names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Distribution {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `VERSION_ID`, such as `12`; empty for what has no releases.
    pub version_id: String,
    /// `VERSION_CODENAME`, such as `bookworm`, where there is one.
    pub codename: Option<String>,
    /// `ID_LIKE`: what it is made of, the closest first.
    pub like: Vec<String>,
}

impl Distribution {
    /// The distribution of a tree, where it says one.
    pub fn read(files: Files<'_>) -> Result<Option<Self>, PackageError> {
        for path in PATHS {
            if let Some(text) = files.content(path.as_bytes())? {
                return Ok(Self::parse(&text));
            }
        }
        Ok(None)
    }

    /// What a file `os-release` says; nothing where it does not name a distribution.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        // As a shell would read it: later lines win.
        let value = |key: &str| {
            let mut values =
                text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            values.next_back().map(unquoted).filter(|value| is_identifier(value))
        };
        let mut like = text.lines().filter_map(|line| line.strip_prefix("ID_LIKE="));
        let like = like.next_back().map(unquoted).unwrap_or_default();
        let like = like.split_ascii_whitespace().filter(|id| is_identifier(id));
        Some(Self {
            id: value("ID")?,
            version_id: value("VERSION_ID").unwrap_or_default(),
            codename: value("VERSION_CODENAME"),
            like: like.map(str::to_owned).collect(),
        })
    }
}

/// The value of an assignment of a shell: quotes go, and what a backslash stands before stays.
fn unquoted(value: &str) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut characters = value.trim_end().chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None | Some('"'), '\\') => text.extend(characters.next()),
            _ => text.push(character),
        }
    }
    text
}

/// Lower case letters, digits and `.-_`, as the specification wants it; upper case is seen.
fn is_identifier(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+~".contains(&byte);
    !text.is_empty() && text.len() <= 128 && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(
        id: &str,
        version: &str,
        codename: Option<&str>,
        like: &[&str],
    ) -> Distribution {
        Distribution {
            id: id.to_owned(),
            version_id: version.to_owned(),
            codename: codename.map(str::to_owned),
            like: like.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    #[test]
    fn distributions_are_read_from_their_own_words() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n\
                      VERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        let expected = distribution("debian", "12", Some("bookworm"), &[]);
        assert_eq!(Distribution::parse(debian.as_bytes()), Some(expected));
        let rocky = "# of Rocky\nID='rocky'\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=9.4\n";
        let expected = distribution("rocky", "9.4", None, &["rhel", "centos", "fedora"]);
        assert_eq!(Distribution::parse(rocky.as_bytes()), Some(expected));
        let alpine = "ID=alpine\r\nVERSION_ID=3.20.3\nID=al\\pine\n";
        let expected = distribution("alpine", "3.20.3", None, &[]);
        assert_eq!(Distribution::parse(alpine.as_bytes()), Some(expected));
    }

    #[test]
    fn what_names_no_distribution_is_none() {
        for text in ["", "NAME=x", "ID=", "ID=\"a b\"", "ID=a\u{1b}[1m", "id=x", "XID=debian"] {
            assert_eq!(Distribution::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Distribution::parse(b"\xff\xfe"), None);
    }

    #[test]
    fn the_first_file_counts() {
        let read = |path: &[u8]| match path {
            b"usr/lib/os-release" => Ok(Some(b"ID=fedora\nVERSION_ID=41\n".to_vec())),
            _ => Ok(None),
        };
        let files = Files { read: &read, list: &|_| Ok(Vec::new()), link: &|_| Ok(None) };
        let expected = distribution("fedora", "41", None, &[]);
        assert_eq!(Distribution::read(files).unwrap(), Some(expected));
    }
}
