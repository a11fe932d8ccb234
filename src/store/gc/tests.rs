//! What a collection keeps and what it does not, and others at the same time.

use crate::oci::Digest;
use crate::store::{Collection, Keep, Stop, Store};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

/// A time that no clock has to be asked for.
fn day(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(number * 86_400)
}

fn set_used(store: &Store, digest: &Digest, time: SystemTime) {
    std::fs::File::open(store.blob_path(digest)).unwrap().set_modified(time).unwrap();
}

fn used(store: &Store, digest: &Digest) -> SystemTime {
    std::fs::metadata(store.blob_path(digest)).unwrap().modified().unwrap()
}

/// The digests of manifest, config and layer of an image that the Store lists.
fn add_image(store: &Store, folder: &Path) -> [Digest; 3] {
    let layer = store.put(&[0; 1024]).unwrap();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [layer] },
    });
    let config = config.to_string();
    let config_digest = store.put(config.as_bytes()).unwrap();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "config": { "mediaType": crate::oci::media_type::CONFIG, "digest": config_digest, "size": config.len() },
        "layers": [{ "mediaType": crate::oci::media_type::LAYER, "digest": layer, "size": 1024 }],
    });
    let manifest = store.put(manifest.to_string().as_bytes()).unwrap();
    store.add_image(&store.image(&manifest).unwrap()).unwrap();
    assert!(std::fs::read_to_string(folder.join("index.json")).unwrap().contains(&manifest.hex()));
    [manifest, config_digest, layer]
}

fn keep_since(time: SystemTime, blobs: &BTreeSet<Digest>) -> Keep<'_> {
    Keep { blobs, used_since: Some(time) }
}

#[test]
fn age_and_names_keep_blobs() {
    let (_folder, store) = open();
    let [old, locked, new] = [&b"old"[..], b"locked", b"new"].map(|it| store.put(it).unwrap());
    for (digest, number) in [(old, 10), (locked, 10), (new, 20)] {
        set_used(&store, &digest, day(number));
    }
    let named = BTreeSet::from([locked]);
    let counted = store.collect(&keep_since(day(20), &named), Collection::Count, &|| {}).unwrap();
    assert!(store.contains(&old), "counting removes nothing");
    let removed = store.collect(&keep_since(day(20), &named), Collection::Remove, &|| {}).unwrap();
    assert_eq!(counted, removed);
    assert_eq!((removed.blobs, removed.blob_bytes, removed.kept, removed.kept_bytes), (1, 3, 2, 9));
    assert_eq!([old, locked, new].map(|it| store.contains(&it)), [false, true, true]);
    let only = Keep { blobs: &named, used_since: None };
    store.collect(&only, Collection::Remove, &|| {}).unwrap();
    assert_eq!([locked, new].map(|it| store.contains(&it)), [true, false]);
}

#[test]
fn images_stay_whole_or_go() {
    let (folder, store) = open();
    let [manifest, config, layer] = add_image(&store, folder.path());
    for digest in [config, layer] {
        set_used(&store, &digest, day(1));
    }
    set_used(&store, &manifest, day(20));
    let none = BTreeSet::new();
    let kept = store.collect(&keep_since(day(20), &none), Collection::Remove, &|| {}).unwrap();
    assert_eq!((kept.blobs, kept.images), (0, 0));
    assert_eq!(used(&store, &manifest), day(20), "collecting is not a use");
    store.image(&manifest).unwrap();

    set_used(&store, &manifest, day(1));
    set_used(&store, &layer, day(30));
    set_used(&store, &config, day(1));
    let gone = store.collect(&keep_since(day(20), &none), Collection::Remove, &|| {}).unwrap();
    assert_eq!((gone.blobs, gone.images), (2, 1));
    let index = std::fs::read_to_string(folder.path().join("index.json")).unwrap();
    assert!(!index.contains(&manifest.hex()), "{index}");
    assert!(store.contains(&layer));
}

#[test]
fn every_use_makes_blobs_new() {
    let (folder, store) = open();
    let image = add_image(&store, folder.path());
    let age = || image.iter().for_each(|digest| set_used(&store, digest, day(1)));
    let all_new = || image.iter().all(|digest| used(&store, digest) > day(10_000));
    age();
    store.image(&image[0]).unwrap();
    assert!(all_new());
    age();
    std::io::copy(&mut store.open_blob(&image[2]).unwrap(), &mut std::io::sink()).unwrap();
    assert!(used(&store, &image[2]) > day(10_000));
    assert!(!all_new(), "the others were not used");
    assert!(store.contains(&image[0]) && !all_new(), "to ask is not to use");
}

