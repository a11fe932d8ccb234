//! What is worked out of blobs.

use crate::oci::Digest;
use crate::store::{Collection, Keep, Store};
use std::collections::BTreeSet;

#[test]
fn what_was_derived_is_there_while_the_blob_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let blob = store.put(b"the blob").unwrap();
    assert_eq!(store.derived("kind", &blob), None);
    store.keep_derived("kind", &blob, b"first").unwrap();
    store.keep_derived("kind", &blob, b"what\nwas derived\n").unwrap();
    assert_eq!(store.derived("kind", &blob).unwrap(), b"what\nwas derived\n");
    assert_eq!(store.derived("another", &blob), None);

    let gone = Digest::of(b"not there");
    store.keep_derived("kind", &gone, b"of nothing").unwrap();
    assert_eq!(store.derived("kind", &gone), None);
    let keep = BTreeSet::from([blob]);
    let keep = Keep { blobs: &keep, used_since: None };
    store.collect(&keep, Collection::Remove, &|| {}).unwrap();
    assert!(store.contains(&blob) && !folder.path().join("derived").exists());
}

#[test]
fn what_is_damaged_is_derived_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let blob = store.put(b"the blob").unwrap();
    let path = folder.path().join("derived/kind").join(blob.hex());
    for damage in [
        |text: Vec<u8>| [text, b"more".to_vec()].concat(),
        |text: Vec<u8>| text[..text.len() - 1].to_vec(),
        |_| Vec::new(),
        |_| b"no digest\n".to_vec(),
        |text: Vec<u8>| [b"0".to_vec(), text[1..].to_vec()].concat(),
    ] {
        store.keep_derived("kind", &blob, b"what was derived").unwrap();
        assert!(store.derived("kind", &blob).is_some());
        std::fs::write(&path, damage(std::fs::read(&path).unwrap())).unwrap();
        assert_eq!(store.derived("kind", &blob), None);
    }
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert_eq!(store.derived("kind", &blob), None);
}
