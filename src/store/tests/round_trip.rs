//! From layers to directories and back.

use crate::archive::tar::{Entry, Kind, Limits, Reader, Timestamp, Writer};
use crate::oci::Digest;
use crate::store::capture::{clamp, write_layer};
use crate::store::rooted::{FileKind, Owner, Root};
use crate::store::tree::tests::{archive, directory, file, link};
use crate::store::unpack::unpack;
use crate::store::{FileTree, StoreError};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

const NO_EPOCH: i64 = i64::MAX;

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped: only root can give files to others");
    }
    is_root
}

/// Not that of a user namespace, who lacks some users and all devices.
fn is_root_of_host() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    let is_host = map.split_whitespace().eq(["0", "0", "4294967295"]);
    if !is_host {
        println!("skipped: only root of the host can make devices and has all users");
    }
    is_root() && is_host
}

fn unpacked(layer: &[u8]) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    unpack(layer, target.path(), "x").unwrap();
    target
}

fn captured(upper: &Path, epoch: i64) -> Vec<u8> {
    let mut layer = Vec::new();
    let captured = write_layer(upper, epoch, &mut layer).unwrap();
    assert_eq!((captured.diff_id, captured.size), (Digest::of(&layer), layer.len() as u64));
    layer
}

/// Components of a path, what to make of it, attributes, content.
type Wish = (Vec<&'static str>, u8, Entry, Vec<u8>);

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let long: &'static str = "long-name-".repeat(12).leak();
    let name = proptest::sample::select(vec!["a", "a.b", "b", "a-", "é", long]);
    let path = proptest::collection::vec(name, 1..5);
    let body = proptest::collection::vec(any::<u8>(), 0..600);
    proptest::collection::vec((path, any::<u8>(), entry(), body), 0..25)
}

/// A set of wishes turned into entries that a canonical layer can have.
fn canonical(wishes: Vec<Wish>) -> Vec<u8> {
    let mut entries: BTreeMap<Vec<u8>, (Entry, Vec<u8>)> = BTreeMap::new();
    let mut hidden = BTreeSet::new();
    let mut files: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for (components, group, mut entry, body) in wishes {
        entry.path = components.join("/").into();
        let above: Vec<Vec<u8>> =
            (1..components.len()).map(|end| components[..end].join("/").into()).collect();
        let is_directory = |path: &Vec<u8>| {
            entries.get(path).is_none_or(|(entry, _)| entry.kind == Kind::Directory)
        };
        if entries.contains_key(&entry.path)
            || hidden.contains(&entry.path)
            || !above.iter().all(is_directory)
            || above.iter().any(|path| hidden.contains(path))
        {
            continue;
        }
        for path in above {
            entries
                .entry(path.clone())
                .or_insert_with(|| (Entry::new(path, Kind::Directory), Vec::new()));
        }
        match (entry.kind, group) {
            // A whiteout: the entry's own path is what it hides.
            (Kind::Fifo, 0..100) => {
                let (parent, name) = crate::store::path::split(&entry.path);
                let marker = crate::store::path::join(parent, &[b".wh.", name].concat());
                hidden.insert(entry.path);
                entries.insert(marker.clone(), (Entry::new(marker, Kind::File), Vec::new()));
                continue;
            }
            (Kind::Directory, 0..100) => {
                let marker = crate::store::path::join(&entry.path, b".wh..wh..opq");
                entries.insert(marker.clone(), (Entry::new(marker, Kind::File), Vec::new()));
            }
            (Kind::File, 0..3) => {
                files.entry(group).or_insert_with(|| entry.path.clone());
            }
            _ => {}
        }
        entry.size = if entry.kind == Kind::File { body.len() as u64 } else { 0 };
        entries.insert(entry.path.clone(), (entry, body));
    }
    // Hard links of the first file of each group, to whichever path is smallest.
    for (group, path) in files {
        let other = [path.as_slice(), b"-", &[b'0' + group]].concat();
        let mut second = entries[&path].0.clone();
        second.path.clone_from(&other);
        (second.kind, second.size, second.link) = (Kind::Hardlink, 0, path);
        entries.insert(other, (second, Vec::new()));
    }
    // Nothing is hidden where all is hidden already.
    let opaque: Vec<Vec<u8>> = entries
        .keys()
        .filter_map(|path| path.strip_suffix(b"/.wh..wh..opq").map(<[u8]>::to_vec))
        .collect();
    entries.retain(|path, _| {
        let (parent, name) = crate::store::path::split(path);
        let is_below = opaque.iter().any(|above| {
            parent.strip_prefix(above.as_slice()).is_some_and(|rest| !rest.starts_with(b"-"))
        });
        !(is_below && name.starts_with(b".wh.") && name != b".wh..wh..opq")
    });
    let mut writer = Writer::new(Vec::new());
    for (entry, body) in entries.values() {
        writer.append(entry, &mut &**body).unwrap();
    }
    writer.finish().unwrap()
}

