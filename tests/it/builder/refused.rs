//! What is refused before anything is built: exit code 2, and the place with a caret.

use crate::world::{Ran, World};

/// Each is a Dockerfile and what must be said about it. None of their images exists: nothing is pulled.
const UNPULLED: &[(&str, &[&str])] = &[
    (
        "FROM no.example/a\nRUN --security=insecure true\n",
        &[
            "Dockerfile:2:5",
            "RUN --security=insecure is not supported",
            "\n2 | RUN --security=insecure true\n  |     ^^^^^^^^^^",
        ],
    ),
    (
        "FROM no.example/a\nADD git@x.example:a/b.git /\n",
        &["Dockerfile:2:5", "cannot be recorded: ssh", "hint: use the https address"],
    ),
    ("FROM no.example/a\nADD git://x.example/b /\n", &["Dockerfile:2:5", "the git protocol"]),
    ("FROM no.example/a\nADD ftp://x.example/b /\n", &["Dockerfile:2:5", "no `ftp` URLs"]),
    ("FROM no.example/a\nRUN --mount=from=7,target=/x true\n", &["Dockerfile:2:18", "stage 7"]),
    ("FROM no.example/a\nRUN true\nRUNN true\n", &["Dockerfile:3:1", "RUNN", "hint: ", "RUN"]),
    (
        "# syntax=other/frontend:1\nFROM no.example/a\n",
        &["Dockerfile:1:10", "the frontend `other/frontend:1` is not supported"],
    ),
    (
        "FROM no.example/a AS a\nCOPY --from=b /x /\nFROM a AS b\n",
        &["Dockerfile:2:13", "stage `b` does not stand above"],
    ),
    (
        "FROM no.example/a AS a\nCOPY --from=a /x /\n",
        &["Dockerfile:2:13", "stage `a` does not stand above"],
    ),
    (
        "FROM no.example/a\nCOPY --from=0 /x /\n",
        &["Dockerfile:2:13", "stage 0 does not stand above"],
    ),
    ("FROM no.example/a\nCOPY --from=7 /x /\n", &["Dockerfile:2:13", "stage 7"]),
    ("FROM b AS a\nFROM a AS b\n", &["Dockerfile:1:6", "stage `b` does not stand above"]),
    (
        "FROM --platform=windows/amd64 no.example/a\n",
        &["Dockerfile:1:17", "cannot build for windows/amd64"],
    ),
    ("FROM --platform=linux/s390x no.example/a\n", &["cannot build for linux/s390x", "hint: "]),
    (
        "FROM $NOTHING\n",
        &["Dockerfile:1:6", "empty once expanded", "hint: give the argument a default"],
    ),
    ("RUN true\nFROM no.example/a\n", &["Dockerfile:1:1"]),
    ("FROM no.example/a\nRUN <<EOF\ntrue\n", &["Dockerfile:2:", "EOF"]),
    ("FROM no.example/a\nCOPY a\n", &["Dockerfile:2:"]),
    ("FROM no.example/a\nCOPY --nope=1 a b\n", &["Dockerfile:2:6", "nope"]),
    ("FROM no.example/a\nSHELL /bin/sh -c\n", &["Dockerfile:2:"]),
    ("FROM no.example/a\nONBUILD FROM b\n", &["Dockerfile:2:"]),
    ("FROM no.example/a\nHEALTHCHECK --retries=-1 CMD true\n", &["Dockerfile:2:"]),
    ("FROM no.example/a AS 1a\n", &["Dockerfile:1:"]),
    ("FROM no.example/A\n", &["Dockerfile:1:6"]),
    ("", &["Dockerfile"]),
    ("# only a comment\n", &["Dockerfile"]),
];

/// The same, for what depends on variables, which a base image may set: nothing is built.
const UNBUILT: &[(&str, &[&str])] = &[
    ("FROM busybox\nENV A=${B:?must be given}\n", &["Dockerfile:2:", "must be given"]),
    ("FROM busybox\nENV A=${B\n", &["Dockerfile:2:"]),
    ("FROM busybox\nEXPOSE 80000\n", &["Dockerfile:2:8", "80000"]),
    ("FROM busybox\nSTOPSIGNAL NOPE\n", &["Dockerfile:2:12", "NOPE"]),
    ("FROM busybox\nCOPY --chmod=abc a b\n", &["Dockerfile:2:", "abc"]),
];

#[test]
fn nothing_is_pulled_or_built() {
    for (dockerfile, texts) in UNPULLED {
        let world = World::new(dockerfile);
        assert_refused(&world, &world.rlock(&["build"]), texts);
    }
    for (dockerfile, texts) in UNBUILT {
        let world = World::new(dockerfile);
        assert_refused(&world, &world.on_busybox("build", &[]), texts);
    }
}

fn assert_refused(world: &World, ran: &Ran, texts: &[&str]) {
    let dockerfile = world.read("Dockerfile");
    assert_eq!(ran.code, 2, "{dockerfile}\n{}", ran.stderr);
    for text in texts {
        assert!(ran.stderr.contains(text), "no `{text}` for\n{dockerfile}\n{}", ran.stderr);
    }
    assert!(!world.path("context/Dockerfile.lock").exists(), "{dockerfile}");
    assert!(!ran.stderr.contains("[1/"), "{}", ran.stderr);
}

#[test]
fn carets_stand_below_what_is_meant() {
    let world =
        World::new("FROM busybox AS one\nRUN true\n\nCOPY --from=later /x /\nFROM one AS later\n");
    let ran = world.fail(2, &[]);
    let expected = "\
error: Dockerfile: stage `later` does not stand above this one
 --> Dockerfile:4:13
  |
4 | COPY --from=later /x /
  |             ^^^^^
hint: move the stage up: a stage can take only from stages above
";
    assert_eq!(ran.stderr, expected);
    assert_eq!(ran.stdout, "");
}

#[test]
fn stages_and_files_that_are_not_there() {
    let world = World::new("FROM busybox AS one\nFROM one AS two\n");
    world
        .fail(2, &["--target", "three"])
        .says(&["there is no stage `three`", "hint: the stages are one, two"]);
    world.fail(2, &["--target", "7"]).says(&["there is no stage `7`"]);
    world.fail(2, &["-f", "none"]).says(&["`none`"]);
    world.fail(2, &["no-folder"]).says(&["no-folder"]);
    let ran = world.rlock(&["build", "--build-context", "busybox=oci-layout://./none"]).expect(2);
    ran.says(&["Dockerfile:1", "none"]);
}

#[test]
fn an_unused_build_argument_is_worth_a_warning() {
    let world = World::new("FROM busybox\nARG USED\nRUN true\n");
    let ran =
        world.on_busybox("build", &["--build-arg", "USED=1", "--build-arg", "TYPO=1"]).expect(0);
    let ran = ran.says(&["TYPO"]);
    assert!(!ran.stderr.contains("`USED`"), "{}", ran.stderr);
}

#[test]
fn what_a_trigger_of_the_base_asks_for_is_refused_too() {
    let base = World::new("FROM busybox\nONBUILD RUN --mount=from=other,target=/c true\n");
    base.build_as("base", &[]);
    let context = format!("parent=oci-layout://{}", base.path("base").display());
    let child = World::new("FROM parent\n");
    child
        .fail(2, &["--build-context", &context])
        .says(&["Dockerfile:1:1", "RUN --mount with `from`"]);
}
