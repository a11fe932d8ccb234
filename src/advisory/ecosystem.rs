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
