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
    assert_eq!(package.modified, Some(1_767_323_045));
    let [index, pack, redirect] = &*sample.fetches else { panic!("three fetches") };
    assert_eq!(index.etag.as_deref(), Some("\"24e3f-6470\""));
    assert_eq!((index.method.as_ref(), index.status), (None, None));
    assert_eq!((pack.method.as_deref(), &*pack.step), (Some("POST"), "0"));
    assert_eq!(
        (redirect.status, redirect.location.as_deref()),
        (Some(302), Some("/v1.2/tool.tar.gz"))
    );
    assert_eq!(redirect.headers["x.y"], "a \"b\"");
    assert_eq!(
        sample.stages,
        [LockedStage { id: String::new(), base: image.reference.to_string() }]
    );
}

#[test]
fn steps_may_share_an_answer() {
    let mut sample = sample();
    let fetch = sample.fetches[0].clone();
    sample.fetches.push(LockedFetch { step: "2".to_owned(), ..fetch });
    let file = sample.packages[0].fetch().unwrap();
    let kind = Some("application/vnd.debian.binary-package".to_owned());
    sample.fetches.push(LockedFetch { step: "2".to_owned(), media_type: kind, ..file });
    sample.sort();
    assert_eq!(Lockfile::parse(&sample.write()).unwrap(), sample);
    // Another question of the same URL has another answer.
    let fetch = sample.fetches[0].clone();
    let (variant, status) = (Some("json".to_owned()), Some(404));
    sample.fetches.push(LockedFetch { variant, status, ..fetch });
    sample.sort();
    assert_eq!(Lockfile::parse(&sample.write()).unwrap(), sample);
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
    assert!(count >= 80, "only {count} fixtures were found");
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

/// Two branches that add a line each in other places, and one that refreshes an index.
#[test]
fn branches_that_fetch_other_things_merge() {
    let fetch = |name: usize, step: &str| LockedFetch {
        etag: Some(format!("\"{name}\"")),
        modified: Some(1_767_225_600),
        ..LockedFetch::new(
            format!("http://deb.example/{name:02}"),
            Digest::of(&[u8::try_from(name).unwrap()]),
            7,
            step.to_owned(),
        )
    };
    let mut base = many_packages(10);
    base.fetches = (0..40).step_by(2).map(|name| fetch(name, "1")).collect();
    let with = |line: &str, added: std::ops::Range<usize>| {
        let mut branch = base.clone();
        let input = Digest::of(line.as_bytes());
        branch.steps.push(LockedStep { id: line.to_owned(), input, layer: Some(input) });
        branch.fetches.extend(added.map(|name| fetch(name * 2 + 1, line)));
        branch
    };
    let (ours, mut theirs) = (with("0.1", 0..7), with("2.1", 12..17));
    for index in [4, 5, 18] {
        theirs.fetches[index].sha256 = Digest::of(b"moved on");
        theirs.fetches[index].etag = None;
    }
    let (merged_cleanly, text) = merge(&ours.write(), &base.write(), &theirs.write());
    assert!(merged_cleanly, "{text}");
    let merged = Lockfile::parse(&text).unwrap();
    assert_eq!(merged.write(), text, "and the merge is in canonical form");
    assert_eq!((merged.fetches.len(), merged.steps.len()), (32, 4));
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
    let file = prop::option::of(("http://[a-z]{1,9}/[!-~&&[^#]]{0,9}", digest(), 0..1_u64 << 40));
    let step = prop::sample::select(vec!["build/1", "0.1"]);
    let modified = prop::option::of(MODIFIED);
    let architecture = prop_oneof![word(), Just(String::new())];
    ((word(), word(), word(), architecture), source, (file, modified), step, any::<bool>())
        .prop_map(
            |((kind, name, version, architecture), source, (file, modified), step, requested)| {
                LockedPackage {
                    kind,
                    name,
                    version,
                    architecture,
                    source: source.map(|(name, version)| LockedSource { name, version }),
                    url: file.as_ref().map(|(url, ..)| url.clone()),
                    sha256: file.as_ref().map(|(_, sha256, _)| *sha256),
                    size: file.as_ref().map(|(.., size)| *size),
                    modified: file.and(modified),
                    step: step.to_owned(),
                    requested,
                }
            },
        )
}

/// What a header can hold.
fn line() -> impl Strategy<Value = String> {
    "[!-~]([ -~\t]{0,9}[!-~])?"
}

fn fetch() -> impl Strategy<Value = LockedFetch> {
    let method = prop::option::of(prop::sample::select(vec!["POST", "PROPFIND", "M-SEARCH"]));
    let question = ("https?://[a-z]{1,4}/[!-~&&[^#]]{0,6}", method, prop::option::of(line()));
    let header =
        "[a-z0-9_.!*']{1,6}".prop_filter("has a key", |name| name != "date" && name != "etag");
    let text = || prop::option::of(line());
    let head = (
        prop::option::of(prop_oneof![201..429_u16, 430..500_u16]),
        prop::option::of("[a-z/.:?%-]{1,12}"),
        (text(), prop::option::of(MODIFIED), text()),
        prop::collection::btree_map(header, line(), 0..3),
    );
    let step = prop::sample::select(vec!["build/1", "0.1", "0", "build/0"]);
    (question, prop::option::of(digest()), head, (digest(), 0..1_u64 << 40), step).prop_map(
        |((url, method, variant), request, head, (sha256, size), step)| {
            let (status, location, (media_type, modified, etag), headers) = head;
            let method = method.map(str::to_owned);
            LockedFetch {
                method,
                variant,
                request,
                status,
                location,
                media_type,
                modified,
                etag,
                headers,
                ..LockedFetch::new(url, sha256, size, step.to_owned())
            }
        },
    )
}

/// A lockfile of two stages with a step each. Of blocks that could contradict each other the first
/// is kept.
fn lockfile() -> impl Strategy<Value = Lockfile> {
    let steps = ["build/1", "0.1"].map(|id| {
        let input = (digest(), prop::option::of(digest()));
        input.prop_map(move |(input, layer)| LockedStep { id: id.to_owned(), input, layer })
    });
    let normalize = (word(), "(/[^/\\p{Cc}.]{1,6}){1,3}")
        .prop_map(|(rule, path)| LockedNormalize { rule, path, step: "0.1".to_owned() });
    (
        (0..=EPOCH_MAX, any::<u32>()),
        prop::collection::vec(image(), 0..3),
        prop::collection::vec(package(), 0..5),
        prop::collection::vec(fetch(), 0..5),
        (steps, [word(), word()]),
        prop::collection::btree_set(normalize, 0..3),
        prop::option::of(digest()),
    )
        .prop_map(
            |((epoch, canonical), images, packages, fetches, of_steps, normalize, result)| {
                let mut lockfile = Lockfile::new("linux/arm/v7".parse().unwrap(), epoch, canonical);
                lockfile.images = images;
                lockfile.images.sort_by_key(|image| image.reference.to_string());
                lockfile.images.dedup_by(|left, right| left.reference == right.reference);
                let mut urls = std::collections::BTreeSet::new();
                lockfile.fetches = fetches;
                lockfile.fetches.retain(|fetch| urls.insert(fetch.url.clone()));
                let mut keys = std::collections::BTreeSet::new();
                lockfile.packages = packages;
                lockfile.packages.retain(|package| {
                    let url = package.url.clone();
                    let key = (package.kind.clone(), package.name.clone(), package.version.clone());
                    url.is_none_or(|url| urls.insert(url)) && keys.insert(key)
                });
                let ([first, second], [of_first, of_second]) = of_steps;
                lockfile.steps = vec![first, second];
                let stage = |id: &str, base| LockedStage { id: id.to_owned(), base };
                lockfile.stages = vec![stage("build", of_first), stage("", of_second)];
                lockfile.normalize = normalize.into_iter().collect();
                lockfile.result = result.map(|image| LockedResult { image });
                lockfile
            },
        )
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
