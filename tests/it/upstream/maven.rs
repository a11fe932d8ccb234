//! A Maven repository with one artifact, a parent for other projects.

use super::{Tree, pack};
use crate::world::tool;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The repository, with `test.greeter:parent` in these versions. The parent says its version in a
/// property, and brings an extension, a library without a class.
pub(crate) fn repository(versions: &[&str], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    for version in versions {
        let extension = format!(
            "<build><extensions><extension><groupId>test.greeter</groupId>\
             <artifactId>extension</artifactId><version>{version}</version></extension></extensions>\
             </build>"
        );
        add(&mut tree, "parent", version, "pom", &project("parent", version, "pom", &extension));
        add(&mut tree, "extension", version, "pom", &project("extension", version, "jar", ""));
        let jar = pack::zip(&[("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n")]);
        add(&mut tree, "extension", version, "jar", &jar);
    }
    let listed = versions.join("</version><version>");
    let last = versions.last().unwrap();
    let metadata = format!(
        "<metadata><groupId>test.greeter</groupId><artifactId>parent</artifactId><versioning>\
         <latest>{last}</latest><release>{last}</release><versions><version>{listed}</version></versions>\
         <lastUpdated>20250101000000</lastUpdated></versioning></metadata>\n"
    );
    with_sum(&mut tree, "/test/greeter/parent/maven-metadata.xml", metadata.as_bytes());
    tree
}

fn project(name: &str, version: &str, packaging: &str, more: &str) -> Vec<u8> {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>test.greeter</groupId><artifactId>{name}</artifactId><version>{version}</version>\
         <packaging>{packaging}</packaging>{more}</project>\n"
    )
    .into_bytes()
}

fn add(tree: &mut Tree, name: &str, version: &str, suffix: &str, body: &[u8]) {
    with_sum(tree, &format!("/test/greeter/{name}/{version}/{name}-{version}.{suffix}"), body);
}

fn with_sum(tree: &mut Tree, path: &str, body: &[u8]) {
    tree.file(&format!("{path}.sha1"), sha1_hex(body));
    tree.file(path, body);
}

/// The SHA-1 that old formats still want.
pub(crate) fn sha1_hex(bytes: &[u8]) -> String {
    let mut command = tool("sha1sum", "coreutils");
    let output = filter(&mut command, bytes);
    String::from_utf8(output).unwrap().split(' ').next().unwrap().to_owned()
}

/// What a program makes of its input.
pub(crate) fn filter(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.write_all(input));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "{command:?}");
        output.stdout
    })
}
