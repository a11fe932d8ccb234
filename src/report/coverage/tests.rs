//! What passed, and what it means.

use super::*;
use crate::door::{Head, RefusalReason};
use crate::oci::Digest;

fn used(path: &str, origin: Origin) -> Use {
    let url = format!("http://deb.example/{path}");
    let key = Key { method: "GET".into(), url, variant: None, body: None };
    let head = Head { status: 200, ..Head::default() };
    // Two files of one content.
    let text = path.replace("copy-of-", "");
    let content = Content { digest: Digest::of(text.as_bytes()), size: 100 };
    Use { exchange: Exchange { key, head, content }, origin }
}

fn refused(target: &str, reason: RefusalReason) -> Refusal {
    Refusal { target: target.to_owned(), reason }
}

fn location(line: usize) -> Location {
    let instruction = "RUN x".to_owned();
    Location { file: "Dockerfile".into(), start_line: line, end_line: line, instruction }
}

fn step<'a>(step: &'static str, line: usize, traffic: &'a Traffic) -> StepTraffic<'a> {
    StepTraffic { step, location: Some(location(line)), traffic }
}

#[test]
fn what_several_ask_for_counts_once() {
    let first = Traffic {
        uses: vec![
            used("a", Origin::Fetched),
            used("b", Origin::Locked),
            used("copy-of-a", Origin::Locked),
            used("audit", Origin::Rule("npm-audit")),
        ],
        refusals: Vec::new(),
    };
    let second = Traffic {
        uses: vec![used("a", Origin::Frozen), used("audit", Origin::Rule("npm-audit"))],
        refusals: Vec::new(),
    };
    let steps = [step("1", 2, &first), step("2", 3, &second), step("1", 2, &first)];
    let Covered { coverage, findings, status } = cover(&steps, &|_| true);
    assert_eq!((coverage.fetches, coverage.locked, coverage.fetched), (3, 3, 1));
    assert_eq!(coverage.bytes, 200, "two bodies");
    let rules: Vec<(&str, &str)> =
        coverage.rules.iter().map(|used| (&*used.rule, &*used.step)).collect();
    assert_eq!(rules, [("npm-audit", "1"), ("npm-audit", "2")]);
    assert!(findings.is_empty());
    assert_eq!(status, Status::Ok);
    let none = cover(&steps, &|key| key.url.ends_with("/b")).coverage;
    assert_eq!((none.fetches, none.locked), (3, 1));
    assert_eq!(cover(&[], &|_| true).coverage, Coverage::default());
}

