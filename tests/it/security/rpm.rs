//! A distribution of rpms: the data is its updateinfo.xml, which says by its releases what it is about,
//! CSAF VEX documents, one a vulnerability, or OSV records, which may name source packages.

use super::story::{CVES, Story};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::apt::Key;
use crate::upstream::rpm::{Package, signed_from, signed_telling};
use crate::upstream::{Site, Tree, Wire};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What dnf leaves beside the database.
const NOTES: &str = "/var/cache/dnf /var/lib/dnf /var/log/dnf* /var/log/hawkey.log";

/// The library comes of a source package of another name, and only `tool` asks for it.
fn packages<'a>(release: &'a str, other: &'a str) -> [Package<'a>; 3] {
    let package = |name, version, release, requires| Package {
        name,
        version,
        release,
        requires,
        source: None,
    };
    let source = Some("library-sources");
    [
        Package { source, ..package("library", "1.0", release, None) },
        package("tool", other, "1.el9", Some("library >= 1.0")),
        package("other", other, "1.el9", None),
    ]
}

fn repository(key: &Key, modified: i64, release: &str, other: &str) -> Tree {
    signed_from(key, &packages(release, other), modified)
}

/// An image of a distribution whose one repository is the site.
fn distribution(id: &str, key: &Key, site: &Site) -> (tempfile::TempDir, PathBuf) {
    let dockerfile = format!(
        "COPY <<END /usr/lib/os-release\nID={id}\nVERSION_ID=9.6\nEND\n\
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

/// A document as Red Hat publishes one of each vulnerability: a tree of products by what they are and by
/// architecture, packages as components of these products, and the notice that repairs it.
fn csaf(id: &str) -> String {
    let product = |name: &str, helper: Value| {
        json!({
            "category": "product_version", "name": name,
            "product": { "name": name, "product_id": name, "product_identification_helper": helper },
        })
    };
    let cpe = |name: &str, cpe: &str| {
        let mut branch = product(name, json!({ "cpe": cpe }));
        branch["category"] = json!("product_name");
        branch
    };
    let purl = |name: &str, purl: &str| product(name, json!({ "purl": purl }));
    let (platform, extended) = ("AppStream-9.6.0.Z.MAIN", "AppStream-8.8.0.Z.EUS");
    let library = "library-0:1.0-2.el9.noarch";
    let source = "library-sources-0:1.0-2.el9.src";
    let of = |component: &str, platform: &str| format!("{platform}:{component}");
    let related = |component: &str, platform: &str| {
        json!({
            "category": "default_component_of",
            "full_product_name": {
                "name": format!("{component} as a component of {platform}"),
                "product_id": of(component, platform),
            },
            "product_reference": component, "relates_to_product_reference": platform,
        })
    };
    let branch = |category: &str, name: &str, branches: Vec<Value>| json!({ "category": category, "name": name, "branches": branches });
    let fixed = [of(library, platform), of(source, platform)];
    let others = of("tool", platform);
    json!({
        "document": {
            "category": "csaf_vex", "csaf_version": "2.0", "lang": "en", "title": "library: an overflow",
            "publisher": {
                "category": "vendor", "name": "Red Hat Product Security",
                "namespace": "https://vendor.example",
            },
            "tracking": {
                "id": id, "status": "final", "version": "2", "current_release_date":
                "2026-08-01T00:00:00+00:00", "initial_release_date": "2026-07-01T00:00:00+00:00",
                "revision_history": [],
            },
        },
        "product_tree": {
            "branches": [branch("vendor", "Red Hat", vec![
                branch("product_family", "Red Hat Enterprise Linux", vec![
                    cpe(platform, "cpe:/a:redhat:enterprise_linux:9::appstream"),
                    cpe(extended, "cpe:/a:redhat:rhel_eus:8.8::appstream"),
                ]),
                branch("architecture", "src", vec![
                    purl(source, "pkg:rpm/redhat/library-sources@1.0-2.el9?arch=src"),
                ]),
                branch("architecture", "noarch", vec![
                    purl(library, "pkg:rpm/redhat/library@1.0-2.el9?arch=noarch"),
                    purl("tool", "pkg:rpm/redhat/tool?arch=noarch"),
                ]),
            ])],
            "relationships": [
                related(library, platform), related(source, platform), related(library, extended),
                related("tool", platform),
            ],
        },
        "vulnerabilities": [vulnerability(id, &fixed, &others)],
    })
    .to_string()
}

/// What a document says of products: these are repaired, and another one was never affected.
fn vulnerability(id: &str, fixed: &[String], other: &str) -> Value {
    json!({
        "cve": id, "title": "library: an overflow", "cwe": { "id": "CWE-787", "name": "overflow" },
        "notes": [{ "category": "description", "text": "An overflow." }],
        "product_status": { "fixed": fixed, "known_not_affected": [other] },
        "remediations": [{
            "category": "vendor_fix", "details": "dnf update",
            "url": "https://vendor.example/errata/RHSA-2026:1", "product_ids": fixed,
        }],
        "scores": [{
            "products": fixed,
            "cvss_v3": {
                "version": "3.1", "baseScore": 7.5, "baseSeverity": "HIGH",
                "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
            },
        }],
        "threats": [{ "category": "impact", "details": "Important", "product_ids": fixed }],
    })
}

struct World {
    key: Key,
    site: Site,
    _folder: tempfile::TempDir,
    layout: PathBuf,
}

impl World {
    fn new() -> Self {
        Self::of("almalinux")
    }

    fn of(id: &str) -> Self {
        let (key, site) = (Key::new(), Site::start("rpm.test", Wire::Plain));
        site.serve(repository(&key, OLD, "1.el9", "1.0"));
        let (folder, layout) = distribution(id, &key, &site);
        Self { key, site, _folder: folder, layout }
    }

    fn story(&self, install: &str) -> Story<'_> {
        self.story_with(install, "updateinfo.xml", &updateinfo())
    }

    fn story_with(&self, install: &str, file: &str, advisories: &str) -> Story<'_> {
        Story::start(self.case(install), file, advisories)
    }

    fn case(&self, install: &str) -> Case<'_> {
        let dockerfile = format!("FROM distribution\n{install}\n");
        let context = format!("distribution=oci-layout://{}:it", self.layout.display());
        let case = Case::new("clients", &dockerfile, &[&self.site]);
        case.with(["--build-context".to_owned(), context])
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
    story.assert_notices(&["ALSA-2026:1"]);
    story.assert_proven();
}

