//! apt: one index for all packages, and still one package moves.

use super::{look, moves, outdated, recorded, update};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::apt::{Key, Package, SECURITY, STABLE, archive, publish, sources, sources_of};
use crate::upstream::{Site, Tree, Wire};

const INSTALL: &str = "RUN apt-get update && apt-get install -y tool other plugin \
    && rm -rf /var/lib/apt/lists/*\nRUN ! ls -R /etc/apt /var/lib/apt | grep held && cat \
    /usr/share/libfoo /usr/share/tool /usr/share/other /usr/share/plugin > /srv/state\n";

/// A later moment than `NEW`, in seconds since 1970.
const NEWER: i64 = NEW + 1_000_000;

fn package(name: &'static str, version: &'static str, depends: Option<&'static str>) -> Package {
    Package { name, version, depends }
}

/// The first day: nothing to fix.
fn first(key: &Key) -> Tree {
    let mut tree = Tree::at(OLD);
    let packages = [
        package("libfoo", "1.0", None),
        package("tool", "1.0", Some("libfoo (>= 1.0)")),
        package("plugin", "1.0", Some("libfoo (= 1.0)")),
        package("other", "1.0", None),
    ];
    publish(&mut tree, key, STABLE, &packages, None);
    publish(&mut tree, key, SECURITY, &[], None);
    tree
}

/// A fix of `libfoo`, which only a later `plugin` goes with; unrelated new versions of all others,
/// whose old ones are gone.
fn second(key: &Key) -> Tree {
    let mut tree = Tree::at(NEW);
    let packages = [
        package("libfoo", "1.0", None),
        package("tool", "1.1", Some("libfoo (>= 1.0)")),
        package("plugin", "1.0+b1", Some("libfoo (= 1.0+sec1)")),
        package("other", "1.1", None),
    ];
    publish(&mut tree, key, STABLE, &packages, None);
    let fixes = [package("libfoo", "1.0+sec1", None)];
    publish(&mut tree, key, SECURITY, &fixes, None);
    tree
}

fn start(key: &Key) -> Site {
    let site = Site::start("apt.test", Wire::Plain);
    site.serve(first(key));
    site
}

/// Locked on the first day; then the second has come.
fn case<'a>(key: &Key, site: &'a Site, install: &str) -> Case<'a> {
    let dockerfile = sources_of(&site.url(), &[STABLE, SECURITY], key) + install;
    let case = Case::new("debian-bookworm", &dockerfile, &[site]);
    case.lock();
    let report = look(&case, 0, &["--exit-code"]);
    assert_eq!(outdated(&report), [""; 0], "{report:#}");
    site.serve(second(key));
    case
}

