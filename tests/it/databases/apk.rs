//! Alpine.

use super::{Unpacked, paths, sorted};
use crate::clients::{Case, OLD};
use crate::upstream::apk::{KEY_NAME, Key, repository};
use crate::upstream::{Site, Wire};
use crate::world::succeed;
use std::collections::BTreeSet;
use std::process::Command;

/// The tree's own apk, run from outside it.
fn apk(tree: &Unpacked, arguments: &[&str]) -> String {
    let path = |path: &str| tree.path().join(path);
    let loader = format!("lib/ld-musl-{}.so.1", std::env::consts::ARCH);
    let mut command = Command::new(path(&loader));
    let libraries = ["lib", "usr/lib"].map(|folder| path(folder).display().to_string()).join(":");
    command.args(["--library-path", &libraries]).arg(path("sbin/apk"));
    succeed(command.arg("--no-network").arg("--root").arg(tree.path()).args(arguments))
}

#[test]
fn packages_are_those_of_apk() {
    let tree = Unpacked::base("alpine");
    // `musl-1.2.5-r9 x86_64 {musl} (MIT) [installed]`
    let lines = apk(&tree, &["list", "--installed"]);
    let expected = lines.lines().map(|line| line.split(" (").next().unwrap().to_owned() + "\n");
    let found = tree.packages().into_iter().map(|package| {
        let source = package.source.unwrap();
        assert_eq!((package.kind, &source.version), ("apk", &package.version));
        let (name, version) = (package.name, package.version);
        format!("{name}-{version} {} {{{}}}\n", package.architecture, source.name)
    });
    let found: String = found.collect();
    assert_eq!(sorted(&found), sorted(&expected.collect::<String>()));
    assert!(found.lines().count() > 10);
}

#[test]
fn the_world_is_what_was_asked_for() {
    let tree = Unpacked::base("alpine");
    let world = std::fs::read_to_string(tree.path().join("etc/apk/world")).unwrap();
    let packages = tree.packages();
    let asked = packages.iter().filter(|package| !package.automatic);
    let asked: String = asked.map(|package| package.name.clone() + "\n").collect();
    assert_eq!(sorted(&asked), sorted(&world));
}

#[test]
fn owners_are_those_of_apk() {
    let tree = Unpacked::base("alpine");
    for owned in tree.owned() {
        let listed = apk(&tree, &["info", "--quiet", "--contents", &owned.package.name]);
        let expected: BTreeSet<String> =
            listed.lines().filter(|line| !line.is_empty()).map(|line| tree.place(line)).collect();
        let found: BTreeSet<String> = paths(&owned).into_iter().collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        assert_eq!(missing, Vec::<&String>::new(), "{}", owned.package.name);
        // apk lists no directories. Those of the kernel, which the image lacks, hold other paths.
        for path in found.difference(&expected).filter(|path| !path.starts_with("dev/")) {
            let holds_others = found.range(format!("{path}/")..format!("{path}0")).next().is_some();
            let is_directory = holds_others || tree.path().join(path).is_dir();
            assert!(is_directory, "{}: {path}", owned.package.name);
        }
    }
}

/// A package has the file that it came from, though the file names another architecture than the
/// database: the index gives its own to packages for all.
#[test]
fn packages_of_a_step_are_locked() {
    let key = Key::new();
    let site = Site::start("apk.test", Wire::Plain);
    site.serve(repository(&key, &["1.0-r0"], OLD));
    let dockerfile = format!(
        "COPY <<END /etc/apk/keys/{KEY_NAME}\n{}END\nRUN echo {} > /etc/apk/repositories \
         && apk add --no-cache greeter\n",
        key.public(),
        site.url()
    );
    let case = Case::new("alpine", &dockerfile, &[&site]);
    case.lock();
    let lock = case.world.read("Dockerfile.lock");
    let block = lock.split("\n\n").find(|block| block.starts_with("[[package]]")).unwrap();
    let start = "[[package]]\ntype = \"apk\"\nname = \"greeter\"\nversion = \"1.0-r0\"\n";
    assert!(block.starts_with(start), "{lock}");
    for text in ["greeter-1.0-r0.apk\"\nsha256 = ", "requested = true"] {
        assert!(block.contains(text), "no `{text}` in\n{block}");
    }
    assert!(lock.contains("\"apk:musl 1."), "the base image has packages too:\n{lock}");
}
