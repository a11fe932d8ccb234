//! Images from a registry, through the program: base images, credentials, the lock, `rlock diff`.

use crate::registry::Layout;
use crate::server::{AUTH, Access, PASSWORD, Server, USER, Wire};
use crate::world::{Ran, World, base};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

/// `user:wrong` in base64.
const WRONG: &str = "dXNlcjp3cm9uZw==";

const STEP: &str = "RUN echo made > /made\n";

/// The registry as Dockerfiles name it.
fn at(server: &Server, name: &str) -> String {
    format!("{}/{name}", server.address.replace("127.0.0.1", "localhost"))
}

fn push_busybox(server: &Server, name: &str) {
    server.push(&base("busybox"), "latest", name);
}

/// Makes another image and gives it this name in the registry.
fn push_other(server: &Server, name: &str) {
    let world = World::new("FROM busybox\nRUN echo other > /other\n");
    let layout = world.path("layout");
    world.on_busybox("build", &["-o", &format!("oci:{}:v1", layout.display())]).expect(0);
    server.push(&layout, "v1", name);
}

/// A Docker configuration beside the context of this content.
fn configure(world: &World, config: &Value) -> std::path::PathBuf {
    let folder = world.path("docker");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    folder
}

fn auths(server: &Server, auth: &str) -> Value {
    json!({ "auths": { at(server, "").trim_end_matches('/'): { "auth": auth } } })
}

fn run_with(world: &World, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = world.command();
    Ran::of(&command.envs(variables.iter().copied()).args(arguments).output().unwrap())
}

#[test]
fn a_locked_build_uses_the_digest_wherever_the_tag_went() {
    let server = Server::start(Access::Open, Wire::Plain);
    push_busybox(&server, "team/base:1");
    push_busybox(&server, "team/tools:1");
    let [image, tools] = ["team/base:1", "team/tools:1"].map(|name| at(&server, name));
    let world =
        World::new(&format!("FROM {image}\n{STEP}COPY --from={tools} /bin/busybox /tool\n"));
    world.rlock(&["check"]).expect(0);
    let lock = world.read("Dockerfile.lock");
    let manifest = digest_of_busybox();
    for reference in [image, tools] {
        let block = format!("[[image]]\nreference = \"{reference}\"\nmanifest = \"{manifest}\"\n");
        assert!(lock.contains(&block), "{block}\n{lock}");
    }

    push_other(&server, "team/base:1");
    // Another Store has nothing: what the lock names is pulled by digest.
    let other = world.path("other-store").display().to_string();
    world.rlock(&["check", "--locked", "--store", &other]).expect(0);
    let another = world.path("another-store").display().to_string();
    world.rlock(&["verify", "--store", &another]).expect(0);
    // Nobody asks for the tag, and the lock stays as it is.
    world.rlock(&["check"]).expect(0);
    assert_eq!(world.read("Dockerfile.lock"), lock);

    std::fs::remove_file(world.path("context/Dockerfile.lock")).unwrap();
    world.rlock(&["lock"]).expect(0);
    // Without a lock the tags decide: that of one image has moved.
    assert_eq!(world.read("Dockerfile.lock").matches(&manifest).count(), 1);
}

