//! `update --security` moves no further than a repair takes: of all that an index offers, the lowest
//! version that repairs.

use crate::clients::{Case, NEW, OLD};
use crate::upstream::{Site, Tree, Wire, npm, python};
use serde_json::{Value, json};

/// What the index offers once it has moved on. The lock has `1.2.3`.
const VERSIONS: [&str; 5] = ["1.2.3", "1.2.4", "1.2.5", "1.3.0", "2.0.0"];

/// What it offers when another machine builds from the lock.
const LATER_STILL: [&str; 6] = ["1.2.3", "1.2.4", "1.2.5", "1.3.0", "2.0.0", "2.1.0"];

/// A library, what needs it, and something else, installed by one instruction.
struct Lowest<'a> {
    case: Case<'a>,
    ecosystem: &'static str,
}

/// An id, and what is affected: `library 1.3.0` up to there, `library` all.
type Advisory = (&'static str, &'static str);

impl<'a> Lowest<'a> {
    fn pip(site: &'a Site) -> Self {
        site.serve(of_pip(&VERSIONS[..1], &VERSIONS[..1], "library>=1", &[], OLD));
        let dockerfile = format!(
            "RUN pip install --no-cache-dir --break-system-packages --index-url {}/simple tool other\n",
            site.url()
        );
        Self { case: Case::new("clients", &dockerfile, &[site]), ecosystem: "PyPI" }
    }

    fn npm(site: &'a Site, range: &'static str) -> Self {
        site.serve(of_npm(site, &VERSIONS[..1], &VERSIONS[..1], range, &[], OLD));
        let dockerfile = format!(
            "WORKDIR /srv\nENV npm_config_registry={}\nRUN echo '{{\"private\":true}}' > package.json \
             && npm install tool other && npm cache clean --force\n",
            site.url()
        );
        Self { case: Case::new("clients", &dockerfile, &[site]), ecosystem: "npm" }
    }

    /// Runs a command that knows of these advisories, and of one that was taken back.
    fn knowing(&self, advisories: &[Advisory], command: &str, arguments: &[&str]) -> Value {
        let folder = self.case.world.path("advisories");
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir(&folder).unwrap();
        let mut records: Vec<Value> =
            advisories.iter().map(|(id, affected)| self.record(id, affected)).collect();
        let mut withdrawn = self.record("CVE-2026-9999", "library 2.0.0");
        withdrawn["withdrawn"] = json!("2026-10-02T00:00:00Z");
        records.push(withdrawn);
        for record in records {
            let file = format!("{}.json", record["id"].as_str().unwrap());
            std::fs::write(folder.join(file), record.to_string()).unwrap();
        }
        let folder = folder.display().to_string();
        let all = [&["--advisories", &folder, "--format", "json"], arguments].concat();
        self.case.rlock(command, &all).expect(0).json()
    }

    fn record(&self, id: &str, affected: &str) -> Value {
        let (name, fixed) = affected.split_once(' ').unwrap_or((affected, ""));
        let mut events = vec![json!({ "introduced": "0" })];
        if !fixed.is_empty() {
            events.push(json!({ "fixed": fixed }));
        }
        json!({
            "schema_version": "1.6.0", "id": id, "modified": "2026-10-01T00:00:00Z",
            "affected": [{
                "package": { "ecosystem": self.ecosystem, "name": name },
                "ranges": [{ "type": "ECOSYSTEM", "events": events }],
            }],
        })
    }

    /// What would move, and what is said of it.
    #[track_caller]
    fn planned(&self, advisories: &[Advisory]) -> (Vec<String>, Vec<String>) {
        said(&self.knowing(advisories, "update", &["--security", "-C", ".", "--dry-run"]))
    }

    /// What moves, and then nothing more.
    #[track_caller]
    fn moved(&self, advisories: &[Advisory]) -> (Vec<String>, Vec<String>) {
        let report = self.knowing(advisories, "update", &["--security", "-C", "."]);
        assert_eq!(report["outcome"], "written", "{report:#}");
        let again = self.knowing(advisories, "update", &["--security", "-C", "."]);
        assert_eq!(again["outcome"], "nothing-to-do", "{again:#}");
        said(&report)
    }
}

