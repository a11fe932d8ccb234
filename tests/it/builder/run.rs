//! RUN in all its forms, SHELL, WORKDIR and USER.

use super::built::Built;
use crate::world::World;

#[test]
fn shell_and_exec_forms() {
    let world = World::new(
        r#"FROM busybox
RUN echo shell "$((1 + 2))" > /shell
RUN ["/bin/sh", "-c", "echo $0 $1 > /exec", "a b", "$HOME"]
RUN echo one > /continued && \
    # a comment in between

    echo two >> /continued
RUN [ -d /tmp ] && echo "no JSON" > /bracket
SHELL ["/bin/busybox", "sh", "-e", "-c"]
RUN echo "$0 $-" > /other; false || true
"#,
    );
    let built = world.build(&[]);
    assert_eq!(built.text("shell"), "shell 3\n");
    assert_eq!(built.text("exec"), "a b $HOME\n", "the exec form is not expanded");
    assert_eq!(built.text("continued"), "one\ntwo\n");
    assert_eq!(built.text("bracket"), "no JSON\n");
    assert!(built.text("other").contains('e'), "{}", built.text("other"));
    assert_eq!(built.config().shell.clone().unwrap(), ["/bin/busybox", "sh", "-e", "-c"]);
}

#[test]
fn heredocs() {
    let world = World::new(
        "FROM busybox
ARG NAME=world
RUN <<EOF
cd /tmp
echo \"hello $NAME from $(pwd)\" > /heredoc
EOF
RUN <<-EOF
\techo stripped > /stripped
\tEOF
RUN <<'EOF'
echo '$NAME' \"$NAME\" > /quoted
EOF
RUN <<SCRIPT
#!/bin/awk -f
BEGIN { print \"awk\", ENVIRON[\"NAME\"] > \"/script\" }
SCRIPT
RUN cat <<ONE > /one && cat <<'TWO' > /two
first $NAME
ONE
second $NAME
TWO
RUN sh 3<<EOF -c 'cat <&3 > /descriptor'
three
EOF
RUN ls /dev/pipes > /pipes 2>&1 || true
",
    );
    let built = world.build(&[]);
    assert_eq!(built.text("heredoc"), "hello world from /tmp\n");
    assert_eq!(built.text("stripped"), "stripped\n");
    assert_eq!(built.text("quoted"), "$NAME world\n");
    assert_eq!(built.text("script"), "awk world\n");
    assert_eq!(built.text("one"), "first world\n");
    assert_eq!(built.text("two"), "second $NAME\n");
    assert_eq!(built.text("descriptor"), "three\n");
    assert!(built.text("pipes").contains("No such file"), "{}", built.text("pipes"));
}

#[test]
fn workdir_is_made_and_relative_to_the_one_before() {
    let world = World::new(
        "FROM busybox
ENV BASE=/srv
WORKDIR $BASE/app
WORKDIR logs/../data
RUN pwd > /pwd
RUN ln -s /srv/app /link
WORKDIR /link/through
USER app
WORKDIR /of-root
WORKDIR /etc
",
    );
    let built = world.build(&[]);
    assert_eq!(built.text("pwd"), "/srv/app/data\n");
    assert_eq!(built.owned("srv/app/data"), (0o755, 0, 0));
    assert!(!built.has("srv/app/logs"));
    assert!(built.has("srv/app/through"), "links in the image are followed");
    assert_eq!(built.owned("of-root"), (0o755, 0, 0), "as BuildKit has it, whatever USER says");
    assert_eq!(built.config().working_dir, "/etc");
    let last = built.history().pop().unwrap();
    assert_eq!(last, ("WORKDIR /etc", false), "nothing was made");
}

#[test]
fn user_by_name_and_number() {
    let world = World::new(
        "FROM busybox
RUN chmod 777 /root && mkdir -m 777 /out
USER app
RUN id > /out/name; echo $HOME > /out/home; touch /out/file
USER 1000
RUN id -u > /out/number; id -g >> /out/number; id -G >> /out/number; echo $HOME >> /out/number
USER app:extra
RUN id -g > /out/group; id -G >> /out/group
USER 4000
RUN id -u > /out/unknown; id -g >> /out/unknown; echo $HOME >> /out/unknown
USER 4000:4001
RUN id -u > /out/both; id -g >> /out/both
ENV HOME=/elsewhere
ARG WHO=app
USER $WHO
RUN echo $HOME > /out/set
RUN grep Cap /proc/self/status > /out/capabilities; mkdir /denied 2>/dev/null || echo no > /out/denied
",
    );
    let built = world.build(&[]);
    assert_eq!(
        built.text("out/name"),
        "uid=1000(app) gid=1000(app) groups=1000(app),1001(extra)\n"
    );
    assert_eq!(built.text("out/home"), "/home/app\n");
    assert_eq!(built.owned("out/file"), (0o644, 1000, 1000));
    assert_eq!(built.text("out/number"), "1000\n1000\n1000 1001\n/home/app\n");
    assert_eq!(built.text("out/group"), "1001\n1001\n", "a named group is the only one");
    assert_eq!(built.text("out/unknown"), "4000\n0\n/\n");
    assert_eq!(built.text("out/both"), "4000\n4001\n");
    assert_eq!(built.text("out/set"), "/elsewhere\n");
    assert_eq!(built.text("out/denied"), "no\n");
    assert!(built.text("out/capabilities").contains("CapEff:\t0000000000000000"));
    assert_eq!(built.config().user, "app");
}

#[test]
fn directives_and_other_line_ends() {
    let world = World::new(
        "# syntax=docker/dockerfile:1\r
# escape=`\r
# check=skip=all\r
from busybox\r
run echo one ` \r
    two > /file\r
# comment\r
Copy --link [\"a`tb\", \"/c:\\\\d\"]\r
",
    );
    world.write("atb", "x");
    let built = world.build(&[]);
    assert_eq!(built.text("file"), "one two\n");
    assert_eq!(built.text("c:\\d"), "x");
}

#[test]
fn a_step_that_fails_ends_the_build() {
    let world = World::new(
        "FROM busybox\nRUN echo before\nRUN echo said >&2; exit 7\nRUN echo afterwards\n",
    );
    let ran = world.fail(4, &["-o", "oci:image", "--progress", "plain"]);
    let ran = ran.says(&["Dockerfile:3:1", "exit code 7", "| said"]);
    assert!(!ran.stderr.contains("afterwards"), "{}", ran.stderr);
    assert!(!world.path("context/image").exists());
    assert!(!world.path("context/Dockerfile.lock").exists());

    let killed = World::new("FROM busybox\nRUN sh -c 'kill -KILL $$'; exit $?\n");
    killed.fail(4, &[]).says(&["Dockerfile:2:1", "exit code 137"]);
    let missing = World::new("FROM busybox\nRUN [\"/no/such\"]\n");
    missing.fail(4, &[]).says(&["/no/such", "127"]);
    let file = World::new("FROM busybox\nWORKDIR /etc/passwd/below\n");
    file.fail(4, &[]).says(&["Dockerfile:2:1", "WORKDIR /etc/passwd/below"]);
    let user = World::new("FROM busybox\nUSER nobody\nRUN true\n");
    user.fail(4, &[]).says(&["Dockerfile:3:1", "unable to find user `nobody`"]);
}

/// What outgrows memory starts anew on the disk, and nobody can tell from the image.
#[test]
fn a_step_that_outgrows_memory_is_the_same_on_the_disk() {
    let world = World::new(
        "FROM busybox
RUN echo small > /small
RUN echo attempt; for i in 1 2 3 4 5 6 7 8; do \
      dd if=/dev/zero of=/large$i bs=1M count=2 2>/dev/null; sleep 0.05; done; ls / > /list
RUN cat /small /list > /both
",
    );
    let output = format!("oci:{}", world.path("spilled").display());
    let arguments = ["--scratch-memory", "4m", "--progress", "plain", "-o", &output];
    let ran = world.on_busybox("build", &arguments).expect(0);
    let told = "these files take more memory than they may; the step starts anew on the disk";
    assert_eq!(ran.stderr.matches(told).count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("] attempt\n").count(), 2, "{}", ran.stderr);
    let spilled = Built::open(&world.path("spilled"));
    for size in ["0", "1g"] {
        let built = world.build_as("other", &["--scratch-memory", size]);
        assert_eq!(built.image.manifest_digest, spilled.image.manifest_digest, "{size}");
    }
}

/// A failure is a failure, in memory too; it is not tried again.
#[test]
fn a_step_that_fails_in_memory_fails_once() {
    let world = World::new("FROM busybox\nRUN echo attempt; exit 3\n");
    let ran = world.on_busybox("build", &["--progress", "plain"]).expect(4);
    assert_eq!(ran.stderr.matches("] attempt\n").count(), 1, "{}", ran.stderr);
}
