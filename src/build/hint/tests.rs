//! Real output texts, shortened where they are long, and the hint that each must get.

use super::*;

fn hint(command: &str, code: i32, output: &str) -> Option<Hint> {
    find(&FailedStep { command, code: Some(code), output: output.as_bytes() })
}

/// The id of the hint, which must contain `part`.
fn id(command: &str, code: i32, output: &str, part: &str) -> &'static str {
    let hint = hint(command, code, output).unwrap_or_else(|| panic!("no hint for {output}"));
    assert!(hint.text.contains(part), "{}", hint.text);
    assert!(!hint.text.ends_with('.') && !hint.text.contains("  "), "{}", hint.text);
    hint.id
}

const UNABLE: &str = "Reading package lists...\nBuilding dependency tree...\n\
    Reading state information...\nE: Unable to locate package imagemagick\n";

#[test]
fn install_without_update() {
    let part = "put `apt-get update &&` before the install in the same RUN";
    assert_eq!(id("apt install imagemagick", 100, UNABLE, part), "apt-unknown-package");
    assert_eq!(id("apt-get install -y a", 100, UNABLE, part), "apt-unknown-package");
}

#[test]
fn a_package_that_does_not_exist_although_there_are_lists() {
    let part = "no package `imagemagick`";
    for command in [
        "apt-get update && apt-get install -y imagemagick",
        "apt update;apt install imagemagick",
        "set -ex; \\\n  apt-get update \\\n  && apt-get install imagemagick",
    ] {
        assert_eq!(id(command, 100, UNABLE, part), "apt-unknown-package");
    }
    // A mention is no call.
    id("echo no-apt-get update-yet; apt-get install x", 100, UNABLE, "base images have no");
}

#[test]
fn install_without_yes() {
    let output = "The following NEW packages will be installed:\n  imagemagick\n\
        0 upgraded, 143 newly installed, 0 to remove and 0 not upgraded.\n\
        Need to get 60.9 MB of archives.\nAfter this operation, 223 MB of additional disk space \
        will be used.\nDo you want to continue? [Y/n] Abort.\n";
    let command = "apt-get update && apt-get install imagemagick";
    assert_eq!(id(command, 1, output, "`apt-get install -y`"), "asked-for-confirmation");
    id("apt update && apt install imagemagick", 1, output, "`apt install -y`");
}

#[test]
fn other_package_managers_that_ask() {
    let asked =
        |command, output, part| assert_eq!(id(command, 1, output, part), "asked-for-confirmation");
    asked("dnf install vim", "Is this ok [y/N]: Operation aborted.\n", "dnf install -y");
    asked("yum install vim", "Is this ok [y/d/N]: \nExiting on user command\n", "yum install -y");
    asked("pacman -S vim", ":: Proceed with installation? [Y/n] \n", "--noconfirm");
    asked("zypper in vim", "Continue? [y/n/v/...? shows all options] (y): \n", "--non-interactive");
    asked("conda install x", "Proceed ([y]/n)? \n\nEOFError\n", "conda install -y");
}

#[test]
fn lists_that_are_older_than_the_mirror() {
    let output = "Err:1 http://deb.example/debian bookworm/main amd64 curl amd64 7.88.1-10\n  \
        404  Not Found [IP: 192.0.2.1 80]\n\
        E: Failed to fetch http://deb.example/debian/pool/main/c/curl/curl_7.88.1-10_amd64.deb  404  Not Found [IP: 192.0.2.1 80]\n\
        E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?\n";
    assert_eq!(
        id("apt-get install -y curl", 100, output, "put `apt-get update &&`"),
        "apt-stale-lists"
    );
    id("apt-get update && apt-get install -y curl", 100, output, "try again");
}

#[test]
fn apt_and_its_repositories() {
    let update = "apt-get update";
    for (output, expected) in [
        (
            "E: Release file for http://deb.example/debian/dists/bookworm-updates/InRelease is not valid yet (invalid for another 3h 2min 1s). Updates for this repository will not be applied.",
            "apt-release-not-yet-valid",
        ),
        (
            "E: Release file for http://deb.example/debian/dists/buster/InRelease is expired (invalid since 3d 4h). Updates for this repository will not be applied.",
            "apt-release-expired",
        ),
        (
            "E: The repository 'http://deb.example/debian stretch Release' does not have a Release file.",
            "apt-no-release-file",
        ),
        (
            "W: GPG error: http://deb.example/debian trixie InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 0E98404D386FA1D9",
            "apt-unknown-key",
        ),
        ("E: Failed to fetch http://deb.example/x  Hash Sum mismatch", "apt-hash-mismatch"),
        (
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 12 (apt-get)",
            "apt-locked",
        ),
        ("E: Version '7.88.1-10' for 'curl' was not found", "apt-version-gone"),
        ("E: Package 'python' has no installation candidate", "apt-no-candidate"),
        ("dpkg: error processing package mysql-server-8.0 (--configure):", "dpkg-configure"),
        (
            "The following packages have unmet dependencies:\n libc6 : Breaks: x",
            "apt-unmet-dependencies",
        ),
        (
            "Please select the geographic area in which you live.\n\nGeographic area: \n",
            "debconf-asked",
        ),
    ] {
        assert_eq!(id(update, 100, output, ""), expected, "{output}");
    }
}

