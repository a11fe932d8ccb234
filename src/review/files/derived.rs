//! Files that no package holds and that follow from which packages are there: databases, caches,
//! lists. One rule each, with its reason.

use super::owners::Owners;
use crate::diff::FileDifference;
use crate::store::{Node, NodeKind};

/// Id of the rule for directories that hold nothing.
pub(super) const EMPTY_DIRECTORY: &str = "empty-directory";

/// What a derived file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Anything.
    Any,
    /// A symbolic link, on both sides where both have it.
    Link,
    /// A symbolic link with a target that starts like this.
    LinkInto(&'static str),
    /// A directory that came or went and holds nothing.
    EmptyDirectory,
}

/// A rule about derived files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derived {
    /// Stable id.
    pub id: &'static str,
    /// The files, from the root, without a slash at the start: a last `*` stands for any rest, `*`
    /// before that for a part of a path.
    pub paths: &'static [&'static str],
    /// What the files are.
    pub form: Form,
    /// Kinds of packages that it follows from: one of these must have moved. None: any.
    pub kinds: &'static [&'static str],
    /// Why it follows.
    pub reason: &'static str,
}

/// All rules.
pub static DERIVED: &[Derived] = &[
    Derived {
        id: "dpkg-database",
        paths: &[
            "var/lib/dpkg/status",
            "var/lib/dpkg/status-old",
            "var/lib/dpkg/available",
            "var/lib/dpkg/available-old",
            "var/lib/dpkg/diversions",
            "var/lib/dpkg/diversions-old",
            "var/lib/dpkg/statoverride",
            "var/lib/dpkg/statoverride-old",
            "var/lib/dpkg/lock",
            "var/lib/dpkg/lock-frontend",
            "var/lib/dpkg/triggers/*",
            "var/lib/dpkg/info/format",
            "var/lib/dpkg/arch",
        ],
        form: Form::Any,
        kinds: &["deb"],
        reason: "dpkg notes here what is installed",
    },
    Derived {
        id: "dpkg-lists",
        paths: &["var/lib/dpkg/info/*.list"],
        form: Form::Any,
        kinds: &["deb"],
        reason: "the paths of a package; dpkg writes other packages' lists anew where one changes \
                 hands, and only lists of packages that moved explain anything",
    },
    Derived {
        id: "apt-state",
        paths: &[
            "var/lib/apt/extended_states",
            "var/lib/apt/lists/*",
            "var/cache/apt/*",
            "var/log/apt/*",
            "var/log/dpkg.log",
            "var/log/alternatives.log",
            "var/lib/ucf/*",
        ],
        form: Form::Any,
        kinds: &["deb"],
        reason: "apt and its helpers keep here indexes and package files, which the lock pins, and notes",
    },
    Derived {
        id: "debconf",
        paths: &["var/cache/debconf/*"],
        form: Form::Any,
        kinds: &["deb"],
        reason: "the questions of installed packages",
    },
    Derived {
        id: "alternatives",
        paths: &["var/lib/dpkg/alternatives/*", "var/lib/alternatives/*"],
        form: Form::Any,
        kinds: &["deb", "rpm"],
        reason: "which packages offer the same command",
    },
    Derived {
        id: "alternatives-choice",
        paths: &["etc/alternatives/*"],
        form: Form::Link,
        kinds: &["deb", "rpm"],
        reason: "the package that was chosen of several that offer the same command",
    },
    Derived {
        id: "alternatives-link",
        paths: &["usr/*", "bin/*", "sbin/*", "lib/*", "etc/*"],
        form: Form::LinkInto("/etc/alternatives/"),
        kinds: &["deb", "rpm"],
        reason: "the name under which the chosen one of several packages is found",
    },
    Derived {
        id: "rpm-database",
        paths: &[
            "var/lib/rpm/*",
            "usr/lib/sysimage/rpm/*",
            "var/lib/dnf/*",
            "usr/lib/sysimage/libdnf5/*",
            "var/cache/dnf/*",
            "var/cache/yum/*",
            "var/cache/libdnf5/*",
            "var/log/dnf*",
            "var/log/hawkey.log",
        ],
        form: Form::Any,
        kinds: &["rpm"],
        reason: "rpm and dnf note here what is installed",
    },
    Derived {
        id: "apk-database",
        paths: &[
            "lib/apk/db/*",
            "usr/lib/apk/db/*",
            "etc/apk/world",
            "var/cache/apk/*",
            "etc/apk/cache/*",
        ],
        form: Form::Any,
        kinds: &["apk"],
        reason: "apk notes here what is installed",
    },
    Derived {
        id: "linker-cache",
        paths: &["etc/ld.so.cache", "var/cache/ldconfig/aux-cache"],
        form: Form::Any,
        kinds: &[],
        reason: "ldconfig lists here the libraries that it finds",
    },
    Derived {
        id: "library-link",
        paths: &["lib/*.so.*", "usr/lib/*.so.*", "lib64/*.so.*", "usr/lib64/*.so.*"],
        form: Form::Link,
        kinds: &["deb", "rpm"],
        reason: "ldconfig makes the link from a library's name to its file",
    },
    Derived {
        id: "desktop-caches",
        paths: &[
            "usr/share/mime/*",
            "usr/share/icons/*/icon-theme.cache",
            "usr/share/glib-2.0/schemas/gschemas.compiled",
            "usr/lib/*/gio/modules/giomodule.cache",
            "usr/lib/*/gdk-pixbuf-2.0/*/loaders.cache",
            "usr/lib64/gio/modules/giomodule.cache",
            "usr/lib64/gdk-pixbuf-2.0/*/loaders.cache",
            "usr/share/applications/mimeinfo.cache",
            "var/cache/fontconfig/*",
            "usr/lib/fontconfig/cache/*",
        ],
        form: Form::Any,
        kinds: &[],
        reason: "caches over files of packages, made when one of them is installed",
    },
    Derived {
        id: "documentation-index",
        paths: &[
            "usr/share/info/dir",
            "var/cache/man/*",
            "var/lib/sgml-base/*",
            "etc/sgml/*",
            "var/lib/xml-core/*",
            "etc/xml/*",
            "var/lib/emacsen-common/*",
            "usr/share/vim/*/doc/tags",
        ],
        form: Form::Any,
        kinds: &[],
        reason: "lists of the documents that packages bring",
    },
    Derived {
        id: "locale-archive",
        paths: &["usr/lib/locale/locale-archive", "usr/lib/locale/C.utf8/*"],
        form: Form::Any,
        kinds: &["deb", "rpm"],
        reason: "compiled from the definitions that packages bring",
    },
    Derived {
        id: "certificate-bundle",
        paths: &[
            "etc/ssl/certs/*",
            "etc/ssl/cert.pem",
            "etc/ssl/certs/java/cacerts",
            "etc/ca-certificates.conf",
            "etc/pki/ca-trust/extracted/*",
            "usr/lib/ssl/cert.pem",
        ],
        form: Form::Any,
        kinds: &["deb", "rpm", "apk"],
        reason: "put together from the authorities that packages bring; changes of them are a risk \
                 of their own",
    },
    Derived {
        id: "accounts",
        paths: &[
            "etc/passwd",
            "etc/passwd-",
            "etc/group",
            "etc/group-",
            "etc/shadow",
            "etc/shadow-",
            "etc/gshadow",
            "etc/gshadow-",
            "etc/subuid",
            "etc/subuid-",
            "etc/subgid",
            "etc/subgid-",
            "etc/shells",
            "etc/.pwd.lock",
        ],
        form: Form::Any,
        kinds: &["deb", "rpm", "apk"],
        reason: "scripts of packages make users and groups; new ones are a risk of their own",
    },
    Derived {
        id: "systemd-state",
        paths: &[
            "var/lib/systemd/deb-systemd-helper-enabled/*",
            "var/lib/systemd/deb-systemd-user-helper-enabled/*",
            "var/lib/systemd/deb-systemd-helper-masked/*",
            "var/lib/systemd/catalog/database",
        ],
        form: Form::Any,
        kinds: &["deb", "rpm"],
        reason: "notes of which services packages' scripts have enabled",
    },
    Derived {
        id: "enabled-services",
        paths: &["etc/systemd/system/*", "etc/systemd/user/*", "etc/rc*.d/*"],
        form: Form::Link,
        kinds: &["deb", "rpm"],
        reason: "which services of packages start; new ones are a risk of their own",
    },
    Derived {
        id: "pam",
        paths: &["etc/pam.d/common-*", "var/lib/pam/*"],
        form: Form::Any,
        kinds: &["deb"],
        reason: "put together from the profiles that packages bring; who may log in is a risk of \
                 its own",
    },
    Derived {
        id: "machine-id",
        paths: &["etc/machine-id", "var/lib/dbus/machine-id"],
        form: Form::Any,
        kinds: &["deb", "rpm"],
        reason: "the name of the machine, made when the package that needs one is installed",
    },
    Derived {
        id: "module-caches",
        paths: &[
            "usr/lib/*gconv/gconv-modules.cache",
            "usr/lib64/gconv/gconv-modules.cache",
            "usr/lib/*/gtk-*/immodules.cache",
            "usr/lib/udev/hwdb.bin",
            "lib/udev/hwdb.bin",
            "etc/udev/hwdb.bin",
            "usr/lib/jvm/*/lib/server/classes*.jsa",
        ],
        form: Form::Any,
        kinds: &[],
        reason: "lists and caches of modules that packages bring, made when they are installed",
    },
    Derived {
        id: "install-logs",
        paths: &[
            "var/log/fontconfig.log",
            "var/log/bootstrap.log",
            "var/log/lastlog",
            "var/log/faillog",
            "var/log/btmp",
            "var/log/wtmp",
        ],
        form: Form::Any,
        kinds: &["deb", "rpm"],
        reason: "logs that packages' scripts write or make room for",
    },
    Derived {
        id: "python-registry",
        paths: &["var/lib/python/*", "usr/share/python3/runtime.d/*", "etc/python3*/*"],
        form: Form::Any,
        kinds: &["deb"],
        reason: "which packages have modules that were compiled when they were installed",
    },
    Derived {
        id: EMPTY_DIRECTORY,
        paths: &["*"],
        form: Form::EmptyDirectory,
        kinds: &[],
        reason: "packages' scripts make directories for what their programs will write; nothing is \
                 in it",
    },
];

