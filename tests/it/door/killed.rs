//! Death at any moment, and company: a Store stays right, and the next run works.

use super::origin::{Act, Origin, head, nothing, reply};
use super::{LOCK, run};
use crate::home::Home;
use crate::world::Ran;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often a run is killed, in all.
const KILLS: u64 = 100;

/// The longest that a run is let live; on an idle machine it would be done by then.
const LIFE_MAX_MS: u64 = 700;

/// The next of a sequence that looks random:
/// <https://www.jstatsoft.org/article/view/v008i14>.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// An origin with a short file, one whose pieces come slowly, and a large one. Their contents are
/// new in each round, so that there is always something to store.
fn origin(round: Arc<AtomicU64>) -> Origin {
    Origin::start(move |seen| {
        let round = round.load(Ordering::SeqCst);
        let body = |size: usize| {
            let line = format!("{} {round}\n", seen.target);
            line.repeat(size / line.len()).into_bytes()
        };
        match seen.target.as_str() {
            "/short" => reply(200, &[], &body(1000)),
            "/slow" => {
                let body = body(100 << 10);
                let mut acts = vec![Act::Send(head(200, &[], body.len()))];
                for piece in body.chunks(16 << 10) {
                    acts.push(Act::Wait(Duration::from_millis(20)));
                    acts.push(Act::Send(piece.to_vec()));
                }
                acts
            }
            "/large" => reply(200, &[], &body(8 << 20)),
            _ => nothing(),
        }
    })
}

/// Starts a command, kills it after a while, and says whether it was still running.
fn kill(home: &Home, command: &str, life: Duration) -> bool {
    let context = home.context("busybox", "busybox");
    let mut child = home
        .command(&[command, super::origin::AT, "--jobs=2", "--build-context", &context])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(life);
    let is_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    is_running
}

/// Kills runs in one home; answers how many were still running.
fn kill_often(home: &Home, round: &AtomicU64, times: u64, mut seed: u64) -> u64 {
    let lock = home.world.path("context").join(LOCK);
    let mut killed = 0;
    for time in 0..times {
        round.fetch_add(1, Ordering::SeqCst);
        // Recording, checking, or building from a lock that the last round left.
        let command = ["lock", "check", "build"][usize::try_from(time % 3).unwrap()];
        if command != "build" {
            std::fs::remove_file(&lock).unwrap();
        }
        let life = Duration::from_millis(next(&mut seed) % LIFE_MAX_MS);
        let was_running = kill(home, command, life);
        killed += u64::from(was_running);
        let place = format!("{command} killed after {life:?}, time {time}");
        home.assert_quiet("/slow");
        // A lock that is there is whole and has all that it needs; one that is not can be made.
        let is_there = lock.exists();
        let (next, options) =
            if is_there { ("verify", &["--offline"][..]) } else { ("lock", &[][..]) };
        let ran = run(home, next, options);
        assert_eq!(ran.code, 0, "{place}, then {next}:\n{}", ran.stderr);
        home.assert_tidy("/slow");
    }
    killed
}

#[test]
fn a_run_that_is_killed_while_it_records_leaves_a_store_that_is_right() {
    let given = std::env::var("RLOCK_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed: u64 = given.unwrap_or_else(|| RandomState::new().build_hasher().finish()) | 1;
    println!("RLOCK_TEST_SEED={seed}");
    let round = Arc::<AtomicU64>::default();
    let origin = origin(Arc::clone(&round));
    let [short, slow, large] = ["/short", "/slow", "/large"].map(|path| origin.url(path));
    let homes = Home::each(&format!(
        "FROM busybox AS one\nRUN wget -O /a {short} && wget -O /b {slow}\n\
         FROM busybox\nRUN wget -O /c {large}\nCOPY --from=one /a /b /\n"
    ));
    let times = KILLS / homes.len() as u64;
    let killed: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = homes
            .iter()
            .map(|home| {
                let round = &round;
                scope.spawn(move || {
                    run(home, "lock", &[]).expect(0);
                    kill_often(home, round, times, seed)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("killed while running: {killed} of {KILLS}");
    assert!(killed >= KILLS / 2, "only {killed} were still running");
}

#[test]
fn two_checks_at_once_share_a_store_and_what_they_fetch() {
    let round = Arc::<AtomicU64>::default();
    let origin = origin(round);
    let [slow, large] = ["/slow", "/large"].map(|path| origin.url(path));
    let dockerfile = format!("FROM busybox\nRUN wget -O /a {slow}\nRUN wget -O /b {large}\n");
    for home in Home::each(&dockerfile) {
        home.world.write("other/Dockerfile", &dockerfile);
        home.give();
        let context = home.context("busybox", "busybox");
        let start = |directory: &str| {
            let options =
                ["check", super::origin::AT, "--format=json", "--build-context", &context];
            let mut command = home.command(&[&options[..], &[directory]].concat());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let reports = [start("."), start("other")]
            .map(|child| Ran::of(&child.wait_with_output().unwrap()).expect(0).json());
        assert_eq!(reports[0]["builds"][0]["manifest"], reports[1]["builds"][0]["manifest"]);
        assert_eq!(home.world.read(LOCK), home.world.read("other/Dockerfile.lock"));
        for report in &reports {
            assert_eq!(report["coverage"]["locked"], 2, "{report}");
        }
        home.assert_tidy("no process");
        for directory in [".", "other"] {
            run(&home, "check", &["--frozen", directory]).expect(0);
        }
    }
}