#[test]
fn unpacked_layers_go() {
    let (folder, store) = open();
    let digest = Digest::of(b"x");
    let tree = folder.path().join("unpacked/host").join(digest.hex());
    std::fs::create_dir_all(tree.join("a/b")).unwrap();
    std::fs::write(tree.join("a/b/c"), [1; 10_000]).unwrap();
    let none = BTreeSet::new();
    let counts = store.collect(&keep_since(day(0), &none), Collection::Remove, &|| {}).unwrap();
    assert_eq!(counts.trees, 1);
    assert!((10_000..100_000).contains(&counts.tree_bytes), "{}", counts.tree_bytes);
    assert!(!folder.path().join("unpacked").exists());
    assert_eq!(counts.left, None);
}

#[test]
fn a_collection_waits_for_others_and_others_wait_for_it() {
    let (folder, store) = open();
    let digest = store.put(b"old").unwrap();
    set_used(&store, &digest, day(1));
    let other = Store::open(folder.path()).unwrap();
    let waited = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collecting = scope.spawn(|| {
            let none = BTreeSet::new();
            let keep = keep_since(day(20), &none);
            store.collect(&keep, Collection::Remove, &|| waited.store(true, Ordering::SeqCst))
        });
        while !waited.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // What another has seen is there for it.
        assert_eq!(other.read_blob(&digest, 10).unwrap(), b"old");
        drop(other);
        // And it was used: it stays.
        assert_eq!(collecting.join().unwrap().unwrap().blobs, 0);
    });
    let alone = store.area().alone().unwrap();
    assert!(alone.is_some());
    std::thread::scope(|scope| {
        let opened = scope.spawn(|| Store::open(folder.path()).map(|_| ()));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!opened.is_finished(), "nobody opens the Store while things are moved");
        drop(alone);
        opened.join().unwrap().unwrap();
    });
}

#[test]
fn waiting_can_be_stopped() {
    let (folder, store) = open();
    let _other = Store::open(folder.path()).unwrap();
    let flag = Arc::new(AtomicBool::new(false));
    let store = store.stopped_by(Stop::new(Arc::clone(&flag)));
    let none = BTreeSet::new();
    let stop = || flag.store(true, Ordering::SeqCst);
    let error = store.collect(&keep_since(day(0), &none), Collection::Remove, &stop).unwrap_err();
    assert!(!error.is_integrity(), "{error}");
}

#[test]
fn locks_are_remembered_by_their_paths() {
    let (_folder, store) = open();
    assert!(store.known_locks().unwrap().is_empty());
    let [first, second] = ["/a/Dockerfile.lock", "/b/Dockerfile.lock"].map(Path::new);
    for path in [first, second, first] {
        store.remember_lock(path).unwrap();
    }
    let known: BTreeSet<_> = store.known_locks().unwrap().into_iter().collect();
    assert_eq!(known, [first, second].map(Path::to_owned).into());
    store.forget_lock(first).unwrap();
    store.forget_lock(first).unwrap();
    assert_eq!(store.known_locks().unwrap(), [second]);
}

#[test]
fn damaged_blobs_are_found_and_removed() {
    let (_folder, store) = open();
    let blobs: Vec<Digest> =
        (0..40_u8).map(|byte| store.put(&vec![byte; 50_000]).unwrap()).collect();
    let [first, second, third] = [blobs[3], blobs[20], blobs[30]];
    std::fs::write(store.blob_path(&first), vec![9; 50_000]).unwrap();
    std::fs::write(store.blob_path(&second), b"short").unwrap();
    std::fs::remove_file(store.blob_path(&third)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", store.blob_path(&third)).unwrap();
    let bytes = std::sync::atomic::AtomicU64::new(0);
    let progress = |done: u64| {
        bytes.fetch_max(done, Ordering::Relaxed);
    };
    let all = store.digests().unwrap();
    assert_eq!(all.len(), 40);
    let damaged = store.find_damaged(&all, &progress).unwrap();
    let mut expected = [first, second, third];
    expected.sort();
    assert_eq!(damaged.iter().map(|it| it.digest).collect::<Vec<_>>(), expected);
    assert_eq!(bytes.load(Ordering::Relaxed), 38 * 50_000 + 5);
    // A better one comes into the place of one of them.
    store.put(&vec![3; 50_000]).unwrap();
    for one in &damaged {
        store.remove_damaged(one).unwrap();
    }
    assert_eq!([first, second, third].map(|it| store.contains(&it)), [true, false, false]);
    assert!(store.find_damaged(&store.digests().unwrap(), &|_| {}).unwrap().is_empty());
    assert!(Path::new("/etc/passwd").exists());
}
