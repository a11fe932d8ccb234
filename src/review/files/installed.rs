//! Ways in which an installed file is rightly another one than its package brings, or is brought by
//! none: one rule each, with its reason. All of them rest on the package's file.

/// A rule about what installing makes of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installed {
    /// Stable id.
    pub id: &'static str,
    /// Why it is no surprise.
    pub reason: &'static str,
}

pub(super) const NOTES: &str = "dpkg-notes";
pub(super) const DIVERSION: &str = "dpkg-diversion";
pub(super) const OVERRIDE: &str = "dpkg-statoverride";
pub(super) const EXCLUDED: &str = "dpkg-path-exclude";
pub(super) const RESTRICTED: &str = "fewer-rights";
pub(super) const DIRECTORY: &str = "directory-rights";
pub(super) const MERGED_LINK: &str = "merged-directory";
pub(super) const GHOST: &str = "rpm-ghost";
pub(super) const BESIDE: &str = "new-configuration";
pub(super) const BYTECODE: &str = "bytecode";
pub(super) const INSTALLER: &str = "python-installer";
pub(super) const PROGRAM: &str = "python-program";
pub(super) const LINK: &str = "program-link";
pub(super) const FILE: &str = "package-file";

/// All rules.
pub static INSTALLED: &[Installed] = &[
    Installed {
        id: NOTES,
        reason: "dpkg keeps here the paths, scripts and checksums of a package, and they are those \
                 of its file",
    },
    Installed {
        id: DIVERSION,
        reason: "what the package's file brings, where dpkg-divert says to put it",
    },
    Installed {
        id: OVERRIDE,
        reason: "what the package's file brings, with the rights that dpkg-statoverride gives it",
    },
    Installed { id: EXCLUDED, reason: "dpkg is told to leave out what the package has there" },
    Installed {
        id: RESTRICTED,
        reason: "what the package's file brings, with fewer rights than it asks for",
    },
    Installed {
        id: DIRECTORY,
        reason: "a directory of the package, which a script has given to the user of its program",
    },
    Installed {
        id: MERGED_LINK,
        reason: "a directory of old that is a link where all programs and libraries are below /usr",
    },
    Installed { id: GHOST, reason: "the package says that something will make it, and not what" },
    Installed {
        id: BESIDE,
        reason: "configuration as the package's file brings it, put beside the one in use",
    },
    Installed {
        id: BYTECODE,
        reason: "compiled from the module beside it, which is as the package's file brings it; the \
                 bytecode itself is not checked",
    },
    Installed { id: INSTALLER, reason: "notes of the program that installed the package" },
    Installed {
        id: PROGRAM,
        reason: "starts a function of the package, as every installer of Python writes it",
    },
    Installed { id: LINK, reason: "a link to what the package's file brings" },
    Installed { id: FILE, reason: "the package's file itself" },
];

/// Why a file of a rule is no surprise.
pub(super) fn reason(id: &str) -> Option<&'static str> {
    INSTALLED.iter().find(|rule| rule.id == id).map(|rule| rule.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_complete() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in INSTALLED {
            assert!(seen.insert(rule.id), "`{}` stands twice", rule.id);
            assert!(!rule.reason.is_empty() && !rule.reason.ends_with('.'), "`{}`", rule.id);
        }
    }
}
