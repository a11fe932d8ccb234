//! `rlock verify`, moved base tags, and targets: what a lock is good for once it is there.

use crate::schema::report;
use crate::world::{World, base};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

const LOCK: &str = "Dockerfile.lock";

/// Serves one text to whoever asks; the steps of a build share the host's network.
struct Server {
    port: u16,
    text: Arc<Mutex<String>>,
}

impl Server {
    fn start(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = Arc::new(Mutex::new(text.to_owned()));
        let served = Arc::clone(&text);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                lines.map(Result::unwrap).find(String::is_empty);
                let body = served.lock().unwrap().clone();
                let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).unwrap();
            }
        });
        Self { port, text }
    }

    fn serve(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }
}

#[test]
fn verify_notices_what_a_step_fetches_anew() {
    let server = Server::start("one");
    let world = World::new(&format!(
        "FROM busybox\nRUN echo a > /a\nRUN --network=host wget -q -O /x http://127.0.0.1:{}/f\nRUN echo b > /b\n",
        server.port
    ));
    world.on_busybox("lock", &[]).expect(0);
    let ran = world.on_busybox("verify", &["--format", "json"]).expect(0);
    let same = report(&world, &ran);
    assert_eq!(same["status"], "pass");
    assert_eq!(same["against"]["manifest"], same["build"]["manifest"]);
    let ran = world.on_busybox("check", &["--locked"]).expect(0);
    assert!(ran.stdout.contains("3 of 3 recorded layers built again, bit for bit"), "{ran:?}");

    server.serve("two");
    let ran = world.on_busybox("verify", &[]).expect(1);
    for text in ["Dockerfile:3  RUN --network=host wget", "locked-layer", "step 2 gives"] {
        assert!(ran.stdout.contains(text), "no `{text}` in {}", ran.stdout);
    }
    let ran = world.on_busybox("verify", &["--format", "json"]).expect(1);
    let report = report(&world, &ran);
    assert_eq!(report["findings"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!(report["findings"][1]["cause"], "not-hermetic");
    assert_eq!(report["findings"][0]["cause"], "locked-layer");
    assert_eq!(report["findings"][0]["location"]["start_line"], 3);
    let differs: Vec<bool> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["differs"].as_bool().unwrap())
        .collect();
    assert_eq!(differs, [false, true, false]);

    // The two builds of a check agree, but not with the lock.
    let lock = world.read(LOCK);
    let ran = world.on_busybox("check", &[]).expect(1);
    assert!(ran.stdout.starts_with("not what the lock records: "), "{}", ran.stdout);
    assert_eq!(world.read(LOCK), lock);
}

#[test]
fn verify_compares_with_any_image() {
    let world = World::new("FROM busybox\nRUN echo a > /a\nRUN echo b > /b\n");
    world
        .on_busybox("build", &["-o", "oci:../out:1", "-o", "docker-archive:../out.tar:x:1"])
        .expect(0);
    for image in ["oci:../out:1", "docker-archive:../out.tar"] {
        let ran = world.on_busybox("verify", &["--against", image, "--format", "json"]);
        let report = report(&world, &ran.expect(0));
        assert_eq!(report["against"]["name"], image, "{report}");
        assert_eq!(report["findings"], serde_json::json!([]), "{report}");
    }
    world.write("Dockerfile", "FROM busybox\nRUN echo a > /a\nRUN echo c > /b\n");
    world.on_busybox("lock", &[]).expect(0);
    for image in ["oci:../out:1", "docker-archive:../out.tar"] {
        let ran = world.on_busybox("verify", &["--against", image]).expect(1);
        assert!(ran.stdout.contains("Dockerfile:3  RUN echo c > /b"), "{}", ran.stdout);
        assert!(ran.stdout.contains("`/b` differs"), "{}", ran.stdout);
    }
    let ran = world.on_busybox("verify", &["--against", "oci:../nowhere"]).expect(2);
    ran.says(&["cannot open `../nowhere`"]);
    world.on_busybox("verify", &["--no-normalize", "all"]).expect(2).says(&["hint: "]);
    world.on_busybox("lock", &["--no-normalize", "apt-log"]).expect(2).says(&["hint: "]);
}

#[test]
fn a_base_tag_that_moved_is_not_noticed() {
    let maker = World::new("FROM busybox\nRUN echo 1 > /version\n");
    maker.on_busybox("build", &["-o", "oci:../base:moving", "-o", "oci:../base:one"]).expect(0);
    let layout = maker.path("base");
    let context = format!("app=oci-layout://{}:moving", layout.display());
    let world = World::new("FROM app\nRUN cp /version /seen\n");
    world.rlock(&["lock", "--build-context", &context]).expect(0);
    let lock = world.read(LOCK);

    maker.write("Dockerfile", "FROM busybox\nRUN echo 2 > /version\n");
    maker.on_busybox("lock", &[]).expect(0);
    maker.on_busybox("build", &["-o", "oci:../base:moving"]).expect(0);
    for store in ["cache", "another"] {
        let mut command = world.command();
        command.env("XDG_CACHE_HOME", world.path(store));
        let output = command.args(["verify", "--build-context", &context]).output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{stdout}");
    }
    assert_eq!(world.read(LOCK), lock);
    world.rlock(&["check", "--build-context", &context, "--locked"]).expect(0);

    // Without the old image there is nothing to build from.
    maker.on_busybox("build", &["-o", "oci:../base2:moving"]).expect(0);
    let context = format!("app=oci-layout://{}:moving", maker.path("base2").display());
    let mut command = world.command();
    command.env("XDG_CACHE_HOME", world.path("third"));
    let output = command.args(["verify", "--build-context", &context]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("Dockerfile:1: no image `app:latest`: no image "), "{stderr}");
    assert!(stderr.contains("hint: "), "{stderr}");
    // A new lock takes what the tag points at by now.
    std::fs::remove_file(world.path("context").join(LOCK)).unwrap();
    world.rlock(&["lock", "--build-context", &context]).expect(0);
    assert_ne!(world.read(LOCK), lock);
}

#[test]
fn an_index_is_recorded_with_what_this_platform_gets() {
    let maker = World::new("FROM busybox\nRUN echo 1 > /version\n");
    maker.on_busybox("build", &["-o", "oci:../base:one"]).expect(0);
    let layout = maker.path("base");
    let text = std::fs::read_to_string(layout.join("index.json")).unwrap();
    let mut top: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut manifest = top["manifests"][0].clone();
    let of_platform = manifest["digest"].as_str().unwrap().to_owned();
    manifest["annotations"] = serde_json::json!({});
    manifest["platform"] = serde_json::json!({"os": "linux", "architecture": architecture()});
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index =
        serde_json::json!({"schemaVersion": 2, "mediaType": media_type, "manifests": [manifest]});
    let index = index.to_string();
    let digest = rlock::oci::Digest::of(index.as_bytes());
    std::fs::write(layout.join("blobs/sha256").join(digest.hex()), &index).unwrap();
    top["manifests"][0]["digest"] = serde_json::json!(digest.to_string());
    top["manifests"][0]["size"] = serde_json::json!(index.len());
    top["manifests"][0]["mediaType"] = serde_json::json!(media_type);
    top["manifests"][0].as_object_mut().unwrap().remove("platform");
    std::fs::write(layout.join("index.json"), top.to_string()).unwrap();

    let context = format!("app=oci-layout://{}:one", layout.display());
    let world = World::new("FROM app\nRUN true\n");
    world.rlock(&["lock", "--build-context", &context]).expect(0);
    let expected = format!(
        "[[image]]\nreference = \"docker.io/library/app:latest\"\nindex = \"{digest}\"\nmanifest = \
         \"{of_platform}\"\n"
    );
    assert!(world.read(LOCK).contains(&expected), "{}", world.read(LOCK));
    // From the Store now, where the index need not be.
    world.rlock(&["verify"]).expect(0);
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => panic!("no fixtures for {other}"),
    }
}

