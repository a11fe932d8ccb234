//! Dockerfile.lock: when it is written, what is in it, when it fits, and how it is completed.

use crate::world::{World, base};
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

const LOCK: &str = "Dockerfile.lock";

/// The blocks of a lockfile.
fn blocks(lock: &str) -> BTreeSet<&str> {
    lock.trim_end().split("\n\n").collect()
}

/// The blocks that are only in `new`, and those that are only in `old`.
fn changes<'a>(old: &'a str, new: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let (old, new) = (blocks(old), blocks(new));
    (new.difference(&old).copied().collect(), old.difference(&new).copied().collect())
}

fn table(lock: &str) -> toml::Table {
    lock.parse().unwrap()
}

/// Ids of the steps, with a mark where a layer is recorded.
fn steps(lock: &str) -> Vec<String> {
    let table = table(lock);
    let steps = table.get("step").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let named = |step: &toml::Value| {
        let mark = if step.get("layer").is_some() { " layer" } else { "" };
        format!("{}{mark}", step["id"].as_str().unwrap())
    };
    steps.iter().map(named).collect()
}

/// A world with this Dockerfile on busybox, and its lock.
fn locked(dockerfile: &str) -> (World, String) {
    let world = World::new(dockerfile);
    world.on_busybox("lock", &[]).expect(0);
    let lock = world.read(LOCK);
    (world, lock)
}

#[test]
fn check_writes_the_lock_when_there_is_none_and_never_changes_it() {
    let world = World::new("FROM busybox\nRUN echo a > /a\nCMD [\"sh\"]\n");
    let ran = world.on_busybox("check", &["--format", "json"]).expect(0);
    assert_eq!(ran.json()["target"]["lock"]["state"], "written");
    let lock = world.read(LOCK);
    let path = world.path("context").join(LOCK);
    let before = std::fs::metadata(&path).unwrap();
    assert_eq!(before.permissions().mode() & 0o7777, 0o644);
    assert_eq!(steps(&lock), ["1 layer", "2"]);
    assert!(lock.contains("[result]\nimage = \"sha256:"), "{lock}");
    assert!(!lock.contains("index ="), "the layout has no index for several platforms: {lock}");

    let ran = world.on_busybox("check", &["--format", "json"]).expect(0);
    assert_eq!(ran.json()["target"]["lock"]["state"], "current");
    let ran = world.on_busybox("lock", &[]).expect(0);
    assert!(ran.stdout.contains("Dockerfile.lock fits: 1 image, 0 packages, 2 steps"), "{ran:?}");
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));

    // Written anew from nothing, in another Store, it has the same bytes.
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    world.on_busybox("build", &[]).expect(0);
    assert_eq!(world.read(LOCK), lock);
    let files = rlock::store::read_dir_sorted(&world.path("context")).unwrap();
    assert_eq!(files.len(), 2, "nothing but the Dockerfile and its lock: {files:?}");
}

#[test]
fn locked_writes_nothing_and_wants_a_lock_that_fits() {
    let world = World::new("FROM busybox\nRUN echo a > /a\n");
    for command in ["check", "lock", "build", "verify"] {
        for option in ["--locked", "--frozen"] {
            let options = if command == "verify" { &[][..] } else { &[option] };
            let ran = world.on_busybox(command, options).expect(1);
            ran.says(&["there is no lockfile `Dockerfile.lock`", "hint: run `rlock lock`"]);
        }
    }
    assert!(!world.path("context").join(LOCK).exists());
    assert!(!world.path("cache/rlock/blobs").exists(), "nothing was built or fetched for it");

    world.on_busybox("lock", &["--offline"]).expect(0);
    let lock = world.read(LOCK);
    world.write("Dockerfile", "FROM busybox\n\n# changed\nRUN echo b > /a\n");
    for command in ["check", "lock", "build"] {
        let ran = world.on_busybox(command, &["--locked"]).expect(1);
        ran.says(&[
            "the lockfile `Dockerfile.lock` does not fit `Dockerfile`",
            "line 4: `RUN echo b > /a` is not what was locked",
            "hint: run `rlock lock`, which keeps every pin that still fits",
        ]);
    }
    // Nor does a check without --locked change it.
    world.on_busybox("check", &[]).expect(1);
    let ran = world.on_busybox("check", &["--format", "json"]).expect(1);
    assert_eq!(ran.json()["status"], "fail");
    assert_eq!(world.read(LOCK), lock);
    world.on_busybox("lock", &[]).expect(0);
    world.on_busybox("lock", &["--frozen"]).expect(0);
}

