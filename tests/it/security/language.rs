//! What the stories of managers with an index page for each package have in common: nobody signs
//! these pages, and what a release repairs only advisory data says.

use crate::clients::Case;
use crate::world::{Ran, succeed, tool};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A `library` in version `old`, repaired in `fixed`. What else there is has `old` too.
pub(super) struct Story<'a> {
    pub(super) case: Case<'a>,
    /// The purl type.
    pub(super) kind: &'static str,
    /// Its name in OSV.
    pub(super) ecosystem: &'static str,
    pub(super) old: &'static str,
    pub(super) fixed: &'static str,
}

/// What a review says of files.
pub(super) struct Files {
    /// Paths by `package library` and `derived npm-lock`.
    pub(super) explained: Vec<(String, BTreeSet<String>)>,
    pub(super) unexplained: Vec<String>,
}

impl Files {
    /// The paths with this explanation.
    #[track_caller]
    pub(super) fn by(&self, explanation: &str) -> &BTreeSet<String> {
        let found = self.explained.iter().find(|(name, _)| name == explanation);
        &found.unwrap_or_else(|| panic!("no {explanation} in {:#?}", self.explained)).1
    }

    /// The paths that are a package's, or that installing it made.
    pub(super) fn of(&self, name: &str) -> BTreeSet<String> {
        let names = [format!("package {name}"), format!("installed {name}")];
        let groups = self.explained.iter().filter(|(explanation, _)| names.contains(explanation));
        groups.flat_map(|(_, paths)| paths).cloned().collect()
    }
}

