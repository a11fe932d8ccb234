//! What npm, yarn and pnpm install: `package.json` of the packages below `node_modules`.
//! <https://docs.npmjs.com/cli/configuring-npm/package-json>.

use super::super::Package;
use super::tree::{join, name, parent, resolve, split};
use super::{Entry, Mark, MarkError, Tree, package};
use serde_json::Value;

const MODULES: &[u8] = b"node_modules";
const MANIFEST: &[u8] = b"package.json";

/// Bytes of a manifest: some have their whole documentation in it.
const MANIFEST_MAX: u64 = 8 << 20;

/// `node_modules/NAME/package.json` and `node_modules/@SCOPE/NAME/package.json`, at any depth: also
/// in pnpm's store `node_modules/.pnpm/*/node_modules`, which the links beside it lead into.
#[derive(Debug)]
pub(super) struct Npm;

impl Mark for Npm {
    fn purl_types(&self) -> &'static [&'static str] {
        &["npm"]
    }

    fn matches(&self, entry: Entry<'_>) -> bool {
        let (folder, file) = split(entry.path);
        file == MANIFEST && modules_of(folder).is_some()
    }

    fn read(&self, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Package>, MarkError> {
        let Some(text) = tree.read(path, MANIFEST_MAX)? else { return Ok(Vec::new()) };
        let Some((name, version)) = manifest(&text)? else { return Ok(Vec::new()) };
        Ok(vec![package("npm", &name, &version)?])
    }

    fn owned(&self, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Vec<u8>>, MarkError> {
        let folder = parent(path);
        // What a package brings along in a `node_modules` of its own are packages, too.
        let mut paths = tree.below(folder, MODULES)?;
        let text = tree.read(path, MANIFEST_MAX)?.unwrap_or_default();
        let modules = modules_of(folder).unwrap_or_default();
        for program in programs(&text) {
            // Where they are linked to, in a project and in an installation for all.
            paths.extend(resolve(&join(modules, b".bin"), program.as_bytes()));
            paths.extend(resolve(modules, format!("../../bin/{program}").as_bytes()));
        }
        Ok(paths)
    }
}

/// The `node_modules` that holds the package whose directory this is; none where it is no
/// package's: directories in a package may have such a file, too.
fn modules_of(folder: &[u8]) -> Option<&[u8]> {
    let (holder, last) = split(folder);
    let modules = if name(holder).starts_with(b"@") { parent(holder) } else { holder };
    let is_package = name(modules) == MODULES && !last.starts_with(b".") && !last.starts_with(b"@");
    (is_package && is_managed(modules)).then_some(modules)
}

/// Whether this `node_modules` is one that a manager fills. Inside of another it must lie in a
/// package's own directory, or in a store such as `.pnpm/NAME@VERSION`: what lies deeper in a package
/// was copied into it, and no manager knows it.
fn is_managed(modules: &[u8]) -> bool {
    let holder = parent(modules);
    if !holder.split(|byte| *byte == b'/').any(|component| component == MODULES) {
        return true;
    }
    let store = parent(holder);
    let is_stored = name(store).starts_with(b".") && name(parent(store)) == MODULES;
    modules_of(holder).is_some() || (is_stored && is_managed(parent(store)))
}

/// Name and version; none where it has not both, as what only tells node how to read the files
/// beside it.
pub(in crate::package) fn manifest(text: &[u8]) -> Result<Option<(String, String)>, MarkError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let manifest: Value = serde_json::from_slice(text)
        .map_err(|error| MarkError::malformed(format!("it is not JSON: {error}")))?;
    let field = |field: &str| manifest.get(field).and_then(Value::as_str).map(str::to_owned);
    Ok(field("name").zip(field("version")))
}

/// The names of what a package puts on the path.
fn programs(manifest: &[u8]) -> Vec<String> {
    let manifest: Value = serde_json::from_slice(manifest).unwrap_or_default();
    let is_plain = |name: &String| !name.is_empty() && !name.contains('/') && name != "..";
    let names = match manifest.get("bin") {
        Some(Value::String(_)) => {
            let name = manifest.get("name").and_then(Value::as_str).unwrap_or_default();
            vec![name.rsplit('/').next().unwrap_or(name).to_owned()]
        }
        Some(Value::Object(programs)) => programs.keys().cloned().collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter(is_plain).collect()
}
