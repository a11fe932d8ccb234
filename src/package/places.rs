//! Where the paths of package lists are in a tree: `/bin/sh` is `usr/bin/sh` where `/bin` is a link.

use super::{Files, PackageError};
use std::collections::{BTreeMap, VecDeque};

/// Links that are followed before a path counts as a loop, as in the kernel (`MAXSYMLINKS`).
const LINKS_MAX: usize = 40;

/// Bytes of a path, as in the kernel (`PATH_MAX`): what is longer cannot be there.
const PATH_MAX: usize = 4095;

/// Bytes that all paths of a database may take: lists can be written so that a few bytes of them
/// say much. Half a million files, as the largest images have, take a twentieth of this.
const PATHS_MAX: usize = 1 << 30;

/// What a path takes besides its bytes.
const PATH_COST: usize = 32;

/// Follows the links among the directories of paths, each of them once.
pub(super) struct Places<'a> {
    files: Files<'a>,
    database: &'static str,
    spent: usize,
    directories: BTreeMap<Vec<u8>, Vec<u8>>,
    links: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Places<'a> {
    /// The places in `files` of the paths that `database` lists.
    pub(super) fn new(files: Files<'a>, database: &'static str) -> Self {
        Self { files, database, spent: 0, directories: BTreeMap::new(), links: BTreeMap::new() }
    }

    /// The path with the links among its directories followed, without a slash at the start; empty
    /// for the root. What stands at the path itself may be a link: it is what the package owns.
    pub(super) fn place(&mut self, path: &[u8]) -> Result<Vec<u8>, PackageError> {
        let mut all: Vec<&[u8]> = components(path).collect();
        let Some(name) = all.pop() else { return Ok(Vec::new()) };
        let directory = self.directory(&all.join(&b'/'))?;
        let place = joined(&directory, name);
        self.spend(&place)?;
        Ok(place)
    }

    /// A directory with all links followed. A loop leads nowhere: it stays as it is written.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<Vec<u8>, PackageError> {
        if let Some(known) = self.directories.get(path) {
            return Ok(known.clone());
        }
        let followed = self.follow(path)?.unwrap_or_else(|| path.to_vec());
        self.directories.insert(path.to_vec(), followed.clone());
        Ok(followed)
    }

    fn spend(&mut self, place: &[u8]) -> Result<(), PackageError> {
        self.spent = self.spent.saturating_add(place.len()).saturating_add(PATH_COST);
        if place.len() > PATH_MAX || self.spent > PATHS_MAX {
            let reason = "it lists paths that are longer, or more, than a tree can hold";
            return Err(PackageError::damaged(self.database.as_bytes(), reason));
        }
        Ok(())
    }

    fn follow(&mut self, path: &[u8]) -> Result<Option<Vec<u8>>, PackageError> {
        let mut place = Vec::new();
        let mut rest: VecDeque<Vec<u8>> = components(path).map(<[u8]>::to_vec).collect();
        let mut links = 0;
        while let Some(component) = rest.pop_front() {
            if component == b".." {
                let parent = place.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                place.truncate(parent);
                continue;
            }
            let next = joined(&place, &component);
            let Some(target) = self.link(&next)? else {
                place = next;
                continue;
            };
            links += 1;
            if links > LINKS_MAX {
                return Ok(None);
            }
            if target.starts_with(b"/") {
                place.clear();
            }
            for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
                rest.push_front(component.to_vec());
            }
        }
        Ok(Some(place))
    }

    /// Target of a link; none where something else is.
    pub(super) fn link(&mut self, path: &[u8]) -> Result<Option<Vec<u8>>, PackageError> {
        if let Some(known) = self.links.get(path) {
            return Ok(known.clone());
        }
        let target = (self.files.link)(path).map_err(|error| PackageError::read(path, error))?;
        self.links.insert(path.to_vec(), target.clone());
        Ok(target)
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !matches!(*component, b"" | b"."))
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(links: &[(&str, &str)], path: &str) -> String {
        let link = |path: &[u8]| {
            let found = links.iter().find(|(name, _)| name.as_bytes() == path);
            Ok(found.map(|(_, target)| target.as_bytes().to_vec()))
        };
        let files = Files { read: &|_| Ok(None), list: &|_| Ok(Vec::new()), link: &link };
        String::from_utf8(Places::new(files, "it").place(path.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn links_among_directories_are_followed() {
        let merged = [("bin", "usr/bin"), ("lib", "/usr/lib"), ("usr/lib/x", "../share/x")];
        assert_eq!(place(&merged, "/bin/sh"), "usr/bin/sh");
        assert_eq!(place(&merged, "lib/x/y"), "usr/share/x/y");
        assert_eq!(place(&merged, "/usr/lib/x"), "usr/lib/x");
        assert_eq!(place(&merged, "/bin"), "bin");
        assert_eq!(place(&merged, "/."), "");
        assert_eq!(place(&merged, "/usr//./share/z"), "usr/share/z");
        assert_eq!(place(&merged, "/bin/../../../x"), "x");
    }

    #[test]
    fn loops_lead_nowhere() {
        let loops = [("a", "b"), ("b", "a"), ("c", "c/c")];
        assert_eq!(place(&loops, "/a/x"), "a/x");
        assert_eq!(place(&loops, "/c/x"), "c/x");
    }
}
