//! What goes wrong around the program: signals, death, a full disk, missing permissions. Each time one clear
//! error, the right exit code, and nothing left behind.

use crate::home::{Home, Person, is_root, mark, names, root_shell};
use crate::world::{Ran, base, succeed};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// How soon the program ends when asked to, on a busy machine.
const PROMPTLY: Duration = Duration::from_secs(5);

/// How long a run may take that is not asked to end.
const PATIENCE: Duration = Duration::from_mins(2);

/// A build that hangs with processes of every kind and files that are hard to remove.
fn hanging(mark: &str) -> String {
    format!(
        "FROM busybox\n\
         RUN mkdir -p /a/b && touch /a/b/c && chmod 000 /a/b && chown -R 1000:1000 /a; \
         sleep {mark} & (setsid sleep {mark} &); trap '' INT TERM; echo ready; \
         while true; do sleep {mark}; done\n"
    )
}

/// A program that runs.
struct Running {
    child: Child,
    error: BufReader<ChildStderr>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let error = BufReader::new(child.stderr.take().unwrap());
        Self { child, error }
    }

    /// Reads what it says until a line holds this.
    fn wait_for(&mut self, text: &str) {
        let mut said = String::new();
        while !said.lines().last().is_some_and(|line| line.contains(text)) {
            let length = self.error.read_line(&mut said).unwrap();
            assert!(length > 0, "ended without `{text}`:\n{said}");
        }
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Its exit code; none where a signal ended it.
    fn end_within(mut self, limit: Duration) -> (Option<i32>, String) {
        let end = Instant::now() + limit;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "still running");
            std::thread::sleep(Duration::from_millis(5));
        }
        let said = std::io::read_to_string(self.error).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

#[test]
fn a_signal_ends_a_step_promptly_and_leaves_nothing() {
    for (signal, code, word) in
        [(Signal::INT, 130, "error: interrupted\n"), (Signal::TERM, 143, "error: terminated\n")]
    {
        let mark = mark();
        for home in Home::each(&hanging(&mark)) {
            let context = home.context("busybox", "busybox");
            let arguments = ["check", "--jobs=2", "--progress=plain", "--build-context", &context];
            let mut running = Running::start(home.command(&arguments));
            running.wait_for("[B 1/1] ready");
            running.signal(signal);
            let (found, said) = running.end_within(PROMPTLY);
            assert_eq!(found, Some(code), "{said}");
            assert!(said.ends_with(word), "{said}");
            assert!(said.contains("stopped after") && !said.contains("failed"), "{said}");
            home.assert_tidy(&mark);
            assert!(!home.world.path("context/Dockerfile.lock").exists());
        }
    }
}

/// What fails first ends the rest at once, and is what is reported, though the rest then fails too.
#[test]
fn a_failure_stops_what_runs_beside_it() {
    let mark = mark();
    let dockerfile = format!(
        "FROM busybox AS slow\nCOPY big /\nRUN sleep {mark}\n\
         FROM busybox AS failing\nRUN sleep 1; exit 9\n\
         FROM busybox\nCOPY --from=slow /big /\nCOPY --from=failing /bin/sh /copy\n"
    );
    for home in Home::each(&dockerfile) {
        home.world.write("big", vec![1; 1 << 20]);
        home.give();
        let start = Instant::now();
        let ran = home.on_busybox("check", &["--jobs=2"]).expect(4);
        assert!(start.elapsed() < PATIENCE);
        let ran = ran.says(&["error: `RUN sleep 1; exit 9` at line 5 failed with exit code 9"]);
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("RUN sleep {mark} … stopped after")));
        home.assert_tidy(&mark);
    }
}

