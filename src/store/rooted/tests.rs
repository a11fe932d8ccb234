//! Hostile links and stubborn trees.

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

fn tree() -> (tempfile::TempDir, Root) {
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("root")).unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let root = Root::open(&outside.path().join("root")).unwrap();
    (outside, root)
}

fn owner() -> Owner {
    Owner { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
}

#[test]
fn links_lead_where_a_process_in_the_root_would_get() {
    let (outside, root) = tree();
    let path = root.path();
    fs::create_dir_all(path.join("usr/lib")).unwrap();
    fs::write(path.join("usr/lib/os-release"), "inside").unwrap();
    symlink("/usr/lib", path.join("lib")).unwrap();
    symlink("../../../../lib/os-release", path.join("up")).unwrap();
    symlink(outside.path().join("secret"), path.join("absolute")).unwrap();
    assert_eq!(root.read(b"lib/os-release", 100).unwrap().unwrap(), b"inside");
    assert_eq!(root.read(b"/up", 100).unwrap().unwrap(), b"inside");
    assert_eq!(root.read(b"absolute", 100).unwrap(), None);
    assert_eq!(root.read(b"../secret", 100).unwrap(), None);
    assert_eq!(root.resolve(b"/lib/../lib/./os-release").unwrap(), b"usr/lib/os-release");
    assert_eq!(root.resolve(b"lib/new/file").unwrap(), b"usr/lib/new/file");
    assert_eq!(root.resolve(b"../..").unwrap(), b"");
    assert!(root.read(b"usr/lib/os-release", 5).is_err());
    assert_eq!(root.metadata(b"up").unwrap().size, 6);
}

#[test]
fn loops_end() {
    let (_outside, root) = tree();
    symlink("b", root.path().join("a")).unwrap();
    symlink("a", root.path().join("b")).unwrap();
    assert!(root.resolve(b"a/x").is_err());
    assert!(root.open_file(b"a").is_err());
}

#[test]
fn changes_follow_no_link() {
    let (outside, root) = tree();
    symlink("..", root.path().join("out")).unwrap();
    symlink(outside.path(), root.path().join("absolute")).unwrap();
    for directory in [&b"out"[..], b"absolute", b".."] {
        let path = [directory, b"/secret"].concat();
        assert!(root.create_file(&path, 0o644, owner()).is_err());
        assert!(root.create_dir(&[directory, b"/new"].concat(), 0o755, owner()).is_err());
        assert!(root.set_mode(&path, 0o777).is_err());
        assert!(root.set_times(&path, Timestamp::default()).is_err());
        assert!(root.set_xattr(&path, b"user.x", b"1").is_err());
        assert!(root.hard_link(&path, b"stolen").is_err());
        assert!(root.remove(&path).is_err());
        assert!(root.entry(&path).is_err());
    }
    // A link as the last component is itself the object.
    symlink("../secret", root.path().join("link")).unwrap();
    assert!(root.set_mode(b"link", 0o777).is_err());
    root.set_times(b"link", Timestamp { seconds: 5, nanoseconds: 6 }).unwrap();
    assert_eq!(
        root.entry(b"link").unwrap().unwrap().mtime,
        Timestamp { seconds: 5, nanoseconds: 6 }
    );
    root.remove(b"link").unwrap();
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
}

#[test]
fn directories_are_made_behind_links_inside() {
    let (_outside, root) = tree();
    fs::create_dir(root.path().join("real")).unwrap();
    symlink("/real/deep", root.path().join("dangling")).unwrap();
    let made = root.create_dir_all(b"/dangling/a/b", 0o750, owner()).unwrap();
    assert_eq!(made, b"real/deep/a/b");
    assert_eq!(root.entry(b"real/deep/a").unwrap().unwrap().mode, 0o750);
    fs::write(root.path().join("file"), "").unwrap();
    assert!(root.create_dir_all(b"file/a", 0o755, owner()).is_err());
}

#[test]
fn files_have_the_mode_that_was_asked_for() {
    let (_outside, root) = tree();
    root.create_file(b"setuid", 0o4755, owner()).unwrap();
    assert_eq!(root.entry(b"setuid").unwrap().unwrap().mode, 0o4755);
    root.create_dir(b"sticky", 0o1777, owner()).unwrap();
    assert_eq!(root.entry(b"sticky").unwrap().unwrap().mode, 0o1777);
    root.symlink(b"sticky/link", b"../setuid", owner()).unwrap();
    assert_eq!(root.read_link(b"sticky/link").unwrap(), b"../setuid");
    root.create_node(b"pipe", FileKind::Fifo, 0o600, owner()).unwrap();
    assert!(root.open_file(b"pipe").is_err(), "must neither hang nor succeed");
    assert!(root.create_file(b"setuid", 0o644, owner()).is_err());
    assert_eq!(root.list(b"").unwrap(), [&b"pipe"[..], b"setuid", b"sticky"]);
}

#[test]
fn attributes_come_back() {
    let (_outside, root) = tree();
    root.create_file(b"file", 0o644, owner()).unwrap();
    if root.set_xattr(b"file", b"user.empty", b"").is_err() {
        println!("skipped: the temporary directory has no extended attributes");
        return;
    }
    root.set_xattr(b"file", b"user.large", &[7; 1000]).unwrap();
    let xattrs = root.xattrs(b"file").unwrap();
    assert_eq!(xattrs[&b"user.empty"[..]], b"");
    assert_eq!(xattrs[&b"user.large"[..]], [7; 1000]);
    root.remove_xattr(b"file", b"user.large").unwrap();
    assert_eq!(root.xattrs(b"file").unwrap().len(), 1);
}

#[test]
fn stubborn_trees_are_removed() {
    let (outside, root) = tree();
    symlink(outside.path(), root.path().join("link")).unwrap();
    fs::create_dir_all(root.path().join("closed/a/b")).unwrap();
    fs::write(root.path().join("closed/a/file"), "x").unwrap();
    for directory in ["closed/a/b", "closed/a", "closed"] {
        let permissions = fs::Permissions::from_mode(0o000);
        fs::set_permissions(root.path().join(directory), permissions).unwrap();
    }
    remove_tree(root.path()).unwrap();
    assert!(!root.path().exists());
    assert!(outside.path().join("secret").exists());
    remove_tree(root.path()).unwrap();
}

#[test]
fn depth_costs_no_descriptors() {
    let (_outside, root) = tree();
    // Deeper than any path can say: each level is made relative to the one above.
    let mut parent = root.directory_strict(b"").unwrap();
    for _ in 0..3000 {
        rustix::fs::mkdirat(&parent, "d", Mode::from_raw_mode(0o755)).unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        parent = rustix::fs::openat(&parent, "d", flags, Mode::empty()).unwrap();
    }
    remove_tree(root.path()).unwrap();
    assert!(!root.path().exists());
}

#[test]
fn capabilities_lose_the_namespace() {
    let version_2 = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut version_3 = version_2.to_vec();
    version_3[3] = 3;
    version_3.extend([0xe8, 3, 0, 0]);
    assert_eq!(parse_capability(&version_3), version_2);
    assert_eq!(parse_capability(&version_2), version_2);
    assert_eq!(parse_capability(b"odd"), b"odd");
}
