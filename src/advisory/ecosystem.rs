//! Which packages a name of OSV's `ecosystem` means, and which such names an image's packages have:
//! <https://ossf.github.io/osv-schema/#affectedpackage-field>.

use super::{Named, System};
use std::collections::BTreeSet;

/// Ecosystems that are known, by the part before the first colon, with the purl type whose versions
/// they have. What is not here is not checked.
const KINDS: &[(&str, &str)] = &[
    ("AlmaLinux", "rpm"),
    ("Alpaquita", "apk"),
    ("Alpine", "apk"),
    ("Azure Linux", "rpm"),
    ("Chainguard", "apk"),
    ("Debian", "deb"),
    ("Go", "golang"),
    ("Mageia", "rpm"),
    ("Maven", "maven"),
    ("MinimOS", "apk"),
    ("Photon OS", "rpm"),
    ("PyPI", "pypi"),
    ("Red Hat", "rpm"),
    ("Rocky Linux", "rpm"),
    ("RubyGems", "gem"),
    ("SUSE", "rpm"),
    ("Ubuntu", "deb"),
    ("Wolfi", "apk"),
    ("crates.io", "cargo"),
    ("npm", "npm"),
    ("openEuler", "rpm"),
    ("openSUSE", "rpm"),
];

/// Releases of Debian: the tracker names them, OSV numbers them.
const DEBIAN: &[(&str, &str)] = &[
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

/// The one spelling of an ecosystem, and the purl type of its packages; none where it is unknown.
pub(super) fn canonical(ecosystem: &str) -> Option<(String, &'static str)> {
    let (family, suffix) = match ecosystem.split_once(':') {
        Some((family, suffix)) => (family, Some(suffix)),
        None => (ecosystem, None),
    };
    let (_, kind) = KINDS.iter().find(|(known, _)| *known == family)?;
    let name = match (family, suffix) {
        (_, None) => family.to_owned(),
        // `Ubuntu:22.04:LTS`. `Ubuntu:Pro:…` stays apart: its fixes are not in the public archive.
        ("Ubuntu", Some(suffix)) => format!("Ubuntu:{}", suffix.trim_end_matches(":LTS")),
        ("Red Hat", Some(cpe)) => format!("Red Hat:{}", red_hat(cpe)?),
        (_, Some(suffix)) => format!("{family}:{suffix}"),
    };
    Some((name, kind))
}

/// The release in the rest of a CPE, `enterprise_linux:9::appstream`; none for other products.
pub(super) fn red_hat(cpe: &str) -> Option<&str> {
    let rest = cpe.find("enterprise_linux:").and_then(|start| cpe.get(start..))?;
    let version = rest.split(':').nth(1)?;
    // Releases of extended support, `8.6`, have packages of their own.
    (!version.is_empty()).then_some(version)
}

/// Of the tracker's name of a release.
pub(super) fn debian(codename: &str) -> String {
    let number = DEBIAN.iter().find(|(known, _)| *known == codename);
    format!("Debian:{}", number.map_or(codename, |(_, number)| *number))
}

/// Of the `.el9`, `.fc42`, `.amzn2023` in the release of an rpm.
pub(super) fn of_dist_tag(release: &str) -> Option<String> {
    const TAGS: [(&str, &str); 3] =
        [("el", "Enterprise Linux"), ("fc", "Fedora"), ("amzn", "Amazon Linux")];
    release.split(['.', '+', '_']).find_map(|part| {
        TAGS.iter().find_map(|(tag, name)| {
            let number = part.strip_prefix(tag)?;
            let fits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| format!("{name}:{number}"))
        })
    })
}

/// The ecosystems whose statements are about packages of this kind in an image of this
/// distribution.
pub(super) fn of_image(system: System<'_>, kind: &str) -> BTreeSet<String> {
    let family = |family: &str| BTreeSet::from([family.to_owned()]);
    match kind {
        "pypi" => family("PyPI"),
        "npm" => family("npm"),
        "cargo" => family("crates.io"),
        "golang" => family("Go"),
        "gem" => family("RubyGems"),
        "maven" => family("Maven"),
        "deb" => deb(system),
        "apk" => apk(system),
        "rpm" => rpm(system),
        _ => BTreeSet::new(),
    }
}

fn deb(system: System<'_>) -> BTreeSet<String> {
    match system {
        // Testing and unstable have no number.
        System { id: "debian", version_id: "", codename } if !codename.is_empty() => {
            BTreeSet::from([debian(codename)])
        }
        System { id: "debian", version_id, .. } if !version_id.is_empty() => {
            BTreeSet::from([format!("Debian:{}", major(version_id))])
        }
        System { id: "ubuntu", version_id, .. } if !version_id.is_empty() => {
            BTreeSet::from([format!("Ubuntu:{version_id}")])
        }
        _ => BTreeSet::new(),
    }
}

