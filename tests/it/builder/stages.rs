//! Several stages, other bases, ONBUILD.

use crate::world::World;

#[test]
fn stages_by_name_and_number() {
    let world = World::new(
        "FROM busybox AS Build
RUN echo build > /out && mkdir /etc/more && echo more > /etc/more/file
ENV STAGE=build
FROM build
RUN echo $STAGE > /derived
FROM scratch AS last
COPY --from=0 /out /by-number
COPY --from=BUILD /out /by-name
COPY --from=1 /derived /
COPY --from=busybox /etc/passwd /image-passwd
",
    );
    let built = world.build(&[]);
    let paths: Vec<String> =
        built.tree.iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect();
    assert_eq!(paths, ["by-name", "by-number", "derived", "image-passwd"]);
    assert_eq!(built.text("by-name"), "build\n");
    assert_eq!(built.text("derived"), "build\n");
    assert!(built.text("image-passwd").starts_with("root:x:0:0:"));
    assert_eq!(built.image.layers.len(), 4);
}

#[test]
fn stages_that_the_target_does_not_need_are_not_built() {
    let world = World::new(
        "FROM no-such-image.example/a AS unused
RUN exit 1
FROM busybox AS wanted
RUN echo wanted > /file
FROM wanted AS after
RUN exit 1
",
    );
    let by_name = world.build(&["--target", "WANTED"]);
    assert_eq!(by_name.text("file"), "wanted\n");
    let by_number = world.build(&["--target", "1"]);
    assert_eq!(by_number.digest(), by_name.digest());
    std::fs::remove_file(world.path("context/Dockerfile.lock")).unwrap();
    world.fail(4, &[]).says(&["Dockerfile:6:1"]);
}

#[test]
fn independent_stages_run_at_the_same_time() {
    // Each waits for the other, through the network that they share with the host.
    let world = World::new(
        "FROM busybox AS left
RUN sleep 2; date +%s > /left
FROM busybox AS right
RUN sleep 2; date +%s > /right
FROM scratch
COPY --from=left /left /
COPY --from=right /right /
",
    );
    let built = world.build(&[]);
    let second = |path: &str| built.text(path).trim().parse::<i64>().unwrap();
    assert!((second("left") - second("right")).abs() < 2, "one waited for the other");
}

#[test]
fn a_failure_in_one_stage_stops_the_others() {
    let world = World::new(
        "FROM busybox AS slow
RUN sleep 30; echo slept
FROM busybox AS broken
RUN exit 3
FROM scratch
COPY --from=slow /etc/passwd /
COPY --from=broken /etc/group /
",
    );
    let started = std::time::Instant::now();
    world.fail(4, &["--progress", "plain"]).says(&["Dockerfile:4:1", "exit code 3"]);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn another_dockerfile_and_another_folder() {
    let world = World::new("FROM scratch\n");
    world.write("docker/Other.Dockerfile", "FROM busybox\nCOPY file /from-context\n");
    world.write("sub/file", "content\n");
    let built = world.build(&["-f", "docker/Other.Dockerfile", "sub"]);
    assert_eq!(built.text("from-context"), "content\n");
    assert!(world.path("context/docker/Other.Dockerfile.lock").exists());
    assert!(!world.path("context/Dockerfile.lock").exists());
}

#[test]
fn triggers_run_in_the_next_build_and_are_spent() {
    let base = World::new(
        "FROM busybox
ARG WHO=base
ENV KEPT=kept
WORKDIR /app
ONBUILD ARG WHO=trigger
ONBUILD COPY source /app/
ONBUILD RUN echo $WHO $KEPT $(pwd) > triggered; cat source >> triggered
ONBUILD ENV AFTER=after
",
    );
    let base_image = base.build_as("base", &[]);
    let triggers = [
        "ARG WHO=trigger",
        "COPY source /app/",
        "RUN echo $WHO $KEPT $(pwd) > triggered; cat source >> triggered",
        "ENV AFTER=after",
    ];
    assert_eq!(base_image.config().on_build, triggers);
    assert!(!base_image.has("app/triggered"));

    let child =
        World::new("FROM parent AS one\nRUN echo $AFTER > own\nFROM one\nRUN echo grand > grand\n");
    child.write("source", "from the child's context\n");
    let context = format!("parent=oci-layout://{}", base.path("base").display());
    let built = child.build(&["--build-context", &context]);
    assert_eq!(built.text("app/triggered"), "trigger kept /app\nfrom the child's context\n");
    assert_eq!(built.text("app/own"), "after\n");
    assert!(built.config().on_build.is_empty());
    assert_eq!(built.image.layers.len(), base_image.image.layers.len() + 4, "each ran once");

    let failing = World::new("FROM parent\n");
    failing.fail(4, &["--build-context", &context]).says(&["Dockerfile:1:1", "`source`"]);
}

#[test]
fn a_stage_triggers_the_stages_that_start_from_it() {
    let world = World::new(
        "FROM busybox AS parent
ONBUILD RUN echo ran >> /count
FROM parent AS child
RUN cp /count /child
FROM child
RUN cp /count /grandchild
",
    );
    let built = world.build(&[]);
    assert_eq!(built.text("child"), "ran\n");
    assert_eq!(built.text("grandchild"), "ran\n", "a trigger is spent by the first child");
}

#[test]
fn named_contexts_replace_images_and_stages() {
    let world = World::new(
        "FROM alias AS one
RUN echo one > /one
FROM busybox:latest
COPY --from=files / /files/
COPY --from=one /etc/passwd /replaced
",
    );
    for (path, text) in [("a", "a"), ("deep/b", "b"), ("skip", "s"), (".dockerignore", "skip\n")] {
        world.write(&format!("../other/{path}"), text);
    }
    world.write("../instead/etc/passwd", "instead");
    let alias = format!("alias=oci-layout://{}", crate::world::base("busybox").display());
    let arguments = [
        "--build-context",
        alias.as_str(),
        "--build-context",
        "files=../other",
        "--build-context",
        "one=../instead",
    ];
    let built = world.build(&arguments);
    assert_eq!(built.text("files/deep/b"), "b");
    assert!(!built.has("files/skip"), "a named context has its own .dockerignore");
    assert_eq!(built.text("replaced"), "instead");
    assert_eq!(built.owned("files/a"), (0o644, 0, 0));
}
