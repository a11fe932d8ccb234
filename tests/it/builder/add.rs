//! ADD from elsewhere: files and git repositories of servers on loopback; and what is found to be wrong
//! with COPY and ADD before anything is built.

use super::built::Built;
use super::site::{Site, repositories, serve, tar};
use crate::world::{World, succeed};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn files() -> String {
    let mut files = BTreeMap::new();
    let dated = "Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT\r\n";
    files.insert("/a/file.txt".to_owned(), (dated.to_owned(), b"content\n".to_vec()));
    files.insert("/b/second".to_owned(), (String::new(), b"two\n".to_vec()));
    files.insert("/x.tar.gz".to_owned(), (String::new(), tar()));
    files.insert("/odd/%5Ba%2A%5D?q=/z".to_owned(), (String::new(), b"odd\n".to_vec()));
    files.insert("/".to_owned(), (String::new(), b"index\n".to_vec()));
    serve(Site::Files(files))
}

/// Of `content\n`.
const SUM: &str = "sha256:434728a410a78f56fc1b5899c3593436e61ab0c731e9072d95e96db290205e53";

#[test]
fn urls_become_files() {
    let server = files();
    let heredoc = "<<EOF /several/\nhere\nEOF";
    let world = World::new(&format!(
        "FROM busybox
ARG BASE={server}
ARG NAME=none
ADD $BASE/a/${{NAME}}.txt /plain/
ADD --checksum={SUM} $BASE/a/file.txt /renamed
ADD --chmod=755 --chown=app:extra {server}/b/second /owned/
ADD local {server}/a/file.txt {server}/b/second {heredoc}
ADD {server}/x.tar.gz /packed/
ADD --unpack {server}/x.tar.gz /unpacked/
ADD [\"{server}/odd/%5Ba%2A%5D?q=/z\", \"/odd/\"]
ADD {server} /unnamed/
RUN cat /plain/file.txt /renamed > /together
"
    ));
    world.write("local", "local\n");
    let built = world.build(&["--build-arg", "NAME=file"]);
    assert_eq!(built.text("plain/file.txt"), "content\n");
    assert_eq!(built.owned("plain/file.txt"), (0o600, 0, 0));
    assert_eq!(built.node("plain/file.txt").mtime.seconds, 1_136_214_245);
    assert_eq!(built.node("several/second").mtime.seconds, 0);
    assert_eq!(built.text("renamed"), "content\n");
    assert_eq!(built.owned("owned/second"), (0o755, 1000, 1001));
    for name in ["local", "file.txt", "second", "EOF"] {
        assert!(built.has(&format!("several/{name}")), "{name}");
    }
    assert!(built.has("packed/x.tar.gz") && !built.has("packed/inner"));
    assert_eq!(built.text("unpacked/inner"), "inside\n");
    assert_eq!(built.text("odd/[a*]"), "odd\n");
    assert_eq!(built.text("unnamed/__unnamed__"), "index\n");
    assert_eq!(built.text("together"), "content\ncontent\n");
}

#[test]
fn urls_that_give_nothing() {
    let server = files();
    let missing = World::new(&format!("FROM busybox\nADD {server}/none /\n"));
    missing.fail(4, &[]).says(&["Dockerfile:2:1", "/none` answered with status 404"]);
    let wrong = SUM.replace("4347", "0000");
    let other =
        World::new(&format!("FROM busybox\nADD --checksum={wrong} {server}/a/file.txt /\n"));
    other.fail(3, &[]).says(&["/a/file.txt` is sha256:4347", "and not sha256:0000", "hint: "]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = World::new(&format!("FROM busybox\nADD http://127.0.0.1:{port}/x /\n"));
    nobody.fail(5, &[]).says(&["Dockerfile:2:1", "cannot get `http://127.0.0.1:"]);
    let secret = World::new(&format!("FROM busybox\nADD {server}/a/file.txt /\n"));
    secret.write("token", "t");
    let token = "id=HTTP_AUTH_TOKEN_server.test,src=token";
    let ran = secret.fail(4, &["--secret", token]);
    ran.says(&["`HTTP_AUTH_TOKEN_server.test` is not supported", "hint: use `RUN --mount"]);
    secret.fail(5, &["--offline"]).says(&["nothing may be fetched while offline"]);
}

/// A server of repositories, by the protocol that `site` makes; the id of the first commit.
fn git_server(folder: &Path, site: fn(PathBuf) -> Site) -> (String, String) {
    let server = serve(site(folder.to_owned()));
    let first = repositories(folder, &server);
    (server, first)
}

#[test]
fn repositories_become_trees() {
    let folder = tempfile::tempdir().unwrap();
    let (server, first) = git_server(folder.path(), Site::Git);
    let world = World::new(&format!(
        "FROM busybox
ARG TAG=v1
ADD {server}/tree.git /main
ADD {server}/tree.git#$TAG /tag
ADD {server}/tree.git#other:docs /docs/
ADD --chown=app {server}/tree.git?ref=refs/heads/other&submodules=0 /branch
ADD --checksum={start} {server}/tree.git#light /light
ADD {server}/tree.git#{first} /commit
ADD {server}/part.git {server}/tree.git#v1 /both/
",
        start = &first[..7],
    ));
    let built = world.build(&[]);
    assert_eq!(built.text("main/file"), "two\n");
    assert_eq!(built.text("main/sub/part/part"), "part\n");
    assert!(!built.has("main/.git") && !built.has("main/sub/part/.git"));
    assert_eq!(built.text("tag/file"), "one\n");
    assert_eq!(built.owned("tag/file"), (0o644, 0, 0));
    assert_eq!(built.owned("tag/tool"), (0o755, 0, 0));
    assert_eq!(built.owned("tag/docs"), (0o755, 0, 0));
    assert!(built.has("docs/page") && !built.has("docs/file"));
    assert_eq!(built.text("branch/file"), "other\n");
    assert_eq!(built.owned("branch/file"), (0o644, 1000, 1000));
    assert_eq!(built.text("light/file"), "one\n");
    assert_eq!(built.text("commit/file"), "one\n");
    assert!(built.has("both/part") && built.has("both/tool"));
}

#[test]
fn what_is_kept_of_a_repository_is_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = git_server(folder.path(), Site::Git);
    let world = World::new(&format!(
        "FROM busybox
ADD --keep-git-dir=true {server}/tree.git#v1 /tag
ADD --keep-git-dir=true {server}/tree.git /main
ADD {server}/tree.git?keep-git-dir=1&subdir=docs /docs
"
    ));
    // Nothing may differ: neither a difference nor a normaliser is expected.
    world.on_busybox("check", &["--fail-on", "note"]).expect(0);
    let built = world.build(&[]);
    let head = built.text("main/.git/HEAD");
    assert_eq!(head.trim().len(), 40, "{head}");
    assert!(built.text("main/.git/config").contains(&format!("url = {server}/tree.git")));
    assert!(built.has("main/.git/refs/heads/main") && built.has("tag/.git/refs/tags/v1"));
    assert!(built.has("main/.git/modules/part/HEAD") && built.has("main/sub/part/.git"));
    assert!(!built.has("docs/.git"));
    for gone in ["logs", "FETCH_HEAD", "hooks"] {
        assert!(!built.has(&format!("main/.git/{gone}")), "{gone}");
    }
    // Whoever has the image can work with it.
    assert_eq!(unpack_and(&built, "main", &["status", "--porcelain"]), "");
    assert_eq!(unpack_and(&built, "tag", &["describe", "--tags"]), "v1\n");
}

/// What git says in a directory of the image, written out.
fn unpack_and(built: &Built, directory: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for layer in built.image.layers.iter().skip(1) {
        let mut tar = Command::new("tar");
        tar.arg("-xC").arg(folder.path()).stdin(Stdio::piped());
        let mut child = tar.spawn().unwrap();
        let mut bytes = Vec::new();
        layer.open().unwrap().read_to_end(&mut bytes).unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        assert!(child.wait().unwrap().success());
    }
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*"]).args(arguments);
    succeed(git.current_dir(folder.path().join(directory)))
}

#[test]
fn servers_without_single_commits_are_asked_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let (server, first) = git_server(folder.path(), Site::Directory);
    let world = World::new(&format!(
        "FROM busybox\nADD {server}/tree.git#v1 /tag\nADD {server}/tree.git#{first} /commit\n"
    ));
    let built = world.build(&[]);
    assert_eq!(built.text("tag/file"), "one\n");
    assert_eq!(built.text("commit/file"), "one\n");
}

