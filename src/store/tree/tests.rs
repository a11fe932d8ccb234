//! Whiteouts, hard links and hostile layers. What a tree refuses, unpacking refuses too.

use super::*;
use crate::archive::tar::{Entry, Kind, Writer};
use crate::store::error::StoreError;
use crate::store::unpack::unpack;
use std::io::Write as _;

/// An archive in the given order, which is not always bytewise: the canonical writer makes each
/// entry by itself, and its two zero blocks are cut off.
pub(in crate::store) fn archive(entries: &[(Entry, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (entry, body) in entries {
        if entry.kind == Kind::Hardlink {
            bytes.extend(hard_link(entry));
            continue;
        }
        let mut writer = Writer::new(Vec::new());
        let mut entry = entry.clone();
        entry.size = body.len() as u64;
        writer.append(&entry, &mut &**body).unwrap();
        let one = writer.finish().unwrap();
        bytes.write_all(&one[..one.len() - 1024]).unwrap();
    }
    bytes.extend([0; 1024]);
    bytes
}

/// The canonical writer refuses those that point forward or out of the layer.
fn hard_link(entry: &Entry) -> Vec<u8> {
    let mut header = ::tar::Header::new_ustar();
    header.set_entry_type(::tar::EntryType::Link);
    header.set_path(std::str::from_utf8(&entry.path).unwrap()).unwrap();
    header.set_link_name(std::str::from_utf8(&entry.link).unwrap()).unwrap();
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(0);
    header.set_size(0);
    header.set_cksum();
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, value) in &entry.xattrs {
        let name = format!("SCHILY.xattr.{}", str::from_utf8(name).unwrap());
        builder.append_pax_extensions([(&*name, &**value)]).unwrap();
    }
    builder.append(&header, &mut std::io::empty()).unwrap();
    let mut bytes = builder.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    bytes
}

pub(in crate::store) fn file<'a>(path: &str, body: &'a [u8]) -> (Entry, &'a [u8]) {
    (Entry::new(path, Kind::File), body)
}

pub(in crate::store) fn directory(path: &str) -> (Entry, &'static [u8]) {
    (Entry::new(path, Kind::Directory), b"")
}

pub(in crate::store) fn link(path: &str, kind: Kind, target: &str) -> (Entry, &'static [u8]) {
    let mut entry = Entry::new(path, kind);
    entry.link = target.into();
    (entry, b"")
}

fn tree(layers: &[Vec<u8>]) -> Result<FileTree, StoreError> {
    let mut tree = FileTree::new();
    for (index, layer) in layers.iter().enumerate() {
        tree.apply_layer(index, &**layer)?;
    }
    Ok(tree)
}

fn paths(tree: &FileTree) -> Vec<String> {
    tree.iter().map(|(path, _)| String::from_utf8(path.to_vec()).unwrap()).collect()
}

fn size(tree: &FileTree, path: &str) -> u64 {
    match tree.get(path.as_bytes()).unwrap().kind {
        NodeKind::File { size, .. } => size,
        _ => panic!("{path} is not a file"),
    }
}