fn apk(system: System<'_>) -> BTreeSet<String> {
    let branch = || match system.version_id {
        // `3.23.0_alpha20251016`
        version if version.contains("_alpha") => "edge".to_owned(),
        version => {
            let mut numbers = version.splitn(3, '.');
            format!("v{}.{}", numbers.next().unwrap_or(""), numbers.next().unwrap_or(""))
        }
    };
    match system.id {
        "alpine" => BTreeSet::from([format!("Alpine:{}", branch())]),
        "wolfi" => BTreeSet::from(["Wolfi".to_owned()]),
        "chainguard" => BTreeSet::from(["Chainguard".to_owned(), "Wolfi".to_owned()]),
        "minimos" => BTreeSet::from(["MinimOS".to_owned()]),
        _ => BTreeSet::new(),
    }
}

fn rpm(system: System<'_>) -> BTreeSet<String> {
    let version = system.version_id;
    let first = major(version);
    let names: Vec<String> = match system.id {
        "almalinux" => vec![format!("AlmaLinux:{first}"), format!("Enterprise Linux:{first}")],
        "rocky" => vec![format!("Rocky Linux:{first}"), format!("Enterprise Linux:{first}")],
        "rhel" => vec![
            format!("Red Hat:{first}"),
            format!("Red Hat:{version}"),
            format!("Enterprise Linux:{first}"),
        ],
        "centos" | "ol" => vec![format!("Enterprise Linux:{first}")],
        "fedora" => vec![format!("Fedora:{version}")],
        "amzn" => vec![format!("Amazon Linux:{version}")],
        "azurelinux" => vec![format!("Azure Linux:{first}")],
        "photon" => vec![format!("Photon OS:{version}")],
        "mageia" => vec![format!("Mageia:{version}")],
        "openEuler" => vec![format!("openEuler:{version}")],
        "opensuse-leap" => vec![format!("openSUSE:Leap {version}")],
        "opensuse-tumbleweed" => vec!["openSUSE:Tumbleweed".to_owned()],
        "sles" => vec![format!("SUSE:Linux Enterprise Server {}", service_pack(version))],
        _ => Vec::new(),
    };
    names.into_iter().collect()
}

