//! RUN --mount in all its types, and that nothing of a mount stays.

use super::built::Built;
use super::site::{Site, repositories, serve};
use crate::home::Home;
use crate::world::{World, base};

/// The paths that all layers have.
fn paths(built: &Built) -> Vec<&str> {
    built.added().concat()
}

#[test]
fn the_context_can_be_seen_and_not_changed() {
    let world = World::new(
        "FROM busybox
WORKDIR /out
RUN --mount=target=/src,readonly find /src | sort > list; \
    ! touch /src/new 2>/dev/null; ! rm /src/a 2>/dev/null; stat -c '%u:%g %a' /src/a > owner
RUN --mount=target=/src,rw echo more >> /src/a && rm /src/sub/b && mkdir /src/d && cat /src/a > changed
RUN --mount=source=sub/../sub,target=/deep/er/src cat /deep/er/src/b > sub
RUN --mount=source=a,target=/one/file cat /one/file > file; ! touch /one/file 2>/dev/null
RUN --mount=source=a,target=relative cat /out/relative > relative-was-here
ARG WHERE=/by
RUN --mount=source=a,target=$WHERE/name cat /by/name > variable
RUN --mount=target=/src true
",
    );
    world.write("a", "a\n");
    world.write("sub/b", "b\n");
    world.write("secret.key", "x\n");
    world.write(".dockerignore", "*.key\nDockerfile*\n");
    let built = world.build(&[]);
    assert_eq!(built.text("out/list"), "/src\n/src/.dockerignore\n/src/a\n/src/sub\n/src/sub/b\n");
    assert_eq!(built.text("out/owner"), "0:0 644\n");
    assert_eq!(built.text("out/changed"), "a\nmore\n");
    assert_eq!(built.text("out/sub"), "b\n");
    assert_eq!(built.text("out/file"), "a\n");
    assert_eq!(built.text("out/relative-was-here"), "a\n");
    assert_eq!(built.text("out/variable"), "a\n");
    for path in paths(&built) {
        assert!(path == "out" || path.starts_with("out/"), "{path} is in a layer");
    }
    assert!(!built.has("out/relative"));
    assert_eq!(world.read("a"), "a\n", "the user's own files stay as they are");
    assert_eq!(world.read("sub/b"), "b\n");
}

#[test]
fn stages_images_and_named_contexts_can_be_seen() {
    let world = World::new(
        "FROM busybox AS one
RUN mkdir /made && echo one > /made/file && ln -s made /link && chown app:app /made/file
FROM busybox
WORKDIR /out
RUN --mount=from=one,target=/one,rw cp /one/link/file file && echo x > /one/made/file
RUN --mount=from=one,source=/link,target=/one cat /one/file > again; stat -c %U /one/file > owner
RUN --mount=from=0,source=made/file,target=/f cat /f > number
RUN --mount=from=other:1,source=bin,target=/other/bin [ -x /other/bin/busybox ] && echo yes > image
RUN --mount=from=docs,target=/docs ls -A /docs > named
RUN --mount=from=scratch,target=/nothing,rw touch /nothing/x && ls /nothing > nothing
",
    );
    let docs = world.path("docs");
    std::fs::create_dir(&docs).unwrap();
    std::fs::write(docs.join("page"), "").unwrap();
    std::fs::write(docs.join("skip"), "").unwrap();
    std::fs::write(docs.join(".dockerignore"), "skip\n.dockerignore\n").unwrap();
    let other = format!("other:1=oci-layout://{}:latest", base("busybox").display());
    let named = format!("docs={}", docs.display());
    let built = world.build(&["--build-context", &other, "--build-context", &named]);
    let texts = ["file", "again", "owner", "number", "image", "named", "nothing"]
        .map(|name| built.text(&format!("out/{name}")));
    assert_eq!(texts, ["one\n", "one\n", "app\n", "one\n", "yes\n", "page\n", "x\n"]);
    assert!(paths(&built).iter().all(|path| path.starts_with("out")), "{:?}", paths(&built));
    let lock = world.read("Dockerfile.lock");
    assert!(lock.contains("reference = \"docker.io/library/other:1\""), "{lock}");
}

