//! What COPY leaves out: `.dockerignore`, `--exclude`, `--parents`; and what it refuses.

use super::built::Built;
use crate::world::World;

/// The files below a directory of the image.
fn below(built: &Built, top: &str) -> Vec<String> {
    let prefix = format!("{top}/");
    let files = built
        .tree
        .iter()
        .filter(|(_, node)| matches!(node.kind, rlock::store::NodeKind::File { .. }));
    let paths = files.map(|(path, _)| String::from_utf8_lossy(path).into_owned());
    paths.filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned)).collect()
}

fn tree(world: &World) {
    for path in
        ["a.txt", "b.md", "src/main.c", "src/test.o", "src/deep/x.o", "src/deep/y.c", "keep.o"]
    {
        world.write(path, path);
    }
}

#[test]
fn dockerignore_of_the_context_and_of_the_dockerfile() {
    let world = World::new("FROM busybox\nCOPY . /all/\nCOPY src /src/\n");
    tree(&world);
    world
        .write(".dockerignore", "# a comment\n**/*.o\n!keep.o\nDockerfile\n.dockerignore\n\nb.*\n");
    let built = world.build(&[]);
    assert_eq!(below(&built, "all"), ["a.txt", "keep.o", "src/deep/y.c", "src/main.c"]);
    assert_eq!(below(&built, "src"), ["deep/y.c", "main.c"]);

    world.write("other/Dockerfile", "FROM busybox\nCOPY . /all/\n");
    world.write("other/Dockerfile.dockerignore", "*\n!b.md\n");
    let built = world.build(&["-f", "other/Dockerfile"]);
    assert_eq!(below(&built, "all"), ["b.md"], "the Dockerfile's own one wins");
}

#[test]
fn dockerignore_does_not_hide_what_other_stages_have() {
    let world = World::new(
        "FROM busybox AS one\nRUN echo x > /hidden.o\nFROM busybox\nCOPY --from=one /hidden.o /\nADD a.txt /\n",
    );
    tree(&world);
    world.write(".dockerignore", "*.o\n");
    assert_eq!(world.build(&[]).text("hidden.o"), "x\n");
}

#[test]
fn exclude_and_parents() {
    let world = World::new(
        "FROM busybox
COPY --exclude=*.o --exclude=deep src /excluded/
COPY --exclude=**/*.o . /everywhere/
COPY --parents src/*.c src/deep/y.c /parents/
COPY --parents ./src/./deep/*.o /pivot/
",
    );
    tree(&world);
    world.write(".dockerignore", "Dockerfile\n.dockerignore\nb.md\n");
    let built = world.build(&[]);
    assert_eq!(below(&built, "excluded"), ["main.c", "test.o"][..1]);
    assert_eq!(below(&built, "everywhere"), ["a.txt", "src/deep/y.c", "src/main.c"]);
    assert_eq!(below(&built, "parents"), ["src/deep/y.c", "src/main.c"]);
    assert_eq!(below(&built, "pivot"), ["deep/x.o"]);
}

#[test]
fn what_cannot_be_copied_is_an_error_of_the_step() {
    let cases: [(&str, &[&str]); 7] = [
        (
            "COPY missing /\n",
            &[
                "Dockerfile:2:1",
                "`missing` is not in the build context",
                "hint: sources are relative",
            ],
        ),
        (
            "COPY keep.o /\n",
            &["left out of the build context by .dockerignore", "hint: add the line `!keep.o`"],
        ),
        ("COPY a.txt src /file\n", &["end the destination in `/`"]),
        ("COPY a.txt src/main.c /etc/passwd\n", &["several sources need a directory"]),
        ("COPY --chown=nobody a.txt /\n", &["unable to find user `nobody`"]),
        ("COPY ../../../etc/hostname-of-the-host /\n", &["is not in the build context"]),
        ("COPY a.txt /etc/passwd/x\n", &["`/etc/passwd` is needed as a directory"]),
    ];
    for (instruction, texts) in cases {
        let world = World::new(&format!("FROM busybox\n{instruction}"));
        tree(&world);
        world.write(".dockerignore", "keep.o\n");
        world.fail(4, &[]).says(texts);
    }
    let world = World::new("FROM busybox AS one\nFROM busybox\nCOPY --from=one /missing /\n");
    world
        .fail(4, &[])
        .says(&["Dockerfile:3:1", "`/missing` is not in the image that it is copied from"]);
    let world = World::new("FROM busybox\nCOPY . /\n");
    world.write(".dockerignore", "a\n[\n");
    world.fail(2, &[]).says(&[".dockerignore"]);
}

#[test]
fn links_do_not_lead_out_of_the_context() {
    let world = World::new("FROM busybox\nCOPY link /\n");
    std::fs::write(world.path("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", world.path("context/link")).unwrap();
    world.fail(4, &[]).says(&["`link` is not in the build context"]);
}
