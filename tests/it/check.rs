//! `rlock check` of Dockerfiles whose builds differ: each difference with its cause, its line and
//! its mend, for people and for programs.

use crate::schema::report;
use crate::world::{Ran, World, project, succeed, tool};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is a host name in one build and another in the other serves as a coin.
const OTHER: &str = "case $(hostname) in rlock*) ";

/// Cause and first line of each finding, with its files.
fn findings(report: &Value) -> BTreeMap<(String, u64), Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let finding = |finding: &Value| {
        let files = finding["files"].as_array().unwrap().iter().map(|file| text(&file["path"]));
        let line = finding["location"]["start_line"].as_u64();
        let line = line.unwrap_or_else(|| panic!("{finding:#}"));
        assert!(!finding["fix"]["text"].as_str().unwrap().is_empty(), "{finding}");
        ((text(&finding["cause"]), line), files.collect())
    };
    let all = report["findings"].as_array().unwrap();
    let by_place: BTreeMap<_, _> = all.iter().map(finding).collect();
    assert_eq!(by_place.len(), all.len(), "one finding a cause and line: {report}");
    by_place
}

#[test]
fn each_difference_has_its_cause_and_its_line() {
    let key = "-----BEGIN PRIVATE KEY-----";
    let lines = [
        ("RUN date > /date", "date-in-content", "/date"),
        ("RUN head -c 16 /dev/urandom | od > /random", "unknown", "/random"),
        ("RUN hostname > /host", "environment", "/host"),
        ("RUN echo \"on $(nproc) processors\" > /count", "environment", "/count"),
        ("RUN printf 'a\\nb\\nc\\n' | OTHER sort ;; *) sort -r ;; esac > /set", "order", "/set"),
        (
            "RUN OTHER touch -d @1000000000 /old ;; *) touch -d @1000000001 /old ;; esac",
            "mtime",
            "/old",
        ),
        ("RUN OTHER umask 077 ;; esac; touch /mode", "metadata", "/mode"),
        ("RUN ln -s /run/$(hostname) /link", "environment", "/link"),
        ("RUN OTHER touch /once ;; esac", "unknown", "/once"),
        ("RUN cat /proc/sys/kernel/random/uuid > /id", "random-id", "/id"),
        ("RUN (echo KEY; head -c 30 /dev/urandom | base64) > /tls.key", "secret", "/tls.key"),
        ("RUN mkdir /var/log; date > /var/log/build.log", "log", "/var/log/build.log"),
        ("RUN echo same > /same", "", ""),
    ];
    let mut dockerfile = "FROM busybox\n".to_owned();
    for (line, _, _) in lines {
        dockerfile += &line.replace("OTHER ", OTHER).replace("KEY", key);
        dockerfile += "\n";
    }
    let world = World::new(&dockerfile);
    let ran = world.on_busybox("check", &["--format", "json"]).expect(1);
    let report = report(&world, &ran);
    assert_eq!((&report["verdict"], &report["status"]), (&"different".into(), &"fail".into()));
    assert_ne!(report["builds"][0]["manifest"], report["builds"][1]["manifest"]);
    let mut found = findings(&report);
    assert_eq!(found.remove(&("shared-secret".to_owned(), 12)).unwrap(), ["/tls.key"]);
    for (index, (line, cause, path)) in lines.into_iter().enumerate() {
        if !cause.is_empty() {
            let files = found.remove(&(cause.to_owned(), index as u64 + 2));
            assert_eq!(files.as_deref(), Some(&[path.to_owned()][..]), "{line}\n{report:#}");
        }
    }
    assert!(found.is_empty(), "{found:?}");
    let of_key = report["findings"].as_array().unwrap().iter();
    let mut of_key = of_key.filter(|finding| finding["cause"] == "secret");
    let message = &of_key.next().unwrap()["message"];
    assert_eq!(message, "`/tls.key` differs: secret", "and no byte of it is printed");

    // What the builds did not agree about is not locked.
    let lock: toml::Table = world.read("Dockerfile.lock").parse().unwrap();
    let with_layer = lock["step"].as_array().unwrap().iter().filter(|s| s.get("layer").is_some());
    let ids: Vec<&str> = with_layer.map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["13"]);
    assert!(lock.get("result").is_none());

    let ran = world.on_busybox("check", &["-v"]).expect(1);
    for text in [
        "not reproducible: two builds of Dockerfile differ in 12 files",
        "Dockerfile:2  RUN date > /date\n  `/date` differs: date-in-content (`",
        "    mend: Have the program use SOURCE_DATE_EPOCH",
        "Dockerfile:4  RUN hostname > /host\n  `/host` differs: environment (`buildkitsandbox` and \
         `rlock-varied`)",
        "`/mode` differs: metadata (mode: `0644` and `0600`)",
        "`/link` differs: environment (target: `/run/buildkitsandbox` and `/run/rlock-varied`)",
        "`/once` is on one side only: unknown",
    ] {
        assert!(ran.stdout.contains(text), "no `{text}` in\n{}", ran.stdout);
    }
    let screen = world.on_busybox("check", &[]).expect(1).stdout;
    assert!(screen.lines().count() <= 40, "{screen}");
    assert!(screen.contains("`rlock explain CAUSE` says more"), "{screen}");
}

