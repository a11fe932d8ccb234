//! Where dnf and zypper take packages from, and whose keys count there: `/etc/yum.repos.d/*.repo`,
//! `/etc/zypp/repos.d/*.repo`, which have the same form.
//! <https://dnf.readthedocs.io/en/latest/conf_ref.html>

use std::collections::BTreeMap;

/// Sections of one file; machines have a dozen.
const REPOSITORIES_MAX: usize = 2000;

/// A repository, as one section names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RpmRepository {
    /// The section's name.
    pub id: String,
    /// URLs of its root, each of which ends in a slash and may have variables (`$releasever`).
    pub bases: Vec<String>,
    /// URLs of lists of mirrors that have it; they may have variables.
    pub lists: Vec<String>,
    /// URLs of keys whose signatures over its index count; they may have variables.
    pub keys: Vec<String>,
    /// Whether the section says that packages need no signature, and does not say that the index
    /// needs one.
    pub is_unchecked: bool,
}

/// Reads a file of repositories. What dnf would not read is passed over, as it is no repository then.
pub fn rpm_repositories(text: &[u8]) -> Vec<RpmRepository> {
    let text = String::from_utf8_lossy(text);
    let mut sections: Vec<(&str, BTreeMap<&str, Vec<&str>>)> = Vec::new();
    let mut key = "";
    for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
        let trimmed = line.trim();
        let name = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(name) = name {
            if sections.len() == REPOSITORIES_MAX {
                break;
            }
            sections.push((name, BTreeMap::new()));
            key = "";
            continue;
        }
        let Some((_, values)) = sections.last_mut() else { continue };
        let is_continued = line.starts_with(char::is_whitespace) && !key.is_empty();
        let value = match trimmed.split_once('=') {
            _ if is_continued => trimmed,
            Some((name, value)) => {
                key = name.trim_end();
                values.insert(key, Vec::new());
                value
            }
            None => continue,
        };
        let words = value.split(|it: char| it.is_whitespace() || it == ',');
        values.entry(key).or_default().extend(words.filter(|word| !word.is_empty()));
    }
    let sections = sections.into_iter().filter(|(name, _)| *name != "main");
    sections.map(|(name, values)| repository(name, &values)).collect()
}

fn repository(id: &str, values: &BTreeMap<&str, Vec<&str>>) -> RpmRepository {
    let words = |key: &str| values.get(key).map_or(&[][..], Vec::as_slice);
    let is = |key: &str, wanted: &[&str]| {
        words(key).first().is_some_and(|it| wanted.contains(&&*it.to_ascii_lowercase()))
    };
    let bases = words("baseurl").iter().filter(|url| url.starts_with("http"));
    RpmRepository {
        id: id.to_owned(),
        bases: bases.map(|url| format!("{}/", url.trim_end_matches('/'))).collect(),
        lists: ["metalink", "mirrorlist"]
            .iter()
            .flat_map(|key| words(key).iter().map(|&url| url.to_owned()))
            .collect(),
        keys: words("gpgkey").iter().map(|&url| url.to_owned()).collect(),
        is_unchecked: is("gpgcheck", &["0", "no", "false", "off"])
            && !is("repo_gpgcheck", &["1", "yes", "true", "on"]),
    }
}

/// Roots of the mirrors that a list names: a metalink, which names each mirror's `repomd.xml`, or lines.
pub fn mirror_roots(list: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(list);
    let words = text.split(|it: char| it.is_whitespace() || ['<', '>', '"'].contains(&it));
    let urls = words.filter(|word| word.starts_with("http://") || word.starts_with("https://"));
    let root = |url: &str| {
        let root = super::repository_root(url).map(str::to_owned);
        root.unwrap_or_else(|| format!("{}/", url.trim_end_matches('/')))
    };
    urls.map(root).collect()
}

/// Values of variables by name.
pub type Variables = BTreeMap<String, String>;

/// The values that a URL's variables must have so that it is this one; none where it cannot be. A
/// variable is a part of one segment of the path, as `$releasever` and `$basearch` are: what stands
/// for more is not understood.
pub fn fits(pattern: &str, url: &str) -> Option<Variables> {
    let pieces = pieces(pattern);
    let mut variables = Variables::new();
    let mut rest = url.strip_prefix(pieces.first()?.1)?;
    for (at, (name, literal)) in pieces.iter().enumerate().skip(1) {
        let end = match (at + 1 == pieces.len(), literal.is_empty()) {
            (true, _) => rest.len().checked_sub(literal.len()).filter(|_| rest.ends_with(literal)),
            (false, true) => None,
            (false, false) => rest.find(literal),
        }?;
        let value = rest.get(..end).filter(|it| !it.is_empty() && !it.contains('/'))?;
        if variables.insert((*name).to_owned(), value.to_owned()).is_some_and(|it| it != value) {
            return None;
        }
        rest = rest.get(end + literal.len()..)?;
    }
    rest.is_empty().then_some(variables)
}

