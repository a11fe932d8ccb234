//! Bad input: one clear error each, the right exit code, a way out, and nothing left behind.

use crate::schema::report;
use crate::world::{Ran, World, base, project, succeed};
use rlock::oci::Digest;
use rlock::store::read_dir_sorted;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Fails unless the program ended with `code`, said all of `texts` in one error, and left nothing.
#[track_caller]
fn refused(world: &World, ran: Ran, code: i32, texts: &[&str]) {
    let ran = ran.expect(code).says(texts).says(&["error: "]);
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    leaves_nothing(world);
}

#[track_caller]
fn leaves_nothing(world: &World) {
    let names = |path: &str| -> Vec<String> {
        let entries = read_dir_sorted(&world.path(path)).unwrap_or_default();
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let context = names("context");
    assert!(!context.iter().any(|name| name.contains("lock")), "{context:?}");
    assert!(names("out").is_empty(), "an output");
    assert!(!world.path("out.tar").exists(), "an output");
    let temporary = names("cache/rlock/temporary");
    assert!(temporary.iter().all(|name| name == "lock"), "{temporary:?}");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&*world.path("cache").to_string_lossy()), "{mounts}");
}

/// Runs `build` with two outputs on busybox.
fn build(world: &World, arguments: &[&str]) -> Ran {
    let mut all = vec!["-o", "oci:../out", "-o", "docker-archive:../out.tar"];
    all.extend(arguments);
    world.on_busybox("build", &all)
}

/// What is wrong with a Dockerfile, or with what it asks for.
#[test]
fn dockerfiles() {
    let cases: &[(&str, &[&str], i32, &[&str])] = &[
        ("", &[], 2, &["Dockerfile: the file has no instructions"]),
        (
            "FROM busybox\nRUNN x\n",
            &[],
            2,
            &["unknown instruction `RUNN`", "2 | RUNN x\n  | ^^^^", "hint: did you mean `RUN`?"],
        ),
        ("FROM busybox\nRUN true\n", &["--target", "nope"], 2, &["there is no stage `nope`"]),
        (
            "FROM busybox AS a\nFROM busybox AS b\n",
            &["--target", "c"],
            2,
            &["hint: the stages are a, b"],
        ),
        (
            "FROM busybox AS a\nCOPY --from=b /x /\nFROM busybox AS b\nCOPY --from=a /x /\n",
            &[],
            2,
            &["stage `b` does not stand above this one", "2 | COPY --from=b /x /", "hint: "],
        ),
        ("FROM a AS a\nCOPY --from=a /x /\n", &[], 2, &["stage `a` does not stand above this one"]),
        ("FROM busybox\nCOPY --from=1 /x /\n", &[], 2, &["stage 1 does not stand above", "hint: "]),
        (
            "FROM busybox\nCOPY nope /x\n",
            &[],
            4,
            &["`nope` is not in the build context", "2 | COPY nope /x", "hint: "],
        ),
        (
            "FROM busybox AS a\nFROM busybox\nCOPY --from=a /nope /\n",
            &[],
            4,
            &["`/nope` is not in the image"],
        ),
        ("FROM busybox\nUSER nobody-at-all\nRUN true\n", &[], 4, &["line 3", "`nobody-at-all`"]),
        ("FROM busybox\nRUN [\"/nope\"]\n", &[], 4, &["failed with exit code 127", "`/nope`"]),
        (
            "FROM busybox\nRUN echo why; sh -c 'kill -9 $$'; exit $?\n",
            &[],
            4,
            &["failed with exit code 137", "  | why"],
        ),
        (
            "FROM busybox\nRUN --device=vendor.example/device true\n",
            &[],
            2,
            &["RUN --device is not supported", "2 | RUN --device"],
        ),
        (
            "FROM busybox\nADD git@x.example:y.git /\n",
            &[],
            2,
            &["`git@x.example:y.git` cannot be recorded", "hint: use the https address"],
        ),
        ("FROM ${X}\n", &[], 2, &["`${X}` is empty once expanded", "hint: "]),
        ("FROM Upper\n", &[], 2, &["1 | FROM Upper"]),
    ];
    for (dockerfile, arguments, code, texts) in cases {
        let world = World::new(dockerfile);
        refused(&world, build(&world, arguments), *code, texts);
    }
    let world = World::new("FROM busybox\nCOPY x /x\n");
    world.write("x", "x");
    world.write(".dockerignore", "x\n");
    let texts = ["`x` is left out of the build context by .dockerignore", "hint: "];
    refused(&world, build(&world, &[]), 4, &texts);
}