const STAGES: &str = "FROM busybox AS build\nRUN echo built > /b\n\
                      FROM busybox AS test\nRUN echo test > /t\nCOPY --from=build /b /b\n\
                      FROM busybox\nCOPY --from=build /b /b\n";

#[test]
fn one_lock_serves_all_targets() {
    let world = World::new(STAGES);
    world.on_busybox("lock", &[]).expect(0);
    let whole = world.read(LOCK);
    assert!(!whole.contains("id = \"test/"), "the last stage does not need it: {whole}");
    world.on_busybox("lock", &["--target", "build", "--locked"]).expect(0);
    world.on_busybox("verify", &["--target", "build"]).expect(0);
    let ran = world.on_busybox("check", &["--target", "test", "--locked"]).expect(1);
    ran.says(&["line 4: `RUN echo test > /t` is not locked"]);

    world.on_busybox("lock", &["--target", "test"]).expect(0);
    let both = world.read(LOCK);
    assert!(whole.split("\n\n").all(|block| both.contains(block.trim_end())), "{whole}\n{both}");
    assert!(both.contains("id = \"test/2\""), "{both}");
    for target in ["build", "test", "2"] {
        world.on_busybox("verify", &["--target", target]).expect(0);
    }
    world.on_busybox("check", &["--locked"]).expect(0);

    // A change of one stage is the business of the targets that need it.
    world.write("Dockerfile", STAGES.replace("echo test", "echo TEST"));
    world.on_busybox("lock", &["--locked"]).expect(0);
    world.on_busybox("verify", &["--target", "test"]).expect(1).says(&["line 4: "]);
    world.on_busybox("lock", &["--target", "test"]).expect(0);
    world.on_busybox("verify", &["--target", "test"]).expect(0);
    world.on_busybox("verify", &[]).expect(0);

    world.write("Dockerfile", STAGES.replace("echo built", "echo BUILT"));
    world.on_busybox("lock", &["--target", "build"]).expect(0);
    assert!(!world.read(LOCK).contains("[result]"), "the image of the whole is another now");
    world.on_busybox("lock", &["--locked"]).expect(0);

    // A stage that is gone leaves the lock.
    let less =
        "FROM busybox AS build\nRUN echo BUILT > /b\nFROM busybox\nCOPY --from=build /b /b\n";
    world.write("Dockerfile", less);
    let ran = world.on_busybox("lock", &["--locked"]).expect(1);
    ran.says(&["stage `test` is locked and no longer in the Dockerfile"]);
    world.on_busybox("lock", &[]).expect(0);
    assert!(!world.read(LOCK).contains("test/"), "{}", world.read(LOCK));
    world.on_busybox("verify", &[]).expect(0);
}

