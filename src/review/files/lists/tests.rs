//! Lists as managers write them, before and after a package moved.

use super::*;
use crate::lock::{LockedPackage, Lockfile};
use crate::review::moves::moves;

fn lock(kind: &str, version: &str) -> Lockfile {
    let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
    lock.packages.push(LockedPackage {
        kind: kind.into(),
        name: "greeter".into(),
        version: version.to_owned(),
        architecture: String::new(),
        source: None,
        url: Some(format!("https://it.test/greeter-{version}.tgz")),
        sha256: None,
        size: None,
        modified: None,
        step: "1".into(),
        requested: true,
    });
    lock
}

/// From 1.0.0 to 1.1.0.
fn greeter(list: List) -> Vec<Move> {
    let v = if list.kind() == "golang" { "v" } else { "" };
    let [old, new] = ["1.0.0", "1.1.0"].map(|it| lock(list.kind(), &format!("{v}{it}")));
    moves(&old, &new)
}

#[track_caller]
fn assert_fits(list: List, old: &str, new: &str) {
    let moved = greeter(list);
    let compared = compare(list, [old.as_bytes(), new.as_bytes()], &Moves::of(&moved));
    assert_eq!(compared, Ok(()), "{new}");
}

#[track_caller]
fn assert_wrong(list: List, old: &str, new: &str, expected: &str) {
    assert_ne!(old, new);
    let moved = greeter(list);
    let wrong = compare(list, [old.as_bytes(), new.as_bytes()], &Moves::of(&moved)).unwrap_err();
    assert!(wrong.contains(expected), "{wrong}");
}

/// What `greeter` in 1.0.0 has becomes what it has in 1.1.0; nothing of `tool` may change.
#[track_caller]
fn assert_follows(list: List, old: &str) {
    let new = old.replace("1.0.0", "1.1.0");
    assert_fits(list, old, &new);
    assert_wrong(list, old, &new.replace("2.0.0", "2.0.1"), "tool, which the lock does not move");
    let other = old.replace("1.0.0", "1.2.0");
    assert_wrong(list, old, &other, "which the lock does not");
}

#[test]
fn a_manifest_needs_what_moved() {
    let old = r#"{"private":true,"dependencies":{"greeter":"^1.0.0","tool":"^2.0.0"}}"#;
    assert_follows(List::NpmManifest, old);
    let new = |from: &str, to: &str| old.replace("1.0.0", "1.1.0").replace(from, to);
    let wrong = |from, to, expected| {
        assert_wrong(List::NpmManifest, old, &new(from, to), expected);
    };
    assert_fits(
        List::NpmManifest,
        r#"{"private":true}"#,
        r#"{"private":true,"dependencies":{"greeter":"1.1.0"}}"#,
    );
    assert_fits(List::NpmManifest, old, &new("\"^1.1.0", "\"npm:greeter@^1.1.0"));
    wrong("true", "false", "`private` changed");
    wrong("{\"private", "{\"scripts\":{\"greeter\":\"payload\"},\"private", "`scripts` changed");
    wrong("^1.1.0", "https://evil.test/x.tgz", "which the lock does not");
    wrong("\"^1.1.0", "\"npm:evil@^1.1.0", "another thing of evil");
    wrong("\"tool\"", "\"evil\":\"1\",\"tool\"", "another thing of evil");
    wrong("}}", "", "it is not JSON");
}

#[test]
fn the_order_of_what_a_manifest_exports_counts() {
    let old = r#"{"exports":{"import":"./a.js","default":"./b.js"}}"#;
    let new = r#"{"exports":{"default":"./b.js","import":"./a.js"}}"#;
    assert_wrong(List::NpmManifest, old, new, "`exports` changed");
}