/// Long work of the program itself hears it too: here the unpacking of a base image.
#[test]
fn a_signal_ends_the_unpacking_of_a_layer() {
    for home in Home::each("FROM debian:bookworm\nRUN true\n") {
        let context = home.context("debian-bookworm", "debian:bookworm");
        let running = Running::start(home.command(&["build", "--build-context", &context]));
        let temporary = home.store().join("temporary");
        let end = Instant::now() + PATIENCE;
        while !has_tree(&temporary) {
            assert!(Instant::now() < end, "nothing is unpacked");
            std::thread::sleep(Duration::from_millis(2));
        }
        running.signal(Signal::INT);
        let (code, said) = running.end_within(PROMPTLY);
        assert_eq!((code, said.as_str()), (Some(130), "error: interrupted\n"));
        home.assert_tidy("no process");
    }
}

/// Whether some process unpacks a layer.
fn has_tree(temporary: &Path) -> bool {
    let folders = |path: &Path| -> Vec<PathBuf> {
        names(path).into_iter().map(|name| path.join(name)).collect()
    };
    let directories = folders(temporary).iter().flat_map(|area| folders(area)).collect::<Vec<_>>();
    directories.iter().any(|directory| directory.join("tree/usr").exists())
}

/// Killed at twenty different moments, in fresh Stores and in one that lives on.
#[test]
fn a_killed_run_leaves_nothing_that_hinders() {
    let mark = mark();
    let dockerfile = "FROM busybox\nARG SECONDS\nCOPY file /copied\n\
        RUN dd if=/dev/zero of=/big bs=1M count=4 && mkdir -m 000 /closed && chown 1:1 /closed\n\
        RUN sleep $SECONDS & sleep $SECONDS; wait\n";
    for home in Home::each(dockerfile) {
        home.world.write("file", vec![b'x'; 4 << 20]);
        home.give();
        let context = home.context("busybox", "busybox");
        let forever = format!("SECONDS={mark}");
        let base = ["--jobs=2", "--build-context", &context, "--build-arg"];
        for round in 0..10_u32 {
            let fresh = format!("../cache/{round}");
            let store = if round % 2 == 0 { "../cache/rlock" } else { &fresh };
            let run = [&["check", "--store", store][..], &base, &[forever.as_str()]].concat();
            let running = Running::start(home.command(&run));
            // Before there is a Store, while it is filled, between the builds, in both.
            std::thread::sleep(Duration::from_millis(u64::from(round * round) * 35));
            running.signal(Signal::KILL);
            assert_eq!(running.end_within(PROMPTLY).0, None);
            home.assert_quiet(&mark);
        }
        let last = |store: &str| {
            let run = [&["build", "--store", store][..], &base, &["SECONDS=0"]].concat();
            home.rlock(&run).expect(0).stdout.lines().next().unwrap().to_owned()
        };
        assert_eq!(last("../cache/rlock"), last("../cache/new"));
        home.assert_tidy(&mark);
        assert_eq!(last("../cache/9"), last("../cache/new"));
        assert_eq!(names(&home.world.path("cache/9/temporary")), ["lock"]);
    }
}

