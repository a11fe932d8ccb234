//! Applying a layer to a tree.
//!
//! A layer is read whole before anything is applied: its whiteouts concern lower layers only,
//! wherever in the archive they stand. What tools apply differently is refused, so that the tree
//! is what every runtime would show: paths that lead through a symbolic link of the same layer,
//! entries that replace a directory with its content, odd whiteouts.

use super::entry::{LinkTarget, Role, check_link, role};
use super::links::Links;
use super::{FileTree, LayerSummary, Node, NodeKind, below, paths_below};
use crate::archive::tar::{self, Entry, Kind, Limits, Timestamp};
use crate::oci::Hasher;
use crate::store::error::StoreError;
use crate::store::path::{ancestors, parent, show};
use crate::store::rooted::{FileKind, Owner};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// Bytes that all paths, link targets and attributes of a tree may take: an archive of few bytes
/// can spell out many.
const NAMES_SIZE_MAX: usize = 1 << 30;

impl FileTree {
    /// Applies an uncompressed layer, and hashes the contents of its files on the way. `index` is
    /// noted as [`Node::layer`]. After an error the tree is as before.
    pub fn apply_layer(
        &mut self,
        index: usize,
        archive: impl Read,
    ) -> Result<LayerSummary, StoreError> {
        let label = index.to_string();
        let mut changes = Changes::new(self, index);
        changes.read(archive).map_err(|problem| match problem {
            Problem::Archive(source) => StoreError::archive(label, source),
            Problem::Entry(path, reason) => StoreError::Entry { layer: label, path, reason },
        })?;
        let Changes {
            nodes,
            implicit,
            links,
            lower_links,
            whiteouts,
            opaque,
            summary,
            names_size,
            ..
        } = changes;
        self.names_size = names_size;
        for path in opaque {
            self.hide_below(&path);
            self.opaque.insert(path);
        }
        for path in whiteouts {
            self.hide(&path);
            self.removed.insert(path);
        }
        for (path, node) in nodes {
            self.put(&path, node, &implicit);
        }
        for set in links.sets() {
            let mut paths = set.iter();
            if let Some(first) = paths.next() {
                paths.for_each(|path| self.links.join(path, first));
            }
        }
        for (path, target) in lower_links {
            self.links.join(&path, &target);
        }
        self.settle_links();
        Ok(summary)
    }

    fn hide(&mut self, path: &[u8]) {
        self.hide_below(path);
        self.detach(path);
        self.nodes.remove(path);
    }

    /// Removes what is below a directory, and what was noted of layers even further down.
    fn hide_below(&mut self, directory: &[u8]) {
        for path in below(&self.nodes, directory) {
            self.detach(&path);
            self.nodes.remove(&path);
        }
        let is_below = |path: &Vec<u8>| {
            let rest = path.strip_prefix(directory);
            directory.is_empty() || rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        self.removed.retain(|path| !is_below(path));
        self.opaque.retain(|path| !is_below(path));
    }

    fn put(&mut self, path: &[u8], node: Node, implicit: &BTreeSet<Vec<u8>>) {
        let is_directory = node.kind == NodeKind::Directory;
        let was_directory =
            self.nodes.get(path).is_some_and(|lower| lower.kind == NodeKind::Directory);
        if was_directory && implicit.contains(path) {
            return;
        }
        if !is_directory {
            self.hide_below(path);
        }
        // A directory that was removed and made again has nothing of the old one.
        if self.removed.remove(path) && is_directory {
            self.opaque.insert(path.to_vec());
        }
        self.insert(path, node);
    }
}

/// What a layer changes.
struct Changes<'a> {
    lower: &'a FileTree,
    index: usize,
    nodes: BTreeMap<Vec<u8>, Node>,
    /// Directories of `nodes` that the archive has no entry for.
    implicit: BTreeSet<Vec<u8>>,
    links: Links,
    /// Hard links to files of lower layers.
    lower_links: BTreeMap<Vec<u8>, Vec<u8>>,
    whiteouts: BTreeSet<Vec<u8>>,
    opaque: BTreeSet<Vec<u8>>,
    summary: LayerSummary,
    names_size: usize,
    names_size_max: usize,
    /// A directory of `nodes`, all above it being directories too: that of the previous entry.
    checked: Option<Vec<u8>>,
}