#[test]
fn npm_notes_what_moved() {
    let old = r#"{"name":"srv","lockfileVersion":3,"packages":{
        "":{"dependencies":{"greeter":"^1.0.0","tool":"^2.0.0"}},
        "node_modules/greeter":{"version":"1.0.0","resolved":"https://it.test/greeter-1.0.0.tgz",
            "dependencies":{"version":"^7"}},
        "node_modules/tool":{"version":"2.0.0","dependencies":{"greeter":"^1"}}}}"#;
    assert_follows(List::NpmLock, old);
    let new = old.replace("1.0.0", "1.1.0");
    let wrong = |from, to, expected| {
        assert_wrong(List::NpmLock, old, &new.replace(from, to), expected);
    };
    wrong("https://it.test/greeter-1.1.0", "https://evil.test/greeter-1.1.0", "evil.test");
    wrong("\"lockfileVersion\":3", "\"lockfileVersion\":2", "`lockfileVersion` changed");
    assert_fits(List::NpmLock, old, &new.replace("\"^7\"", "\"^8\""));

    let old = r#"{"lockfileVersion":1,"dependencies":{"tool":{"version":"2.0.0","requires":
        {"version":"^1"},"dependencies":{"greeter":{"version":"1.0.0"}}}}}"#;
    assert_follows(List::NpmLock, old);
}

#[test]
fn yarn_notes_what_moved() {
    let old = "# yarn lockfile v1\n\n\ngreeter@^1, greeter@^1.0.0:\n  version \"1.0.0\"\n  resolved \
               \"https://it.test/greeter-1.0.0.tgz#9f\"\n  dependencies:\n    version \"^7\"\n\n\
               tool@^2:\n  version \"2.0.0\"\n";
    assert_follows(List::YarnLock, old);
    let new = old.replace("1.0.0", "1.1.0");
    let wrong = |from, to, expected| {
        assert_wrong(List::YarnLock, old, &new.replace(from, to), expected);
    };
    wrong("greeter-1.1.0.tgz", "evil.tgz", "`https://it.test/evil.tgz`");
    wrong("tool@^2:", "tool@^2, greeter@^2:", "tool, which the lock does not move");
    wrong("tool@^2:", "tool@https://evil.test/x.tgz:", "tool, which the lock does not move");
    // Who asks for it may have moved.
    assert_fits(List::YarnLock, old, &new.replace("tool@^2:", "tool@^2, tool@^2.0:"));

    let old = "__metadata:\n  version: 8\n\n\"greeter@npm:^1\":\n  version: 1.0.0\n  resolution: \
               \"greeter@npm:1.0.0\"\n\n\"tool@npm:^2\":\n  version: 2.0.0\n";
    assert_follows(List::YarnLock, old);
    let old = r#"{"flags":[],"topLevelPatterns":["greeter@^1.0.0","tool@2.0.0"],
        "lockfileEntries":{"greeter@^1.0.0":"https://it.test/greeter-1.0.0.tgz#9f"}}"#;
    let new = old.replace("1.0.0", "1.1.0");
    assert_fits(List::YarnIntegrity, old, &new);
    assert_wrong(List::YarnIntegrity, old, &new.replace("2.0.0", "2.1.0"), "of tool");
    assert_wrong(List::YarnIntegrity, old, &new.replace("[]", "[\"x\"]"), "`flags` changed");
}

