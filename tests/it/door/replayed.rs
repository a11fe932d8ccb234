//! What is recorded is replayed, and nothing else is.

use super::origin::{Act, Origin, nothing, reply};
use super::{LOCK, blocks, run};
use crate::home::Home;
use crate::world::Ran;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The digest that a report, or the line of `rlock build`, has.
#[track_caller]
fn manifest(ran: &Ran) -> String {
    if let Some(line) = ran.stdout.lines().find_map(|line| line.strip_prefix("built ")) {
        return line.to_owned();
    }
    let report = ran.json();
    let build = report.get("build").unwrap_or_else(|| &report["builds"][0]);
    build["manifest"].as_str().unwrap().to_owned()
}

/// Digests with everything from the Store, with nobody there to be asked.
#[track_caller]
fn replayed(home: &Home) -> BTreeSet<String> {
    let runs: [(&str, &[&str]); 3] = [
        ("verify", &["--offline", "--format=json"]),
        ("build", &["--offline"]),
        ("check", &["--frozen", "--format=json"]),
    ];
    runs.iter().map(|(command, options)| manifest(&run(home, command, options).expect(0))).collect()
}

#[test]
fn builds_and_stages_share_one_fetch_and_replay_it_without_network() {
    let mut origin = Origin::start(|seen| match seen.target.as_str() {
        // Slow, so that both stages ask while it is under way.
        "/same" => {
            let mut acts = vec![Act::Wait(Duration::from_millis(400))];
            acts.extend(reply(200, &[("Last-Modified", "Sat, 01 Aug 2026 10:00:00 GMT")], b"same"));
            acts
        }
        "/only" => reply(200, &[], &vec![b'o'; 300 << 10]),
        _ => nothing(),
    });
    let (same, only) = (origin.url("/same"), origin.url("/only"));
    let dockerfile = format!(
        "FROM busybox AS one\nRUN wget -O /a {same}\n\
         FROM busybox AS two\nRUN wget -O /b {same}\n\
         FROM busybox\nCOPY --from=one /a /\nCOPY --from=two /b /\nRUN wget -O /c {only}\n"
    );
    let homes = Home::each(&dockerfile);
    let mut locks = BTreeSet::new();
    for home in &homes {
        run(home, "lock", &["--jobs=2"]).expect(0);
        assert_eq!(origin.targets(), ["/only", "/same"]);
        let lock = home.world.read(LOCK);
        // Each step says what it used.
        assert_eq!((blocks(&lock, &same).len(), blocks(&lock, &only).len()), (2, 1), "{lock}");
        // Both builds of a check, which finds the same moment.
        std::fs::remove_file(home.world.path("context").join(LOCK)).unwrap();
        origin.forget();
        let report = run(home, "check", &["--jobs=2", "--format=json"]).expect(0).json();
        assert_eq!(origin.targets(), ["/only", "/same"]);
        assert_eq!(report["coverage"]["fetches"], 2, "{report}");
        assert_eq!(report["coverage"]["locked"], 2, "{report}");
        assert_eq!(home.world.read(LOCK), lock);
        locks.insert(lock);
        origin.forget();
    }
    assert_eq!(locks.len(), 1, "root and user record the same");
    origin.stop();
    let digests: BTreeSet<_> = homes.iter().flat_map(replayed).collect();
    assert_eq!(digests.len(), 1, "{digests:?}");
    let locked = locks.first().unwrap().clone();
    assert!(locked.contains(digests.first().unwrap().as_str()), "{locked}");
    for home in &homes {
        home.assert_tidy("no process");
    }
}

/// The lines of `old` are all in `new`, in their order, save the result.
#[track_caller]
fn assert_only_added(old: &str, new: &str) {
    let mut lines = new.lines();
    for line in old.lines().filter(|line| !line.starts_with("image = ")) {
        assert!(lines.any(|other| other == line), "`{line}` is gone from:\n{new}");
    }
    assert!(new.lines().count() > old.lines().count(), "nothing was added");
}

#[test]
fn a_locked_build_that_asks_for_more_is_told_so_and_the_lock_grows() {
    let origin = Origin::of(&[("/a", "a"), ("/b", "b"), ("/c", "c")]);
    let (a, b, c) = (origin.url("/a"), origin.url("/b"), origin.url("/c"));
    let dockerfile = "FROM busybox\nCOPY fetch /\nRUN sh /fetch\n";
    for home in Home::each(dockerfile) {
        home.world.write("fetch", format!("set -e\nwget -O /a {a}\n"));
        home.give();
        run(&home, "lock", &[]).expect(0);
        let first = home.world.read(LOCK);

        home.world.write("fetch", format!("set -e\nwget -O /a {a}\nwget -O /b {b}\n"));
        origin.forget();
        for (command, options) in
            [("verify", &[][..]), ("build", &[]), ("check", &[]), ("check", &["--locked"])]
        {
            let hint =
                format!("hint: step 2 asked for `{b}`, which is not in the lock: `rlock lock`");
            let error = "error: `RUN sh /fetch` at line 3 failed with exit code 1";
            run(&home, command, options).expect(4).says(&[error, &hint]);
        }
        assert!(origin.seen().is_empty(), "{:?}", origin.seen());
        assert_eq!(home.world.read(LOCK), first);

        run(&home, "lock", &[]).expect(0);
        assert_eq!(origin.targets(), ["/b"]);
        let second = home.world.read(LOCK);
        assert_only_added(&first, &second);
        run(&home, "verify", &["--offline"]).expect(0);

        // A step that goes on without what it was refused is no proof of anything.
        home.world.write("fetch", format!("wget -O /a {a}\nwget -O /c {c}\ntrue\n"));
        let report = run(&home, "verify", &["--format=json"]).expect(1).json();
        assert_eq!(report["findings"][0]["cause"], "unlocked-fetch", "{report}");
        home.world.write("fetch", format!("set -e\nwget -O /a {a}\nwget -O /b {b}\n"));

        home.world.write("Dockerfile", format!("{dockerfile}RUN wget -O /c {c}\n"));
        run(&home, "build", &[]).expect(1).says(&["does not fit"]);
        origin.forget();
        run(&home, "lock", &[]).expect(0);
        assert_eq!(origin.targets(), ["/c"]);
        let third = home.world.read(LOCK);
        assert_only_added(&second, &third);
        assert_eq!(blocks(&third, &c).len(), 1);
        run(&home, "check", &["--frozen"]).expect(0);
        home.assert_tidy("no process");
    }
}