#[test]
fn files_that_are_not_there() {
    let world = World::new("FROM busybox\nRUN true\n");
    fs::remove_file(world.path("context/Dockerfile")).unwrap();
    let texts =
        ["cannot read the Dockerfile `Dockerfile`: ", "hint: name the directory that has it"];
    refused(&world, build(&world, &[]), 2, &texts);
    refused(&world, build(&world, &["/nowhere/at/all"]), 2, &["`/nowhere/at/all/Dockerfile`"]);
    refused(&world, build(&world, &["-f", ".."]), 2, &["cannot read the Dockerfile `..`"]);
    world.write("other", "FROM busybox\nCOPY . /\n");
    let arguments = ["-f", "other", "/nowhere/at/all"];
    refused(&world, build(&world, &arguments), 2, &["`/nowhere/at/all`"]);
    let ran = world.rlock(&["check", "--format", "json"]).expect(2);
    assert_eq!(report(&world, &ran)["status"], "usage");
}

/// Files of root, for the user of the rootless tests. What is a user's own, rlock may always read.
#[test]
fn files_that_may_not_be_read() {
    let is_root = rustix::process::geteuid().is_root();
    let user =
        if is_root { "rlock-test".to_owned() } else { succeed(Command::new("id").arg("-un")) };
    let layout = Layout::new();
    let world = &layout.world;
    fs::copy(env!("CARGO_BIN_EXE_rlock"), world.path("rlock")).unwrap();
    world.write("Dockerfile", "FROM app\nCOPY . /x\n");
    world.write("closed/file", "x");
    let own = |options: &[&str], owner: &str, path: &Path| {
        let mut command = Command::new(if is_root { "env" } else { "sudo" });
        succeed(command.arg("chown").args(options).arg(owner).arg(path));
    };
    own(&["-R"], user.trim(), &world.path(""));
    let context = format!("app=oci-layout://{}:latest", world.path("layout").display());
    let refused_with = |mode: u32, path: &str, code: i32, texts: &[&str]| {
        let mut program = Command::new(world.path("rlock"));
        if is_root {
            program = Command::new("setpriv");
            program.args(["--reuid=rlock-test", "--regid=rlock-test", "--init-groups"]);
            program.arg(world.path("rlock"));
        }
        program.args(["lock", "--build-context", &context]);
        program.current_dir(world.path("context")).env("XDG_CACHE_HOME", world.path("cache"));
        let path = world.path("context").join(path);
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        own(&[], "root", &path);
        let ran = Ran::of(&program.output().unwrap());
        own(&[], user.trim(), &path);
        fs::set_permissions(&path, before).unwrap();
        let ran = ran.expect(code).says(texts).says(&["error: "]);
        assert_eq!(ran.stdout, "");
        leaves_nothing(world);
    };
    let texts = ["cannot open `/closed/file`: Permission denied", "2 | COPY . /x", "hint: "];
    refused_with(0o600, "closed/file", 4, &texts);
    refused_with(0o700, "closed", 4, &["cannot read `/closed`: Permission denied", "hint: "]);
    let texts = ["cannot read the Dockerfile `Dockerfile`: Permission denied", "hint: "];
    refused_with(0o600, "Dockerfile", 2, &texts);
    fs::remove_dir_all(world.path("context/closed")).unwrap();
    let texts =
        ["cannot write the lockfile `Dockerfile.lock`: permission denied", "hint: check who"];
    refused_with(0o755, "", 5, &texts);
}

#[test]
fn bases_that_are_not_there() {
    let world = World::new("# one\nFROM app\nRUN true\n");
    let from = |context: &str| {
        let named = format!("app={context}");
        world.rlock(&["build", "-o", "oci:../out", "--build-context", &named])
    };
    let busybox = base("busybox");
    let busybox = busybox.display();
    let line = "Dockerfile:2: no image `app:latest`: ";
    refused(&world, from("oci-layout:///nowhere"), 2, &[line, "`/nowhere`", "hint: "]);
    refused(&world, from("docker-archive:/nowhere.tar"), 2, &[line, "`/nowhere.tar`", "hint: "]);
    let tag = format!("oci-layout://{busybox}:nope");
    refused(&world, from(&tag), 2, &[line, "no image named `nope`", "hint: it has `latest`"]);
    let digest = format!("oci-layout://{busybox}@{}", Digest::of(b"x"));
    refused(&world, from(&digest), 2, &[line, "no image ", "hint: "]);
    refused(&world, from("docker-image://registry.invalid/x"), 5, &[line, "hint: "]);
    let ran = world.rlock(&["build", "--offline"]);
    refused(&world, ran, 5, &[line, "--offline forbids to pull it", "hint: pull it once without"]);
    let ran = world.rlock(&["check", "--frozen"]);
    refused(&world, ran, 1, &["there is no lockfile"]);
}

