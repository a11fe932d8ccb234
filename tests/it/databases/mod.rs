//! Package databases of real trees: what rlock reads equals what the real tools say, entry by entry.

mod apk;
mod dpkg;
mod rpm;

use crate::world::{base, succeed, tool};
use rlock::package::{self, Files, Owned, Package};
use rlock::store::rooted::Root;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

const SIZE_MAX: u64 = 1 << 30;

/// An unpacked image.
struct Unpacked(tempfile::TempDir);

impl Unpacked {
    /// The one layer of a base image, without devices, which only root can make.
    fn base(name: &str) -> Self {
        Self::layout(&base(name))
    }

    /// All layers of an image, one over the other. Files that upper layers remove stay.
    fn layout(layout: &Path) -> Self {
        let unpacked = Self(tempfile::tempdir().unwrap());
        let json = |path: PathBuf| -> serde_json::Value {
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
        };
        let blob = |of: &serde_json::Value| {
            let digest = of["digest"].as_str().unwrap().replace(':', "/");
            layout.join("blobs").join(digest)
        };
        let manifest = json(blob(&json(layout.join("index.json"))["manifests"][0]));
        for layer in manifest["layers"].as_array().unwrap() {
            let mut tar = tool("tar", "tar");
            tar.args(["--extract", "--no-same-owner", "--exclude=dev/*", "--exclude=./dev/*"]);
            // The directories of some packages are nobody's to write into.
            tar.args(["--delay-directory-restore", "--mode=u+rwX", "--file"]).arg(blob(layer));
            succeed(tar.arg("--directory").arg(unpacked.path()));
        }
        unpacked
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn look<T>(&self, look: impl FnOnce(Files<'_>) -> T) -> T {
        let root = Root::open(self.path()).unwrap();
        let read = |path: &[u8]| root.read(path, SIZE_MAX);
        let list = |path: &[u8]| match root.resolve(path).and_then(|path| root.list(&path)) {
            Err(error) if is_elsewhere(&error) => Ok(Vec::new()),
            names => names,
        };
        let link = |path: &[u8]| match root.read_link(path) {
            Err(error) if is_elsewhere(&error) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            target => target.map(Some),
        };
        look(Files { read: &read, list: &list, link: &link })
    }

    fn packages(&self) -> Vec<Package> {
        self.look(package::read_all).unwrap()
    }

    fn owned(&self) -> Vec<Owned> {
        self.look(package::owned_all).unwrap()
    }

    /// A path of a list of packages as the tree has it: the links among its directories followed.
    fn place(&self, listed: &str) -> String {
        let listed = listed.trim_start_matches('/');
        let (directory, name) = listed.rsplit_once('/').unwrap_or(("", listed));
        let root = Root::open(self.path()).unwrap();
        let directory = String::from_utf8(root.resolve(directory.as_bytes()).unwrap()).unwrap();
        if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
    }

    /// What is in the tree and in no package.
    fn without_owner(&self) -> Vec<String> {
        let owned: BTreeSet<String> = self.owned().iter().flat_map(paths).collect();
        let mut all = Vec::new();
        walk(self.path(), "", &mut all);
        all.into_iter().filter(|path| !owned.contains(path)).collect()
    }
}

/// Everything below a directory, sorted.
fn walk(root: &Path, directory: &str, found: &mut Vec<String>) {
    let entries = root.join(directory).read_dir().unwrap().map(Result::unwrap);
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    for name in names.collect::<BTreeSet<_>>() {
        let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
        found.push(path.clone());
        if root.join(&path).symlink_metadata().unwrap().is_dir() {
            walk(root, &path, found);
        }
    }
}

fn is_elsewhere(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn paths(owned: &Owned) -> Vec<String> {
    owned.paths.iter().map(|path| String::from_utf8(path.clone()).unwrap()).collect()
}

/// The lines of a tool, sorted.
fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