#[test]
fn noise_of_debconf_is_not_a_failure() {
    let output = "debconf: unable to initialize frontend: Dialog\n\
        debconf: (TERM is not set, so the dialog frontend is not usable.)\n\
        debconf: falling back to frontend: Readline\n\
        debconf: delaying package configuration, since apt-utils is not installed\n\
        invoke-rc.d: policy-rc.d denied execution of start.\n\
        update-alternatives: warning: skip creation of x because associated file doesn't exist\n\
        make: *** [Makefile:2: all] Error 1\n";
    assert_eq!(hint("apt-get install -y x && make", 2, output), None);
}

#[test]
fn names_that_do_not_resolve() {
    for (output, host) in [
        (
            "W: Failed to fetch http://deb.example/x  Temporary failure resolving 'deb.example'",
            "`deb.example`",
        ),
        ("curl: (6) Could not resolve host: git.example", "`git.example`"),
        ("wget: bad address 'files.example'", "`files.example`"),
        (
            "npm error code EAI_AGAIN\nnpm error errno EAI_AGAIN\nnpm error request to https://x failed, reason: getaddrinfo EAI_AGAIN npm.example",
            "`npm.example`",
        ),
        (
            "fatal: unable to access 'https://git.example/x/': Could not resolve host: git.example",
            "`git.example`",
        ),
        ("wget: unable to resolve host address ‘x.example’", "a host name"),
    ] {
        assert_eq!(id("RUN x", 100, output, host), "name-resolution", "{output}");
    }
    // The packages that apt then does not find are a consequence.
    let output = format!("Temporary failure resolving 'deb.example'\n{UNABLE}");
    assert_eq!(id("apt-get update && apt-get install x", 100, &output, ""), "name-resolution");
}

#[test]
fn certificates() {
    for output in [
        "curl: (60) SSL certificate problem: unable to get local issuer certificate",
        "curl: (77) error setting certificate file: /etc/ssl/certs/ca-certificates.crt",
        "ERROR: The certificate of ‘x.example’ is not trusted.",
        "fatal: unable to access 'https://git.example/': server certificate verification failed. CAfile: none CRLfile: none",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
        "Certificate verification failed: The certificate is NOT trusted. The certificate issuer is unknown.",
    ] {
        assert_eq!(
            id("curl x", 60, output, "ca-certificates"),
            "certificate-authorities",
            "{output}"
        );
    }
}

#[test]
fn programs_that_are_not_there() {
    let missing = |code, output: &str, part: &str| {
        assert_eq!(id("x", code, output, part), "command-not-found");
    };
    missing(127, "/bin/sh: 1: curl: not found\n", "`apt-get update && apt-get install -y curl`");
    missing(127, "/bin/sh: curl: not found\n", "`apk add --no-cache curl`");
    missing(127, "/bin/sh: line 1: gcc: command not found\n", "build-essential");
    missing(127, "bash: line 1: gcc: command not found\n", "build-base");
    missing(127, "/bin/sh: 1: pip: not found", "python3-pip");
    missing(127, "/bin/sh: 1: sudo: not found", "leave `sudo` out");
    missing(127, "/bin/sh: apt-get: not found", "not Debian or Ubuntu");
    missing(127, "/bin/sh: 1: [[: not found", "SHELL [\"/bin/bash\", \"-c\"]");
    missing(127, "/bin/sh: 1: source: not found", "SHELL");
    missing(127, "/bin/sh: 1: ./build.sh: not found", "`#!` line");
    assert_eq!(
        hint("x", 1, "/bin/sh: 1: curl: not found\n"),
        None,
        "something else failed after it"
    );
    assert_eq!(hint("x", 1, "error: page not found"), None);
}

#[test]
fn scripts() {
    let output = "/bin/sh: 1: ./entrypoint.sh: Permission denied\n";
    assert_eq!(id("./entrypoint.sh", 126, output, "`./entrypoint.sh`"), "script-not-executable");
    id("./x", 126, "/bin/sh: line 1: /app/x: Permission denied\n", "`/app/x`");
    assert_eq!(hint("cat /x", 1, "cat: /x: Permission denied\n"), None);
    let output = "env: ‘bash\\r’: No such file or directory\n";
    assert_eq!(id("./x.sh", 127, output, "Windows line ends"), "windows-line-ends");
    let output = "/bin/sh: ./x: /bin/bash^M: bad interpreter: No such file or directory";
    assert_eq!(id("./x.sh", 126, output, "Windows line ends"), "windows-line-ends");
    let output = "/bin/sh: 1: Syntax error: \"(\" unexpected\n";
    assert_eq!(id("a=(1)", 2, output, "SHELL"), "bash-syntax");
    let output = "/bin/sh: 1: set: Illegal option -o pipefail\n";
    assert_eq!(id("set -o pipefail", 2, output, "SHELL"), "bash-syntax");
}

