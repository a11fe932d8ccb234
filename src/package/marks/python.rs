//! What pip, uv and others install for Python: `*.dist-info/METADATA`, and the older `*.egg-info`.
//! <https://packaging.python.org/en/latest/specifications/recording-installed-packages/>.

use super::super::Package;
use super::tree::{join, name, parent, resolve, split};
use super::{Entry, Mark, MarkError, Tree, package};

const DIST_INFO: &[u8] = b".dist-info";
const EGG_INFO: &[u8] = b".egg-info";

/// Bytes of a mark that are looked at: its headers come first, a description may follow.
const HEADERS_MAX: u64 = 1 << 20;

/// Bytes of the name of the program that installed a package.
const INSTALLER_MAX: u64 = 1 << 10;

/// Bytes of a list of files: those of the largest packages have some megabytes.
const LIST_MAX: u64 = 64 << 20;

/// Parts of Python itself, which Debian gives such files to. pip leaves them out, too.
const OF_PYTHON: [&str; 3] = ["python", "wsgiref", "argparse"];

/// `METADATA`, `PKG-INFO`, and `*.egg-info` where that is a file.
#[derive(Debug)]
pub(super) struct Python;

impl Mark for Python {
    fn purl_types(&self) -> &'static [&'static str] {
        &["pypi"]
    }

    fn matches(&self, entry: Entry<'_>) -> bool {
        let (folder, file) = split(entry.path);
        let holder = match file {
            b"METADATA" if folder.ends_with(DIST_INFO) => parent(folder),
            b"PKG-INFO" if folder.ends_with(EGG_INFO) => parent(folder),
            // A zipped egg, unpacked: the directory itself is what is imported from.
            b"PKG-INFO" if name(folder) == b"EGG-INFO" => parent(parent(folder)),
            _ if file.ends_with(EGG_INFO) => folder,
            _ => return false,
        };
        // pip leaves names that start so behind when it was stopped.
        let is_left_over = name(folder).starts_with(b"~") || name(folder).starts_with(b"-");
        !is_left_over && !is_inside_package(holder)
    }

    fn read(&self, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Package>, MarkError> {
        let Some(text) = tree.start(path, HEADERS_MAX)? else { return Ok(Vec::new()) };
        let (name, version) = metadata(&text)?;
        if OF_PYTHON.contains(&&*name) {
            return Ok(Vec::new());
        }
        let mut package = package("pypi", &name, &version)?;
        // Says that the user asked for it: PEP 376. uv puts it beside every package.
        let folder = parent(path);
        let installer = tree.start(&join(folder, b"INSTALLER"), INSTALLER_MAX)?.unwrap_or_default();
        let is_noted = tree.has_file(&join(folder, b"REQUESTED"))?;
        package.automatic = !is_noted || installer.trim_ascii() == b"uv";
        Ok(vec![package])
    }

    fn owned(&self, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Vec<u8>>, MarkError> {
        let folder = parent(path);
        let mut paths = vec![path.to_vec()];
        if let Some(record) = tree.read(&join(folder, b"RECORD"), LIST_MAX)? {
            let files = record.split(|byte| *byte == b'\n').filter_map(recorded);
            paths.extend(files.filter_map(|file| resolve(parent(folder), &file)));
        }
        if let Some(list) = tree.read(&join(folder, b"installed-files.txt"), LIST_MAX)? {
            let files = list.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let files = files.filter(|file| !file.is_empty());
            paths.extend(files.filter_map(|file| resolve(folder, file)));
        }
        if name(path) == b"PKG-INFO" {
            paths.extend(tree.below(folder, b"")?);
        }
        Ok(paths)
    }
}

/// Whether a directory is a part of an installed package: what lies there was copied into that
/// package, and no manager knows it.
fn is_inside_package(directory: &[u8]) -> bool {
    let mut above = directory.split(|byte| *byte == b'/').rev();
    let is_vendored = name(directory) == b"_vendor";
    let is_environment = |name: &&[u8]| matches!(*name, b"site-packages" | b"dist-packages");
    let last = above.next();
    is_vendored
        || (!last.as_ref().is_some_and(is_environment) && above.any(|name| is_environment(&name)))
}

/// The normalised name, and the version, of core metadata:
/// <https://packaging.python.org/en/latest/specifications/core-metadata/>.
pub(in crate::package) fn metadata(text: &[u8]) -> Result<(String, String), MarkError> {
    let (mut name, mut version) = (None, None);
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (field, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = || {
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            String::from_utf8_lossy(value).into_owned()
        };
        if field.eq_ignore_ascii_case(b"name") {
            name.get_or_insert_with(value);
        } else if field.eq_ignore_ascii_case(b"version") {
            version.get_or_insert_with(value);
        }
    }
    let missing = |field: &str| MarkError::malformed(format!("it has no `{field}`"));
    let name = name.ok_or_else(|| missing("Name"))?;
    let version = version.ok_or_else(|| missing("Version"))?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(is_name) {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(MarkError::malformed(format!("`{shown}` is not a name of a Python package")));
    }
    Ok((normalized(&name), version))
}

/// As indexes compare names: <https://peps.python.org/pep-0503/#normalized-names>.
pub(in crate::package) fn normalized(name: &str) -> String {
    let separates = |character: char| matches!(character, '-' | '_' | '.');
    let mut normalized = String::with_capacity(name.len());
    let mut after_separator = false;
    for character in name.chars() {
        match (separates(character), after_separator) {
            (true, true) => {}
            (true, false) => normalized.push('-'),
            (false, _) => normalized.push(character.to_ascii_lowercase()),
        }
        after_separator = separates(character);
    }
    normalized
}

/// The path of a line of `RECORD`: comma-separated values, in quotation marks where they need them.
fn recorded(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let Some(quoted) = line.strip_prefix(b"\"") else {
        let path = line.split(|byte| *byte == b',').next()?;
        return (!path.is_empty()).then(|| path.to_vec());
    };
    let mut path = Vec::new();
    let mut bytes = quoted.iter().copied();
    while let Some(byte) = bytes.next() {
        // A doubled mark stands for one.
        if byte == b'"' && bytes.next() != Some(b'"') {
            break;
        }
        path.push(byte);
    }
    Some(path)
}
