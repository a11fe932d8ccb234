//! Wheels: zip archives, unpacked below `site-packages`.
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>
//!
//! `NAME.data/purelib/x` and `NAME.data/platlib/x` are `x`. What else is in `NAME.data` goes to other
//! folders of the environment, and keeps its path here.

use super::{Contents, HELD_MAX, Item, ItemKind, Items, Role};
use crate::archive::zip::{self, Archive};
use crate::oci::Digest;
use crate::package::{PackageFile, PackageFileError, file};
use std::collections::BTreeMap;
use std::io::Cursor;

/// Folders of `NAME.data` that are those of the modules.
const OF_MODULES: [&[u8]; 2] = [b"purelib/", b"platlib/"];

pub(super) fn contents(package: PackageFile, held: &[u8]) -> Result<Contents, PackageFileError> {
    let mut archive =
        Archive::open(Cursor::new(held), &zip::Limits::default()).map_err(file::failed)?;
    let (mut items, mut control) = (Items::default(), BTreeMap::new());
    let mut unpacked = 0_u64;
    for entry in archive.entries().to_vec() {
        if entry.name.ends_with(b"/") {
            continue;
        }
        unpacked = unpacked.saturating_add(entry.size);
        if unpacked > super::UNPACKED_MAX {
            return Err(PackageFileError::malformed("its files are too large"));
        }
        let content = archive.read(&entry, HELD_MAX).map_err(file::failed)?;
        let kind = ItemKind::File { digest: Digest::of(&content), size: content.len() as u64 };
        let path = crate::archive::tar::clean_path(&entry.name, 4095)
            .map_err(|problem| PackageFileError::malformed(format!("a path of it {problem}")))?;
        note(&path, &content, &mut control);
        let role = Role::Plain;
        let item = Item { kind, mode: None, owner: None, role, has_capabilities: false };
        items.add(placed(&path).to_vec(), item)?;
    }
    Ok(Contents { package, items: items.into_map(), control, is_source: false })
}

fn placed(path: &[u8]) -> &[u8] {
    let slash = path.iter().position(|byte| *byte == b'/');
    let (folder, rest) = slash.map_or((path, &b""[..]), |slash| path.split_at(slash));
    let rest = rest.get(1..).unwrap_or_default();
    if !folder.ends_with(b".data") {
        return path;
    }
    OF_MODULES.iter().find_map(|start| rest.strip_prefix(*start)).unwrap_or(path)
}

/// What becomes a program: scripts whose first line installers write anew, and functions to be called.
fn note(path: &[u8], content: &[u8], control: &mut BTreeMap<Vec<u8>, Digest>) {
    let mut parts = path.splitn(3, |byte| *byte == b'/');
    let (folder, second, third) = (parts.next(), parts.next(), parts.next());
    let folder = folder.unwrap_or_default();
    match (second, third) {
        (Some(b"scripts"), Some(name)) if folder.ends_with(b".data") => {
            let end = content.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let is_rewritten = content.starts_with(b"#!python");
            let rest = if is_rewritten { content.get(end..) } else { Some(content) };
            let start = if is_rewritten { &b"scripts/"[..] } else { b"programs/" };
            control.insert([start, name].concat(), Digest::of(rest.unwrap_or_default()));
        }
        (Some(b"entry_points.txt"), None) if folder.ends_with(b".dist-info") => {
            for (name, function) in functions(&String::from_utf8_lossy(content)) {
                let key = [b"functions/", name.as_bytes()].concat();
                control.insert(key, Digest::of(function.as_bytes()));
            }
        }
        _ => {}
    }
}

/// `NAME = MODULE:FUNCTION [EXTRAS]` of the sections whose entries become programs.
pub(super) fn functions(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut wanted = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            wanted = matches!(line, "[console_scripts]" | "[gui_scripts]");
        } else if let (true, Some((name, function))) = (wanted, line.split_once('=')) {
            let function = function.split('[').next().unwrap_or(function);
            let function: String = function.chars().filter(|it| !it.is_whitespace()).collect();
            found.push((name.trim().to_owned(), function));
        }
    }
    found
}