enum Problem {
    Archive(tar::TarError),
    Entry(Vec<u8>, String),
}

impl From<tar::TarError> for Problem {
    fn from(error: tar::TarError) -> Self {
        Self::Archive(error)
    }
}

impl<'a> Changes<'a> {
    fn new(lower: &'a FileTree, index: usize) -> Self {
        Self {
            lower,
            index,
            nodes: BTreeMap::new(),
            implicit: BTreeSet::new(),
            links: Links::default(),
            lower_links: BTreeMap::new(),
            whiteouts: BTreeSet::new(),
            opaque: BTreeSet::new(),
            summary: LayerSummary::default(),
            names_size: lower.names_size,
            names_size_max: NAMES_SIZE_MAX,
            checked: None,
        }
    }

    fn read(&mut self, archive: impl Read) -> Result<(), Problem> {
        let mut reader = tar::Reader::new(archive, Limits::default());
        while let Some(entry) = reader.next_entry()? {
            self.summary.entries += 1;
            match role(&entry).map_err(|reason| refused(&entry.path, reason))? {
                Role::Plain => self.take(entry, &mut reader)?,
                Role::Whiteout(path) => {
                    self.check_parents(parent(&path))?;
                    self.count_names(path.len(), &entry.path)?;
                    self.whiteouts.insert(path);
                }
                Role::Opaque(path) => {
                    self.check_parents(&path)?;
                    self.count_names(path.len(), &entry.path)?;
                    self.opaque.insert(path);
                }
            }
        }
        self.summary.whiteouts = (self.whiteouts.len() + self.opaque.len()) as u64;
        self.check_lower_links()
    }

    fn take<R: Read>(&mut self, entry: Entry, reader: &mut tar::Reader<R>) -> Result<(), Problem> {
        if !entry.path.is_empty() {
            self.make_parents(parent(&entry.path))?;
        }
        self.count_names(names_size(&entry), &entry.path)?;
        self.make_room(&entry)?;
        let kind = match entry.kind {
            Kind::Hardlink => return self.link(&entry),
            Kind::File => {
                let mut hasher = Hasher::new();
                reader.copy_body(&mut |bytes| {
                    hasher.update(bytes);
                    Ok(())
                })?;
                let (digest, size) = hasher.finish();
                self.summary.content_size += size;
                NodeKind::File { digest, size }
            }
            Kind::Directory => NodeKind::Directory,
            Kind::Symlink => NodeKind::Symlink(entry.link),
            Kind::CharDevice { major, minor } => NodeKind::CharDevice { major, minor },
            Kind::BlockDevice { major, minor } => NodeKind::BlockDevice { major, minor },
            Kind::Fifo => NodeKind::Fifo,
        };
        let node = Node {
            // Linux has no permissions for symbolic links, and writers put various ones.
            mode: if matches!(kind, NodeKind::Symlink(_)) { 0o777 } else { entry.mode },
            kind,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            xattrs: entry.xattrs,
            layer: self.index,
            hardlink: None,
        };
        self.nodes.insert(entry.path, node);
        Ok(())
    }

    /// The last entry for a path counts, as extractors have it; but none replaces a directory and
    /// what the layer has in it.
    fn make_room(&mut self, entry: &Entry) -> Result<(), Problem> {
        let path = &entry.path;
        let was_implicit = self.implicit.remove(path);
        let Some(previous) = self.nodes.get(path) else { return Ok(()) };
        self.summary.repeated += u64::from(!was_implicit);
        if previous.kind == NodeKind::Directory && entry.kind != Kind::Directory {
            if paths_below(&self.nodes, path).next().is_some() {
                return Err(refused(path, "replaces a directory of the same layer"));
            }
            self.checked = None;
        }
        self.links.leave(path);
        self.lower_links.remove(path);
        Ok(())
    }

