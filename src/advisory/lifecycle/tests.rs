//! Tables, days, and what they say.

use super::*;

fn distribution(id: &str, version: &str, codename: &str) -> Distribution {
    Distribution {
        id: id.to_owned(),
        version_id: version.to_owned(),
        codename: (!codename.is_empty()).then(|| codename.to_owned()),
        like: Vec::new(),
    }
}

fn told(id: &str, version: &str, codename: &str, today: &str) -> String {
    let all = Lifecycle::built_in().unwrap();
    let of = distribution(id, version, codename);
    match all.standing(&of, today.parse().unwrap()) {
        Ok(Standing { words, plan: Some(plan), .. }) => format!("{words} — plan {plan}"),
        Ok(Standing { words, .. }) => words,
        Err(reason) => format!("not checked: {reason}"),
    }
}

/// Of a distribution: its id, version and code name, the day, and what is told.
type Told = (&'static str, &'static str, &'static str, &'static str, &'static str);

const TOLD: &[Told] = &[
    ("debian", "12", "bookworm", "2026-07-11", "bookworm is supported to 2026-07-11"),
    (
        "debian",
        "12",
        "bookworm",
        "2026-07-12",
        "bookworm is in LTS (regular support ended 2026-07-11, LTS to 2028-06-30) — plan trixie",
    ),
    (
        "debian",
        "12",
        "bookworm",
        "2028-07-01",
        "bookworm is past its end (LTS ended 2028-06-30; ELTS for subscribers to 2033-06-30) \
             — plan trixie",
    ),
    (
        "debian",
        "8",
        "",
        "2026-11-23",
        "jessie is past its end (LTS ended 2020-06-30) — plan trixie",
    ),
    ("debian", "12.7", "", "2026-01-01", "bookworm is supported to 2026-07-11"),
    (
        "debian",
        "",
        "forky",
        "2026-11-23",
        "not checked: distro-info-data 0.58+deb12u7 (built in) has no end of life of forky",
    ),
    (
        "ubuntu",
        "20.04",
        "focal",
        "2026-11-23",
        "focal is past its end (regular support ended 2025-05-29; Legacy support for \
             subscribers to 2032-04-27) — plan resolute",
    ),
    ("ubuntu", "24.04", "noble", "2026-11-23", "noble is supported to 2029-05-31"),
    (
        "ubuntu",
        "25.10",
        "questing",
        "2026-11-23",
        "questing is past its end (regular support ended 2026-07-09) — plan stonking",
    ),
    (
        "alpine",
        "3.21.6",
        "",
        "2026-11-23",
        "3.21 is past its end (regular support ended 2026-11-01) — plan 3.23",
    ),
    ("alpine", "3.23.6", "", "2026-11-23", "3.23 is supported to 2027-11-01"),
    (
        "alpine",
        "3.2.3",
        "",
        "2026-11-23",
        "not checked: releases of Alpine Linux (built in) has no release `3.2.3`",
    ),
    ("fedora", "42", "", "2026-11-23", "42 is past its end (regular support ended 2026-05-13)"),
    ("rocky", "9.4", "", "2026-11-23", "9 is supported to 2032-05-31"),
    (
        "rhel",
        "7.9",
        "",
        "2026-11-23",
        "7 is past its end (regular support ended 2024-06-30; ELS for subscribers to \
             2028-06-30) — plan 9",
    ),
    ("arch", "", "", "2026-11-23", "not checked: no table of ends of life has `arch`"),
];

#[test]
fn every_day_of_a_release() {
    for (id, version, codename, today, expected) in TOLD {
        assert_eq!(told(id, version, codename, today), *expected);
    }
}

#[test]
fn a_table_of_ones_own_replaces_the_built_in_one() {
    let mut all = Lifecycle::built_in().unwrap();
    let text = "version,codename,series,created,release,eol\n12,Bookworm,bookworm,,2023-06-10,2024-01-01\n";
    all.replace("debian", Table::read(text, "ours.csv", None).unwrap());
    let today = "2025-01-01".parse().unwrap();
    let found = all.standing(&distribution("debian", "12", "bookworm"), today).unwrap();
    assert_eq!((found.state, found.source.as_str(), found.plan), (State::Ended, "ours.csv", None));
    assert_eq!(found.name, "debian 12 (bookworm)");
    assert!(all.standing(&distribution("debian", "13", "trixie"), today).is_err());
}

#[test]
fn series_name_their_distribution() {
    let all = Lifecycle::built_in().unwrap();
    let of = |series| all.of_series(series).map(|it| format!("{} {}", it.id, it.version_id));
    assert_eq!(of("bookworm").as_deref(), Some("debian 12"));
    assert_eq!(of("noble").as_deref(), Some("ubuntu 24.04"));
    assert_eq!(of("stable"), None);
    assert_eq!(of("el9"), None, "several have it");
}

#[test]
fn what_is_no_table_says_where() {
    for (text, expected) in [
        ("", "x: line 1: there is no column `version`"),
        ("version,series\n", "x: line 1: there is no column `eol`"),
        ("version,series,eol\n12,bookworm,soon\n", "x: line 2: `eol` is no day such as 2026-07-11"),
        ("version,series,eol\n\n12,,2026-01-01\n", "x: line 3: it has no `series`"),
        ("version,series,eol\n1,a,,b\n", "x: line 2: it has 4 values, and there are 3 columns"),
    ] {
        assert_eq!(Table::read(text, "x", None).unwrap_err().to_string(), expected);
    }
    let large = format!("version,series,eol\n{}", "1,a,\n".repeat(300_000));
    assert!(Table::read(&large, "x", None).is_err());
    // Columns at the end may be missing, others are passed over, and lines may end as in DOS.
    let text = "version,series,eol,eol-lts,mood\r\n1,a,2026-01-01\r\n";
    assert_eq!(Table::read(text, "x", None).unwrap().rows.len(), 1);
}