/// A copy of the layout of busybox.
struct Layout {
    world: World,
}

impl Layout {
    fn new() -> Self {
        let world = World::new("FROM app\nRUN true\n");
        let from = base("busybox");
        for folder in ["layout", "layout/blobs", "layout/blobs/sha256"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        for file in ["index.json", "oci-layout"] {
            fs::copy(from.join(file), world.path("layout").join(file)).unwrap();
        }
        for blob in read_dir_sorted(&from.join("blobs/sha256")).unwrap() {
            let target = world.path("layout/blobs/sha256").join(blob.file_name());
            fs::copy(blob.path(), &target).unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        }
        Self { world }
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&fs::read(self.world.path("layout").join(path)).unwrap()).unwrap()
    }

    fn index(&self) -> Value {
        self.json("index.json")
    }

    fn manifest(&self) -> Value {
        self.json(&blob(self.index()["manifests"][0]["digest"].as_str().unwrap()))
    }

    /// The digest of the layer.
    fn layer(&self) -> String {
        self.manifest()["layers"][0]["digest"].as_str().unwrap().to_owned()
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.world.path("layout").join(path);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    fn put(&self, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes).to_string();
        fs::write(self.world.path("layout").join(blob(&digest)), bytes).unwrap();
        json!({"digest": digest, "size": bytes.len()})
    }

    /// Makes the image one of this layer.
    fn set_layer(&self, tar: &[u8]) {
        let mut manifest = self.manifest();
        let mut config = self.json(&blob(manifest["config"]["digest"].as_str().unwrap()));
        config["rootfs"]["diff_ids"] = json!([Digest::of(tar).to_string()]);
        config["history"] = json!([{"created_by": "x"}]);
        merge(&mut manifest["config"], &self.put(config.to_string().as_bytes()));
        manifest["layers"] = json!([{"mediaType": "application/vnd.oci.image.layer.v1.tar"}]);
        merge(&mut manifest["layers"][0], &self.put(tar));
        let mut index = self.index();
        merge(&mut index["manifests"][0], &self.put(manifest.to_string().as_bytes()));
        fs::write(self.world.path("layout/index.json"), index.to_string()).unwrap();
    }