#[test]
fn caches_are_shared_by_the_steps_of_a_build_and_start_empty() {
    let world = World::new(
        "FROM busybox AS filled
RUN mkdir /start && echo filled > /start/file
FROM busybox
WORKDIR /out
RUN --mount=type=cache,target=/c ls -A /c > first; echo x > /c/x
RUN --mount=type=cache,target=/c//,ro ls -A /c > second; ! touch /c/y 2>/dev/null
RUN --mount=type=cache,id=/c,target=/elsewhere/deep ls -A /elsewhere/deep > third
RUN --mount=type=cache,target=/other ls -A /other > other; stat -c '%u:%g %a' /other >> other
RUN --mount=type=cache,target=/mine,uid=1000,gid=1001,mode=0750 stat -c '%u:%g %a' /mine > mine
RUN --mount=type=cache,id=f,target=/f,from=filled,source=/start cat /f/file > from; echo y >> /f/file
RUN --mount=type=cache,id=f,target=/f,from=filled,source=/start cat /f/file > from-again
RUN --mount=type=cache,target=/root/.cache/pip [ -d /root/.cache/pip ]
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/c/inner touch /c/inner/t && ls /c > nested
RUN ls -A / > top; ls -A /root > root
",
    );
    for _ in 0..2 {
        let built = world.build(&[]);
        let text = |name: &str| built.text(&format!("out/{name}"));
        assert_eq!(text("first"), "");
        assert_eq!(text("second"), "x\n");
        assert_eq!(text("third"), "x\n");
        assert_eq!(text("other"), "0:0 755\n");
        assert_eq!(text("mine"), "1000:1001 750\n");
        assert_eq!(text("from"), "filled\n");
        assert_eq!(text("from-again"), "filled\ny\n");
        assert_eq!(text("nested"), "inner\nx\n");
        for gone in ["c", "elsewhere", "other", "mine", "f"] {
            assert!(!text("top").lines().any(|line| line == gone), "{gone} in {}", text("top"));
        }
        assert!(!text("root").contains(".cache"), "{}", text("root"));
        assert!(paths(&built).iter().all(|path| path.starts_with("out")), "{:?}", paths(&built));
    }
}

/// A stage that uses caches at the same time as another: they meet in a shared one.
fn meeting(own: &str, other: &str) -> String {
    let wait = "wait_for() { n=0; while [ ! -e $1 ]; do n=$((n+1)); [ $n -lt 400 ] || return 1; \
                usleep 50000; done; }";
    format!(
        "FROM busybox AS {own}
RUN --mount=type=cache,id=meet,target=/meet --mount=type=cache,id=p,target=/p,sharing=private \
    set -e; {wait}; touch /p/{own} /meet/{own}; wait_for /meet/{other}; ls /p > /private; \
    touch /meet/{own}-done; wait_for /meet/{other}-done
RUN --mount=type=cache,id=l,target=/l,sharing=locked \
    mkdir /l/busy && usleep 300000 && rmdir /l/busy && touch /l/{own} && ls /l > /locked
"
    )
}

#[test]
fn parallel_stages_share_caches_as_they_say() {
    let world = World::new(&format!(
        "{}{}FROM busybox
COPY --from=one /private /locked /one/
COPY --from=two /private /locked /two/
",
        meeting("one", "two"),
        meeting("two", "one")
    ));
    let built = world.build(&[]);
    assert_eq!(built.text("one/private"), "one\n");
    assert_eq!(built.text("two/private"), "two\n");
    let locked = [built.text("one/locked"), built.text("two/locked")];
    assert!(locked.contains(&"one\ntwo\n".to_owned()), "{locked:?}");
}

#[test]
fn memory_is_limited_and_gone_afterwards() {
    let world = World::new(
        "FROM busybox
RUN mkdir -m 700 /there && touch /there/file
WORKDIR /out
RUN --mount=type=tmpfs,target=/there,size=1m stat -c %a /there > mode; ls /there > list; \
    dd if=/dev/zero of=/there/large bs=1k count=900 2>/dev/null && \
    ! dd if=/dev/zero of=/there/x bs=1k count=400 2>/dev/null
RUN --mount=type=tmpfs,target=/new/place touch /new/place/x /out/made
RUN --mount=type=tmpfs,target=/tmp,ro ! touch /tmp/x 2>/dev/null
",
    );
    let built = world.build(&[]);
    assert_eq!((built.text("out/mode").as_str(), built.text("out/list").as_str()), ("1777\n", ""));
    assert_eq!(built.owned("there").0, 0o700);
    assert!(built.has("there/file") && !built.has("there/large") && !built.has("new"));
}

#[test]
fn devices_in_mounts_cannot_be_opened() {
    let world = World::new(
        "FROM busybox AS made
RUN mknod /null c 1 3 2>/dev/null || touch /refused
FROM busybox
RUN --mount=from=made,target=/m [ -e /m/refused ] || ! cat /m/null 2>/dev/null
RUN --mount=type=cache,target=/c mknod /c/null c 1 3 2>/dev/null; ! cat /c/null 2>/dev/null
RUN --mount=type=tmpfs,target=/t mknod /t/null c 1 3 2>/dev/null; ! cat /t/null 2>/dev/null
",
    );
    world.build(&[]);
}

#[test]
fn agents_are_forwarded() {
    let world = World::new(
        "FROM busybox
WORKDIR /out
RUN --mount=type=ssh echo $SSH_AUTH_SOCK > where; stat -c '%F %u:%g %a' $SSH_AUTH_SOCK > what
RUN --mount=type=ssh,id=two,target=/agent,uid=1000,gid=1001,mode=0660 stat -c '%u:%g %a' /agent > two
RUN --mount=type=ssh,id=none [ ! -e /run/buildkit/ssh_agent.0 ]
",
    );
    let socket = world.path("agent");
    let _agent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let (one, two) = (format!("default={}", socket.display()), format!("two={}", socket.display()));
    let built = world.build(&["--ssh", &one, "--ssh", &two]);
    assert_eq!(built.text("out/where"), "/run/buildkit/ssh_agent.0\n");
    assert_eq!(built.text("out/what"), "socket 0:0 600\n");
    assert_eq!(built.text("out/two"), "1000:1001 660\n");
    assert!(!built.has("run/buildkit") && !built.has("agent"));
}

