//! What stays behind: packages that are kept, versions that are too young; and distributions that are
//! past their end.

use super::{look, moves, outdated, update};
use crate::clients::{Case, OLD, now};
use crate::upstream::apt::{Contents, Key, Package, STABLE, archive, publish_with, sources};
use crate::upstream::{Site, Tree, Wire, python};
use serde_json::Value;

/// Type, name and versions of what is held back, and why.
fn held_back(report: &Value) -> Vec<String> {
    let rows = report["held_back"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let shown = |row: &Value| {
        let [kind, name, locked, available, cause] =
            ["type", "name", "locked", "available", "cause"].map(|key| text(row, key));
        format!("{kind} {name} {locked} -> {available}: {cause}")
    };
    rows.iter().map(shown).collect()
}

fn days_ago(days: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(now() - days * 86_400).unwrap()
}

fn package(name: &'static str, version: &'static str, depends: Option<&'static str>) -> Package {
    Package { name, version, depends }
}

/// A changelog whose newest entry is so many days old.
fn changelog(name: &str, days: i64) -> String {
    let date = jiff::fmt::rfc2822::to_string(&days_ago(days).to_zoned(jiff::tz::TimeZone::UTC));
    let date = date.unwrap();
    format!("{name} (1.1) stable; urgency=low\n\n  * x\n\n -- it <it@apt.test>  {date}\n")
}

const INSTALL: &str = "RUN apt-get update && apt-get install -y tool other libfoo needer && rm -rf \
                       /var/lib/apt/lists/*\n";

/// Locked on the first day.
fn case<'a>(key: &Key, site: &'a Site) -> Case<'a> {
    let first = [
        package("tool", "1.0", None),
        package("other", "1.0", None),
        package("libfoo", "1.0", None),
        package("needer", "1.0", Some("libfoo (>= 1.0)")),
    ];
    site.serve(archive(key, &first, OLD, None));
    let case = Case::new("debian-bookworm", &(sources(&site.url(), key) + INSTALL), &[site]);
    case.lock();
    case
}

/// An archive of today: `tool` is ten days old, `other` one, and so is `libfoo`, which `needer` needs.
fn move_on(key: &Key, site: &Site) {
    let mut tree = Tree::at(now() - 3600);
    let packages = [
        (package("tool", "1.1", None), changelog("tool", 10)),
        (package("other", "1.1", None), changelog("other", 1)),
        (package("libfoo", "1.1", None), changelog("libfoo", 1)),
        (package("needer", "1.1", Some("libfoo (>= 1.1)")), changelog("needer", 10)),
    ];
    let with: Vec<_> = packages
        .iter()
        .map(|(package, text)| {
            (package.clone(), Contents { changelog: Some(text), ..Contents::default() })
        })
        .collect();
    publish_with(&mut tree, key, STABLE, &with, None);
    site.serve(tree);
}

#[test]
fn apt_takes_what_is_old_enough() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let case = case(&key, &site);
    move_on(&key, &site);
    case.world.write("rlock.toml", "[update]\nmin-age = \"3d\"\n");
    let report = update(&case, 0, &[]);
    assert_eq!(moves(&report), ["deb tool 1.0 -> 1.1"], "{report:#}");
    let held = [
        "deb libfoo 1.0 -> 1.1: too-young",
        "deb needer 1.0 -> 1.1: needs-held",
        "deb other 1.0 -> 1.1: too-young",
    ];
    assert_eq!(held_back(&report), held, "{report:#}");
    assert_eq!(report["held_back"][2]["way_out"], "--now other");
    let told = case.rlock("update", &["-C", ".", "--dry-run", "other"]).expect(0).stdout;
    for words in ["held back (1)", "less than 3 d", "--now other"] {
        assert!(told.contains(words), "{told}");
    }
    // What is held is held in the lock, and a review says so.
    let report = case.rlock("review", &["Dockerfile.lock", "--format", "json"]).expect(0).json();
    let held = ["libfoo", "needer", "other"].map(|it| format!("deb {it} 1.0 -> 1.1: locked"));
    assert_eq!(held_back(&report), held, "{report:#}");
    let report = update(&case, 0, &["--now", "other"]);
    assert_eq!(moves(&report), ["deb other 1.0 -> 1.1"], "{report:#}");
    case.rlock("update", &["-C", ".", "--now", "nobody"]).expect(2).says(&["no package `nobody`"]);
}

