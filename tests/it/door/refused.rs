//! What cannot be recorded is refused, and named; what a Dockerfile says of the network holds.

use super::origin::Origin;
use super::run;
use crate::home::Home;
use serde_json::Value;

/// Each of what was refused: step, line and target.
fn refused(report: &Value) -> Vec<(String, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let refused = report["coverage"]["refused"].as_array().unwrap().iter();
    let refused = refused.map(|it| {
        assert_eq!(it["cause"], "refused-connection", "{it}");
        let line = it["location"]["start_line"].as_u64().unwrap();
        (text(&it["step"]), line, text(&it["target"]))
    });
    refused.collect()
}

#[test]
fn what_is_no_http_is_refused_and_named() {
    let dockerfile = "FROM busybox\n\
         RUN echo hello | nc -w 5 db.test 5432; true\n\
         RUN nc -w 5 git.test 22; sleep 6 | nc -w 5 192.0.2.7 3306; true\n\
         RUN timeout 2 tftp -g -r f -l /f 192.0.2.9 69; true\n";
    for home in Home::each(dockerfile) {
        let ran = run(&home, "check", &[]).expect(0);
        for line in [
            "0 of 4 fetches locked, 4 refused, 0 answered by rule",
            "  line 2  refused-connection  db.test:5432",
            "  line 3  refused-connection  git.test:22",
            "  line 3  refused-connection  192.0.2.7:3306",
            "  line 4  refused-connection  192.0.2.9:69",
            "  warning: refused-connection: `db.test:5432` is neither HTTP nor TLS, and cannot be",
            "  warning: refused-connection: `192.0.2.9:69` is not reached by TCP, and cannot be",
        ] {
            assert!(ran.stdout.contains(line), "no `{line}` in:\n{}", ran.stdout);
        }
        let report = run(&home, "check", &["--format=json", "--frozen"]).expect(0).json();
        let expected = [
            ("1", 2, "db.test:5432"),
            ("2", 3, "192.0.2.7:3306"),
            ("2", 3, "git.test:22"),
            ("3", 4, "192.0.2.9:69"),
        ];
        let expected = expected.map(|(step, line, at)| (step.to_owned(), line, at.to_owned()));
        assert_eq!(refused(&report), expected);
        home.assert_tidy("no process");
    }
}

#[test]
fn a_step_without_network_reaches_nothing() {
    let origin = Origin::of(&[("/a", "a")]);
    let (url, port) = (origin.url("/a"), origin.port);
    for home in Home::each(&format!(
        "FROM busybox\nRUN --network=none ! wget -T 2 {url} && ! wget -T 2 http://127.0.0.1:{port}/a\n"
    )) {
        let report = run(&home, "check", &["--format=json"]).expect(0).json();
        assert_eq!(report["coverage"]["fetches"], 0, "{report}");
        assert_eq!(report["guarantees"][0]["id"], "hermetic-network");
        assert_eq!(report["guarantees"][0]["holds"], true);
        assert!(origin.seen().is_empty());
    }
}

#[test]
fn the_hosts_network_is_open_and_the_report_says_so() {
    let origin = Origin::of(&[("/a", "a")]);
    let port = origin.port;
    for home in Home::each(&format!(
        "FROM busybox\nRUN --network=host wget -O /a http://127.0.0.1:{port}/a\n"
    )) {
        origin.forget();
        let report = run(&home, "check", &["--format=json"]).expect(0).json();
        assert_eq!(origin.targets(), ["/a", "/a"], "once in each build, and nothing is recorded");
        let finding = &report["findings"][0];
        assert_eq!(finding["cause"], "not-hermetic", "{report}");
        assert_eq!(finding["location"]["start_line"], 2, "{report}");
        assert_eq!(report["guarantees"][0]["holds"], false, "{report}");
        let ran = run(&home, "check", &["--locked", "--fail-on=warning"]).expect(1);
        assert!(ran.stdout.contains("warning: not-hermetic: step 1 shares"), "{}", ran.stdout);
    }
}
