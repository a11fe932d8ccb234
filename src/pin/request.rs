//! Which packages an instruction asks for by name.

use crate::package::Package;

/// The words of a shell script, roughly: split at blanks and at what separates commands, without
/// quotes. Good enough to find the names of packages, which need neither.
pub fn words(script: &str) -> Vec<String> {
    let separates = |character: char| {
        character.is_whitespace() || matches!(character, ';' | '&' | '|' | '(' | ')' | '<' | '>')
    };
    script
        .split(separates)
        .map(|word| word.chars().filter(|c| !matches!(c, '"' | '\'' | '\\')).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether one of the words asks for `package`, in the ways that apt-get knows:
/// `curl`, `curl=7.88.1-10`, `curl/bookworm`, `curl:amd64`, `curl+`, and `./curl_7.88.1_amd64.deb`.
/// <https://manpages.debian.org/bookworm/apt/apt-get.8.en.html#install>
pub(super) fn names(words: &[String], package: &Package) -> bool {
    words.iter().any(|word| file_name_of(word) == Some(&package.name) || asks_for(word, package))
}

fn asks_for(word: &str, package: &Package) -> bool {
    let name = word.split(['=', '/']).next().unwrap_or(word);
    let (name, architecture) = match name.split_once(':') {
        Some((name, architecture)) => (name, Some(architecture)),
        None => (name, None),
    };
    let is_named = name == package.name || name.strip_suffix('+') == Some(&package.name);
    is_named
        && architecture.is_none_or(|architecture| {
            matches!(architecture, "any" | "native") || architecture == package.architecture
        })
}

/// The package's name in the usual name of its file, `NAME_VERSION_ARCHITECTURE.deb`.
fn file_name_of(word: &str) -> Option<&str> {
    let file = word.rsplit('/').next()?.strip_suffix(".deb")?;
    Some(file.split('_').next().unwrap_or(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_fall_into_words() {
        let script =
            "apt-get update && apt-get install -y \\\n  'curl' \"git=1:2.39\";rm -rf x>/dev/null";
        let expected = [
            "apt-get",
            "update",
            "apt-get",
            "install",
            "-y",
            "curl",
            "git=1:2.39",
            "rm",
            "-rf",
            "x",
            "/dev/null",
        ];
        assert_eq!(words(script), expected);
        assert_eq!(words(" && "), Vec::<String>::new());
    }

    #[test]
    fn packages_are_named_in_every_way_that_apt_knows() {
        let package = |name: &str, architecture: &str| Package {
            kind: "deb",
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            version: "1:1.2-3".to_owned(),
            source: None,
            automatic: false,
        };
        let asked = |word: &str, package: &Package| names(&[word.to_owned()], package);
        let curl = package("curl", "amd64");
        for word in [
            "curl",
            "curl=1:1.2-3",
            "curl/bookworm",
            "curl:amd64",
            "curl:amd64=1:1.2-3",
            "curl:any",
            "curl:native",
            "curl+",
            "./curl_1.2-3_amd64.deb",
            "/tmp/curl.deb",
            "https://deb.example/pool/curl_1.2-3_amd64.deb",
        ] {
            assert!(asked(word, &curl), "{word}");
        }
        for word in ["curl-", "libcurl", "curl:i386", "curl.deb.asc", "xcurl_1_amd64.deb", ""] {
            assert!(!asked(word, &curl), "{word}");
        }
        assert!(asked("g++", &package("g++", "amd64")));
        assert!(!asked("g", &package("g++", "amd64")));
    }
}
