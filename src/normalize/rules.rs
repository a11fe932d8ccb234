//! The table of rules. A rule is here only where the noise was seen to differ between two builds
//! that had `SOURCE_DATE_EPOCH` in the environment of each step: fontconfig's caches, Python's
//! bytecode and what gcc compiles are equal then, and need none. Secrets never get one.

use super::Action::{Empty, Remove, Rewrite};
use super::{Rule, rewrite};

/// Every rule, in the order in which they are applied.
pub static RULES: &[Rule] = &[
    Rule {
        id: "apt-log",
        cause: "log",
        title: "logs of apt",
        why: "apt writes the start and end time of each run, and its resolver's state with the \
              times of package lists; nothing reads them.",
        action: Remove,
        paths: &[
            "var/log/apt/history.log",
            "var/log/apt/term.log",
            "var/log/apt/eipp.log.xz",
            "var/log/unattended-upgrades/*.log",
        ],
    },
    Rule {
        id: "dpkg-log",
        cause: "log",
        title: "logs of dpkg",
        why: "dpkg and update-alternatives write a line with the time for each package and link.",
        action: Remove,
        paths: &["var/log/dpkg.log", "var/log/alternatives.log"],
    },
    Rule {
        id: "apk-log",
        cause: "log",
        title: "log of apk",
        why: "apk 3 writes the command and the time of each run.",
        action: Remove,
        paths: &["var/log/apk.log"],
    },
    Rule {
        id: "bootstrap-log",
        cause: "log",
        title: "log of debootstrap",
        why: "debootstrap leaves the output of the whole installation, with download speeds.",
        action: Remove,
        paths: &["var/log/bootstrap.log"],
    },
    Rule {
        id: "fontconfig-log",
        cause: "log",
        title: "log of fontconfig",
        why: "fc-cache names the cache files that it removes in the order in which the file system \
              lists them, which differs from disk to disk.",
        action: Remove,
        paths: &["var/log/fontconfig.log"],
    },
    Rule {
        id: "texmf-log",
        cause: "log",
        title: "logs of TeX formats",
        why: "Each format that fmtutil makes leaves a log with the time in its first line.",
        action: Remove,
        paths: &["var/lib/texmf/web2c/**/*.log"],
    },
    Rule {
        id: "npm-log",
        cause: "log",
        title: "logs of npm",
        why: "Each run of npm leaves a log whose name is the time.",
        action: Remove,
        paths: &["root/.npm/_logs/*-debug-*.log", "root/.npm/_update-notifier-last-checked"],
    },
    Rule {
        id: "login-records",
        cause: "log",
        title: "login records",
        why: "Programs that make users or open sessions write times into these files. They must \
              exist for login to write to them, so they are emptied, not removed.",
        action: Empty,
        paths: &["var/log/btmp", "var/log/faillog", "var/log/lastlog", "var/log/wtmp"],
    },
    Rule {
        id: "ldconfig-aux-cache",
        cause: "ldconfig-aux-cache",
        title: "ldconfig's auxiliary cache",
        why: "Inode, device and change time of each library; ldconfig makes it again. \
              `/etc/ld.so.cache`, which programs use, is deterministic and stays.",
        action: Remove,
        paths: &["var/cache/ldconfig/aux-cache"],
    },
    Rule {
        id: "apt-binary-cache",
        cause: "derived-cache",
        title: "apt's binary caches",
        why: "Memory images of the package lists with their times and addresses; apt makes them \
              again.",
        action: Remove,
        paths: &["var/cache/apt/pkgcache.bin", "var/cache/apt/srcpkgcache.bin"],
    },
    Rule {
        id: "apt-key-copy",
        cause: "leftover",
        title: "apt's copy of a key that stands in a source",
        why: "For a source whose `Signed-By` is the key itself, apt's gpgv method writes the key to a \
              file with a random name and removes it after it has said that the signature is good; apt \
              ends the method as soon as it has heard that, so that often the file stays. The key is in \
              the source, where it is compared.",
        action: Remove,
        paths: &["tmp/apt-key.??????.asc"],
    },
    Rule {
        id: "node-compile-cache",
        cause: "derived-cache",
        title: "Node's compile caches",
        why: "Machine code of JavaScript with times and hashes that differ each time; npm since \
              Node 22, pnpm and yarn 1 leave it in `/tmp` and make it again.",
        action: Remove,
        paths: &["tmp/node-compile-cache/**", "tmp/v8-compile-cache-*/**"],
    },
    Rule {
        id: "machine-id",
        cause: "random-id",
        title: "machine-id",
        why: "A random id that all containers of the image would share. Empty is the form that \
              machine-id(5) has for images.",
        action: Rewrite(rewrite::empty_machine_id),
        paths: &["etc/machine-id"],
    },
    Rule {
        id: "dbus-machine-id",
        cause: "random-id",
        title: "dbus's machine-id",
        why: "A random id; dbus makes it at its first start, or takes `/etc/machine-id`.",
        action: Remove,
        paths: &["var/lib/dbus/machine-id"],
    },
    Rule {
        id: "rpm-database-index",
        cause: "derived-cache",
        title: "index of rpm's write-ahead log",
        why: "SQLite keeps in shared memory where in the log which page is, with random numbers; who \
              opens the database first makes it anew. The database itself stays.",
        action: Remove,
        paths: &["var/lib/rpm/rpmdb.sqlite-shm", "usr/lib/sysimage/rpm/rpmdb.sqlite-shm"],
    },
    Rule {
        id: "random-seed",
        cause: "random-id",
        title: "systemd's random seed",
        why: "A seed for the kernel's generator, which must not be shared; systemd makes it at \
              shutdown.",
        action: Remove,
        paths: &["var/lib/systemd/random-seed"],
    },
    Rule {
        id: "shadow-last-change",
        cause: "day-stamp",
        title: "day of the last password change",
        why: "Field 3 of `/etc/shadow` is the day on which the build made the user: equal today, \
              different tomorrow. Days after the epoch become the epoch's; passwords are not \
              touched.",
        action: Rewrite(rewrite::clamp_shadow),
        paths: &["etc/shadow", "etc/shadow-"],
    },
    Rule {
        id: "mdadm-comment",
        cause: "date-in-content",
        title: "date in mdadm.conf",
        why: "mdadm's maintainer script writes a comment with the date of the installation.",
        action: Rewrite(rewrite::undate_mdadm),
        paths: &["etc/mdadm/mdadm.conf"],
    },
    Rule {
        id: "pnpm-state",
        cause: "leftover",
        title: "pnpm's note of its last look for updates",
        why: "pnpm notes the time at which it asked for its own newest version.",
        action: Remove,
        paths: &["root/.local/state/pnpm/pnpm-state.json"],
    },
    Rule {
        id: "wget-hsts",
        cause: "leftover",
        title: "wget's list of HTTPS hosts",
        why: "wget notes the time at which each host asked for HTTPS.",
        action: Remove,
        paths: &["root/.wget-hsts"],
    },
];