#[test]
fn repositories_that_give_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = git_server(folder.path(), Site::Git);
    for (source, code, texts) in [
        ("tree.git#none", 4, &["/tree.git` has no reference `none`", "hint: a branch"][..]),
        (
            "none.git",
            4,
            &["git could not fetch `http://server.test:", "/none.git` (exit code 128)"],
        ),
        ("tree.git#v1:none", 4, &["the repository has no directory `none`"]),
        ("tree.git#v1:file", 4, &["the repository has no directory `file`"]),
        ("tree.git?commit=0123456", 4, &["has no reference `0123456`"]),
        ("tree.git?ref=v1&checksum=0123", 3, &["/tree.git` is ", "and not 0123"]),
        ("private/part.git", 4, &["git could not fetch"]),
    ] {
        let world = World::new(&format!("FROM busybox\nADD {server}/{source} /x\n"));
        let ran = world.fail(code, &[]).says(texts);
        assert!(ran.stderr.contains("Dockerfile:2:1"), "{}", ran.stderr);
    }
    let private = World::new(&format!("FROM busybox\nADD {server}/private/part.git /x\n"));
    private.write("token", "token123\n");
    let built = private.build(&["--secret", "id=GIT_AUTH_TOKEN,src=token"]);
    assert_eq!(built.text("x/part"), "part\n");
}