fn entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![
        4 => Just(Kind::File),
        2 => Just(Kind::Directory),
        1 => Just(Kind::Symlink),
        1 => Just(Kind::CharDevice { major: 1, minor: 300 }),
        1 => Just(Kind::BlockDevice { major: 8, minor: 1 }),
        2 => Just(Kind::Fifo),
    ];
    let target =
        prop_oneof![Just("/etc/passwd".to_owned()), Just("../".repeat(60)), "[a-zé./]{1,150}"];
    let owner = prop_oneof![0..3_u32, Just(65_534), Just(4_294_967_294)];
    let xattrs = proptest::collection::btree_map("user\\.[a-z.]{1,8}", any::<Vec<u8>>(), 0..3);
    let seconds = prop_oneof![-2_000_000_000..2_000_000_000_i64, Just(0), Just(15_000_000_000)];
    (kind, 0..=0o7777_u32, owner.clone(), owner, seconds, target, xattrs).prop_map(
        |(kind, mode, uid, gid, seconds, target, xattrs)| {
            let mut entry = Entry::new("", kind);
            (entry.mode, entry.uid, entry.gid) = (mode, uid, gid);
            entry.mtime = Timestamp { seconds, nanoseconds: 0 };
            match kind {
                Kind::Symlink => (entry.mode, entry.link) = (0o777, target.into()),
                Kind::File | Kind::Directory => {
                    entry.xattrs = xattrs
                        .into_iter()
                        .filter(|(name, _)| name.len() > "user.".len())
                        .map(|(name, value)| (name.into(), value))
                        .collect();
                }
                _ => {}
            }
            entry
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn capturing_what_was_unpacked_gives_the_layer(wishes in wishes()) {
        if !is_root_of_host() {
            return Ok(());
        }
        let layer = canonical(wishes);
        let target = unpacked(&layer);
        prop_assert_eq!(captured(target.path(), NO_EPOCH), layer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn overlayfs_shows_the_tree_of_the_layers(lower in wishes(), upper in wishes()) {
        if !is_root_of_host() {
            return Ok(());
        }
        let lower = without_whiteouts_of(&canonical(lower), &FileTree::new());
        let mut tree = FileTree::new();
        tree.apply_layer(0, &*lower).unwrap();
        let upper = without_whiteouts_of(&canonical(upper), &tree);
        tree.apply_layer(0, &*upper).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let [below, above, merged] = ["below", "above", "merged"].map(|name| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        });
        unpack(&*lower, &below, "lower").unwrap();
        unpack(&*upper, &above, "upper").unwrap();
        let layers = format!("userxattr,lowerdir={}:{}", above.display(), below.display());
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "-o", &layers, "overlay"]);
        if !mount.arg(&merged).status().unwrap().success() {
            println!("skipped: the kernel does not mount overlayfs here");
            return Ok(());
        }
        let shown = crate::store::directory::open(&merged);
        assert!(Command::new("umount").arg(&merged).status().unwrap().success());
        let shown = shown.unwrap();
        let shown: Vec<_> = shown.iter().filter(|(path, _)| !path.is_empty()).collect();
        prop_assert_eq!(shown, tree.iter().collect::<Vec<_>>());
    }
}

