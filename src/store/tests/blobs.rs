//! Blobs: what is there, what is damaged, what dead processes leave.

use crate::oci::{Digest, Mismatch, media_type};
use crate::store::layer::{Layer, Location};
use crate::store::rooted::{Owner, Root};
use crate::store::tree::tests::{archive, directory, file};
use crate::store::{Stop, Store, StoreError, layout, read_dir_sorted};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

fn store() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    (root, store)
}

fn names(path: &Path) -> Vec<String> {
    let entries = read_dir_sorted(path).unwrap();
    entries.iter().map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn blobs_come_back() {
    let (_root, store) = store();
    let digest = store.put(b"content").unwrap();
    assert_eq!(digest, Digest::of(b"content"));
    assert!(store.contains(&digest));
    assert_eq!(store.read_blob(&digest, 7).unwrap(), b"content");
    assert_eq!(store.size(&digest).unwrap(), 7);
    let error = store.read_blob(&digest, 6).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    let missing = store.read_blob(&Digest::of(b""), 6).unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    assert!(missing.is_integrity(), "whoever names a blob by digest was promised it");
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let (root, store) = store();
    let mut writer = store.writer().unwrap();
    writer.write_all(b"half").unwrap();
    writer.flush().unwrap();
    drop(writer);
    let mut writer = store.writer().unwrap();
    writer.write_all(b"other").unwrap();
    let error = writer.commit_as(&Digest::of(b"promised"), 8).unwrap_err();
    let StoreError::Promise { source, .. } = &error else { panic!("{error}") };
    assert_eq!(*source, Mismatch::Short { expected: 8, found: 5 });
    assert!(error.is_integrity());
    assert!(names(&root.path().join("blobs/sha256")).is_empty());
    let area = root.path().join("temporary").join(&names(&root.path().join("temporary"))[0]);
    assert_eq!(names(&area), ["lock"]);
}

#[test]
fn a_damaged_blob_is_named_with_the_way_out_and_healed_by_a_new_one() {
    let (_root, store) = store();
    let digest = store.put(b"content").unwrap();
    let path = store.blob_path(&digest);
    fs::write(&path, b"c0ntent").unwrap();
    let error = store.read_blob(&digest, 100).unwrap_err();
    assert!(error.is_integrity());
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert!(error.hint().unwrap().contains("remove"));
    store.put(b"content").unwrap();
    assert_eq!(store.read_blob(&digest, 100).unwrap(), b"content");
}

#[test]
fn a_link_or_a_pipe_in_the_place_of_a_blob_is_refused() {
    let (_root, store) = store();
    let digest = Digest::of(b"x");
    std::os::unix::fs::symlink("/etc/passwd", store.blob_path(&digest)).unwrap();
    let error = store.read_blob(&digest, 1 << 20).unwrap_err();
    assert!(error.is_integrity() && error.to_string().contains("not a regular file"), "{error}");
    fs::remove_file(store.blob_path(&digest)).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let parent = File::open(store.root()).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(&parent, store.blob_path(&digest), fifo, mode, 0).unwrap();
    assert!(store.open_blob(&digest).is_err());
}

#[test]
fn what_dead_processes_left_goes_and_what_live_ones_use_stays() {
    let (root, store) = store();
    let directory = store.temporary_directory().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    // A dead owner: nobody holds the lock.
    let stale = root.path().join("temporary/4194304-0");
    fs::create_dir_all(stale.join("directory-0/closed")).unwrap();
    fs::write(stale.join("lock"), "").unwrap();
    let killed_at_once = root.path().join("temporary/4194304-1");
    fs::create_dir_all(&killed_at_once).unwrap();

    let other = Store::open(root.path()).unwrap();
    assert!(!stale.exists() && !killed_at_once.exists());
    assert!(directory.path().join("file").exists());
    let path = directory.path().to_owned();
    drop(store);
    assert!(path.exists(), "a temporary directory outlives its Store");
    drop(directory);
    assert!(!path.exists());
    drop(other);
    assert_eq!(names(&root.path().join("temporary")), ["lock"]);
}

/// What is known of a path (what is installed below it) must not be believed of other files.
#[test]
fn a_process_gives_no_path_to_a_temporary_directory_twice() {
    let root = tempfile::tempdir().unwrap();
    let path = || {
        let store = Store::open(root.path()).unwrap();
        store.temporary_directory().unwrap().path().to_owned()
    };
    let first = path();
    assert!(!first.exists());
    assert_ne!(path(), first);
}

/// What the next test starts and kills: this is no test by itself.
#[test]
#[ignore = "a part of `a_killed_process_leaves_nothing`"]
fn writes_until_killed() {
    let Ok(root) = std::env::var(KILLED_STORE) else { return };
    let store = Store::open(Path::new(&root)).unwrap();
    let directory = store.temporary_directory().unwrap();
    fs::create_dir_all(directory.path().join("upper/a")).unwrap();
    let mut writer = store.writer().unwrap();
    for step in 0.. {
        writer.write_all(&vec![0; 1 << 20]).unwrap();
        if step == 3 {
            fs::write(Path::new(&root).join("ready"), "").unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

const KILLED_STORE: &str = "RLOCK_TEST_KILLED_STORE";

#[test]
fn a_killed_process_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "store::tests::blobs::writes_until_killed"])
        .env(KILLED_STORE, root.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !root.path().join("ready").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it has to run until it is killed");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let temporary = root.path().join("temporary");
    let in_use = Store::open(root.path()).unwrap();
    assert_eq!(names(&temporary).len(), 3, "two owners and a lock");
    child.kill().unwrap();
    child.wait().unwrap();
    let store = Store::open(root.path()).unwrap();
    drop(in_use);
    drop(store);
    assert_eq!(names(&temporary), ["lock"]);
    assert!(names(&root.path().join("blobs/sha256")).is_empty());
}

#[test]
fn a_loss_of_power_costs_only_what_was_damaged() {
    let (root, store) = store();
    let large = |byte| vec![byte; 2 << 20];
    let [whole, damaged] = [1, 2].map(|byte| store.put(&large(byte)).unwrap());
    let boot = root.path().join("unsynced").join(&names(&root.path().join("unsynced"))[0]);
    assert_eq!(names(&boot).len(), 2);
    let mapping = root.path().join("unpacked/host");
    let tree = mapping.join(whole.hex());
    fs::create_dir_all(&tree).unwrap();
    fs::write(boot.join(format!("host.{}", whole.hex())), "").unwrap();
    // As if the machine had been started again, and one blob had not reached the disk.
    fs::write(store.blob_path(&damaged), b"").unwrap();
    fs::rename(&boot, boot.with_file_name("00000000-0000-0000-0000-000000000000")).unwrap();
    drop(store);
    let store = Store::open(root.path()).unwrap();
    assert!(store.contains(&whole) && !store.contains(&damaged));
    assert!(!tree.exists(), "an unpacked layer is made again");
    assert!(names(&boot).is_empty());
}

#[test]
fn several_threads_take_the_same_things_in() {
    let root = tempfile::tempdir().unwrap();
    let layer = archive(&[file("a", b"1"), file("b", b"2")]);
    let digest = Digest::of(&layer);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = Store::open(root.path()).unwrap();
                assert_eq!(store.put(&layer).unwrap(), digest);
                if !rustix::process::geteuid().is_root() {
                    return;
                }
                let unpacked = store.unpacked(&in_store(&store, digest)).unwrap();
                assert_eq!(fs::read(unpacked.join("b")).unwrap(), b"2");
            });
        }
    });
    let store = Store::open(root.path()).unwrap();
    assert_eq!(store.read_blob(&digest, 1 << 20).unwrap(), layer);
}