#[test]
fn what_is_copied_out_of_a_stage_is_blamed_on_what_made_it() {
    let world = World::new(
        "FROM busybox AS base\nRUN mkdir /out\nFROM base AS made\nRUN echo 1 > /out/1\n\
         RUN hostname > /out/host\nFROM busybox AS both\nRUN date > /1\nRUN hostname > /2\n\
         FROM busybox AS between\nCOPY --from=made /out /out\n\
         FROM between\nCOPY --from=between /out/host /host\nCOPY --from=both /2 /\nRUN hostname > /4\n",
    );
    let ran = world.on_busybox("check", &["--format", "json"]).expect(1);
    let found = findings(&report(&world, &ran));
    let environment = |line: u64| found[&("environment".to_owned(), line)].clone();
    assert_eq!(environment(5), ["/host", "/out/host"]);
    assert_eq!(environment(13), ["/2"], "one of two lines: it stays with the copy");
    assert_eq!(environment(14), ["/4"]);
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn many_files_of_one_cause_are_one_finding() {
    let world = World::new(
        "FROM busybox\nRUN mkdir /many; for i in $(seq 300); do hostname > /many/$i; done\n",
    );
    let ran = world.on_busybox("check", &["--format", "json"]).expect(1);
    let report = report(&world, &ran);
    let found = findings(&report);
    assert_eq!(found.len(), 1, "{report:#}");
    assert_eq!(found[&("environment".to_owned(), 2)].len(), 300);
    assert_eq!(report["summary"]["causes"], serde_json::json!({"environment": 300}));
    let ran = world.on_busybox("check", &[]).expect(1);
    assert!(ran.stdout.contains("300 files differ: environment (`/many/1`: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("mend: Give the value a fixed setting"), "{}", ran.stdout);
    assert!(ran.stdout.lines().count() <= 40, "{}", ran.stdout);
}

#[test]
fn the_verdict_says_whether_it_took_normalisers() {
    let world = World::new("FROM busybox\nRUN echo a > /a\n");
    let ran = world.on_busybox("check", &["--format", "json", "--timings"]).expect(0);
    let as_built = report(&world, &ran);
    assert_eq!(as_built["verdict"], "identical-as-built");
    assert_eq!(as_built["status"], "pass");
    let ran = world.on_busybox("check", &[]).expect(0);
    assert!(
        ran.stdout.starts_with("reproducible: two builds of Dockerfile are identical as built\n")
    );

    world.write("Dockerfile", "FROM busybox\nRUN mkdir /var/log && date > /var/log/dpkg.log\n");
    std::fs::remove_file(world.path("context/Dockerfile.lock")).unwrap();
    let ran = world.on_busybox("check", &["--format", "json"]).expect(0);
    let normalised = report(&world, &ran);
    assert_eq!(normalised["verdict"], "identical-after-normalisers");
    let expected =
        serde_json::json!([{"rule": "dpkg-log", "path": "/var/log/dpkg.log", "differed": true}]);
    assert_eq!(normalised["normalised"], expected);
    let ran = world.on_busybox("check", &[]).expect(0);
    let sentence = "are identical after normalisers (noise in 1 file)";
    assert!(ran.stdout.contains(sentence), "{}", ran.stdout);

    // A file that a rule took away in both, and that was equal, needed no rule.
    world.write("Dockerfile", "FROM busybox\nRUN mkdir /var/log && echo > /var/log/dpkg.log\n");
    world.on_busybox("lock", &[]).expect(0);
    let ran = world.on_busybox("check", &["--format", "json"]).expect(0);
    assert_eq!(report(&world, &ran)["verdict"], "identical-as-built");

    world.write("Dockerfile", "FROM busybox\nRUN mkdir /var/log && date > /var/log/dpkg.log\n");
    world.on_busybox("lock", &[]).expect(0);
    for rule in ["dpkg-log", "all"] {
        let ran =
            world.on_busybox("check", &["--no-normalize", rule, "--format", "json"]).expect(1);
        let raw = report(&world, &ran);
        let paths = &findings(&raw)[&("log".to_owned(), 2)];
        assert_eq!(paths[..], ["/var/log/dpkg.log"]);
        assert_eq!(raw["verdict"], "different");
    }
    world.on_busybox("check", &["--no-normalize", "apt-log"]).expect(0);
    let ran = world.on_busybox("check", &["--no-normalize", "dpkglog"]).expect(2);
    ran.says(&["`dpkglog` is not a rule", "hint: did you mean `dpkg-log`?"]);
}

#[test]
fn times_alone_make_two_images_of_one() {
    let world = World::new(&format!(
        "FROM busybox\nRUN {OTHER}touch -d @1000000000 /old ;; *) touch -d @1000000001 /old ;; esac\n"
    ));
    let ran = world.on_busybox("check", &["--format", "json"]).expect(1);
    let report = report(&world, &ran);
    assert_eq!((&report["verdict"], &report["status"]), (&"different".into(), &"fail".into()));
    assert_eq!(findings(&report).keys().next().unwrap(), &("mtime".to_owned(), 2));
    world.on_busybox("check", &["--exit-zero"]).expect(0);
}

#[test]
fn reports_go_to_files_too() {
    let world = World::new("FROM busybox\nRUN hostname > /h\n");
    let ran = world.on_busybox("check", &["--output", "json=../report.json"]).expect(1);
    assert!(ran.stdout.starts_with("not reproducible: "), "{}", ran.stdout);
    let text = std::fs::read_to_string(world.path("report.json")).unwrap();
    let saved = Ran { code: 1, stdout: text, stderr: String::new() };
    assert_eq!(findings(&report(&world, &saved)).len(), 1);
}

#[test]
fn dockerfiles_of_fixtures_are_not_locked() {
    let mut list = tool("git", "git");
    list.current_dir(project("fixtures")).args(["ls-files", "*Dockerfile.lock", ":!lock"]);
    assert_eq!(succeed(&mut list), "", "a check of a fixture starts from nothing");
}
