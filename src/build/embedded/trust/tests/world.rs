//! An image as layers, and steps over it with and without an authority.

use super::super::Trust;
use super::fixtures::authority;
use crate::build::BuildError;
use crate::build::embedded::mounted::{Folder, Mounted};
use crate::store::read_dir_sorted;
use crate::store::rooted::{FileKind, Root, names, stat_at};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What is older than this was not written by a step.
const LONG_AGO: Duration = Duration::from_secs(1_000_000_000);

/// A folder with an image in it.
pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) lowers: Vec<PathBuf>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) pem: String,
}

/// One object of a tree: kind, mode, owner, time (none: written by the step), names, content or
/// target.
pub(super) type Object = (FileKind, u32, (u32, u32), Option<i64>, u64, Vec<u8>);

/// A tree by path.
pub(super) type Snapshot = BTreeMap<String, Object>;

/// A step with an authority, whose overlay is still mounted.
pub(super) struct Running<'a> {
    pub(super) trust: Trust,
    pub(super) folder: Folder,
    mounted: Mounted,
    world: &'a World,
}

/// Mounting needs root; see `tests/it` for other users.
pub(super) fn may_mount() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("left out: mounting needs root here");
    }
    is_root
}

impl World {
    /// An image of one layer with these files.
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::Builder::new().prefix("rlock-trust-").tempdir().unwrap();
        let lower = folder.path().join("image");
        fs::create_dir(&lower).unwrap();
        let lowers = vec![lower];
        let world =
            Self { folder, lowers, environment: BTreeMap::new(), pem: authority().0.clone() };
        for (path, content) in files {
            world.file(path, content);
        }
        world
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.lowers[0].join(path)
    }

    pub(super) fn directory(&self, path: &str) {
        fs::create_dir_all(self.path(path)).unwrap();
    }

    pub(super) fn file(&self, path: &str, content: &[u8]) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
    }

    /// A folder for one step.
    fn fresh(&self) -> PathBuf {
        let number = read_dir_sorted(self.folder.path()).unwrap().len();
        self.folder.path().join(number.to_string())
    }

    /// Starts a step: afterwards the image is old.
    pub(super) fn start(&self) -> Running<'_> {
        age(&self.lowers[0]);
        let folder = Folder::create(&self.fresh()).unwrap();
        let trust =
            Trust::prepare(&self.lowers, &folder.files, &self.pem, &self.environment).unwrap();
        let mut layers = self.lowers.clone();
        layers.push(trust.layer().to_owned());
        let mounted = Mounted::mount(&layers, &folder).unwrap();
        Running { trust, folder, mounted, world: self }
    }

    /// What the step leaves without any authority.
    pub(super) fn plain(&self, act: &dyn Fn(&Path)) -> Snapshot {
        age(&self.lowers[0]);
        let folder = Folder::create(&self.fresh()).unwrap();
        let mounted = Mounted::mount(&self.lowers, &folder).unwrap();
        act(mounted.path());
        mounted.unmount().unwrap();
        snapshot(&folder.upper)
    }

    /// Proves that the step leaves the same as without an authority.
    pub(super) fn proves(&self, act: &dyn Fn(&Path)) -> Snapshot {
        let running = self.start();
        act(running.path());
        let left = running.end().unwrap();
        assert_same(&left, &self.plain(act));
        left
    }
}

impl Running<'_> {
    pub(super) fn path(&self) -> &Path {
        self.mounted.path()
    }

    pub(super) fn refresh(&self) {
        self.trust.refresh(&self.folder.upper).unwrap();
    }

    /// Whether the file shows the authority's certificate to the step.
    pub(super) fn trusts(&self, path: &str) -> bool {
        let content = fs::read(self.path().join(path)).unwrap();
        self.trust.certificate.is_in(&content)
    }

    pub(super) fn upper(&self, path: &str) -> PathBuf {
        self.folder.upper.join(path)
    }

    /// What is left of the step when it is over.
    pub(super) fn end(self) -> Result<Snapshot, BuildError> {
        self.mounted.unmount().unwrap();
        self.trust.scrub(&self.folder.upper)?;
        let left = snapshot(&self.folder.upper);
        let search = |(path, object): (&String, &Object)| {
            assert!(!self.trust.certificate.is_in(&object.5), "the authority is in `{path}`");
            assert!(!path.contains("rlock"), "`{path}`");
        };
        left.iter().for_each(search);
        assert!(self.world.lowers[0].exists());
        Ok(left)
    }
}

/// Everything below a directory.
pub(super) fn snapshot(directory: &Path) -> Snapshot {
    let root = Root::open(directory).unwrap();
    let mut found = Snapshot::new();
    let mut open = vec![Vec::new()];
    while let Some(parent) = open.pop() {
        let handle = root.directory_strict(&parent).unwrap();
        for name in names(&handle).unwrap() {
            let metadata = stat_at(&handle, &name).unwrap();
            let path = super::super::scan::join(&parent, name.as_bytes());
            let content = match metadata.kind {
                FileKind::File => {
                    fs::read(directory.join(String::from_utf8(path.clone()).unwrap())).unwrap()
                }
                FileKind::Symlink => root.read_link(&path).unwrap(),
                FileKind::Directory => {
                    open.push(path.clone());
                    let mut xattrs = root.xattrs(&path).unwrap();
                    // What the kernel notes for itself says which layers there were.
                    xattrs.retain(|name, _| {
                        name == b"user.overlay.opaque" || !name.starts_with(b"user.overlay.")
                    });
                    format!("{xattrs:?}").into_bytes()
                }
                _ => Vec::new(),
            };
            let seconds = metadata.mtime.seconds;
            let mtime = (seconds <= i64::try_from(LONG_AGO.as_secs()).unwrap()).then_some(seconds);
            let owner = (metadata.owner.uid, metadata.owner.gid);
            let links = if metadata.kind == FileKind::Directory { 0 } else { metadata.links };
            found.insert(
                String::from_utf8(path).unwrap(),
                (metadata.kind, metadata.mode, owner, mtime, links, content),
            );
        }
    }
    found
}

/// Two trees, path by path.
pub(super) fn assert_same(left: &Snapshot, right: &Snapshot) {
    let only = |tree: &Snapshot, other: &Snapshot| {
        tree.keys().filter(|path| !other.contains_key(*path)).cloned().collect::<Vec<_>>()
    };
    assert_eq!((only(left, right), only(right, left)), (Vec::new(), Vec::new()));
    for (path, object) in left {
        let other = &right[path];
        assert!(object == other, "`{path}`: {} and {}", show(object), show(other));
    }
}

fn show(object: &Object) -> String {
    let (kind, mode, owner, mtime, links, content) = object;
    let text = String::from_utf8_lossy(content);
    let short: String = text.chars().take(200).collect();
    format!("{kind:?} {mode:o} {owner:?} {mtime:?} {links} {} bytes: {short}", content.len())
}

/// Gives everything in a tree a time of long ago, each one another.
fn age(directory: &Path) {
    let mut number = 0;
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        number += 1;
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            open.extend(read_dir_sorted(&path).unwrap().iter().map(fs::DirEntry::path));
        }
        if metadata.is_symlink() || !(metadata.is_dir() || metadata.is_file()) {
            continue;
        }
        if metadata.mtime() > i64::try_from(LONG_AGO.as_secs()).unwrap() {
            let time = SystemTime::UNIX_EPOCH + LONG_AGO - Duration::from_secs(number);
            fs::File::open(&path).unwrap().set_modified(time).unwrap();
        }
    }
}
