//! Reading, writing, and what is refused.

use super::*;
use proptest::prelude::*;
use std::process::Command;

const SAMPLE: &str = include_str!("../../fixtures/lock/Dockerfile.lock");

fn sample() -> Lockfile {
    Lockfile::parse(SAMPLE).unwrap()
}

#[test]
fn the_sample_is_read_and_written_as_it_was() {
    let sample = sample();
    assert_eq!(sample.write(), SAMPLE);
    assert_eq!((sample.images.len(), sample.packages.len(), sample.steps.len()), (2, 2, 2));
    let [image, _] = &*sample.images else { panic!("two images") };
    assert_eq!(image.reference.familiar(), "debian:bookworm");
    assert_eq!(image.packages, ["deb:adduser 3.134", "deb:apt 2.6.1"]);
    let [package, other] = &*sample.packages else { panic!("two packages") };
    assert!(package.requested && !other.requested);
    assert_eq!(package.source.as_ref().unwrap().name, "imagemagick");
}

#[test]
fn order_and_comments_do_not_matter_to_the_reader() {
    let mut blocks: Vec<&str> = SAMPLE.split("\n\n").collect();
    blocks[1..].reverse();
    let shuffled = blocks.join("\n\n# a comment\n");
    assert_eq!(Lockfile::parse(&shuffled).unwrap(), sample());
}

/// Each `fixtures/lock/bad/NAME.lock` with its message and hint in `NAME.error`;
/// `UPDATE=1` writes them anew.
#[test]
fn bad_lockfiles_are_refused_with_a_line() {
    let folder = Path::new("fixtures/lock/bad");
    let mut count = 0;
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        if entry.path().extension() != Some("lock".as_ref()) {
            continue;
        }
        let error = Lockfile::parse(&std::fs::read(entry.path()).unwrap()).unwrap_err();
        let hint = error.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
        let found = format!("{error}\n{hint}");
        let expected = entry.path().with_extension("error");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(expected).unwrap(), "{:?}", entry.path());
        count += 1;
    }
    assert!(count >= 45, "only {count} fixtures were found");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let padded = |size: usize| format!("{SAMPLE}{}", "#".repeat(size - SAMPLE.len()));
    assert!(Lockfile::parse(&padded(SIZE_MAX)).is_ok());
    let error = Lockfile::parse(&padded(SIZE_MAX + 1)).unwrap_err();
    assert_eq!(error.kind, LockErrorKind::TooLarge);
}

#[test]
fn deep_nesting_is_an_error() {
    let text = format!("version = 1\nplatform = {}", "[".repeat(100_000));
    assert!(matches!(Lockfile::parse(&text).unwrap_err().kind, LockErrorKind::Syntax(_)));
}

#[test]
fn names_stand_beside_the_dockerfile() {
    let platform = |text: &str| text.parse::<Platform>().unwrap();
    let name = |file: &str, wanted: &str, host: &str| {
        Lockfile::file_name(Path::new(file), &platform(wanted), &platform(host))
    };
    for (file, wanted, host, expected) in [
        ("Dockerfile", "linux/amd64", "linux/amd64", "Dockerfile.lock"),
        ("a/b/Dockerfile", "linux/amd64", "linux/amd64", "a/b/Dockerfile.lock"),
        ("x.Dockerfile", "linux/amd64", "linux/amd64", "x.Dockerfile.lock"),
        ("Dockerfile", "linux/arm64", "linux/amd64", "Dockerfile.linux-arm64.lock"),
        ("Dockerfile", "linux/arm64/v8", "linux/arm64", "Dockerfile.lock"),
        ("a/Dockerfile", "linux/arm/v7", "linux/arm64", "a/Dockerfile.linux-arm-v7.lock"),
    ] {
        assert_eq!(name(file, wanted, host), Path::new(expected), "{file} {wanted} on {host}");
    }
}