#[test]
fn pnpm_notes_what_moved() {
    let old = "lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n\nimporters:\n\n  .:\n    \
               dependencies:\n      greeter:\n        specifier: ^1.0.0\n        version: 1.0.0\n      \
               '@s/tool':\n        specifier: ^2.0.0\n        version: 2.0.0(greeter@1.0.0)\n\n\
               packages:\n\n  greeter@1.0.0:\n    resolution: {integrity: sha512-x==}\n\n  \
               '@s/tool@2.0.0':\n    resolution: {integrity: sha512-y==}\n\nsnapshots:\n\n  \
               greeter@1.0.0: {}\n\n  '@s/tool@2.0.0':\n    dependencies:\n      greeter: 1.0.0\n";
    let plain = old.replace("(greeter@1.0.0)", "");
    let new = plain.replace("1.0.0", "1.1.0");
    assert_fits(List::PnpmLock, &plain, &new);
    let wrong = |from: &str, to: &str, expected| {
        assert_wrong(List::PnpmLock, &plain, &new.replace(from, to), expected);
    };
    wrong("sha512-y", "sha512-z", "another thing of @s/tool");
    wrong("true", "false", "`settings.autoInstallPeers` changed");
    wrong("greeter@1.1.0", "greeter@1.2.0", "greeter in `1.2.0`");
    wrong("sha512-x==", "sha512-x==, tarball: https://evil.test/x", "`https://evil.test/x`");
    wrong("greeter: 1.1.0", "greeter: https://evil.test/x", "which the lock does not");

    let old = r#"{"hoistedDependencies":{"greeter@1.0.0":{"greeter":"private"}},"prunedAt":"1","layoutVersion":5}"#;
    let new = old.replace("1.0.0", "1.1.0").replace(r#"At":"1""#, r#"At":"2""#);
    assert_fits(List::PnpmModules, old, &new);
    assert_wrong(List::PnpmModules, old, &new.replace(":5", ":6"), "`layoutVersion` changed");
}

#[test]
fn go_notes_what_moved() {
    let old =
        "module app\n\ngo 1.24\n\nrequire (\n\tgreeter v1.0.0\n\ttool v2.0.0 // indirect\n)\n";
    assert_follows(List::GoMod, old);
    let new = old.replace("1.0.0", "1.1.0");
    let replaced = format!("{new}replace tool => ./evil\n");
    assert_wrong(List::GoMod, old, &replaced, "`replace` changed");
    let old = "greeter v1.0.0 h1:a\ngreeter v1.0.0/go.mod h1:b\ntool v2.0.0 h1:c\ntool v1.9.0/go.mod h1:d\n";
    assert_follows(List::GoSum, old);
    let new = old.replace("1.0.0", "1.1.0");
    assert_fits(List::GoSum, old, &format!("{new}tool v1.8.0/go.mod h1:e\n"));
    assert_wrong(List::GoSum, old, &new.replace("h1:d", "h1:e"), "another thing of tool");
}

#[test]
fn cargo_notes_what_moved() {
    let old = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = \
               [\n \"greeter\",\n \"tool\",\n]\n\n[[package]]\nname = \"greeter\"\nversion = \
               \"1.0.0\"\nsource = \"sparse+https://it.test/index/\"\nchecksum = \"a\"\n\n\
               [[package]]\nname = \"tool\"\nversion = \"2.0.0\"\n";
    assert_follows(List::CargoLock, old);
    let new = old.replace("1.0.0", "1.1.0");
    let other = new.replace("it.test", "evil.test");
    assert_wrong(List::CargoLock, old, &other, "`sparse+https://evil.test/index/`");
    let added = new.replace(" \"tool\",", " \"tool\",\n \"evil\",");
    assert_wrong(List::CargoLock, old, &added, "another thing of app");
}

#[test]
fn a_project_inside_of_a_lock_of_npm_has_a_manifest() {
    let old = r#"{"packages":{
        "app":{"scripts":{"test":"x"},"dependencies":{"greeter":"^1.0.0","tool":"^2.0.0"}},
        "node_modules/greeter":{"version":"1.0.0"}}}"#;
    assert_follows(List::NpmLock, old);
    let new = old.replace("1.0.0", "1.1.0");
    let wrong = |from, to, expected| {
        assert_wrong(List::NpmLock, old, &new.replace(from, to), expected);
    };
    wrong("^1.1.0", "^1.2.0", "greeter in `1.2.0`");
    wrong("\"test\":\"x\"", "\"test\":\"payload\"", "`packages.app.scripts` changed");
    wrong(
        "\"dependencies\":{\"greeter\":\"^1.1.0\"",
        "\"dependencies\":{\"evil\":\"1\"",
        "of evil",
    );
}

