//! What is pinned, and what stays as it was.

mod fetched;
mod order;

use super::*;
use crate::lock::LockedFetch;
use crate::package::SourcePackage;

fn package(name: &str, version: &str) -> Package {
    Package {
        kind: "deb",
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        version: version.to_owned(),
        source: Some(SourcePackage { name: format!("{name}-src"), version: version.to_owned() }),
        automatic: false,
    }
}

fn automatic(name: &str) -> Package {
    Package { automatic: true, ..package(name, "1") }
}

/// A build of scripts. Each `NAME` of an `install NAME…` installs `NAME`, which brings `libNAME`.
fn build(scripts: &[(&str, &str)]) -> PinInput {
    let base = vec![package("base", "1"), package("dash", "0.5")];
    let mut steps: Vec<PinnedStep> = Vec::new();
    for (id, script) in scripts {
        let packages_before = match steps.last() {
            Some(last) if stage_of(&last.id) == stage_of(id) => last.packages_after.clone(),
            _ => base.clone(),
        };
        let mut packages_after = packages_before.clone();
        for name in script.strip_prefix("install ").unwrap_or_default().split(' ') {
            if !name.is_empty() && packages_after.iter().all(|package| package.name != name) {
                packages_after.extend([package(name, "1"), automatic(&format!("lib{name}"))]);
            }
        }
        if let Some(name) = script.strip_prefix("purge ") {
            packages_after.retain(|package| package.name != name);
        }
        steps.push(PinnedStep {
            id: (*id).to_owned(),
            input: Digest::of(script.as_bytes()),
            words: words(script),
            packages_before,
            packages_after,
            closed: true,
            layer: Some(Digest::of(format!("layer of {script}").as_bytes())),
            normalized: vec![("log".to_owned(), b"var/log/x".to_vec())],
            exchanges: Vec::new(),
        });
    }
    let mut stages: Vec<PinnedStage> = Vec::new();
    for step in &steps {
        let id = stage_of(&step.id);
        if stages.last().is_none_or(|stage| stage.id != id) {
            let base = "docker.io/library/debian:bookworm".to_owned();
            stages.push(PinnedStage { id: id.to_owned(), base, exchanges: Vec::new() });
        }
    }
    PinInput {
        platform: "linux/amd64".parse().unwrap(),
        epoch: 1_767_225_600,
        canonical: 1,
        images: vec![PinnedImage {
            reference: "debian:bookworm".parse().unwrap(),
            index: Some(Digest::of(b"index")),
            manifest: Digest::of(b"manifest"),
            packages: base,
        }],
        stages,
        steps,
        elsewhere: Elsewhere::default(),
        moving: BTreeSet::new(),
        result: Some(Digest::of(b"result")),
    }
}

fn pins(lockfile: &Lockfile) -> Vec<String> {
    let pin = |package: &LockedPackage| {
        let requested = if package.requested { " requested" } else { "" };
        format!("{} of {}{requested}", package.name, package.step)
    };
    lockfile.packages.iter().map(pin).collect()
}

/// Blocks of `new` that `old` has not, and the other way round.
fn changed_blocks(old: &Lockfile, new: &Lockfile) -> (Vec<String>, Vec<String>) {
    let (old, new) = (old.write(), new.write());
    let blocks = |text: &str| text.trim_end().split("\n\n").map(str::to_owned).collect();
    let (old, new): (BTreeSet<String>, BTreeSet<String>) = (blocks(&old), blocks(&new));
    (new.difference(&old).cloned().collect(), old.difference(&new).cloned().collect())
}

#[test]
fn a_build_becomes_a_lockfile_that_reads_back() {
    let lockfile =
        lockfile(&build(&[("1", "update"), ("2", "install curl git"), ("3", "x")]), None);
    let expected = ["curl of 2 requested", "git of 2 requested", "libcurl of 2", "libgit of 2"];
    assert_eq!(pins(&lockfile), expected);
    assert_eq!(lockfile.images[0].packages, ["deb:base 1", "deb:dash 0.5"]);
    assert_eq!(lockfile.packages[0].source.as_ref().unwrap().to_string(), "curl-src 1");
    let normalized = lockfile.normalize.iter().map(|item| (&*item.path, &*item.step));
    let expected = ["1", "2", "3"].map(|step| ("/var/log/x", step));
    assert_eq!(normalized.collect::<Vec<_>>(), expected);
    assert_eq!(Lockfile::parse(&lockfile.write()).unwrap(), lockfile);
}

