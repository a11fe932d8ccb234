//! Databases of rpm's own making, and some that only look like one.

use super::*;
use crate::package::trees::{Tree, with_directory, with_tree};
use proptest::prelude::*;
use std::path::Path;

const CASES: [(&str, &str); 5] = [
    ("ndb", "usr/lib/sysimage/rpm/Packages.db"),
    ("bdb", "var/lib/rpm/Packages"),
    ("bdb-big-endian", "var/lib/rpm/Packages"),
    ("wal", "var/lib/rpm/rpmdb.sqlite"),
    ("wal", "var/lib/rpm/rpmdb.sqlite-wal"),
];

fn line(package: &Package) -> String {
    let Package { kind, name, version, architecture, source, .. } = package;
    let source = source.as_ref().map(|it| format!(" from {} {}", it.name, it.version));
    let architecture = if architecture.is_empty() { "" } else { &format!(" {architecture}") };
    format!("{kind} {name} {version}{architecture}{}\n", source.unwrap_or_default())
}

fn lines(read: Result<Vec<Package>, PackageError>) -> String {
    read.unwrap().iter().map(line).collect()
}

/// A case as a tree in memory.
fn tree(case: &str) -> Tree {
    let folder = Path::new("fixtures/rpm").join(case);
    let files = CASES.iter().filter(|(name, _)| *name == case);
    files
        .map(|(_, path)| (path.as_bytes().to_vec(), std::fs::read(folder.join(path)).unwrap()))
        .collect()
}

fn read(tree: &Tree) -> Result<Vec<Package>, PackageError> {
    with_tree(tree, |files| Rpm.read(files))
}

#[test]
fn fixtures_are_read_as_rpm_reads_them() {
    for (case, _) in CASES {
        let folder = Path::new("fixtures/rpm").join(case);
        let found = lines(with_directory(&folder, |files| Rpm.read(files)));
        assert_eq!(found, std::fs::read_to_string(folder.join("expected")).unwrap(), "{case}");
    }
}

#[test]
fn files_have_owners() {
    for (case, _) in CASES {
        let mut tree = tree(case);
        tree.insert(b"bin".to_vec(), b"-> usr/bin".to_vec());
        let owned = with_tree(&tree, |files| Rpm.owned(files)).unwrap();
        let paths = |name: &str| {
            let of_package = owned.iter().find(|owned| owned.package.name == name).unwrap();
            let paths = of_package.paths.iter();
            paths.map(|path| String::from_utf8(path.clone()).unwrap()).collect::<Vec<_>>()
        };
        let greeter = paths("greeter");
        // The documentation was not installed, the ghost is not there yet.
        assert_eq!(greeter.len(), 80 + 4, "{greeter:?}");
        for path in ["usr/bin/greet", "usr/share/greeter", "var/lib/greeter.state"] {
            assert!(greeter.contains(&path.to_owned()), "{path}");
        }
        assert_eq!(paths("greeter-sub"), Vec::<String>::new());
    }
}

/// One place is a link to another in most images.
#[test]
fn a_database_in_two_places_is_read_once() {
    let mut tree = tree("ndb");
    tree.insert(b"var/lib/rpm".to_vec(), b"-> ../../usr/lib/sysimage/rpm".to_vec());
    assert_eq!(read(&tree).unwrap().len(), 3);
    let content = tree[&b"usr/lib/sysimage/rpm/Packages.db"[..]].clone();
    tree.insert(b"usr/share/rpm/Packages.db".to_vec(), content);
    assert_eq!(read(&tree).unwrap().len(), 3);
}

#[test]
fn a_tree_without_rpm_has_no_packages() {
    assert_eq!(read(&Tree::new()).unwrap(), []);
    let empty = |path: &str| Tree::from([(path.as_bytes().to_vec(), Vec::new())]);
    assert_eq!(read(&empty("var/lib/rpm/rpmdb.sqlite")).unwrap(), []);
    assert!(read(&empty("var/lib/rpm/Packages.db")).is_err());
    assert!(read(&empty("var/lib/rpm/Packages")).is_err());
}

