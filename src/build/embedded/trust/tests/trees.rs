//! What steps do to trees made by code.

use super::super::pem;
use super::fixtures::authority;
use super::world::{World, may_mount};
use crate::store::read_dir_sorted;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
const MADE: &str = "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem";
const ANCHORS: &str = "etc/pki/ca-trust/source/anchors";

fn bundle() -> Vec<u8> {
    [authority().0, authority().0].concat().into_bytes()
}

fn debian() -> World {
    let world = World::new(&[(BUNDLE, &bundle()), ("etc/passwd", b"root:x:0:0::/:/bin/sh\n")]);
    world.directory("usr/local/share/ca-certificates");
    fs::set_permissions(world.path("etc/ssl/certs"), fs::Permissions::from_mode(0o2775)).unwrap();
    std::os::unix::fs::chown(world.path(BUNDLE), Some(3), Some(4)).unwrap();
    world
}

#[test]
fn a_step_sees_the_authority_and_leaves_nothing() {
    if !may_mount() {
        return;
    }
    let world = debian();
    let running = world.start();
    assert!(running.trusts(BUNDLE));
    let seen = fs::metadata(running.path().join(BUNDLE)).unwrap();
    let image = fs::metadata(world.path(BUNDLE)).unwrap();
    assert_eq!((seen.mode(), seen.uid(), seen.gid()), (image.mode(), image.uid(), image.gid()));
    assert_eq!(seen.modified().unwrap(), image.modified().unwrap());
    let seen = fs::metadata(running.path().join("etc/ssl/certs")).unwrap();
    assert_eq!(seen.mode() & 0o7777, 0o2775);
    let left = running.end().unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn files_outside_of_the_tree_are_named_by_variables() {
    if !may_mount() {
        return;
    }
    let world = debian();
    let running = world.start();
    let bind = running.trust.binds().remove(0);
    assert!(bind.read_only && bind.target == b"dev/.rlock");
    let full = fs::read(bind.source.join("ca.pem")).unwrap();
    let own = running.trust.certificate.pem();
    assert_eq!(full, [&fs::read(world.path(BUNDLE)).unwrap(), own].concat());
    assert_eq!(fs::metadata(&bind.source).unwrap().mode() & 0o777, 0o755);
    for (name, value) in running.trust.env() {
        let file = value.strip_prefix("/dev/.rlock/").unwrap_or_else(|| panic!("{name}={value}"));
        assert_eq!(fs::metadata(bind.source.join(file)).unwrap().mode() & 0o777, 0o644);
    }
    running.end().unwrap();
    let empty = World::new(&[("root/.wgetrc", b"quiet = on")]);
    let running = empty.start();
    let source = running.trust.binds().remove(0).source;
    assert_eq!(fs::read(source.join("ca.pem")).unwrap(), running.trust.certificate.pem());
    let wgetrc = fs::read_to_string(source.join("wgetrc")).unwrap();
    assert_eq!(wgetrc, "quiet = on\nca_certificate = /dev/.rlock/ca.pem\n");
    assert!(running.end().unwrap().is_empty());
}

#[test]
fn what_a_step_does_to_a_bundle_is_as_without_the_authority() {
    if !may_mount() {
        return;
    }
    let more = authority().0;
    let world = debian();
    let acts: [&dyn Fn(&Path); 9] = [
        &|root| fs::set_permissions(root.join(BUNDLE), fs::Permissions::from_mode(0o600)).unwrap(),
        &|root| std::os::unix::fs::chown(root.join(BUNDLE), Some(3), None).unwrap(),
        &|root| fs::remove_file(root.join(BUNDLE)).unwrap(),
        &|root| fs::remove_dir_all(root.join("etc/ssl")).unwrap(),
        &|root| fs::rename(root.join(BUNDLE), root.join("bundle")).unwrap(),
        &|root| assert!(fs::copy(root.join(BUNDLE), root.join("copy")).unwrap() > 0),
        &|root| {
            fs::copy(root.join(BUNDLE), root.join("copy")).unwrap();
            fs::hard_link(root.join("copy"), root.join("second")).unwrap();
        },
        &|root| {
            // As `update-ca-certificates` does it, with another certificate before and behind.
            let bundle = fs::read(root.join(BUNDLE)).unwrap();
            let content = [more.as_bytes(), &bundle, more.as_bytes()].concat();
            fs::write(root.join("new"), content).unwrap();
            fs::rename(root.join("new"), root.join(BUNDLE)).unwrap();
        },
        &|root| {
            let bundle = fs::read(root.join(BUNDLE)).unwrap();
            fs::write(root.join(BUNDLE), [&bundle, more.as_bytes()].concat()).unwrap();
        },
    ];
    for act in acts {
        assert!(!world.proves(act).is_empty());
    }
}

/// p11-kit's directory of anchors, and what is made of it.
#[test]
fn anchors_are_gone_with_all_that_is_made_of_them() {
    if !may_mount() {
        return;
    }
    let world = World::new(&[
        (MADE, &bundle()),
        ("etc/pki/ca-trust/source/README", b"readme"),
        ("etc/pki/ca-trust/source/base.pem", &bundle()),
    ]);
    world.directory(ANCHORS);
    world.link("etc/pki/tls/certs/ca-bundle.crt", "../../ca-trust/extracted/pem/tls-ca-bundle.pem");
    world.link("etc/ssl/certs", "../pki/tls/certs");
    let names = |root: &Path| {
        let found = read_dir_sorted(&root.join(ANCHORS)).unwrap();
        found.iter().map(fs::DirEntry::path).collect::<Vec<_>>()
    };
    let extract = |root: &Path| {
        let mut content = fs::read(root.join("etc/pki/ca-trust/source/base.pem")).unwrap();
        for anchor in names(root) {
            content.extend(fs::read(anchor).unwrap());
        }
        fs::write(root.join("made"), content).unwrap();
        fs::rename(root.join("made"), root.join(MADE)).unwrap();
    };
    let each = |root: &Path, act: &dyn Fn(&Path)| names(root).iter().for_each(|path| act(path));
    let running = world.start();
    assert!(running.trusts(MADE) && running.trusts("etc/ssl/certs/ca-bundle.crt"));
    extract(running.path());
    assert!(running.trusts(MADE), "made again");
    running.end().unwrap();
    let acts: [&dyn Fn(&Path); 7] = [
        &extract,
        &|root| {
            fs::write(root.join(ANCHORS).join("corporate.crt"), authority_once()).unwrap();
            extract(root);
        },
        &|root| each(root, &|path| fs::remove_file(path).unwrap()),
        &|root| fs::remove_dir_all(root.join(ANCHORS)).unwrap(),
        &|root| {
            each(root, &|path| {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            });
        },
        &|root| {
            let folder = root.join("copies");
            fs::create_dir(&folder).unwrap();
            each(root, &|path| {
                fs::copy(path, folder.join("0.pem")).unwrap();
                std::os::unix::fs::symlink("0.pem", folder.join("abcdef01.0")).unwrap();
                std::os::unix::fs::symlink("../copies/abcdef01.0", folder.join("second")).unwrap();
                let target = path.strip_prefix(root).unwrap();
                std::os::unix::fs::symlink(Path::new("/").join(target), folder.join("x")).unwrap();
            });
        },
        &|root| each(root, &|path| fs::rename(path, path.with_extension("old")).unwrap()),
    ];
    for act in acts {
        world.proves(act);
    }
}

fn authority_once() -> &'static str {
    static ONCE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| authority().0);
    &ONCE
}