impl Story<'_> {
    /// An OSV directory: what is repaired now, what is not repaired yet, and what is about others.
    fn advisories(&self) -> String {
        let folder = self.case.world.path("advisories");
        std::fs::create_dir_all(&folder).unwrap();
        let write = |id: &str, cve: &str, (ecosystem, name): (&str, &str), fixed: &str| {
            let record = json!({
                "schema_version": "1.6.0", "id": id, "aliases": [cve],
                "modified": "2026-10-01T00:00:00Z", "summary": "an overflow",
                "affected": [{
                    "package": { "ecosystem": ecosystem, "name": name },
                    "ranges": [{
                        "type": "ECOSYSTEM",
                        "events": [{ "introduced": "0" }, { "fixed": fixed }],
                    }],
                }],
            });
            std::fs::write(folder.join(format!("{id}.json")), record.to_string()).unwrap();
        };
        write("IT-2026-1", "CVE-2026-1111", (self.ecosystem, "library"), self.fixed);
        write("IT-2026-2", "CVE-2026-2222", (self.ecosystem, "other"), "99.0.0");
        write("IT-2026-3", "CVE-2026-3333", ("crates.io", "library"), self.fixed);
        write("IT-2026-4", "CVE-2026-4444", (self.ecosystem, "else"), "99.0.0");
        folder.display().to_string()
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = tool("git", "git");
        git.current_dir(self.case.world.path("context"));
        git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]).args(arguments);
        succeed(&mut git);
    }

    /// Runs a command with the advisory data.
    fn informed(&self, command: &str, arguments: &[&str]) -> Ran {
        let advisories = self.advisories();
        let common = ["--advisories", &advisories, "--format", "json"];
        self.case.rlock(command, &[&common, arguments].concat())
    }

    /// Locks and commits.
    #[track_caller]
    pub(super) fn start(&self) {
        self.case.lock();
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "locked"]);
    }

    /// No release is there that repairs anything.
    #[track_caller]
    pub(super) fn nothing_to_do(&self) {
        let report = self.informed("outdated", &["--exit-code"]).expect(0).json();
        assert_eq!(report["packages"], json!([]), "{report:#}");
        assert_eq!(report["unchecked"], json!([]), "{report:#}");
        let report = self.informed("update", &["--security", "-C", "."]).expect(0).json();
        assert_eq!(report["outcome"], "nothing-to-do", "{report:#}");
    }

    /// What the user is told where nothing moves.
    #[track_caller]
    pub(super) fn notes(&self) -> Vec<String> {
        let report = self.informed("update", &["--security", "-C", "."]).expect(0).json();
        assert_eq!(report["outcome"], "nothing-to-do", "{report:#}");
        let notes = report["notes"].as_array().unwrap().iter();
        notes.map(|note| note.as_str().unwrap().to_owned()).collect()
    }

    /// One security fix among what these packages offer.
    #[track_caller]
    pub(super) fn outdated(&self, names: &[&str]) {
        let report = self.informed("outdated", &["--exit-code"]).expect(1).json();
        assert_eq!(report["summary"]["security"], 1, "{report:#}");
        let rows = report["packages"].as_array().unwrap();
        let found: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{report:#}");
        let fixes: Vec<&Value> = rows.iter().filter(|row| row["security"] == true).collect();
        assert_eq!(fixes[0]["name"], "library");
        assert_eq!(fixes[0]["fixes"], json!(["CVE-2026-1111"]), "{report:#}");
    }

    /// What `update --security` moves: names with versions, and why where nobody asked.
    #[track_caller]
    pub(super) fn update(&self) -> Vec<String> {
        let report = self.informed("update", &["--security", "-C", "."]).expect(0).json();
        assert_eq!(report["outcome"], "written", "{report:#}");
        let shown = |row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            let reason = row["reason"].as_str().map(|reason| format!(", because {reason}"));
            let [name, from, to] = ["name", "from", "to"].map(text);
            format!("{name} {from} -> {to}{}", reason.unwrap_or_default())
        };
        // Two builds were the same, or the lock would not be written; so is a third.
        self.case.verify(&["--offline"], &self.recorded());
        report["moves"].as_array().unwrap().iter().map(shown).collect()
    }

    /// The move of a package.
    pub(super) fn row(&self, name: &str, to: &str) -> String {
        format!("{name} {} -> {to}", self.old)
    }

    /// The image that the lock records.
    fn recorded(&self) -> String {
        let lock = self.case.world.read("Dockerfile.lock");
        let result = lock.split("[result]\nimage = \"").nth(1).unwrap_or_else(|| panic!("{lock}"));
        result.split('"').next().unwrap().to_owned()
    }

    /// Reviews what was committed last against what is there now.
    #[track_caller]
    pub(super) fn review(&self, moved: &[&str], code: i32) -> Files {
        let body = self.case.world.path("body.md");
        let arguments = ["HEAD", "--files", "--pr-body", body.to_str().unwrap()];
        let report = self.informed("review", &arguments).expect(code).json();
        let packages = report["packages"].as_array().unwrap();
        let names: Vec<&str> = packages.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, moved, "{report:#}");
        let fixed = report["advisories"]["fixed"].as_array().unwrap();
        let pair = |it: &Value| format!("{} {}", it["id"], it["package"]).replace('"', "");
        assert_eq!(fixed.iter().map(pair).collect::<Vec<_>>(), ["CVE-2026-1111 library"]);
        let open = report["advisories"]["open"].as_array().unwrap();
        assert_eq!(open.iter().map(pair).collect::<Vec<_>>(), ["CVE-2026-2222 other"]);
        assert_eq!(report["advisories"]["sources"][0]["tier"], "local", "{report:#}");
        // Nobody knows the packages of the base image's distribution from this data.
        assert_ne!(report["advisories"]["not_covered"], json!([]), "{report:#}");
        assert_eq!(report["files"]["to"], self.recorded(), "{report:#}");
        let trust = &report["trust"]["entries"];
        assert_eq!((&trust["proven"], &trust["poisoned"]), (&json!(null), &json!(null)), "{trust}");
        let body = std::fs::read_to_string(body).unwrap();
        for text in ["library", "CVE-2026-1111", "not checked"] {
            assert!(body.contains(text), "no `{text}` in:\n{body}");
        }
        files(&report["files"])
    }

    /// Nothing in it contradicts the pages, and nobody signs them: that is said, entry by entry.
    #[track_caller]
    pub(super) fn prove(&self) {
        let report = self.proof().expect(0).json();
        assert_eq!(report["findings"], json!([]), "{report:#}");
        let summary = &report["summary"];
        assert_eq!(summary["proven"], 0, "{summary}");
        let entries = report["entries"].as_array().unwrap();
        let library = format!("{}:library {}", self.kind, self.fixed);
        let library = entries.iter().find(|it| it["name"] == *library).unwrap();
        assert_eq!(library["verdict"], "unsigned", "{library:#}");
        let reason = library["reason"].as_str().unwrap();
        assert!(reason.contains("which nobody signs"), "{reason}");
        let text = self.case.rlock("lock", &["--verify", "--base", "HEAD"]).expect(0).stdout;
        assert!(text.starts_with("nothing wrong: 0 of "), "{text}");
        assert!(text.contains("as an index says that nobody signs"), "{text}");
    }

    fn proof(&self) -> Ran {
        self.case.rlock("lock", &["--verify", "--base", "HEAD", "--format", "json"])
    }

    /// A lock that also swaps the hash of a package for another one is found without a build.
    #[track_caller]
    pub(super) fn swapped(&self, name: &str, digest: &str, base: &[&str]) -> Value {
        self.poisoned(name, "sha256", digest, base)
    }

    /// The same with another value of a key.
    #[track_caller]
    pub(super) fn poisoned(&self, name: &str, key: &str, value: &str, base: &[&str]) -> Value {
        let lock = self.case.world.read("Dockerfile.lock");
        let block = format!("type = \"{}\"\nname = \"{name}\"", self.kind);
        let block = lock.split("\n\n").find(|text| text.contains(&block)).unwrap();
        let start = format!("{key} = ");
        let line = block.lines().find(|line| line.starts_with(&start)).unwrap();
        let other = block.replace(line, &format!("{key} = \"{value}\""));
        self.case.world.write("Dockerfile.lock", lock.replace(block, &other));
        let arguments = [&["--verify", "--format", "json"], base].concat();
        let report = self.case.rlock("lock", &arguments).expect(3).json();
        self.case.world.write("Dockerfile.lock", &lock);
        assert_eq!(report["status"], "integrity", "{report:#}");
        let finding = report["findings"][0].clone();
        assert_eq!(finding["cause"], "poisoned-lock", "{report:#}");
        let message = finding["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{}:{name} ", self.kind)), "{message}");
        finding
    }

    /// The digest that the lock has of a package's file.
    pub(super) fn digest_of(&self, name: &str) -> String {
        let lock = self.case.world.read("Dockerfile.lock");
        let named = format!("type = \"{}\"\nname = \"{name}\"", self.kind);
        let block = lock.split("\n\n").find(|text| text.contains(&named)).unwrap();
        let digest = block.split("sha256 = \"").nth(1).unwrap_or_else(|| panic!("{block}"));
        digest.split('"').next().unwrap().to_owned()
    }
}

fn files(files: &Value) -> Files {
    let paths = |files: &Value| -> BTreeSet<String> {
        let all = files.as_array().unwrap().iter();
        all.map(|it| it["path"].as_str().unwrap().to_owned()).collect()
    };
    let groups = files["explained_by"].as_array().unwrap().iter();
    let group = |group: &Value| {
        let name = format!("{} {}", group["kind"], group["name"]).replace('"', "");
        (name, paths(&group["files"]))
    };
    Files {
        explained: groups.map(group).collect(),
        unexplained: paths(&files["unexplained"]).into_iter().collect(),
    }
}