fn in_store(store: &Store, digest: Digest) -> Layer {
    let descriptor = crate::oci::Descriptor {
        media_type: media_type::LAYER.to_owned(),
        digest,
        size: store.size(&digest).unwrap(),
        platform: None,
        annotations: std::collections::BTreeMap::new(),
    };
    Layer { diff_id: digest, descriptor, location: Location::File(store.blob_path(&digest)) }
}

#[test]
fn directories_without_entries_are_what_they_are_below() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: not root");
        return;
    }
    let (_root, store) = store();
    let (mut tmp, body) = directory("tmp");
    (tmp.mode, tmp.uid, tmp.gid, tmp.mtime.seconds) = (0o1777, 5, 6, 77);
    let layers: Vec<Layer> = [
        archive(&[(tmp, body), file("usr/x", b"")]),
        archive(&[file("tmp/a", b""), file("new/b", b"")]),
        archive(&[file("tmp/c/d", b""), file(".wh.new", b"")]),
    ]
    .iter()
    .map(|layer| in_store(&store, store.put(layer).unwrap()))
    .collect();
    let paths = store.unpacked_all(&layers).unwrap();
    assert_eq!(paths[0], store.unpacked(&layers[0]).unwrap());
    assert_ne!(paths[1], store.unpacked(&layers[1]).unwrap());
    for path in &paths {
        let tmp = Root::open(path).unwrap().entry(b"tmp").unwrap().unwrap();
        let Owner { uid, gid } = tmp.owner;
        assert_eq!((tmp.mode, uid, gid, tmp.mtime.seconds), (0o1777, 5, 6, 77));
    }
    assert_eq!(Root::open(&paths[2]).unwrap().entry(b"tmp/c").unwrap().unwrap().mode, 0o755);
    assert_eq!(store.unpacked_all(&layers).unwrap(), paths);
    let plain = Root::open(&store.unpacked(&layers[1]).unwrap()).unwrap();
    assert_eq!(plain.entry(b"tmp").unwrap().unwrap().mode, 0o755);
}

#[test]
fn a_broken_layer_is_never_unpacked_in_part() {
    let (root, store) = store();
    let mut bytes = archive(&[file("a", b"1")]);
    bytes.truncate(bytes.len() - 512);
    let digest = store.put(&bytes).unwrap();
    let error = store.unpacked(&in_store(&store, digest)).unwrap_err();
    if rustix::process::geteuid().is_root() {
        assert!(error.is_integrity(), "{error}");
    }
    let unpacked = root.path().join("unpacked");
    for mapping in names(&unpacked) {
        assert!(names(&unpacked.join(mapping)).iter().all(|name| name.contains(".lock")));
    }
}