#[test]
fn fields_behind_a_table_of_yarn_are_the_packages_own() {
    let old = "tool@^2:\n  dependencies:\n    greeter \"^1\"\n  version \"2.0.0\"\n\n\
               greeter@^1:\n  dependencies:\n    version \"^7\"\n  version \"1.0.0\"\n";
    assert_follows(List::YarnLock, old);
    // What a package needs may be called as a field is.
    assert_fits(List::YarnLock, old, &old.replace("1.0.0", "1.1.0").replace("\"^7\"", "\"^8\""));
    let gone = old.replace("1.0.0", "1.1.0").replace("greeter \"^1\"", "evil \"^1\"");
    assert_wrong(List::YarnLock, old, &gone, "another thing of tool");
    let comment = format!("# {old}");
    assert_fits(List::YarnLock, &comment, &comment.replace("# tool", "# tool "));
}

#[test]
fn every_statement_of_pnpm_with_a_version_has_a_locked_one() {
    let older = "lockfileVersion: 5.4\n\nspecifiers:\n  greeter: ^1.0.0\n  tool: ^2.0.0\n\n\
                 dependencies:\n  greeter: 1.0.0\n  tool: 2.0.0\n\npackages:\n\n  /greeter/1.0.0:\n    \
                 resolution: {integrity: sha512-x==}\n\n  /tool/2.0.0:\n    resolution: {integrity: \
                 sha512-y==}\n";
    let newer = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      greeter:\n        \
                 specifier: ^1.0.0\n        version: 1.0.0\n\npackages:\n\n  greeter@1.0.0:\n    \
                 resolution: {integrity: sha512-x==}\n\nsnapshots:\n\n  greeter@1.0.0: {}\n\n  \
                 tool@2.0.0:\n    dependencies:\n      greeter: 1.0.0\n";
    assert_follows(List::PnpmLock, older);
    for (old, statements) in [
        (older, &["  greeter: ^1.1.0", "  greeter: 1.1.0", "/greeter/1.1.0"][..]),
        (newer, &["specifier: ^1.1.0", "version: 1.1.0", "greeter@1.1.0:", "  greeter: 1.1.0"]),
    ] {
        let new = old.replace("1.0.0", "1.1.0");
        assert_fits(List::PnpmLock, old, &new);
        for statement in statements {
            let other = statement.replace("1.1.0", "1.2.0");
            assert!(new.contains(statement), "{statement}");
            let wrong = new.replacen(statement, &other, 1);
            assert_wrong(List::PnpmLock, old, &wrong, "in `1.2.0`, which the lock does not");
        }
    }
}

#[test]
fn what_a_crate_needs_may_say_the_version() {
    let old = "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"greeter \
               1.0.0\",\n]\n\n[[package]]\nname = \"greeter\"\nversion = \"1.0.0\"\n";
    assert_fits(List::CargoLock, old, &old.replace("1.0.0", "1.1.0"));
    let evil = old.replace("\"greeter 1.0.0\"", "\"evil 1.0.0\"");
    assert_wrong(List::CargoLock, old, &evil, "app");
}

#[test]
fn a_package_of_another_kind_moves_nothing() {
    let crates = "[[package]]\nname = \"greeter\"\nversion = \"1.0.0\"\n";
    let sums = "greeter v1.0.0 h1:a\n";
    let npm = r#"{"dependencies":{"greeter":"1.0.0"}}"#;
    for (list, old) in [(List::CargoLock, crates), (List::GoSum, sums), (List::NpmManifest, npm)] {
        let new = old.replace("1.0.0", "1.1.0");
        for kind in ["cargo", "golang", "npm", "gem"] {
            let v = if list == List::GoSum { "v" } else { "" };
            let moved = moves(&lock(kind, &format!("{v}1.0.0")), &lock(kind, &format!("{v}1.1.0")));
            let fits = compare(list, [old.as_bytes(), new.as_bytes()], &Moves::of(&moved)).is_ok();
            let expected = match list {
                List::CargoLock => "cargo",
                List::GoSum => "golang",
                _ => "npm",
            };
            assert_eq!(fits, kind == expected, "{list:?} {kind}");
        }
    }
}
