//! Images that rlock built, for the tools of others, and what rlock itself says is in them.

use crate::world::{Shared, World, base};
use rlock::oci::Platform;
use rlock::store::{FileTree, Selector, directory, layout};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

static ODD: Shared<Specimen> = Shared::new();
static PLAIN: Shared<Specimen> = Shared::new();

const ODD_DOCKERFILE: &str = include_str!("../../fixtures/odd-files/Dockerfile");

const PLAIN_DOCKERFILE: &str = "\
FROM busybox
ENV GREETING=\"hello world\"
COPY --chown=app:1001 program /bin/program
RUN mkdir -p /srv/data && echo 1 > /srv/data/one && rm /bin/wget
RUN rm -r /srv/data && mkdir /srv/data && echo 2 > /srv/data/two && chown app /srv/data
USER 1000:1001
WORKDIR /srv
CMD [\"sh\", \"-c\", \"id -u; id -g; pwd; echo $GREETING\"]
";

/// What the command of both prints.
pub(crate) const GREETING: &str = "1000\n1001\n/srv\nhello world\n";

/// An image under the tag `v1` of a layout, and as an archive.
pub(crate) struct Specimen {
    world: World,
    pub(crate) name: &'static str,
    tree: FileTree,
}

impl Specimen {
    /// One on busybox, and one on Debian with all that layers can hold.
    pub(crate) fn all() -> [Arc<Self>; 2] {
        [
            PLAIN.get(|| Self::build("specimen/plain", PLAIN_DOCKERFILE)),
            ODD.get(|| Self::build("specimen/odd", ODD_DOCKERFILE)),
        ]
    }

    fn build(name: &'static str, dockerfile: &str) -> Self {
        let world = World::new(dockerfile);
        world.write("program", "#!/bin/sh\necho run\n");
        let context = |name: &str, layout: &str, tag: &str| {
            format!("{name}=oci-layout://{}:{tag}", base(layout).display())
        };
        let layout = format!("oci:{}:v1", world.path("layout").display());
        let archive = format!("docker-archive:{}:{name}:v1", world.path("image.tar").display());
        let busybox = context("busybox", "busybox", "latest");
        let debian = context("debian:bookworm", "debian-bookworm", "bookworm");
        let contexts = ["--build-context", &busybox, "--build-context", &debian];
        world.rlock(&[&["build", "-o", &layout, "-o", &archive], &contexts[..]].concat()).expect(0);
        let tree = tree(&world.path("layout"));
        Self { world, name, tree }
    }

    /// Path of the layout.
    pub(crate) fn layout(&self) -> PathBuf {
        self.world.path("layout")
    }

    /// The folder in which the containers tools find the image as `oci:layout:v1`. Podman makes the
    /// path that it is told a name, in which no capital letters may be.
    pub(crate) fn folder(&self) -> PathBuf {
        self.world.path(".")
    }

    /// Path of the archive, which `docker load` gives the name `NAME:v1`.
    pub(crate) fn archive(&self) -> PathBuf {
        self.world.path("image.tar")
    }

    /// Lets other users read it.
    pub(crate) fn open_to_all(&self) {
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.folder(), all).unwrap();
    }

    /// Fails unless the directory has the image's files.
    #[track_caller]
    pub(crate) fn assert_is(&self, unpacked: &Path, losses: &[Loss]) {
        let expected = described(&self.tree, losses);
        let mut found = described(&directory::open(unpacked).unwrap(), losses);
        if losses.contains(&Loss::Privileges) {
            // Empty files stand in for devices.
            for (path, text) in &mut found {
                let wanted = expected.get(path).filter(|wanted| wanted.contains("Device {"));
                if let Some(device) = wanted.filter(|_| text.contains("size: 0")) {
                    text.clone_from(device);
                }
            }
        }
        let mut differences = String::new();
        for path in expected.keys().chain(found.keys().filter(|path| !expected.contains_key(*path)))
        {
            let (left, right) = (expected.get(path), found.get(path));
            if left != right {
                writeln!(differences, "{path}\n  rlock: {left:?}\n  tool:  {right:?}").unwrap();
            }
        }
        assert!(differences.is_empty(), "{}:\n{differences}", self.name);
        assert!(found.len() > 100, "{} is not a whole image", unpacked.display());
    }
}

/// The tree that the layers make.
fn tree(path: &Path) -> FileTree {
    let image = layout::open(path, &Selector::Tag("v1".to_owned()), &Platform::host()).unwrap();
    let mut tree = FileTree::new();
    for (index, layer) in image.layers.iter().enumerate() {
        tree.apply_layer(index, layer.open().unwrap()).unwrap();
    }
    tree
}

/// What a tool does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The root directory is the tool's own.
    Root,
    /// Times before 1970 become 1970: Docker's and Podman's extractor has it so.
    TimesBefore1970,
    /// Everything belongs to the user that unpacks, who can make no devices and set no capabilities.
    Privileges,
}

/// Everything about each path in words.
fn described(tree: &FileTree, losses: &[Loss]) -> BTreeMap<String, String> {
    let has = |loss: Loss| losses.contains(&loss);
    let kept = tree.iter().filter(|(path, _)| !(path.is_empty() && has(Loss::Root)));
    kept.map(|(path, node)| {
        let mut text = format!("{:?}", node.kind);
        let mut mtime = node.mtime;
        if has(Loss::TimesBefore1970) && mtime.seconds < 0 {
            mtime.seconds = 0;
        }
        write!(text, " {:o} {mtime:?}", node.mode).unwrap();
        if let Some(first) = &node.hardlink {
            write!(text, " = {}", first.escape_ascii()).unwrap();
        }
        if !has(Loss::Privileges) {
            write!(text, " {}:{}", node.uid, node.gid).unwrap();
        }
        for (name, value) in &node.xattrs {
            let needs_privileges =
                matches!(&name[..], b"security.capability" | b"user.rootlesscontainers");
            if !(needs_privileges && has(Loss::Privileges)) {
                write!(text, " {}={}", name.escape_ascii(), value.escape_ascii()).unwrap();
            }
        }
        (path.escape_ascii().to_string(), text)
    })
    .collect()
}
