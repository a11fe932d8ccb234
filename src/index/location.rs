//! Paths that an index gives, below its archive's root.

/// A path without its `.` parts; the reason where it is none, or leads out of the archive.
pub(crate) fn below_root(path: &str) -> Result<String, String> {
    const LENGTH_MAX: usize = 4096;
    let refuse = |why: &str| Err(format!("the location `{}` {why}", super::error::shown(path)));
    if path.len() > LENGTH_MAX {
        return refuse("is too long");
    }
    if path.starts_with('/') {
        return refuse("is absolute");
    }
    let scheme = path.split_once(':').map(|(scheme, rest)| (scheme, rest.starts_with("//")));
    if scheme.is_some_and(|(scheme, slashes)| slashes && !scheme.contains('/')) {
        return refuse("is a URL");
    }
    if path.chars().any(|character| character.is_control() || character == '\\') {
        return refuse("has a character that no location has");
    }
    if path.contains(['?', '#']) {
        return refuse("is not a path alone");
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match &*part.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/") {
            "." => {}
            "" => return refuse("has an empty part"),
            plain if plain.split('/').any(|part| part == "..") => {
                return refuse("leads out of the archive");
            }
            _ => parts.push(part),
        }
    }
    if parts.is_empty() { refuse("names no file") } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::below_root;

    #[test]
    fn a_location_stays_below_the_root() {
        let good = [
            ("pool/main/a/a_1_all.deb", "pool/main/a/a_1_all.deb"),
            ("./a_1%3a2_all.deb", "a_1%3a2_all.deb"),
            ("x86_64/../x", ""),
            ("../x", ""),
            ("%2E%2e/x", ""),
            ("a/..%2fb", ""),
            ("/x", ""),
            ("http://deb.example/x", ""),
            ("a//b", ""),
            ("a\\b", ""),
            ("a\nb", ""),
            ("a?b", ""),
            (".", ""),
            ("", ""),
            ("a:b/c", "a:b/c"),
            ("pool/a..b", "pool/a..b"),
        ];
        for (path, expected) in good {
            assert_eq!(below_root(path).unwrap_or_default(), expected, "{path}");
        }
    }
}
