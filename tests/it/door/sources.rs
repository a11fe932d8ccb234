//! Where locked content comes from when the Store does not have it, and that nobody is trusted.

use super::origin::Origin;
use super::run;
use super::{has_blob, record_and_replay};
use crate::home::Home;
use rlock::oci::Digest;
use std::time::{Duration, Instant};

const CONTENT: &str = "what was locked\n";
const OTHER: &str = "what came later\n";

/// As a fresh machine that has the base image already.
fn forget_content(home: &Home) {
    let name = Digest::of(CONTENT.as_bytes()).hex();
    std::fs::remove_file(home.store().join("blobs/sha256").join(name)).unwrap();
}

fn dockerfile(url: &str) -> String {
    // Whatever is served instead is printed, and would be seen.
    format!("FROM busybox\nRUN wget -O - {url}\nRUN wget -O /a {url}\n")
}

#[test]
fn a_mirror_stands_in_and_a_wrong_one_is_not_believed() {
    for wrong in [false, true] {
        let mut origin = Origin::of(&[("/a", CONTENT)]);
        let mirror = Origin::of(if wrong { &[("/m/a", OTHER)] } else { &[("/m/a", CONTENT)] });
        let homes = Home::each(&dockerfile(&origin.url("/a")));
        let homes = if wrong { &homes[..1] } else { &homes[..] };
        for home in homes {
            record_and_replay(home);
        }
        let of = origin.url("/");
        origin.stop();
        for home in homes {
            forget_content(home);
            let ran = run(home, "verify", &[]).expect(4);
            ran.says(&["which is locked, and nobody has it any more (tried: ", &of]);
            let url = format!("http://127.0.0.1:{}/m/", mirror.port);
            let settings = format!("[[mirror]]\nof = \"{of}\"\nurl = \"{url}\"\n");
            home.world.write("rlock.toml", settings);
            home.give();
            let start = Instant::now();
            let ran = run(home, "verify", &["--progress=plain"]).expect(if wrong { 3 } else { 0 });
            // A mirror is asked before who does not answer is asked again and again.
            assert!(wrong || start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
            if wrong {
                assert!(!format!("{ran:?}").contains(OTHER.trim()), "{ran:?}");
            } else {
                run(home, "check", &["--frozen"]).expect(0);
            }
            assert_eq!(has_blob(home, CONTENT.as_bytes()), !wrong);
            assert!(!has_blob(home, OTHER.as_bytes()));
            home.assert_tidy("no process");
        }
    }
}