/// Versions that the lock has, as `NAME VERSION`.
fn versions(case: &Case<'_>) -> Vec<String> {
    let lock = case.world.read("Dockerfile.lock");
    let blocks = lock.split("\n\n").filter(|block| block.starts_with("[[package]]"));
    let value = |block: &str, key: &str| {
        let start = format!("\n{key} = \"");
        block.split(&start).nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    blocks.map(|block| format!("{} {}", value(block, "name"), value(block, "version"))).collect()
}

/// An archive offers one version: another one is an error that names it.
#[test]
fn a_version_that_the_archive_does_not_offer_is_refused() {
    let key = Key::new();
    let site = start(&key);
    let case = case(&key, &site, INSTALL);
    let refused = case.rlock("update", &["-C", ".", "libfoo=1.0+sec2", "--dry-run"]).expect(2);
    refused.says(&["deb libfoo cannot be moved to 1.0+sec2: an update takes 1.0+sec1", "hint:"]);
    let report = update(&case, 0, &["libfoo=1.0+sec1", "--dry-run"]);
    assert_eq!(moves(&report)[0], "deb libfoo 1.0 -> 1.0+sec1", "{report:#}");
}

#[test]
fn a_security_fix_moves_and_the_others_are_held() {
    let key = Key::new();
    let site = start(&key);
    let case = case(&key, &site, INSTALL);
    let before = case.world.read("Dockerfile.lock");
    let report = look(&case, 1, &["--exit-code"]);
    assert_eq!(
        outdated(&report),
        [
            "deb libfoo 1.0 -> 1.0+sec1 security",
            "deb other 1.0 -> 1.1",
            "deb plugin 1.0 -> 1.0+b1",
            "deb tool 1.0 -> 1.1"
        ]
    );
    assert_eq!(report["summary"]["security"], 1);
    let expected = [
        "deb libfoo 1.0 -> 1.0+sec1".to_owned(),
        "deb plugin 1.0 -> 1.0+b1, because plugin 1.0 needs libfoo (= 1.0), which moves".to_owned(),
    ];
    let planned = update(&case, 0, &["--security", "--dry-run"]);
    assert_eq!((moves(&planned), &planned["outcome"]), (expected.to_vec(), &"planned".into()));
    assert_eq!(case.world.read("Dockerfile.lock"), before);

    let report = update(&case, 0, &["--security"]);
    assert_eq!((moves(&report), &report["outcome"]), (expected.to_vec(), &"written".into()));
    let moved = ["libfoo 1.0+sec1", "other 1.0", "plugin 1.0+b1", "tool 1.0"];
    assert_eq!(versions(&case), moved);
    let lock = case.world.read("Dockerfile.lock");
    assert_eq!(blocks(&lock, "other"), blocks(&before, "other"), "byte for byte");
    assert_eq!(blocks(&lock, "tool"), blocks(&before, "tool"), "byte for byte");
    assert!(lock.contains("http://apt.test.held-"), "{lock}");

    // What is held is still to be had, and said to be held.
    let report = look(&case, 0, &["--offline"]);
    assert_eq!(outdated(&report), ["deb other 1.0 -> 1.1 held", "deb tool 1.0 -> 1.1 held"]);
    let report = update(&case, 0, &["--security"]);
    assert_eq!(report["outcome"], "nothing-to-do", "{report:#}");
    case.rlock("check", &["--locked"]).expect(0);

    // A second update of everything needs no second view any more.
    let held = recorded(&case);
    let report = update(&case, 0, &[]);
    assert_eq!(moves(&report), ["deb other 1.0 -> 1.1", "deb tool 1.0 -> 1.1"]);
    assert!(!case.world.read("Dockerfile.lock").contains(".held-"));
    assert_eq!(update(&case, 0, &[])["outcome"], "nothing-to-do");
    let all = case.world.read("Dockerfile.lock");
    case.world.write("Dockerfile.lock", lock);
    case.assert_replays_offline(&held);
    case.world.write("Dockerfile.lock", all);
    case.verify(&["--offline"], &recorded(&case));
}

/// The block of a package.
fn blocks(lock: &str, name: &str) -> Vec<String> {
    let is_of = |block: &&str| block.contains(&format!("\nname = \"{name}\"\n"));
    lock.split("\n\n").filter(is_of).map(str::to_owned).collect()
}

#[test]
fn what_is_named_moves_alone_and_later_the_next() {
    let key = Key::new();
    let site = start(&key);
    let case = case(&key, &site, INSTALL);
    let report = update(&case, 0, &["other"]);
    assert_eq!(moves(&report), ["deb other 1.0 -> 1.1"]);
    assert_eq!(versions(&case), ["libfoo 1.0", "other 1.1", "plugin 1.0", "tool 1.0"]);
    // Of the archive as it was on the first day and on the second day, on the third.
    let mut tree = Tree::at(NEWER);
    let packages = [
        package("libfoo", "1.0", None),
        package("tool", "1.2", Some("libfoo (>= 1.0)")),
        package("plugin", "1.0+b1", Some("libfoo (= 1.0+sec1)")),
        package("other", "1.2", None),
    ];
    publish(&mut tree, &key, STABLE, &packages, None);
    publish(&mut tree, &key, SECURITY, &[package("libfoo", "1.0+sec1", None)], None);
    site.serve(tree);
    let report = update(&case, 0, &["tool"]);
    assert_eq!(moves(&report), ["deb tool 1.0 -> 1.2"]);
    assert_eq!(versions(&case), ["libfoo 1.0", "other 1.1", "plugin 1.0", "tool 1.2"]);
    case.assert_replays_offline(&recorded(&case));
}

#[test]
fn what_the_dockerfile_pins_stays() {
    let key = Key::new();
    let site = start(&key);
    let install = INSTALL.replace(" other ", " other=1.0 ");
    let case = case(&key, &site, &install);
    let report = update(&case, 0, &["other"]);
    assert_eq!(report["outcome"], "nothing-to-do", "{report:#}");
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.starts_with("other stays at 1.0, which Dockerfile:"), "{note}");
    case.rlock("update", &["-C", ".", "nobody"]).expect(2).says(&["no package `nobody`"]);
}