/// Moves and notes of a report.
fn said(report: &Value) -> (Vec<String>, Vec<String>) {
    let shown = |row: &Value| {
        let [name, from, to] =
            ["name", "from", "to"].map(|key| row[key].as_str().unwrap_or("-").to_owned());
        let reason = row["reason"].as_str().map(|reason| format!(", because {reason}"));
        format!("{name} {from} -> {to}{}", reason.unwrap_or_default())
    };
    let moves = report["moves"].as_array().unwrap().iter().map(shown).collect();
    let notes = report["notes"].as_array().unwrap().iter();
    (moves, notes.map(|note| note.as_str().unwrap().to_owned()).collect())
}

fn of_pip(
    versions: &[&'static str],
    others: &[&'static str],
    need: &'static str,
    yanked: &[(&str, &str)],
    modified: i64,
) -> Tree {
    let release = |name, version, requires| python::Release { name, version, requires };
    let mut all: Vec<python::Release> =
        versions.iter().map(|version| release("library", version, None)).collect();
    all.extend(others.iter().map(|version| release("other", version, None)));
    all.extend(others.iter().map(|version| release("tool", version, Some(need))));
    python::index_without(&all, yanked, modified)
}

/// The versions of the library, of which some are deprecated; the others have all.
fn of_npm(
    site: &Site,
    versions: &[&'static str],
    others: &[&'static str],
    range: &'static str,
    deprecated: &[&str],
    modified: i64,
) -> Tree {
    let release = |name, version, requires| npm::Release { name, version, requires };
    let more = |version: &str| npm::More {
        deprecated: deprecated.contains(&version).then_some("broken"),
        ..npm::More::default()
    };
    let library = versions.iter().map(|version| (release("library", version, None), more(version)));
    let mut all: Vec<_> = library.collect();
    for (name, requires) in [("other", None), ("tool", Some(("library", range)))] {
        let plain =
            |version: &&'static str| (release(name, version, requires), npm::More::default());
        all.extend(others.iter().map(plain));
    }
    npm::registry_with(&site.url(), &all, modified)
}

const REPAIRED: Advisory = ("CVE-2026-0001", "library 1.2.4");
const LATER: Advisory = ("CVE-2026-0002", "library 1.3.0");
const MAJOR: Advisory = ("CVE-2026-0003", "library 2.0.0");
const NEVER: Advisory = ("CVE-2026-0004", "library");

const TO_1_2_4: [&str; 1] = ["library 1.2.3 -> 1.2.4"];

#[test]
fn pip_takes_the_lowest_version_that_repairs() {
    let site = Site::start("python.test", Wire::Tls);
    let mut lowest = Lowest::pip(&site);
    lowest.case.lock();
    site.serve(of_pip(&VERSIONS, &VERSIONS, "library>=1", &[], NEW));
    let report = lowest.knowing(&[REPAIRED], "outdated", &[]);
    let rows = report["packages"].as_array().unwrap();
    let of = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(of("library")["available"], "2.0.0", "{report:#}");
    assert_eq!(of("library")["security_version"], "1.2.4", "{report:#}");
    assert_eq!(of("other")["security_version"], json!(null), "{report:#}");
    let offline = lowest.knowing(&[REPAIRED], "outdated", &["--offline"]);
    assert_eq!(offline["packages"], report["packages"]);

    assert_eq!(lowest.planned(&[REPAIRED]), (TO_1_2_4.map(str::to_owned).to_vec(), vec![]));
    let (moves, notes) = lowest.moved(&[REPAIRED]);
    assert_eq!((moves, notes), (TO_1_2_4.map(str::to_owned).to_vec(), vec![]));

    // Another machine makes the page again of what the index says by now.
    site.serve(of_pip(&LATER_STILL, &VERSIONS[..1], "library>=1", &[], NEW));
    lowest.case.elsewhere();
    lowest.case.rlock("verify", &[]).expect(0);
}

#[test]
fn pip_goes_as_far_as_it_must_and_says_why() {
    let site = Site::start("python.test", Wire::Tls);
    let lowest = Lowest::pip(&site);
    lowest.case.lock();
    let notes_of = |yanked: &[(&str, &str)], need: &'static str, advisories: &[Advisory]| {
        site.serve(of_pip(&VERSIONS, &VERSIONS, need, yanked, NEW));
        let (moves, notes) = lowest.planned(advisories);
        [moves, notes].concat()
    };
    let yanked = &[("library", "1.2.4")];
    assert_eq!(
        notes_of(yanked, "library>=1", &[REPAIRED]),
        ["library 1.2.3 -> 1.2.5", "pypi library moves to 1.2.5: 1.2.4 is withdrawn"]
    );
    assert_eq!(notes_of(&[], "library>=1", &[REPAIRED, LATER]), ["library 1.2.3 -> 1.3.0"]);
    assert_eq!(
        notes_of(&[], "library>=1", &[REPAIRED, MAJOR]),
        [
            "library 1.2.3 -> 2.0.0",
            "pypi library moves to 2.0.0: no 1.x that can be taken repairs CVE-2026-0003"
        ]
    );
    assert_eq!(
        notes_of(&[], "library>=1", &[REPAIRED, NEVER]),
        [
            "library 1.2.3 -> 1.2.4",
            "pypi library 1.2.4 still has CVE-2026-0004: no version in its index repairs it"
        ]
    );
    let unrepaired =
        "pypi library 1.2.3 stays with CVE-2026-0004: no version in its index repairs it";
    assert_eq!(notes_of(&[], "library>=1", &[NEVER]), [unrepaired]);
    let all = VERSIONS[1..].iter().map(|version| ("library", *version)).collect::<Vec<_>>();
    assert_eq!(
        notes_of(&all, "library>=1", &[REPAIRED]),
        [
            "pypi library 1.2.3 stays with CVE-2026-0001: no version in its index repairs it (1.2.4 is \
          withdrawn; 1.2.5 is withdrawn; 1.3.0 is withdrawn)"
        ]
    );
}

/// What moves for its own repair takes the lowest version of what it needs along, too.
#[test]
fn pip_takes_along_no_more_than_is_needed() {
    let site = Site::start("python.test", Wire::Tls);
    let lowest = Lowest::pip(&site);
    lowest.case.lock();
    site.serve(of_pip(&VERSIONS, &VERSIONS, "library>=1.2.5", &[], NEW));
    let (moves, notes) = lowest.moved(&[("CVE-2026-0005", "tool 1.2.4")]);
    let along = "library 1.2.3 -> 1.2.5, because tool 1.2.4 needs library >=1.2.5";
    assert_eq!(moves, [along, "tool 1.2.3 -> 1.2.4"]);
    assert_eq!(notes, [""; 0]);
}

#[test]
fn npm_takes_the_lowest_version_that_repairs() {
    let site = Site::start("npm.test", Wire::Tls);
    let mut lowest = Lowest::npm(&site, ">=1.0.0");
    lowest.case.lock();
    site.serve(of_npm(&site, &VERSIONS, &VERSIONS, ">=1.0.0", &[], NEW));
    let report = lowest.knowing(&[REPAIRED], "outdated", &[]);
    assert_eq!(report["packages"][0]["security_version"], "1.2.4", "{report:#}");
    let (moves, notes) = lowest.moved(&[REPAIRED]);
    assert_eq!((moves, notes), (TO_1_2_4.map(str::to_owned).to_vec(), vec![]));
    site.serve(of_npm(&site, &LATER_STILL, &VERSIONS[..1], ">=1.0.0", &[], NEW));
    lowest.case.elsewhere();
    lowest.case.rlock("verify", &[]).expect(0);
}

#[test]
fn npm_goes_as_far_as_it_must_and_says_why() {
    let site = Site::start("npm.test", Wire::Tls);
    let lowest = Lowest::npm(&site, "^1.0.0");
    lowest.case.lock();
    site.serve(of_npm(&site, &VERSIONS, &VERSIONS, "^1.0.0", &[], NEW));
    let notes_of = |advisories: &[Advisory]| {
        let (moves, notes) = lowest.planned(advisories);
        [moves, notes].concat()
    };
    assert_eq!(notes_of(&[REPAIRED, LATER]), ["library 1.2.3 -> 1.3.0"]);
    // What stays cannot be used with the repair.
    assert_eq!(
        notes_of(&[MAJOR]),
        [
            "npm library 1.2.3 stays with CVE-2026-0003: no version in its index repairs it (tool 1.2.3 \
          needs library ^1.0.0, which 2.0.0 is not)"
        ]
    );
    assert_eq!(
        notes_of(&[REPAIRED, MAJOR]),
        [
            "library 1.2.3 -> 1.2.4",
            "npm library 1.2.4 still has CVE-2026-0003: no version in its index repairs it"
        ]
    );
    // npm itself takes what is deprecated only where it has nothing else.
    site.serve(of_npm(&site, &VERSIONS, &VERSIONS, "^1.0.0", &["1.2.4"], NEW));
    let (moves, notes) = lowest.moved(&[REPAIRED]);
    assert_eq!(moves, ["library 1.2.3 -> 1.2.5"]);
    assert_eq!(notes, ["npm library moves to 1.2.5: 1.2.4 is deprecated"]);
}
