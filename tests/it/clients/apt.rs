//! apt, in the versions of two releases of Debian.

use super::{Case, NEW, OLD, now};
use crate::upstream::apt::{Key, Package, archive, sources};
use crate::upstream::{Site, Wire};
use std::time::Duration;

/// How long a signed index holds in the test of one that expires.
const VALID_S: i64 = 30;

const INSTALL: &str =
    "RUN apt-get update && apt-get install -y greeter && rm -rf /var/lib/apt/lists/*\n";

fn packages(version: &'static str) -> [Package; 2] {
    let depends = Some("phrases");
    [
        Package { name: "greeter", version, depends },
        Package { name: "phrases", version, depends: None },
    ]
}

fn replays(base: &'static str, wire: Wire) {
    let key = Key::new();
    let site = Site::start("apt.test", wire);
    site.serve(archive(&key, &packages("1.0"), OLD, None));
    let dockerfile = sources(&site.url(), &key) + INSTALL + "RUN grep -x 1.. /usr/share/greeter\n";
    let case = Case::new(base, &dockerfile, &[&site]);
    case.assert_replays(|| {
        let seen = site.seen();
        assert!(seen.iter().any(|request| request.contains("/by-hash/")), "{seen:#?}");
        // The old files are gone.
        site.serve(archive(&key, &packages("1.1"), NEW, None));
    });
    let lock = case.world.read("Dockerfile.lock");
    for name in ["greeter", "phrases"] {
        let url = format!("{}/debian/pool/main/{name}_1.0_all.deb", site.url());
        assert!(lock.contains(&format!("url = \"{url}\"")), "no {url} in\n{lock}");
    }
    case.rlock("check", &["--frozen"]).expect(0);
}

#[test]
fn apt_of_bookworm() {
    replays("debian-bookworm", Wire::Plain);
}

#[test]
fn apt_of_trixie_over_tls() {
    replays("clients", Wire::Tls);
}

#[test]
fn an_index_that_has_expired_since() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let dockerfile = sources(&site.url(), &key);
    let case = Case::new("debian-bookworm", &dockerfile, &[&site]);
    // From here on it is quick: the base is unpacked.
    case.lock();
    case.world.write("Dockerfile", format!("FROM base\n{dockerfile}{INSTALL}"));
    let end = now() + VALID_S;
    site.serve(archive(&key, &packages("1.0"), now() - 3600, Some(end)));
    let digest = case.lock();
    while now() <= end {
        std::thread::sleep(Duration::from_millis(200));
    }
    // apt itself would not have it any more.
    let strict = format!("{dockerfile}RUN apt-get -o Acquire::Check-Valid-Until=true update\n");
    let fresh = Case::new("debian-bookworm", &strict, &[&site]);
    fresh.rlock("build", &[]).expect(4).says(&["is expired"]);
    case.assert_replays_offline(&digest);
}

/// Of a key that stands in the source apt leaves a copy behind, or not, under a random name.
#[test]
fn a_key_that_stands_in_the_source_leaves_nothing_behind() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    site.serve(archive(&key, &packages("1.0"), OLD, None));
    let lines: Vec<String> = key
        .armored()
        .trim_end()
        .lines()
        .map(|line| format!(" {}", if line.is_empty() { "." } else { line }))
        .collect();
    // Again until it happens: whether it does is a race of two processes, and one that is lost where
    // nothing is fetched after the signature was looked at.
    let dockerfile = format!(
        "RUN <<END\nset -e\nrm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*\n\
         cat > /etc/apt/sources.list.d/it.sources <<'FILE'\nTypes: deb\nURIs: {}/debian\n\
         Suites: stable\nComponents: main\nSigned-By:\n{}\nFILE\nEND\n\
         RUN for i in $(seq 300); do apt-get update -qq; \
         if ls /tmp/apt-key.*.asc 2>/dev/null; then rm -rf /var/lib/apt/lists/*; exit; fi; done; \
         exit 1\n",
        site.url(),
        lines.join("\n")
    );
    let case = Case::new("debian-bookworm", &dockerfile, &[&site]);
    let report = case.rlock("check", &["--format", "json"]).expect(0).json();
    let lock = case.world.read("Dockerfile.lock");
    assert!(lock.contains("rule = \"apt-key-copy\""), "{report:#}\n{lock}");
    let report = case
        .rlock("check", &["--format", "json", "--no-normalize", "apt-key-copy"])
        .expect(1)
        .json();
    let finding = &report["findings"][0];
    assert_eq!(finding["cause"], "leftover", "{report:#}");
}
