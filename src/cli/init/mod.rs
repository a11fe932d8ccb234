//! `rlock init`: writes what a repository needs to use rlock in CI.

mod forge;
mod plan;

#[cfg(test)]
mod tests;

use super::args::{ForgeName, InitArguments};
use super::failure::Misuse;
use anyhow::Context as _;
use plan::{Planned, Replace};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What starts every file that may be edited: without it, it is not ours to replace.
const OURS: &str = "# Written by `rlock init`";

/// Writes the files; answers what was written and what was left, a line each.
pub(super) fn run(arguments: &InitArguments) -> anyhow::Result<String> {
    let named = arguments.directory.display();
    let directory = fs::canonicalize(&arguments.directory).map_err(|error| {
        misuse(format!("cannot find `{named}`: {error}"), "name the directory of the Dockerfile")
    })?;
    let Some(top) = directory.ancestors().find(|folder| folder.join(".git").exists()) else {
        return Err(misuse(format!("`{named}` is in no git repository"), "run `git init` first"));
    };
    let place = plan::Place { directory: relative(&directory, top)?, branch: forge::branch(top) };
    let forge = match arguments.forge {
        Some(forge) => forge,
        None => forge::detect(top).ok_or_else(|| {
            let message = "nothing says which forge the repository is on".to_owned();
            misuse(message, "name it: --forge github, or --forge gitlab")
        })?,
    };
    let mut lines = Vec::new();
    let mut left = false;
    for file in plan::files(forge, &place) {
        let path = top.join(&file.path);
        let may_replace = arguments.force && (file.replace == Replace::Any || is_ours(&path));
        let written = write(&path, &file, may_replace)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        left |= !written;
        let done = if written { "wrote" } else { "left " };
        lines.push(format!("{done} {}", file.path));
        lines.extend((!written).then_some(file.by_hand).flatten());
    }
    if left && !arguments.force {
        lines.push("What was left is there already: --force writes it anew.".to_owned());
    }
    lines.push(plan::next(forge).to_owned());
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// The directory as the workflows name it. They are YAML and shell: what would have to be quoted in
/// both is refused.
fn relative(directory: &Path, top: &Path) -> anyhow::Result<String> {
    let path = directory.strip_prefix(top).unwrap_or(directory);
    let path = path.to_string_lossy();
    let plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '/' | '-')
    };
    match path.as_ref() {
        "" => Ok(".".to_owned()),
        path if path.chars().all(plain) && !path.starts_with('-') => Ok(path.to_owned()),
        path => {
            let path = crate::report::inert::text(path);
            Err(misuse(
                format!("the directory `{path}` has characters that workflows cannot name"),
                "letters, digits, `.`, `_` and `-` are fine",
            ))
        }
    }
}

fn misuse(message: String, hint: &str) -> anyhow::Error {
    Misuse { message, hint: hint.to_owned() }.into()
}

fn is_ours(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.starts_with(OURS))
}

/// Writes a file; answers whether it did.
fn write(path: &PathBuf, file: &Planned, may_replace: bool) -> std::io::Result<bool> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).mode(file.mode);
    if may_replace {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        opened => opened?.write_all(file.content.as_bytes()).map(|()| true),
    }
}
