//! `command not found`: which package brings the program, in the words of the image's distribution.

use super::FailedStep;

/// Which shell did not find the program. Debian's /bin/sh is dash, Alpine's is busybox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Dash,
    Busybox,
    Other,
}

/// The program that a line says was not found:
///
/// ```text
/// /bin/sh: 1: curl: not found               dash
/// /bin/sh: curl: not found                  busybox
/// /bin/sh: line 1: curl: command not found  bash
/// ```
pub(super) fn not_found(line: &str) -> Option<(&str, Shell)> {
    let (before, bash) = match line.trim_end().strip_suffix(": command not found") {
        Some(before) => (before, true),
        None => (line.trim_end().strip_suffix(": not found")?, false),
    };
    let parts: Vec<&str> = before.split(": ").collect();
    let program = parts.last().copied().filter(|program| !program.is_empty())?;
    let numbered =
        parts.iter().any(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let shell = match (bash, numbered) {
        (true, _) => Shell::Other,
        (false, true) => Shell::Dash,
        (false, false) => Shell::Busybox,
    };
    let plausible =
        parts.len() > 1 && program.len() <= 60 && !program.contains(char::is_whitespace);
    plausible.then_some((program, shell))
}

/// What to do about a program that is not there.
pub(super) fn missing_program(
    step: &FailedStep<'_>,
    program: &str,
    shell: Shell,
) -> Option<String> {
    if step.code.is_some_and(|code| code != 127) {
        return None;
    }
    let special = SPECIAL.iter().find(|(names, _)| names.contains(&program));
    if let Some((_, text)) = special {
        return Some((*text).to_owned());
    }
    if program.contains('/') {
        return Some(format!(
            "`{program}` is not there, or what its `#!` line names is not: COPY comes before RUN, \
             paths start at WORKDIR, and .dockerignore may leave it out"
        ));
    }
    let (debian, alpine) = PACKAGES
        .iter()
        .find(|(names, _, _)| names.contains(&program))
        .map_or((program, program), |(_, debian, alpine)| (*debian, *alpine));
    let apt = format!("`apt-get update && apt-get install -y {debian}`");
    let apk = format!("`apk add --no-cache {alpine}`");
    Some(match shell {
        Shell::Dash => format!("the image has no `{program}`: {apt} before it"),
        Shell::Busybox => format!("the image has no `{program}`: {apk} before it"),
        Shell::Other => format!("the image has no `{program}`: install it before ({apt}, {apk})"),
    })
}

/// Programs that are missing for another reason than that a package is not installed.
const SPECIAL: &[(&[&str], &str)] = &[
    (
        &["[[", "source", "pushd", "popd", "shopt", "declare", "typeset"],
        "this is bash's, and /bin/sh is another shell: put `SHELL [\"/bin/bash\", \"-c\"]` before \
         it, or write it for sh (`[`, `.`, `cd`)",
    ),
    (&["sudo"], "RUN is root already, unless USER says otherwise: leave `sudo` out"),
    (
        &["apt-get", "apt", "dpkg", "apt-key"],
        "the image is not Debian or Ubuntu: use its own package manager (`apk add` on Alpine, \
         `dnf install -y` on Fedora and its relatives)",
    ),
    (
        &["apk"],
        "the image is not Alpine: use its own package manager (`apt-get install -y` on Debian and \
         Ubuntu, `dnf install -y` on Fedora and its relatives)",
    ),
    (
        &["yum", "dnf", "microdnf"],
        "the image does not have this package manager: use its own (`apt-get install -y` on Debian \
         and Ubuntu, `apk add` on Alpine, `microdnf` in minimal Red Hat images)",
    ),
    (
        &["systemctl", "service"],
        "no services run in a build: start them in the same RUN by their own program, or when the \
         container starts",
    ),
    (
        &["useradd", "groupadd"],
        "Alpine has `adduser -S` and `addgroup -S` instead (or install `shadow`)",
    ),
    (
        &["add-apt-repository"],
        "`apt-get update && apt-get install -y software-properties-common` before it, or write the \
         source into /etc/apt/sources.list.d yourself",
    ),
];

/// Programs whose package has another name, on Debian and on Alpine.
const PACKAGES: &[(&[&str], &str, &str)] = &[
    (&["gcc", "g++", "cc", "c++", "make"], "build-essential", "build-base"),
    (&["python3", "python"], "python3", "python3"),
    (&["pip", "pip3"], "python3-pip", "py3-pip"),
    (&["node", "nodejs"], "nodejs", "nodejs"),
    (&["npx", "npm"], "npm", "npm"),
    (&["java", "javac"], "default-jdk-headless", "openjdk17"),
    (&["go"], "golang", "go"),
    (&["gpg", "gpgconf"], "gnupg", "gnupg"),
    (&["ping"], "iputils-ping", "iputils"),
    (&["ps", "top", "pgrep", "pkill", "free", "watch"], "procps", "procps"),
    (&["xz", "unxz"], "xz-utils", "xz"),
    (&["bunzip2"], "bzip2", "bzip2"),
    (&["lsb_release"], "lsb-release", "lsb-release-minimal"),
    (&["ifconfig", "netstat", "route"], "net-tools", "net-tools"),
    (&["ip", "ss"], "iproute2", "iproute2"),
    (&["dig", "nslookup", "host"], "dnsutils", "bind-tools"),
    (&["nc", "netcat"], "netcat-openbsd", "netcat-openbsd"),
    (&["envsubst", "msgfmt"], "gettext", "gettext"),
    (&["ssh", "scp", "ssh-keyscan", "ssh-keygen"], "openssh-client", "openssh-client"),
    (&["convert", "magick", "mogrify"], "imagemagick", "imagemagick"),
    (&["pkg-config"], "pkg-config", "pkgconf"),
    (&["locale-gen"], "locales", "musl-locales"),
    (&["psql", "pg_dump"], "postgresql-client", "postgresql-client"),
    (&["mysql"], "default-mysql-client", "mysql-client"),
    (&["svn"], "subversion", "subversion"),
    (&["hg"], "mercurial", "mercurial"),
    (&["protoc"], "protobuf-compiler", "protobuf"),
    (&["setcap", "getcap"], "libcap2-bin", "libcap-utils"),
];