#[test]
fn a_directory_is_never_made() {
    if !may_mount() {
        return;
    }
    let world = World::new(&[("etc/passwd", b"")]);
    let running = world.start();
    assert!(!running.path().join("etc/ssl").exists() && !running.path().join("etc/pki").exists());
    assert!(running.end().unwrap().is_empty());
}

#[test]
fn a_last_line_without_end_stays_so() {
    if !may_mount() {
        return;
    }
    let bundle = bundle().trim_ascii_end().to_vec();
    let world = World::new(&[(BUNDLE, &bundle)]);
    let running = world.start();
    let seen = fs::read(running.path().join(BUNDLE)).unwrap();
    assert_eq!(pem::certificates(&seen).len(), 3);
    running.end().unwrap();
    world.proves(&|root| assert!(fs::copy(root.join(BUNDLE), root.join("copy")).unwrap() > 0));
    world.proves(&|root| {
        fs::set_permissions(root.join(BUNDLE), fs::Permissions::from_mode(0o600)).unwrap();
    });
}

#[test]
fn bundles_that_the_dockerfile_names_are_extended() {
    if !may_mount() {
        return;
    }
    let mut world = World::new(&[("opt/corporate/ca.pem", &bundle())]);
    let name = "NODE_EXTRA_CA_CERTS".to_owned();
    world.environment.insert(name, "/opt/corporate/ca.pem".to_owned());
    let running = world.start();
    assert!(running.trusts("opt/corporate/ca.pem"));
    assert!(running.end().unwrap().is_empty());
}