#[test]
fn the_machine() {
    let output = "cp: error writing '/x': No space left on device\nE: Unable to locate package y";
    assert_eq!(id("x", 1, output, "--store"), "no-space");
    assert_eq!(id("x", 126, "/bin/sh: ./x: Exec format error", "uname -m"), "exec-format");
    assert_eq!(id("make", 137, "cc1plus invoked\nKilled\n", "--jobs 1"), "killed");
    let output = "gzip: stdin: not in gzip format\ntar: Child returned status 1\n";
    assert_eq!(id("curl x | tar xz", 2, output, "curl -fsSL"), "not-an-archive");
    let output = "chown: invalid user: ‘app:app’\n";
    assert_eq!(id("chown app:app /x", 1, output, "`app:app`"), "no-such-user");
    let output = "mount: /mnt: permission denied.\n";
    assert_eq!(id("mount /dev/x /mnt", 32, output, "may not"), "needs-privileges");
}

#[test]
fn python_and_compilers() {
    for (code, output, part, expected) in [
        (
            1,
            "ERROR: Could not find a version that satisfies the requirement flask==99 (from versions: 0.1)\nERROR: No matching distribution found for flask==99\n",
            "`flask==99`",
            "pip-no-distribution",
        ),
        (
            1,
            "error: externally-managed-environment\n\n× This environment is externally managed\n",
            "venv",
            "pip-externally-managed",
        ),
        (
            1,
            "src/x.c:4:10: fatal error: Python.h: No such file or directory\n",
            "python3-dev",
            "python-headers",
        ),
        (
            1,
            "x.c:1:10: fatal error: zlib.h: No such file or directory\n",
            "`zlib.h`",
            "missing-header",
        ),
        (
            1,
            "error: command 'gcc' failed: No such file or directory\n",
            "build-essential",
            "missing-compiler",
        ),
        (101, "error: linker `cc` not found\n", "build-essential", "missing-compiler"),
        (1, "Error: pg_config executable not found.\n", "libpq-dev", "pg-config"),
    ] {
        assert_eq!(id("x", code, output, part), expected, "{output}");
    }
}

#[test]
fn projects() {
    for (code, output, part, expected) in [
        (
            1,
            "npm error code EUSAGE\nnpm error The `npm ci` command can only install with an existing package-lock.json or\n",
            "package-lock.json",
            "npm-no-lockfile",
        ),
        (
            254,
            "npm error enoent ENOENT: no such file or directory, open '/app/package.json'\n",
            "package.json",
            "npm-no-manifest",
        ),
        (
            1,
            "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree\n",
            "npm ci",
            "npm-peer-conflict",
        ),
        (
            1,
            "go: go.mod file not found in current directory or any parent directory\n",
            "WORKDIR",
            "project-file-missing",
        ),
        (
            101,
            "error: could not find `Cargo.toml` in `/app` or any parent directory\n",
            "WORKDIR",
            "project-file-missing",
        ),
        (
            1,
            "go: go.mod requires go >= 1.25 (running go 1.22.1; GOTOOLCHAIN=local)\n",
            "golang",
            "go-too-old",
        ),
        (
            128,
            "fatal: not a git repository (or any of the parent directories): .git\n",
            ".dockerignore",
            "not-a-git-repository",
        ),
    ] {
        assert_eq!(id("x", code, output, part), expected, "{output}");
    }
}

#[test]
fn other_package_managers_that_do_not_know_a_package() {
    let output = "ERROR: unable to select packages:\n  nosuch (no such package):\n    required by: world[nosuch]\n";
    assert_eq!(id("apk add nosuch", 1, output, "`nosuch`"), "apk-unknown-package");
    let output = "No match for argument: nosuch\nError: Unable to find a match: nosuch\n";
    assert_eq!(id("dnf install -y nosuch", 1, output, "`nosuch`"), "dnf-unknown-package");
}

#[test]
fn colours_and_carriage_returns_do_not_hide_the_line() {
    let output = "Get:1\rGet:2\r\x1b[1;31mE: \x1b[0mUnable to locate package imagemagick\r\n";
    assert_eq!(id("apt install x", 100, output, "apt-get update"), "apt-unknown-package");
}

#[test]
fn only_the_end_of_a_long_output_is_looked_at() {
    let mut output = UNABLE.to_owned();
    output.push_str(&"compiling\n".repeat(OUTPUT_MAX / 10));
    assert_eq!(hint("apt install x || true; make", 2, &output), None);
    output.push_str(UNABLE);
    assert!(hint("apt install x || true; make", 2, &output).is_some());
}

#[test]
fn ids_are_unique() {
    let mut ids: Vec<&str> = CLASSICS.iter().copied().flatten().map(|classic| classic.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
