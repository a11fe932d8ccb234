//! COPY and ADD: what goes where, and as whose.

use crate::world::{World, succeed, tool};
use rlock::archive::tar::{Entry, Kind, Timestamp, Writer};
use rlock::store::NodeKind;
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// `cap_net_raw+ep`, in the kernel's second version of the attribute.
pub(super) const CAPABILITY: &[u8] =
    &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn entry(path: &str, size: usize) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        kind: Kind::File,
        mode: 0o640,
        uid: 7,
        gid: 8,
        mtime: Timestamp { seconds: 1_000_000_000, nanoseconds: 0 },
        size: size as u64,
        link: Vec::new(),
        xattrs: BTreeMap::new(),
        user_name: Vec::new(),
        group_name: Vec::new(),
    }
}

/// An archive of these files, sorted by path.
pub(super) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (path, text) in files {
        writer.append(&entry(path, text.len()), &mut text.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

/// An archive of one program with a file capability.
pub(super) fn tar_with_capability() -> Vec<u8> {
    let mut tool = entry("tool", 4);
    tool.mode = 0o755;
    tool.xattrs.insert(b"security.capability".to_vec(), CAPABILITY.to_vec());
    let mut writer = Writer::new(Vec::new());
    writer.append(&tool, &mut &b"tool"[..]).unwrap();
    writer.finish().unwrap()
}

#[test]
fn files_and_directories_go_where_docker_puts_them() {
    let world = World::new(
        "FROM busybox
WORKDIR /srv
COPY a.txt renamed
COPY a.txt into/
COPY a.txt b.txt several/
COPY dir as-dir
COPY dir /srv/into
COPY [\"with space.txt\", \"/quoted dir/\"]
COPY . /all/
COPY ./dir/../a.txt ../up
COPY /a.txt .
",
    );
    for path in ["a.txt", "b.txt", "dir/one", "dir/sub/two", "with space.txt"] {
        world.write(path, path);
    }
    let built = world.build(&[]);
    for (path, text) in [
        ("srv/renamed", "a.txt"),
        ("srv/into/a.txt", "a.txt"),
        ("srv/several/b.txt", "b.txt"),
        ("srv/as-dir/one", "dir/one"),
        ("srv/as-dir/sub/two", "dir/sub/two"),
        ("srv/into/sub/two", "dir/sub/two"),
        ("quoted dir/with space.txt", "with space.txt"),
        ("all/dir/sub/two", "dir/sub/two"),
        ("up", "a.txt"),
        ("srv/a.txt", "a.txt"),
    ] {
        assert_eq!(built.text(path), text, "{path}");
    }
    assert!(built.has("all/Dockerfile"), "the Dockerfile is part of the context");
}

#[test]
fn wildcards() {
    let world = World::new(
        "FROM busybox
COPY *.txt /star/
COPY ?.txt [x-z]* /class/
COPY d*/f* /deep/
COPY *.none a.txt /some/
COPY lit[[]x] /escaped/
",
    );
    for path in ["a.txt", "bb.txt", "xyz", "d1/f1", "d2/f2", "d2/other", "lit[x]"] {
        world.write(path, path);
    }
    let built = world.build(&[]);
    let below = |top: &str| -> Vec<String> {
        let paths = built.tree.iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned());
        paths.filter_map(|path| path.strip_prefix(&format!("{top}/")).map(str::to_owned)).collect()
    };
    assert_eq!(below("star"), ["a.txt", "bb.txt"]);
    assert_eq!(below("class"), ["a.txt", "xyz"]);
    assert_eq!(below("deep"), ["f1", "f2"]);
    assert_eq!(below("some"), ["a.txt"]);
    assert_eq!(below("escaped"), ["lit[x]"]);
}

#[test]
fn owners_and_modes() {
    let world = World::new(
        "FROM busybox AS source
RUN mkdir /tree && echo x > /tree/file && chown -R app:extra /tree && chmod 700 /tree
FROM busybox
COPY --chown=app file /name
COPY --chown=app:extra file /both
COPY --chown=55 file /number
COPY --chown=55:66 --chmod=4711 file /numbers
COPY --chmod=u=rwX,go=rX dir /dir
COPY --from=source /tree /kept
COPY --from=source --chown=root:root /tree /changed
COPY --chown=app:app file /made/by/copy/file
COPY file plain
ADD --chmod=600 file /added
USER app
COPY file /as-user
",
    );
    world.write("file", "x");
    world.write("dir/private", "x");
    let set = |path: &str, mode| {
        let path = world.path("context").join(path);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set("file", 0o664);
    set("dir/private", 0o600);
    let built = world.build(&[]);
    for (path, owned) in [
        ("name", (0o664, 1000, 1000)),
        ("both", (0o664, 1000, 1001)),
        ("number", (0o664, 55, 55)),
        ("numbers", (0o4711, 55, 66)),
        ("dir/private", (0o644, 0, 0)),
        ("kept/file", (0o644, 1000, 1001)),
        ("changed/file", (0o644, 0, 0)),
        ("made/by/copy", (0o755, 1000, 1000)),
        ("made", (0o755, 1000, 1000)),
        ("plain", (0o664, 0, 0)),
        ("added", (0o600, 0, 0)),
        ("as-user", (0o664, 0, 0)),
    ] {
        assert_eq!(built.owned(path), owned, "{path}");
    }
}

#[test]
fn links_in_the_context_and_in_the_image() {
    let world = World::new(
        "FROM busybox
RUN mkdir /real && ln -s /real /link && ln -s real/file /filelink && ln -s ../../../../etc /escape
COPY dir /dir
COPY to-file /followed
COPY file /link/
COPY dir /link
COPY file /link/sub/deep
COPY file /filelink
COPY file /escape/through
",
    );
    world.write("file", "file");
    world.write("dir/inner", "inner");
    symlink("inner", world.path("context/dir/relative")).unwrap();
    symlink("/etc/passwd", world.path("context/dir/absolute")).unwrap();
    symlink("file", world.path("context/to-file")).unwrap();
    std::fs::hard_link(world.path("context/dir/inner"), world.path("context/dir/same")).unwrap();
    let built = world.build(&[]);
    assert_eq!(built.node("dir/relative").kind, NodeKind::Symlink(b"inner".to_vec()));
    assert_eq!(built.node("dir/absolute").kind, NodeKind::Symlink(b"/etc/passwd".to_vec()));
    assert_eq!(built.text("followed"), "file", "a source that is a link is followed");
    assert_eq!(built.node("link").kind, NodeKind::Symlink(b"/real".to_vec()));
    assert_eq!(built.text("real/inner"), "inner");
    assert_eq!(built.text("real/sub/deep"), "file");
    assert_eq!(built.text("etc/through"), "file", "links end at the image's root");
    assert_eq!(built.text("real/file"), "file");
    assert!(!std::path::Path::new("/etc/through").exists());
}

#[test]
fn local_archives_are_unpacked_by_add_alone() {
    let world = World::new(
        "FROM busybox
ADD plain.tar /plain/
ADD packed.tar.gz packed.tar.xz /packed/
ADD not-a.tar /kept/
ADD --unpack=false plain.tar /whole/
ADD --chown=app plain.tar /owned
COPY plain.tar /copied/
ADD dir /dir
",
    );
    world.write("plain.tar", tar(&[("one", "1"), ("sub/two", "2")]));
    world.write("not-a.tar", "text");
    world.write("dir/plain.tar", tar(&[("one", "1")]));
    world.write("tree/three", "3");
    world.write("tree/four", "4");
    let run = |arguments: &[&str]| {
        succeed(tool("tar", "tar").args(arguments).current_dir(world.path("context")));
    };
    run(&["-czf", "packed.tar.gz", "-C", "tree", "three"]);
    run(&["-cJf", "packed.tar.xz", "-C", "tree", "four"]);
    let built = world.build(&[]);
    assert_eq!(built.text("plain/sub/two"), "2");
    assert_eq!(built.owned("plain/one"), (0o640, 7, 8));
    assert_eq!(built.node("plain/one").mtime.seconds, 1_000_000_000);
    assert_eq!(built.text("packed/three"), "3");
    assert_eq!(built.text("packed/four"), "4");
    assert_eq!(built.text("kept/not-a.tar"), "text");
    assert!(built.has("whole/plain.tar") && !built.has("whole/one"));
    assert_eq!(built.owned("owned/one"), (0o640, 1000, 1000));
    assert!(built.has("copied/plain.tar") && !built.has("copied/one"));
    assert!(built.has("dir/plain.tar"), "only what is named is unpacked");
}

#[test]
fn heredocs_become_files() {
    let world = World::new(
        "FROM busybox
ENV NAME=world
COPY <<EOF /expanded
hello $NAME \\$NAME
EOF
COPY <<'EOF' /verbatim
hello $NAME
EOF
COPY <<-first <<second file /several/
\tstripped
\tfirst
  kept
second
COPY --chmod=755 --chown=app <<EOF /script.sh
#!/bin/sh
EOF
ADD <<EOF /empty
EOF
",
    );
    world.write("file", "file");
    let built = world.build(&[]);
    assert_eq!(built.text("expanded"), "hello world $NAME\n");
    assert_eq!(built.text("verbatim"), "hello $NAME\n");
    assert_eq!(built.text("several/first"), "stripped\n");
    assert_eq!(built.text("several/second"), "  kept\n");
    assert_eq!(built.text("several/file"), "file");
    assert_eq!(built.owned("script.sh"), (0o755, 1000, 1000));
    assert_eq!(built.owned("expanded"), (0o644, 0, 0));
    assert_eq!(built.text("empty"), "");
    assert_eq!(built.node("expanded").mtime.seconds, 1_767_225_600);
}
