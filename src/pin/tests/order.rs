//! What a lockfile says about order and bases.

use super::*;

/// Ids of the steps in the order of the build.
fn names(scripts: &[(&str, &str)], old: &Lockfile) -> Vec<String> {
    let input = build(scripts);
    let new = lockfile(&input, Some(old));
    assert_eq!(Lockfile::parse(&new.write()).unwrap(), new);
    assert_eq!(lockfile(&input, Some(&new)), new, "a second time nothing changes");
    let id = |step: &PinnedStep| {
        let of_input = new.steps.iter().find(|locked| locked.input == step.input);
        of_input.unwrap().id.clone()
    };
    input.steps.iter().map(id).collect()
}

#[test]
fn names_keep_their_order() {
    let old = lockfile(&build(&[("1", "a"), ("2", "b"), ("3", "c")]), None);
    for (scripts, expected) in [
        (&[("1", "x"), ("2", "a"), ("3", "b"), ("4", "c")][..], &["0.1", "1", "2", "3"][..]),
        (&[("1", "a"), ("2", "b"), ("3", "c"), ("4", "x")], &["1", "2", "3", "4"]),
        (
            &[("1", "a"), ("2", "x"), ("3", "y"), ("4", "b"), ("5", "c")],
            &["1", "1.1", "1.2", "2", "3"],
        ),
        (&[("1", "a"), ("2", "c")], &["1", "3"]),
        (&[("1", "a"), ("2", "x"), ("3", "c")], &["1", "2", "3"]),
        (&[("1", "a"), ("2", "x"), ("3", "y"), ("4", "c")], &["1", "2", "2.1", "3"]),
        (&[("1", "x"), ("2", "y")], &["1", "2"]),
    ] {
        assert_eq!(names(scripts, &old), expected, "{scripts:?}");
    }
}

#[test]
fn a_name_is_not_given_twice() {
    let old = lockfile(&build(&[("1", "a"), ("2", "x"), ("3", "b")]), None);
    let fewer = [("1", "a"), ("2", "b")];
    assert_eq!(names(&fewer, &old), ["1", "3"]);
    let old = lockfile(&build(&fewer), Some(&old));
    let more = [("1", "a"), ("2", "b"), ("3", "c")];
    assert_eq!(names(&more, &old), ["1", "3", "4"], "3 is taken");
    assert_eq!(names(&[("1", "a"), ("2", "c"), ("3", "b")], &old), ["1", "2", "3"]);
}

#[test]
fn steps_that_change_places_are_locked_anew() {
    let old = lockfile(&build(&[("1", "a"), ("2", "b"), ("3", "c")]), None);
    let mut swapped = build(&[("1", "b"), ("2", "a"), ("3", "c")]);
    for step in &mut swapped.steps {
        step.layer = Some(Digest::of(format!("other {}", step.id).as_bytes()));
    }
    let new = lockfile(&swapped, Some(&old));
    let layers: BTreeSet<_> = new.steps.iter().map(|step| step.layer).collect();
    assert_eq!(layers, swapped.steps.iter().map(|step| step.layer).collect(), "none is kept");
    let ids: Vec<&str> = new.steps.iter().map(|step| &*step.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.contains(&"3"), "{ids:?}");
}

#[test]
fn a_line_removed_at_the_end_unsettles_nothing_above() {
    let old = lockfile(&build(&[("1", "a"), ("2", "b"), ("3", "c")]), None);
    let mut fewer = build(&[("1", "a"), ("2", "b")]);
    fewer.steps[1].layer = Some(Digest::of(b"moved on"));
    let new = lockfile(&fewer, Some(&old));
    assert_eq!(new.steps, old.steps[..2]);
    // What stands below a line that is gone is taken as it is.
    let mut fewer = build(&[("1", "a"), ("2", "c")]);
    fewer.steps[1].layer = Some(Digest::of(b"without b"));
    let new = lockfile(&fewer, Some(&old));
    assert_eq!(new.steps[1].layer, fewer.steps[1].layer);
}

#[test]
fn another_base_is_another_world_for_its_stage_and_those_on_it() {
    let scripts = [("x/1", "a"), ("y/1", "b"), ("z/1", "c")];
    let mut input = build(&scripts);
    input.stages[2].base = "y".to_owned();
    let old = lockfile(&input, None);
    assert_eq!(old.stages[1].base, "docker.io/library/debian:bookworm");
    let mut moved = input.clone();
    moved.stages[1].base = "x".to_owned();
    for step in &mut moved.steps {
        step.layer = Some(Digest::of(b"moved on"));
    }
    let new = lockfile(&moved, Some(&old));
    let kept = new.steps.iter().zip(&old.steps).map(|(new, old)| new.layer == old.layer);
    assert_eq!(kept.collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(new.stages[1].base, "x");
}

#[test]
fn a_renamed_stage_takes_its_pins_along() {
    let old = lockfile(&build(&[("build/1", "update"), ("build/2", "install a")]), None);
    let mut renamed = build(&[("make/1", "update"), ("make/2", "install a")]);
    renamed.steps[0].layer = Some(Digest::of(b"moved on"));
    let new = lockfile(&renamed, Some(&old));
    let layers = |lockfile: &Lockfile| -> Vec<Option<Digest>> {
        lockfile.steps.iter().map(|step| step.layer).collect()
    };
    assert_eq!(layers(&new), layers(&old));
    assert_eq!(new.normalize.len(), 2);
    assert!(new.normalize.iter().all(|item| stage_of(&item.step) == "make"));
}