#[test]
fn what_makes_a_lock_stale() {
    let world = World::new(
        "ARG BASE=busybox\nFROM $BASE\nARG NAME=x\nRUN echo $NAME && \\\n    echo b\nCOPY file /\n",
    );
    world.write("file", "content");
    world.on_busybox("lock", &[]).expect(0);
    let fits = |dockerfile: &str, arguments: &[&str]| {
        world.write("Dockerfile", dockerfile);
        let arguments: Vec<&str> = ["--locked"].iter().chain(arguments).copied().collect();
        let ran = world.on_busybox("lock", &arguments);
        match ran.code {
            0 => String::new(),
            1 => ran.stderr,
            _ => panic!("{ran:?}"),
        }
    };
    let same = "ARG BASE=busybox\nFROM $BASE\nARG NAME=x\nRUN echo $NAME && echo b\nCOPY file /\n";
    world.write("file", "changed");
    assert_eq!(fits(same, &[]), "", "another file is no other instruction");
    let formatted = "# a comment\narg BASE=busybox\nfrom ${BASE}\n\narg NAME=x\nrun \\\n  # and one\n  \
                     echo $NAME && \\\n\n echo b\ncopy file \\\n  /\n";
    let other = fits(formatted, &[]);
    assert!(other.is_empty() || other.contains("line 6"), "{other}");
    let spaced = same.replace("RUN echo $NAME && echo b", "run echo $NAME && \\\necho b");
    let other = fits(&spaced, &[]);
    assert_eq!(other, "", "{other}");

    let text = fits(same, &["--build-arg", "NAME=y"]);
    assert!(text.contains("line 4: `RUN echo $NAME && echo b` is not what was locked"), "{text}");
    let text = fits(same, &["--build-arg", "BASE=debian"]);
    assert!(
        text.contains("line 2: the image `docker.io/library/debian:latest` is not locked"),
        "{text}"
    );
    let text = fits(&same.replace("echo b", "echo c"), &[]);
    assert!(text.contains("line 4: "), "{text}");
    assert_eq!(text.matches("is not what was locked").count(), 1, "{text}");
    let text = fits(&same.replace("COPY file /", "COPY file /x\nUSER 1"), &[]);
    assert!(text.contains("line 5: `COPY file /x` is not what was locked"), "{text}");
    assert!(text.contains("line 6: `USER 1` is not locked"), "{text}");
    let swapped =
        "ARG BASE=busybox\nFROM $BASE\nARG NAME=x\nCOPY file /\nRUN echo $NAME && echo b\n";
    let text = fits(swapped, &[]);
    assert_eq!(text.matches("was locked in another place").count(), 1, "{text}");
    let text = fits(&same.replace("COPY file /\n", ""), &[]);
    assert!(text.contains("step `3` is locked and no longer in the Dockerfile"), "{text}");
}

#[test]
fn another_base_makes_a_lock_stale_though_its_image_is_locked() {
    let (world, lock) =
        locked("FROM busybox AS a\nRUN echo a > /a\nFROM scratch AS b\nCOPY --from=a /a /\n");
    assert!(lock.contains("[[stage]]\nid = \"b\"\nbase = \"scratch\"\n"), "{lock}");
    world.write(
        "Dockerfile",
        "FROM busybox AS a\nRUN echo a > /a\nFROM busybox AS b\nCOPY --from=a /a /\n",
    );
    let ran = world.on_busybox("check", &["--locked"]).expect(1);
    ran.says(&["line 3: `FROM busybox AS b` was locked on `scratch`"]);
    world.on_busybox("lock", &[]).expect(0);
    world.on_busybox("check", &["--locked"]).expect(0);
    assert!(!world.read(LOCK).contains("scratch"));
}

