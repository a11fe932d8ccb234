//! Trees to read package databases from, for tests.

use super::Files;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

/// Contents by path. What starts with `-> ` is a link.
pub(super) type Tree = BTreeMap<Vec<u8>, Vec<u8>>;

const LINK: &[u8] = b"-> ";

/// Looks at a tree that is held in memory. Only the last component of a path can be a link.
pub(super) fn with_tree<T>(tree: &Tree, look: impl FnOnce(Files<'_>) -> T) -> T {
    let link =
        |path: &[u8]| Ok(tree.get(path).and_then(|it| it.strip_prefix(LINK)).map(<[u8]>::to_vec));
    let read = |path: &[u8]| {
        let content = tree.get(path).filter(|content| !content.starts_with(LINK));
        Ok(content.cloned())
    };
    let list = |path: &[u8]| {
        let below = [path, b"/"].concat();
        let below = tree.keys().rev().filter_map(|key| key.strip_prefix(&*below));
        let names = below.filter_map(|rest| rest.split(|byte| *byte == b'/').next());
        Ok(names.map(<[u8]>::to_vec).collect::<BTreeSet<_>>().into_iter().collect())
    };
    look(Files { read: &read, list: &list, link: &link })
}

/// Looks at a directory of this machine, whose links lead nowhere outside.
pub(super) fn with_directory<T>(root: &Path, look: impl FnOnce(Files<'_>) -> T) -> T {
    let path = |path: &[u8]| root.join(std::ffi::OsStr::from_bytes(path));
    let read = |name: &[u8]| match std::fs::read(path(name)) {
        Err(error) if is_elsewhere(&error) => Ok(None),
        content => content.map(Some),
    };
    let list = |name: &[u8]| match path(name).read_dir() {
        Err(error) if is_elsewhere(&error) => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.file_name().into_encoded_bytes())).collect(),
    };
    let link = |name: &[u8]| match std::fs::read_link(path(name)) {
        Err(error) if is_elsewhere(&error) || error.kind() == io::ErrorKind::InvalidInput => {
            Ok(None)
        }
        target => target.map(|target| Some(target.into_os_string().into_vec())),
    };
    look(Files { read: &read, list: &list, link: &link })
}

fn is_elsewhere(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
