//! Failures of distributions' package managers: apt and dpkg first, apk, dnf, zypper, pacman.

use super::{Advice, Classic, FailedStep, after, runs};

const UPDATES: [&str; 2] = ["apt-get update", "apt update"];

pub(super) static CLASSICS: &[Classic] = &[
    Classic {
        id: "asked-for-confirmation",
        marks: &[
            "Do you want to continue? [Y/n]",
            "Is this ok [y/N]",
            "Is this ok [y/d/N]",
            "Continue? [y/n",
            "Proceed with installation? [Y/n]",
            "Proceed ([y]/n)?",
        ],
        advice: Advice::Depends(|step, line| Some(confirmation(step, line))),
    },
    Classic {
        id: "debconf-asked",
        marks: &["Geographic area:", "Please select the geographic area", "[More]"],
        advice: Advice::Always(
            "a package asks a question that nobody answers: set DEBIAN_FRONTEND=noninteractive \
             for the command, as in `DEBIAN_FRONTEND=noninteractive apt-get install -y …`",
        ),
    },
    Classic {
        id: "apt-unknown-package",
        marks: &["E: Unable to locate package ", "E: Couldn't find any package by "],
        advice: Advice::Depends(|step, line| Some(unknown_package(step, line))),
    },
    Classic {
        id: "apt-no-candidate",
        marks: &["has no installation candidate"],
        advice: Advice::Depends(|step, line| {
            let package = after(line, "E: Package '", &['\''])?;
            Some(without_lists(step).unwrap_or_else(|| {
                format!(
                    "`{package}` is known but cannot be installed from this release: it was \
                     removed, renamed, or is for another architecture or component"
                )
            }))
        }),
    },
    Classic {
        id: "apt-version-gone",
        marks: &["' was not found"],
        advice: Advice::Depends(|_, line| {
            let version = after(line, "E: Version '", &['\''])?;
            let package = after(line, "' for '", &['\''])?;
            Some(format!(
                "the mirror no longer has {package} {version}: name the package without a version \
                 in the Dockerfile, and let Dockerfile.lock hold it"
            ))
        }),
    },
    Classic {
        id: "apt-stale-lists",
        marks: &["E: Failed to fetch "],
        advice: Advice::Depends(stale_lists),
    },
    Classic {
        id: "apt-release-not-yet-valid",
        marks: &["is not valid yet"],
        advice: Advice::Always(
            "the clock of this machine is behind that of the mirror: set it (`timedatectl`)",
        ),
    },
    Classic {
        id: "apt-release-expired",
        marks: &["is expired (invalid since"],
        advice: Advice::Always(
            "the package lists of this release are no longer kept up to date: take a newer base \
             image; for an archived release add `-o Acquire::Check-Valid-Until=false` to \
             `apt-get update`",
        ),
    },
    Classic {
        id: "apt-no-release-file",
        marks: &["does not have a Release file", "no longer has a Release file"],
        advice: Advice::Always(
            "the mirror does not have this release: it reached its end of life and was moved to \
             the distribution's archive, or the name in sources.list is wrong; take a newer base \
             image",
        ),
    },
    Classic {
        id: "apt-unknown-key",
        marks: &["NO_PUBKEY ", "is not signed."],
        advice: Advice::Always(
            "apt does not know the key that signs this repository: install its key below \
             /etc/apt/keyrings and name it with `signed-by=` in the source's line; for the \
             distribution's own repository take a newer base image",
        ),
    },
    Classic {
        id: "apt-hash-mismatch",
        marks: &["Hash Sum mismatch"],
        advice: Advice::Always(
            "the mirror was updated in the middle of the download, or a proxy serves old files: \
             try again; if it stays, take another mirror",
        ),
    },
    Classic {
        id: "apt-locked",
        marks: &["E: Could not get lock /var/lib/"],
        advice: Advice::Always(
            "another apt or dpkg runs in the same step, perhaps in the background: run them one \
             after the other",
        ),
    },
    Classic {
        id: "apt-unmet-dependencies",
        marks: &["have unmet dependencies"],
        advice: Advice::Depends(|step, _| {
            Some(without_lists(step).unwrap_or_else(|| {
                "packages of different releases or repositories are mixed: the lines below \
                 `unmet dependencies` name them"
                    .to_owned()
            }))
        }),
    },
    Classic {
        id: "dpkg-configure",
        marks: &["dpkg: error processing package "],
        advice: Advice::Depends(|_, line| {
            let package = after(line, "dpkg: error processing package ", &[' ', ':'])?;
            Some(format!(
                "the installation script of `{package}` failed; its own message stands above the \
                 line `dpkg: error processing package {package}`"
            ))
        }),
    },
    Classic {
        id: "apk-unknown-package",
        marks: &["(no such package)"],
        advice: Advice::Depends(|_, line| {
            let package = after(line, "", &['(', ':'])?;
            Some(format!(
                "Alpine has no package `{package}` in the enabled repositories: names often differ \
                 from Debian's (`build-base` for `build-essential`, `py3-pip` for `python3-pip`)"
            ))
        }),
    },
    Classic {
        id: "dnf-unknown-package",
        marks: &["No match for argument: ", "Unable to find a match: "],
        advice: Advice::Depends(|_, line| {
            let package =
                after(line, "argument: ", &[' ']).or_else(|| after(line, "match: ", &[' ']))?;
            Some(format!(
                "no enabled repository has `{package}`: check its name, and whether it needs EPEL \
                 or CRB (`dnf config-manager --set-enabled crb`)"
            ))
        }),
    },
];

fn confirmation(step: &FailedStep<'_>, line: &str) -> String {
    let (program, option) = if line.contains("Do you want to continue?") {
        let apt_get = step.command.contains("apt-get");
        (if apt_get { "apt-get install" } else { "apt install" }, "-y")
    } else if line.contains("Is this ok") {
        (if runs(step.command, &["yum"]) { "yum install" } else { "dnf install" }, "-y")
    } else if line.contains("Proceed with installation?") {
        ("pacman -S", "--noconfirm")
    } else if line.contains("Proceed ([y]/n)?") {
        ("conda install", "-y")
    } else {
        ("zypper", "--non-interactive")
    };
    format!("nobody answers questions in a build: add `{option}`, as in `{program} {option}`")
}

fn unknown_package(step: &FailedStep<'_>, line: &str) -> String {
    let package = after(line, "package ", &[' ']).unwrap_or_default();
    let package = package.trim_start_matches("by regex").trim_matches(['\'', '"', ' ']);
    without_lists(step).unwrap_or_else(|| {
        format!(
            "this release has no package `{package}`: check its name, or whether it is in another \
             component (contrib, non-free, universe) or a newer release"
        )
    })
}

/// Nearly always the reason: base images come without package lists.
fn without_lists(step: &FailedStep<'_>) -> Option<String> {
    (!runs(step.command, &UPDATES)).then(|| {
        "base images have no package lists: put `apt-get update &&` before the install in the same \
         RUN"
        .to_owned()
    })
}

fn stale_lists(step: &FailedStep<'_>, line: &str) -> Option<String> {
    if !line.contains(" 404 ") {
        return None;
    }
    Some(if runs(step.command, &UPDATES) {
        "the mirror replaced the package while the build ran, or its parts disagree: try again, or \
         take another mirror"
            .to_owned()
    } else {
        "the package lists are older than the mirror, which has newer versions by now: put \
         `apt-get update &&` before the install in the same RUN"
            .to_owned()
    })
}
