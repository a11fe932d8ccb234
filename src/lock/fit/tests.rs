//! When a lock no longer fits, and why.

use super::*;
use crate::lock::LockedStage;

/// A lockfile of one instruction a line; every step's input is its text.
fn locked(lines: &[&str]) -> Lockfile {
    let mut lockfile = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
    let wanted = wanted(lines);
    let stages = wanted.stages.into_iter();
    lockfile.stages = stages.map(|stage| LockedStage { id: stage.id, base: stage.base }).collect();
    lockfile.steps = wanted
        .steps
        .into_iter()
        .map(|step| LockedStep { id: step.id, input: step.input, layer: None })
        .collect();
    lockfile
}

/// What a Dockerfile of these lines wants; `FROM image AS stage` starts a stage.
fn wanted(lines: &[&str]) -> Wanted {
    let mut wanted = Wanted {
        platform: "linux/amd64".parse().unwrap(),
        canonical: 1,
        images: Vec::new(),
        stages: Vec::new(),
        steps: Vec::new(),
        elsewhere: Elsewhere::default(),
    };
    if lines.first().is_none_or(|line| !line.starts_with("FROM ")) {
        let (id, base) = (String::new(), "scratch".to_owned());
        wanted.stages.push(WantedStage { id, base, line: 0, instruction: "FROM scratch".into() });
    }
    let (mut stage, mut number) = (String::new(), 0);
    for (index, text) in lines.iter().enumerate() {
        let line = index + 1;
        if let Some(from) = text.strip_prefix("FROM ") {
            let (image, name) = from.split_once(" AS ").unwrap_or((from, ""));
            let base = if wanted.stages.iter().any(|stage| stage.id == image) {
                image.to_owned()
            } else {
                let reference: Reference = image.parse().unwrap();
                wanted.images.push(WantedImage { reference: reference.clone(), line });
                reference.to_string()
            };
            let (id, instruction) = (name.to_owned(), (*text).to_owned());
            wanted.stages.push(WantedStage { id, base, line, instruction });
            stage = if name.is_empty() { String::new() } else { format!("{name}/") };
            number = 0;
            continue;
        }
        number += 1;
        wanted.steps.push(WantedStep {
            id: format!("{stage}{number}"),
            input: Digest::of(text.as_bytes()),
            line,
            instruction: (*text).to_owned(),
        });
    }
    wanted
}

fn messages(lockfile: &Lockfile, wanted: &Wanted) -> Vec<String> {
    lockfile.fit(wanted).iter().map(ToString::to_string).collect()
}

const LINES: [&str; 4] = ["RUN a", "RUN b", "ENV x=1", "CMD c"];

#[test]
fn what_is_unchanged_fits() {
    assert_eq!(locked(&LINES).fit(&wanted(&LINES)), []);
    let twelve: Vec<String> = (0..12).map(|number| format!("RUN {number}")).collect();
    let twelve: Vec<&str> = twelve.iter().map(String::as_str).collect();
    assert_eq!(locked(&twelve).fit(&wanted(&twelve)), []);
}

#[test]
fn an_inserted_line_is_the_only_one_reported() {
    for at in 0..=LINES.len() {
        let mut lines = LINES.to_vec();
        lines.insert(at, "RUN new");
        let expected = format!("line {}: `RUN new` is not locked", at + 1);
        assert_eq!(messages(&locked(&LINES), &wanted(&lines)), [expected]);
    }
}

#[test]
fn a_removed_line_is_the_only_one_reported() {
    let lines = ["RUN a", "ENV x=1", "CMD c"];
    let expected = "step `2` is locked and no longer in the Dockerfile";
    let misfits = locked(&LINES).fit(&wanted(&lines));
    assert_eq!(misfits, [Misfit::StepRemoved { id: "2".to_owned() }]);
    assert_eq!(misfits[0].to_string(), expected);
}

#[test]
fn a_changed_line_is_named_with_its_text() {
    let lines = ["RUN a", "RUN apt-get update \\\n  && apt-get install b", "ENV x=1", "CMD c"];
    let expected = "line 2: `RUN apt-get update…` is not what was locked";
    assert_eq!(messages(&locked(&LINES), &wanted(&lines)), [expected]);
    assert_eq!(locked(&LINES).fit(&wanted(&lines))[0].line(), Some(2));
}

