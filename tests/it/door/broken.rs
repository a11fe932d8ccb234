//! Origins that break off, lie or change, clients that die, disks that are full: nothing wrong is
//! ever stored or served, and the next run works.

use super::origin::{AT, Act, Origin, head, nothing, reply};
use super::{LOCK, blocks, has_blob, record_and_replay, run};
use crate::home::{Home, Person, names, root_shell};
use crate::world::{Ran, succeed};
use rlock::oci::Digest;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So much is answered while it still comes in.
const LONG: usize = 300 << 10;

fn body(size: usize) -> Vec<u8> {
    (0..size).map(|at| b'a' + u8::try_from(at % 23).unwrap()).collect()
}

/// A response that ends after some of its body.
fn cut(headers: &[(&str, &str)], body: &[u8], end: usize) -> Vec<Act> {
    let start = [&head(200, headers, body.len())[..], &body[..end]].concat();
    vec![Act::Send(start), Act::Close]
}

#[test]
fn a_body_that_breaks_off_is_resumed_where_the_origin_can() {
    let tag = [("ETag", "\"one\"")];
    let origin = Origin::start(move |seen| {
        let range = seen.headers.get("range").and_then(|range| range.strip_prefix("bytes="));
        match (seen.target.as_str(), seen.before, range) {
            ("/long", 0, _) => cut(&tag, &body(LONG), 200_000),
            ("/long", _, Some(range)) => {
                let start: usize = range.trim_end_matches('-').parse().unwrap();
                assert_eq!(seen.headers.get("if-range").map(String::as_str), Some(tag[0].1));
                let place = format!("bytes {start}-{}/{LONG}", LONG - 1);
                reply(206, &[tag[0], ("Content-Range", &place)], &body(LONG)[start..])
            }
            // A short one is asked for again as a whole.
            ("/short", 0, None) => cut(&[], &body(1000), 500),
            ("/short", _, None) => reply(200, &[], &body(1000)),
            _ => nothing(),
        }
    });
    let (long, short) = (origin.url("/long"), origin.url("/short"));
    for home in Home::each(&format!("FROM busybox\nRUN wget -O /l {long} && wget -O /s {short}\n"))
    {
        origin.forget();
        let lock = record_and_replay(&home);
        for (url, size) in [(&long, LONG), (&short, 1000)] {
            let digest = format!("sha256 = \"{}\"", Digest::of(&body(size)));
            let digest = digest.replace("sha256:", "");
            assert!(blocks(&lock, url)[0].contains(&digest), "no {digest} in:\n{lock}");
        }
        assert_eq!(origin.targets(), ["/long", "/long", "/short", "/short"]);
    }
}

#[test]
fn a_body_that_stays_broken_is_refused_and_leaves_nothing() {
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let origin = Origin::start(move |seen| {
        let is_mended = mended.load(Ordering::SeqCst);
        match seen.target.as_str() {
            _ if is_mended => reply(200, &[], &body(LONG)),
            // Nothing says whether the rest belongs to it.
            "/cut" => cut(&[], &body(LONG), 200_000),
            // It says so, and then it is another one.
            "/changes" => {
                let tag = format!("\"{}\"", seen.before);
                cut(&[("ETag", &tag)], &body(LONG), 200_000)
            }
            _ => nothing(),
        }
    });
    let home = Home::each("").remove(0);
    for path in ["/cut", "/changes"] {
        let url = origin.url(path);
        is_mended.store(false, Ordering::SeqCst);
        home.world.write("Dockerfile", format!("FROM busybox\nRUN wget -O /a {url}\n"));
        let hint = format!("hint: step 1 asked for `{url}`, which could not be fetched");
        run(&home, "lock", &[]).expect(4).says(&[&hint]);
        assert!(!home.world.path("context").join(LOCK).exists());
        assert!(!has_blob(&home, &body(200_000)));
        home.assert_tidy("no process");
        is_mended.store(true, Ordering::SeqCst);
        record_and_replay(&home);
        std::fs::remove_file(home.world.path("context").join(LOCK)).unwrap();
    }
}

#[test]
fn what_follows_a_body_is_no_answer_to_anything() {
    // The first answer is longer than it says, and the rest looks like a second one.
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/first" => {
            let answer = head(200, &[], 5);
            let smuggled = [&head(200, &[], 8)[..], b"smuggled"].concat();
            vec![Act::Send([&answer[..], b"first", &smuggled].concat())]
        }
        "/second" => reply(200, &[], b"second"),
        _ => nothing(),
    });
    let (first, second) = (origin.url("/first"), origin.url("/second"));
    for home in Home::each(&format!(
        "FROM busybox\nRUN wget -O - {first} | grep -x first && wget -O - {second} | grep -x second\n"
    )) {
        record_and_replay(&home);
        assert!(has_blob(&home, b"second") && !has_blob(&home, b"smuggled"));
    }
}