fn digest_of_busybox() -> String {
    let index = std::fs::read(base("busybox").join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn an_index_is_in_the_lock_with_the_manifest_of_the_platform() {
    let server = Server::start(Access::Open, Wire::Plain);
    let layout = Layout::new();
    server.push(layout.path(), "it", "team/app:1");
    let reference = at(&server, "team/app:1");
    let world = World::new(&format!("FROM {reference}\nLABEL a=b\n"));
    world.rlock(&["check"]).expect(0);
    let lock = world.read("Dockerfile.lock");
    let manifest = match &*rlock::oci::Platform::host().architecture {
        "amd64" => layout.amd64,
        "arm64" => layout.arm64,
        other => panic!("no image for {other}"),
    };
    let index = layout.index;
    let block = format!("\"{reference}\"\nindex = \"{index}\"\nmanifest = \"{manifest}\"\n");
    assert!(lock.contains(&block), "{block}\n{lock}");
    let store = world.path("other-store").display().to_string();
    world.rlock(&["verify", "--store", &store]).expect(0);
}

#[test]
fn builds_are_verified_against_what_was_pushed() {
    let server = Server::start(Access::Open, Wire::Plain);
    push_busybox(&server, "team/base:1");
    let world = World::new(&format!("FROM {}\n{STEP}", at(&server, "team/base:1")));
    let layout = world.path("layout");
    world.rlock(&["build", "-o", &format!("oci:{}:v1", layout.display())]).expect(0);
    server.push(&layout, "v1", "team/app:1");
    let app = at(&server, "team/app:1");
    world.rlock(&["verify", "--against", &app]).expect(0);
    push_other(&server, "team/app:1");
    let ran = world.rlock(&["verify", "--against", &app]).expect(1);
    assert!(ran.stdout.contains("/other"), "{}", ran.stdout);
}

#[test]
fn offline_builds_need_what_the_store_has() {
    let server = Server::start(Access::Open, Wire::Plain);
    push_busybox(&server, "team/base:1");
    let reference = at(&server, "team/base:1");
    let world = World::new(&format!("FROM {reference}\n{STEP}"));
    let before = world.rlock(&["check", "--offline"]).expect(5);
    before.says(&[
        "no image",
        &reference,
        "--offline forbids to pull it",
        "hint: pull it once without --offline",
    ]);
    world.rlock(&["lock"]).expect(0);
    drop(server);
    world.rlock(&["check", "--offline"]).expect(0);
    world.rlock(&["check", "--frozen"]).expect(0);
    world.rlock(&["verify", "--offline"]).expect(0);
    let empty = world.path("empty-store").display().to_string();
    let ran = world.rlock(&["check", "--frozen", "--store", &empty]).expect(5);
    ran.says(&["--offline forbids to pull it"]);
    let ran = world.rlock(&["check", "--store", &empty]).expect(5);
    ran.says(&["no usable answer from http"]);
}

#[test]
fn a_missing_image_is_named_with_its_line() {
    let server = Server::start(Access::Open, Wire::Plain);
    push_busybox(&server, "team/base:1");
    for name in [
        "team/base:2",
        "team/nothing",
        "team/base:1@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        let reference = at(&server, name);
        let world = World::new(&format!("# comment\nFROM {reference} AS first\n"));
        let ran = world.rlock(&["check"]).expect(5);
        ran.says(&["Dockerfile:2: no image", "is not in the registry", "hint: check the name"]);
        assert!(!world.path("context/Dockerfile.lock").exists());
    }
}

#[test]
fn credentials_come_from_dockers_configuration() {
    let server = Server::start(Access::Password, Wire::Plain);
    push_busybox(&server, "team/base:1");
    let reference = at(&server, "team/base:1");
    let world = World::new(&format!("FROM {reference}\n{STEP}"));
    let nowhere = world.path("nowhere").display().to_string();
    let run = |config: &str, arguments: &[&str]| {
        run_with(&world, &[("DOCKER_CONFIG", config), ("HOME", &nowhere)], arguments)
    };
    let ran = run(&nowhere, &["lock"]).expect(5);
    ran.says(&["refuses access to `team/base`", "hint: ", "docker login"]);

    let folder = configure(&world, &auths(&server, WRONG)).display().to_string();
    let ran = run(&folder, &["lock"]).expect(5).says(&["hint: ", "were sent and refused"]);
    assert!(!ran.stderr.contains("wrong") && !ran.stderr.contains(WRONG), "{}", ran.stderr);

    configure(&world, &auths(&server, AUTH));
    // Docker takes a relative path, too.
    run("../docker", &["lock"]).expect(0);
    let lock = world.read("Dockerfile.lock");
    assert!(!lock.contains(PASSWORD) && !lock.contains(AUTH), "{lock}");
}

#[test]
fn credentials_come_from_a_helper() {
    let server = Server::start(Access::Password, Wire::Plain);
    push_busybox(&server, "team/base:1");
    let world = World::new(&format!("FROM {}\n{STEP}", at(&server, "team/base:1")));
    let registry = at(&server, "").trim_end_matches('/').to_owned();
    let folder = configure(&world, &json!({ "credHelpers": { &*registry: "it" } }));
    let answer = json!({ "ServerURL": registry, "Username": USER, "Secret": PASSWORD });
    let helper = folder.join("docker-credential-it");
    let script = format!("#!/bin/sh\n[ \"$1 $(cat)\" = 'get {registry}' ] && echo '{answer}'\n");
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = folder.display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let variables = [("DOCKER_CONFIG", &*folder), ("PATH", &path)];
    run_with(&world, &variables, &["lock"]).expect(0);

    std::fs::write(&helper, "#!/bin/sh\necho 'the vault is locked'; exit 1\n").unwrap();
    let store = world.path("empty-store").display().to_string();
    let ran = run_with(&world, &variables, &["check", "--store", &store]).expect(5);
    ran.says(&[&format!("credentials for {registry}"), "docker-credential-it", "hint: "]);
}

#[test]
fn images_in_registries_are_compared() {
    let server = Server::start(Access::Open, Wire::Plain);
    push_busybox(&server, "team/base:1");
    push_busybox(&server, "copy:1");
    push_other(&server, "team/base:2");
    let world = World::new("");
    let [first, copy, second] =
        ["team/base:1", "copy:1", "team/base:2"].map(|name| at(&server, name));
    let ran = world.rlock(&["diff", &first, &copy]).expect(0);
    assert!(ran.stdout.starts_with("identical"), "{}", ran.stdout);
    let layout = format!("oci:{}:latest", base("busybox").display());
    world.rlock(&["diff", &format!("docker://{first}"), &layout]).expect(0);
    let report = world.rlock(&["diff", &first, &second, "--format", "json"]).expect(1).json();
    assert_eq!(report["left"]["manifest"], digest_of_busybox());
    let files = report["files"].as_array().unwrap();
    assert!(files.iter().any(|file| file["path"] == "/other"), "{report:#}");
    let ran = world.rlock(&["diff", &first, &at(&server, "team/base:3")]).expect(5);
    ran.says(&["`", "team/base:3` is not in the registry"]);
    world.rlock(&["diff", &first, &layout, "--offline"]).expect(5).says(&["--offline"]);
    // A file that looks like an image's name.
    world.write("team", "not an image");
    let ran = world.rlock(&["diff", "team", &layout, "--offline"]).expect(5);
    ran.says(&["hint: for the file or directory of that name write `./team`"]);
}

#[test]
fn registries_elsewhere_need_tls_unless_the_user_says_so() {
    for wire in [Wire::Tls, Wire::Plain] {
        let server = Server::start(Access::Open, wire);
        push_busybox(&server, "base:1");
        // 0.0.0.0 leads to the same server and is not loopback.
        let host = server.address.replace("127.0.0.1", "0.0.0.0");
        let world = World::new(&format!("FROM {host}/base:1\n{STEP}"));
        let option = format!("--insecure-registry {host}");
        world.rlock(&["lock"]).expect(5).says(&["hint: ", &option]);
        world.rlock(&["lock", "--insecure-registry", &host]).expect(0);
        let layout = format!("oci:{}:latest", base("busybox").display());
        let reference = format!("{host}/base:1");
        world.rlock(&["diff", &reference, &layout]).expect(5);
        world.rlock(&["diff", &reference, &layout, "--insecure-registry", "0.0.0.0"]).expect(0);
    }
}

#[test]
fn credentials_go_to_a_token_server_elsewhere_only_if_the_user_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::start(Access::Token(port), Wire::Plain);
    let registry = server.address.clone();
    let world = World::new(&format!("FROM {registry}/base:1\n"));
    let folder = configure(&world, &json!({ "auths": { &*registry: { "auth": AUTH } } }));
    let folder = folder.display().to_string();
    let variables = [("DOCKER_CONFIG", &*folder)];
    let pair = format!("{registry}=localhost:{port}");
    let ran = run_with(&world, &variables, &["lock"]).expect(5);
    ran.says(&["hint: ", &format!("--allow-auth-host {pair}")]);

    let seen = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let count = connection.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..count]);
        }
        let head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        connection.write_all(head.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    let arguments = ["lock", "--allow-auth-host", &pair];
    run_with(&world, &variables, &arguments).expect(5).says(&["refuses access to `base`"]);
    let request = seen.join().unwrap();
    assert!(request.starts_with("GET /token?"), "{request}");
    assert!(
        request.to_lowercase().contains(&format!("authorization: basic {}", AUTH.to_lowercase()))
    );
}