/// Three at once on one Store that is not there yet: two of them on one project.
#[test]
fn several_checks_share_a_store() {
    let dockerfile = |word: &str| format!("FROM busybox\nRUN echo {word} > /word\nRUN sleep 1\n");
    for home in Home::each(&dockerfile("one")) {
        home.world.write("other/Dockerfile", dockerfile("two"));
        home.give();
        let context = home.context("busybox", "busybox");
        let start = |directory: &str| {
            let run = ["check", "--format=json", "--build-context", &context, directory];
            let mut command = home.command(&run);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let reports = [start("."), start("other"), start(".")]
            .map(|child| Ran::of(&child.wait_with_output().unwrap()).expect(0).json());
        let [one, other, same] = reports.each_ref().map(|report| {
            assert_eq!(report["status"], "pass", "{report}");
            report["builds"][0]["manifest"].as_str().unwrap().to_owned()
        });
        assert_eq!(one, same);
        assert_ne!(one, other);
        home.assert_tidy("no process");
        home.on_busybox("check", &["--locked"]).expect(0);
    }
}

/// Runs the program with its Store on a disk of this size; answers also what is left there.
fn on_small_disk(home: &Home, size: u64, dockerfile: &str) -> (Ran, String) {
    home.world.write("Dockerfile", dockerfile);
    home.give();
    let disk = home.world.path("disk");
    std::fs::create_dir_all(&disk).unwrap();
    let script = "exec 3>&1; disk=$1; size=$2; uid=$3; gid=$4; cd \"$5\"; shift 5; \
        unshare --mount sh -c 'disk=$1; shift; mount -t tmpfs -o \"$1\" none \"$disk\"; shift; \
        \"$@\"; code=$?; echo \"left: $(ls \"$disk/store/temporary\" | tr \"\\n\" \" \")\"; exit $code' \
        sh \"$disk\" \"size=$size,mode=700,uid=$uid,gid=$gid\" \"$@\"";
    let owner = if home.is_users() { (Person::get().uid, Person::get().gid) } else { (0, 0) };
    let mut command = root_shell(script);
    command.arg(&disk).args([size.to_string(), owner.0.to_string(), owner.1.to_string()]);
    command.arg(home.world.path("context")).args(home.words());
    command.args(["build", "--build-context", &home.context("busybox", "busybox")]);
    command.args(["--scratch-memory", "0", "--store"]);
    let ran = Ran::of(&command.arg(disk.join("store")).output().unwrap());
    let left = ran.stdout.lines().find_map(|line| line.strip_prefix("left: ")).unwrap_or_default();
    let left = left.trim().to_owned();
    (ran, left)
}

#[test]
fn a_full_disk_is_named_and_left_as_it_was() {
    let blobs = base("busybox").join("blobs/sha256");
    let sizes = names(&blobs).into_iter().map(|name| blobs.join(name).metadata().unwrap().len());
    let layer = sizes.max().unwrap();
    let from = |rest: &str| format!("FROM busybox\n{rest}");
    let dd = |count: u32| format!("RUN dd if=/dev/zero of=/big bs=1M count={count}\n");
    let mib = 1 << 20;
    let free = "hint: free some space on the file system of `";
    let cases = [
        ("the base image's blob", layer / 2, from("RUN true\n"), 5, free),
        ("its unpacked layer", layer + layer / 2, from("RUN true\n"), 5, free),
        ("a new layer", 2 * layer + 20 * mib, from(&dd(12)), 5, free),
        ("a copied file", 2 * layer + 4 * mib, from("COPY big /\n"), 5, free),
        // The user's own command failed, for whatever reason it says.
        ("what a step writes", 2 * layer + 8 * mib, from(&dd(64)), 4, "the disk of rlock's store"),
    ];
    for home in [Home::of_root(""), Home::of_user("")] {
        home.world.write("big", vec![1; 12 << 20]);
        for (what, size, dockerfile, code, hint) in &cases {
            let (ran, left) = on_small_disk(&home, *size, dockerfile);
            let ran = ran.expect(*code).says(&["No space left on device", hint]);
            let errors = ran.stderr.lines().filter(|line| line.starts_with("error: ")).count();
            assert_eq!((errors, left.as_str()), (1, "lock"), "{what}: {}", ran.stderr);
        }
    }
}

/// Runs a build of `RUN true` by way of a shell script that root runs and that ends in `"$@"`.
fn behind(home: &Home, script: &str, arguments: &[&str]) -> Ran {
    let mut command = root_shell(&format!("cd \"$1\"; shift; {script}"));
    command.arg(home.world.path("context")).args(home.words());
    command.args(["build", "--build-context", &home.context("busybox", "busybox")]);
    Ran::of(&command.args(arguments).output().unwrap())
}

/// What the kernel or the system refuses comes with the setting to change.
#[test]
fn missing_permissions_come_with_a_way_out() {
    let user = Home::of_user("FROM busybox\nRUN true\n");
    let root = Home::of_root("FROM busybox\nRUN true\n");
    let Person { name, uid, gid } = Person::get();
    let hide = |path: &str| {
        format!("exec unshare --mount sh -c 'mount --bind /dev/null {path}; exec \"$@\"' sh \"$@\"")
    };
    // Within a namespace of the user's, in which there may be no further one.
    let closed = format!(
        "exec unshare --user --map-user={uid} --map-group={gid} --keep-caps sh -c \
         'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps=-all \
         --inh-caps=-all --bounding-set=-all \"$@\"' sh \"$@\""
    );
    let no_ids = format!("has no line with ids for user `{name}`");
    let cases: [(&Home, &str, &str, &str); 6] = [
        (&user, &hide("/etc/subuid"), &no_ids, "hint: as root, `usermod --add-subuids "),
        (&user, &hide("/etc/subgid"), &no_ids, "hint: as root, `usermod --add-subgids "),
        (
            &user,
            &hide("$(readlink -f $(command -v newuidmap))"),
            "error: `newuidmap` is not installed",
            "install the package `uidmap`",
        ),
        (
            &user,
            "exec setpriv --no-new-privs \"$@\"",
            "error: `newuidmap` could not set the ids",
            "must not run with `no_new_privs`",
        ),
        (
            &root,
            "exec setpriv --bounding-set=-sys_admin --inh-caps=-all \"$@\"",
            "error: root is not allowed to make a mount namespace here",
            "hint: in a container, root needs `CAP_SYS_ADMIN`",
        ),
        (
            &root,
            "exec unshare --map-root-user --mount \"$@\"",
            "error: cannot prepare the step: becoming user 0, group 0",
            "hint: rlock was started as root of a user namespace that has no further ids",
        ),
    ];
    for (home, script, error, hint) in cases {
        behind(home, script, &[]).expect(5).says(&[error, hint]);
        home.assert_quiet("no process");
    }
    // As root, who becomes the user there: `setpriv` could not, in a namespace with one id.
    let words = [root.words(), vec!["build".to_owned(), "--store".to_owned()]].concat();
    let mut command = root_shell(&format!("chmod 755 \"$1\"; cd \"$2\"; shift 2; {closed}"));
    command.arg(root.world.path(".")).arg(root.world.path("context")).args(words);
    command.arg(root.world.path("none"));
    command.args(["--build-context", &root.context("busybox", "busybox")]);
    Ran::of(&command.output().unwrap()).expect(5).says(&[
        &format!("error: the kernel refuses a user namespace to user id {uid}"),
        "hint: user namespaces are switched off: as root, `sysctl -w user.max_user_namespaces=",
    ]);
}

#[test]
fn a_store_that_cannot_be_written_is_named() {
    let home = Home::of_user("FROM busybox\nRUN true\n");
    let path = |name: &str| home.world.path(name);
    let shown = |name: &str| path(name).display().to_string();
    std::fs::write(path("file"), "").unwrap();
    home.on_busybox("build", &["--store", &shown("file/store")])
        .expect(5)
        .says(&["Not a directory", &format!("hint: `{}` is not a directory", shown("file"))]);
    std::fs::create_dir(path("closed")).unwrap();
    home.give();
    succeed(Command::new("chmod").arg("500").arg(path("closed")));
    if is_root() {
        // Not the user's own, or the user would be let in as root of the namespace.
        succeed(Command::new("chown").arg("root:root").arg(path("closed")));
        home.on_busybox("build", &["--store", &shown("closed/store")]).expect(5).says(&[
            "Permission denied",
            &format!("hint: check who owns `{}` and its permissions", shown("closed")),
        ]);
    }
    let script = format!(
        "exec unshare --mount sh -c 'mount -t tmpfs -o ro none {}; exec \"$@\"' sh \"$@\"",
        shown("closed")
    );
    behind(&home, &script, &["--store", &shown("closed/store")]).expect(5).says(&[
        "Read-only file system",
        &format!("hint: `{}` is on a read-only file system", shown("closed")),
    ]);
}
