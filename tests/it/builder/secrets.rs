//! RUN --mount=type=secret: seen by the step, and by nobody and nothing else.

use super::built::Built;
use crate::world::{Ran, World, base};
use std::path::Path;

/// What must not be found anywhere.
const TOKEN: &str = "tok_0123456789abcdefPLANTED";

/// Fails if a file below the directory holds the token.
#[track_caller]
fn assert_nowhere(directory: &Path) {
    for entry in rlock::store::read_dir_sorted(directory).unwrap() {
        let path = entry.path();
        let kind = path.symlink_metadata().unwrap().file_type();
        if kind.is_dir() {
            assert_nowhere(&path);
        } else if kind.is_file() {
            let content = std::fs::read(&path).unwrap();
            let found = content.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
            assert!(!found, "{} holds the secret", path.display());
        }
    }
}

/// Runs a command with the token in the file `outside` and in the variable `TOKEN`.
fn with_token(world: &World, command: &str, more: &[&str]) -> Ran {
    let secret = format!("id=file,src={}", world.path("outside").display());
    let context = format!("busybox=oci-layout://{}:latest", base("busybox").display());
    let mut line = world.command();
    line.args([command, "--build-context", &context, "--secret", &secret]);
    line.args(["--secret", "id=env,env=TOKEN", "--progress", "plain"]).args(more);
    Ran::of(&line.env("TOKEN", TOKEN).output().unwrap())
}

#[test]
fn secrets_are_seen_and_never_kept() {
    let world = World::new(
        "FROM busybox
WORKDIR /out
RUN chmod 777 .
ENV FROM_ENV=dockerfile
RUN --mount=type=secret,id=file sha256sum < /run/secrets/file > sum; stat -c '%u:%g %a' /run/secrets/file > owner
RUN --mount=type=secret,id=file,target=/a/b/c,uid=1000,gid=1001,mode=0440 stat -c '%u:%g %a' /a/b/c > mine
RUN --mount=type=secret,id=env,env=FROM_ENV echo ${#FROM_ENV} > variable; [ ! -e /run/secrets ]
RUN --mount=type=secret,id=env,env=V,target=/both [ \"$(cat /both)\" = \"$V\" ]
RUN --mount=type=secret,id=none,env=NONE --mount=type=secret,id=none [ ! -e /run/secrets/none ] && echo ${NONE-unset} > none
RUN --mount=type=secret,id=file cat /run/secrets/file; head -c 9 /run/secrets/file; sleep 0.1; tail -c +10 /run/secrets/file
RUN --mount=type=secret,id=file ! echo x 2>/dev/null >> /run/secrets/file
USER app
RUN --mount=type=secret,id=file ! cat /run/secrets/file 2>/dev/null
",
    );
    std::fs::write(world.path("outside"), format!("{TOKEN}\n")).unwrap();
    let output = format!("oci:{}", world.path("image").display());
    let ran = with_token(&world, "build", &["-o", &output]).expect(0);
    assert_eq!(ran.stderr.matches("***").count(), 2, "{}", ran.stderr);
    assert!(!ran.stderr.contains(TOKEN) && !ran.stdout.contains(TOKEN), "{}", ran.stderr);
    let built = Built::open(&world.path("image"));
    assert_eq!(built.text("out/owner"), "0:0 400\n");
    assert_eq!(built.text("out/mine"), "1000:1001 440\n");
    assert_eq!(built.text("out/variable"), format!("{}\n", TOKEN.len()));
    assert_eq!(built.text("out/none"), "unset\n");
    assert!(!built.has("run/secrets") && !built.has("a") && !built.has("both"));
    let checked = with_token(&world, "check", &["--format", "json"]).expect(0);
    assert!(!checked.stderr.contains(TOKEN) && !checked.stdout.contains(TOKEN));
    std::fs::remove_file(world.path("outside")).unwrap();
    assert_nowhere(&world.path("."));
}

#[test]
fn a_secret_that_is_left_in_the_image_fails_the_step() {
    let world = World::new(
        "FROM busybox
RUN --mount=type=secret,id=file mkdir /a && echo \"x $(cat /run/secrets/file) y\" > /a/left
",
    );
    std::fs::write(world.path("outside"), TOKEN).unwrap();
    let ran = with_token(&world, "build", &[]).expect(4);
    ran.says(&["Dockerfile:2:1", "it left a secret in `/a/left`", "hint: "]);
    std::fs::remove_file(world.path("outside")).unwrap();
    assert_nowhere(&world.path("."));
}

#[test]
fn a_step_that_fails_does_not_say_its_secrets() {
    let world = World::new(
        "FROM busybox\nRUN --mount=type=secret,id=file cat /run/secrets/file >&2; exit 3\n",
    );
    std::fs::write(world.path("outside"), TOKEN).unwrap();
    let ran = with_token(&world, "build", &[]).expect(4).says(&["| ***"]);
    assert!(!ran.stderr.contains(TOKEN), "{}", ran.stderr);
}

#[test]
fn what_is_required_must_be_given_before_anything_is_built() {
    let world =
        World::new("FROM busybox\nRUN touch /built\nRUN --mount=type=secret,id=a,required true\n");
    let ran = world.fail(2, &["--progress", "plain"]).says(&[
        "Dockerfile:3:13",
        "the secret `a` is required and not given",
        "hint: give it: `--secret id=a,src=FILE`",
    ]);
    assert!(!ran.stderr.contains("touch /built"), "{}", ran.stderr);
    let ran = world.fail(2, &["--secret", "id=a,src=no-such-file"]);
    ran.says(&["cannot read the secret `no-such-file`"]);
    let ran = world.fail(2, &["--secret", "id=a,env=NOT_SET_AT_ALL"]);
    ran.says(&["`NOT_SET_AT_ALL`, which is not set"]);
    world.write("b", "x");
    world.fail(2, &["--secret", "id=b"]).says(&["required and not given; given are `b`"]);
    world.write("a", "x");
    world.on_busybox("build", &["--secret", "id=a"]).expect(0);
    world.write("a", vec![b'x'; 600_000]);
    world.fail(2, &["--secret", "id=a"]).says(&["has more than 512000 bytes"]);
}

#[test]
fn agents_must_be_agents() {
    let world = World::new("FROM busybox\nRUN --mount=type=ssh,required=true true\n");
    world.fail(2, &[]).says(&["the SSH agent `default` is required", "`--ssh default`"]);
    world.write("key", "-----BEGIN");
    world.fail(2, &["--ssh", "default=key"]).says(&["`key` of `--ssh default`", "ssh-add"]);
    world.fail(2, &["--ssh", "default=none"]).says(&["cannot read the SSH agent `none`"]);
}