#[test]
fn steps_that_do_the_same_are_told_apart_by_their_order() {
    let twice = ["RUN a", "RUN update", "RUN b", "RUN update"];
    let mut lockfile = locked(&twice);
    for (number, step) in lockfile.steps.iter_mut().enumerate() {
        step.layer = Some(Digest::of(&[u8::try_from(number).unwrap()]));
    }
    let moved = wanted(&["RUN new", "RUN a", "RUN update", "RUN b", "RUN update"]);
    let found = lockfile.matching_steps(&moved);
    let ids: Vec<Option<&str>> = found.iter().map(|step| step.map(|step| &*step.id)).collect();
    assert_eq!(ids, [None, Some("1"), Some("2"), Some("3"), Some("4")]);

    let once_more = wanted(&["RUN a", "RUN update", "RUN b", "RUN update", "RUN update"]);
    let expected = ["line 5: `RUN update` is not locked"];
    assert_eq!(messages(&lockfile, &once_more), expected);
}

#[test]
fn a_renamed_stage_keeps_its_steps() {
    let before = ["FROM x AS build", "RUN a", "RUN b", "FROM x AS run", "RUN a"];
    let after = ["FROM x AS compile", "RUN a", "RUN b", "FROM x AS run", "RUN a"];
    let mut lockfile = locked(&before);
    assert_eq!(
        messages(&lockfile, &wanted(&after)),
        ["line 1: the image `docker.io/library/x:latest` is not locked"]
    );
    lockfile.images.push(super::super::LockedImage {
        reference: "x".parse().unwrap(),
        index: None,
        manifest: Digest::of(b""),
        packages: Vec::new(),
    });
    let after = wanted(&after);
    assert_eq!(lockfile.fit(&after), []);
    let found = lockfile.matching_steps(&after);
    assert_eq!(found[2].unwrap().id, "run/1");
}

#[test]
fn images_platform_and_form_must_fit() {
    let mut lockfile = locked(&[]);
    lockfile.images.push(super::super::LockedImage {
        reference: "debian:bookworm".parse().unwrap(),
        index: None,
        manifest: Digest::of(b""),
        packages: Vec::new(),
    });
    let mut wanted = wanted(&["FROM debian:trixie AS a", "FROM debian:trixie AS b"]);
    wanted.platform = "linux/arm64".parse().unwrap();
    wanted.canonical = 2;
    assert_eq!(
        messages(&lockfile, &wanted),
        [
            "the lockfile is for linux/amd64, this build is for linux/arm64",
            "the lockfile has layers of form 1, this rlock makes form 2",
            "line 1: the image `docker.io/library/debian:trixie` is not locked",
            "the image `docker.io/library/debian:bookworm` is locked and no longer used",
            "the stage that is locked is no longer in the Dockerfile",
        ]
    );
}

#[test]
fn long_instructions_are_cut() {
    let long = "x".repeat(300);
    let step = Misfit::StepAdded { line: 1, instruction: format!("RUN {long}") };
    assert_eq!(step.to_string().chars().count(), "line 1: `` is not locked".len() + 73);
    let short = Misfit::StepAdded { line: 1, instruction: "RUN \u{1b}[31mx\n".to_owned() };
    assert_eq!(short.to_string(), "line 1: `RUN [31mx` is not locked");
}

#[test]
fn stages_that_are_not_needed_are_not_judged() {
    let all = ["FROM x AS test", "RUN a", "RUN t", "FROM x AS prod", "RUN a"];
    let mut lockfile = locked(&all);
    let mut prod = wanted(&["FROM x AS prod", "RUN a"]);
    prod.elsewhere.stages.insert("test".to_owned());
    prod.images.clear();
    assert_eq!(lockfile.fit(&prod), []);
    // Its own step is not locked by a like one of a stage that is not needed.
    lockfile.steps.retain(|step| stage_of(&step.id) == "test");
    assert_eq!(messages(&lockfile, &prod), ["line 2: `RUN a` is not locked"]);
    prod.elsewhere.stages.clear();
    let found = messages(&lockfile, &prod);
    let expected =
        ["stage `test` is locked and no longer in the Dockerfile", "line 2: `RUN a` is not locked"];
    assert!(expected.iter().all(|text| found.contains(&(*text).to_owned())), "{found:?}");

    lockfile.images.push(super::super::LockedImage {
        reference: "y".parse().unwrap(),
        index: None,
        manifest: Digest::of(b""),
        packages: Vec::new(),
    });
    prod.elsewhere.stages.insert("test".to_owned());
    prod.steps.clear();
    assert_eq!(lockfile.fit(&prod).len(), 1);
    prod.elsewhere.images.insert("y".parse().unwrap());
    assert_eq!(lockfile.fit(&prod), []);
}

