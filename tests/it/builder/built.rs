//! An image that the program built, opened: its config, its layers, its files and what is in them.

use crate::world::{Ran, World};
use rlock::archive::tar::{Limits, Reader};
use rlock::oci::{Platform, RuntimeConfig};
use rlock::store::layout::{self, Selector};
use rlock::store::{FileTree, Image, Node, NodeKind};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

/// A built image.
pub(super) struct Built {
    pub(super) image: Image,
    /// All files, the base's included.
    pub(super) tree: FileTree,
    /// Paths of each layer as its tar has them, in order, whiteouts included.
    pub(super) entries: Vec<Vec<String>>,
    contents: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl World {
    /// Builds on busybox, which must succeed, and opens what came out.
    #[track_caller]
    pub(super) fn build(&self, arguments: &[&str]) -> Built {
        self.build_as("image", arguments)
    }

    /// The same, with a name for the layout that the image is put into.
    #[track_caller]
    pub(super) fn build_as(&self, name: &str, arguments: &[&str]) -> Built {
        let path = self.path(name);
        // A layout holds several images; this is to hold one.
        std::fs::remove_dir_all(&path).or_else(missing).unwrap();
        let output = format!("oci:{}", path.display());
        let mut all = vec!["-o", &output, "--progress", "plain"];
        all.extend(arguments);
        self.on_busybox("build", &all).expect(0);
        Built::open(&path)
    }

    /// Builds on busybox, which must end with this code.
    #[track_caller]
    pub(super) fn fail(&self, code: i32, arguments: &[&str]) -> Ran {
        self.on_busybox("build", arguments).expect(code)
    }
}

impl Built {
    /// Opens the one image of a layout.
    pub(super) fn open(path: &Path) -> Self {
        let image = layout::open(path, &Selector::Any, &Platform::host()).unwrap();
        let mut tree = FileTree::new();
        let (mut entries, mut contents) = (Vec::new(), BTreeMap::new());
        for (index, layer) in image.layers.iter().enumerate() {
            let mut bytes = Vec::new();
            layer.open().unwrap().read_to_end(&mut bytes).unwrap();
            tree.apply_layer(index, bytes.as_slice()).unwrap();
            entries.push(read(&bytes, &mut contents));
        }
        Self { image, tree, entries, contents }
    }

    /// What containers start with.
    pub(super) fn config(&self) -> &RuntimeConfig {
        &self.image.config.config
    }

    /// What is at a path, which must be there.
    #[track_caller]
    pub(super) fn node(&self, path: &str) -> &Node {
        self.tree.get(path.as_bytes()).unwrap_or_else(|| panic!("no `{path}`"))
    }

    /// Whether something is at a path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.tree.get(path.as_bytes()).is_some()
    }

    /// The text in a file.
    #[track_caller]
    pub(super) fn text(&self, path: &str) -> String {
        let node = self.node(path);
        assert!(matches!(node.kind, NodeKind::File { .. }), "{path}: {node:?}");
        let name = node.hardlink.as_deref().unwrap_or(path.as_bytes());
        String::from_utf8(self.contents[name].clone()).unwrap()
    }

    /// Mode, owner and group of what is at a path.
    #[track_caller]
    pub(super) fn owned(&self, path: &str) -> (u32, u32, u32) {
        let node = self.node(path);
        (node.mode, node.uid, node.gid)
    }

    /// The layers that the build added, as the paths of their entries.
    pub(super) fn added(&self) -> Vec<Vec<&str>> {
        let added = self.entries.iter().skip(1);
        added.map(|paths| paths.iter().map(String::as_str).collect()).collect()
    }

    /// The image's manifest digest.
    pub(super) fn digest(&self) -> String {
        self.image.manifest_digest.to_string()
    }

    /// What made each layer or change, the base left out, and whether it has a layer.
    pub(super) fn history(&self) -> Vec<(&str, bool)> {
        let entries = self.image.config.history.iter().skip(1);
        entries
            .map(|entry| (entry.created_by.as_deref().unwrap_or_default(), !entry.empty_layer))
            .collect()
    }
}

fn missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Puts the files of a layer into `contents`; answers all of its paths.
fn read(tar: &[u8], contents: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<String> {
    let mut reader = Reader::new(tar, Limits::default());
    let mut paths = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut content = Vec::new();
        reader
            .copy_body(&mut |bytes| {
                content.extend_from_slice(bytes);
                Ok(())
            })
            .unwrap();
        paths.push(String::from_utf8_lossy(&entry.path).into_owned());
        contents.insert(entry.path, content);
    }
    paths
}
