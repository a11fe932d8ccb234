//! How instructions name the packages of languages.

use crate::package::Package;

/// Whether one of the words of an instruction asks for the package; nothing for packages of other
/// kinds. What is only in a file of the user's, a manifest or a list, no word names.
pub(super) fn names(words: &[String], package: &Package) -> Option<bool> {
    let name = &*package.name;
    let asks: &dyn Fn(&str) -> bool = match package.kind {
        // pip notes itself what was asked for, in lists too.
        "pypi" if !package.automatic => return Some(true),
        // `Name`, `name==1.0`, `name[extra]>=1`.
        "pypi" => &|word| {
            let end = word.find(['=', '<', '>', '!', '~', '[', ';', '@']).unwrap_or(word.len());
            let word = word.get(..end).unwrap_or(word).to_ascii_lowercase();
            word.replace(['_', '.'], "-") == name
        },
        // `name`, `name@1`, `alias@npm:name@1`.
        "npm" => &|word| {
            let word = word.split_once("@npm:").map_or(word, |(_, word)| word);
            is_of(word, '@', name)
        },
        // `name`, `name:1.0`.
        "gem" => &|word| is_of(word, ':', name),
        // `name`, `name@1.0`.
        "cargo" => &|word| is_of(word, '@', name),
        // A package of the module: `example.org/module/cmd/tool@latest`.
        "golang" => &|word| {
            let path = word.split('@').next().unwrap_or(word);
            let rest = path.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        },
        // `-Dartifact=group:artifact:1.0`.
        "maven" => &|word| {
            let coordinates = word.rsplit('=').next().unwrap_or(word);
            let rest = coordinates.strip_prefix(name);
            name.contains(':') && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        },
        _ => return None,
    };
    Some(words.iter().any(|word| asks(word)))
}

/// Whether a word is the name, or the name with a version behind the separator.
fn is_of(word: &str, separator: char, name: &str) -> bool {
    word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: &'static str, name: &str, word: &str) -> Option<bool> {
        let automatic = true;
        let package = Package {
            kind,
            name: name.to_owned(),
            architecture: String::new(),
            version: "1".to_owned(),
            source: None,
            automatic,
        };
        names(&[word.to_owned()], &package)
    }

    #[test]
    fn packages_are_named_as_their_managers_know_them() {
        for (kind, name, word) in [
            ("pypi", "zope-interface", "Zope.Interface[test]==1.0"),
            ("pypi", "six", "six"),
            ("npm", "is-odd", "is-odd"),
            ("npm", "is-odd", "is-odd@^3.0.0"),
            ("npm", "@babel/core", "@babel/core@7"),
            ("npm", "is-odd", "odd@npm:is-odd@3"),
            ("gem", "rake", "rake:13.0"),
            ("cargo", "ripgrep", "ripgrep@14.1.0"),
            ("golang", "example.org/tools", "example.org/tools/cmd/x@latest"),
            ("golang", "example.org/tools", "example.org/tools"),
            ("maven", "org.example:thing", "-Dartifact=org.example:thing:1.0"),
        ] {
            assert_eq!(asked(kind, name, word), Some(true), "{kind}:{name} in {word}");
        }
        for (kind, name, word) in [
            ("pypi", "six", "sixth"),
            ("npm", "odd", "is-odd"),
            ("npm", "odd", "odd-even"),
            ("golang", "example.org/tools", "example.org/toolset@v1"),
            ("maven", "thing", "thing"),
            ("cargo", "rip", "ripgrep"),
        ] {
            assert_eq!(asked(kind, name, word), Some(false), "{kind}:{name} in {word}");
        }
        assert_eq!(asked("deb", "curl", "curl"), None);
    }
}
