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
pub(super) const GONE: &str = "gone-with-package";
pub(super) const CAPABILITY: &str = "script-capability";
pub(super) const SCRIPT: &str = "script-rights";
pub(super) const INSTALLER: &str = "python-installer";
pub(super) const PROGRAM: &str = "python-program";
pub(super) const LINK: &str = "program-link";
pub(super) const FILE: &str = "package-file";
pub(super) const GEM_SPECIFICATION: &str = "gem-specification";
pub(super) const GEM_PROGRAM: &str = "gem-program";
pub(super) const UNPACKED: &str = "crate-unpacked";
pub(super) const CHECKSUMS: &str = "package-checksums";
pub(super) const BUILT: &str = "built-of-package";
pub(super) const PRIVILEGES: &str = "script-privileges";
pub(super) const EDITED: &str = "edited-before";
pub(super) const BYTECODE: &str = "bytecode";

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
    Installed { id: GONE, reason: "was made of what the package's file brought" },
    Installed {
        id: CAPABILITY,
        reason: "what the package's file brings, with capabilities that a script in that file names \
                 for it; new ones are a risk of their own",
    },
    Installed {
        id: SCRIPT,
        reason: "what the package's file brings, with rights or an owner that a script in that file \
                 names for it",
    },
    Installed { id: INSTALLER, reason: "notes of the program that installed the package" },
    Installed {
        id: PROGRAM,
        reason: "starts a function of the package, as every installer of Python writes it",
    },
    Installed { id: LINK, reason: "a link to what the package's file brings" },
    Installed { id: FILE, reason: "the package's file itself" },
    Installed {
        id: GEM_SPECIFICATION,
        reason: "states of the gem what its file says, and does nothing else",
    },
    Installed { id: GEM_PROGRAM, reason: "starts a program of the gem, as RubyGems writes it" },
    Installed { id: UNPACKED, reason: "cargo notes that it has unpacked the crate" },
    Installed {
        id: CHECKSUMS,
        reason: "the manager keeps here the checksums of a package, and they are those of its file",
    },
];

/// Ways in which a file may come of a package, and which nothing proves.
pub static UNPROVEN: &[Installed] = &[
    Installed {
        id: PRIVILEGES,
        reason: "what the package's file brings, with setuid or setgid that it does not have there: \
                 a script in that file names the path and these rights",
    },
    Installed {
        id: EDITED,
        reason: "another content than the package's file brings, as it was before: the instruction \
                 that made it so is the same; what it makes of the new file is not checked",
    },
    Installed {
        id: BUILT,
        reason: "of a kind that is built of the package when it is installed or used: compiled \
                 libraries and programs, notes, documentation; what it holds is not checked",
    },
    Installed {
        id: BYTECODE,
        reason: "compiled from the module beside it, which it names and which is as the package's \
                 file brings it; the bytecode itself is not checked",
    },
];

/// Why a file of a rule is no surprise.
pub(super) fn reason(id: &str) -> Option<&'static str> {
    INSTALLED.iter().chain(UNPROVEN).find(|rule| rule.id == id).map(|rule| rule.reason)
}

/// Whether a rule is one that proves nothing.
pub(super) fn is_unproven(id: &str) -> bool {
    UNPROVEN.iter().any(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_complete() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in INSTALLED.iter().chain(UNPROVEN) {
            assert!(seen.insert(rule.id), "`{}` stands twice", rule.id);
            assert!(!rule.reason.is_empty() && !rule.reason.ends_with('.'), "`{}`", rule.id);
        }
    }
}
