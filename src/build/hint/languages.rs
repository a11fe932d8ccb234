//! Failures of the languages' package managers and compilers.

use super::{Advice, Classic, after};

pub(super) static CLASSICS: &[Classic] = &[
    Classic {
        id: "pip-externally-managed",
        marks: &["externally-managed-environment"],
        advice: Advice::Always(
            "the distribution guards its own Python: install into a virtual environment \
             (`python3 -m venv /opt/venv && /opt/venv/bin/pip install …`), or take a `python` base \
             image",
        ),
    },
    Classic {
        id: "python-headers",
        marks: &["fatal error: Python.h: No such file"],
        advice: Advice::Always(
            "a Python package is compiled here and lacks the headers: `apt-get install -y \
             python3-dev build-essential`, or `apk add python3-dev build-base`",
        ),
    },
    Classic {
        id: "pg-config",
        marks: &["pg_config executable not found", "pg_config: not found"],
        advice: Advice::Always(
            "psycopg2 is compiled here and lacks PostgreSQL's headers: `apt-get install -y \
             libpq-dev`, or use `psycopg2-binary`",
        ),
    },
    Classic {
        id: "missing-header",
        marks: &[": fatal error: "],
        advice: Advice::Depends(|_, line| {
            let header = after(line, ": fatal error: ", &[':'])?;
            line.contains("No such file").then(|| {
                format!(
                    "the header `{header}` is missing: install the `-dev` package that has it \
                     (`apt-file search {header}` finds it)"
                )
            })
        }),
    },
    Classic {
        id: "missing-compiler",
        marks: &[
            "error: command 'gcc' failed",
            "error: command 'cc' failed",
            "linker `cc` not found",
            "unable to execute 'gcc'",
            "exec: \"gcc\": executable file not found",
            "gyp ERR! stack Error: not found: make",
        ],
        advice: Advice::Always(
            "something is compiled here and the image has no compiler: `apt-get install -y \
             build-essential`, or `apk add build-base`",
        ),
    },
    Classic {
        id: "pip-no-distribution",
        marks: &["No matching distribution found for "],
        advice: Advice::Depends(|_, line| {
            let wanted = after(line, "No matching distribution found for ", &[' ', '('])?;
            Some(format!(
                "no version of `{wanted}` is for this Python and platform: check the name, the \
                 version, and what `python3 --version` in the image says"
            ))
        }),
    },
    Classic {
        id: "npm-no-lockfile",
        marks: &["can only install with an existing package-lock.json"],
        advice: Advice::Always(
            "`npm ci` needs package-lock.json: COPY it together with package.json, and look \
             whether .dockerignore leaves it out",
        ),
    },
    Classic {
        id: "npm-no-manifest",
        marks: &["ENOENT: no such file or directory, open '"],
        advice: Advice::Depends(|_, line| {
            line.contains("package.json'").then(|| {
                "there is no package.json here: COPY it before, and set WORKDIR to where it lies"
                    .to_owned()
            })
        }),
    },
    Classic {
        id: "npm-peer-conflict",
        marks: &["npm ERR! code ERESOLVE", "npm error code ERESOLVE"],
        advice: Advice::Always(
            "npm cannot satisfy the peer dependencies: mend them in package.json, or build from a \
             package-lock.json with `npm ci`",
        ),
    },
    Classic {
        id: "npm-unknown-package",
        marks: &["npm ERR! code E404", "npm error code E404"],
        advice: Advice::Always(
            "npm's registry has no such package or version, or it is private and needs a token",
        ),
    },
    Classic {
        id: "node-gyp-python",
        marks: &["gyp ERR! find Python"],
        advice: Advice::Always(
            "a Node package is compiled here: `apt-get install -y python3 build-essential`, or \
             `apk add python3 build-base`",
        ),
    },
    Classic {
        id: "project-file-missing",
        marks: &[
            "go.mod file not found",
            "could not find `Cargo.toml`",
            "there is no POM in this directory",
            "Could not locate Gemfile",
            "Could not open requirements file",
        ],
        advice: Advice::Always(
            "the project's file is not here: COPY it before, set WORKDIR to where it lies, and \
             look whether .dockerignore leaves it out",
        ),
    },
    Classic {
        id: "go-too-old",
        marks: &["(running go "],
        advice: Advice::Depends(|_, line| {
            line.contains("requires go").then(|| {
                "go.mod asks for a newer Go than the image has: take a newer `golang` base image"
                    .to_owned()
            })
        }),
    },
    Classic {
        id: "not-a-git-repository",
        marks: &["not a git repository"],
        advice: Advice::Always(
            "the build has no `.git`: .dockerignore leaves it out, or it was not copied; hand the \
             version in with `--build-arg` instead",
        ),
    },
    Classic {
        id: "git-dubious-ownership",
        marks: &["detected dubious ownership in repository"],
        advice: Advice::Always(
            "the copied repository belongs to another user: `COPY --chown`, or `git config \
             --global --add safe.directory '*'` in the RUN",
        ),
    },
];