#[test]
fn places_that_the_image_has_removed_or_links_to() {
    let world = World::new(
        "FROM busybox
RUN mkdir -p /gone/below /real && ln -s /real /link
RUN rm -rf /gone
RUN --mount=target=/gone/below/deep [ -e /gone/below/deep/Dockerfile ]
RUN --mount=target=/link/deep [ -e /real/deep/Dockerfile ] && touch /real/own
RUN ls -A /real > /list; [ ! -e /gone ]
",
    );
    let built = world.build(&[]);
    assert_eq!(built.text("list"), "own\n");
    assert!(!built.has("gone"));
}

#[test]
fn mounts_that_cannot_be_made_are_named() {
    for (mount, code, texts) in [
        ("target=/x,source=none", 4, &["`/none` is not in the build context"][..]),
        ("target=/x,source=a/below", 4, &["a/below` is not in the build context"]),
        ("target=/x,from=busybox,source=/none", 4, &["`/none` is not in the image"]),
        ("target=/etc/passwd", 4, &["a directory cannot be mounted over the file `/etc/passwd`"]),
        ("target=/etc,source=a", 4, &["a file cannot be mounted over the directory `/etc`"]),
        ("target=/etc/passwd/x", 4, &["`/etc/passwd/x` cannot be mounted at"]),
        ("target=/", 2, &["Dockerfile:2:13", "a mount cannot cover the root"]),
        ("type=cache,target=/c,source=/s", 2, &["needs `from`"]),
        ("target=/x,from=later", 2, &["stage `later` does not stand above"]),
    ] {
        let world =
            World::new(&format!("FROM busybox\nRUN --mount={mount} true\nFROM busybox AS later\n"));
        world.write("a", "a");
        world.fail(code, &["--target", "0"]).says(texts);
    }
}

#[test]
fn only_what_the_context_can_have_reached_is_open() {
    let world = World::new(
        "FROM busybox AS clean
RUN echo clean > /clean
FROM busybox AS dirty
RUN --mount=target=/src cat /src/a > /a
RUN --mount=type=cache,id=shared,target=/c true
FROM busybox AS parallel
RUN --mount=type=cache,id=own,target=/c echo 1 > /one
RUN --mount=type=cache,id=shared,target=/c echo 2 > /two
FROM busybox
RUN --mount=from=clean,target=/clean cat /clean/clean > /copy
RUN --mount=from=dirty,target=/d touch /dirty
COPY --from=parallel /two /
",
    );
    world.write("a", "a");
    world.on_busybox("check", &[]).expect(0);
    let lock = world.read("Dockerfile.lock");
    let closed = |id: &str| {
        let step = lock.split("[[step]]").find(|step| step.contains(&format!("id = \"{id}\"\n")));
        step.unwrap_or_else(|| panic!("no step {id} in\n{lock}")).contains("layer = ")
    };
    assert!(closed("clean/1") && closed("parallel/1") && closed("3/1"), "{lock}");
    assert!(!closed("dirty/1"), "it takes from the context");
    assert!(!closed("parallel/2"), "an open step may have filled its cache");
    assert!(!closed("3/2") && !closed("3/3"), "they take from open stages");
    assert!(!lock.contains("[result]"), "{lock}");
    // Options are part of what a lock is about.
    world.write("Dockerfile", world.read("Dockerfile").replace("id=own", "id=other"));
    world.on_busybox("check", &["--locked"]).expect(1).says(&["does not fit"]);
}

/// Every kind of mount, and a repository, as root and as an ordinary user.
#[test]
fn root_and_others_get_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(Site::Git(folder.path().to_owned()));
    repositories(folder.path(), &server);
    let dockerfile = format!(
        "FROM busybox AS one
RUN mkdir /made && touch /made/file && chown 1000:1001 /made/file
FROM busybox
WORKDIR /out
RUN --mount=target=/src,rw --mount=type=cache,target=/c,uid=1000 --mount=type=tmpfs,target=/t,size=1m \\
    --mount=from=one,source=made,target=/made --mount=type=secret,id=s,uid=1000 \\
    stat -c '%n %u:%g %a' /src/a /c /t /made/file /run/secrets/s > seen && \\
    touch /src/new /c/new /t/new && chown 65534 /c/new && [ \"$(cat /run/secrets/s)\" = hush-hush ]
ADD --keep-git-dir {server}/tree.git#v1 /tree
"
    );
    let built = |home: Home| {
        home.world.write("a", "a");
        home.world.write("s", "hush-hush");
        home.give();
        let ran = home.on_busybox("build", &["--secret", "id=s,src=s"]).expect(0);
        let line = ran.stdout.lines().next().unwrap_or_default().to_owned();
        assert!(line.starts_with("built sha256:"), "{}", ran.stdout);
        line
    };
    assert_eq!(built(Home::of_user(&dockerfile)), built(Home::of_root(&dockerfile)));
}
