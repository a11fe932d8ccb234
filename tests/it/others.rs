//! What rlock writes is read by the tools of others, with the same files; and what they write is read
//! by rlock.

use crate::engine::{DockerBuilder, Engine};
use crate::specimen::{GREETING, Loss, Specimen};
use crate::world::{World, base, succeed, tool};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Nobody in particular.
const OTHER_USER: u32 = 65_534;

/// The image in a specimen's folder.
const OCI: &str = "oci:layout:v1";

#[test]
fn umoci_unpacks_the_same_files() {
    for specimen in Specimen::all() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        succeed(umoci(&specimen).arg(&bundle));
        specimen.assert_is(&bundle.join("rootfs"), &[]);
    }
}

#[test]
fn umoci_unpacks_the_same_files_for_an_ordinary_user() {
    use std::os::unix::process::CommandExt as _;
    for specimen in Specimen::all() {
        specimen.open_to_all();
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        std::os::unix::fs::chown(folder.path(), Some(OTHER_USER), Some(OTHER_USER)).unwrap();
        let mut command = umoci(&specimen);
        command.uid(OTHER_USER).gid(OTHER_USER).env("HOME", folder.path());
        succeed(command.arg("--rootless").arg(&bundle));
        specimen.assert_is(&bundle.join("rootfs"), &[Loss::Privileges]);
    }
}

fn umoci(specimen: &Specimen) -> Command {
    let mut command = tool("umoci", "umoci");
    command.args(["unpack", "--image"]).arg(format!("{}:v1", specimen.layout().display()));
    command
}

/// A place for images of the containers tools. Their drivers unpack in two ways.
struct Storage {
    folder: tempfile::TempDir,
    driver: &'static str,
}

const DRIVERS: [&str; 2] = ["vfs", "overlay"];

impl Storage {
    fn new(driver: &'static str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), driver }
    }

    fn tool(&self, name: &str) -> Command {
        let at = |name: &str| self.folder.path().join(name);
        let mut command = tool(name, name);
        command.arg("--root").arg(at("root")).arg("--runroot").arg(at("run"));
        command.args(["--storage-driver", self.driver]);
        command
    }

    fn is_same_in_podman(&self, image: &str, specimen: &Specimen) {
        let podman = || self.tool("podman");
        let mounted = succeed(podman().args(["image", "mount", image]));
        specimen.assert_is(Path::new(mounted.trim()), &[Loss::Root, Loss::TimesBefore1970]);
        succeed(podman().args(["image", "unmount", image]));
    }
}

#[test]
fn podman_loads_the_same_files() {
    for (specimen, driver) in Specimen::all().iter().zip(DRIVERS) {
        let storage = Storage::new(driver);
        let mut load = storage.tool("podman");
        let loaded = succeed(load.args(["load", "--quiet", "--input"]).arg(specimen.archive()));
        let name = format!("{}:v1", specimen.name);
        assert!(loaded.contains(&name), "{loaded}");
        storage.is_same_in_podman(&name, specimen);
    }
}

#[test]
fn podman_pulls_the_same_files() {
    for (specimen, driver) in Specimen::all().iter().zip(DRIVERS) {
        let storage = Storage::new(driver);
        let mut pull = storage.tool("podman");
        pull.args(["pull", "--quiet", OCI]).current_dir(specimen.folder());
        storage.is_same_in_podman(succeed(&mut pull).trim(), specimen);
    }
}

#[test]
fn buildah_mounts_the_same_files() {
    for (specimen, driver) in Specimen::all().iter().zip(DRIVERS) {
        let storage = Storage::new(driver);
        let mut from = storage.tool("buildah");
        from.args(["from", "--quiet", OCI]).current_dir(specimen.folder());
        let container = succeed(&mut from);
        let mounted = succeed(storage.tool("buildah").args(["mount", container.trim()]));
        specimen.assert_is(Path::new(mounted.trim()), &[Loss::Root, Loss::TimesBefore1970]);
        succeed(storage.tool("buildah").args(["rm", container.trim()]));
    }
}