#[test]
fn steps_that_changed_places_are_named() {
    let swapped = wanted(&["RUN b", "RUN a", "ENV x=1", "CMD c"]);
    let lockfile = locked(&LINES);
    let misfits = messages(&lockfile, &swapped);
    let expected = [
        "line 1: `RUN b` was locked in another place",
        "line 2: `RUN a` was locked in another place",
    ];
    assert_eq!(misfits.len(), 1, "{misfits:?}");
    assert!(expected.contains(&&*misfits[0]), "{misfits:?}");
    assert!(lockfile.fit(&swapped)[0].line().is_some());

    let last = ["RUN b", "ENV x=1", "CMD c", "RUN a"];
    assert_eq!(
        messages(&lockfile, &wanted(&last)),
        ["line 4: `RUN a` was locked in another place"]
    );
    let twice = ["RUN u", "RUN a", "RUN u", "RUN b"];
    let inserted = ["RUN u", "RUN u", "RUN a", "RUN u", "RUN b"];
    let misfits = messages(&locked(&twice), &wanted(&inserted));
    assert_eq!(misfits.len(), 1, "{misfits:?}");
    assert!(misfits[0].ends_with("`RUN u` is not locked"), "{misfits:?}");
}

/// A lockfile of `lines` with the images that they name.
fn with_images(lines: &[&str]) -> Lockfile {
    let mut lockfile = locked(lines);
    for WantedImage { reference, .. } in wanted(lines).images {
        if lockfile.images.iter().all(|image| image.reference != reference) {
            lockfile.images.push(super::super::LockedImage {
                reference,
                index: None,
                manifest: Digest::of(b""),
                packages: Vec::new(),
            });
        }
    }
    lockfile
}

#[test]
fn another_base_is_noticed_though_its_image_is_locked() {
    let before = ["FROM x AS a", "RUN a", "FROM y AS b", "RUN b", "FROM a AS c", "RUN c"];
    let lockfile = with_images(&before);
    assert_eq!(lockfile.fit(&wanted(&before)), []);
    for (at, line, expected) in [
        (0, "FROM y AS a", "line 1: `FROM y AS a` was locked on `docker.io/library/x:latest`"),
        (4, "FROM b AS c", "line 5: `FROM b AS c` was locked on `a`"),
        (4, "FROM y AS c", "line 5: `FROM y AS c` was locked on `a`"),
    ] {
        let mut after = before;
        after[at] = line;
        let found = messages(&lockfile, &wanted(&after));
        assert!(found.contains(&expected.to_owned()), "{found:?}");
        let unused = found.iter().filter(|text| text.ends_with("no longer used")).count();
        assert_eq!(found.len(), 1 + unused, "{found:?}");
    }
    let mut moved = before;
    moved[0] = "FROM z AS a";
    assert_eq!(
        messages(&lockfile, &wanted(&moved)),
        [
            "line 1: the image `docker.io/library/z:latest` is not locked",
            "the image `docker.io/library/x:latest` is locked and no longer used",
        ],
        "the base need not be named twice"
    );
    let renamed = ["FROM x AS aa", "RUN a", "FROM y AS b", "RUN b", "FROM aa AS c", "RUN c"];
    assert_eq!(lockfile.fit(&wanted(&renamed)), [], "the stage is the same, its name is not");
}

#[test]
fn stages_come_and_go() {
    let before = ["FROM x AS a", "RUN a", "FROM x AS b", "RUN b"];
    let lockfile = with_images(&before);
    let mut more = before.to_vec();
    more.extend(["FROM a AS c", "RUN c"]);
    assert_eq!(
        messages(&lockfile, &wanted(&more)),
        ["line 5: `FROM a AS c` is not locked", "line 6: `RUN c` is not locked"]
    );
    assert_eq!(
        messages(&lockfile, &wanted(&before[2..])),
        ["stage `a` is locked and no longer in the Dockerfile"]
    );
    // A stage without steps is told by what it starts from.
    let empty = with_images(&["FROM x AS a", "FROM a AS b", "RUN b"]);
    assert_eq!(empty.fit(&wanted(&["FROM x AS other", "FROM other AS b", "RUN b"])), []);
    // A file of one stage that has no name gets a second one.
    let one = with_images(&["FROM x", "RUN a"]);
    assert_eq!(
        messages(&one, &wanted(&["FROM x AS new", "RUN n", "FROM x AS old", "RUN a"])),
        ["line 1: `FROM x AS new` is not locked", "line 2: `RUN n` is not locked"]
    );
}
