//! `rlock store`: content that goes through a real registry from one Store to another.

mod keeping;
mod project;

use crate::server::{AUTH, Access, Server, Wire};
use crate::world::{Ran, World, base};
use project::{Project, STEP, at, in_registry, noise, slow, three_bodies};
use rlock::oci::Digest;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

#[test]
fn content_goes_from_one_store_through_a_registry_into_another() {
    let server = Server::start(Access::Open, Wire::Plain);
    let project = Project::new(&server, &three_bodies());
    let remote = at(&server, "team/locks");
    let ran = project.rlock(&["store", "push", &remote]).expect(0);
    assert!(ran.stdout.starts_with("pushed Dockerfile.lock with "), "{}", ran.stdout);
    let blobs = project.needs().len() + 2;
    assert!(ran.stdout.contains(&format!("{blobs} blobs to {remote}")), "{}", ran.stdout);
    // The layer and the config of the base image are in the same registry.
    assert!(ran.stdout.contains("2 mounted"), "{}", ran.stdout);
    let again = project.rlock(&["store", "push", &remote]).expect(0);
    assert!(again.stdout.contains("0 sent (0 B), 0 mounted"), "{}", again.stdout);
    let artifact = |ran: &Ran| {
        let line = ran.stdout.lines().find(|line| line.starts_with("  sha256:")).unwrap();
        line.to_owned()
    };
    assert_eq!(artifact(&ran), artifact(&again));

    let pulled = project.elsewhere("second", &["store", "pull", &remote]).expect(0);
    assert!(pulled.stdout.starts_with("complete: the Store has all that"), "{}", pulled.stdout);
    project.assert_complete("second");
    let again = project.elsewhere("second", &["store", "pull", &remote]).expect(0);
    assert!(again.stdout.contains("0 pulled (0 B)"), "{}", again.stdout);
    // Nobody but the Store has the base image any more.
    drop(server);
    project.elsewhere("second", &["verify", "--offline"]).expect(0);
    project.elsewhere("second", &["check", "--frozen"]).expect(0);
}