#[test]
fn what_is_named_but_came_along_is_not_requested() {
    let mut input = build(&[("1", "install curl libcurl")]);
    assert_eq!(pins(&lockfile(&input, None))[1], "libcurl of 1");
    input.steps[0].words.clear();
    assert_eq!(pins(&lockfile(&input, None))[0], "curl of 1", "manual, but not named");
}

#[test]
fn a_package_belongs_to_the_step_that_first_has_it() {
    let scripts = [("1", "install a"), ("2", "purge a"), ("3", "install a b")];
    let expected = ["a of 1 requested", "b of 3 requested", "liba of 1", "libb of 3"];
    assert_eq!(pins(&lockfile(&build(&scripts), None)), expected);

    let stages = [("build/1", "install a"), ("run/1", "install a")];
    let expected =
        ["a of build/1 requested", "a of run/1 requested", "liba of build/1", "liba of run/1"];
    assert_eq!(pins(&lockfile(&build(&stages), None)), expected, "each stage installs its own");
}

#[test]
fn an_upgrade_is_a_package_of_the_step_that_made_it() {
    let mut input = build(&[("1", "install a"), ("2", "upgrade")]);
    input.steps[1].packages_after[0].version = "2".to_owned();
    let lockfile = lockfile(&input, None);
    assert_eq!(pins(&lockfile), ["a of 1 requested", "base of 2", "liba of 1"]);
    assert_eq!(lockfile.images[0].packages[0], "deb:base 1");
}

const BEFORE: [(&str, &str); 3] = [("1", "update"), ("2", "install curl"), ("3", "install git")];

#[test]
fn the_same_build_again_changes_nothing() {
    let mut old = lockfile(&build(&BEFORE), None);
    old.packages[0].url = Some("http://deb.example/curl.deb".to_owned());
    old.packages[0].sha256 = Some(Digest::of(b"curl"));
    old.packages[0].size = Some(3);
    let mut again = build(&BEFORE);
    again.images[0].index = Some(Digest::of(b"an index that moved"));
    assert_eq!(lockfile(&again, Some(&old)), old);
}

#[test]
fn an_added_line_adds_entries_and_changes_no_other() {
    let old = lockfile(&build(&BEFORE), None);
    let after =
        [("1", "update"), ("2", "install vim"), ("3", "install curl"), ("4", "install git")];
    let new = lockfile(&build(&after), Some(&old));
    let (added, removed) = changed_blocks(&old, &new);
    assert_eq!(removed, Vec::<String>::new());
    assert_eq!(added.len(), 4, "vim, libvim, their step and its log: {added:#?}");
    let expected = ["curl of 2 requested", "git of 3 requested", "libcurl of 2", "libgit of 3"];
    assert_eq!(pins(&new)[..4], expected);
    assert_eq!(pins(&new)[5], "vim of 1.1 requested");
    assert_eq!(Lockfile::parse(&new.write()).unwrap(), new);
    assert_eq!(lockfile(&build(&after), Some(&new)), new, "and it stays so");
}

#[test]
fn a_changed_line_keeps_its_name_and_the_pins_that_it_still_has() {
    let mut old = lockfile(&build(&BEFORE), None);
    old.packages[0].sha256 = Some(Digest::of(b"curl"));
    let after = [("1", "update"), ("2", "install curl vim"), ("3", "install git")];
    let new = lockfile(&build(&after), Some(&old));
    assert_eq!(pins(&new)[0], "curl of 2 requested");
    assert_eq!(new.packages[0].sha256, Some(Digest::of(b"curl")));
    let (added, removed) = changed_blocks(&old, &new);
    assert_eq!((added.len(), removed.len()), (3, 1), "the step and two packages");
}

#[test]
fn what_is_gone_leaves_the_lockfile() {
    let mut old = lockfile(&build(&BEFORE), None);
    let fetch = |step: &str| {
        let url = "http://deb.example/InRelease".to_owned();
        LockedFetch::new(url, Digest::of(b"InRelease"), 1, step.to_owned())
    };
    old.fetches = vec![fetch("1"), fetch("2")];
    let after = [("1", "update"), ("2", "install git")];
    let new = lockfile(&build(&after), Some(&old));
    assert_eq!(pins(&new), ["git of 3 requested", "libgit of 3"]);
    assert_eq!(new.fetches, [fetch("1")]);
    assert_eq!(Lockfile::parse(&new.write()).unwrap(), new);
}

#[test]
fn a_renamed_stage_names_its_steps_anew() {
    let old = lockfile(&build(&[("build/1", "update"), ("build/2", "install a")]), None);
    let new = lockfile(&build(&[("make/1", "update"), ("make/2", "install a")]), Some(&old));
    assert_eq!(pins(&new), ["a of make/2 requested", "liba of make/2"]);
}

