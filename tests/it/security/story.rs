//! What all of the stories do.

use crate::clients::Case;
use crate::world::{Ran, succeed, tool};
use serde_json::{Value, json};

/// What advisory data says that the repaired library repairs.
pub(super) const CVES: [&str; 2] = ["CVE-2026-1111", "CVE-2026-2222"];

/// The advisory data, beside the Dockerfile and outside of git's reach.
const DATA: &str = "../advisories";

/// A locked Dockerfile in git, whose base branch knows the key of the repository, and advisory data.
pub(super) struct Story<'a> {
    pub(super) case: Case<'a>,
}

impl<'a> Story<'a> {
    /// Locks, commits, and finds nothing to do.
    pub(super) fn start(case: Case<'a>, file: &str, advisories: &str) -> Self {
        let folder = case.world.path("advisories");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(file), advisories).unwrap();
        case.lock();
        let story = Self { case };
        story.git(&["init", "--quiet", "--initial-branch=main"]);
        story.git(&["add", "--all"]);
        story.git(&["commit", "--quiet", "--message", "locked"]);
        let nothing = story.knowing("outdated", &["--exit-code"]).expect(0).json();
        assert_eq!(nothing["packages"], json!([]), "{nothing:#}");
        story
    }

    /// Another file of advisory data.
    pub(super) fn add_data(&self, file: &str, advisories: &str) {
        std::fs::write(self.case.world.path("advisories").join(file), advisories).unwrap();
    }

    /// The review names the notices by which the distribution repairs each vulnerability.
    #[track_caller]
    pub(super) fn assert_notices(&self, expected: &[&str]) {
        let report = self.knowing("review", &["HEAD"]).expect(0).json();
        for fixed in report["advisories"]["fixed"].as_array().unwrap() {
            let aliases = fixed["aliases"].as_array().unwrap().iter();
            let others: Vec<&str> =
                aliases.filter_map(Value::as_str).filter(|id| !CVES.contains(id)).collect();
            assert_eq!(others, expected, "{fixed:#}");
        }
    }

    pub(super) fn git(&self, arguments: &[&str]) {
        let mut git = tool("git", "git");
        git.current_dir(self.case.world.path("context"));
        git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]).args(arguments);
        succeed(&mut git);
    }

    /// Runs a command with the advisory data; its report is JSON.
    pub(super) fn knowing(&self, command: &str, arguments: &[&str]) -> Ran {
        let all = [&["--advisories", DATA, "--format", "json"], arguments].concat();
        self.case.rlock(command, &all)
    }

    /// Three packages are behind, and one of them is a security fix.
    #[track_caller]
    pub(super) fn assert_outdated(&self) {
        let report = self.knowing("outdated", &["--exit-code"]).expect(1).json();
        assert_eq!(report["summary"]["security"], 1, "{report:#}");
        let rows = report["packages"].as_array().unwrap();
        assert_eq!(rows.len(), 3, "{report:#}");
        let fix = rows.iter().find(|row| row["security"] == true).unwrap();
        assert_eq!((&fix["name"], &fix["fixes"]), (&json!("library"), &json!(CVES)), "{report:#}");
        // Who has no data does not know which of them it is.
        let report = self.case.rlock("outdated", &["--format", "json"]).expect(0).json();
        assert_eq!(report["summary"]["security"], 0, "{report:#}");
    }

    /// Moves what repairs something, which is said before anything is built; these are the moves.
    #[track_caller]
    pub(super) fn assert_updated(&self, expected: &[(&str, Option<&str>)]) {
        let before = self.case.world.read("Dockerfile.lock");
        let dry = ["--security", "-C", ".", "--dry-run"];
        let planned = self.knowing("update", &dry).expect(0).json();
        assert_eq!(planned["outcome"], "planned", "{planned:#}");
        assert_moves(&planned, expected);
        assert_eq!(self.case.world.read("Dockerfile.lock"), before);
        let report = self.knowing("update", &["--security", "-C", "."]).expect(0).json();
        assert_eq!(report["outcome"], "written", "{report:#}");
        assert_moves(&report, expected);
        let again = self.knowing("update", &["--security", "-C", "."]).expect(0).json();
        assert_eq!(again["outcome"], "nothing-to-do", "{again:#}");
    }

    /// The review names what is repaired, knows whose each changed file is, and finds no risk; the
    /// groups of files by what explains them.
    #[track_caller]
    pub(super) fn assert_reviewed(&self, kind: &str, requested: bool) {
        let body = self.case.world.path("body.md");
        let arguments = ["HEAD", "--files", "--pr-body", body.to_str().unwrap()];
        let report = self.knowing("review", &arguments).expect(0).json();
        let packages = report["packages"].as_array().unwrap();
        assert_eq!(packages.len(), 1, "{report:#}");
        let library = &packages[0];
        assert_eq!((&library["type"], &library["name"]), (&json!(kind), &json!("library")));
        assert_eq!((&library["change"], &library["ships"]), (&json!("upgrade"), &json!("yes")));
        assert_eq!(library["requested"], requested, "{library:#}");
        let advisories = &report["advisories"];
        let fixed = advisories["fixed"].as_array().unwrap();
        let ids: Vec<&Value> = fixed.iter().map(|it| &it["id"]).collect();
        assert_eq!(json!(ids), json!(CVES), "{advisories:#}");
        for still in ["open", "introduced"] {
            assert_eq!(advisories[still], json!([]), "{advisories:#}");
        }
        assert_eq!(advisories["sources"][0]["tier"], "local", "{advisories:#}");
        assert_eq!(report["files"]["unexplained"], json!([]), "{report:#}");
        let groups = report["files"]["explained_by"].as_array().unwrap();
        let names: Vec<&str> = groups.iter().filter_map(|it| it["name"].as_str()).collect();
        assert_eq!(names, ["library", &format!("{kind}-database")], "{groups:#?}");
        assert_eq!(groups[0]["count"], 1, "{groups:#?}");
        let body = std::fs::read_to_string(body).unwrap();
        let dependency = if requested { "" } else { "dep" };
        for text in ["library", CVES[0], "0 unexplained changes", dependency] {
            assert!(body.contains(text), "no `{text}` in:\n{body}");
        }
    }

    /// Whether the lock is what signed metadata says; believes what HEAD has.
    fn prove(&self) -> Ran {
        self.case.rlock("lock", &["--verify", "--base", "HEAD", "--format", "json"])
    }

    /// The lock proves itself; with one hash swapped it does not.
    #[track_caller]
    pub(super) fn assert_proven(&self) {
        let proof = self.prove().expect(0).json();
        assert_eq!(proof["findings"], json!([]), "{proof:#}");
        let lock = self.case.world.read("Dockerfile.lock");
        let of = |name: &str| {
            let name = format!("name = \"{name}\"");
            let block = lock.split("\n\n").find(|block| block.contains(&name)).unwrap();
            (block, block.lines().find(|line| line.starts_with("sha256 = ")).unwrap())
        };
        let ((block, digest), (_, another)) = (of("other"), of("tool"));
        let nobodys = format!("sha256 = \"{}\"", "5".repeat(64));
        // That of a file which the Store has, and one that nobody has: apk's index has hashes of
        // another kind, which only the file can be compared with.
        for another in [another, &nobodys] {
            let swapped = block.replace(digest, another);
            self.case.world.write("Dockerfile.lock", lock.replace(block, &swapped));
            let proof = self.prove().expect(3).json();
            assert_eq!(proof["status"], "integrity", "{proof:#}");
            let message = proof["findings"][0]["message"].as_str().unwrap();
            assert!(message.contains("other"), "{proof:#}");
        }
        self.case.world.write("Dockerfile.lock", lock);
    }

    /// A file that comes by another way than a package is nobody's: the Dockerfile does not change, what
    /// it copies does.
    #[track_caller]
    pub(super) fn assert_other_ways_are_seen(&self, path: &str) {
        let report = self.knowing("review", &["HEAD", "--files"]).expect(1).json();
        let unexplained = report["files"]["unexplained"].as_array().unwrap();
        let paths: Vec<&Value> = unexplained.iter().map(|it| &it["path"]).collect();
        assert_eq!(json!(paths), json!([path]), "{report:#}");
    }
}

#[track_caller]
fn assert_moves(report: &Value, expected: &[(&str, Option<&str>)]) {
    let rows = report["moves"].as_array().unwrap();
    let moves: Vec<(&str, Option<&str>)> =
        rows.iter().map(|row| (row["name"].as_str().unwrap(), row["reason"].as_str())).collect();
    assert_eq!(moves, expected, "{report:#}");
    let library = rows.iter().find(|row| row["name"] == "library").unwrap();
    assert_eq!(library["security"], true, "{report:#}");
}
