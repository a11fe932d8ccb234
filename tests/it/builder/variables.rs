//! ENV and ARG: what wins, what is seen where, and what reaches the image.

use super::built::Built;
use crate::world::World;

/// The environment that a step wrote, without what the shell itself sets.
fn environment(built: &Built, path: &str) -> Vec<String> {
    let text = built.text(path);
    let own =
        |line: &&str| !["PWD=", "SHLVL=", "OLDPWD=", "_="].iter().any(|s| line.starts_with(s));
    // What the Door is trusted by has a test of its own.
    let ours = |line: &&str| !line.contains("=/dev/.rlock/");
    text.lines().filter(own).filter(ours).map(str::to_owned).collect()
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[test]
fn arguments_and_environment() {
    let world = World::new(
        r#"ARG TAG=one
ARG OTHER=${TAG}-two
ARG UNSEEN=global
FROM busybox
ARG TAG
ARG OTHER=own
ARG EMPTY
ARG GIVEN=default SECOND=$TAG
ARG LOCAL=${TAG:-no}/${EMPTY:+yes}${UNSEEN-unset}
ARG OVER=argument
ENV A=1 B=$A C=${TAG}
ENV D="$A b" E='$A' F=a\ b
ENV OVER=environment
ENV OLD  form with  spaces
RUN env | sort > /env
"#,
    );
    let built = world.build(&["--build-arg", "GIVEN=given", "--build-arg", "EMPTY="]);
    let mut expected = vec![
        "A=1",
        "B=",
        "C=one",
        "D=1 b",
        "E=$A",
        "EMPTY=",
        "F=a b",
        "GIVEN=given",
        "HOME=/root",
        "LOCAL=one/unset",
        "OLD=form with  spaces",
        "OTHER=own",
        "OVER=environment",
        PATH,
        "SECOND=one",
        "SOURCE_DATE_EPOCH=1767225600",
        "TAG=one",
    ];
    expected.sort_unstable();
    assert_eq!(environment(&built, "env"), expected);
    assert_eq!(
        built.config().env,
        [
            PATH,
            "A=1",
            "B=",
            "C=one",
            "D=1 b",
            "E=$A",
            "F=a b",
            "OVER=environment",
            "OLD=form with  spaces"
        ],
        "arguments are not the image's"
    );
    let config = String::from_utf8(built.image.config_bytes.clone()).unwrap();
    assert!(!config.contains("GIVEN=given"), "{config}");
}

#[test]
fn an_argument_without_a_value_comes_from_the_environment() {
    let world = World::new(
        "FROM busybox\nARG THERE=no\nARG ABSENT=default\nRUN echo $THERE $ABSENT > /file\n",
    );
    let output = format!("oci:{}", world.path("image").display());
    let context = format!("busybox=oci-layout://{}", crate::world::base("busybox").display());
    let mut command = world.command();
    command.env("THERE", "yes").env_remove("ABSENT");
    command.args(["build", "--build-arg", "THERE", "--build-arg", "ABSENT"]);
    command.args(["--build-context", &context, "-o", &output]);
    crate::world::succeed(&mut command);
    let built = Built::open(&world.path("image"));
    assert_eq!(built.text("file"), "yes default\n");
}

#[test]
fn arguments_end_with_their_stage_and_are_inherited_by_the_next() {
    let world = World::new(
        "ARG GLOBAL=global
FROM busybox AS parent
ARG GLOBAL
ARG OWN=own
ENV SET=set
RUN env | sort > /parent
FROM parent AS child
RUN env | sort > /child
FROM busybox AS stranger
RUN env | sort > /stranger
FROM busybox
COPY --from=child /parent /child /
COPY --from=stranger /stranger /
",
    );
    let built = world.build(&["--build-arg", "OWN=given"]);
    let common = ["HOME=/root", PATH, "SOURCE_DATE_EPOCH=1767225600"];
    let with = [
        "GLOBAL=global",
        "HOME=/root",
        "OWN=given",
        PATH,
        "SET=set",
        "SOURCE_DATE_EPOCH=1767225600",
    ];
    assert_eq!(environment(&built, "parent"), with);
    assert_eq!(environment(&built, "child"), with);
    assert_eq!(environment(&built, "stranger"), common);
}

#[test]
fn predefined_and_platform_arguments() {
    let world = World::new(
        "FROM --platform=$BUILDPLATFORM busybox
RUN env | grep -i proxy > /proxy
ARG TARGETARCH TARGETOS TARGETPLATFORM BUILDPLATFORM
RUN echo $TARGETOS/$TARGETARCH $TARGETPLATFORM $BUILDPLATFORM > /platform
RUN echo \"<$TARGETVARIANT>\" > /undeclared
",
    );
    let proxy =
        ["--build-arg", "HTTP_PROXY=http://proxy.example:3128", "--build-arg", "no_proxy=.example"];
    let built = world.build(&proxy);
    let mut lines: Vec<String> = built.text("proxy").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["HTTP_PROXY=http://proxy.example:3128", "no_proxy=.example"]);
    let platform = rlock::oci::Platform::host().to_string();
    assert_eq!(built.text("platform"), format!("{platform} {platform} {platform}\n"));
    assert_eq!(built.text("undeclared"), "<>\n");
    let config = String::from_utf8(built.image.config_bytes.clone()).unwrap();
    assert!(!config.contains("proxy.example"), "{config}");
    // A proxy is not part of what is built: the lock fits without one.
    std::fs::write(
        world.path("context/Dockerfile"),
        world.read("Dockerfile").replace("-i proxy", "-i proxy || true;"),
    )
    .unwrap();
    std::fs::remove_file(world.path("context/Dockerfile.lock")).unwrap();
    world.build(&proxy);
    world.on_busybox("build", &["--locked"]).expect(0);
}

