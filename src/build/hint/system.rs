//! Failures of the shell, the kernel and the machine.

use super::programs::{missing_program, not_found};
use super::{Advice, Classic, FailedStep, after};

/// What explains everything after it.
pub(super) static FIRST: &[Classic] = &[
    Classic {
        id: "no-space",
        marks: &["No space left on device", "ENOSPC", "You don't have enough free space"],
        advice: Advice::Always(
            "the disk of rlock's store is full: free some, or use another with `--store DIR`",
        ),
    },
    Classic {
        id: "exec-format",
        marks: &["exec format error", "Exec format error"],
        advice: Advice::Always(
            "the program is for another processor, or a script without `#!` line: compare \
             `--platform` and the download with the host (`uname -m`)",
        ),
    },
    Classic {
        id: "windows-line-ends",
        marks: &["bash\\r", "sh\\r", "python3\\r", "python\\r", "node\\r", "bad interpreter: "],
        advice: Advice::Depends(|_, line| {
            let windows = line.contains("\\r'") || line.contains("\\r’") || line.contains("^M");
            windows.then(|| {
                "the script has Windows line ends: check it out with LF (`*.sh text eol=lf` in \
                 .gitattributes), or run `sed -i 's/\\r$//'` on it"
                    .to_owned()
            })
        }),
    },
];

/// What is general, and could stand below something special.
pub(super) static LAST: &[Classic] = &[
    Classic {
        id: "script-not-executable",
        marks: &["ermission denied"],
        advice: Advice::Depends(not_executable),
    },
    Classic {
        id: "command-not-found",
        marks: &["not found"],
        advice: Advice::Depends(|step, line| {
            let (program, shell) = not_found(line)?;
            missing_program(step, program, shell)
        }),
    },
    Classic {
        id: "bash-syntax",
        marks: &[
            "Syntax error: \"(\" unexpected",
            "syntax error: unexpected \"(\"",
            "Bad substitution",
            "bad substitution",
            "Illegal option -o pipefail",
            "illegal option -o pipefail",
        ],
        advice: Advice::Always(
            "the command is written for bash and /bin/sh is another shell: put \
             `SHELL [\"/bin/bash\", \"-c\"]` before it, if the image has bash",
        ),
    },
    Classic {
        id: "not-an-archive",
        marks: &[
            "not in gzip format",
            "does not look like a tar archive",
            "File format not recognized",
            "End-of-central-directory signature not found",
        ],
        advice: Advice::Depends(|step, _| {
            let fetched = step.command.contains("curl") || step.command.contains("wget");
            fetched.then(|| {
                "what was downloaded is not an archive, more likely an error page: let curl fail \
                 (`curl -fsSL`) and check the address"
                    .to_owned()
            })
        }),
    },
    Classic {
        id: "no-such-user",
        marks: &["invalid user: ", "unknown user ", "invalid group: ", "unknown user/group "],
        advice: Advice::Depends(|_, line| {
            let name =
                ["invalid user: ", "invalid group: ", "unknown user/group ", "unknown user "]
                    .iter()
                    .find_map(|mark| after(line, mark, &[' ']))?;
            let name = name.trim_matches(['‘', '’', '\'', '"', '`']);
            Some(format!(
                "the image has no `{name}`: create it before (`useradd --system`, or `adduser -S` \
                 on Alpine)"
            ))
        }),
    },
    Classic {
        id: "read-only",
        marks: &["Read-only file system"],
        advice: Advice::Always(
            "kernel settings below /proc and /sys are read-only in a build: set them where the \
             container runs (`docker run --sysctl`)",
        ),
    },
    Classic {
        id: "needs-privileges",
        marks: &["permission denied", "must be superuser to use mount", "Operation not permitted"],
        advice: Advice::Depends(|step, _| {
            let programs =
                ["mount", "modprobe", "sysctl", "iptables", "losetup", "systemctl", "dockerd"];
            super::runs(step.command, &programs).then(|| {
                "a build may not do this: it has the default capabilities of a container; do it \
                 where the container runs"
                    .to_owned()
            })
        }),
    },
    Classic {
        id: "no-init",
        marks: &["System has not been booted with systemd as init system"],
        advice: Advice::Always(
            "no services run in a build: start them in the same RUN without systemctl, or when \
             the container starts",
        ),
    },
    Classic {
        id: "killed",
        marks: &[
            "Killed",
            "Cannot allocate memory",
            "out of memory",
            "OutOfMemoryError",
            "signal: killed",
            "ENOMEM",
        ],
        advice: Advice::Always(
            "the machine, or its limit for this process, has too little memory: build with \
             `--jobs 1`, or with fewer compilers at the same time (`make -j2`)",
        ),
    },
];

/// A script that was copied without its executable bit: the shell says so and ends with 126.
fn not_executable(step: &FailedStep<'_>, line: &str) -> Option<String> {
    let before = line.rsplit(": ").find(|part| part.contains('/'))?;
    let script = before.split_whitespace().last()?;
    (step.code == Some(126) && script.contains('/')).then(|| {
        format!(
            "`{script}` is not executable: `COPY --chmod=755`, or `git update-index --chmod=+x` \
             where it comes from"
        )
    })
}