/// Why files of a rule follow from packages.
pub fn reason(id: &str) -> &'static str {
    DERIVED.iter().find(|rule| rule.id == id).map_or("", |rule| rule.reason)
}

/// The rule for a file, where packages moved that it follows from. Whether a directory is empty only
/// the other files tell: no rule is given for that.
pub(super) fn rule(file: &FileDifference, owners: &Owners<'_>) -> Option<&'static Derived> {
    DERIVED.iter().find(|rule| {
        let follows = rule.kinds.is_empty() || rule.kinds.iter().any(|it| owners.kind_moved(it));
        follows
            && has_form(rule.form, file)
            && rule.paths.iter().any(|pattern| matches(pattern.as_bytes(), &file.path))
    })
}

fn has_form(form: Form, file: &FileDifference) -> bool {
    let is_link_into = |node: &Node, start: &str| match &node.kind {
        NodeKind::Symlink(target) => target.starts_with(start.as_bytes()),
        _ => false,
    };
    let all_links = |start: &str| {
        [&file.left, &file.right].into_iter().flatten().all(|node| is_link_into(node, start))
    };
    match form {
        Form::Any => true,
        Form::Link => all_links(""),
        Form::LinkInto(start) => all_links(start),
        Form::EmptyDirectory => false,
    }
}

/// `*` is any text; it may hold slashes.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = pieces.next().and_then(|first| path.strip_prefix(first)) else {
        return false;
    };
    let pieces: Vec<&[u8]> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let found = rest.windows(piece.len().max(1)).position(|window| window == *piece);
        let Some(at) = found else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, path, expected) in [
            ("etc/ld.so.cache", "etc/ld.so.cache", true),
            ("etc/ld.so.cache", "etc/ld.so.cache2", false),
            ("var/lib/rpm/*", "var/lib/rpm/a/b", true),
            ("var/lib/rpm/*", "var/lib/rpmx", false),
            (
                "usr/lib/*/gio/modules/giomodule.cache",
                "usr/lib/x/gio/modules/giomodule.cache",
                true,
            ),
            ("usr/lib/*/gio/modules/giomodule.cache", "usr/lib/gio/modules/giomodule.cache", false),
            ("lib/*.so.*", "lib/x86_64/libz.so.1", true),
            ("lib/*.so.*", "lib/x86_64/libz.a", false),
            ("etc/rc*.d/*", "etc/rc2.d/S01x", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn rules_are_complete() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in DERIVED {
            assert!(seen.insert(rule.id), "`{}` stands twice", rule.id);
            assert!(!rule.paths.is_empty() && !rule.reason.ends_with('.'), "`{}`", rule.id);
            assert!(rule.paths.iter().all(|path| !path.starts_with('/')), "`{}`", rule.id);
        }
    }
}