/// One document each, which the notice that repairs both has in common.
#[test]
fn documents_of_the_vendor_tell_what_a_release_repairs() {
    let world = World::of("rhel");
    let install =
        format!("RUN dnf --releasever=9 --assumeyes install tool other && rm -rf {NOTES}");
    let [first, second] = CVES;
    let story = world.story_with(&install, &format!("{first}.json"), &csaf(first));
    story.add_data(&format!("{second}.json"), &csaf(second));
    world.move_on();
    story.assert_outdated();
    story.assert_updated(&[("library", None)]);
    story.assert_reviewed("rpm", false);
    story.assert_notices(&["RHSA-2026:1"]);
}

/// Nobody gives any data: the signed index of the repository names it.
#[test]
fn a_repository_tells_itself_what_it_repairs() {
    let world = World::new();
    let install =
        format!("RUN dnf --releasever=9 --assumeyes install tool other && rm -rf {NOTES}");
    let case = world.case(&install);
    case.lock();
    let old = case.world.read("Dockerfile.lock");
    case.world.write("old.lock", &old);
    let tree = signed_telling(&world.key, &packages("2.el9", "1.1"), &updateinfo(), NEW);
    world.site.serve(tree);

    let json = ["--format", "json"];
    let report = case.rlock("outdated", &json).expect(0).json();
    assert_eq!(report["summary"]["security"], 1, "{report:#}");
    let rows = report["packages"].as_array().unwrap();
    let fix = rows.iter().find(|row| row["security"] == true).unwrap();
    assert_eq!((&fix["name"], &fix["fixes"]), (&json!("library"), &json!(CVES)), "{report:#}");
    let told = |report: &Value| {
        let tiers = report["advisory_sources"]["tiers"].as_array().unwrap().iter();
        let source = format!("updateinfo of {}/repodata/repomd.xml", world.site.url());
        let found = tiers.filter(|row| row["source"] == *source).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{report:#}");
        assert_eq!(
            (&found[0]["tier"], &found[0]["as_of"]),
            (&json!("in-band"), &json!("2026-08-01"))
        );
        // What the repository offers, and nothing of the base image.
        assert_eq!(found[0]["covered"], 3, "{report:#}");
    };
    told(&report);

    let report = case.rlock("update", &[&json[..], &["--security", "-C", "."]].concat()).expect(0);
    let report = report.json();
    assert_eq!(report["outcome"], "written", "{report:#}");
    let moves = report["moves"].as_array().unwrap();
    assert_eq!(moves.len(), 1, "{report:#}");
    assert_eq!((&moves[0]["name"], &moves[0]["to"]), (&json!("library"), &json!("1.0-2.el9")));
    let repairs = moves[0]["repairs"].as_array().unwrap();
    assert_eq!((repairs.len(), &repairs[0]["tier"]), (1, &json!("in-band")), "{report:#}");
    assert_eq!(repairs[0]["ids"], json!(CVES), "{report:#}");

    let report = case.rlock("review", &[&["old.lock"], &json[..]].concat()).expect(0).json();
    let fixed = report["advisories"]["fixed"].as_array().unwrap();
    assert_eq!(json!(fixed.iter().map(|it| &it["id"]).collect::<Vec<_>>()), json!(CVES));
    let aliases = fixed[0]["aliases"].as_array().unwrap();
    assert!(aliases.contains(&json!("ALSA-2026:1")), "{report:#}");
    told(&report);
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