/// A text with the values of its variables; none where one is not known.
pub fn expand(text: &str, variables: &Variables) -> Option<String> {
    let mut expanded = String::new();
    for (at, (name, literal)) in pieces(text).into_iter().enumerate() {
        if at > 0 {
            expanded.push_str(variables.get(name)?);
        }
        expanded.push_str(literal);
    }
    Some(expanded)
}

/// Variables, each with the text that follows it; first the text before them all, of no variable.
fn pieces(text: &str) -> Vec<(&str, &str)> {
    let mut parts = text.split('$');
    let first = parts.next().unwrap_or_default();
    let variable = |part: &'_ str| -> usize {
        part.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_')).unwrap_or(part.len())
    };
    let others = parts.map(|part| {
        let braced = part.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        braced.unwrap_or_else(|| part.split_at(variable(part)))
    });
    std::iter::once(("", first)).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_name_repositories_and_keys() {
        let text = b"# comment\n[main]\ngpgcheck=1\n\n[base]\nname = It $basearch\n\
            baseurl=http://rpm.example/$releasever/$basearch\n  http://mirror.example/x/ ftp://no.example\n\
            gpgkey=file:///etc/pki/rpm-gpg/a file:///etc/pki/rpm-gpg/b-$releasever\n\
            #mirrorlist=http://no.example\ngpgcheck=0\n\n[listed]\nmetalink=https://x.example/?a=b\n\
            gpgcheck = No\nrepo_gpgcheck = True\n";
        let expected = [
            RpmRepository {
                id: "base".to_owned(),
                bases: vec![
                    "http://rpm.example/$releasever/$basearch/".to_owned(),
                    "http://mirror.example/x/".to_owned(),
                ],
                lists: Vec::new(),
                keys: vec![
                    "file:///etc/pki/rpm-gpg/a".to_owned(),
                    "file:///etc/pki/rpm-gpg/b-$releasever".to_owned(),
                ],
                is_unchecked: true,
            },
            RpmRepository {
                id: "listed".to_owned(),
                lists: vec!["https://x.example/?a=b".to_owned()],
                ..Default::default()
            },
        ];
        assert_eq!(rpm_repositories(text), expected);
    }

    #[test]
    fn variables_are_parts_of_segments() {
        for (pattern, url, expected) in [
            ("http://a/x/", "http://a/x/", Some("")),
            ("http://a/x/", "http://a/xy/", None),
            (
                "http://a/$releasever/$basearch/",
                "http://a/9/x86_64/",
                Some("basearch=x86_64 releasever=9"),
            ),
            ("http://a/${releasever}-stream/", "http://a/9-stream/", Some("releasever=9")),
            ("http://a/$releasever/os/", "http://a/9/BaseOS/os/", None),
            ("http://a/$releasever/", "http://a//", None),
            ("http://a/$v/$v/", "http://a/9/9/", Some("v=9")),
            ("http://a/$v/$v/", "http://a/9/8/", None),
            ("http://a/$v$w/", "http://a/98/", None),
            ("http://$host/", "http://evil/x/", None),
        ] {
            let found = fits(pattern, url).map(|variables| {
                let words: Vec<String> =
                    variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
                words.join(" ")
            });
            assert_eq!(found.as_deref(), expected, "{pattern} {url}");
        }
        let variables = fits("$releasever/", "9/").unwrap();
        assert_eq!(expand("/a-$releasever.$no", &variables), None);
        assert_eq!(expand("/a-${releasever}x", &variables).as_deref(), Some("/a-9x"));
    }

    proptest::proptest! {
        #[test]
        fn no_file_panics(text in "((\\[|\\]|baseurl|gpgkey|=|\\$|\\{|\\}| |#|\n|http://a|[a-zß]){0,4}){0,30}") {
            for repository in rpm_repositories(text.as_bytes()) {
                for base in repository.bases {
                    let _variables = fits(&base, &text);
                }
            }
            let _variables = fits(&text, &text);
        }
    }
}