#[test]
fn what_adds_its_archive_itself_cannot_be_held() {
    let key = Key::new();
    let site = start(&key);
    let sources = sources_of(&site.url(), &[STABLE, SECURITY], &key);
    let (script, _) = sources.rsplit_once("END\n").unwrap();
    let together = format!(
        "{script}apt-get update\napt-get install -y tool other plugin\n\
         rm -rf /tmp/*\nEND\n"
    );
    let case = Case::new("debian-bookworm", &together, &[&site]);
    case.lock();
    let before = case.world.read("Dockerfile.lock");
    site.serve(second(&key));
    case.rlock("update", &["-C", ".", "other"]).expect(2).says(&[
        "cannot be held",
        "/debian/ (stable)",
        "in an instruction before",
    ]);
    assert_eq!(case.world.read("Dockerfile.lock"), before);
    let report = update(&case, 0, &[]);
    assert_eq!(moves(&report).len(), 4, "{report:#}");
}

#[test]
fn what_is_not_reproducible_is_not_written() {
    let key = Key::new();
    let site = start(&key);
    let install = format!("{INSTALL}RUN head -c 8 /dev/urandom > /srv/random\n");
    let dockerfile = sources_of(&site.url(), &[STABLE, SECURITY], &key) + &install;
    let case = Case::new("debian-bookworm", &dockerfile, &[&site]);
    case.rlock("lock", &[]).expect(0);
    let before = case.world.read("Dockerfile.lock");
    site.serve(second(&key));
    let report = update(&case, 1, &["other"]);
    assert_eq!(report["outcome"], "refused", "{report:#}");
    assert_eq!(case.world.read("Dockerfile.lock"), before);
}

#[test]
fn packages_as_they_were_on_a_day() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let kept = Site::start("kept.test", Wire::Plain);
    let at = |version, modified| archive(&key, &[package("other", version, None)], modified, None);
    site.serve(at("1.0", OLD));
    let dockerfile = sources(&site.url(), &key)
        + "RUN apt-get update && apt-get install -y other && rm -rf /var/lib/apt/lists/*\n";
    let case = Case::new("debian-bookworm", &dockerfile, &[&site, &kept]);
    case.lock();
    site.serve(at("1.2", NEWER));
    let arguments = ["-C", ".", "--to", "2026-01-05"];
    case.rlock("update", &arguments).expect(2).says(&["Origin `it`", "[[archive]]"]);
    let mut past = Tree::at(NEW);
    let suite = crate::upstream::apt::Suite { path: "/20260105T235959Z/debian", ..STABLE };
    publish(&mut past, &key, suite, &[package("other", "1.1", None)], None);
    kept.serve(past);
    let url = format!("{}/{{date}}/debian/", kept.url());
    case.world.write("rlock.toml", format!("[[archive]]\norigin = \"it\"\nurl = \"{url}\"\n"));
    let report = update(&case, 0, &["--to", "2026-01-05"]);
    assert_eq!(moves(&report), ["deb other 1.0 -> 1.1"]);
    let lock = case.world.read("Dockerfile.lock");
    assert!(!lock.contains("kept.test"), "{lock}");
    assert!(lock.contains(&format!("{}/debian/pool/main/other_1.1_all.deb", site.url())), "{lock}");
    case.assert_replays_offline(&recorded(&case));
}