    fn link(&mut self, entry: &Entry) -> Result<(), Problem> {
        let (path, target) = (&entry.path, &entry.link);
        let is_own = self.nodes.contains_key(target);
        let found = self.nodes.get(target).or_else(|| self.lower.get(target));
        let Some(node) = found.filter(|node| node.kind != NodeKind::Directory).cloned() else {
            let reason =
                format!("is a hard link to `{}`, which is no file before it", show(target));
            return Err(refused(path, reason));
        };
        let owner = Owner { uid: node.uid, gid: node.gid };
        let kind = match node.kind {
            NodeKind::Symlink(_) => FileKind::Symlink,
            _ => FileKind::File,
        };
        let linked = LinkTarget { kind, mode: node.mode, owner, xattrs: &node.xattrs };
        check_link(entry, &linked).map_err(|reason| refused(path, reason))?;
        self.nodes.insert(path.clone(), Node { layer: self.index, hardlink: None, ..node });
        match (is_own, self.lower_links.get(target).cloned()) {
            (true, None) => self.links.join(path, target),
            (true, Some(lower)) => {
                self.lower_links.insert(path.clone(), lower);
            }
            (false, _) => {
                self.lower_links.insert(path.clone(), target.clone());
            }
        }
        Ok(())
    }

    /// A file of a lower layer that this one removes or replaces: depending on the order of
    /// entries, extractors find it or not.
    fn check_lower_links(&self) -> Result<(), Problem> {
        for (path, target) in &self.lower_links {
            let is_hidden = |path: &[u8]| self.whiteouts.contains(path);
            let is_gone = self.nodes.contains_key(target)
                || is_hidden(target)
                || ancestors(target).any(|above| is_hidden(above) || self.opaque.contains(above))
                || self.opaque.contains(&b""[..]);
            if is_gone {
                let reason =
                    format!("is a hard link to `{}`, which the same layer removes", show(target));
                return Err(refused(path, reason));
            }
        }
        Ok(())
    }

    /// Directories that the archive has no entry for are made as extractors do, with the
    /// attributes of lower ones if there are some.
    fn make_parents(&mut self, directory: &[u8]) -> Result<(), Problem> {
        if directory.is_empty() || self.checked.as_deref() == Some(directory) {
            return Ok(());
        }
        self.check_parents(directory)?;
        let missing: Vec<Vec<u8>> = ancestors(directory)
            .chain([directory])
            .filter(|path| !self.nodes.contains_key(*path))
            .map(<[u8]>::to_vec)
            .collect();
        for path in missing {
            self.count_names(path.len(), directory)?;
            self.implicit.insert(path.clone());
            self.nodes.insert(path, implicit_directory(self.index));
        }
        self.checked = Some(directory.to_vec());
        Ok(())
    }

    /// A path through a link of the same layer: extractors follow it, readers of the archive see
    /// what they cannot place. One through a link of a lower layer is not followed by overlayfs:
    /// a directory takes the link's place.
    fn check_parents(&self, directory: &[u8]) -> Result<(), Problem> {
        for path in ancestors(directory).chain([directory]).filter(|path| !path.is_empty()) {
            if self.nodes.get(path).is_some_and(|node| node.kind != NodeKind::Directory) {
                let reason = "leads through something that is not a directory";
                return Err(refused(directory, format!("{reason}: `{}`", show(path))));
            }
        }
        Ok(())
    }

    fn count_names(&mut self, size: usize, path: &[u8]) -> Result<(), Problem> {
        self.names_size = self.names_size.saturating_add(size);
        if self.names_size > self.names_size_max {
            let max = self.names_size_max;
            return Err(refused(path, format!("makes names of more than {max} bytes in all")));
        }
        Ok(())
    }
}

fn names_size(entry: &Entry) -> usize {
    let xattrs: usize = entry.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
    entry.path.len() + entry.link.len() + xattrs
}

fn implicit_directory(layer: usize) -> Node {
    Node {
        kind: NodeKind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Timestamp::default(),
        xattrs: BTreeMap::new(),
        layer,
        hardlink: None,
    }
}

fn refused(path: &[u8], reason: impl Into<String>) -> Problem {
    Problem::Entry(path.to_vec(), reason.into())
}
