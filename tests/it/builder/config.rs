//! Instructions that change only the config; history, times and the digest of the image.

use crate::world::World;
use serde_json::json;

#[test]
fn everything_that_a_config_holds() {
    let world = World::new(
        r#"FROM busybox
MAINTAINER Some One <one@example>
LABEL a=1 b="two words" "quoted key"=3
LABEL a=again \
      multi="line \
continues"
EXPOSE 80 443/tcp 8000-8002/udp 53/UDP
VOLUME ["/data", "/with space"]
VOLUME /logs /cache
STOPSIGNAL 9
HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2s --start-interval=1s --retries=4 \
    CMD wget -q localhost || exit 1
USER app:extra
ENTRYPOINT ["/bin/echo", "$HOME"]
CMD ["a", "b"]
"#,
    );
    let built = world.build(&[]);
    let config = built.config();
    assert_eq!(built.image.config.author.as_deref(), Some("Some One <one@example>"));
    let labels =
        [("a", "again"), ("b", "two words"), ("multi", "line continues"), ("quoted key", "3")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(config.labels.clone().into_iter().collect::<Vec<_>>(), labels);
    let ports: Vec<&str> = config.exposed_ports.iter().map(String::as_str).collect();
    assert_eq!(ports, ["443/tcp", "53/udp", "80/tcp", "8000/udp", "8001/udp", "8002/udp"]);
    let volumes: Vec<&str> = config.volumes.iter().map(String::as_str).collect();
    assert_eq!(volumes, ["/cache", "/data", "/logs", "/with space"]);
    assert_eq!(config.stop_signal.as_deref(), Some("9"));
    assert_eq!(config.user, "app:extra");
    assert_eq!(config.entrypoint.clone().unwrap(), ["/bin/echo", "$HOME"]);
    assert_eq!(config.cmd.clone().unwrap(), ["a", "b"]);
    let second = 1_000_000_000_u64;
    let check = json!({
        "Test": ["CMD-SHELL", "wget -q localhost || exit 1"],
        "Interval": 90 * second, "Timeout": second / 2, "StartPeriod": 2 * second,
        "StartInterval": second, "Retries": 4,
    });
    assert_eq!(config.healthcheck, Some(check));
    assert_eq!(built.image.layers.len(), 1, "none of these makes a layer");
}

#[test]
fn cmd_and_entrypoint_of_the_base() {
    // The base has CMD sh.
    let inherited = World::new("FROM busybox\nLABEL a=b\n").build(&[]);
    assert_eq!(inherited.config().cmd.clone().unwrap(), ["sh"]);

    let reset = World::new("FROM busybox\nENTRYPOINT [\"/bin/ls\"]\n").build(&[]);
    assert_eq!(reset.config().cmd, None, "it would be the arguments of another program");

    let before = World::new("FROM busybox\nCMD [\"-l\"]\nENTRYPOINT [\"/bin/ls\"]\n").build(&[]);
    assert_eq!(before.config().cmd.clone().unwrap(), ["-l"], "this stage's own CMD stays");

    let stages = World::new(
        "FROM busybox AS one\nCMD [\"-l\"]\nFROM one\nENTRYPOINT exec ls\nHEALTHCHECK NONE\n",
    );
    let stages = stages.build(&[]);
    assert_eq!(stages.config().cmd, None, "CMD of the stage before is inherited");
    assert_eq!(stages.config().entrypoint.clone().unwrap(), ["/bin/sh", "-c", "exec ls"]);
    assert_eq!(stages.config().healthcheck, Some(json!({ "Test": ["NONE"] })));

    let exec = World::new(
        "FROM busybox\nSHELL [\"/bin/ash\", \"-c\"]\nCMD a b\nHEALTHCHECK CMD [\"a\", \"b c\"]\n",
    );
    let exec = exec.build(&[]);
    assert_eq!(exec.config().cmd.clone().unwrap(), ["/bin/ash", "-c", "a b"]);
    assert_eq!(exec.config().healthcheck, Some(json!({ "Test": ["CMD", "a", "b c"] })));
}

#[test]
fn history_and_times_are_of_the_epoch() {
    let world = World::new(
        "FROM busybox
# a comment
RUN echo \"a  b\" \\
    > /file
ENV A=1
RUN [\"true\"]
COPY Dockerfile /copied
CMD [\"sh\"]
",
    );
    let built = world.build(&[]);
    // The base is of the first of January 2026.
    let created = "2026-01-01T00:00:00Z";
    assert_eq!(built.image.config.created.as_deref(), Some(created));
    for entry in &built.image.config.history {
        assert_eq!(entry.created.as_deref(), Some(created), "{entry:?}");
    }
    let history = built.history();
    let layers: Vec<bool> = history.iter().map(|(_, layer)| *layer).collect();
    assert_eq!(layers, [true, false, false, true, false]);
    let texts: Vec<&str> = history.iter().map(|(text, _)| *text).collect();
    assert!(texts[0].starts_with("RUN /bin/sh -c echo \"a  b\" "), "{texts:?}");
    assert_eq!(texts[1..], ["ENV A=1", "RUN true", "COPY Dockerfile /copied", "CMD [\"sh\"]"]);
    for (path, node) in built.tree.iter() {
        assert!(node.mtime.seconds <= 1_767_225_600, "{}", String::from_utf8_lossy(path));
        assert_eq!(node.mtime.nanoseconds, 0, "{}", String::from_utf8_lossy(path));
    }
}

#[test]
fn the_epoch_can_be_given_and_is_the_locks_afterwards() {
    let world = World::new("FROM busybox\nRUN touch /file && touch -d @1000000000 /old\n");
    let output = format!("oci:{}", world.path("image").display());
    let context =
        format!("busybox=oci-layout://{}:latest", crate::world::base("busybox").display());
    let mut command = world.command();
    command.env("SOURCE_DATE_EPOCH", "1500000000").args([
        "build",
        "--build-context",
        &context,
        "-o",
        &output,
    ]);
    crate::world::succeed(&mut command);
    let built = world.build(&[]);
    assert_eq!(built.node("file").mtime.seconds, 1_500_000_000);
    assert_eq!(built.node("old").mtime.seconds, 1_000_000_000, "only what is later is clamped");
    assert_eq!(built.image.config.created.as_deref(), Some("2017-07-14T02:40:00Z"));
    assert!(world.read("Dockerfile.lock").contains("epoch = 1500000000"));
}

#[test]
fn two_builds_give_one_digest() {
    let world = World::new(
        "FROM busybox AS one
RUN echo $RANDOM > /dev/null; for n in 3 1 2; do mkdir /d$n; echo $n > /d$n/f; done; sleep 1
RUN ln /d1/f /d1/g; ln -s f /d1/h; mkfifo /pipe; chown -R app /d2
FROM one
COPY . /context
WORKDIR /made/here
RUN rm -r /d3
",
    );
    world.write("a/b", "content");
    let first = world.build_as("first", &[]);
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    std::fs::remove_file(world.path("context/Dockerfile.lock")).unwrap();
    // Another time of writing, another order of making.
    std::fs::remove_dir_all(world.path("context/a")).unwrap();
    world.write("a/b", "content");
    let second = world.build_as("second", &[]);
    assert_eq!(first.digest(), second.digest());
    assert_eq!(first.image.config_bytes, second.image.config_bytes);
}
