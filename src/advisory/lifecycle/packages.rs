//! Which distribution an image is of, by the packages that a lock lists of it: each has one that is
//! made for every release.

use crate::package::Distribution;

/// Packages of rpm that are called after the release, and the `ID` of their distribution.
const RPM: [(&str, &str); 5] = [
    ("fedora-release-common", "fedora"),
    ("fedora-release", "fedora"),
    ("redhat-release", "rhel"),
    ("rocky-release", "rocky"),
    ("almalinux-release", "almalinux"),
];

impl super::Lifecycle {
    /// The distribution of an image with these packages, each as `deb:adduser 3.134`.
    pub fn of_packages(packages: &[String]) -> Option<Distribution> {
        packages.iter().find_map(|text| {
            let (kind, rest) = text.split_once(':')?;
            let (name, version) = rest.split_once(' ')?;
            let name = name.split(':').next().unwrap_or(name);
            let (id, version) = match kind {
                "deb" if name == "base-files" => ("debian", debian(version)?),
                "apk" if name == "alpine-release" => ("alpine", version.split('-').next()?),
                "rpm" => {
                    let (_, id) = RPM.iter().find(|(package, _)| *package == name)?;
                    // An epoch stands before the version, a release behind it.
                    let version = version.rsplit(':').next()?.split('-').next()?;
                    (*id, version)
                }
                _ => return None,
            };
            Some(Distribution {
                id: id.to_owned(),
                version_id: version.to_owned(),
                codename: None,
                like: Vec::new(),
            })
        })
    }
}

/// `12` of `12.4+deb12u5`; what others make of Debian has another form.
fn debian(version: &str) -> Option<&str> {
    let (number, rest) = version.split_once('+').unwrap_or((version, "deb"));
    let is_number = number
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit()));
    let is_own = rest.starts_with("deb") && !rest.contains('+');
    (is_number && is_own).then(|| number.split('.').next()).flatten()
}

#[cfg(test)]
mod tests {
    use crate::advisory::lifecycle::Lifecycle;

    #[test]
    fn a_package_says_the_release() {
        for (package, expected) in [
            ("deb:base-files 12.4+deb12u5", "debian 12"),
            ("deb:base-files:amd64 13.8", "debian 13"),
            ("deb:base-files 13ubuntu10.1", ""),
            ("deb:base-files 1:2026.1.0", ""),
            ("deb:base-files 12.4+deb12u5+rpi1", ""),
            ("deb:base-passwd 12.4", ""),
            ("apk:alpine-release 3.23.6-r0", "alpine 3.23.6"),
            ("rpm:fedora-release-common 41-27", "fedora 41"),
            ("rpm:rocky-release 9.4-1.7.el9", "rocky 9.4"),
            ("rpm:redhat-release 0:9.4-0.5.el9", "rhel 9.4"),
            ("nonsense", ""),
        ] {
            let found = Lifecycle::of_packages(&["deb:adduser 3".to_owned(), package.to_owned()]);
            let found = found.map(|it| format!("{} {}", it.id, it.version_id));
            assert_eq!(found.unwrap_or_default(), expected, "{package}");
        }
    }
}