/// What each refusal is called, how much it matters, and how the command ends.
#[test]
fn each_refusal_has_its_cause_and_its_end() {
    let (expected, found) = (Digest::of(b"locked"), Digest::of(b"found"));
    let tried = || vec!["http://a.example/x: 404".to_owned(), "http://b.example/x: 410".to_owned()];
    let integrity = RefusalReason::Integrity { expected, found, tried: Vec::new() };
    let (error, warning) = (Severity::Error, Severity::Warning);
    let (ok, open) = (Status::Ok, Status::Undetermined);
    let table = [
        (RefusalReason::NotLocked, "unlocked-fetch", error, ok),
        (RefusalReason::Unavailable(tried()), "unavailable-fetch", error, open),
        (RefusalReason::Unavailable(Vec::new()), "unavailable-fetch", error, open),
        (RefusalReason::Upstream("timed out".into()), "upstream-failure", error, open),
        (integrity, "wrong-content", error, Status::Integrity),
        (RefusalReason::NotHttp, "refused-connection", warning, ok),
        (RefusalReason::Untrusted("bad certificate".into()), "untrusted-authority", warning, ok),
        (RefusalReason::Datagram, "refused-connection", warning, ok),
        (RefusalReason::Unsupported("an upgrade".into()), "refused-connection", warning, ok),
        (RefusalReason::Store("no space left".into()), "store-failure", error, open),
    ];
    let mut texts = Vec::new();
    for (reason, cause, severity, status) in table {
        let traffic =
            Traffic { uses: Vec::new(), refusals: vec![refused("http://x.example/", reason)] };
        let covered = cover(&[step("1", 2, &traffic)], &|_| false);
        let [finding] = &*covered.findings else { panic!("{covered:?}") };
        assert_eq!((finding.cause.id, finding.severity, covered.status), (cause, severity, status));
        assert!(Cause::find(cause).is_some(), "{cause} is in the table");
        assert_eq!(finding.location, Some(location(2)));
        assert_eq!((covered.coverage.fetches, covered.coverage.locked), (1, 0));
        let failure = explain_failure("1", &traffic).unwrap();
        let expected = match status {
            Status::Integrity => Status::Integrity,
            _ => Status::BuildFailed,
        };
        assert_eq!(failure.status, expected);
        texts.push(format!("{}\n  {}", failure.message, failure.hint));
    }
    insta::assert_snapshot!(texts.join("\n"), @r#"
    step 1 asked for `http://x.example/`, which is not in the lock
      `rlock lock` adds what is missing, `rlock update` moves the lock forward
    step 1 asked for `http://x.example/`, which is locked, and nobody has it any more (tried: http://a.example/x: 404, http://b.example/x: 410)
      pull it from a store that has it (`rlock store pull`), or move the lock forward (`rlock update`)
    step 1 asked for `http://x.example/`, which is locked, and nobody has it any more
      pull it from a store that has it (`rlock store pull`), or move the lock forward (`rlock update`)
    step 1 asked for `http://x.example/`, which could not be fetched: timed out
      check the network, the proxy settings and the server, then run it again
    step 1 asked for `http://x.example/`, which has the digest sha256:bcc649cfdb8cc557053da67df7e7fcb740dcf7f721cebe1f2082597ad0d5e7d8 now, and the lock says sha256:14493f5f5470ed48c3f103d917ec52ae9005fa3913128031d0fac2a49ac3cc41
      find out who changed it before you use it; `rlock update` then locks what is there now
    step 1 asked for `http://x.example/`, which is neither HTTP nor TLS, and cannot be recorded
      fetch it by http or https, or bring it with the build context
    step 1 asked for `http://x.example/`, which is behind TLS whose client does not trust the authority of this build: bad certificate
      have the client use the system's certificates, or those of SSL_CERT_FILE
    step 1 asked for `http://x.example/`, which is not reached by TCP, and cannot be recorded
      do without it: only http and https are recorded
    step 1 asked for `http://x.example/`, which cannot be recorded: an upgrade
      fetch it by http or https, or bring it with the build context
    step 1 asked for `http://x.example/`, which could not be stored: no space left
      make room where the Store is and see who may write there, or name another with --store
    "#);
}

#[test]
fn refusals_are_told_by_step_and_cause() {
    let many = (0..20)
        .rev()
        .map(|number| refused(&format!("http://x.example/{number:02}"), RefusalReason::NotLocked));
    let mut first = Traffic { uses: Vec::new(), refusals: many.collect() };
    first.refusals.push(refused("db.example:5432", RefusalReason::NotHttp));
    let second = Traffic {
        uses: Vec::new(),
        refusals: vec![refused("http://x.example/00", RefusalReason::NotLocked)],
    };
    let steps = [step("1", 2, &first), step("2", 3, &second), step("1", 2, &first)];
    let Covered { coverage, findings, status } = cover(&steps, &|_| false);
    assert_eq!((coverage.fetches, coverage.refused.len()), (21, 22));
    assert_eq!(status, Status::Ok, "findings say the rest");
    let messages: Vec<(&str, &str)> =
        findings.iter().map(|finding| (finding.cause.id, &*finding.message)).collect();
    let expected = [
        ("unlocked-fetch", "`http://x.example/00` is not in the lock, and 19 more were refused"),
        ("refused-connection", "`db.example:5432` is neither HTTP nor TLS, and cannot be recorded"),
        ("unlocked-fetch", "`http://x.example/00` is not in the lock"),
    ];
    assert_eq!(messages, expected);
    assert_eq!(Status::of_findings(&findings, Severity::Error), Status::Findings);
    let failure = explain_failure("build/1", &first).unwrap();
    assert_eq!(
        failure.message,
        "step build/1 asked for `http://x.example/00`, which is not in the lock (and 20 more refused)"
    );
}

#[test]
fn what_came_at_the_second_try_was_not_refused() {
    let upstream = || RefusalReason::Upstream("reset".into());
    let traffic = Traffic {
        uses: vec![used("a", Origin::Fetched)],
        refusals: vec![refused("http://deb.example/a", upstream())],
    };
    let covered = cover(&[step("1", 2, &traffic)], &|_| true);
    assert_eq!((covered.coverage.fetches, covered.status), (1, Status::Ok));
    assert!(covered.coverage.refused.is_empty());
    // Another build's luck is not this one's.
    let unlucky = Traffic { uses: Vec::new(), refusals: traffic.refusals.clone() };
    let covered = cover(&[step("1", 2, &traffic), step("1", 2, &unlucky)], &|_| true);
    assert_eq!((covered.coverage.fetches, covered.status), (1, Status::Undetermined));
    assert_eq!(explain_failure("1", &Traffic::default()), None);
}

#[test]
fn the_hosts_network_is_a_finding() {
    let finding = not_hermetic("3", Some(location(7)));
    assert_eq!((finding.cause.id, finding.severity), ("not-hermetic", Severity::Warning));
    assert!(finding.message.starts_with("step 3 shares the host's network"));
}