#[test]
fn content_that_changed_is_never_served() {
    let is_changed = Arc::new(AtomicBool::new(false));
    let changed = Arc::clone(&is_changed);
    let content = |is_changed: bool, size: usize| {
        let word: &[u8] = if is_changed { b"changed\n" } else { b"as it was locked\n" };
        word.repeat(size / word.len())
    };
    let origin = Origin::start(move |seen| match seen.target.as_str() {
        "/short" => reply(200, &[], &content(changed.load(Ordering::SeqCst), 100)),
        "/long" => reply(200, &[], &content(changed.load(Ordering::SeqCst), LONG)),
        _ => nothing(),
    });
    for (path, size) in [("/short", 100), ("/long", LONG)] {
        let url = origin.url(path);
        // Whatever the step gets is in what it prints, and it goes on.
        for home in Home::each(&format!("FROM busybox\nRUN wget -O - {url} | tail; true\n")) {
            is_changed.store(false, Ordering::SeqCst);
            record_and_replay(&home);
            let name = Digest::of(&content(false, size)).hex();
            std::fs::remove_file(home.store().join("blobs/sha256").join(name)).unwrap();
            is_changed.store(true, Ordering::SeqCst);
            for command in ["verify", "build", "check"] {
                let ran = run(&home, command, &["--progress=plain"]).expect(3);
                assert!(!ran.stderr.contains("] changed"), "{}", ran.stderr);
            }
            assert!(!has_blob(&home, &content(true, size)));
            home.assert_tidy("no process");
            // Come back, it is accepted again.
            is_changed.store(false, Ordering::SeqCst);
            run(&home, "verify", &[]).expect(0);
        }
    }
}

#[test]
fn what_a_client_no_longer_wants_is_recorded_all_the_same() {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/long" => {
            let body = body(LONG);
            let mut acts = vec![Act::Send(head(200, &[], LONG))];
            for piece in body.chunks(100 << 10) {
                acts.extend([Act::Send(piece.to_vec()), Act::Wait(Duration::from_millis(200))]);
            }
            acts
        }
        _ => nothing(),
    });
    let url = origin.url("/long");
    for home in Home::each(&format!("FROM busybox\nRUN wget -O - {url} | head -c 10 > /a\n")) {
        let lock = record_and_replay(&home);
        assert!(blocks(&lock, &url)[0].contains(&format!("size = {LONG}\n")), "{lock}");
        assert!(has_blob(&home, &body(LONG)));
    }
}

/// Runs `rlock lock` with its Store on a disk of this size; answers also what is left there.
fn on_small_disk(home: &Home, size: usize) -> (Ran, String) {
    let disk = home.world.path("disk");
    std::fs::create_dir_all(&disk).unwrap();
    let owner = if home.is_users() { (Person::get().uid, Person::get().gid) } else { (0, 0) };
    let options = format!("size={size},mode=700,uid={},gid={}", owner.0, owner.1);
    let script = "exec unshare --mount sh -c 'disk=$1; mount -t tmpfs -o \"$2\" none \"$disk\"; \
        cd \"$3\"; shift 3; \"$@\"; code=$?; \
        echo \"left: $(ls \"$disk/store/temporary\" | tr \"\\n\" \" \")\"; exit $code' sh \"$@\"";
    let mut command = root_shell(script);
    command.arg(&disk).arg(options).arg(home.world.path("context")).args(home.words());
    command.args(["lock", AT, "--build-context", &home.context("busybox", "busybox"), "--store"]);
    let ran = Ran::of(&command.arg(disk.join("store")).output().unwrap());
    let left = ran.stdout.lines().find_map(|line| line.strip_prefix("left: ")).unwrap_or_default();
    let left = left.trim().to_owned();
    (ran, left)
}

#[test]
fn a_disk_that_fills_up_while_recording_is_named() {
    const SIZE: usize = 64 << 20;
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/large" => reply(200, &[], &body(SIZE)),
        _ => nothing(),
    });
    let url = origin.url("/large");
    for home in Home::each(&format!("FROM busybox\nRUN wget -O /dev/null {url}\n")) {
        let (ran, left) = on_small_disk(&home, SIZE / 2);
        let fault = format!("hint: step 1 asked for `{url}`, which could not be stored: ");
        let ran = ran.expect(4).says(&[&fault, "No space left on device"]);
        assert_eq!(left, "lock", "{}", ran.stderr);
        assert!(!home.world.path("context").join(LOCK).exists());
        let (ran, _) = on_small_disk(&home, 3 * SIZE);
        ran.expect(0);
    }
}

#[test]
fn a_store_that_takes_no_content_is_named() {
    let origin = Origin::of(&[("/a", "a new content")]);
    let url = origin.url("/a");
    let home = Home::of_user("FROM busybox\nRUN true\n");
    run(&home, "lock", &[]).expect(0);
    let before = names(&home.store().join("blobs/sha256"));
    let blobs = home.store().join("blobs/sha256");
    // Somebody else's, or the user is let in as root of the namespace.
    let own = |owner: &str| succeed(root_shell("chown \"$1\" \"$2\"").arg(owner).arg(&blobs));
    own("root:root");
    home.world.write("Dockerfile", format!("FROM busybox\nRUN wget -O /dev/null {url}\n"));
    let fault = format!("hint: step 1 asked for `{url}`, which could not be stored: ");
    run(&home, "lock", &[]).expect(4).says(&[&fault, "Permission denied"]);
    assert_eq!(names(&blobs), before);
    let Person { uid, gid, .. } = Person::get();
    own(&format!("{uid}:{gid}"));
    record_and_replay(&home);
}
