//! Packages of npm: <https://docs.npmjs.com/cli/using-npm/scripts>. Only what is run where a package
//! is installed from a registry counts.

use super::super::super::{Control, PackageFileError};
use super::Folder;
use serde_json::Value;
use std::collections::BTreeSet;

const MANIFEST: &str = "package.json";

/// Scripts that npm, yarn and pnpm run, in this order.
const SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// What has this file, and neither of these scripts, is built.
const BUILD_FILE: &str = "binding.gyp";
const UNBUILT_BY: [&str; 2] = ["preinstall", "install"];
const BUILD: &str = "node-gyp rebuild";

/// What node looks for where a file is named without it.
const ENDS: [&str; 5] = ["", ".js", ".cjs", ".mjs", "/index.js"];

pub(super) fn is_text(path: &str) -> bool {
    path == MANIFEST
}

pub(super) fn control(folder: &Folder) -> Result<Control, PackageFileError> {
    let text = folder.texts.get(MANIFEST).map(Vec::as_slice).unwrap_or_default();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let manifest: Value = serde_json::from_slice(text)
        .map_err(|error| PackageFileError::malformed(format!("its `{MANIFEST}`: {error}")))?;
    let names = |field: &str| -> BTreeSet<String> {
        let object = manifest.get(field).and_then(Value::as_object);
        object.into_iter().flat_map(|object| object.keys().cloned()).collect()
    };
    let mut control = Control {
        depends: &names("dependencies") | &names("peerDependencies"),
        recommends: names("optionalDependencies"),
        ..Control::default()
    };
    // npm takes a name in both as optional.
    control.depends.retain(|name| !control.recommends.contains(name));
    control.provides = commands(&manifest).map(|name| format!("command {name}")).collect();
    let scripts = manifest.get("scripts");
    for name in SCRIPTS {
        let command = scripts.and_then(|scripts| scripts.get(name)).and_then(Value::as_str);
        if let Some(command) = command.filter(|command| !command.trim().is_empty()) {
            control.scripts.insert(name.to_owned(), script(command, folder));
        }
    }
    let is_built = UNBUILT_BY.iter().all(|name| !control.scripts.contains_key(*name));
    if is_built && folder.digests.contains_key(BUILD_FILE) {
        let files = folder.listed(|path| path == BUILD_FILE);
        control.scripts.insert("install".to_owned(), format!("{BUILD}\n{files}").into());
    }
    Ok(control)
}

/// The command, and which content the files have that it names. What those read in turn is not
/// followed.
fn script(command: &str, folder: &Folder) -> Vec<u8> {
    let separates = |c: char| c.is_whitespace() || "'\"`;&|()=<>".contains(c);
    let words = command.split(separates).map(|word| word.trim_start_matches("./"));
    let words: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
    let named = |path: &str| {
        let starts = ENDS.iter().filter_map(|end| path.strip_suffix(end));
        starts.into_iter().any(|start| words.contains(start))
    };
    format!("{command}\n{}", folder.listed(named)).into()
}

fn commands(manifest: &Value) -> impl Iterator<Item = &str> {
    let own = || manifest.get("name").and_then(Value::as_str);
    let bin = manifest.get("bin");
    let one = bin.and_then(Value::as_str).and_then(|_| own()?.rsplit('/').next());
    let many = bin.and_then(Value::as_object).into_iter().flat_map(|all| all.keys());
    one.into_iter().chain(many.map(String::as_str))
}