/// A log that is cut off is one whose last transactions never happened.
#[test]
fn a_log_counts_up_to_its_last_transaction() {
    let whole = tree("wal");
    let log = whole[&b"var/lib/rpm/rpmdb.sqlite-wal"[..]].clone();
    let mut seen = Vec::new();
    for length in (0..=log.len()).step_by(103).chain([log.len()]) {
        let mut tree = whole.clone();
        tree.insert(b"var/lib/rpm/rpmdb.sqlite-wal".to_vec(), log[..length].to_vec());
        let names: Vec<String> = read(&tree).unwrap().into_iter().map(|it| it.name).collect();
        if seen.last() != Some(&names) {
            seen.push(names);
        }
    }
    let expected: [&[&str]; 3] = [
        &["greeter-sub", "gpg-pubkey"],
        &["greeter-sub", "greeter"],
        &["greeter-sub", "greeter", "gpg-pubkey"],
    ];
    let expected = expected.map(|names| {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    });
    assert_eq!(seen, expected);
}

/// Everything that a log does not make good must be an error: a list that lacks packages looks clean.
#[test]
fn a_database_that_is_cut_off_is_an_error() {
    for (case, path) in CASES.iter().filter(|(_, path)| !path.ends_with("-wal")) {
        let mut whole = tree(case);
        if let Some(log) = whole.get_mut(&b"var/lib/rpm/rpmdb.sqlite-wal"[..]) {
            log.clear();
        }
        let content = whole[path.as_bytes()].clone();
        for length in (1..content.len()).step_by(61) {
            let mut tree = whole.clone();
            tree.insert(path.as_bytes().to_vec(), content[..length].to_vec());
            assert!(read(&tree).is_err(), "{case} of {length}");
        }
    }
}

proptest! {
    /// No input panics, takes long or takes much memory.
    #[test]
    fn damage_is_no_panic(
        case in 0..CASES.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_start in any::<bool>(),
    ) {
        let (case, path) = CASES[case];
        let mut tree = tree(case);
        let content = tree.get_mut(path.as_bytes()).unwrap();
        let length = if in_start { 256.min(content.len()) } else { content.len() };
        for (at, byte) in edits {
            content[at.index(length)] = byte;
        }
        let _read = read(&tree);
        let _owned = with_tree(&tree, |files| Rpm.owned(files));
    }

    #[test]
    fn no_header_panics(tags in prop::collection::vec((998..1120_u32, 0..12_u32, 0..64_u32, 0..9_u32), 1..9), data in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut blob = [tags.len(), data.len()].map(be32).concat();
        for (tag, kind, offset, count) in tags {
            blob.extend([tag, kind, offset, count].map(u32::to_be_bytes).concat());
        }
        blob.extend(data);
        let header = Header::parse(&blob).unwrap();
        let _package = package(&header);
        let _paths = paths(&header);
    }
}

fn be32(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_be_bytes()
}

/// A header with these tags.
fn header(tags: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let data: Vec<u8> = tags.iter().flat_map(|(.., data)| data.iter().copied()).collect();
    let mut blob = [tags.len(), data.len()].map(be32).concat();
    let mut offset = 0;
    for (tag, kind, count, data) in tags {
        blob.extend([*tag, *kind].map(u32::to_be_bytes).concat());
        blob.extend([be32(offset), count.to_be_bytes()].concat());
        offset += data.len();
    }
    blob.extend(data);
    blob
}