#[test]
fn a_moved_image_is_pinned_anew() {
    let old = lockfile(&build(&BEFORE), None);
    let mut moved = build(&BEFORE);
    moved.images[0].manifest = Digest::of(b"moved");
    moved.images[0].index = None;
    let twice = moved.images[0].clone();
    moved.images.push(twice);
    let new = lockfile(&moved, Some(&old));
    assert_eq!(new.images.len(), 1);
    assert_eq!((new.images[0].manifest, new.images[0].index), (Digest::of(b"moved"), None));
}

#[test]
fn packages_of_several_architectures_are_told_apart() {
    let foreign = Package { architecture: "i386".to_owned(), ..package("libc6", "2") };
    let names = package_names(&[package("libc6", "2"), foreign, package("a", "1")]);
    assert_eq!(names, ["deb:a 1", "deb:libc6:amd64 2", "deb:libc6:i386 2"]);
}

#[test]
fn odd_values_become_a_lockfile_that_reads_back() {
    let mut input = build(&[("1", "x")]);
    input.epoch = i64::MIN;
    input.steps[0].normalized = vec![("log".to_owned(), b"var/\xff\x1b[2J\"\\/x".to_vec())];
    let lockfile = lockfile(&input, None);
    assert_eq!(lockfile.epoch, 0);
    assert_eq!(lockfile.normalize[0].path, "/var/\u{fffd}\u{fffd}[2J\"\\/x");
    assert_eq!(Lockfile::parse(&lockfile.write()).unwrap(), lockfile);
}

#[test]
fn what_stands_above_a_new_line_moves_no_pin() {
    let mut old = lockfile(&build(&BEFORE), None);
    old.steps[0].layer = None;
    let mut input =
        build(&[("1", "update"), ("2", "install curl"), ("3", "new"), ("4", "install git")]);
    input.steps[1].layer = Some(Digest::of(b"moved on"));
    input.steps[1].packages_after.iter_mut().for_each(|package| package.version.push('9'));
    input.steps[3].layer = Some(Digest::of(b"on top of what is new"));
    let new = lockfile(&input, Some(&old));
    let layer = |lockfile: &Lockfile, id: &str| {
        lockfile.steps.iter().find(|step| step.id == id).unwrap().layer
    };
    assert_eq!(layer(&new, "1"), None, "the two builds of a check did not agree about it");
    assert_eq!(layer(&new, "2"), layer(&old, "2"));
    assert_eq!(layer(&new, "3"), input.steps[3].layer);
    assert_eq!(layer(&new, "2.1"), input.steps[2].layer);
    let of_curl = |lockfile: &Lockfile| -> Vec<LockedPackage> {
        lockfile.packages.iter().filter(|package| package.step == "2").cloned().collect()
    };
    assert_eq!(of_curl(&new), of_curl(&old));

    input.steps[1].closed = false;
    assert_eq!(layer(&lockfile(&input, Some(&old)), "2"), None);
    input.canonical = 2;
    assert_eq!(layer(&lockfile(&input, Some(&old)), "1"), input.steps[0].layer, "other form");
}

const STAGES: [(&str, &str); 3] =
    [("test/1", "install a"), ("prod/1", "install b"), ("prod/2", "x")];

#[test]
fn other_targets_keep_their_pins() {
    let mut whole = build(&STAGES);
    whole
        .images
        .push(PinnedImage { reference: "tester".parse().unwrap(), ..whole.images[0].clone() });
    let old = lockfile(&whole, None);
    let mut part = build(&STAGES[1..]);
    part.result = None;
    part.elsewhere.stages.insert("test".to_owned());
    part.elsewhere.images.insert("tester".parse().unwrap());
    part.steps[1].normalized = Vec::new();
    assert_eq!(lockfile(&part, Some(&old)), old);

    let mut more = part.clone();
    more.steps.push(PinnedStep {
        id: "prod/3".into(),
        input: Digest::of(b"3"),
        ..more.steps[1].clone()
    });
    let new = lockfile(&more, Some(&old));
    let (added, removed) = changed_blocks(&old, &new);
    assert_eq!(added.len(), 1, "{added:?}");
    assert_eq!(removed.len(), 1, "the image of the whole is another now: {removed:?}");
    assert!(removed[0].starts_with("[result]"));

    more.steps[2].id = "new/1".to_owned();
    more.stages.push(PinnedStage { id: "new".to_owned(), ..more.stages[0].clone() });
    assert_eq!(lockfile(&more, Some(&old)).result, old.result, "a stage that the whole has not");

    part.elsewhere = Elsewhere::default();
    assert_eq!(lockfile(&part, Some(&old)).images.len(), 1, "the stage is gone");
}