#[test]
fn docker_takes_and_runs_the_same_files() {
    let engine = Engine::shared();
    for specimen in Specimen::all() {
        let name = format!("{}:copied", specimen.name);
        let mut copy = tool("skopeo", "skopeo");
        copy.args(["copy", "--quiet", "--dest-daemon-host", &engine.host()]);
        succeed(copy.args([OCI, &format!("docker-daemon:{name}")]).current_dir(specimen.folder()));
        is_same_in_docker(&engine, &name, &specimen);

        let loaded = succeed(engine.docker().args(["load", "--input"]).arg(specimen.archive()));
        let name = format!("{}:v1", specimen.name);
        assert!(loaded.contains(&format!("Loaded image: {name}")), "{loaded}");
        is_same_in_docker(&engine, &name, &specimen);
    }
}

fn is_same_in_docker(engine: &Engine, name: &str, specimen: &Specimen) {
    specimen.assert_is(&engine.mount(name).path(), &[Loss::Root, Loss::TimesBefore1970]);
    assert_eq!(engine.run(name, &[]), GREETING);
    engine.remove(name);
}

/// A small Dockerfile with steps of all kinds, for builders of others.
const SMALL: &str = "\
FROM busybox
ENV A=\"1 2\"
WORKDIR /srv/made
RUN echo hello > hello && ln hello again && rm /bin/wget && rm -r /tmp && mkdir -m 1777 /tmp
COPY --chown=1000:1001 program /bin/program
RUN chmod 755 /bin/program && date -u > stamp
LABEL made=yes
USER app
CMD [\"program\"]
";

/// An image that Docker built, under a name of its own, and saved.
struct Saved {
    name: String,
    archive: PathBuf,
}

impl Saved {
    fn source(&self) -> String {
        format!("docker-archive:{}", self.archive.display())
    }
}

/// What this builder of Docker makes of the small Dockerfile, saved twice: of two builds.
fn saved_twice(engine: &Engine, builder: DockerBuilder, world: &World) -> [Saved; 2] {
    /// Tests that run at the same time must not take each other's images.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let base_image = format!("oci:{}:latest", base("busybox").display());
    let mut copy = tool("skopeo", "skopeo");
    copy.args(["copy", "--quiet", "--dest-daemon-host", &engine.host()]);
    succeed(copy.args([&base_image, "docker-daemon:busybox:latest"]));
    world.write("program", "#!/bin/sh\necho run\n");
    [1, 2].map(|number| {
        let name = format!("small{count}:{number}");
        engine.build(builder, &world.path("context"), &name);
        let archive = world.path(&format!("{number}.tar"));
        engine.save(&[&name], &archive);
        // Times of files are in whole seconds.
        std::thread::sleep(Duration::from_millis(1100));
        Saved { name, archive }
    })
}

const BUILDERS: [DockerBuilder; 2] = [DockerBuilder::Classic, DockerBuilder::BuildKit];

#[test]
fn what_docker_saves_is_what_skopeo_makes_of_it() {
    let engine = Engine::shared();
    for builder in BUILDERS {
        let world = World::new(SMALL);
        let [saved, _] = saved_twice(&engine, builder, &world);
        // Skopeo writes manifest and config in OCI's form, and compresses the layers.
        let layout = world.path("layout");
        let mut copy = tool("skopeo", "skopeo");
        let layout = format!("oci:{}:v1", layout.display());
        succeed(copy.args(["copy", "--quiet", &saved.source(), &layout]));
        let ran =
            world.rlock(&["diff", &saved.source(), &layout, "--fail-on", "warning"]).expect(0);
        assert!(ran.stdout.starts_with("equal: files and config are the same"), "{}", ran.stdout);
    }
}

#[test]
fn what_podman_saves_is_what_it_loaded() {
    let [specimen, _] = Specimen::all();
    let storage = Storage::new("vfs");
    succeed(storage.tool("podman").args(["load", "--input"]).arg(specimen.archive()));
    let name = format!("{}:v1", specimen.name);
    let original = format!("docker-archive:{}:{name}", specimen.archive().display());
    for (format, transport) in [
        ("docker-archive", "docker-archive:"),
        ("oci-archive", "docker-archive:"),
        ("oci-dir", "oci:"),
    ] {
        let path = storage.folder.path().join(format);
        let mut save = storage.tool("podman");
        save.args(["save", "--quiet", "--format", format, "--output"]).arg(&path);
        succeed(save.arg(&name));
        let saved = format!("{transport}{}", path.display());
        World::new("").rlock(&["diff", &original, &saved, "--fail-on", "warning"]).expect(0);
    }
}

#[test]
fn an_image_of_several_in_an_archive_is_chosen_by_its_name() {
    let engine = Engine::shared();
    let world = World::new(SMALL);
    let [first, second] = saved_twice(&engine, DockerBuilder::BuildKit, &world);
    let archive = world.path("several.tar");
    engine.save(&["busybox:latest", &first.name, &second.name], &archive);
    let several = format!("docker-archive:{}", archive.display());
    let named = |name: &str| format!("{several}:{name}");
    let ran = world.rlock(&["diff", &named(&first.name), &first.source()]).expect(0);
    assert!(ran.stdout.starts_with("identical"), "{}", ran.stdout);
    world.rlock(&["diff", &named("busybox"), &named(&second.name)]).expect(1);
    let ran = world.rlock(&["diff", &several, &first.source()]).expect(2);
    ran.says(&[
        "has several images",
        "hint: it has ",
        &first.name,
        &second.name,
        "`busybox:latest`",
    ]);
    let ran = world.rlock(&["diff", &named("none:1"), &first.source()]).expect(2);
    ran.says(&["no image named `none:1`", "hint: it has "]);
}

#[test]
fn two_builds_by_docker_are_explained() {
    let engine = Engine::shared();
    for builder in BUILDERS {
        let world = World::new(SMALL);
        let [left, right] = saved_twice(&engine, builder, &world).map(|saved| saved.source());
        let report = world.rlock(&["diff", &left, &right, "--format", "json"]).expect(1).json();
        assert_eq!(cause_of(&report, "/srv/made/stamp"), ("date-in-content", "RUN chmod"));
        assert_eq!(cause_of(&report, "/srv/made/again"), ("mtime", "RUN echo"));
        let mut causes: Vec<&String> =
            report["summary"]["causes"].as_object().unwrap().keys().collect();
        causes.sort();
        assert_eq!(causes, ["date-in-content", "image-config", "mtime"]);
    }
}

/// The cause of a file's difference, and how the instruction starts that made it.
fn cause_of<'a>(report: &'a Value, path: &str) -> (&'a str, &'a str) {
    let names = |finding: &&Value| {
        finding["files"].as_array().unwrap().iter().any(|file| file["path"] == path)
    };
    let finding = report["findings"].as_array().unwrap().iter().find(names);
    let finding = finding.unwrap_or_else(|| panic!("no finding names `{path}`:\n{report:#}"));
    let instruction = finding["location"]["instruction"].as_str().unwrap();
    let end = instruction.match_indices(' ').nth(1).map_or(instruction.len(), |(end, _)| end);
    (finding["cause"].as_str().unwrap(), &instruction[..end])
}

#[test]
fn what_docker_saves_can_be_built_on() {
    let engine = Engine::shared();
    for builder in BUILDERS {
        let world = World::new(SMALL);
        let [saved, _] = saved_twice(&engine, builder, &world);
        let onto = World::new(
            "FROM team/made:1\nRUN [ \"$A\" = '1 2' ] && [ $(id -u) = 1000 ] && [ \"$(pwd)\" = /srv/made ] \
             && [ ! -e /bin/wget ] && [ $(program) = run ] && [ hello -ef again ]\n",
        );
        let context = format!("team/made:1={}", saved.source());
        let ran = onto.rlock(&["check", "--build-context", &context, "--format", "json"]).expect(0);
        assert_eq!(ran.json()["status"], "pass");
        onto.rlock(&["check", "--locked", "--build-context", &context]).expect(0);
    }
}
