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

/// Whether one of the words asks for `package`, in the ways that its package manager knows.
pub(super) fn names(words: &[String], package: &Package) -> bool {
    let asks_for = match package.kind {
        "deb" => asks_apt_for,
        "rpm" => asks_dnf_for,
        "apk" => asks_apk_for,
        _ => asks_for_name,
    };
    words.iter().any(|word| asks_for(word, package))
}

/// `curl`, `curl=7.88.1-10`, `curl/bookworm`, `curl:amd64`, `curl+`, and `./curl_7.88.1_amd64.deb`.
/// <https://manpages.debian.org/bookworm/apt/apt-get.8.en.html#install>
fn asks_apt_for(word: &str, package: &Package) -> bool {
    if let Some(file) = file_name(word, ".deb") {
        // Its usual name is `NAME_VERSION_ARCHITECTURE.deb`.
        return file.split('_').next() == Some(&package.name);
    }
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

/// `curl`, `curl.x86_64`, `curl-8.6.0`, `curl-8.6.0-1`, `curl-0:8.6.0-1.x86_64`, and
/// `./curl-8.6.0-1.x86_64.rpm`.
/// <https://dnf.readthedocs.io/en/latest/command_ref.html#specifying-packages>
fn asks_dnf_for(word: &str, package: &Package) -> bool {
    let word = file_name(word, ".rpm").unwrap_or(word);
    let architecture = word.strip_suffix(&*package.architecture);
    let word = architecture.and_then(|word| word.strip_suffix('.')).unwrap_or(word);
    let Some(rest) = word.strip_prefix(&*package.name) else { return false };
    let Some(asked) = rest.strip_prefix('-') else { return rest.is_empty() };
    let (epoch, without_epoch) = package.version.split_once(':').unwrap_or(("0", &package.version));
    let asked = match asked.split_once(':') {
        Some((asked_epoch, asked)) if asked_epoch == epoch => asked,
        Some(_) => return false,
        None => asked,
    };
    let version = without_epoch.rsplit_once('-').map_or(without_epoch, |(version, _)| version);
    asked == without_epoch || asked == version
}

/// `curl`, `curl=8.1-r0`, `curl~8`, `curl@edge`, and `./curl-8.1-r0.apk`.
/// <https://wiki.alpinelinux.org/wiki/Alpine_Package_Keeper#World>
fn asks_apk_for(word: &str, package: &Package) -> bool {
    if let Some(file) = file_name(word, ".apk") {
        let name = file.strip_suffix(&*package.version).and_then(|name| name.strip_suffix('-'));
        return name.unwrap_or(file) == package.name;
    }
    word.split(['=', '~', '@']).next() == Some(&package.name)
}

/// `six`, `six==1.16.0`, `six[extra]`, `left-pad@1.3.0`, `@angular/core@17`.
fn asks_for_name(word: &str, package: &Package) -> bool {
    let scope = usize::from(word.starts_with('@'));
    let end = word.get(scope..).and_then(|rest| rest.find(['=', '~', '!', '@', '[']));
    let name = end.and_then(|end| word.get(..scope + end)).unwrap_or(word);
    name == package.name
}

/// The name of a package file, without its directory and what it ends with.
fn file_name<'a>(word: &'a str, extension: &str) -> Option<&'a str> {
    word.rsplit('/').next()?.strip_suffix(extension)
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

    fn package(kind: &'static str, name: &str, architecture: &str, version: &str) -> Package {
        Package {
            kind,
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            version: version.to_owned(),
            source: None,
            automatic: false,
        }
    }

    fn asked(word: &str, package: &Package) -> bool {
        names(&[word.to_owned()], package)
    }

    #[test]
    fn packages_are_named_in_every_way_that_apt_knows() {
        let package =
            |name: &str, architecture: &str| package("deb", name, architecture, "1:1.2-3");
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

    #[test]
    fn packages_are_named_in_every_way_that_dnf_knows() {
        let curl = package("rpm", "curl", "x86_64", "8.6.0-1.fc40");
        for word in [
            "curl",
            "curl.x86_64",
            "curl-8.6.0",
            "curl-8.6.0-1.fc40",
            "curl-8.6.0-1.fc40.x86_64",
            "curl-0:8.6.0-1.fc40.x86_64",
            "./curl-8.6.0-1.fc40.x86_64.rpm",
            "https://rpm.example/c/curl-8.6.0-1.fc40.x86_64.rpm",
        ] {
            assert!(asked(word, &curl), "{word}");
        }
        let others = ["libcurl", "curl-devel", "curl.i686", "curl-8.6.1", "curl-1:8.6.0", "curl-"];
        for word in others {
            assert!(!asked(word, &curl), "{word}");
        }
        let vim = package("rpm", "vim-enhanced", "noarch", "2:9.1-1");
        assert!(asked("vim-enhanced-2:9.1-1.noarch", &vim));
        assert!(asked("vim-enhanced-9.1", &vim));
        assert!(!asked("vim-enhanced-0:9.1-1", &vim));
        assert!(asked("gpg-pubkey", &package("rpm", "gpg-pubkey", "", "1-2")));
    }

    #[test]
    fn packages_are_named_in_every_way_that_apk_knows() {
        let curl = package("apk", "curl", "x86_64", "8.1-r0");
        for word in
            ["curl", "curl=8.1-r0", "curl~8.1", "curl~=8", "curl@edge", "/x/curl-8.1-r0.apk"]
        {
            assert!(asked(word, &curl), "{word}");
        }
        for word in ["!curl", "curl-dev", "libcurl", "curl-8.1-r1.apk", ""] {
            assert!(!asked(word, &curl), "{word}");
        }
    }

    #[test]
    fn packages_of_other_managers_are_named() {
        for (kind, name, words) in [
            ("pypi", "six", ["six", "six==1.16.0", "six[extra]"]),
            ("npm", "left-pad", ["left-pad", "left-pad@1.3.0", "left-pad@latest"]),
            ("npm", "@angular/core", ["@angular/core", "@angular/core@17", "@angular/core@next"]),
        ] {
            let package = package(kind, name, "", "1");
            for word in words {
                assert!(asked(word, &package), "{word}");
            }
            assert!(!asked("@", &package) && !asked("sixty", &package));
        }
    }
}