#[test]
fn headers_say_what_a_package_is() {
    fn text(tag: u32, text: &[u8]) -> (u32, u32, u32, &[u8]) {
        (tag, 6, 1, text)
    }
    fn epoch(epoch: &[u8]) -> (u32, u32, u32, &[u8]) {
        (EPOCH, 4, 1, epoch)
    }
    let base = [text(NAME, b"perl-x\0"), text(VERSION, b"1\0"), text(RELEASE, b"2\0")];
    let about = |more: &[(u32, u32, u32, &[u8])]| {
        let tags: Vec<_> = base.iter().chain(more).copied().collect();
        match package(&Header::parse(&header(&tags)).unwrap()) {
            Ok(package) => line(&package),
            Err(Damage { reason }) => reason,
        }
    };
    assert_eq!(about(&[]), "rpm perl-x 1-2\n");
    assert_eq!(about(&[text(ARCHITECTURE, b"i686\0")]), "rpm perl-x 1-2 i686\n");
    assert_eq!(about(&[epoch(&[0; 4])]), "rpm perl-x 1-2\n");
    assert_eq!(about(&[epoch(&[0, 0, 0, 3])]), "rpm perl-x 3:1-2\n");
    // The epoch of another version is not known.
    let source = text(SOURCE_RPM, b"perl-base-5-2.src.rpm\0");
    assert_eq!(about(&[epoch(&[0, 0, 0, 3]), source]), "rpm perl-x 3:1-2 from perl-base 5-2\n");
    let source = text(SOURCE_RPM, b"perl-1-2.nosrc.rpm\0");
    assert_eq!(about(&[epoch(&[0, 0, 0, 3]), source]), "rpm perl-x 3:1-2 from perl 3:1-2\n");
    assert_eq!(about(&[text(SOURCE_RPM, b"(none)\0")]), "rpm perl-x 1-2\n");
    // What comes later replaces what was there.
    assert_eq!(about(&[text(RELEASE, b"3\0")]), "rpm perl-x 1-3\n");
    assert_eq!(about(&[text(NAME, b"a b\0")]), "the name `a b` has a wrong character");
    assert_eq!(about(&[text(NAME, b"a\x1b[1m\0")]), "the name `a[1m` has a wrong character");
    assert_eq!(about(&[text(NAME, b"unended")]), "tag 1000 of a header goes beyond its end");
    assert_eq!(about(&[(NAME, 4, 1, b"abcd")]), "tag 1000 of a header has a wrong type");
}

#[test]
fn headers_of_a_wrong_size_are_refused() {
    let whole = header(&[(NAME, 6, 1, b"x\0")]);
    assert!(Header::parse(&whole).is_ok());
    assert!(Header::parse(&whole[..whole.len() - 1]).is_err());
    assert!(Header::parse(&[&*whole, b"x"].concat()).is_err());
    assert!(Header::parse(&[0; 8]).is_err());
    assert!(Header::parse(&[0xff; 64]).is_err());
    assert!(Header::parse(b"").is_err());
}

const PACKAGE: &[u8] = include_bytes!("../../../fixtures/rpm/file/greeter-sub-3~rc1-1.noarch.rpm");
const SOURCES: &[u8] = include_bytes!("../../../fixtures/rpm/file/greeter-1.0-1.src.rpm");

fn about(file: &[u8]) -> String {
    match crate::package::identify(std::io::Cursor::new(file)) {
        Ok(Some(file)) => {
            let source = file.source.as_ref().map(|it| format!(" from {} {}", it.name, it.version));
            let (kind, name, architecture, version) = file.identity();
            format!("{kind} {name} {version} {architecture}{}", source.unwrap_or_default())
        }
        Ok(None) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn package_files_are_recognised() {
    assert_eq!(about(PACKAGE), "rpm greeter-sub 3~rc1-1 noarch from greeter 1.0-1");
    assert_eq!(about(SOURCES), "rpm greeter 2:1.0-1 src");
}

#[test]
fn package_files_that_are_cut_off_or_damaged_are_none() {
    let whole = about(PACKAGE);
    let mut complete = false;
    for length in 0..PACKAGE.len() {
        let found = about(&PACKAGE[..length]);
        complete |= found == whole;
        let expected = if length < 4 { "none" } else { "package file: " };
        assert!(found == whole || !complete && found.starts_with(expected), "{length}: {found}");
    }
    // The payload is not looked at.
    assert!(complete);
    let edited = |at: usize, byte: u8| {
        let mut file = PACKAGE.to_vec();
        file[at] = byte;
        about(&file)
    };
    assert_eq!(edited(0, 0), "none");
    assert_eq!(edited(4, 9), "package file: its format has another version than 3 to 6");
    assert_eq!(edited(96, 0), "package file: a header is not where it should be");
    let expected = "package file: a header counts more tags or data than rpm takes";
    assert_eq!(edited(104, 0xff), expected);
}
