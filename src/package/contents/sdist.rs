//! Source distributions of Python: a compressed archive with everything in one folder, of which a
//! program of the package's choice makes what is installed. Modules are installed as they are.
//! <https://packaging.python.org/en/latest/specifications/source-distribution-format/>

use super::{Contents, Item, Items, Role, crates, wheel};
use crate::archive::tar::Kind;
use crate::oci::Digest;
use crate::package::{PackageFile, PackageFileError};
use std::collections::BTreeMap;

/// Folders that hold modules, beside the archive's own.
const ROOTS: [&[u8]; 4] = [b"src/", b"lib/", b"lib3/", b"python/"];

/// Bytes of a file that names programs.
const TEXT_MAX: u64 = 8 << 20;

pub(super) fn contents(package: PackageFile, held: &[u8]) -> Result<Contents, PackageFileError> {
    let found = crates::folder(held)?.into_map();
    let mut items = Items::default();
    let roots = ROOTS
        .iter()
        .filter(|root| found.keys().any(|path| path.starts_with(root) && path.ends_with(b".py")));
    let roots: Vec<&[u8]> = roots.copied().collect();
    for (path, item) in found {
        let stripped = roots.iter().find_map(|root| path.strip_prefix(*root));
        let stripped = stripped.map(<[u8]>::to_vec).filter(|path| !path.is_empty());
        for path in stripped.into_iter().chain([path]) {
            // `src/a.py` is installed, where there is `a.py` too.
            if items.get(&path).is_none() {
                items.add(path, Item { role: Role::Source, ..item.clone() })?;
            }
        }
    }
    let control = programs(held)?;
    Ok(Contents { package, items: items.into_map(), control, is_source: true })
}

/// Functions that become programs.
fn programs(held: &[u8]) -> Result<BTreeMap<Vec<u8>, Digest>, PackageFileError> {
    let mut files = super::tree::open(held)?;
    let mut control = BTreeMap::new();
    while let Some(entry) = files.next_entry()? {
        let is_list = entry.path.ends_with(b".egg-info/entry_points.txt");
        let depth = entry.path.split(|byte| *byte == b'/').count();
        let is_project = entry.path.ends_with(b"/pyproject.toml") && depth == 2;
        if entry.kind != Kind::File || entry.size > TEXT_MAX || !(is_list || is_project) {
            continue;
        }
        let mut text = Vec::new();
        files.copy_body(&mut |bytes| {
            text.extend_from_slice(bytes);
            Ok(())
        })?;
        let text = String::from_utf8_lossy(&text);
        let found = if is_list { wheel::functions(&text) } else { of_project(&text) };
        for (name, function) in found {
            let key = [b"functions/", name.as_bytes()].concat();
            control.insert(key, Digest::of(function.as_bytes()));
        }
    }
    Ok(control)
}

/// `[project.scripts]`, and what poetry and flit have for that.
fn of_project(text: &str) -> Vec<(String, String)> {
    let Ok(table) = text.parse::<toml::Table>() else { return Vec::new() };
    let places: [&[&str]; 4] = [
        &["project", "scripts"],
        &["project", "gui-scripts"],
        &["tool", "poetry", "scripts"],
        &["tool", "flit", "scripts"],
    ];
    let mut found = Vec::new();
    for place in places {
        let mut of = Some(&table);
        for name in place {
            of = of.and_then(|of| of.get(*name)).and_then(toml::Value::as_table);
        }
        let scripts = of.into_iter().flatten();
        found.extend(scripts.filter_map(|(name, function)| {
            let function = function.as_str()?.chars().filter(|it| !it.is_whitespace());
            Some((name.clone(), function.collect()))
        }));
    }
    found
}