/// Two branches of the sample, each edited, merged by git.
fn merge(ours: &str, base: &str, theirs: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let output = Command::new("git")
        .args(["merge-file", "-p"])
        .args([file("ours", ours), file("base", base), file("theirs", theirs)])
        .output()
        .expect("git is installed");
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// Three packages of each source package, as an update finds them: a source package's packages
/// move together.
fn many_packages(sources: usize) -> Lockfile {
    let mut lockfile = sample();
    let template = lockfile.packages.pop().unwrap();
    let package = |number: usize| {
        let source = LockedSource {
            name: format!("source-{:03}", number / 3),
            version: format!("1.{}-2", number / 3),
        };
        let (name, version) = (format!("package-{number:03}"), source.version.clone());
        LockedPackage { name, version, source: Some(source), ..template.clone() }
    };
    lockfile.packages = (0..sources * 3).map(package).collect();
    lockfile
}

/// The source packages that `moves` picks moved: one in three gets a package more, one in three
/// loses one, the others get a new version.
fn moved(base: &Lockfile, moves: impl Fn(usize) -> bool) -> Lockfile {
    let mut moved = base.clone();
    moved.packages.clear();
    for (index, package) in base.packages.iter().enumerate() {
        let mut package = package.clone();
        match (moves(index / 3), index / 3 % 3, index % 3) {
            (true, 0, 1) => {
                let name = format!("{}-new", package.name);
                moved.packages.push(LockedPackage { name, ..package.clone() });
            }
            (true, 1, 1) => continue,
            (true, 2, _) => package.version.push_str("+moved"),
            _ => {}
        }
        moved.packages.push(package);
    }
    moved
}

#[test]
fn branches_that_move_different_packages_merge() {
    let base = many_packages(60);
    let ours = moved(&base, |source| source % 4 == 0);
    let theirs = moved(&base, |source| source % 4 == 2);
    let (merged_cleanly, text) = merge(&ours.write(), &base.write(), &theirs.write());
    assert!(merged_cleanly, "{text}");
    let both = moved(&base, |source| source % 2 == 0);
    assert_eq!(text, both.write(), "and the merge is in canonical form");
}

#[test]
fn branches_that_move_neighbours_merge() {
    let base = many_packages(30);
    let bumped = |even: usize| {
        let mut bumped = base.clone();
        for (_, package) in
            bumped.packages.iter_mut().enumerate().filter(|(index, _)| index / 3 % 2 == even)
        {
            package.version.push_str("+moved");
        }
        bumped.write()
    };
    let (merged_cleanly, text) = merge(&bumped(0), &base.write(), &bumped(1));
    assert!(merged_cleanly, "{text}");
    assert!(Lockfile::parse(&text).unwrap().packages.iter().all(|p| p.version.ends_with("+moved")));
}

#[test]
fn a_conflict_is_named_as_one() {
    let base = many_packages(1);
    let mut branches = [base.clone(), base.clone()];
    for (number, branch) in branches.iter_mut().enumerate() {
        branch.packages[1].version = format!("{number}");
    }
    let (merged_cleanly, text) = merge(&branches[0].write(), &base.write(), &branches[1].write());
    assert!(!merged_cleanly);
    let error = Lockfile::parse(&text).unwrap_err();
    assert_eq!(error.kind, LockErrorKind::Conflict("<<<<<<<"));
    assert!(error.hint().unwrap().contains("rlock lock"));
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<u32>().prop_map(|seed| Digest::of(&seed.to_le_bytes()))
}

fn word() -> impl Strategy<Value = String> {
    "[!-~]{1,12}"
}

fn image() -> impl Strategy<Value = LockedImage> {
    let package = ("[a-z]{2,4}", word(), word()).prop_map(|(k, n, v)| format!("{k}:{n} {v}"));
    let reference = "[a-z][a-z0-9]{0,6}(\\.example/[a-z]{1,5})?:[a-z0-9]{1,5}";
    let packages = prop::collection::btree_set(package, 0..4);
    (reference, prop::option::of(digest()), digest(), packages).prop_map(
        |(reference, index, manifest, packages)| LockedImage {
            reference: reference.parse().unwrap(),
            index,
            manifest,
            packages: packages.into_iter().collect(),
        },
    )
}

fn package() -> impl Strategy<Value = LockedPackage> {
    let source = prop::option::of((word(), word()));
    let file = prop::option::of(("http://[a-z\"\\\\%]{1,9}", digest(), 0..1_u64 << 40));
    let step = prop::sample::select(vec!["1", "2"]);
    ((word(), word(), word(), word()), source, file, step, any::<bool>()).prop_map(
        |((kind, name, version, architecture), source, file, step, requested)| LockedPackage {
            kind,
            name,
            version,
            architecture,
            source: source.map(|(name, version)| LockedSource { name, version }),
            url: file.as_ref().map(|(url, ..)| url.clone()),
            sha256: file.as_ref().map(|(_, sha256, _)| *sha256),
            size: file.map(|(.., size)| size),
            step: step.to_owned(),
            requested,
        },
    )
}

fn lockfile() -> impl Strategy<Value = Lockfile> {
    let steps = (digest(), prop::option::of(digest()));
    let normalize = (word(), "(/[^/\\p{Cc}.]{1,6}){1,3}")
        .prop_map(|(rule, path)| LockedNormalize { rule, path });
    (
        0..=EPOCH_MAX,
        any::<u32>(),
        prop::collection::vec(image(), 0..3),
        prop::collection::vec(package(), 0..5),
        prop::collection::vec(steps, 2),
        prop::collection::btree_set(normalize, 0..3),
        prop::option::of(digest()),
    )
        .prop_map(|(epoch, canonical, images, packages, steps, normalize, result)| {
            let mut lockfile = Lockfile::new("linux/arm/v7".parse().unwrap(), epoch, canonical);
            lockfile.images = images;
            lockfile.images.sort_by_key(|image| image.reference.to_string());
            lockfile.images.dedup_by(|left, right| left.reference == right.reference);
            lockfile.packages = packages;
            let step =
                |(index, (input, layer))| LockedStep { id: format!("{}", index + 1), input, layer };
            lockfile.steps = steps.into_iter().enumerate().map(step).collect();
            lockfile.normalize = normalize.into_iter().collect();
            lockfile.result = result.map(|image| LockedResult { image });
            lockfile
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(lockfile in lockfile()) {
        let text = lockfile.write();
        let read = Lockfile::parse(&text).unwrap();
        prop_assert_eq!(read.write(), text);
        let mut sorted = lockfile;
        sorted.sort();
        prop_assert_eq!(read, sorted);
    }

    #[test]
    fn no_input_panics(text: Vec<u8>) {
        drop(Lockfile::parse(&text));
    }

    #[test]
    fn no_edit_of_the_sample_panics(at in 0..SAMPLE.len(), cut in 0..40_usize, text in "[ -~\n]{0,8}") {
        let end = (at + cut).min(SAMPLE.len());
        let edited = format!("{}{text}{}", &SAMPLE[..at], &SAMPLE[end..]);
        match Lockfile::parse(&edited) {
            Ok(lockfile) => {
                prop_assert_eq!(Lockfile::parse(&lockfile.write()).unwrap(), lockfile);
            }
            Err(error) => prop_assert!(error.line <= edited.lines().count().max(1) + 1),
        }
    }
}