#[test]
fn what_is_kept_stays_and_the_others_move() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let case = case(&key, &site);
    move_on(&key, &site);
    let report = update(&case, 0, &["--keep", "libfoo"]);
    assert_eq!(moves(&report), ["deb other 1.0 -> 1.1", "deb tool 1.0 -> 1.1"], "{report:#}");
    let held = ["deb libfoo 1.0 -> 1.1: kept", "deb needer 1.0 -> 1.1: needs-held"];
    assert_eq!(held_back(&report), held, "{report:#}");
    case.rlock("check", &["--locked"]).expect(0);
    let report = update(&case, 0, &["--keep", "tool"]);
    let both = ["deb libfoo 1.0 -> 1.1", "deb needer 1.0 -> 1.1"];
    assert_eq!(moves(&report), both, "{report:#}");
    assert_eq!(held_back(&report), [""; 0], "it has what there is");
}

fn release(name: &'static str, version: &'static str) -> python::Release {
    python::Release { name, version, requires: None }
}

#[test]
fn pip_takes_the_newest_that_is_old_enough() {
    let site = Site::start("python.test", Wire::Tls);
    let uploaded = |release: &python::Release| {
        let days = match (release.name, release.version) {
            (_, "1.0") => 100,
            ("greeter", "1.1") => 10,
            _ => 1,
        };
        days_ago(days).to_string()
    };
    let serve = |releases: &[python::Release], modified| {
        let releases: Vec<_> = releases.iter().map(|it| (it.clone(), &[][..])).collect();
        site.serve(python::index_uploaded(&releases, modified, &uploaded));
    };
    serve(&[release("greeter", "1.0"), release("phrases", "1.0")], OLD);
    let install = format!(
        "RUN pip install --no-cache-dir --break-system-packages --index-url {}/simple greeter \
         phrases\n",
        site.url()
    );
    let case = Case::new("clients", &install, &[&site]);
    case.lock();
    let all = [
        release("greeter", "1.0"),
        release("greeter", "1.1"),
        release("greeter", "1.2"),
        release("phrases", "1.0"),
        release("phrases", "1.1"),
    ];
    serve(&all, now() - 3600);
    case.world.write("rlock.toml", "[update]\nmin-age = \"3d\"\n");
    let held = ["pypi greeter 1.0 -> 1.2: too-young", "pypi phrases 1.0 -> 1.1: too-young"];
    let report = look(&case, 1, &["--exit-code"]);
    assert_eq!(outdated(&report), ["pypi greeter 1.0 -> 1.1"], "{report:#}");
    assert_eq!(held_back(&report), held, "{report:#}");
    case.world.write("rlock.toml", "");
    let report = update(&case, 0, &["--min-age", "3d"]);
    assert_eq!(moves(&report), ["pypi greeter 1.0 -> 1.1"], "{report:#}");
    assert_eq!(held_back(&report), held, "{report:#}");
    let report = update(&case, 0, &["--min-age", "3d", "--now", "phrases"]);
    assert_eq!(moves(&report), ["pypi phrases 1.0 -> 1.1"], "{report:#}");
    case.assert_replays_offline(&super::recorded(&case));
}

#[test]
fn a_distribution_past_its_end_is_a_warning() {
    let case = Case::new("debian-bookworm", "RUN echo x > /srv/x\n", &[]);
    case.lock();
    let report = look(&case, 0, &[]);
    assert_eq!(report["lifecycle"][0]["distribution"], "debian 12 (bookworm)", "{report:#}");
    assert_eq!(report["lifecycle"][0]["as_of"], "2026-04-25", "{report:#}");
    let report = case.rlock("check", &["--format", "json"]).expect(0).json();
    assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
    let table = "version,codename,series,created,release,eol\n\
                 12,Bookworm,bookworm,,2023-06-10,2024-01-01\n\
                 13,Trixie,trixie,,2023-08-09,2099-01-01\n";
    case.world.write("tables/debian.csv", table);
    case.world.write("rlock.toml", "[advisories]\nlifecycle = \"tables\"\n");
    let report = case.rlock("check", &["--format", "json"]).expect(0).json();
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["cause"], &finding["severity"]),
        (&"end-of-life".into(), &"warning".into())
    );
    let message = finding["message"].as_str().unwrap();
    let expected = "bookworm is past its end (regular support ended 2024-01-01) [debian.csv ";
    assert!(message.contains(expected), "{message}");
    let report = case.rlock("review", &["Dockerfile.lock", "--format", "json"]).expect(0).json();
    let found = &report["lifecycle"][0];
    assert_eq!(
        (&found["state"], &found["plan"]),
        (&"ended".into(), &"trixie".into()),
        "{report:#}"
    );
    case.world.write("tables/debian.csv", "x\n");
    case.rlock("check", &[]).expect(2).says(&["debian.csv", "line 1", "no column `version`"]);
}
