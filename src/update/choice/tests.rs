//! Tables of choices: an index, what is known, and the version that is taken.

use super::*;

/// An index: versions by blanks; `!` withdrawn, `~` deprecated.
fn released(index: &str) -> Released {
    let mut released = Released::default();
    for word in index.split_whitespace() {
        let bare = word.trim_start_matches(['!', '~']).to_owned();
        if word.starts_with('!') {
            released.withdrawn.insert(bare);
            continue;
        }
        if word.starts_with('~') {
            released.deprecated.insert(bare.clone());
        }
        released.versions.push(bare);
    }
    released
}

/// Advisories: an id, and the ranges `from..to` that are affected; `to` may be missing.
fn open_in(kind: &str, advisories: &[(&str, &str)], version: &str) -> BTreeSet<String> {
    let is_within = |range: &str| {
        let (from, to) = range.split_once("..").unwrap();
        let is_above = from.is_empty() || version::compare(kind, version, from).unwrap().is_ge();
        is_above && (to.is_empty() || version::compare(kind, version, to).unwrap().is_lt())
    };
    let affecting = advisories.iter().filter(|(_, ranges)| ranges.split(' ').any(is_within));
    affecting.map(|(id, _)| (*id).to_owned()).collect()
}

fn chosen(kind: &str, locked: &str, index: &str, advisories: &[(&str, &str)]) -> Choice {
    let released = released(index);
    let open = |version: &str| Some(open_in(kind, advisories, version));
    let refused = |version: &str| {
        version.starts_with("1.9").then(|| format!("tool needs library !={version}"))
    };
    repair(Locked { kind, version: locked, released: &released, open: &open, refused: &refused })
}

/// A choice in words: the version, what is left (`-`), what is new (`+`), and what is said of it.
fn shown(choice: &Choice) -> String {
    let joined =
        |passed: &[Passed]| passed.iter().map(|it| format!(" [{it}]")).collect::<Vec<_>>().concat();
    match choice {
        Choice::Stays => "stays".to_owned(),
        Choice::Unrepaired { open, passed } => {
            format!("unrepaired {}{}", listed(open), joined(passed))
        }
        Choice::Takes(taken) => {
            let mut words = taken.version.clone();
            words.extend(taken.remaining.iter().map(|id| format!(" -{id}")));
            words.extend(taken.introduced.iter().map(|id| format!(" +{id}")));
            let leaves = taken.leaves.iter();
            words.extend(
                leaves.map(|(series, ids)| format!(" leaves {series} for {}", listed(ids))),
            );
            if taken.is_deprecated {
                words += " deprecated";
            }
            words + &joined(&taken.passed)
        }
    }
}

const INDEX: &str = "1.2.2 1.2.3 1.2.4 1.2.5 1.3.0 2.0.0";

/// A locked version, an index, advisories, and what is chosen.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn the_lowest_version_that_repairs_is_taken() {
    let table: &[Row<'_>] = &[
        // One advisory, and several that are repaired in one version after the other.
        ("1.2.3", INDEX, &[("A", "..1.2.4")], "1.2.4"),
        ("1.2.3", INDEX, &[("A", "..1.2.4"), ("B", "..1.3.0")], "1.3.0"),
        ("1.2.3", INDEX, &[("A", "..1.2.4"), ("B", "..1.2.4")], "1.2.4"),
        // The order of the page does not matter.
        ("1.2.3", "2.0.0 1.3.0 1.2.5 1.2.4 1.2.3", &[("A", "..1.2.4")], "1.2.4"),
        ("1.2.3", "1.2.3 1.2.10 1.2.9", &[("A", "..1.2.9")], "1.2.9"),
        // Nothing is open, or what is open is of other versions.
        ("1.2.3", INDEX, &[], "stays"),
        ("1.2.3", INDEX, &[("A", "..1.2.3"), ("B", "1.2.4..")], "stays"),
        // A range for each major version.
        ("1.2.3", INDEX, &[("A", "..1.2.5 2.0.0..2.0.1")], "1.2.5"),
        ("1.2.3", "1.2.3 2.0.0 2.0.1", &[("A", "..1.9.0 2.0.0..2.0.1")], "2.0.1 leaves 1.x for A"),
        ("2.0.0", "1.2.5 2.0.0 2.0.1 3.0.0", &[("A", "..1.2.5 2.0.0..2.0.1")], "2.0.1"),
        // Another series, where there is no repair in this one, and why.
        ("1.2.3", INDEX, &[("A", "..2.0.0")], "2.0.0 leaves 1.x for A"),
        ("1.2.3", INDEX, &[("A", "..2.0.0"), ("B", "..1.2.4")], "2.0.0 leaves 1.x for A"),
        ("0.1.2", "0.1.2 0.1.3 0.2.0", &[("A", "..0.1.3")], "0.1.3"),
        ("0.1.2", "0.1.2 0.1.3 0.2.0", &[("A", "..0.2.0")], "0.2.0 leaves 0.1.x for A"),
        // What nothing repairs stays, with and without something that is repaired.
        ("1.2.3", INDEX, &[("A", "..")], "unrepaired A"),
        ("1.2.3", INDEX, &[("A", "..2.0.1")], "unrepaired A"),
        ("1.2.3", INDEX, &[("A", "..1.2.4"), ("B", "..")], "1.2.4 -B"),
        ("2.0.0", INDEX, &[("A", "..")], "unrepaired A"),
        // A repair that is affected again.
        ("1.2.3", INDEX, &[("A", "..1.2.4 1.2.5..2.0.0")], "1.2.4"),
        ("1.2.3", INDEX, &[("A", "..1.2.4"), ("N", "1.2.4..1.2.5")], "1.2.5 [1.2.4 has N]"),
        ("1.2.3", INDEX, &[("A", "..1.2.4"), ("N", "1.2.4..")], "1.2.4 +N"),
        // Not for the price of another series.
        ("1.2.3", INDEX, &[("A", "..1.2.4"), ("N", "1.2.4..2.0.0")], "1.2.4 +N"),
    ];
    for (locked, index, advisories, expected) in table {
        let choice = chosen("npm", locked, index, advisories);
        assert_eq!(shown(&choice), *expected, "{locked} of {index}, {advisories:?}");
    }
}

