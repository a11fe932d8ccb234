//! What origins answer beside content: which of it is a fact, and which is bad luck.

use super::origin::{Act, Origin, nothing, reply};
use super::{LOCK, blocks, record_and_replay, run};
use crate::home::Home;
use std::time::Duration;

#[test]
fn what_is_not_there_and_what_has_moved_are_facts() {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/gone" => reply(410, &[], b"gone\n"),
        "/moved" => reply(301, &[("Location", "/there")], b"see there, at 10:15:03\n"),
        "/there" => reply(200, &[], b"there"),
        "/latest" => {
            let place = "/store/7?X-Amz-Expires=300&X-Amz-Signature=5ecre7c0ffee5ecre7c0ffee";
            reply(302, &[("Location", place)], b"")
        }
        signed if signed.starts_with("/store/7?") => reply(200, &[], b"seven"),
        _ => nothing(),
    });
    let url = |path: &str| origin.url(path);
    let dockerfile = format!(
        "FROM busybox\n\
         RUN ! wget {none} 2> /none; ! wget {gone} 2> /gone; grep -q 404 /none; grep 410 /gone\n\
         RUN wget -O /there {moved} && wget -O /seven {latest} && grep seven /seven\n",
        none = url("/none"),
        gone = url("/gone"),
        moved = url("/moved"),
        latest = url("/latest"),
    );
    for home in Home::each(&dockerfile) {
        origin.forget();
        let lock = record_and_replay(&home);
        assert_eq!(origin.seen().len(), 6, "{:?}", origin.targets());
        for (path, line) in [
            ("/none", "status = 404"),
            ("/gone", "status = 410"),
            ("/moved", "status = 301"),
            ("/moved", "location = \"/there\""),
            ("/moved", "size = 0"),
            ("/there", "size = 5"),
            // What it was redirected to works for some minutes only: the content is what counts.
            ("/latest", "size = 5"),
        ] {
            let blocks = blocks(&lock, &url(path));
            assert_eq!(blocks.len(), 1, "{path}:\n{lock}");
            assert!(blocks[0].lines().any(|it| it == line), "{path}: no `{line}` in:\n{lock}");
        }
        assert!(!lock.contains("/store/7") && !lock.contains("5ecre7"), "{lock}");
    }
}

#[test]
fn bad_luck_is_tried_again_and_never_recorded() {
    let origin = Origin::start(|seen| match (seen.target.as_str(), seen.before % 3) {
        ("/busy", 0) => reply(503, &[("Retry-After", "1")], b"busy\n"),
        ("/busy", 1) => reply(429, &[], b"slow down\n"),
        ("/busy", _) => reply(200, &[], b"done"),
        ("/closed", 0) => vec![Act::Close],
        ("/closed", _) => reply(200, &[], b"open"),
        ("/wrong", _) => reply(500, &[], b"wrong\n"),
        _ => nothing(),
    });
    let (busy, closed, wrong) = (origin.url("/busy"), origin.url("/closed"), origin.url("/wrong"));
    let good = format!("FROM busybox\nRUN wget -O /a {busy} && wget -O /b {closed}\n");
    for home in Home::each(&good) {
        origin.forget();
        let lock = record_and_replay(&home);
        assert_eq!(origin.targets(), ["/busy", "/busy", "/busy", "/closed", "/closed"]);
        assert!(!lock.contains("status ="), "{lock}");
    }

    let bad = format!("FROM busybox\nRUN wget -O /a {wrong}\n");
    let tolerant = format!("FROM busybox\nRUN wget -O /a {wrong} || true\n");
    let home = Home::each(&bad).remove(0);
    let fault = format!("step 1 asked for `{wrong}`, which could not be fetched: 500");
    run(&home, "lock", &[]).expect(4).says(&["at line 2 failed", &fault]);
    assert_eq!(origin.seen().iter().filter(|seen| seen.target == "/wrong").count(), 5);
    assert!(!home.world.path("context").join(LOCK).exists());
    // A step that goes on without it: nobody knows what it would have done with it.
    home.world.write("Dockerfile", tolerant);
    let report = run(&home, "lock", &["--format=json"]).expect(5).json();
    assert_eq!(report["findings"][0]["cause"], "upstream-failure", "{report}");
    assert_eq!(report["coverage"]["refused"][0]["target"], wrong.as_str(), "{report}");
    assert!(!home.world.read(LOCK).contains("[[fetch]]"), "{}", home.world.read(LOCK));
    home.assert_tidy("no process");
}

#[test]
fn a_long_download_does_not_bring_both_builds_abreast() {
    // Both builds wait for it, and look at the clock when it is there.
    let origin = Origin::start(|_| {
        let mut acts = vec![Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl".to_vec())];
        acts.extend([Act::Wait(Duration::from_secs(6)), Act::Send(b"ow".to_vec())]);
        acts
    });
    let dockerfile = format!(
        "FROM busybox\nRUN wget -O /slow {url} && date +%s > /built-at\n",
        url = origin.url("/slow")
    );
    for home in Home::each(&dockerfile) {
        origin.forget();
        let ran = run(&home, "check", &["--jobs", "2"]).expect(1);
        assert_eq!(origin.targets(), ["/slow"]);
        assert!(ran.stdout.contains("date-in-content"), "{}", ran.stdout);
    }
}