/// Overlayfs lists whiteouts of what is not there. No step leaves such.
fn without_whiteouts_of(layer: &[u8], lower: &FileTree) -> Vec<u8> {
    let mut reader = Reader::new(layer, Limits::default());
    let mut writer = Writer::new(Vec::new());
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut body = Vec::new();
        reader.body().read_to_end(&mut body).unwrap();
        let (parent, name) = crate::store::path::split(&entry.path);
        let hidden = name.strip_prefix(b".wh.").filter(|name| !name.starts_with(b".wh."));
        let hidden = hidden.map(|name| crate::store::path::join(parent, name));
        if hidden.is_none_or(|hidden| lower.get(&hidden).is_some()) {
            writer.append(&entry, &mut &*body).unwrap();
        }
    }
    writer.finish().unwrap()
}

#[test]
fn the_order_is_bytewise_by_full_path() {
    if !is_root() {
        return;
    }
    // The walk meets `a`, `a/b` and `a.b` in whatever order the file system has.
    let layer = archive(&[directory("a"), file("a/b", b"1"), file("a.b", b"2"), directory("a0")]);
    let again = captured(unpacked(&layer).path(), NO_EPOCH);
    let sorted = archive(&[directory("a"), file("a.b", b"2"), file("a/b", b"1"), directory("a0")]);
    assert_eq!(again, sorted);
}

#[test]
fn times_are_clamped_in_the_layer_and_on_disk() {
    if !is_root() {
        return;
    }
    let at = |path: &str, kind, seconds, nanoseconds| {
        let mut entry = Entry::new(path, kind);
        entry.mtime = Timestamp { seconds, nanoseconds };
        (entry, &b""[..])
    };
    let layer = archive(&[
        at("d", Kind::Directory, 2000, 0),
        at("d/f", Kind::File, 900, 5),
        at("g", Kind::File, 1000, 5),
    ]);
    let target = unpacked(&layer);
    std::os::unix::fs::symlink("/etc/passwd", target.path().join("d/l")).unwrap();
    let mut out = Vec::new();
    let captured_ = write_layer(target.path(), 1000, &mut out).unwrap();
    assert_eq!((captured_.entries, captured_.clamped), (4, 2));
    let mut tree = FileTree::new();
    tree.apply_layer(0, &*out).unwrap();
    let times: Vec<_> = tree.iter().map(|(_, node)| node.mtime).collect();
    let whole = |seconds| Timestamp { seconds, nanoseconds: 0 };
    assert_eq!(times, [whole(1000), whole(900), whole(1000), whole(1000)]);

    clamp(target.path(), 1000).unwrap();
    assert_eq!(captured(target.path(), NO_EPOCH), out);
    assert_eq!(clamp(target.path(), 1000).unwrap(), 0);
}

#[test]
fn what_is_the_hosts_or_overlayfs_own_is_left_out() {
    if !is_root() {
        return;
    }
    let target = unpacked(&archive(&[file("f", b""), directory("d")]));
    let root = Root::open(target.path()).unwrap();
    root.set_xattr(b"f", b"user.overlay.origin", b"x").unwrap();
    root.set_xattr(b"d", b"user.overlay.impure", b"y").unwrap();
    if is_root_of_host() {
        root.set_xattr(b"d", b"trusted.overlay.opaque", b"y").unwrap();
    }
    root.set_xattr(b"f", b"user.kept", b"1").unwrap();
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    root.set_xattr(b"f", b"security.capability", &capability).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(target.path().join("socket")).unwrap();
    let mut tree = FileTree::new();
    tree.apply_layer(0, &*captured(target.path(), NO_EPOCH)).unwrap();
    assert_eq!(tree.len(), 2);
    assert!(tree.get(b"d").unwrap().xattrs.is_empty());
    let xattrs = &tree.get(b"f").unwrap().xattrs;
    let names: Vec<_> = xattrs.keys().map(Vec::as_slice).collect();
    assert_eq!(names, [&b"security.capability"[..], b"user.kept"]);
    assert_eq!(xattrs[&b"security.capability"[..]], capability);
}

