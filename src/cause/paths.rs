//! The table of paths that are known to differ between builds, with the cause of each. Secrets and
//! what a normaliser is for come before it, the look at the content after it.

use crate::normalize::matches;

/// Paths of one cause.
struct Known {
    cause: &'static str,
    paths: &'static [&'static str],
}

/// The first entry that matches counts. The paths are those that were seen to differ in builds of
/// real Dockerfiles, or that projects which make reproducible images clean up.
static KNOWN: &[Known] = &[
    // The public halves of keys that the build made: they differ because the private ones do.
    Known {
        cause: "secret",
        paths: &[
            "etc/ssh/ssh_host_*_key.pub",
            "etc/ssl/certs/ssl-cert-snakeoil.pem",
            "etc/dovecot/dovecot.pem",
            "root/.ssh/id_*.pub",
            "home/*/.ssh/id_*.pub",
        ],
    },
    Known { cause: "ldconfig-aux-cache", paths: &["var/cache/ldconfig/aux-cache"] },
    Known {
        cause: "app-state",
        paths: &[
            "var/lib/mysql/**",
            "var/lib/postgresql/**",
            "etc/ldap/slapd.d/**",
            "var/lib/ldap/**",
            "etc/aliases.db",
            "etc/postfix/*.db",
            "var/lib/redis/**",
            "var/lib/mongodb/**",
        ],
    },
    Known {
        cause: "log",
        paths: &[
            "var/log/**",
            "var/lib/texmf/**/*.log",
            "root/.npm/_logs/**",
            "home/*/.npm/_logs/**",
            "**/extensions/**/mkmf.log",
            "**/extensions/**/gem_make.out",
            "var/lib/dnf/repos/*/countme",
            "tmp/**/*.log",
        ],
    },
    Known { cause: "network-content", paths: &["var/lib/apt/lists/**", "**/.git/**"] },
    Known {
        cause: "derived-cache",
        paths: &[
            "var/cache/**",
            "usr/share/mime/mime.cache",
            "root/.cache/**",
            "home/*/.cache/**",
            "root/.npm/**",
            "home/*/.npm/**",
            "root/.m2/**",
            "root/.gradle/**",
            "**/node_modules/.cache/**",
            "**/node_modules/.yarn-integrity",
            "**/node_modules/.modules.yaml",
            "**/conda-meta/history",
            "**/conda/pkgs/urls*",
            "**/.cargo/.global-cache",
            "**/cargo/.global-cache",
            "**/cargo/registry/index/**",
            "**/.cargo/registry/index/**",
            "**/target/.rustc_info.json",
            "**/target/**/.fingerprint/**",
            "**/target/**/incremental/**",
            "tmp/node-compile-cache/**",
            "**/classes.jsa",
        ],
    },
    Known {
        cause: "package-database",
        paths: &[
            "var/lib/dpkg/**",
            "var/lib/apt/extended_states",
            "lib/apk/db/**",
            "usr/lib/apk/db/**",
            "etc/apk/world",
            "var/lib/rpm/**",
            "usr/lib/sysimage/rpm/**",
            "var/lib/dnf/**",
            "usr/lib/sysimage/libdnf5/**",
            "var/lib/yum/**",
            "var/lib/pacman/local/**",
        ],
    },
    Known {
        cause: "random-id",
        paths: &[
            "etc/machine-id",
            "var/lib/dbus/machine-id",
            "var/lib/systemd/random-seed",
            "etc/popularity-contest.conf",
            "etc/cron.d/popularity-contest",
            "etc/openvswitch/system-id.conf",
            "etc/iscsi/initiatorname.iscsi",
            "etc/nvme/host*",
            "var/lib/zypp/AnonymousUniqueId",
            "**/.next/BUILD_ID",
        ],
    },
    Known {
        cause: "date-in-content",
        paths: &[
            "etc/ssl/certs/java/cacerts",
            "etc/pki/ca-trust/extracted/java/cacerts",
            "etc/mdadm/mdadm.conf",
            "etc/.updated",
            "var/.updated",
            "**/perllocal.pod",
            "**/uv_cache.json",
        ],
    },
    Known {
        cause: "compiled-output",
        paths: &["var/lib/texmf/web2c/**", "**/*.fmt", "**/*.rlib", "**/*.exe.so", "**/*.dll.so"],
    },
    Known { cause: "archive-stamp", paths: &["boot/initrd*", "boot/initramfs*"] },
    Known {
        cause: "builder-injected",
        paths: &[
            "etc/hosts",
            "etc/resolv.conf",
            ".dockerenv",
            "run/.containerenv",
            "root/buildinfo/**",
            "proc",
            "sys",
            "dev",
        ],
    },
    Known {
        cause: "environment",
        paths: &[
            "etc/hostname",
            "etc/mailname",
            "etc/apt/apt.conf.d/01autoremove-kernels",
            "run/motd.dynamic",
        ],
    },
    Known {
        cause: "leftover",
        paths: &[
            "tmp/**",
            "var/tmp/**",
            "run/**",
            "etc/passwd-",
            "etc/group-",
            "etc/gshadow-",
            "etc/subuid-",
            "etc/subgid-",
            "etc/.pwd.lock",
            "etc/apt/trustdb.gpg",
            "**/.gnupg/**",
            "**/.wget-hsts",
            "**/.bash_history",
            "**/.python_history",
            "**/.viminfo",
            "**/.lesshst",
            "usr/local/lib/php/.channels/**",
            "usr/local/lib/php/.registry/**",
            "usr/local/lib/php/.filemap",
            "usr/local/lib/php/.lock",
        ],
    },
    Known { cause: "order", paths: &["var/lib/systemd/catalog/database", "**/hwdb.bin"] },
];

/// The cause that is known for a path.
pub(super) fn known_cause(path: &[u8]) -> Option<&'static str> {
    let known = KNOWN.iter().find(|known| known.paths.iter().any(|pattern| matches(pattern, path)));
    known.map(|known| known.cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Cause;

    #[test]
    fn every_entry_names_a_cause_and_well_formed_paths() {
        for known in KNOWN {
            assert!(Cause::find(known.cause).is_some(), "`{}`", known.cause);
            assert!(known.paths.iter().all(|path| !path.starts_with('/') && !path.ends_with('/')));
        }
    }

    #[test]
    fn paths_that_were_measured_are_known() {
        for (path, cause) in [
            ("var/log/apt/term.log", Some("log")),
            ("var/cache/ldconfig/aux-cache", Some("ldconfig-aux-cache")),
            ("var/cache/fontconfig/0bd3-le64.cache-8", Some("derived-cache")),
            ("var/lib/mysql/ibdata1", Some("app-state")),
            ("var/lib/postgresql/15/main/global/pg_control", Some("app-state")),
            ("var/lib/texmf/web2c/luatex/luatex.fmt", Some("compiled-output")),
            ("var/lib/texmf/web2c/luatex/luatex.log", Some("log")),
            ("root/.npm/_cacache/index-v5/ab/cd", Some("derived-cache")),
            ("var/lib/apt/lists/deb.example_dists_x_InRelease", Some("network-content")),
            ("var/lib/dpkg/status", Some("package-database")),
            ("etc/ssh/ssh_host_rsa_key.pub", Some("secret")),
            ("usr/bin/env", None),
            ("etc/passwd", None),
            ("etc/ld.so.cache", None),
        ] {
            assert_eq!(known_cause(path.as_bytes()), cause, "{path}");
        }
    }
}