#[test]
fn the_report_says_how_much_is_locked() {
    let origin = Origin::of(&[("/a", "abc"), ("/b", "bc")]);
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    let home = Home::each(&format!(
        "FROM busybox\nRUN wget -O /a {a} && wget -O /b {b} && wget -O /again {a}\n\
         RUN wget -O /n http://nmcheck.gnome.org/check_network_status.txt; cat /n\n"
    ));
    let home = home.first().unwrap();
    let line = "2 of 2 fetches locked, 0 refused, 1 answered by rule";
    for (command, options) in
        [("lock", &[][..]), ("verify", &["--offline"]), ("check", &["--frozen"])]
    {
        let ran = run(home, command, options).expect(0);
        assert!(ran.stdout.lines().any(|it| it.trim() == line), "{}", ran.stdout);
        let file = format!("json={}", home.world.path("report.json").display());
        // A lock that fits is not built again, and then there is nothing to count.
        if command == "lock" {
            std::fs::remove_file(home.world.path("context").join(LOCK)).unwrap();
        }
        run(home, command, &[options, &["--output", &file]].concat()).expect(0);
        let report = std::fs::read(home.world.path("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        let coverage = &report["coverage"];
        let fetched = if command == "lock" { 2 } else { 0 };
        for (field, number) in [("fetches", 2), ("locked", 2), ("fetched", fetched), ("bytes", 5)] {
            assert_eq!(coverage[field], number, "{command} {field}: {coverage}");
        }
        assert_eq!(coverage["refused"].as_array().unwrap().len(), 0, "{coverage}");
        assert_eq!(coverage["rules"][0]["rule"], "connectivity-check", "{coverage}");
        assert_eq!(coverage["rules"][0]["step"], "2", "{coverage}");
    }
    assert_eq!(origin.targets(), ["/a", "/a", "/b", "/b"]);
}

/// What a cache mount keeps would hide what a step really needs.
#[test]
fn cache_mounts_are_empty_at_the_start_of_each_build() {
    let cached = "RUN --mount=type=cache,target=/cache";
    for home in Home::each(&format!(
        "FROM busybox\n{cached} ls -A /cache > /seen; test ! -s /seen; echo x > /cache/x\n\
         {cached} test ! -s /seen\n"
    )) {
        for command in ["build", "build", "lock", "check", "verify"] {
            run(&home, command, &[]).expect(0);
        }
    }
}

#[test]
fn add_of_a_url_is_recorded_and_replayed() {
    let mut origin = Origin::start(|seen| match seen.target.as_str() {
        "/moved" => reply(302, &[("Location", "/file")], b""),
        "/file" => reply(200, &[("Last-Modified", "Sat, 01 Aug 2026 10:00:00 GMT")], b"content\n"),
        _ => nothing(),
    });
    let (file, moved) = (origin.url("/file"), origin.url("/moved"));
    let digest = rlock::oci::Digest::of(b"content\n");
    let homes = Home::each(&format!(
        "FROM busybox\nADD {moved} /a\nADD --checksum={digest} {file} /b\n\
         RUN echo content | cmp - /a && cmp /a /b\n"
    ));
    for home in &homes {
        run(home, "lock", &[]).expect(0);
        let lock = home.world.read(LOCK);
        // What it was redirected to is the second step's, too.
        assert_eq!((blocks(&lock, &moved).len(), blocks(&lock, &file).len()), (1, 2), "{lock}");
    }
    assert_eq!(origin.targets(), ["/file", "/file", "/moved", "/moved"]);
    // One that is not what the Dockerfile says it is.
    let other = rlock::oci::Digest::of(b"other");
    for home in Home::each(&format!("FROM busybox\nADD --checksum={other} {file} /b\n")) {
        run(&home, "lock", &[]).expect(3).says(&[&file, &other.to_string(), &digest.to_string()]);
        assert!(!home.world.path("context").join(LOCK).exists());
        home.assert_tidy("no process");
    }
    origin.stop();
    let digests: BTreeSet<_> = homes.iter().flat_map(replayed).collect();
    assert_eq!(digests.len(), 1, "{digests:?}");
    for home in Home::each(&format!("FROM busybox\nADD {file} /a\n")) {
        let ran = run(&home, "lock", &[]);
        assert!(matches!(ran.code, 4 | 5), "{ran:?}");
        ran.says(&[&file]);
    }
}
