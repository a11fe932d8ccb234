//! The second pass: which contents are fetched, from where, and within which bounds.

use super::*;

fn formats(diff: &ImageDiff) -> Vec<&'static str> {
    diff.files.iter().filter_map(|file| Some(file.content.as_ref()?.format)).collect()
}

#[test]
fn the_content_of_a_file_with_many_names_is_where_the_archive_has_it() {
    let left = [file("z", "left\n"), hardlink("a", "z")];
    let right = [file("z", "right\n"), hardlink("a", "z")];
    let diff = compare_parts(&left, &right);
    // Both names are one file, which is told once.
    assert_eq!(shown(&diff), ["a: content, size"]);
    assert_eq!(formats(&diff), ["text"]);
}

#[test]
fn of_a_path_that_is_twice_in_a_layer_the_last_content_counts() {
    let left = [file("a", "old"), file("a", "1\n")];
    let diff = compare_parts(&left, &[file("a", "2\n")]);
    let text = diff.files[0].content.as_ref().and_then(|content| content.text.clone()).unwrap();
    assert_eq!(text.hunks[0].lines[0].text, b"1");
}

#[test]
fn one_content_at_several_paths() {
    let diff = compare_parts(
        &[file("a", "same\n"), file("b", "same\n")],
        &[file("a", "1\n"), file("b", "2\n")],
    );
    assert_eq!(formats(&diff), ["text", "text"]);
}

#[test]
fn large_files_are_compared_in_blocks() {
    let blobs = Blobs::new();
    let block = 64 << 10;
    let mut content = vec![b'x'; 3 * block];
    let left = blobs.image(&[&[file("a", &content), file("b", "1\n")]]);
    content[2 * block + 5] = b'y';
    let right = blobs.image(&[&[file("a", &content), file("b", "2\n")]]);
    let options = Options { file_size_max: 1000, ..Options::default() };
    let diff = images(&left, &right, &options).unwrap();
    assert_eq!(formats(&diff), ["bytes", "text"]);
    let found = diff.files[0].content.as_ref().unwrap();
    let bytes = found.bytes.as_ref().unwrap();
    assert_eq!((bytes.first_offset, bytes.differing), (2 * block as u64, block as u64));
    assert!(found.incomplete.as_ref().unwrap().contains("too large"));
}

#[test]
fn what_is_held_of_one_side_is_bounded() {
    let blobs = Blobs::new();
    let parts = |text: &str| ["a", "b", "c"].map(|path| file(path, format!("{text}{path}")));
    let (left, right) = (blobs.image(&[&parts("1")]), blobs.image(&[&parts("2")]));
    let options = Options { held_size_max: 4, ..Options::default() };
    let diff = images(&left, &right, &options).unwrap();
    assert_eq!(formats(&diff), ["text", "text", "bytes"]);
}

#[test]
fn files_that_are_compared_in_depth_are_bounded() {
    let blobs = Blobs::new();
    let parts = |text: &str| ["a", "b"].map(|path| file(path, format!("{text}{path}")));
    let (left, right) = (blobs.image(&[&parts("1")]), blobs.image(&[&parts("2")]));
    let options = Options { files_max: 1, ..Options::default() };
    let diff = images(&left, &right, &options).unwrap();
    let second = diff.files[1].content.as_ref().unwrap();
    assert_eq!(second.incomplete.as_deref(), Some("more than 1 files differ"));
}

#[test]
fn large_secrets_stay_secrets() {
    let blobs = Blobs::new();
    let key = "etc/munge/munge.key";
    let (left, right) = (blobs.image(&[&[file(key, "11")]]), blobs.image(&[&[file(key, "22")]]));
    let options = Options { file_size_max: 1, ..Options::default() };
    assert_eq!(formats(&images(&left, &right, &options).unwrap()), ["secret"]);
}

#[test]
fn directories_are_compared_with_each_other_and_with_images() {
    let (left, right) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (root, content) in [(&left, "1\n"), (&right, "2\n")] {
        std::fs::create_dir(root.path().join("d")).unwrap();
        std::fs::write(root.path().join("d/a"), content).unwrap();
        std::fs::hard_link(root.path().join("d/a"), root.path().join("d/b")).unwrap();
    }
    let diff = trees(left.path(), right.path(), &Options::default()).unwrap();
    let contents: Vec<_> = diff.files.iter().filter(|file| file.content.is_some()).collect();
    assert_eq!((contents.len(), &contents[0].path[..]), (1, &b"d/a"[..]));
    assert_eq!(contents[0].content.as_ref().unwrap().format, "text");
    let blobs = Blobs::new();
    let image = blobs.image(&[&[directory("d"), file("d/a", "1\n"), hardlink("d/b", "d/a")]]);
    let options = Options::default();
    let mixed = compare(Input::Image(&image), Input::Directory(right.path()), &options).unwrap();
    assert!(mixed.files.iter().any(|file| file.path == b"d/a" && file.content.is_some()));
    let missing = left.path().join("missing");
    let error = trees(&missing, right.path(), &options).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}
