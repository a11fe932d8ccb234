//! `rlock update --base`: the tag of a base image moves, and a review tells which of its packages did.

use super::osv::record;
use crate::schema;
use crate::server::{Access, Server, Wire};
use crate::world::World;
use serde_json::json;

/// Makes an image of Debian 12 with these packages, as its database lists them, and pushes it.
fn push(server: &Server, name: &str, packages: &[(&str, &str)]) {
    let world = World::new(
        "FROM busybox\nCOPY status /var/lib/dpkg/status\nCOPY os-release /etc/os-release\n",
    );
    let stanza = |(name, version): &(&str, &str)| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\
             Maintainer: it <it@it.test>\nDescription: a package of tests\n\n"
        )
    };
    world.write("status", packages.iter().map(stanza).collect::<String>());
    world.write("os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
    let layout = world.path("layout");
    world.on_busybox("build", &["-o", &format!("oci:{}:v1", layout.display())]).expect(0);
    server.push(&layout, "v1", name);
}

#[test]
fn a_moved_base_is_explained_by_its_packages_and_their_advisories() {
    let server = Server::start(Access::Open, Wire::Plain);
    push(&server, "team/base:1", &[("library", "1.0"), ("other", "1.0"), ("gone", "1.0")]);
    let image = format!("{}/team/base:1", server.address.replace("127.0.0.1", "localhost"));
    let world = World::new(&format!("FROM {image}\nRUN echo made > /made\n"));
    world.rlock(&["lock"]).expect(0);
    let before = world.read("Dockerfile.lock");
    let update = |code| {
        let ran = world.rlock(&["update", "--base", "-C", ".", "--format", "json"]).expect(code);
        schema::report(&world, &ran)
    };
    assert_eq!(update(0)["outcome"], "nothing-to-do");

    push(&server, "team/base:1", &[("library", "1.1"), ("other", "1.0"), ("fresh", "1.0")]);
    let planned = world.rlock(&["update", "--base", "--dry-run", "-C", "."]).expect(0);
    assert!(planned.stdout.contains("another base image"), "{}", planned.stdout);
    assert_eq!(world.read("Dockerfile.lock"), before);
    let report = update(0);
    assert_eq!(report["outcome"], "written", "{report:#}");
    let after = world.read("Dockerfile.lock");
    assert!(after.contains("deb:library 1.1") && !after.contains("deb:library 1.0"), "{after}");

    std::fs::write(world.path("old.lock"), &before).unwrap();
    for (number, (id, package, fixed)) in [
        ("DEBIAN-CVE-1", "library", "1.1"),
        ("DEBIAN-CVE-2", "other", "2.0"),
        ("DEBIAN-CVE-3", "fresh", "2.0"),
    ]
    .into_iter()
    .enumerate()
    {
        world.write(&format!("osv/{number}.json"), record(id, package, fixed).to_string());
    }
    let old = world.path("old.lock").display().to_string();
    let sides = ["review", &old, "Dockerfile.lock", "--advisories", "osv"];
    // What another base brings along anew fails the review.
    let ran = world.rlock(&[&sides[..], &["--format", "json"]].concat()).expect(1);
    let review = schema::report(&world, &ran);
    let moves: Vec<String> = review["images"][0]["packages"]
        .as_array()
        .unwrap_or_else(|| panic!("{review:#}"))
        .iter()
        .map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["change"].as_str().unwrap()))
        .collect();
    assert_eq!(moves, ["fresh add", "gone remove", "library upgrade"], "{review:#}");
    let advisories = &review["advisories"];
    for (list, id) in
        [("fixed", "DEBIAN-CVE-1"), ("open", "DEBIAN-CVE-2"), ("introduced", "DEBIAN-CVE-3")]
    {
        let found = &advisories[list];
        assert_eq!(found.as_array().unwrap().len(), 1, "{list}: {advisories:#}");
        assert_eq!((&found[0]["id"], &found[0]["image"]), (&json!(id), &json!(image)));
    }
    assert_eq!(advisories["covered"], 3);
    let shown = world.rlock(&sides).expect(1).stdout;
    for text in
        ["1 base image moved", "1 vulnerability introduced", "library", "1.0 → 1.1", "DEBIAN-CVE-3"]
    {
        assert!(shown.contains(text), "no `{text}` in:\n{shown}");
    }
}
