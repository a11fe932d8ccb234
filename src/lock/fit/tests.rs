//! When a lock no longer fits, and why.

use super::*;

/// A lockfile of one instruction a line; every step's input is its text.
fn locked(lines: &[&str]) -> Lockfile {
    let mut lockfile = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
    lockfile.steps = wanted(lines)
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
        steps: Vec::new(),
        elsewhere: Elsewhere::default(),
    };
    let (mut stage, mut number) = (String::new(), 0);
    for (index, text) in lines.iter().enumerate() {
        let line = index + 1;
        if let Some(from) = text.strip_prefix("FROM ") {
            let (image, name) = from.split_once(" AS ").unwrap_or((from, ""));
            wanted.images.push(WantedImage { reference: image.parse().unwrap(), line });
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
    assert_eq!(
        messages(&lockfile, &prod),
        ["step `test/2` is locked and no longer in the Dockerfile"]
    );

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
