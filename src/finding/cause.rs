//! The table of causes. Ids are stable: never renamed, never used for something else.

use super::change;

/// What rlock does about a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Noise: a normaliser removes it, and each use is listed.
    Normalise,
    /// Reported, never hidden.
    Explain,
}

/// Why two builds, or two images, differ, or why a build is not what the lock says.
#[derive(Debug)]
pub struct Cause {
    /// Stable id: `ldconfig-aux-cache`.
    pub id: &'static str,
    /// A few words for a table.
    pub title: &'static str,
    /// What happens and why, for `rlock explain`.
    pub explanation: &'static str,
    /// What to change in the Dockerfile.
    pub mend: &'static str,
    /// What rlock does about it.
    pub treatment: Treatment,
}

impl Cause {
    /// The cause with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        CAUSES.iter().find(|cause| cause.id == id)
    }

    /// The cause with this id, else `unknown`.
    pub fn named(id: &str) -> &'static Self {
        static FALLBACK: Cause = UNKNOWN;
        Self::find(id).unwrap_or(&FALLBACK)
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Cause {}

/// Every cause that rlock knows: of the image's encoding first, then of the files that a build
/// writes, then of what comes from outside.
pub static CAUSES: &[Cause] = &[
    Cause {
        id: "mtime",
        title: "modification times",
        explanation: "Only the modification time differs: the file, or a directory that was \
                      copied up because something in it changed, was written at another moment. \
                      Nearly every file of a layer that two plain builds made differs in this \
                      way.",
        mend: "Build with rlock, which clamps times to the epoch of the lock; with BuildKit: set \
               SOURCE_DATE_EPOCH and `--output type=image,rewrite-timestamp=true`; with buildah: \
               `--timestamp`.",
        treatment: Treatment::Normalise,
    },
    Cause {
        id: "image-config",
        title: "image config",
        explanation: "The image's config differs: its creation time, history, labels, \
                      environment or command. Builders write the clock, the host's name and \
                      their own version into it; a changed environment or command comes from the \
                      Dockerfile or its build arguments.",
        mend: "Set SOURCE_DATE_EPOCH for the times (rlock takes it from the lock), and pass the \
               same build arguments and labels to both builds.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "tar-encoding",
        title: "layer encoding only",
        explanation: "The file trees are equal; only the archives that carry them differ: tar \
                      dialect, order of entries, which of several hard links is the file, \
                      whiteout style, layer split, or compressor.",
        mend: "Build both images with the same builder and version, or build with rlock, which \
               writes layers in one canonical form. Compare file trees, not archives.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "metadata",
        title: "modes, owners or attributes",
        explanation: "Mode, owner, kind or extended attributes of a file differ. Usual reasons: \
                      another umask or a setgid directory on the host where COPY took the files, \
                      user ids that depend on the order in which packages were configured, or \
                      attributes that a file system could not store.",
        mend: "Give modes and owners with `COPY --chmod` and `--chown`, create users with fixed \
               ids before the packages that need them, and set capabilities with `setcap` in the \
               RUN that installs the file.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "builder-injected",
        title: "files of the builder",
        explanation: "Builders put files or mount points of their own into a step's tree \
                      (`/etc/hosts`, `/etc/resolv.conf`, `/.dockerenv`, stubs for `RUN --mount`) \
                      and some leave them in the layer.",
        mend: "Do not copy `/etc` as a whole between stages, and do not write to these files in \
               a RUN.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "log",
        title: "logs of the build",
        explanation: "A log of what the build did, with the time in each line, and sometimes in \
                      the file's name. Nothing in the finished image reads it.",
        mend: "Delete it in the RUN that writes it: `find /var/log -type f -delete` (files only: \
               packages own the directories).",
        treatment: Treatment::Normalise,
    },
    Cause {
        id: "ldconfig-aux-cache",
        title: "ldconfig's auxiliary cache",
        explanation: "`/var/cache/ldconfig/aux-cache` holds inode, device and change time of \
                      each library, so that the next run of ldconfig is faster. None of them \
                      means anything in another container.",
        mend: "`rm -f /var/cache/ldconfig/aux-cache` at the end of the RUN.",
        treatment: Treatment::Normalise,
    },
    Cause {
        id: "derived-cache",
        title: "caches made from other files",
        explanation: "A cache that a program makes from other files of the image, or from \
                      downloads, and can make again; it holds times, addresses or random names.",
        mend: "Empty the cache in the same RUN (`apt-get clean`, `npm cache clean --force`, `pip \
               --no-cache-dir`), or keep it out of the image with `RUN --mount=type=cache`.",
        treatment: Treatment::Normalise,
    },
    Cause {
        id: "leftover",
        title: "temporary files and histories",
        explanation: "Something that a program left behind: a temporary or backup file, a shell \
                      history, a lock.",
        mend: "Delete it in the same RUN: `rm -rf /tmp/* /var/tmp/*`, `rm -f ~/.wget-hsts \
               ~/.bash_history`.",
        treatment: Treatment::Normalise,
    },
    Cause {
        id: "pyc-mtime",
        title: "source times in Python bytecode",
        explanation: "The header of a `.pyc` file holds the modification time of its source \
                      (bytes 8 to 11); the bytecode itself is equal.",
        mend: "Set SOURCE_DATE_EPOCH in the RUN: Python then writes hash-based bytecode. Or \
               write none: `PYTHONDONTWRITEBYTECODE=1`, `pip install --no-compile`.",
        treatment: Treatment::Normalise,
    },
    Cause {
        id: "pyc-body",
        title: "Python bytecode",
        explanation: "The compiled code object differs: reference flags that depend on what else \
                      was alive while compiling, or the path of a temporary directory.",
        mend: "Compile in one process (`python -m compileall -j 1`), or write no bytecode: \
               `PYTHONDONTWRITEBYTECODE=1`.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "compiled-output",
        title: "output of a compiler",
        explanation: "A program, library or format file was compiled in the build and took in \
                      the date, the build path, a random seed, the CPU, or the order of its \
                      inputs.",
        mend: "Set SOURCE_DATE_EPOCH (gcc and clang honour it); `-ffile-prefix-map`, \
               `-frandom-seed`; Go: `-trimpath -buildvcs=false`; Rust: `--remap-path-prefix`; \
               never `-march=native`; sort inputs.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "archive-stamp",
        title: "times inside archives",
        explanation: "An archive or compressed file holds times, owners or an order of its own \
                      (gzip's header, the entries of a tar, zip, jar or ar); what it carries is \
                      otherwise equal.",
        mend: "`gzip -n`; `tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 \
               --numeric-owner`; `ar D`; `jar --date`; `zip -X` after touching the files.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "date-in-content",
        title: "dates written into files",
        explanation: "Otherwise equal files differ in a date or time that a program wrote into \
                      them.",
        mend: "Have the program use SOURCE_DATE_EPOCH (`date -u -d @$SOURCE_DATE_EPOCH`), or \
               delete the line with sed in the same RUN.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "day-stamp",
        title: "the day written into files",
        explanation: "A date of day precision, such as the day of the last password change in \
                      `/etc/shadow`: equal in builds of one day, different tomorrow.",
        mend: "`export SOURCE_DATE_EPOCH=…` before useradd, or `chage -d 0 USER` after it.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "order",
        title: "order of lines or records",
        explanation: "The same lines or records in another order: a program wrote a set, a hash \
                      table, or a directory as the file system listed it, or parallel jobs \
                      raced.",
        mend: "Sort the output (`LC_ALL=C sort`), fix the hash seed (`PYTHONHASHSEED=0`, \
               `PERL_HASH_SEED=0`), or run one job at a time.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "random-id",
        title: "random identities",
        explanation: "A random identity without secrecy: machine-id, UUID, host id. Besides, all \
                      containers of the image share it.",
        mend: "Make it when the container starts. For machine-id: `: > /etc/machine-id; rm -f \
               /var/lib/dbus/machine-id` in the same RUN.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "secret",
        title: "keys and password hashes",
        explanation: "A private key, a shared secret or a salted password hash was made during \
                      the build, so each build has another. rlock never normalises it and never \
                      prints its bytes.",
        mend: "Delete it in the same RUN and make it when the container starts (`ssh-keygen -A`, \
               `make-ssl-cert`); give password hashes ready made (`usermod -p`), or lock the \
               account.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "shared-secret",
        title: "a secret in the image",
        explanation: "The image carries a private key or shared secret. Whoever can pull the \
                      image has it, and all containers of the image are protected by the same \
                      one.",
        mend: "Delete it in the RUN that makes it (a later RUN leaves it in the layer below), \
               make it when the container starts, and replace it wherever it is in use.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "package-database",
        title: "package database",
        explanation: "The state of a package manager differs although the packages are the same: \
                      install times, transaction ids, page order.",
        mend: "Set SOURCE_DATE_EPOCH (rpm, dnf5 and apk honour it). Do not delete the database: \
               scanners need it.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "app-state",
        title: "state initialised at install",
        explanation: "A package initialised a database or other state when it was installed: \
                      ids, log positions and times in it differ.",
        mend: "Delete the data directory in the same RUN and initialise it when the container \
               starts; a `policy-rc.d` that exits 101 keeps services from starting during the \
               build.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "environment",
        title: "traces of the build's surroundings",
        explanation: "A file holds something of the surroundings of the build: host name, \
                      kernel, number of CPUs, locale, time zone or user.",
        mend: "Give the value a fixed setting in the Dockerfile, or delete the file in the same \
               RUN.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "version-drift",
        title: "other package versions",
        explanation: "The two images have other packages, or other versions of them: the \
                      repository moved on between the builds.",
        mend: "Lock the versions: `rlock lock`, and build from the lock.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "build-requirement-drift",
        title: "other build requirements",
        explanation: "The package itself is pinned, but what it is built with was fetched \
                      unpinned into an isolated environment, so the two wheels differ.",
        mend: "Install ready-made wheels only (`pip install --only-binary :all:`), or lock the \
               build requirements too.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "network-content",
        title: "content from the network",
        explanation: "What a URL, a git reference or a package index served was not the same in \
                      both builds.",
        mend: "Lock it with `rlock lock`; pin downloads by digest (`ADD --checksum=sha256:…`); \
               delete package indexes in the same RUN: `rm -rf /var/lib/apt/lists/*`.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "locked-layer",
        title: "not what is locked",
        explanation: "A step that nothing of the build context can have reached gave another layer, or the whole build \
                      another image, than the lock records: something from outside has changed since.",
        mend: "Move the lock forward on purpose (delete it and run `rlock lock`), or bring back what changed.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "unlocked-fetch",
        title: "not in the lock",
        explanation: "In a build from the lock a step asked for something that the lock does not hold, \
                      and was refused it. What it asks for depends on the build context, on the \
                      Dockerfile, or on something random or of the moment, such as a URL with \
                      the date in it.",
        mend: "`rlock lock` adds what is missing and changes nothing else; `rlock update` moves \
               the lock forward. A URL that is another each time has to become a fixed one.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "unavailable-fetch",
        title: "locked, and gone",
        explanation: "The lock holds the digest of something that is neither in the Store nor anywhere \
                      that is known: not under its URL, not at a mirror, not in an archive.",
        mend: "Get it from a store that has it (`rlock store pull`), name a mirror or archive in \
               `rlock.toml`, or move the lock forward with `rlock update`. Push to a store after \
               each lock (`rlock store push`), and it does not happen again.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "wrong-content",
        title: "other content than locked",
        explanation: "What answers under a locked URL has another digest than the lock says, and \
                      nobody else has what it says: it was replaced without a new name, by its \
                      publisher or by somebody in between.",
        mend: "Find out who changed it and why, before you use it. `rlock update` locks what is \
               there now.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "upstream-failure",
        title: "could not be fetched",
        explanation: "A server could not be reached, or answered with an error that says to try again \
                      later, in all attempts. Such answers are never recorded.",
        mend: "Check the network, the proxy settings (HTTPS_PROXY) and the server, then run it \
               again. Remove what asks for a server that does not exist.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "store-failure",
        title: "could not be stored",
        explanation: "Something was fetched and could not be written to the Store, so it was not given \
                      to the step either.",
        mend: "Make room, or name another cache folder with XDG_CACHE_HOME.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "refused-connection",
        title: "traffic that cannot be recorded",
        explanation: "A step used the network in a way that cannot be recorded and replayed: something \
                      else than HTTP over TCP (ssh, git://, rsync, a database), UDP other than \
                      names, or a request that is an open conversation. It was refused.",
        mend: "Fetch it by https (git and most mirrors offer that), or bring it with the build \
               context.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "untrusted-authority",
        title: "a client with trust of its own",
        explanation: "Steps reach the outside through rlock, whose certificates are signed by an \
                      authority made for this build. It is among the image's trusted ones while a \
                      step runs; a client that brings its own list, or pins a certificate, does \
                      not know it.",
        mend: "Have it use the system's certificates, or those that SSL_CERT_FILE names.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "not-hermetic",
        title: "a step on the host's network",
        explanation: "`RUN --network=host` gives a step the network of the host. What it fetches is \
                      neither recorded nor locked, so nothing says that tomorrow's build gets the \
                      same.",
        mend: "Remove `--network=host`: without it the step has the network through rlock.",
        treatment: Treatment::Explain,
    },
    // Of `rlock lock --verify`.
    Cause {
        id: "poisoned-lock",
        title: "not what signed metadata says",
        explanation: "An entry of the lock is not what the indexes say that the lock itself pins: \
                      another hash, size, version or URL, a signature that is wrong or was \
                      dropped, metadata that is older than the base branch had, or content that is \
                      not what its digest says. A lock that rlock wrote has no such entry: \
                      somebody changed it.",
        mend: "Do not build from this lock. Restore it from the base branch and run `rlock lock` or \
               `rlock update` again; ask whoever changed it.",
        treatment: Treatment::Explain,
    },
    Cause {
        id: "unproven-lock",
        title: "not shown to be what it should be",
        explanation: "Whether an entry of the lock is what it should be could not be found out: its \
                      index or the key that signs it is not there, nothing that could be checked \
                      says what it should be, or it is new and nobody signs such things.",
        mend: "Bring the content (`rlock store pull`), name the archive's key in rlock.toml \
               (`[[key]] path = …`), or compare with a lock that is believed (`--base`); look at \
               what is new and unsigned.",
        treatment: Treatment::Explain,
    },
    // Of updates.
    Cause {
        id: "unasked-move",
        title: "a package moved unasked",
        explanation: "`rlock update` holds every package that it was not asked to move, and names those \
                      that must move along before it builds. After the build this one had another \
                      version all the same, so the lock was not written.",
        mend: "Name the package too, or let all packages move: `rlock update`.",
        treatment: Treatment::Explain,
    },
    UNKNOWN,
    // Of `rlock review`.
    change::UNEXPLAINED_FILE,
    change::OTHER_HASH,
    change::DOWNGRADE,
    change::NEW_UPSTREAM,
    change::SUITE_CHANGE,
    change::REVERTED_FIX,
    change::EPOCH_BUMP,
    change::DEPENDENCY,
    change::SCRIPTS,
    change::SETUID,
    change::CAPABILITY,
    change::ACCOUNT,
    change::SERVICE,
    change::CA_ROOTS,
    change::SIGNING_KEYS,
    change::NEW_HOST,
    change::UNOWNED_FETCH,
    change::LOCK_EPOCH,
    change::LOCK_FORM,
    change::INTRODUCED,
    change::OPEN,
    change::FIXED,
    // What a review explains and does not prove.
    change::UNPROVEN_FILE,
    // What a change does to the rules that it is judged by.
    change::POLICY,
    // Of what a lock rests on.
    change::END_OF_LIFE,
];

/// What is none of the others.
const UNKNOWN: Cause = Cause {
    id: "unknown",
    title: "unknown cause",
    explanation: "No rule of rlock explains this difference.",
    mend: "Look at the differing bytes, find the program that wrote them, and make it write the \
           same each time.",
    treatment: Treatment::Explain,
};