#[test]
fn lock_adds_entries_and_changes_no_others() {
    let lines = ["FROM busybox", "RUN echo a > /a", "RUN echo b > /b", "ENV X=1"];
    let text = |lines: &[&str]| lines.join("\n") + "\n";
    let (world, old) = locked(&text(&lines));
    for at in 1..=lines.len() {
        world.write(LOCK, &old);
        let mut more = lines.to_vec();
        more.insert(at, "RUN echo new > /new");
        world.write("Dockerfile", text(&more));
        let ran = world.on_busybox("lock", &[]).expect(0);
        assert!(ran.stdout.contains("Dockerfile.lock updated"), "{ran:?}");
        let new = world.read(LOCK);
        let (added, removed) = changes(&old, &new);
        assert_eq!(added.len(), 2, "the step and the image: {added:#?}");
        let name = ["0.1", "1.1", "2.1", "4"][at - 1];
        assert!(added[0].starts_with(&format!("[[step]]\nid = \"{name}\"\n")), "{added:#?}");
        assert!(added[1].starts_with("[result]") && removed.len() == 1, "{removed:#?}");
        world.on_busybox("lock", &["--locked"]).expect(0);
        world.on_busybox("verify", &[]).expect(0);
    }
    for at in 1..lines.len() {
        world.write(LOCK, &old);
        let mut fewer = lines.to_vec();
        fewer.remove(at);
        world.write("Dockerfile", text(&fewer));
        world.on_busybox("lock", &[]).expect(0);
        let new = world.read(LOCK);
        let (added, removed) = changes(&old, &new);
        assert_eq!((added.len(), removed.len()), (1, 2), "{added:#?} {removed:#?}");
        assert!(removed[0].starts_with(&format!("[[step]]\nid = \"{at}\"\n")), "{removed:#?}");
        world.on_busybox("verify", &[]).expect(0);
    }
}

#[test]
fn a_lock_moves_no_pin_above_a_new_line() {
    let (world, old) = locked("FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /u\n");
    world.write(
        "Dockerfile",
        "FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /u\nRUN echo > /x\n",
    );
    world.on_busybox("lock", &[]).expect(0);
    let new = world.read(LOCK);
    let (added, removed) = changes(&old, &new);
    assert_eq!((added.len(), removed.len()), (2, 1), "{added:#?} {removed:#?}");
    assert!(removed[0].starts_with("[result]"), "{removed:#?}");
    let ran = world.on_busybox("verify", &[]).expect(1);
    assert!(ran.stdout.contains("Dockerfile:2"), "{}", ran.stdout);
}

#[test]
fn a_lock_that_is_damaged_is_refused_with_its_line() {
    let (world, lock) = locked("FROM busybox\nRUN echo a > /a\n");
    let conflict = format!("<<<<<<< HEAD\n{lock}");
    let second_step = lock.matches("[[step]]").next().unwrap().to_owned();
    let cases: Vec<(String, &str, &str)> = vec![
        (conflict, "line 1: `<<<<<<<` is the mark of a merge conflict", "hint: take either side"),
        (lock.replace("epoch =", "epok = 1\nepoch ="), "line 3: unknown field `epok`", ""),
        (
            lock.replace("version = 1", "version = 2"),
            "line 1: the lockfile has version 2",
            "hint: ",
        ),
        (lock.replace("manifest = \"sha256:", "manifest = \"sha256:x"), "line 8: `manifest`", ""),
        (lock.replace('\n', "\r\n"), "line 1: the line ends in CR LF", "hint: keep git from"),
        (lock.replace("[result]", "epoch = 1\n\n[result]"), "line 18: unknown field `epoch`", ""),
        (lock.replace("epoch = ", "epoch = 1\nepoch = "), "line 4: duplicate key", ""),
        (
            lock.replace(&second_step, "[[step]]\nid = \"1\"\n\n[[step]]"),
            "line 13: missing field",
            "",
        ),
        (String::new(), "line 1: missing field `version`", ""),
    ];
    for (text, expected, hint) in cases {
        world.write(LOCK, &text);
        for command in ["check", "lock", "verify", "build"] {
            let ran = world.on_busybox(command, &[]).expect(2);
            ran.says(&["error: Dockerfile.lock: ", expected, hint]);
        }
        assert_eq!(world.read(LOCK), text, "a lock that cannot be read is left alone");
    }
}

