//! Without any power of root: the same images, in a Store that the user owns.

use crate::home::{Home, Person, is_root};
use crate::world::{Ran, succeed};
use std::process::Command;

/// Everything about files that root may do.
const OWNERS: &str = "FROM busybox
WORKDIR /srv/app
COPY --chown=app:extra --chmod=640 file .
COPY --chown=2000:3000 folder/ /srv/folder/
RUN echo hi > /file && chown 1000:1001 /file && cp /bin/busybox /setuid && chmod 6755 /setuid
RUN mkdir -p /opt/x && chown -R app:extra /opt/x && chmod 2775 /opt/x && mkfifo /opt/fifo
RUN ln /file /opt/hard && ln -s /file /opt/soft && touch /opt/last && chown 65534:65534 /opt/last
USER app
RUN test \"$(id -u):$(id -g)\" = 1000:1000 && touch /opt/x/mine && ! touch /mine 2>/dev/null
RUN mkdir -m 000 /opt/x/closed && umask 077 && mkdir -p /tmp/a/b && touch /tmp/a/b/c
USER 1234:5678
RUN test \"$(id -u):$(id -g)\" = 1234:5678 && touch /tmp/numbered
USER root
RUN rm -rf /tmp/a /var/lib && rm /bin/vi && chmod 700 /root
";

/// A package with file capabilities, a setuid program, and files of a stage copied to another.
const PACKAGES: &str = "FROM debian:bookworm AS first
RUN apt-get update && apt-get install -y hello iputils-ping
RUN getcap /bin/ping | grep cap_net_raw && cp /usr/bin/id /opt/id && chmod 4755 /opt/id
USER nobody
RUN test \"$(/opt/id -u)\" = 0 && test \"$(/opt/id -ru)\" = 65534 && hello
FROM debian:bookworm
COPY --from=first /bin/ping /usr/bin/hello /opt/id /opt/
RUN /opt/hello
";

fn with_files(home: Home) -> Home {
    home.world.write("file", "a\n");
    home.world.write("folder/inner/file", "b\n");
    home.give();
    home
}

/// The first line of a build's report: `built sha256:…`.
fn built(ran: &Ran) -> String {
    let line = ran.stdout.lines().next().unwrap_or_default();
    assert!(line.starts_with("built sha256:"), "{}", ran.stdout);
    line.to_owned()
}

/// Everything in the Store that is not the user's is where layers are unpacked.
#[track_caller]
fn assert_owned(home: &Home) {
    let user = Person::get().uid.to_string();
    let foreign = succeed(
        Command::new("find").arg(home.store()).args(["!", "-user", &user, "-printf", "%P\\n"]),
    );
    let stray: Vec<&str> = foreign.lines().filter(|path| !path.starts_with("unpacked/")).collect();
    assert!(stray.is_empty(), "{stray:?}");
}

#[test]
fn an_image_is_the_same_whoever_builds_it() {
    let user = with_files(Home::of_user(OWNERS));
    let ours = built(&user.on_busybox("build", &[]).expect(0));
    let root = with_files(Home::of_root(OWNERS));
    assert_eq!(ours, built(&root.on_busybox("build", &[]).expect(0)));
    assert_eq!(user.world.read("Dockerfile.lock"), root.world.read("Dockerfile.lock"));
    assert_owned(&user);
    user.assert_tidy("no process");
}

#[test]
fn the_users_umask_is_not_in_the_image() {
    let dockerfile = "FROM busybox\nWORKDIR /made\nCOPY file /a/b/\nRUN mkdir /c && touch /c/d\n";
    let user = with_files(Home::of_user(dockerfile));
    let ours = built(&user.on_busybox("build", &[]).expect(0));
    let context = user.context("busybox", "busybox");
    let mut strict = Command::new("sh");
    strict.args(["-c", "umask 0077; exec \"$@\"", "sh"]).args(user.words());
    strict.args(["build", "--store"]).arg(user.world.path("cache/strict"));
    strict.args(["--build-context", &context]).current_dir(user.world.path("context"));
    assert_eq!(ours, built(&Ran::of(&strict.output().unwrap()).expect(0)));
}

#[test]
fn check_lock_and_verify_work_as_a_user() {
    let home = with_files(Home::of_user(OWNERS));
    let report = home.on_busybox("check", &["--format", "json"]).expect(0).json();
    assert_eq!(report["status"], "pass", "{report}");
    let lock = home.world.read("Dockerfile.lock");
    home.on_busybox("check", &["--locked"]).expect(0);
    home.on_busybox("verify", &[]).expect(0);
    home.on_busybox("lock", &[]).expect(0);
    assert_eq!(home.world.read("Dockerfile.lock"), lock);
    home.on_busybox("build", &["-o", "oci:image"]).expect(0);
    home.rlock(&["diff", "oci:image", "oci:image"]).expect(0);
    assert_owned(&home);
    home.assert_tidy("no process");
}

#[test]
fn packages_of_debian_are_the_same_whoever_installs_them() {
    let user = Home::of_user(PACKAGES);
    let run = |home: &Home, command: &str| {
        let context = home.context("debian-bookworm", "debian:bookworm");
        home.rlock(&[command, "--build-context", &context]).expect(0)
    };
    run(&user, "check");
    let root = Home::of_root(PACKAGES);
    let image = built(&run(&root, "build"));
    // The user's two builds agreed, and the lock names their image.
    let lock = user.world.read("Dockerfile.lock");
    assert_eq!(lock, root.world.read("Dockerfile.lock"));
    assert!(lock.contains(image.trim_start_matches("built ")), "{lock}");
    run(&user, "verify");
    assert_owned(&user);
    user.assert_tidy("no process");
    assert_capabilities(&user);
}

/// The copy of `ping` in the second stage still has what the package gave it.
fn assert_capabilities(home: &Home) {
    let lock = home.world.read("Dockerfile.lock");
    let step = lock.split("\n\n").find(|block| block.contains("id = \"1/1\"")).unwrap();
    let layer = step.split("layer = \"sha256:").nth(1).unwrap().split('"').next().unwrap();
    let blob = std::fs::read(home.store().join("blobs/sha256").join(layer)).unwrap();
    let name = b"SCHILY.xattr.security.capability=";
    assert!(blob.windows(name.len()).any(|part| part == name));
}

#[test]
fn what_the_user_may_not_read_or_write_is_named() {
    assert!(is_root(), "this test needs root, to make files that the user may not read");
    let home = with_files(Home::of_user("FROM busybox\nCOPY secret /\n"));
    home.world.write("secret", "s");
    let secret = home.world.path("context/secret");
    succeed(Command::new("chmod").arg("600").arg(&secret));
    home.on_busybox("build", &[])
        .expect(4)
        .says(&["cannot open `/secret`: Permission denied", "hint: rlock may read what you may"]);
    succeed(Command::new("chmod").arg("644").arg(&secret));
    // The folder is root's: there is an image, but its lock cannot be kept.
    succeed(Command::new("chown").arg("root:root").arg(home.world.path("context")));
    home.on_busybox("build", &[]).expect(5).says(&[
        "cannot write the lockfile `Dockerfile.lock`: permission denied",
        "hint: check who owns `.` and its permissions",
    ]);
    home.assert_tidy("no process");
}