#[test]
fn variables_in_every_instruction_that_expands_them() {
    let world = World::new(
        r#"ARG BASE=busy
FROM ${BASE}box
ENV N=8080 DIR=/data NAME=file ESCAPED=\$N WHO=app
WORKDIR ${DIR}
COPY $NAME ${NAME}.copy
ADD --chown=$WHO ${NAME} /added/
LABEL port="$N" single='$N' ${NAME}.key=v escaped=\$N
EXPOSE $N/tcp
VOLUME $DIR
USER $WHO
STOPSIGNAL SIG${TERM:-TERM}
ONBUILD RUN echo $N
HEALTHCHECK CMD echo $N
CMD echo $N
ENV PATTERN=${DIR#/} LONG=${N/80/90} UPPER=${NAME%le}
"#,
    );
    world.write("file", "content");
    let built = world.build(&[]);
    let config = built.config();
    assert_eq!(built.text("data/file.copy"), "content");
    assert_eq!(built.owned("added/file"), (0o644, 1000, 1000));
    assert_eq!(config.labels["port"], "8080");
    assert_eq!(config.labels["single"], "$N");
    assert_eq!(config.labels["file.key"], "v");
    assert_eq!(config.labels["escaped"], "$N");
    assert!(config.exposed_ports.contains("8080/tcp"));
    assert!(config.volumes.contains("/data"));
    assert_eq!(config.user, "app");
    assert_eq!(config.stop_signal.as_deref(), Some("SIGTERM"));
    assert_eq!(config.on_build, ["RUN echo $N"], "expanded when it is triggered");
    assert_eq!(config.cmd.clone().unwrap(), ["/bin/sh", "-c", "echo $N"], "the shell expands");
    let ends = ["PATTERN=data", "LONG=9080", "UPPER=fi"];
    assert_eq!(config.env[config.env.len() - 3..], ends);
}

#[test]
fn a_base_without_a_path_gets_the_usual_one() {
    let world = World::new("FROM scratch\nENV PATH=/opt/bin:$PATH\nLABEL path=$PATH\n");
    let built = world.build(&[]);
    let usual = PATH.replace("PATH=", "PATH=/opt/bin:");
    assert_eq!(built.config().env, [usual]);

    let plain = World::new("FROM scratch\nCOPY Dockerfile /\n");
    assert_eq!(plain.build(&[]).config().env, [PATH], "as BuildKit has it");
}