#[test]
fn errors_of_the_system_name_the_path() {
    let (root, store) = store();
    drop(store);
    fs::write(root.path().join("file"), "").unwrap();
    let path = root.path().join("file/store");
    let error = Store::open(&path).unwrap_err();
    assert!(error.to_string().contains("file/store"), "{error}");
    assert!(!error.is_integrity());
}

/// A device that is always full stands for a file system that is.
#[test]
fn a_full_disk_is_said_to_be_one() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        println!("skipped: no /dev/full");
        return;
    };
    let error = (&full).write_all(b"x").unwrap_err();
    let error = StoreError::io("write", Path::new("/cache/blob"), error);
    assert!(error.to_string().contains("cannot write `/cache/blob`"), "{error}");
    assert!(error.hint().unwrap().contains("free some space"));
}

fn layer(blob: &[u8], uncompressed: &[u8], directory: &Path) -> Layer {
    let path = directory.join(Digest::of(blob).hex());
    fs::write(&path, blob).unwrap();
    let descriptor = crate::oci::Descriptor {
        media_type: media_type::LAYER_GZIP.to_owned(),
        digest: Digest::of(blob),
        size: blob.len() as u64,
        platform: None,
        annotations: std::collections::BTreeMap::new(),
    };
    Layer { diff_id: Digest::of(uncompressed), descriptor, location: Location::File(path) }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(layer: &Layer) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let read = layer.open()?.read_to_end(&mut bytes);
    read.map_err(|error| StoreError::io("read", Path::new("x"), error))?;
    Ok(bytes)
}

#[test]
fn layers_are_verified_compressed_and_uncompressed() {
    let directory = tempfile::tempdir().unwrap();
    let tar = archive(&[file("a", b"1")]);
    let two_members = [gzip(&tar[..700]), gzip(&tar[700..])].concat();
    let zstd = [zstd::encode_all(&tar[..9], 1).unwrap(), zstd::encode_all(&tar[9..], 1).unwrap()];
    for blob in [tar.clone(), gzip(&tar), two_members, zstd.concat()] {
        let good = layer(&blob, &tar, directory.path());
        assert_eq!(read(&good).unwrap(), tar);

        let other = layer(&blob, b"something else", directory.path());
        assert!(read(&other).unwrap_err().is_integrity(), "wrong diff id");

        let Location::File(path) = &good.location else { panic!() };
        fs::write(path, [&*blob, b"x"].concat()).unwrap();
        let error = read(&good).unwrap_err();
        assert!(error.is_integrity(), "longer: {error}");
        fs::write(path, &blob[..blob.len() - 1]).unwrap();
        let error = read(&good).unwrap_err();
        assert!(error.is_integrity(), "shorter: {error}");
        let mut flipped = blob.clone();
        *flipped.last_mut().unwrap() ^= 1;
        fs::write(path, flipped).unwrap();
        let error = read(&good).unwrap_err();
        assert!(error.is_integrity(), "other: {error}");
    }
}

#[test]
fn long_work_is_stopped_on_demand() {
    let (root, store) = store();
    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let store = store.stopped_by(Stop::new(std::sync::Arc::clone(&flag)));
    let mut writer = store.writer().unwrap();
    writer.write_all(b"half").unwrap();
    let tar = archive(&[file("a", b"1")]);
    let layer = layer(&tar, &tar, root.path());
    flag.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(writer.write_all(b"more").unwrap_err().to_string(), "stopped on demand");
    drop(writer);
    // Nothing is wrong with the layer.
    assert!(!store.unpacked(&layer).unwrap_err().is_integrity());
    assert!(names(&root.path().join("blobs/sha256")).is_empty());
    let lock = format!("{}.lock", layer.diff_id.hex());
    assert_eq!(names(&root.path().join("unpacked/host")), [lock]);
    flag.store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(store.unpacked(&layer).unwrap().join("a").exists());
}

/// A blob on a disk that is full.
struct Full;
impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        let full = std::io::ErrorKind::StorageFull.into();
        Err(StoreError::io("write", Path::new("/cache/blob"), full).into_io())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_not_the_archives_fault() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "content").unwrap();
    let error = crate::store::capture::write_layer(directory.path(), 0, Full).unwrap_err();
    assert!(error.to_string().starts_with("cannot write `/cache/blob`"), "{error}");
    assert_eq!(error.hint().unwrap(), "free some space on the file system of `/`");
}

#[test]
fn a_document_is_written_whole_or_not_at_all() {
    let (root, _store) = store();
    layout::initialize(root.path()).unwrap();
    let index = fs::read_to_string(root.path().join("index.json")).unwrap();
    assert!(index.contains("\"manifests\":[]"), "{index}");
    assert!(names(root.path()).iter().all(|name| !name.starts_with('.')));
}