/// Refused by the tree and by unpacking, and nothing is left outside of the target.
#[track_caller]
fn refused(entries: &[(Entry, &[u8])], reason: &str) {
    let layer = archive(entries);
    let error = tree(std::slice::from_ref(&layer)).unwrap_err();
    assert!(error.is_integrity());
    assert!(error.to_string().contains(reason), "tree: {error}");
    if !rustix::process::geteuid().is_root() {
        println!("skipped unpacking: not root");
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    std::fs::create_dir(&target).unwrap();
    let error = unpack(&*layer, &target, "x").unwrap_err();
    assert!(error.is_integrity(), "{error}");
    assert!(error.to_string().contains(reason), "unpack: {error}");
    let names = crate::store::read_dir_sorted(outside.path()).unwrap();
    assert_eq!(names.len(), 1);
}

#[test]
fn later_layers_change_and_remove() {
    let lower = archive(&[directory("a"), file("a/b", b"1"), file("a/c", b"12"), file("d", b"1")]);
    let upper = archive(&[file("a/.wh.b", b""), file("a/e", b"123"), file("d", b"12345")]);
    let tree = tree(&[lower, upper]).unwrap();
    assert_eq!(paths(&tree), ["a", "a/c", "a/e", "d"]);
    assert_eq!(size(&tree, "d"), 5);
    assert_eq!(tree.get(b"d").unwrap().layer, 1);
    assert_eq!(tree.get(b"a").unwrap().layer, 0, "an implicit directory keeps what it was");
    assert_eq!(tree.removed().iter().collect::<Vec<_>>(), [b"a/b"]);
}

#[test]
fn whiteouts_concern_lower_layers_wherever_they_stand() {
    let lower = archive(&[directory("a"), file("a/old", b""), directory("b"), file("b/old", b"")]);
    let orders: [&[usize]; 2] = [&[0, 1, 2, 3, 4], &[4, 3, 2, 1, 0]];
    for order in orders {
        let all = [
            file("a/.wh..wh..opq", b""),
            file("a/new", b"n"),
            file(".wh.b", b""),
            file("b/new", b"n"),
            file("a/.wh.new", b""),
        ];
        let upper: Vec<_> = order.iter().map(|index| all[*index].clone()).collect();
        let tree = tree(&[lower.clone(), archive(&upper)]).unwrap();
        assert_eq!(paths(&tree), ["a", "a/new", "b", "b/new"], "{order:?}");
        assert_eq!(tree.opaque().iter().collect::<Vec<_>>(), [b"a", b"b"]);
    }
}

#[test]
fn a_whiteout_of_a_directory_takes_what_is_in_it_and_nothing_else() {
    let lower = archive(&[
        directory("a"),
        file("a.b", b""),
        file("a/b", b""),
        directory("a/c"),
        file("a/c/d", b""),
        file("aa", b""),
    ]);
    let tree = tree(&[lower, archive(&[file(".wh.a", b"")])]).unwrap();
    assert_eq!(paths(&tree), ["a.b", "aa"]);
}

#[test]
fn kinds_replace_each_other_across_layers() {
    let lower = archive(&[directory("a"), file("a/b", b""), link("l", Kind::Symlink, "a")]);
    let upper = archive(&[file("a", b"now a file"), file("l/x", b"")]);
    let tree = tree(&[lower, upper]).unwrap();
    assert_eq!(paths(&tree), ["a", "l", "l/x"]);
    assert_eq!(tree.get(b"l").unwrap().kind, NodeKind::Directory, "as overlayfs shows it");
}

#[test]
fn hard_links_share_content_and_know_the_smallest_path() {
    let lower = archive(&[
        file("m", b"12"),
        link("z", Kind::Hardlink, "m"),
        link("b", Kind::Hardlink, "z"),
        link("s", Kind::Symlink, "m"),
    ]);
    let tree_1 = tree(std::slice::from_ref(&lower)).unwrap();
    assert_eq!((size(&tree_1, "b"), size(&tree_1, "z")), (2, 2));
    assert_eq!(tree_1.get(b"b").unwrap().hardlink, None);
    assert_eq!(tree_1.get(b"m").unwrap().hardlink.as_deref(), Some(&b"b"[..]));
    assert_eq!(tree_1.get(b"z").unwrap().hardlink.as_deref(), Some(&b"b"[..]));

    // A replaced name leaves the set, a removed one too, and across layers one can come in.
    let upper = archive(&[file("b", b"other"), file(".wh.m", b"")]);
    let tree_2 = tree(&[lower.clone(), upper]).unwrap();
    assert_eq!(tree_2.get(b"z").unwrap().hardlink, None);
    let upper = archive(&[link("0", Kind::Hardlink, "m")]);
    let tree_3 = tree(&[lower, upper]).unwrap();
    assert_eq!(tree_3.get(b"b").unwrap().hardlink.as_deref(), Some(&b"0"[..]));
    assert_eq!(tree_3.get(b"0").unwrap().layer, 1);
}

#[test]
fn a_hard_link_may_repeat_attributes_and_not_change_them() {
    let attribute = |(mut entry, body): (Entry, &'static [u8]), value: &[u8]| {
        entry.xattrs.insert(b"user.a".to_vec(), value.to_vec());
        (entry, body)
    };
    let linked = || link("b", Kind::Hardlink, "a");
    for repeated in [linked(), attribute(linked(), b"1")] {
        let layer = archive(&[attribute(file("a", b""), b"1"), repeated]);
        let tree = tree(std::slice::from_ref(&layer)).unwrap();
        assert_eq!(tree.get(b"b").unwrap().xattrs[&b"user.a"[..]], b"1");
        let target = tempfile::tempdir().unwrap();
        unpack(&*layer, target.path(), "test").unwrap();
    }
    let other = "other extended attributes";
    refused(&[attribute(file("a", b""), b"1"), attribute(linked(), b"2")], other);
    refused(&[file("a", b""), attribute(linked(), b"")], other);
}

#[test]
fn the_last_entry_for_a_path_counts() {
    let layer = archive(&[
        file("a", b"1"),
        link("b", Kind::Hardlink, "a"),
        file("a", b"12"),
        directory("d"),
        directory("d"),
    ]);
    let mut tree = FileTree::new();
    let summary = tree.apply_layer(0, &*layer).unwrap();
    assert_eq!((summary.entries, summary.repeated, summary.content_size), (5, 2, 3));
    assert_eq!((size(&tree, "a"), size(&tree, "b")), (2, 1));
    assert_eq!(tree.get(b"b").unwrap().hardlink, None);
}

#[test]
fn paths_through_what_is_no_directory_are_refused() {
    let through = "not a directory";
    refused(&[link("d", Kind::Symlink, "/outside"), file("d/x", b"")], through);
    refused(&[link("d", Kind::Symlink, "../.."), file("d/x/y", b"")], through);
    refused(&[link("d", Kind::Symlink, ".."), directory("d/x")], through);
    refused(&[link("d", Kind::Symlink, ".."), file("d/.wh.x", b"")], through);
    refused(&[link("d", Kind::Symlink, ".."), file("d/.wh..wh..opq", b"")], through);
    refused(&[file("d", b""), file("d/x", b"")], through);
    refused(&[link("d", Kind::Symlink, "e"), directory("e"), link("x", Kind::Hardlink, "d/y")], "");
    refused(&[file("d/x", b""), file("d", b"")], "replaces a directory");
    refused(&[directory("d"), file("d/x", b""), link("d", Kind::Symlink, "/")], "replaces");
}

#[test]
fn hard_links_to_elsewhere_are_refused() {
    refused(&[link("a", Kind::Hardlink, "etc/passwd")], "hard link");
    refused(&[link("a", Kind::Hardlink, "b"), file("b", b"later")], "hard link");
    refused(&[directory("b"), link("a", Kind::Hardlink, "b")], "");
    refused(&[file(".wh.b", b""), link("a", Kind::Hardlink, ".wh.b")], "whiteout");
    let (mut setuid, body) = link("b", Kind::Hardlink, "a");
    setuid.mode = 0o4755;
    refused(&[file("a", b""), (setuid, body)], "other permissions");
    let lower = archive(&[file("a", b"1")]);
    let removes = archive(&[link("b", Kind::Hardlink, "a"), file(".wh.a", b"")]);
    assert!(tree(&[lower.clone(), removes]).unwrap_err().to_string().contains("removes"));
    // To a symbolic link: the link gets a second name, nothing is followed.
    let layer = archive(&[link("s", Kind::Symlink, "/x"), {
        let (mut entry, body) = link("h", Kind::Hardlink, "s");
        entry.mode = 0o777;
        (entry, body)
    }]);
    let tree = tree(&[layer]).unwrap();
    assert_eq!(tree.get(b"h").unwrap().kind, NodeKind::Symlink(b"/x".to_vec()));
}

#[test]
fn odd_whiteouts_are_refused() {
    refused(&[file(".wh...", b"")], "whiteout");
    refused(&[file(".wh.", b"")], "whiteout");
    refused(&[directory("a"), directory("a/.wh..wh..opq")], "whiteout");
    refused(&[file(".wh.a", b"content")], "whiteout");
    refused(&[directory(".wh.d"), file(".wh.d/x", b"")], "whiteout");
    refused(&[(Entry::new("n", Kind::CharDevice { major: 0, minor: 0 }), b"")], "0/0");
}

#[test]
fn names_that_take_too_much_memory_are_refused() {
    // Each entry spells out 2,000 directories that need no entries of their own.
    let deep = |index: u32| format!("{index}/{}x", "d/".repeat(2000));
    let entries: Vec<_> = (0..3).map(|index| file(&deep(index), b"")).collect();
    let layer = archive(&entries);
    let mut small = FileTree::new();
    assert!(small.apply_layer(0, &*layer).is_ok());
    small.names_size = (1 << 30) - 1000;
    let error = small.apply_layer(1, &*layer).unwrap_err();
    assert!(error.to_string().contains("names of more than"), "{error}");
}

#[test]
fn a_failed_layer_changes_nothing() {
    let mut tree = tree(&[archive(&[file("a", b"1")])]).unwrap();
    let broken = archive(&[file(".wh.a", b""), file("b", b""), file("b/c", b"")]);
    assert!(tree.apply_layer(1, &*broken).is_err());
    let mut truncated = archive(&[file("b", b"12")]);
    truncated.truncate(600);
    let error = tree.apply_layer(1, &*truncated).unwrap_err();
    assert!(error.is_integrity(), "{error}");
    assert_eq!(paths(&tree), ["a"]);
}