#[test]
fn bundles_that_appear_are_extended_in_place() {
    if !may_mount() {
        return;
    }
    let world = World::new(&[("etc/passwd", b"")]);
    for content in [bundle(), bundle().trim_ascii_end().to_vec()] {
        let running = world.start();
        running.refresh();
        let path = running.path().join(BUNDLE);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &content[..content.len() / 3]).unwrap();
        running.refresh();
        assert!(!running.trusts(BUNDLE), "it is still being written");
        fs::write(&path, &content).unwrap();
        let before = fs::metadata(&path).unwrap();
        // Somebody has it open meanwhile, as the overlay shows it.
        let open = fs::File::open(&path).unwrap();
        running.refresh();
        assert!(running.trusts(BUNDLE));
        let mut seen = Vec::new();
        std::io::Read::read_to_end(&mut &open, &mut seen).unwrap();
        assert_eq!(pem::certificates(&seen).len(), 3);
        let after = fs::metadata(&path).unwrap();
        assert_eq!((before.mtime(), before.mtime_nsec()), (after.mtime(), after.mtime_nsec()));
        running.refresh();
        assert_eq!(fs::metadata(&path).unwrap().len(), after.len(), "once");
        let left = running.end().unwrap();
        assert_eq!(left[BUNDLE].5, content);
    }
}

/// A program that began to write before, and goes on after, writes over what was added.
#[test]
fn what_is_left_of_an_overwritten_addition_goes() {
    if !may_mount() {
        return;
    }
    let world = World::new(&[("etc/passwd", b"")]);
    let (first, rest) = (bundle(), vec![b'#'; 5000]);
    for length in [1, 100, 500, rest.len()] {
        let running = world.start();
        let path = running.path().join(BUNDLE);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut writer, &first).unwrap();
        running.refresh();
        std::io::Write::write_all(&mut writer, &rest[..length]).unwrap();
        drop(writer);
        let left = running.end().unwrap();
        assert_eq!(left[BUNDLE].5, [&first, &rest[..length]].concat(), "{length}");
    }
}

/// `refresh` comes before each connection.
#[test]
fn looking_costs_little() {
    if !may_mount() {
        return;
    }
    let world = debian();
    let running = world.start();
    fs::write(running.path().join(BUNDLE), bundle()).unwrap();
    running.refresh();
    let started = std::time::Instant::now();
    for _ in 0..100 {
        running.refresh();
    }
    println!("{:?} a look", started.elapsed() / 100);
    running.end().unwrap();
}

#[test]
fn bundles_are_extended_before_anybody_connects() {
    if !may_mount() {
        return;
    }
    let world = World::new(&[("etc/passwd", b"")]);
    let running = world.start();
    let path = running.path().join(BUNDLE);
    running.trust.while_watching(&running.upper(""), || {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bundle()).unwrap();
        let started = std::time::Instant::now();
        while !running.trusts(BUNDLE) {
            assert!(started.elapsed().as_secs() < 30, "nobody looks");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    assert_eq!(running.end().unwrap()[BUNDLE].2, (0, 0));
}
