//! What a RUN leaves behind, as a layer: whiteouts, opaque directories, links, attributes.

use super::built::Built;
use crate::world::World;
use rlock::store::NodeKind;

#[test]
fn removed_files_are_whiteouts() {
    let world = World::new(
        "FROM busybox
RUN rm /etc/group && mv /etc/passwd /etc/moved && rm -r /var/lib
RUN mkdir -p /a/b && echo 1 > /a/b/one && echo 2 > /a/two
RUN rm -r /a && mkdir /a && echo new > /a/new
RUN ls -A /a > /seen; ls /etc | grep -v -e hosts -e resolv.conf >> /seen
RUN rm /a/new && ln -s /etc /a/new
RUN touch /gone && rm /gone
",
    );
    let built = world.build(&[]);
    let layers = built.added();
    assert_eq!(
        layers[0],
        ["etc", "etc/.wh.group", "etc/.wh.passwd", "etc/moved", "var", "var/.wh.lib"]
    );
    assert_eq!(layers[2], ["a", "a/.wh..wh..opq", "a/new"]);
    assert_eq!(layers[4], ["a", "a/new"]);
    assert_eq!(layers.len(), 5, "the last step left nothing");
    assert_eq!(built.text("seen"), "new\nmoved\n");
    for gone in ["etc/group", "etc/passwd", "var/lib", "a/b", "a/b/one", "a/two"] {
        assert!(!built.has(gone), "{gone}");
    }
    assert_eq!(built.node("a/new").kind, NodeKind::Symlink(b"/etc".to_vec()));
}

#[test]
fn kinds_modes_and_links_are_kept() {
    let world = World::new(
        "FROM busybox
RUN echo x > /file && ln /file /same && ln -s ../file /etc/link && mkfifo /pipe
RUN cp /bin/true /setuid; chown app:extra /setuid && chmod 6755 /setuid && mkdir -m 1777 /shared
RUN chmod 700 /root && chown -h app /etc/link
RUN ln /file /third; mknod /device c 1 3
RUN mkdir -m 2755 /group && touch -h -d @1234567890 /group
",
    );
    let built = world.build(&[]);
    assert_eq!(built.owned("setuid"), (0o6755, 1000, 1001));
    assert_eq!(built.owned("shared").0, 0o1777);
    assert_eq!(built.owned("root").0, 0o700);
    assert_eq!(built.owned("etc/link").1, 1000);
    assert_eq!(built.node("pipe").kind, NodeKind::Fifo);
    assert_eq!(built.node("device").kind, NodeKind::CharDevice { major: 1, minor: 3 });
    // A link to a file of a lower layer takes a copy, which the other names are not part of.
    assert_eq!(built.node("third").hardlink.as_deref(), Some(&b"file"[..]));
    assert_eq!(built.node("same").hardlink, None);
    assert_eq!(built.text("third"), "x\n");
    assert_eq!(built.owned("group").0, 0o2755);
    assert_eq!(built.node("group").mtime.seconds, 1_234_567_890);
}

#[test]
fn what_no_layer_can_hold_is_an_error_of_the_step() {
    let marked = World::new("FROM busybox\nRUN true\nRUN touch /tmp/.wh.x\n");
    marked
        .fail(4, &[])
        .says(&["Dockerfile:3:1", "`tmp/.wh.x` has a name that means a removed file"]);
    let deep = World::new(
        "FROM busybox\nRUN for i in $(seq 250); do mkdir 0123456789abcdef && cd 0123456789abcdef || exit 0; done\n",
    );
    deep.fail(4, &[])
        .says(&["Dockerfile:2:1", "cannot be in a layer: path is longer than 4095 bytes"]);
}

#[test]
fn names_are_bytes() {
    let world = World::new(
        r#"FROM busybox AS one
RUN touch "$(printf '/d\351')" "$(printf '/new\nline')" && mkdir "/with space" /lit[x]
FROM busybox
COPY --from=one /d* /new* /lit[[]x] /
"#,
    );
    let built = world.build(&[]);
    assert!(built.tree.get(b"d\xe9").is_some() && built.tree.get(b"new\nline").is_some());
}

#[test]
fn an_attribute_alone_makes_a_layer() {
    let world = World::new("FROM busybox\nRUN chmod 600 /etc/passwd\n");
    let built = world.build(&[]);
    assert_eq!(built.owned("etc/passwd").0, 0o600);
    assert!(built.text("etc/passwd").starts_with("root:"), "with its content");
}

#[test]
fn file_capabilities_survive_copies_and_layers() {
    // A tar made by others brings the capability in: busybox has no setcap.
    let world = World::new(
        "FROM busybox AS one
ADD tool.tar /
RUN cp /etc/passwd /other
FROM busybox
COPY --from=one /tool /copied
RUN touch /later
",
    );
    world.write("tool.tar", super::copy::tar_with_capability());
    let built = world.build(&[]);
    let value = &built.node("copied").xattrs[&b"security.capability"[..].to_vec()];
    assert_eq!(value, super::copy::CAPABILITY);
}

/// Paths that only hold mount points, and must not be in any layer.
fn assert_no_mount_points(built: &Built) {
    for layer in built.added() {
        for path in layer {
            let top = path.split('/').next().unwrap_or_default();
            assert!(!["proc", "dev", "sys"].contains(&top), "{path}");
            assert!(!["etc/resolv.conf", "etc/hosts"].contains(&path), "{path}");
        }
    }
}

#[test]
fn mount_points_leave_no_trace() {
    let world = World::new(
        "FROM busybox
RUN test -s /etc/resolv.conf && test -s /etc/hosts && test -e /proc/self && test -e /dev/null
RUN echo nameserver 192.0.2.1 > /etc/resolv.conf; echo x > /dev/shm/x; touch /etc/other
",
    );
    let built = world.build(&[]);
    assert_no_mount_points(&built);
    assert_eq!(built.added(), [["etc", "etc/other"]]);

    // On nothing at all, the sandbox still has all it needs.
    let scratch = World::new(
        "FROM scratch\nCOPY --from=busybox /bin/busybox /bin/sh /bin/\nRUN [\"/bin/busybox\", \"touch\", \"/made\"]\n",
    );
    let built = scratch.build(&[]);
    let paths: Vec<String> =
        built.tree.iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect();
    assert_eq!(paths, ["bin", "bin/busybox", "bin/sh", "made"]);
}

#[test]
fn an_image_with_its_own_dev_and_resolv_conf_keeps_them() {
    let world = World::new(
        "FROM busybox
ADD own.tar /
RUN echo changed > /etc/resolv.conf; rm -f /dev/own; ls /dev > /seen
",
    );
    let own = [("dev/own", "device"), ("etc/resolv.conf", "own\n"), ("proc/own", "p")];
    world.write("own.tar", super::copy::tar(&own));
    let built = world.build(&[]);
    assert_eq!(built.text("etc/resolv.conf"), "own\n");
    assert_eq!(built.text("dev/own"), "device");
    assert_eq!(built.text("proc/own"), "p");
    assert!(!built.text("seen").contains("own"), "{}", built.text("seen"));
    assert_eq!(built.added()[1], ["seen"]);
}
