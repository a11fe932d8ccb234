//! A distribution of rpms: the data is its updateinfo.xml, which says by its releases what it is about,
//! or OSV records, which may name source packages.

use super::story::{CVES, Story};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::apt::Key;
use crate::upstream::rpm::{Package, signed_from};
use crate::upstream::{Site, Tree, Wire};
use serde_json::json;
use std::path::PathBuf;

/// What dnf leaves beside the database.
const NOTES: &str = "/var/cache/dnf /var/lib/dnf /var/log/dnf* /var/log/hawkey.log";

/// The library comes of a source package of another name, and only `tool` asks for it.
fn repository(key: &Key, modified: i64, release: &str, other: &str) -> Tree {
    let package = |name, version, release, requires| Package {
        name,
        version,
        release,
        requires,
        source: None,
    };
    let source = Some("library-sources");
    let packages = [
        Package { source, ..package("library", "1.0", release, None) },
        package("tool", other, "1.el9", Some("library >= 1.0")),
        package("other", other, "1.el9", None),
    ];
    signed_from(key, &packages, modified)
}

/// An image of a distribution whose one repository is the site.
fn distribution(key: &Key, site: &Site) -> (tempfile::TempDir, PathBuf) {
    let dockerfile = format!(
        "COPY <<END /usr/lib/os-release\nID=almalinux\nVERSION_ID=9.6\nEND\n\
         COPY <<END /etc/pki/rpm-gpg/it\n{}END\n\
         COPY <<END /etc/rpm/macros.it\n%_dbpath /var/lib/rpm\nEND\n\
         COPY <<END /etc/yum.repos.d/it.repo\n[it]\nname=it\nbaseurl={}\ngpgcheck=0\n\
         repo_gpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/it\nEND\n\
         RUN rm -rf /var/lib/dpkg /var/lib/apt\n",
        key.armored(),
        site.url()
    );
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    let output = format!("oci:{}:it", layout.display());
    Case::new("clients", &dockerfile, &[]).rlock("build", &["-o", &output]).expect(0);
    (folder, layout)
}

fn updateinfo() -> String {
    let references = CVES
        .map(|id| {
            format!("<reference type=\"cve\" id=\"{id}\" href=\"https://cve.example/{id}\"/>")
        })
        .concat();
    format!(
        "<?xml version=\"1.0\"?><updates><update from=\"it\" status=\"final\" type=\"security\" \
         version=\"1\"><id>ALSA-2026:1</id><title>library security update</title><severity>Important\
         </severity><issued date=\"2026-08-01 00:00:00\"/><references>{references}</references>\
         <pkglist><collection short=\"it\"><package name=\"library\" version=\"1.0\" release=\"2.el9\" \
         epoch=\"0\" arch=\"noarch\"/></collection></pkglist></update></updates>"
    )
}

fn osv() -> String {
    let events = json!([{"introduced": "0"}, {"fixed": "1.0-2.el9"}]);
    let package = json!({"ecosystem": "AlmaLinux:9", "name": "library-sources"});
    let affected =
        json!([{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]);
    json!({
        "schema_version": "1.7.0",
        "id": "ALSA-2026:1",
        "modified": "2026-08-01T00:00:00Z",
        "related": CVES,
        "affected": affected,
    })
    .to_string()
}

struct World {
    key: Key,
    site: Site,
    _folder: tempfile::TempDir,
    layout: PathBuf,
}

impl World {
    fn new() -> Self {
        let (key, site) = (Key::new(), Site::start("rpm.test", Wire::Plain));
        site.serve(repository(&key, OLD, "1.el9", "1.0"));
        let (folder, layout) = distribution(&key, &site);
        Self { key, site, _folder: folder, layout }
    }

    fn story(&self, install: &str) -> Story<'_> {
        self.story_with(install, "updateinfo.xml", &updateinfo())
    }

    fn story_with(&self, install: &str, file: &str, advisories: &str) -> Story<'_> {
        let dockerfile = format!("FROM distribution\n{install}\n");
        let context = format!("distribution=oci-layout://{}:it", self.layout.display());
        let case = Case::new("clients", &dockerfile, &[&self.site]);
        Story::start(case.with(["--build-context".to_owned(), context]), file, advisories)
    }

    /// A fix of the library, and unrelated new versions of the others.
    fn move_on(&self) {
        self.site.serve(repository(&self.key, NEW, "2.el9", "1.1"));
    }
}

#[test]
fn a_security_fix_is_found_moved_alone_explained_and_proven() {
    let world = World::new();
    let story = world
        .story(&format!("RUN dnf --releasever=9 --assumeyes install tool other && rm -rf {NOTES}"));
    world.move_on();
    story.assert_outdated();
    story.assert_updated(&[("library", None)]);
    story.assert_reviewed("rpm", false);
    story.assert_proven();
}

#[test]
fn advisories_of_a_source_package_are_those_of_what_is_built_from_it() {
    let world = World::new();
    let install =
        format!("RUN dnf --releasever=9 --assumeyes install tool other && rm -rf {NOTES}");
    let story = world.story_with(&install, "ALSA-2026-1.json", &osv());
    world.move_on();
    story.assert_outdated();
}

/// The same without a second state of the repository: all that is newer comes along, by name. What the
/// instruction does with the new library is no package's.
#[test]
fn what_comes_along_is_named_and_what_no_package_brings_is_unexplained() {
    let world = World::new();
    let story = world.story(&format!(
        "RUN dnf --releasever=9 --repo=it --assumeyes install tool other && rm -rf {NOTES} \\\n && if \
         grep -q 2.el9 /usr/share/library/version; then cp /usr/share/library/version /usr/bin/payload; fi"
    ));
    world.move_on();
    story.assert_outdated();
    let reason = "dnf cannot be given a second state of a repository: step 1/1 says `--repo=it`";
    let along = Some(reason);
    story.assert_updated(&[("library", None), ("other", along), ("tool", along)]);
    story.assert_other_ways_are_seen("/usr/bin/payload");
}

/// Where nobody sees that the instruction hides the second state, what it then moves is refused.
#[test]
fn a_move_that_nobody_asked_for_is_refused() {
    let world = World::new();
    let story = world.story(&format!(
        "COPY <<END /srv/install\ndnf --releasever=9 --repo=it --assumeyes install tool other\nEND\n\
         RUN sh /srv/install && rm -rf {NOTES}"
    ));
    world.move_on();
    let before = story.case.world.read("Dockerfile.lock");
    let report = story.knowing("update", &["--security", "-C", "."]).expect(1).json();
    assert_eq!(report["outcome"], "refused", "{report:#}");
    let findings = report["findings"].as_array().unwrap();
    let said: Vec<&str> = findings.iter().map(|it| it["message"].as_str().unwrap()).collect();
    assert_eq!(
        said,
        [
            "other 1.0-1.el9 moves to 1.1-1.el9, and nobody asked for it",
            "tool 1.0-1.el9 moves to 1.1-1.el9, and nobody asked for it"
        ],
    );
    assert_eq!(story.case.world.read("Dockerfile.lock"), before);
}