#[test]
fn a_lock_of_any_size_is_refused_unread() {
    let world = World::new("FROM busybox\nRUN true\n");
    let path = world.path("context").join(LOCK);
    std::fs::File::create(&path).unwrap().set_len(500 << 20).unwrap();
    let ran = world.on_busybox("check", &[]).expect(2);
    ran.says(&["Dockerfile.lock: line 1: the lockfile has more than 16777216 bytes", "hint: "]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    world.on_busybox("check", &[]).expect(2).says(&["cannot read the lockfile `Dockerfile.lock`"]);
}

#[test]
fn the_lock_lies_beside_its_dockerfile() {
    let world = World::new("FROM busybox\nRUN false\n");
    world.write("docker/web.Dockerfile", "FROM busybox\nCOPY x /\n");
    world.write("x", "x");
    world.on_busybox("lock", &["-f", "docker/web.Dockerfile"]).expect(0);
    assert_eq!(steps(&world.read("docker/web.Dockerfile.lock")), ["1"]);
    assert!(!world.path("context").join(LOCK).exists());
    world.on_busybox("check", &["-f", "docker/web.Dockerfile", "--locked"]).expect(0);
}

#[test]
fn layers_are_recorded_of_closed_steps_only() {
    let (_, lock) = {
        let world = World::new(
            "FROM busybox AS tools\nRUN echo t > /t\n\
             FROM busybox AS app\nRUN echo 1 > /1\nCOPY src /src\nRUN echo 2 > /2\n\
             FROM busybox AS final\nCOPY --from=tools /t /t\nCOPY <<EOF /here\ntext\nEOF\nRUN echo 3 > /3\n\
             COPY --from=app /2 /2\nRUN echo 4 > /4\n",
        );
        world.write("src", "x");
        world.on_busybox("lock", &[]).expect(0);
        let lock = world.read(LOCK);
        (world, lock)
    };
    let expected = [
        "app/1 layer",
        "app/2",
        "app/3",
        "final/1 layer",
        "final/2 layer",
        "final/3 layer",
        "final/4",
        "final/5",
        "tools/1 layer",
    ];
    assert_eq!(steps(&lock), expected);
    assert!(!lock.contains("[result]"), "the whole depends on the context: {lock}");
}

#[test]
fn the_epoch_is_of_the_images_or_the_environment_or_the_last_commit() {
    let epoch = |world: &World, environment: Option<&str>| {
        let context = format!("busybox=oci-layout://{}:latest", base("busybox").display());
        let mut command = world.command();
        command.args(["lock", "--build-context", &context]);
        command.envs(environment.map(|epoch| ("SOURCE_DATE_EPOCH", epoch)));
        let output = command.output().unwrap();
        let code = output.status.code().unwrap();
        assert!(code == 0, "{code} {}", String::from_utf8_lossy(&output.stderr));
        table(&world.read(LOCK))["epoch"].as_integer().unwrap()
    };
    let on_busybox = World::new("FROM busybox\nRUN true\n");
    let of_base = epoch(&on_busybox, None);
    assert_eq!(of_base, 1_767_225_600, "when the base was created");
    assert_eq!(epoch(&on_busybox, Some("5")), of_base, "the lock wins");
    std::fs::remove_file(on_busybox.path("context").join(LOCK)).unwrap();
    assert_eq!(epoch(&on_busybox, Some("1800000000")), 1_800_000_000);

    let world = World::new("FROM scratch\nCOPY x /x\n");
    world.write("x", "x");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(world.path("context")).args(arguments);
        git.env("GIT_COMMITTER_DATE", "1700000000 +0000");
        let identity = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME"];
        git.envs(identity.map(|name| (name, "x"))).env("GIT_COMMITTER_EMAIL", "x");
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "x"]);
    assert_eq!(epoch(&world, None), 1_700_000_000);
    let ran = world.command().args(["check", "--locked"]).output().unwrap();
    assert!(ran.status.success());
    std::fs::remove_file(world.path("context").join(LOCK)).unwrap();
    let ran = world.command().arg("lock").env("SOURCE_DATE_EPOCH", "soon").output().unwrap();
    assert_eq!(ran.status.code(), Some(2), "{}", String::from_utf8_lossy(&ran.stderr));
}
