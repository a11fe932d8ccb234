//! `rlock store`: content that is verified, collected, and asked after.

use super::project::{Project, STEP, Web, at, noise, three_bodies};
use crate::home::Home;
use crate::schema;
use crate::server::{Access, Server, Wire};
use crate::world::{Ran, World, base};
use rlock::oci::Digest;
use rlock::store::read_dir_sorted;
use std::path::Path;
use std::time::Duration;

#[test]
fn damaged_and_missing_blobs_are_named() {
    let server = Server::start(Access::Open, Wire::Plain);
    let project = Project::new(&server, &three_bodies());
    let remote = at(&server, "team/locks");
    project.rlock(&["store", "push", &remote]).expect(0);
    let ran = project.rlock(&["store", "verify"]).expect(0);
    assert!(ran.stdout.starts_with("sound: "), "{}", ran.stdout);
    project.rlock(&["store", "verify", "--lock", "Dockerfile.lock"]).expect(0);

    let bad = Digest::of(&project.bodies[0]);
    let path = project.world.path("cache/rlock/blobs/sha256").join(bad.hex());
    std::fs::write(&path, noise(5, 700_000)).unwrap();
    let ran = project.rlock(&["store", "verify"]).expect(3);
    assert!(ran.stdout.contains(&bad.hex()), "{}", ran.stdout);
    assert!(path.exists(), "nobody asked for its removal");
    // It goes nowhere, either.
    let other = at(&server, "other/locks");
    project.rlock(&["store", "push", &other]).expect(3).says(&["is damaged"]);
    project.rlock(&["store", "verify", "--lock", ".", "--remove"]).expect(3);
    assert!(!path.exists());
    let ran = project.rlock(&["store", "verify", "--lock", "."]).expect(1);
    assert!(ran.stdout.contains("http://a.example/one"), "{}", ran.stdout);
    project.rlock(&["store", "verify"]).expect(0);
    project.rlock(&["store", "pull", &remote]).expect(0);
    project.rlock(&["store", "verify", "--lock", "."]).expect(0);
}

fn age(store: &Path) {
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for entry in read_dir_sorted(&store.join("blobs/sha256")).unwrap() {
        std::fs::File::open(entry.path()).unwrap().set_modified(long_ago).unwrap();
    }
}

#[test]
fn garbage_goes_and_what_locks_need_stays() {
    let server = Server::start(Access::Open, Wire::Plain);
    let project = Project::new(&server, &three_bodies());
    let root = project.world.path("cache/rlock");
    // The lock is known since it was built from.
    project.rlock(&["verify"]).expect(0);
    let garbage = project.store("cache/rlock").put(b"nobody needs this").unwrap();
    let blob = root.join("blobs/sha256").join(garbage.hex());
    let ran = project.rlock(&["store", "gc"]).expect(0);
    assert!(blob.exists(), "it is new: {}", ran.stdout);
    assert!(!root.join("unpacked").exists(), "{}", ran.stdout);
    age(&root);
    let ran = project.rlock(&["store", "gc", "--dry-run"]).expect(0);
    assert!(ran.stdout.starts_with("would free "), "{}", ran.stdout);
    assert!(blob.exists());
    let ran = project.rlock(&["store", "gc", "--unused-for", "7"]).expect(0);
    assert!(ran.stdout.starts_with("freed ") && !blob.exists(), "{}", ran.stdout);
    drop(server);
    project.rlock(&["verify", "--offline"]).expect(0);
    project.rlock(&["store", "verify", "--lock", "."]).expect(0);

    // A lock that is gone keeps nothing; one that is named keeps all.
    let copy = project.world.path("copy.lock");
    std::fs::rename(project.world.path("context/Dockerfile.lock"), &copy).unwrap();
    let named = copy.display().to_string();
    project.store("cache/rlock").put(b"new, and not in the lock").unwrap();
    project.rlock(&["store", "gc", "--all-but-locks", &named]).expect(0);
    project.rlock(&["store", "verify", "--lock", &named]).expect(0);
    let count = |ran: Ran| ran.stdout.split(' ').nth(1).unwrap().to_owned();
    let all = count(project.rlock(&["store", "verify"]).expect(0));
    assert_eq!(all, project.needs_of(&copy).to_string());
    age(&root);
    project.rlock(&["store", "gc"]).expect(0);
    assert_eq!(count(project.rlock(&["store", "verify"]).expect(0)), "0");
    project.rlock(&["store", "gc", "--all-but-locks", "/nonexistent"]).expect(2);
}

#[test]
fn unpacked_layers_of_every_user_go() {
    for home in Home::each(&format!("FROM busybox\n{STEP}")) {
        home.on_busybox("build", &[]).expect(0);
        let unpacked = home.store().join("unpacked");
        assert!(unpacked.exists());
        let ran = home.rlock(&["store", "gc", "--unused-for", "0"]).expect(0);
        assert!(!unpacked.exists() && !ran.stdout.contains("stay until"), "{}", ran.stdout);
        home.assert_tidy("nothing runs");
        // The base image stays with the lock.
        home.rlock(&["verify", "--offline"]).expect(0);
    }
}