/// `15.5` is `15 SP5`.
fn service_pack(version: &str) -> String {
    match version.split_once('.') {
        Some((major, pack)) => format!("{major} SP{pack}"),
        None => version.to_owned(),
    }
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// The names under which a package is looked up, each with the version that is then compared.
/// Distributions of .deb and apk speak of source packages; those of rpm of either.
pub(super) fn names(package: Named<'_>) -> Vec<(String, String)> {
    let own = (package.name.to_owned(), package.version.to_owned());
    let source = package.source.map(|(name, version)| (name.to_owned(), version.to_owned()));
    match package.kind {
        "deb" | "apk" => vec![source.unwrap_or(own)],
        "rpm" => {
            let source = source.map(|(name, version)| (name, with_epoch(version, package.version)));
            let mut names = vec![own];
            names.extend(source.filter(|source| !names.contains(source)));
            names
        }
        "pypi" => vec![(python_name(package.name), own.1)],
        "maven" => vec![(package.name.replace('/', ":"), own.1)],
        _ => vec![own],
    }
}

/// The name of a source rpm has no epoch: it is that of its packages.
fn with_epoch(version: String, of: &str) -> String {
    match of.split_once(':') {
        Some((epoch, _)) if !version.contains(':') => format!("{epoch}:{version}"),
        _ => version,
    }
}

/// <https://packaging.python.org/en/latest/specifications/name-normalization/>
pub(super) fn python_name(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a wrong name here costs: a distribution's advisories that nobody finds.
    #[test]
    fn images_have_the_ecosystems_of_their_distribution() {
        for (id, version_id, codename, kind, expected) in [
            ("debian", "12", "bookworm", "deb", &["Debian:12"][..]),
            ("debian", "", "bookworm", "deb", &["Debian:12"]),
            ("debian", "", "", "deb", &[]),
            ("ubuntu", "24.04", "noble", "deb", &["Ubuntu:24.04"]),
            ("ubuntu", "", "noble", "deb", &[]),
            ("alpine", "3.22.1", "", "apk", &["Alpine:v3.22"]),
            ("alpine", "3.23.0_alpha20251016", "", "apk", &["Alpine:edge"]),
            ("wolfi", "20230201", "", "apk", &["Wolfi"]),
            ("chainguard", "20230214", "", "apk", &["Chainguard", "Wolfi"]),
            ("minimos", "1", "", "apk", &["MinimOS"]),
            ("almalinux", "9.5", "", "rpm", &["AlmaLinux:9", "Enterprise Linux:9"]),
            ("rocky", "9.5", "", "rpm", &["Enterprise Linux:9", "Rocky Linux:9"]),
            ("rhel", "9.5", "", "rpm", &["Enterprise Linux:9", "Red Hat:9", "Red Hat:9.5"]),
            ("centos", "9", "", "rpm", &["Enterprise Linux:9"]),
            ("ol", "8.10", "", "rpm", &["Enterprise Linux:8"]),
            ("fedora", "43", "", "rpm", &["Fedora:43"]),
            ("amzn", "2023", "", "rpm", &["Amazon Linux:2023"]),
            ("azurelinux", "3.0", "", "rpm", &["Azure Linux:3"]),
            ("photon", "5.0", "", "rpm", &["Photon OS:5.0"]),
            ("mageia", "9", "", "rpm", &["Mageia:9"]),
            ("openEuler", "24.03", "", "rpm", &["openEuler:24.03"]),
            ("opensuse-leap", "15.6", "", "rpm", &["openSUSE:Leap 15.6"]),
            ("opensuse-tumbleweed", "20251101", "", "rpm", &["openSUSE:Tumbleweed"]),
            ("sles", "15.5", "", "rpm", &["SUSE:Linux Enterprise Server 15 SP5"]),
            ("sles", "15", "", "rpm", &["SUSE:Linux Enterprise Server 15"]),
            ("debian", "12", "", "rpm", &[]),
            ("other", "1", "", "apk", &[]),
            ("other", "1", "", "pypi", &["PyPI"]),
            ("other", "1", "", "npm", &["npm"]),
            ("other", "1", "", "cargo", &["crates.io"]),
            ("other", "1", "", "golang", &["Go"]),
            ("other", "1", "", "gem", &["RubyGems"]),
            ("other", "1", "", "maven", &["Maven"]),
            ("other", "1", "", "generic", &[]),
        ] {
            let found = of_image(System { id, version_id, codename }, kind);
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            assert_eq!(found, expected, "{id} {version_id} {kind}");
        }
    }

    #[test]
    fn releases_of_red_hat_are_in_the_name_of_the_product() {
        for (cpe, expected) in [
            ("cpe:/o:redhat:enterprise_linux:9", Some("9")),
            ("cpe:/a:redhat:enterprise_linux:9::appstream", Some("9")),
            ("cpe:/a:redhat:enterprise_linux:8.6", Some("8.6")),
            ("cpe:/a:redhat:enterprise_linux:", None),
            ("cpe:/a:redhat:openshift:4", None),
        ] {
            assert_eq!(red_hat(cpe), expected, "{cpe}");
        }
        for (release, expected) in [
            ("25.el9_3", Some("Enterprise Linux:9")),
            ("1.fc43", Some("Fedora:43")),
            ("1.amzn2023.0.1", Some("Amazon Linux:2023")),
            ("1.module+el8.10.0+1", Some("Enterprise Linux:8")),
            ("1.elf", None),
            ("1.el", None),
            ("1", None),
        ] {
            assert_eq!(of_dist_tag(release).as_deref(), expected, "{release}");
        }
    }

    #[test]
    fn packages_are_looked_up_by_the_names_that_sources_use() {
        let named = |kind: &'static str, name: &'static str, source| {
            let found = names(Named { kind, name, version: "1:2", source });
            found.into_iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>()
        };
        let source = Some(("src", "3"));
        for kind in ["deb", "apk"] {
            assert_eq!(named(kind, "it", source), ["src 3"]);
            assert_eq!(named(kind, "it", None), ["it 1:2"]);
        }
        assert_eq!(named("rpm", "it", source), ["it 1:2", "src 1:3"]);
        assert_eq!(named("rpm", "it", Some(("src", "0:3"))), ["it 1:2", "src 0:3"]);
        assert_eq!(named("rpm", "it", Some(("it", "2"))), ["it 1:2"]);
        assert_eq!(named("pypi", "Polite_.Kit", source), ["polite-kit 1:2"]);
        assert_eq!(named("maven", "org.x/it", source), ["org.x:it 1:2"]);
        assert_eq!(named("npm", "@x/it", source), ["@x/it 1:2"]);
    }
}
