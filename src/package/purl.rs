//! Package URLs: names of packages that every tool knows.
//! <https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst>

use super::Distribution;

/// The package URL of a package of type `kind`, in the canonical form. `architecture` may be empty.
///
/// Names are as the package manager writes them: `@angular/core` (npm), `github.com/gorilla/mux`
/// (golang), `org.example:artifact` (maven). The `distribution` tells packages of the same name
/// apart; it is of no meaning to types that have a registry of their own. Its release is given as
/// `debian-12`, as most tools do.
pub fn purl(
    kind: &str,
    name: &str,
    version: &str,
    architecture: &str,
    distribution: Option<&Distribution>,
) -> String {
    let is_of_distribution = matches!(kind, "deb" | "rpm" | "apk");
    let distribution = distribution.filter(|_| is_of_distribution);
    let (namespace, name) = named(kind, name, distribution);
    let (epoch, version) = match version.split_once(':') {
        Some((epoch, version)) if kind == "rpm" => (epoch, version),
        _ => ("", version),
    };
    let mut text = format!("pkg:{kind}/");
    for part in namespace.split('/').filter(|part| !part.is_empty()) {
        text.push_str(&encoded(part));
        text.push('/');
    }
    text.push_str(&encoded(&name));
    if !version.is_empty() {
        text.push('@');
        text.push_str(&encoded(version));
    }
    let release = distribution.and_then(release).unwrap_or_default();
    let architecture_key = if kind == "gem" { "platform" } else { "arch" };
    let qualifiers = [(architecture_key, architecture), ("distro", &release), ("epoch", epoch)];
    let qualifiers = qualifiers.iter().filter(|(_, value)| !value.is_empty());
    for (index, (key, value)) in qualifiers.enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(key);
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

/// Namespace and name, by the rules of the type:
/// <https://github.com/package-url/purl-spec/tree/main/types>.
fn named(kind: &str, name: &str, distribution: Option<&Distribution>) -> (String, String) {
    let vendor = distribution.map_or("", |distribution| match &*distribution.id {
        // As Red Hat's own advisories have it.
        "rhel" => "redhat",
        id => id,
    });
    match kind {
        "deb" | "apk" => (vendor.to_lowercase(), name.to_lowercase()),
        "rpm" => (vendor.to_lowercase(), name.to_owned()),
        "pypi" => (String::new(), pypi_name(name)),
        "npm" | "golang" => last_part(&name.to_lowercase(), '/'),
        "maven" => last_part(name, ':'),
        _ => (String::new(), name.to_owned()),
    }
}

fn last_part(name: &str, separator: char) -> (String, String) {
    match name.rsplit_once(separator) {
        Some((namespace, name)) => (namespace.to_owned(), name.to_owned()),
        None => (String::new(), name.to_owned()),
    }
}

/// <https://packaging.python.org/en/latest/specifications/name-normalization/>
fn pypi_name(name: &str) -> String {
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_lowercase()
}

/// The release that advisories are about.
fn release(distribution: &Distribution) -> Option<String> {
    let version = Some(&distribution.version_id).filter(|version| !version.is_empty());
    let version = version.or(distribution.codename.as_ref())?;
    Some(format!("{}-{version}", distribution.id))
}

/// All but what a URL can hold and a purl gives no meaning to; colons stay.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(id: &str, version: &str, codename: &str) -> Distribution {
        Distribution {
            id: id.to_owned(),
            version_id: version.to_owned(),
            codename: Some(codename.to_owned()).filter(|codename| !codename.is_empty()),
            like: Vec::new(),
        }
    }

    /// Of the cases of the specification's own test suite (MIT), those of types that are known here.
    #[test]
    fn the_specification_agrees() {
        for (kind, name, version, architecture, expected) in [
            ("cargo", "rand", "0.7.2", "", "pkg:cargo/rand@0.7.2"),
            ("cargo", "clap", "2.33.0", "", "pkg:cargo/clap@2.33.0"),
            (
                "gem",
                "ruby-advisory-db-check",
                "0.12.4",
                "",
                "pkg:gem/ruby-advisory-db-check@0.12.4",
            ),
            (
                "gem",
                "jruby-launcher",
                "1.1.2",
                "java",
                "pkg:gem/jruby-launcher@1.1.2?platform=java",
            ),
            (
                "golang",
                "github.com/gorilla/context",
                "234fd47e07d1004f0aed9c",
                "",
                "pkg:golang/github.com/gorilla/context@234fd47e07d1004f0aed9c",
            ),
            (
                "golang",
                "google.golang.org/genproto",
                "abcdedf",
                "",
                "pkg:golang/google.golang.org/genproto@abcdedf",
            ),
            (
                "maven",
                "org.apache.commons:io",
                "1.3.4",
                "",
                "pkg:maven/org.apache.commons/io@1.3.4",
            ),
            (
                "maven",
                "HTTPClient:HTTPClient",
                "0.3-3",
                "",
                "pkg:maven/HTTPClient/HTTPClient@0.3-3",
            ),
            ("maven", "org.apache.commons:io", "", "", "pkg:maven/org.apache.commons/io"),
            (
                "maven",
                "mygroup:myartifact",
                "1.0.0 Final",
                "",
                "pkg:maven/mygroup/myartifact@1.0.0%20Final",
            ),
            ("npm", "foobar", "12.3.1", "", "pkg:npm/foobar@12.3.1"),
            ("npm", "@angular/animation", "12.3.1", "", "pkg:npm/%40angular/animation@12.3.1"),
            ("npm", "@MyScope/MyPackage", "1.0.0", "", "pkg:npm/%40myscope/mypackage@1.0.0"),
            ("npm", "LoDash", "4.17.21", "", "pkg:npm/lodash@4.17.21"),
            (
                "pypi",
                "My.PyPI_.--._Package",
                "1.11.1.dev1",
                "",
                "pkg:pypi/my-pypi-package@1.11.1.dev1",
            ),
            ("pypi", "Django_package", "1.11.1.dev1", "", "pkg:pypi/django-package@1.11.1.dev1"),
            ("pypi", "django-allauth", "12.23", "", "pkg:pypi/django-allauth@12.23"),
        ] {
            assert_eq!(purl(kind, name, version, architecture, None), expected);
        }
    }

    #[test]
    fn packages_of_distributions_say_which() {
        let debian = distribution("debian", "12", "bookworm");
        let fedora = distribution("fedora", "25", "");
        let alpine = distribution("alpine", "3.20.3", "");
        for (kind, name, version, architecture, distribution, expected) in [
            // The specification's.
            (
                "rpm",
                "curl",
                "7.50.3-1.fc25",
                "i386",
                Some(&fedora),
                "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25",
            ),
            (
                "rpm",
                "centerim",
                "1:4.22.10-1.el6",
                "i686",
                Some(&fedora),
                "pkg:rpm/fedora/centerim@4.22.10-1.el6?arch=i686&distro=fedora-25&epoch=1",
            ),
            (
                "deb",
                "attr",
                "1:2.4.47-2+b1",
                "amd64",
                Some(&debian),
                "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64&distro=debian-12",
            ),
            (
                "apk",
                "curl",
                "7.83.0-r0",
                "x86",
                Some(&alpine),
                "pkg:apk/alpine/curl@7.83.0-r0?arch=x86&distro=alpine-3.20.3",
            ),
            // And others.
            (
                "deb",
                "base-files",
                "12~rc1",
                "all",
                Some(&distribution("debian", "", "trixie")),
                "pkg:deb/debian/base-files@12~rc1?arch=all&distro=debian-trixie",
            ),
            (
                "rpm",
                "bash",
                "5.1",
                "x86_64",
                Some(&distribution("rhel", "9.4", "")),
                "pkg:rpm/redhat/bash@5.1?arch=x86_64&distro=rhel-9.4",
            ),
            ("rpm", "gpg-pubkey", "1-2", "", None, "pkg:rpm/gpg-pubkey@1-2"),
            (
                "rpm",
                "libstdc++",
                "1^git",
                "noarch",
                None,
                "pkg:rpm/libstdc%2B%2B@1%5Egit?arch=noarch",
            ),
            // What has a registry of its own is of no distribution.
            ("pypi", "six", "1.16.0", "", Some(&debian), "pkg:pypi/six@1.16.0"),
        ] {
            assert_eq!(purl(kind, name, version, architecture, distribution), expected);
        }
    }
}