#[test]
fn adds_are_closed() {
    let server = files();
    let world = World::new(&format!("FROM busybox\nADD {server}/a/file.txt /\nRUN true\n"));
    world.on_busybox("check", &[]).expect(0);
    let lock = world.read("Dockerfile.lock");
    assert!(lock.contains("layer = ") && lock.contains("[result]"), "{lock}");
}

#[test]
fn what_is_wrong_is_found_before_anything_is_built() {
    for (instruction, texts) in [
        ("COPY --exclude=[ . /x", &["Dockerfile:3:", "`[` is not a valid pattern", "hint: "][..]),
        ("COPY a[ /x", &["Dockerfile:3:6", "`a[` is not a valid pattern"]),
        ("COPY --parents **/[ /x", &["Dockerfile:3:", "is not a valid pattern"]),
        ("COPY https://h.example/x /x", &["Dockerfile:3:6", "COPY takes only files", "hint: ADD"]),
        ("ADD --checksum=sha256:00 https://h.example/x /x", &["Dockerfile:3:16", "`sha256:00`"]),
        ("ADD --checksum=xyz https://h.example/x.git /x", &["`xyz` is not the id of a commit"]),
        ("ADD --checksum=abc a /x", &["`--checksum` is for URLs and git repositories"]),
        ("ADD --checksum=abc a https://h.example/x /x/", &["`--checksum` is for one source"]),
        ("ADD https://h.example/x.git?nope=1 /x", &["Dockerfile:3:5", "knows no `nope`"]),
    ] {
        let world = World::new(&format!("FROM busybox\nRUN touch /built\n{instruction}\n"));
        world.write("a", "a");
        let ran = world.fail(2, &["--progress", "plain"]).says(texts);
        assert!(!ran.stderr.contains("touch /built"), "{}", ran.stderr);
    }
    let world = World::new("FROM busybox\nRUN touch /built\nCOPY a /x\n");
    world.write("a", "a");
    world.write(".dockerignore", "x\n[\n");
    let ran = world.fail(2, &["--progress", "plain"]);
    let ran = ran.says(&[".dockerignore`: line 2: `[` is not a valid pattern", "hint: "]);
    assert!(!ran.stderr.contains("touch /built"), "{}", ran.stderr);
}

#[test]
fn patterns_without_a_match_are_worth_a_warning() {
    let world = World::new(
        "FROM busybox\nCOPY *.none /x/\nCOPY *.key *.txt /x/\nCOPY --parents deep/*.no /y/\n",
    );
    world.write("a.txt", "a");
    world.write("a.key", "a");
    world.write(".dockerignore", "*.key\n");
    let ran = world.on_busybox("check", &[]).expect(0).says(&[
        "warning: Dockerfile:2: `*.none` matches nothing in the build context",
        "warning: Dockerfile:3: `*.key` matches nothing but what .dockerignore leaves out",
        "warning: Dockerfile:4: `deep/*.no` matches nothing",
    ]);
    assert_eq!(ran.stderr.matches("warning: ").count(), 3, "once, not for each build");
}