#[test]
fn what_cannot_be_taken_is_passed_over_and_named() {
    const A: &[(&str, &str)] = &[("A", "..1.2.4")];
    for (kind, locked, index, expected) in [
        ("pypi", "1.2.3", "1.2.3 !1.2.4 1.2.5 2.0", "1.2.5 [1.2.4 is withdrawn]"),
        ("pypi", "1.2.3", "1.2.3 !1.2.4", "unrepaired A [1.2.4 is withdrawn]"),
        ("pypi", "1.2.3", "1.2.3 1.2.4rc1 1.2.5rc1 1.2.5", "1.2.5 [1.2.5rc1 is a preview]"),
        ("pypi", "1.2.3rc1", "1.2.3rc1 1.2.4 1.2.5rc1", "1.2.4"),
        ("pypi", "1.2.4rc1", "1.2.4rc1 1.2.4rc2 1.2.4", "1.2.4"),
        ("pypi", "1.2.3", "1.2.3 1.2.4.post1 1.2.5", "1.2.4.post1"),
        ("npm", "1.2.3", "1.2.3 1.2.4-beta.1 1.2.4", "1.2.4"),
        ("npm", "1.2.3", "1.2.3 1.2.5-beta.1 1.2.5", "1.2.5 [1.2.5-beta.1 is a preview]"),
        // npm itself takes it only where it has no other; it is no withdrawal.
        ("npm", "1.2.3", "1.2.3 ~1.2.4 1.2.5 2.0.0", "1.2.5 [1.2.4 is deprecated]"),
        ("npm", "1.2.3", "1.2.3 ~1.2.4 2.0.0", "1.2.4 deprecated"),
        ("cargo", "1.2.3", "1.2.3 !1.2.4 1.3.0", "1.3.0 [1.2.4 is withdrawn]"),
        ("gem", "1.2.3", "1.2.3 1.2.4.pre 1.2.5", "1.2.5"),
        ("golang", "v1.2.3", "v1.2.3 v1.2.4-rc.1 v1.2.4 v1.3.0", "v1.2.4"),
        (
            "npm",
            "1.2.3",
            "1.2.3 1.9.0 2.0.0",
            "2.0.0 leaves 1.x for A [tool needs library !=1.9.0, which 1.9.0 is not]",
        ),
        (
            "npm",
            "1.2.3",
            "1.2.3 1.9.0",
            "unrepaired A [tool needs library !=1.9.0, which 1.9.0 is not]",
        ),
        // What cannot be compared is nothing to move to.
        ("pypi", "1.2.3", "1.2.3 what 1.2.4", "1.2.4"),
    ] {
        let advisories = if kind == "golang" { &[("A", "..v1.2.4")] } else { A };
        let choice = chosen(kind, locked, index, advisories);
        assert_eq!(shown(&choice), expected, "{kind} {locked} of {index}");
    }
}

#[test]
fn where_nobody_knows_nothing_moves() {
    let released = released(INDEX);
    let (open, refused) = (|_: &str| None, |_: &str| None);
    let locked = Locked {
        kind: "npm",
        version: "1.2.3",
        released: &released,
        open: &open,
        refused: &refused,
    };
    assert_eq!(repair(locked), Choice::Stays);
}

#[test]
fn what_is_needed_is_the_lowest_that_will_do() {
    let index = released("1.2.3 !1.3.0 1.3.1 1.3.2 1.4.0");
    let needed_of = |advisories: &[(&str, &str)], from: &str| {
        let open = |version: &str| Some(open_in("npm", advisories, version));
        let refused = |_: &str| None;
        let locked = Locked {
            kind: "npm",
            version: "1.2.3",
            released: &index,
            open: &open,
            refused: &refused,
        };
        let is_needed = |it: &str| version::compare("npm", it, from).unwrap().is_ge();
        needed(locked, &is_needed).map(|taken| taken.version)
    };
    assert_eq!(needed_of(&[], "1.3.0").as_deref(), Some("1.3.1"));
    assert_eq!(needed_of(&[("A", "..1.3.2")], "1.3.0").as_deref(), Some("1.3.2"));
    assert_eq!(needed_of(&[], "2.0.0"), None);
}