    #[track_caller]
    fn refused(&self, code: i32, texts: &[&str]) {
        let context = format!("app=oci-layout://{}:latest", self.world.path("layout").display());
        let arguments = ["build", "-o", "oci:../out", "--build-context", &context];
        refused(&self.world, self.world.rlock(&arguments), code, texts);
    }
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn merge(into: &mut Value, fields: &Value) {
    into.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
}

#[test]
fn layouts_that_are_damaged() {
    let layout = Layout::new();
    let layer = layout.layer();
    let name = layer.trim_start_matches("sha256:");
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    layout.change(&blob(&layer), flip);
    layout.refused(3, &[name, "hint: "]);
    layout.change(&blob(&layer), flip);
    layout.change(&blob(&layer), |bytes| bytes.truncate(bytes.len() - 1000));
    layout.refused(3, &[name, "hint: "]);
    fs::remove_file(layout.world.path("layout").join(blob(&layer))).unwrap();
    layout.refused(3, &[name, "hint: "]);

    let layout = Layout::new();
    let manifest = layout.index()["manifests"][0]["digest"].as_str().unwrap().to_owned();
    layout.change(&blob(&manifest), |bytes| bytes.push(b' '));
    layout.refused(3, &[manifest.trim_start_matches("sha256:")]);
    let config = layout.manifest()["config"]["digest"].as_str().unwrap().to_owned();
    let layout = Layout::new();
    layout.change(&blob(&config), |bytes| bytes[10] = b'x');
    layout.refused(3, &[config.trim_start_matches("sha256:")]);

    for (file, content, text) in [
        ("index.json", "{\"schemaVersion\": 2, ", "index.json"),
        ("index.json", "<html>", "index.json"),
        ("index.json", "{\"schemaVersion\": 1, \"manifests\": []}", "index.json"),
        ("oci-layout", "{\"imageLayoutVersion\": \"9.0.0\"}", "`imageLayoutVersion` is not"),
        ("oci-layout", "", "oci-layout"),
    ] {
        let layout = Layout::new();
        layout.change(file, |bytes| *bytes = content.into());
        layout.refused(3, &[text]);
    }
    for digest in [Digest::of(b"nothing").to_string(), layer.clone()] {
        let layout = Layout::new();
        let mut index = layout.index();
        index["manifests"][0]["digest"] = json!(digest);
        fs::write(layout.world.path("layout/index.json"), index.to_string()).unwrap();
        layout.refused(3, &[digest.trim_start_matches("sha256:")]);
    }
    let layout = Layout::new();
    layout
        .change("index.json", |bytes| *bytes = b"{\"schemaVersion\":2,\"manifests\":[]}".to_vec());
    layout.refused(2, &["no image named `latest`", "hint: it has none at all"]);
    fs::remove_file(layout.world.path("layout/oci-layout")).unwrap();
    layout.refused(3, &["not an OCI image layout"]);
}

/// An entry of a tar with any name.
fn entry(tar: &mut tar::Builder<Vec<u8>>, path: &str, kind: tar::EntryType, link: &str) {
    let mut header = tar::Header::new_gnu();
    let old = header.as_old_mut();
    old.name[..path.len()].copy_from_slice(path.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(0);
    header.set_cksum();
    tar.append(&header, std::io::empty()).unwrap();
}

/// Path, kind, and where a link points.
type Entry<'a> = (&'a str, tar::EntryType, &'a str);

#[test]
fn layers_that_are_hostile() {
    use tar::EntryType::{Link, Regular, Symlink};
    let victim = tempfile::tempdir().unwrap();
    let outside = victim.path().to_string_lossy().into_owned();
    let escaped = format!("{}/made", outside.trim_start_matches('/'));
    let cases: &[(&[Entry<'_>], &str)] = &[
        (&[("../made", Regular, "")], "`../made`"),
        (&[("a/../../made", Regular, "")], "`a/../../made`"),
        (&[("a", Symlink, &outside), ("a/made", Regular, "")], "entry `a` leads through"),
        (&[("a", Symlink, ".."), ("a/made", Regular, "")], "entry `a` leads through"),
        (&[("a", Link, "../../../../etc/passwd")], "`a`"),
        (&[("a", Regular, ""), ("a/b", Regular, "")], "entry `a` leads through"),
        (&[("..wh..", Regular, ""), (".wh...", Regular, "")], ".wh..."),
    ];
    for (entries, text) in cases {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, link) in *entries {
            entry(&mut tar, path, *kind, link);
        }
        let layout = Layout::new();
        layout.set_layer(&tar.into_inner().unwrap());
        layout.refused(3, &[text, "layer sha256:"]);
    }
    // Entries behind the end of the archive are seen by some tools only.
    let mut hidden = tar::Builder::new(Vec::new());
    entry(&mut hidden, "seen", Regular, "");
    let mut bytes = hidden.into_inner().unwrap();
    let mut more = tar::Builder::new(Vec::new());
    entry(&mut more, "hidden", Regular, "");
    bytes.extend(more.into_inner().unwrap());
    let layout = Layout::new();
    layout.set_layer(&bytes);
    layout.refused(3, &["layer sha256:"]);
    assert!(read_dir_sorted(victim.path()).unwrap().is_empty());
    assert!(!Path::new("/").join(escaped).exists());
}

/// The two builds that the article which this project started from stumbled over.
#[test]
fn classic_failures_have_a_hint() {
    let context =
        format!("debian:bookworm=oci-layout://{}:bookworm", base("debian-bookworm").display());
    for (fixture, output, hint) in [
        (
            "apt-without-update",
            "E: Unable to locate package imagemagick",
            "hint: base images have no package lists: put `apt-get update &&` before the install",
        ),
        (
            "apt-without-yes",
            "Do you want to continue? [Y/n] Abort.",
            "hint: nobody answers questions in a build: add `-y`, as in `apt-get install -y`",
        ),
    ] {
        let text =
            fs::read_to_string(project("fixtures").join(fixture).join("Dockerfile")).unwrap();
        let world = World::new(&text);
        let options = ["check", "--build-context", &context, "--format", "json"];
        let line = text.lines().nth(1).unwrap();
        let excerpt = format!("2 | {line}");
        let texts = [output, hint, &excerpt, "at line 2 failed with exit code"];
        let ran = world.rlock(&options).expect(4).says(&texts);
        leaves_nothing(&world);
        let report = report(&world, &ran);
        assert_eq!(report["status"], "build-failed");
        assert_eq!(report["error"]["hint"].as_str().map(|hint| &hint[..9]), Some(&hint[6..15]));
    }
}