#[test]
fn what_a_debian_step_installs_is_pinned() {
    let context =
        format!("debian:bookworm=oci-layout://{}:bookworm", base("debian-bookworm").display());
    let world = World::new(
        "FROM debian:bookworm\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends bc lsof\n\
         RUN useradd --system me\n",
    );
    let ran = world.rlock(&["check", "--build-context", &context, "--format", "json"]).expect(0);
    let checked = report(&world, &ran);
    assert_eq!(checked["verdict"], "identical-after-normalisers", "{checked}");
    let lock: toml::Table = world.read(LOCK).parse().unwrap();
    let of_base = lock["image"][0]["packages"].as_array().unwrap();
    assert!(of_base.len() > 50, "{of_base:?}");
    assert!(of_base.iter().any(|package| package.as_str().unwrap().starts_with("deb:base-files ")));

    let packages = lock["package"].as_array().unwrap();
    let field = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let names: Vec<(String, bool)> = packages
        .iter()
        .map(|package| (field(package, "name"), package["requested"].as_bool().unwrap()))
        .collect();
    for requested in ["bc", "lsof"] {
        assert!(names.contains(&(requested.to_owned(), true)), "{names:?}");
    }
    let along = names.iter().find(|(_, requested)| !requested);
    assert!(along.is_some(), "dependencies come along: {names:?}");
    for package in packages {
        assert_eq!(
            (field(package, "type").as_str(), field(package, "step").as_str()),
            ("deb", "1")
        );
        assert!(
            package["version"].as_str().unwrap().starts_with(|first: char| first.is_ascii_digit())
        );
        assert!(["amd64", "arm64", "all"].contains(&package["architecture"].as_str().unwrap()));
    }
    let rules: Vec<String> =
        lock["normalize"].as_array().unwrap().iter().map(|entry| field(entry, "rule")).collect();
    for rule in ["apt-log", "dpkg-log", "ldconfig-aux-cache"] {
        assert!(rules.iter().any(|used| used == rule), "{rules:?}");
    }
    let used: Vec<&str> = checked["normalised"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["rule"].as_str().unwrap())
        .collect();
    assert_eq!(used.len(), rules.len());

    // The raw differences show when the rules are off, and the lock is left alone.
    let text = world.read(LOCK);
    let options =
        ["check", "--build-context", &context, "--no-normalize", "all", "--format", "json"];
    let report = report(&world, &world.rlock(&options).expect(1));
    assert_eq!(report["verdict"], "different");
    assert_eq!(report["normalised"], serde_json::json!([]));
    let causes = report["summary"]["causes"].as_object().unwrap();
    assert!(causes.contains_key("log"), "{causes:?}");
    assert!(!causes.contains_key("locked-layer"), "layers of another form are not compared");
    assert!(!causes.contains_key("unknown"), "{causes:?}");
    let lines: Vec<u64> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["location"]["start_line"].as_u64().unwrap())
        .collect();
    assert!(lines.iter().all(|line| *line == 2), "{report}");
    assert_eq!(world.read(LOCK), text);

    std::fs::remove_file(world.path("context").join(LOCK)).unwrap();
    world.rlock(&["check", "--build-context", &context, "--no-normalize", "dpkg-log"]).expect(1);
    assert!(!world.path("context").join(LOCK).exists(), "no lock of another form is written");
}