#[test]
fn what_no_layer_can_hold_is_an_error_that_names_it() {
    if !is_root() {
        return;
    }
    let target = unpacked(&archive(&[directory("d")]));
    let root = Root::open(target.path()).unwrap();
    root.create_file(b"d/.wh.x", 0o644, Owner::default()).unwrap();
    let error = write_layer(target.path(), 0, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("`d/.wh.x` has a name"), "{error}");
    root.remove(b"d/.wh.x").unwrap();
    root.set_xattr(b"d", b"user.overlay.redirect", b"/e").unwrap();
    let error = write_layer(target.path(), 0, Vec::new()).unwrap_err();
    assert!(matches!(error, StoreError::Unrepresentable { .. }), "{error}");
}

#[test]
fn overlays_own_attributes_and_whiteouts_of_layers_become_overlayfs() {
    if !is_root() {
        return;
    }
    let (mut odd, body) = file("f", b"");
    odd.xattrs.insert(b"user.overlay.redirect".to_vec(), b"/".to_vec());
    odd.xattrs.insert(b"trusted.overlay.metacopy".to_vec(), b"".to_vec());
    let layer = archive(&[
        (odd, body),
        file("d/.wh..wh..opq", b""),
        file("d/.wh.gone", b""),
        file("d/new", b""),
        file(".wh.d2", b""),
        file("d2/x", b""),
        file("e/.wh.gone", b""),
    ]);
    let target = unpacked(&layer);
    let root = Root::open(target.path()).unwrap();
    assert!(root.xattrs(b"f").unwrap().is_empty());
    for opaque in [&b"d"[..], b"d2"] {
        assert_eq!(root.xattrs(opaque).unwrap()[&b"user.overlay.opaque"[..]], b"y");
    }
    assert_eq!(root.list(b"d").unwrap(), [b"new"], "overlayfs would list what is whited out");
    let gone = root.entry(b"e/gone").unwrap().unwrap();
    assert_eq!(gone.kind, FileKind::CharDevice { major: 0, minor: 0 });
}

#[test]
fn directories_without_entries_and_closed_ones_are_fine() {
    if !is_root() {
        return;
    }
    let (mut closed, body) = directory("closed");
    closed.mode = 0;
    closed.mtime.seconds = 77;
    let deep = "d/".repeat(1000) + "x";
    let layer = archive(&[(closed, body), file("closed/f", b"x"), file(&deep, b"y")]);
    let target = unpacked(&layer);
    let root = Root::open(target.path()).unwrap();
    let closed = root.entry(b"closed").unwrap().unwrap();
    assert_eq!((closed.mode, closed.mtime.seconds), (0, 77));
    assert_eq!(root.entry(b"d").unwrap().unwrap().mode, 0o755);
    assert_eq!(root.read(deep.as_bytes(), 9).unwrap().unwrap(), b"y");
    assert_eq!(captured(target.path(), NO_EPOCH).len() % 512, 0);
}

#[test]
fn a_tree_of_a_directory_is_that_of_its_layer() {
    if !is_root() {
        return;
    }
    let (mut linked, body) = link("z", Kind::Hardlink, "d/f");
    linked.mode = 0o644;
    let layer = archive(&[
        directory("d"),
        file("d/f", b"content"),
        link("l", Kind::Symlink, "d"),
        (linked, body),
    ]);
    let mut tree = FileTree::new();
    tree.apply_layer(0, &*layer).unwrap();
    let found = crate::store::directory::open(unpacked(&layer).path()).unwrap();
    let without_root: Vec<_> = found.iter().filter(|(path, _)| !path.is_empty()).collect();
    assert_eq!(without_root, tree.iter().collect::<Vec<_>>());
    assert_eq!(found.get(b"z").unwrap().hardlink.as_deref(), Some(&b"d/f"[..]));
}
