//! `rlock review OLD NEW` where both are of git: what is built and what lines are named is what these
//! commits have, whatever the work tree holds. And the clones that CI systems make.

use crate::clients::now;
use crate::schema;
use crate::upstream::{self, Site, Tree, Wire};
use crate::world::{Ran, World, base, succeed, tool};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A repository with a Dockerfile in a folder of its own.
struct Repository {
    world: World,
    /// Where the hosts are that its steps ask.
    arguments: Vec<String>,
}

const FIRST: &str = "FROM busybox\nCOPY note /srv/note\nRUN wc -c < /srv/note > /srv/size\n";

impl Repository {
    fn new() -> Self {
        let world = World::new("FROM scratch\n");
        std::fs::remove_file(world.path("context/Dockerfile")).unwrap();
        let repository = Self { world, arguments: Vec::new() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.world.path("context"), arguments)
    }

    /// Writes these files, locks the image of `web`, and commits all of it.
    fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            self.world.write(path, content);
        }
        let lock = self.world.path("context/web/Dockerfile.lock");
        drop(std::fs::remove_file(lock));
        self.rlock("lock", &["web"]).expect(0);
        self.commit_all()
    }

    fn commit_all(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "next"]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn rlock(&self, command: &str, more: &[&str]) -> Ran {
        self.rlock_in(&self.world.path("context"), command, more, &[])
    }

    fn rlock_in(
        &self,
        folder: &Path,
        command: &str,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> Ran {
        let mut run = self.world.command();
        run.current_dir(folder).arg(command);
        for name in ["GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "GITLAB_CI"] {
            run.env_remove(name);
        }
        for name in ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA"] {
            run.env_remove(name);
        }
        run.args(["--build-context", &format!("busybox=oci-layout://{}", layout().display())]);
        run.args(&self.arguments).args(more);
        run.envs(environment.iter().copied());
        Ran::of(&run.output().unwrap())
    }

    #[track_caller]
    fn review(&self, more: &[&str], code: i32) -> Value {
        let mut all = vec!["--format", "json", "--context", "web"];
        all.extend(more);
        let ran = self.rlock("review", &all).expect(code);
        schema::report(&self.world, &ran)
    }
}

fn layout() -> PathBuf {
    let path = base("busybox");
    PathBuf::from(format!("{}:latest", path.display()))
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = tool("git", "git");
    git.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1");
    git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]);
    git.args(["-c", "protocol.file.allow=always"]).args(arguments);
    succeed(&mut git)
}

