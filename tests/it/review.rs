//! `rlock review` in a git repository: an archive moves on, the lock follows, and the review says what
//! that means, file by file.

use crate::clients::now;
use crate::schema;
use crate::upstream::apt::{self, Contents, Key, Package};
use crate::upstream::{Site, Wire, arguments, trust};
use crate::world::{Ran, World, base, succeed, tool};
use serde_json::Value;
use std::path::PathBuf;

/// A repository whose Dockerfile installs a package of an archive.
struct Case {
    world: World,
    site: Site,
    key: Key,
    arguments: Vec<String>,
    authorities: PathBuf,
}

impl Case {
    fn new() -> Self {
        let (site, key) = (Site::start("apt.test", Wire::Tls), Key::new());
        let dockerfile = format!(
            "FROM base\n{}RUN apt-get update && apt-get install -y greeter && rm -rf \
             /var/lib/apt/lists/*\nCOPY note /srv/note\n",
            apt::sources(&site.url(), &key)
        );
        let world = World::new(&dockerfile);
        let (_, authorities) = trust(&world);
        world.write("note", "copied the first time\n");
        let mut arguments = arguments(&[&site]);
        let layout = format!("base=oci-layout://{}:latest", base("python").display());
        arguments.extend(["--build-context".to_owned(), layout]);
        let case = Self { world, site, key, arguments, authorities };
        case.git(&["init", "--quiet", "--initial-branch=main"]);
        case
    }

    /// The first day.
    fn start(&self) {
        self.publish("1.0", Contents::default());
        self.rlock("lock", &[]).expect(0);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "locked"]);
    }

    fn publish(&self, version: &'static str, contents: Contents<'_>) {
        let greeter = Package { name: "greeter", version, depends: Some("phrases") };
        let phrases = Package { name: "phrases", version: "1.0", depends: None };
        let packages = [(greeter, contents), (phrases, Contents::default())];
        self.site.serve(apt::archive_with(&self.key, &packages, now() - 10, None));
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = tool("git", "git");
        git.current_dir(self.world.path("context"));
        git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]).args(arguments);
        succeed(&mut git);
    }

    fn rlock(&self, command: &str, more: &[&str]) -> Ran {
        let mut run = self.world.command();
        run.env("SSL_CERT_FILE", &self.authorities).arg(command).args(&self.arguments).args(more);
        Ran::of(&run.output().unwrap())
    }

    /// Locks anew, as `rlock update` would.
    fn relock(&self) {
        std::fs::remove_file(self.world.path("context/Dockerfile.lock")).unwrap();
        self.rlock("lock", &[]).expect(0);
    }

    #[track_caller]
    fn review(&self, more: &[&str], code: i32) -> Value {
        let mut all = vec!["--format", "json"];
        all.extend(more);
        let ran = self.rlock("review", &all).expect(code);
        schema::report(&self.world, &ran)
    }
}

fn security_patch() -> Contents<'static> {
    Contents {
        changelog: Some(
            "greeter (1.0+deb1u1) stable-security; urgency=high\n\n  * Fix CVE-2026-1111 and \
             CVE-2026-2222.\n\n -- it <it@apt.test>  Sat, 01 Aug 2026 00:00:00 +0000\n\n\
             greeter (1.0) stable; urgency=medium\n\n  * First.\n\n -- it <it@apt.test>  Wed, 01 \
             Jul 2026 00:00:00 +0000\n",
        ),
        ..Contents::default()
    }
}

#[test]
fn every_changed_file_is_attributed_to_the_package_that_moved() {
    let case = Case::new();
    case.start();
    case.publish("1.0+deb1u1", security_patch());
    case.relock();

    let report = case.review(&["HEAD", "--files"], 0);
    let package = &report["packages"][0];
    assert_eq!(report["packages"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!((&package["name"], &package["change"]), (&"greeter".into(), &"upgrade".into()));
    assert_eq!(package["security"]["ids"], serde_json::json!(["CVE-2026-1111", "CVE-2026-2222"]));
    assert_eq!(package["ships"], "yes");
    // The key stands in the Dockerfile alone, and is not believed: that is not proven, and not poisoned.
    assert!(report["trust"]["entries"]["undetermined"].as_u64() >= Some(3), "{}", report["trust"]);
    assert_eq!(report["trust"]["poisoned"], serde_json::json!([]));
    let files = &report["files"];
    assert_eq!(files["unexplained"], serde_json::json!([]), "{files:#}");
    let kinds: Vec<&str> = files["explained_by"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"package") && kinds.contains(&"derived"), "{files:#}");
    assert!(!kinds.contains(&"instruction") && !kinds.contains(&"below"), "{files:#}");

    // A changed file of the build context is what an instruction is given.
    case.world.write("note", "copied the second time\n");
    let report = case.review(&["HEAD", "--files"], 0);
    assert_eq!(report["files"]["unexplained"], serde_json::json!([]), "{report:#}");
    let groups = report["files"]["explained_by"].as_array().unwrap();
    let copied = groups.iter().find(|group| group["kind"] == "instruction").unwrap();
    assert_eq!(copied["files"][0]["path"], "/srv/note");
}

#[test]
fn what_a_script_fetches_is_unexplained() {
    let case = Case::new();
    case.start();
    let postinst = "#!/bin/sh\nset -e\npython3 -c \"import urllib.request as r; \
                    open('/usr/bin/payload', 'wb').write(r.urlopen('URL/debian/pool/main/phrases_1.0_all.deb').read())\"\n";
    let postinst = postinst.replace("URL", &case.site.url());
    case.publish("1.0+deb1u1", Contents { postinst: Some(&postinst), ..security_patch() });
    case.relock();

    let body = case.world.path("body.md");
    let report = case.review(&["HEAD", "--files", "--pr-body", body.to_str().unwrap()], 1);
    let unexplained = report["files"]["unexplained"].as_array().unwrap();
    assert_eq!(unexplained.len(), 1, "{report:#}");
    assert_eq!(unexplained[0]["path"], "/usr/bin/payload");
    let risks: Vec<&str> =
        report["risks"].as_array().unwrap().iter().map(|it| it["risk"].as_str().unwrap()).collect();
    assert!(risks.contains(&"install-scripts"), "{risks:?}");
    let body = std::fs::read_to_string(body).unwrap();
    for text in ["1 unexplained change", "`/usr/bin/payload`", "CVE-2026-1111"] {
        assert!(body.contains(text), "no `{text}` in:\n{body}");
    }
    // Nothing of that is known without building, and nothing says that it is.
    let report = case.review(&["HEAD"], 0);
    assert!(report.get("files").is_none());
    let setuid = report["checks"].as_array().unwrap().iter();
    let setuid = setuid.clone().find(|check| check["risk"] == "new-setuid").unwrap();
    assert_eq!(setuid["state"], "not-checked");
}
