//! Secrets: what authenticates a request is in nothing that rlock writes.

use super::origin::{Origin, nothing, reply};
use super::run;
use crate::home::Home;
use rlock::store::read_dir_sorted;
use std::path::Path;

/// Given with `--secret`.
const GIVEN: &str = "g1ven-5ecret-0123456789";

/// That only the step knows; it is in the Dockerfile back to front.
const OWN: &str = "0wn-5ecret-9876543210";

/// Files below a directory that have one of these texts in them, or in their name or target.
fn with(path: &Path, texts: &[&str], found: &mut Vec<String>) {
    for entry in read_dir_sorted(path).unwrap() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        let content = if kind.is_dir() {
            with(&path, texts, found);
            Vec::new()
        } else if kind.is_symlink() {
            std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if kind.is_file() {
            std::fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let name = entry.file_name().into_encoded_bytes();
        for text in texts {
            let is_in = |bytes: &[u8]| bytes.windows(text.len()).any(|it| it == text.as_bytes());
            if is_in(&content) || is_in(&name) {
                found.push(format!("{text} in {}", path.display()));
            }
        }
    }
}

#[test]
fn no_secret_is_in_anything_that_is_written() {
    let origin = Origin::start(|seen| {
        let path = seen.target.split('?').next().unwrap_or_default();
        match path {
            "/moved" => {
                let place = seen.target.replace("/moved", "/landed");
                reply(302, &[("Location", &place)], b"")
            }
            "/cookie" => reply(200, &[("Set-Cookie", &format!("s={OWN}"))], b"cookie"),
            "/missing" => nothing(),
            // A long one takes another way than a short one.
            "/long" => reply(200, &[("X-Token", OWN)], &vec![b'l'; 200 << 10]),
            _ => reply(200, &[], b"content"),
        }
    });
    let (at, port) = (origin.url(""), origin.port);
    let back: String = OWN.chars().rev().collect();
    let dockerfile = format!(
        "FROM busybox\n\
         RUN --mount=type=secret,id=t S=$(cat /run/secrets/t); \
         wget -O /1 --header \"Authorization: Bearer $S\" {at}/header && \
         wget -O /2 \"{at}/path/$S/file\" && wget -O /3 \"{at}/long?x=$S\"\n\
         RUN S=$(echo {back} | rev); \
         wget -O /4 --header \"Authorization: Bearer $S\" {at}/own-header && \
         wget -O /5 --header \"Cookie: session=$S\" {at}/cookie && \
         wget -O /6 \"http://someone:$S@files.test:{port}/userinfo\" && \
         wget -O /7 \"{at}/query?access_token=$S&page=2\" && \
         wget -O /8 \"{at}/moved?access_token=$S\" && \
         wget -O /9 --header \"X-Api-Key: $S\" {at}/long; \
         wget -O /10 \"{at}/missing?token=$S\"; true\n"
    );
    for home in Home::each(&dockerfile) {
        std::fs::write(home.world.path("secret"), GIVEN).unwrap();
        std::fs::write(home.world.path("report.json"), "").unwrap();
        home.give();
        origin.forget();
        let secret = format!("--secret=id=t,src={}", home.world.path("secret").display());
        let file = format!("json={}", home.world.path("report.json").display());
        let options = ["--progress=plain", "-vv", &secret, "--output", &file];
        let mut said = String::new();
        for command in ["check", "verify"] {
            let ran = run(&home, command, &options).expect(0);
            said.extend([ran.stdout, ran.stderr]);
        }
        // A failure shows the URL, too.
        home.world.write(
            "fails",
            format!(
                "FROM busybox\nRUN --mount=type=secret,id=t S=$(cat /run/secrets/t); \
             nc files.test 5; wget \"{at}/missing?token=$S\"\n"
            ),
        );
        home.give();
        let ran = run(&home, "lock", &[&options[..], &["--file=fails"]].concat()).expect(4);
        said.extend([ran.stdout, ran.stderr]);
        std::fs::remove_file(home.world.path("secret")).unwrap();

        let shown = format!("{:?}", origin.seen());
        for secret in [GIVEN, OWN] {
            assert!(shown.contains(secret), "the origin got {secret}: {shown}");
            assert!(!said.contains(secret), "{secret} in:\n{said}");
        }
        let mut found = Vec::new();
        with(&home.world.path("."), &[GIVEN, OWN], &mut found);
        assert_eq!(found, Vec::<String>::new());
        // Another secret, or none, is none of the lock's business.
        std::fs::write(home.world.path("secret"), "an0ther-5ecret-012345").unwrap();
        home.give();
        run(&home, "verify", &["--offline", &secret]).expect(0);
    }
}