/// All paths of the groups of this kind.
fn paths(report: &Value, kind: &str) -> Vec<String> {
    let groups = report["files"]["explained_by"].as_array().unwrap();
    let of = groups.iter().filter(|group| group["kind"] == kind);
    let files = of.flat_map(|group| group["files"].as_array().unwrap());
    files.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn both_sides_are_of_their_revisions_whatever_the_work_tree_holds() {
    let repository = Repository::new();
    repository.commit(&[("web/Dockerfile", FIRST), ("web/note", "one\n")]);
    let second = format!("# A comment moves the lines.\n{FIRST}");
    repository.commit(&[("web/Dockerfile", &second), ("web/note", "number two\n")]);
    // The third commit has another Dockerfile, and the work tree is dirty besides.
    let third = FIRST.replace("/srv/", "/opt/");
    repository.commit(&[("web/Dockerfile", &third), ("web/note", "3\n")]);
    repository.world.write("web/Dockerfile", "FROM nothing-like-it\n");
    repository.world.write("web/note", "dirty\n");
    repository.world.write("web/.dockerignore", "*\n");

    let body = repository.world.path("body.md");
    let more = ["--pr-body", body.to_str().unwrap(), "HEAD~2", "HEAD~1", "--files"];
    let report = repository.review(&more, 0);
    assert_eq!(report["dockerfile"], "web/Dockerfile", "{report:#}");
    assert_eq!(paths(&report, "instruction"), ["/srv/note"], "{report:#}");
    assert_eq!(report["files"]["unexplained"], serde_json::json!([]));
    // What ran below the changed file may come of it, and nobody says that it does.
    assert_eq!(paths(&report, "below"), ["/srv/size"], "{report:#}");
    assert_eq!(report["files"]["unproven"], 1);
    let below = report["files"]["explained_by"].as_array().unwrap();
    let below = below.iter().find(|group| group["kind"] == "below").unwrap();
    assert_eq!(below["location"]["start_line"], 4, "{below:#}");
    assert_eq!(below["location"]["file"], "web/Dockerfile", "{below:#}");
    assert_eq!(below["above"][0]["location"]["start_line"], 3, "{below:#}");
    assert_eq!(below["above"][0]["files"][0]["path"], "/srv/note", "{below:#}");
    let text = std::fs::read_to_string(&body).unwrap();
    assert!(
        text.contains("0 unexplained changes · 1 below a changed instruction (not proven)"),
        "{text}"
    );
    assert!(
        text.contains("line 3, which copies the changed file `/srv/note`: not proven"),
        "{text}"
    );
    assert!(!text.contains("](") && text.contains("`web/Dockerfile`"), "{text}");
    assert!(!text.contains('✅'), "{text}");
    // Who wants it strict says so.
    repository.review(&["HEAD~2", "HEAD~1", "--files", "--fail-on", "warning"], 1);
}

/// Downloads say what the text is about; the second day it says something else.
#[test]
fn a_download_that_changed_below_a_changed_file_is_unexplained_and_linked() {
    let site = Site::start("files.test", Wire::Plain);
    let serve = |text: &str| {
        let mut tree = Tree::at(now() - 10);
        tree.file("/x", text);
        site.serve(tree);
    };
    serve("first\n");
    let mut repository = Repository::new();
    repository.arguments = upstream::arguments(&[&site]);
    let dockerfile = format!(
        "FROM busybox\nCOPY note /srv/note\nRUN wget -q -O /srv/fetched {}/x\n",
        site.url()
    );
    repository.commit(&[("web/Dockerfile", &dockerfile), ("web/note", "one\n")]);
    serve("second\n");
    let commit = repository.commit(&[("web/note", "two\n")]);
    let report = repository.review(&["HEAD~1", "HEAD", "--files"], 1);
    assert_eq!(report["files"]["unexplained"][0]["path"], "/srv/fetched", "{report:#}");
    assert_eq!(paths(&report, "instruction"), ["/srv/note"]);
    assert_eq!(report["files"]["unproven"], 0);

    // A forge that is known gets links to the commit that was reviewed, from wherever it was asked.
    let arguments = ["HEAD~1", "HEAD", "--files", "--format", "markdown"];
    let folder = repository.world.path("context/web");
    let github = [
        ("GITHUB_SERVER_URL", "https://forge.example"),
        ("GITHUB_REPOSITORY", "owner/project"),
        ("GITHUB_SHA", "0000000000000000000000000000000000000000"),
    ];
    let text = repository.rlock_in(&folder, "review", &arguments, &github).expect(1).stdout;
    let link = format!("[3](https://forge.example/owner/project/blob/{commit}/web/Dockerfile#L3)");
    assert!(text.contains("review of `web/Dockerfile`") && text.contains(&link), "{text}");
    let gitlab = [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://forge.example/group/project"),
        ("CI_COMMIT_SHA", "0000000000000000000000000000000000000000"),
    ];
    let text = repository.rlock_in(&folder, "review", &arguments, &gitlab).expect(1).stdout;
    let link =
        format!("[3](https://forge.example/group/project/-/blob/{commit}/web/Dockerfile#L3)");
    assert!(text.contains(&link), "{text}");
    let text = repository.rlock_in(&folder, "review", &arguments, &[]).expect(1).stdout;
    assert!(text.contains("added, line 3: ") || text.contains("changed, line 3: "), "{text}");
}

/// What is compiled in another stage from a changed file is no riddle, and no proof.
#[test]
fn what_another_stage_made_of_a_changed_file_is_not_proven() {
    let repository = Repository::new();
    let dockerfile = "FROM busybox AS build\nCOPY note /note\nRUN tr a-z A-Z < /note > /loud\n\
                      FROM busybox\nCOPY --from=build /loud /loud\nRUN wc -c < /loud > /size\n";
    repository.commit(&[("web/Dockerfile", dockerfile), ("web/note", "one\n")]);
    repository.commit(&[("web/note", "three\n")]);
    let report = repository.review(&["HEAD~1", "HEAD", "--files"], 0);
    assert_eq!(paths(&report, "below"), ["/loud", "/size"], "{report:#}");
    assert_eq!(report["files"]["unproven"], 2);
    let unexplained = &report["files"]["unexplained"];
    assert_eq!(unexplained.as_array().unwrap().len(), 0, "{report:#}");
}

#[test]
fn a_dockerfile_that_has_moved_is_found_beside_its_lock() {
    let repository = Repository::new();
    repository.commit(&[("web/Dockerfile", FIRST), ("web/note", "one\n")]);
    repository.git(&["mv", "web", "site"]);
    repository.world.write("site/note", "number two\n");
    repository.commit_all();
    // The folder is not in the work tree any more.
    repository.git(&["rm", "-r", "--quiet", "site"]);
    repository.git(&["commit", "--quiet", "--message", "gone"]);
    let arguments = ["HEAD~2:web/Dockerfile.lock", "HEAD~1", "--files", "--context", "site"];
    let all = ["--format", "json"].into_iter().chain(arguments).collect::<Vec<_>>();
    let ran = repository.rlock("review", &all).expect(0);
    let report = schema::report(&repository.world, &ran);
    assert_eq!(paths(&report, "instruction"), ["/srv/note"], "{report:#}");
    assert_eq!(report["dockerfile"], "site/Dockerfile");

    // Where the name before is not given, there was none: everything is new, and it is said.
    let ran = repository
        .rlock("review", &["HEAD~2", "HEAD~1", "--context", "site", "--files"])
        .expect(0)
        .says(&["there was no lock before, so there is no image to compare with"]);
    assert!(ran.stdout.contains("no lock before: all of it is new"), "{}", ran.stdout);
    let ran = repository.rlock("review", &["HEAD~2", "HEAD", "--context", "site"]).expect(2);
    ran.says(&["there is no lockfile `HEAD:site/Dockerfile.lock`"]);
}

#[test]
fn clones_of_ci_systems_say_what_they_lack() {
    let repository = Repository::new();
    repository.commit(&[("web/Dockerfile", FIRST), ("web/note", "one\n")]);
    let root = repository.commit(&[("web/note", "two\n")]);
    repository.git(&["checkout", "--quiet", "-b", "change"]);
    repository.commit(&[("web/note", "three\n")]);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.commit(&[("web/note", "other\n")]);
    let origin = format!("file://{}", repository.world.path("context").display());
    let clone = |name: &str, more: &[&str]| {
        let folder = repository.world.path(name);
        let arguments = ["clone", "--quiet", "--branch", "change"].iter().chain(more);
        let arguments: Vec<&str> =
            arguments.copied().chain([origin.as_str(), folder.to_str().unwrap()]).collect();
        git(&repository.world.path("."), &arguments);
        folder
    };
    let review = |folder: &Path, environment: &[(&str, &str)]| {
        repository.rlock_in(folder, "review", &["--context", "web"], environment)
    };

    // As actions/checkout does without `fetch-depth: 0`: one commit of one branch.
    let shallow = clone("shallow", &["--depth", "1"]);
    let ran = review(&shallow, &[("GITHUB_BASE_REF", "main")]).expect(2);
    ran.says(&["GITHUB_BASE_REF names the branch `main`, which is not fetched", "fetch-depth: 0"]);
    // The branch is there, and not where it parted from this one.
    git(&shallow, &["fetch", "--quiet", "--depth", "1", "origin", "main:refs/remotes/origin/main"]);
    let ran = review(&shallow, &[("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")]).expect(2);
    ran.says(&["there is no merge base of HEAD and origin/main", "shallow", "GIT_DEPTH: 0"]);
    let ran = repository.rlock_in(&shallow, "review", &[&root, "--context", "web"], &[]).expect(2);
    ran.says(&["is neither a file nor a git revision", "shallow clone", "fetch-depth: 0"]);

    // All of it: the merge base, by what the CI system says and by what origin calls its default.
    let whole = clone("whole", &[]);
    for (environment, target) in
        [(&[("GITHUB_BASE_REF", "main")][..], "origin/main"), (&[], "origin/HEAD")]
    {
        let ran = review(&whole, environment).expect(0);
        let name = format!("{} (merge base with {target})", &root[..12]);
        assert!(ran.stdout.contains(&name), "{}", ran.stdout);
    }
}

#[test]
fn what_a_checkout_would_lack_is_an_error_or_there() {
    let repository = Repository::new();
    repository.commit(&[("web/Dockerfile", FIRST), ("web/note", "one\n")]);
    repository.commit(&[("web/note", "number two\n")]);
    // A sparse work tree: what it leaves out is there all the same.
    repository.git(&["sparse-checkout", "set", "--no-cone", "/nothing"]);
    assert!(!repository.world.path("context/web").exists());
    let report = repository.review(&["HEAD~1", "HEAD", "--files"], 0);
    assert_eq!(paths(&report, "instruction"), ["/srv/note"], "{report:#}");
    repository.git(&["sparse-checkout", "disable"]);

    // Attributes of the work tree are not those of the revision.
    repository.world.write(".gitattributes", "note text eol=crlf\n");
    let report = repository.review(&["HEAD~1", "HEAD", "--files"], 0);
    let old = report["files"]["from"].clone();
    std::fs::remove_file(repository.world.path("context/.gitattributes")).unwrap();
    let report = repository.review(&["HEAD~1", "HEAD", "--files"], 0);
    assert_eq!(report["files"]["from"], old);

    // Git LFS: only its pointer is in the repository.
    let digest = "0".repeat(64);
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 9\n");
    let attributes = [(".gitattributes", "*.big filter=lfs\n"), ("web/x.big", &pointer)];
    for (path, text) in attributes {
        repository.world.write(path, text);
    }
    repository.commit_all();
    repository.world.write("web/x.big", "the content\n");
    let ran = repository.rlock("review", &["HEAD~1", "HEAD", "--files", "--context", "web"]);
    ran.expect(2).says(&["`web/x.big` of HEAD is kept in Git LFS", "git lfs fetch"]);
    repository.rlock("review", &["HEAD~1", "HEAD", "--context", "web"]).expect(0);
    repository.git(&["checkout", "--quiet", "--force", "HEAD~1"]);

    // A submodule: its files are in another repository.
    let other = repository.world.path("other");
    git(&repository.world.path("."), &["init", "--quiet", "--initial-branch=main", "other"]);
    std::fs::write(other.join("file"), "x").unwrap();
    git(&other, &["add", "file"]);
    git(&other, &["commit", "--quiet", "--message", "one"]);
    repository.git(&["submodule", "--quiet", "add", other.to_str().unwrap(), "web/vendor"]);
    repository.commit_all();
    let ran = repository.rlock("review", &["HEAD~1", "HEAD", "--files", "--context", "web"]);
    ran.expect(2).says(&["`web/vendor` of HEAD is a submodule", "submodule update --init"]);
    repository.rlock("review", &["HEAD~1", "HEAD", "--context", "web"]).expect(0);
}