#[test]
fn a_collection_waits_for_a_build() {
    let world = World::new("FROM busybox\nRUN sleep 3; echo made > /made\n");
    let context = format!("busybox=oci-layout://{}:latest", base("busybox").display());
    let mut build = world.command();
    build.args(["build", "--build-context", &context]);
    let mut build = build.stdout(std::process::Stdio::null()).spawn().unwrap();
    while !world.path("cache/rlock/unpacked").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let ran = world.rlock(&["store", "gc", "--unused-for", "0"]).expect(0);
    ran.says(&["another rlock uses the Store"]);
    assert!(build.wait().unwrap().success());
}

#[test]
fn a_status_says_who_has_what() {
    let server = Server::start(Access::Open, Wire::Plain);
    let web = Web::start();
    let (kept, moved, gone) = (noise(1, 5000), noise(2, 5000), noise(3, 5000));
    let urls = [
        web.put("/debian/kept", &kept),
        web.put("/debian/moved", &moved),
        web.put("/debian/gone", &gone),
    ];
    let bodies = [(&*urls[0], kept), (&*urls[1], moved), (&*urls[2], gone.clone())];
    let project = Project::new(&server, &bodies);
    let status = |arguments: &[&str], code| {
        let ran = project.rlock(&[&["store", "status", "--format", "json"], arguments].concat());
        schema::report(&project.world, &ran.expect(code))
    };
    let states = |report: &serde_json::Value| -> Vec<String> {
        let urls = report["urls"].as_array().unwrap();
        // The image comes last: its name has no scheme.
        urls.iter().map(|url| url["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&status(&[], 0)), ["safe"; 4]);
    web.put("/debian/moved", &noise(4, 5000));
    web.remove("/debian/gone");
    // Of the right size: only its digest tells.
    assert_eq!(states(&status(&[], 0)), ["only-here", "safe", "safe", "safe"]);
    let deep = status(&["--deep"], 0);
    assert_eq!(states(&deep), ["only-here", "safe", "only-here", "safe"]);
    assert_eq!(deep["summary"]["gone_upstream"], 2);
    assert_eq!(deep["urls"][1]["upstream"]["is"], "verified");
    assert_eq!(states(&status(&["--offline"], 0)), ["only-here"; 4]);

    let text = project.rlock(&["store", "status", "--deep"]).expect(0).stdout;
    assert!(text.starts_with("all there: 4 locked URLs\n"), "{text}");
    assert!(text.contains("2  only in this Store: `rlock store push` shares them"), "{text}");
    assert!(text.contains(&urls[2]) && !text.contains(&urls[0]), "{text}");

    // A Store that has nothing: lost is what nobody has.
    let empty = project.world.path("empty").display().to_string();
    let lost = status(&["--store", &empty], 1);
    assert_eq!(states(&lost), ["lost", "one-source", "one-source", "one-source"]);
    let remote = at(&server, "team/locks");
    project.rlock(&["store", "push", &remote]).expect(0);
    let mirror = Web::start();
    mirror.put("/m/gone", &gone);
    project.settings(&format!(
        "[store]\nremote = \"{remote}\"\n\n[[mirror]]\nof = \"http://{}/debian/\"\nurl = \
         \"http://{}/m/\"\n",
        web.address, mirror.address
    ));
    let shared = status(&["--store", &empty, "--deep"], 0);
    assert_eq!(states(&shared), ["safe", "safe", "one-source", "safe"]);
    assert_eq!(shared["urls"][0]["mirrors"][0]["supply"]["is"], "verified");
    drop(server);
    let unknown = status(&["--store", &empty], 5);
    assert_eq!(unknown["summary"]["unknown"], 1, "{unknown:#}");
}

#[test]
fn mistakes_are_named_with_the_way_out() {
    let world = World::new("FROM scratch\n");
    let ran = world.rlock(&["store", "push"]).expect(2);
    ran.says(&["there is no repository", "hint: ", "rlock.toml"]);
    let ran = world.rlock(&["store", "push", "localhost:1/a"]).expect(1);
    ran.says(&["there is no lockfile `Dockerfile.lock`", "hint: run `rlock lock`"]);
    world.rlock(&["store", "status", "--format", "json"]).expect(1);
    world.rlock(&["store", "verify", "--lock", "none"]).expect(2);
    world.write("rlock.toml", "[store]\nremotes = \"a.example/b\"\n");
    for command in [&["store", "push"][..], &["store", "status"], &["lock"]] {
        let ran = world.rlock(command).expect(2);
        ran.says(&["rlock.toml: line 2: unknown field `remotes`"]);
    }
    let ran = world.rlock(&["store", "push", "./a", "b"]).expect(2);
    ran.says(&["`./a` and `b` are two directories"]);
}
