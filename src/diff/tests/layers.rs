//! What is read, what is not, and what lies below.

use super::*;

#[test]
fn an_image_and_itself_are_not_read() {
    let blobs = Blobs::new();
    let image = blobs.image(&[&[file("a", "x")]]);
    blobs.lose(&image.layers[0]);
    let diff = compare_images(&image, &image);
    assert!(diff.is_empty() && diff.compared == 0);
    assert_eq!((diff.layers.len(), diff.first_differing_layer()), (1, None));
}

#[test]
fn common_layers_are_not_read() {
    let blobs = Blobs::new();
    let base = [directory("d"), file("d/a", "base")];
    let left = blobs.image(&[&base, &[file("b", "1")]]);
    let right = blobs.image(&[&base, &[file("b", "2")]]);
    blobs.lose(&left.layers[0]);
    let diff = compare_images(&left, &right);
    assert_eq!(shown(&diff), ["b: content"]);
    assert_eq!((diff.compared, diff.first_differing_layer()), (1, Some(1)));
    assert_eq!(diff.files[0].left.as_ref().map(|node| node.layer), Some(1));
}

#[test]
fn what_one_side_lacks_may_lie_in_a_common_layer() {
    let blobs = Blobs::new();
    let base = [directory("d"), file("d/a", "base"), file("d/b", "base"), file("d/c", "base")];
    let left = [file("d/a", "base"), file("d/b", "new"), file("d/e", "new")];
    let diff = compare_images(&blobs.image(&[&base, &left]), &blobs.image(&[&base, &[]]));
    // `d/a` was written again as it was.
    assert_eq!(shown(&diff), ["d/b: content, size", "d/e: presence"]);
    assert_eq!(diff.files[0].right.as_ref().map(|node| node.layer), Some(0));
    let text = diff.files[0].content.as_ref().and_then(|content| content.text.as_ref()).unwrap();
    assert_eq!((text.left_lines, text.right_lines), (1, 1));
}

#[test]
fn what_one_side_removes_is_found_with_all_below_it() {
    let blobs = Blobs::new();
    let base =
        [directory("d"), file("d/a", "1"), directory("d/e"), file("d/e/b", "2"), file("d-x", "")];
    let same = file("z", "");
    let whole = [whiteout("d"), same.clone()];
    let opaque = [directory("d"), file("d/.wh..wh..opq", ""), same.clone()];
    let replaced = [file("d", ""), same.clone()];
    for (left, expected) in [
        (&whole[..], vec!["d: presence", "d/a: presence", "d/e: presence", "d/e/b: presence"]),
        (&opaque, vec!["d/a: presence", "d/e: presence", "d/e/b: presence"]),
        (&replaced, vec!["d: kind, mode", "d/a: presence", "d/e: presence", "d/e/b: presence"]),
    ] {
        let left = blobs.image(&[&base, left]);
        let right = blobs.image(&[&base, std::slice::from_ref(&same)]);
        assert_eq!(shown(&compare_images(&left, &right)), expected);
        assert_eq!(shown(&compare_images(&right, &left)), expected);
    }
}

#[test]
fn a_hard_link_to_a_file_of_a_common_layer() {
    let blobs = Blobs::new();
    let base = [file("a", "x")];
    let left = blobs.image(&[&base, &[hardlink("b", "a")]]);
    let right = blobs.image(&[&base, &[file("b", "y")]]);
    let diff = compare_images(&left, &right);
    assert_eq!(shown(&diff), ["b: content, links"]);
    let content = diff.files[0].content.as_ref().unwrap();
    assert_eq!((content.format, &content.incomplete), ("text", &None));
}

#[test]
fn directories_without_an_entry_have_the_attributes_of_those_below() {
    let blobs = Blobs::new();
    let base = [directory("d").mode(0o700), file("d/a", "1")];
    let explicit = blobs.image(&[&base, &[directory("d").mode(0o700), file("d/b", "2")]]);
    let implicit = blobs.image(&[&base, &[file("d/b", "2")]]);
    let diff = compare_images(&explicit, &implicit);
    assert!(diff.files.is_empty() && diff.encoding_only, "{:?}", shown(&diff));
    let neither = blobs.image(&[&base, &[file("c", "2")]]);
    assert_eq!(shown(&compare_images(&implicit, &neither)), ["c: presence", "d/b: presence"]);
}

#[test]
fn a_layer_that_is_not_what_its_digest_says_is_an_error() {
    let blobs = Blobs::new();
    let left = blobs.image(&[&[file("a", "x")]]);
    let right = blobs.image(&[&[file("a", "y")]]);
    let mut bytes = archive(&[file("a", "z")]);
    std::fs::write(blobs.path(&right.layers[0].diff_id), &bytes).unwrap();
    let error = images(&left, &right, &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read layer 1 of `test`");
    // Also where the change lies behind the end of the archive.
    bytes = archive(&[file("a", "y")]);
    *bytes.last_mut().unwrap() = 1;
    std::fs::write(blobs.path(&right.layers[0].diff_id), &bytes).unwrap();
    assert!(images(&left, &right, &Options::default()).is_err());
    blobs.lose(&right.layers[0]);
    assert!(images(&left, &right, &Options::default()).is_err());
}
