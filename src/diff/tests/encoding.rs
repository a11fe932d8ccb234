//! What other differs report although the file trees are equal.

use super::*;

/// The images differ, their files do not.
fn assert_equal_trees(left: &[&[Part]], right: &[&[Part]]) {
    let blobs = Blobs::new();
    let diff = compare_images(&blobs.image(left), &blobs.image(right));
    assert_eq!(shown(&diff), Vec::<String>::new());
    assert!(diff.encoding_only && !diff.is_empty());
}

#[test]
fn the_order_of_entries() {
    let (a, b) = (file("a", "1"), file("b", "2"));
    assert_equal_trees(&[&[a.clone(), b.clone()]], &[&[b, a]]);
}

#[test]
fn which_hard_link_is_the_file() {
    let left = [file("a", "x"), hardlink("b", "a"), hardlink("c", "a")];
    let right = [file("c", "x"), hardlink("a", "c"), hardlink("b", "c")];
    assert_equal_trees(&[&left], &[&right]);
}

#[test]
fn names_of_owners() {
    let named = Part { user_name: "root", ..file("a", "x") };
    assert_equal_trees(&[&[named]], &[&[file("a", "x")]]);
}

#[test]
fn a_path_that_is_twice_in_a_layer() {
    assert_equal_trees(&[&[file("a", "old"), file("a", "new")]], &[&[file("a", "new")]]);
}

#[test]
fn opaque_and_explicit_whiteouts() {
    let base = [directory("d"), file("d/one", "1"), file("d/two", "2"), file("kept", "")];
    let opaque = [directory("d"), file("d/.wh..wh..opq", ""), file("d/three", "3")];
    let explicit = [directory("d"), whiteout("d/one"), file("d/three", "3"), whiteout("d/two")];
    assert_equal_trees(&[&base, &opaque], &[&base, &explicit]);
}

#[test]
fn other_numbers_of_layers() {
    let base = [directory("d"), file("d/one", "1"), file("two", "2")];
    let split: [&[Part]; 3] =
        [&base, &[whiteout("two"), file("three", "3")], &[file("d/one", "4")]];
    let squashed = [directory("d"), file("d/one", "4"), file("three", "3")];
    assert_equal_trees(&split, &[&squashed]);
}

#[test]
fn long_names_in_the_dialects_of_gnu_and_pax() {
    let blobs = Blobs::new();
    let name = format!("{}/{}", "d".repeat(120), "f".repeat(140));
    let content = &b"content"[..];
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(TIME);
    header.set_size(content.len() as u64);
    let mut gnu = tar::Builder::new(Vec::new());
    gnu.append_data(&mut header.clone(), &name, content).unwrap();
    let mut pax = tar::Builder::new(Vec::new());
    pax.append_pax_extensions([("path", name.as_bytes())]).unwrap();
    header.set_path("short").unwrap();
    header.set_cksum();
    pax.append(&header, content).unwrap();
    let image = |builder: tar::Builder<Vec<u8>>| {
        image_of(vec![blobs.layer(&builder.into_inner().unwrap())], serde_json::json!({}))
    };
    let diff = compare_images(&image(gnu), &image(pax));
    assert!(diff.files.is_empty() && diff.encoding_only, "{:?}", shown(&diff));
    assert_eq!(diff.compared, 2);
}

#[test]
fn compressed_and_uncompressed_layers() {
    use std::io::Write as _;
    let blobs = Blobs::new();
    let archive = archive(&[file("a", "x")]);
    let plain = blobs.layer(&archive);
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(&archive).unwrap();
    let mut packed = blobs.layer(&writer.finish().unwrap());
    packed.diff_id = plain.diff_id;
    let image = |layer: Layer| image_of(vec![layer], serde_json::json!({}));
    let diff = compare_images(&image(plain), &image(packed));
    assert!(diff.encoding_only && diff.layers.iter().all(|layer| layer.equal));
}