#[test]
fn locks_share_blobs_and_a_lock_that_was_not_pushed_finds_them() {
    let server = Server::start(Access::Open, Wire::Plain);
    let project = Project::new(&server, &[("http://a.example/one", noise(1, 100_000))]);
    let remote = at(&server, "team/locks");
    project.settings(&format!("[store]\nremote = \"{remote}\"\n"));
    project.rlock(&["store", "push"]).expect(0);
    let second = noise(2, 100_000);
    project.lock_fetch("http://a.example/two", &second);
    // Most of it is there; what is not is named.
    let ran = project.elsewhere("second", &["store", "pull"]).expect(1);
    assert!(ran.stdout.contains("http://a.example/two"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("http://a.example/one"), "{}", ran.stdout);
    assert!(ran.stdout.contains("nobody has pushed this lock"), "{}", ran.stdout);
    let ran = project.rlock(&["store", "push"]).expect(1);
    ran.says(&["has all that `Dockerfile.lock` needs\n", "http://a.example/two", "hint: "]);
    project.store("cache/rlock").put(&second).unwrap();
    let ran = project.rlock(&["store", "push"]).expect(0);
    // The new body and the new lockfile.
    assert!(ran.stdout.contains("2 sent"), "{}", ran.stdout);
    project.elsewhere("second", &["store", "pull"]).expect(0);
    project.assert_complete("second");
    // From a Store that has none of it: the repository has.
    let ran = project.elsewhere("empty", &["store", "push", &format!("{remote}:web")]).expect(0);
    assert!(ran.stdout.contains(&format!("{remote}:web")), "{}", ran.stdout);
}

#[test]
fn a_lock_comes_with_its_artifact_where_the_project_has_none() {
    let server = Server::start(Access::Open, Wire::Plain);
    let project = Project::new(&server, &[("http://a.example/one", noise(1, 1000))]);
    let remote = at(&server, "team/locks");
    project.rlock(&["store", "push", &format!("{remote}:web")]).expect(0);
    let lock = project.world.read("Dockerfile.lock");
    std::fs::remove_file(project.world.path("context/Dockerfile.lock")).unwrap();
    let ran = project.rlock(&["store", "pull", &remote]).expect(2);
    ran.says(&["there is no lockfile `Dockerfile.lock` to pull for", "hint: ", ":TAG"]);
    let named = format!("{remote}:web");
    let ran = project.elsewhere("second", &["store", "pull", &named]).expect(0);
    assert!(ran.stdout.contains("Dockerfile.lock written"), "{}", ran.stdout);
    assert_eq!(project.world.read("Dockerfile.lock"), lock);
    project.assert_complete("second");

    // Then the lock in the project wins.
    let other = format!("# another\n{lock}");
    project.world.write("Dockerfile.lock", &other);
    let ran = project.elsewhere("second", &["store", "pull", &named]).expect(0);
    assert!(ran.stdout.contains("is the artifact of another lock"), "{}", ran.stdout);
    assert_eq!(project.world.read("Dockerfile.lock"), other);

    let image = at(&server, "team/base:1");
    let ran = project.rlock(&["store", "pull", &image]).expect(2);
    ran.says(&["is no usable artifact of a lock: it is of the type `image`"]);
    project.rlock(&["store", "pull", &format!("{remote}:none")]).expect(5);
}

#[test]
fn a_damaged_blob_of_a_registry_is_refused() {
    let server = Server::start(Access::Open, Wire::Plain);
    let project = Project::new(&server, &three_bodies());
    let remote = at(&server, "team/locks");
    project.rlock(&["store", "push", &remote]).expect(0);
    let bad = Digest::of(&project.bodies[0]);
    let path = in_registry(&server, &bad);
    std::fs::write(&path, noise(9, 700_000)).unwrap();
    let ran = project.elsewhere("second", &["store", "pull", &remote]).expect(3);
    ran.says(&["is corrupt", &bad.to_string(), "content has digest"]);
    let store = project.store("second");
    assert!(!store.contains(&bad));
    assert!(store.find_damaged(&store.digests().unwrap(), &|_| {}).unwrap().is_empty());
    drop(store);
    // Commands that build refuse it, too.
    project.settings(&format!("[store]\nremote = \"{remote}\"\n"));
    project.elsewhere("second", &["verify"]).expect(3).says(&["is corrupt"]);
    std::fs::write(&path, &project.bodies[0]).unwrap();
    project.elsewhere("second", &["store", "pull", &remote]).expect(0);
    project.assert_complete("second");
}

#[test]
fn a_pull_that_was_killed_goes_on() {
    let server = Server::start(Access::Open, Wire::Plain);
    let project = Project::new(&server, &three_bodies());
    let remote = at(&server, "team/locks");
    project.rlock(&["store", "push", &remote]).expect(0);
    let slowed = format!("{}/team/locks", slow(&server, 2_000_000));
    let mut command = project.world.command();
    let second = project.world.path("second");
    command.args(["store", "pull", &slowed, "--store"]).arg(&second);
    let mut child = command.spawn().unwrap();
    let small = Digest::of(&project.bodies[0]);
    let blob = second.join("blobs/sha256").join(small.hex());
    while !blob.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let large = Digest::of(&project.bodies[1]);
    assert!(!second.join("blobs/sha256").join(large.hex()).exists());
    let ran = project.elsewhere("second", &["store", "pull", &remote]).expect(0);
    let line = ran.stdout.lines().find(|line| line.contains(" pulled (")).unwrap();
    let there: usize =
        line.rsplit(", ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(there >= 1, "{line}");
    project.assert_complete("second");
    assert_eq!(crate::home::names(&second.join("temporary")), ["lock"]);
}

#[test]
fn a_password_opens_a_repository() {
    let server = Server::start(Access::Password, Wire::Plain);
    server.push(&base("busybox"), "latest", "team/base:1");
    let world = World::new(&format!("FROM {}\n{STEP}", at(&server, "team/base:1")));
    let folder = world.path("docker");
    std::fs::create_dir_all(&folder).unwrap();
    let registry = at(&server, "").trim_end_matches('/').to_owned();
    let config = json!({ "auths": { &*registry: { "auth": AUTH } } });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let run = |config: &Path, arguments: &[&str]| {
        let mut command = world.command();
        Ran::of(&command.env("DOCKER_CONFIG", config).args(arguments).output().unwrap())
    };
    run(&folder, &["lock"]).expect(0);
    let remote = at(&server, "team/locks");
    let nowhere = world.path("nowhere");
    let ran = run(&nowhere, &["store", "push", &remote]).expect(5);
    ran.says(&["refuses access to `team/locks`", "hint: ", "docker login"]);
    run(&folder, &["store", "push", &remote]).expect(0);
    let second = world.path("second").display().to_string();
    run(&nowhere, &["store", "pull", &remote, "--store", &second]).expect(5);
    run(&folder, &["store", "pull", &remote, "--store", &second]).expect(0);
    assert!(!world.read("Dockerfile.lock").contains(AUTH));
}

#[test]
fn commands_that_build_pull_and_push_by_themselves() {
    let first = Server::start(Access::Open, Wire::Plain);
    let second = Server::start(Access::Open, Wire::Plain);
    first.push(&base("busybox"), "latest", "team/base:1");
    let world = World::new(&format!("FROM {}\n{STEP}", at(&first, "team/base:1")));
    let remote = at(&second, "team/locks");
    world.write("rlock.toml", format!("[store]\nremote = \"{remote}\"\npush = \"auto\"\n"));
    let ran = world.rlock(&["check"]).expect(0);
    assert!(ran.stderr.contains("push to"), "{}", ran.stderr);
    assert!(!world.rlock(&["check"]).expect(0).stderr.contains("push to"), "it is there");
    // The base image is nowhere but in the remote, and the machine is fresh.
    drop(first);
    let fresh = |name: &str| world.path(name).display().to_string();
    world.rlock(&["check", "--locked", "--store", &fresh("1")]).expect(0);
    world.rlock(&["verify", "--store", &fresh("2")]).expect(0);
    world.rlock(&["build", "--locked", "--store", &fresh("3")]).expect(0);
    world.rlock(&["verify", "--offline", "--store", &fresh("4")]).expect(5);
    world.rlock(&["store", "verify", "--lock", ".", "--store", &fresh("1")]).expect(0);
    // Without the remote there is a warning, and what is missing is named.
    drop(second);
    let ran = world.rlock(&["verify", "--store", &fresh("5")]).expect(5);
    ran.says(&["warning: nothing comes from the remote of rlock.toml", "no image"]);
    world.rlock(&["verify"]).expect(0).says(&["warning: the lock is not pushed"]);
}
