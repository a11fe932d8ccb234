//! An archive of Debian's packages: `apt-ftparchive`, signed with a key of the test.

use super::{Tree, http, pack};
use crate::world::{succeed, tool};
use sha2::{Digest as _, Sha512};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// A package with one file that says its version.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) depends: Option<&'static str>,
}

/// The key that signs.
#[derive(Debug)]
pub(crate) struct Key {
    home: tempfile::TempDir,
}

impl Key {
    pub(crate) fn new() -> Self {
        let key = Self { home: tempfile::tempdir().unwrap() };
        let make = "--quick-generate-key|it <it@apt.test>|ed25519|sign|never";
        succeed(key.gpg().args(["--passphrase", ""]).args(make.split('|')));
        key
    }

    fn gpg(&self) -> Command {
        let mut command = tool("gpg", "gnupg");
        command.arg("--homedir").arg(self.home.path()).args(["--batch", "--quiet", "--yes"]);
        command
    }

    /// The public half, as in the field `Signed-By`: each line indented, an empty one as a dot.
    fn field(&self) -> String {
        let armored = succeed(self.gpg().args(["--armor", "--export"]));
        armored.lines().fold(String::new(), |field, line| {
            field + "\n " + if line.is_empty() { "." } else { line }
        })
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        let _ended = tool("gpgconf", "gnupg")
            .env("GNUPGHOME", self.home.path())
            .args(["--kill", "all"])
            .status();
    }
}

/// The instruction that makes this archive the only one that apt knows.
pub(crate) fn sources(url: &str, key: &Key) -> String {
    format!(
        "RUN <<END\nrm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*\n\
         cat > /etc/apt/sources.list.d/it.sources <<'FILE'\nTypes: deb\nURIs: {url}/debian\n\
         Suites: stable\nComponents: main\nSigned-By:{}\nFILE\nEND\n",
        key.field()
    )
}

/// The archive below `/debian/`; its `InRelease` holds until that time, where one is given.
pub(crate) fn archive(
    key: &Key,
    packages: &[Package],
    modified: i64,
    valid_until: Option<i64>,
) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let pool = root.join("pool/main");
    std::fs::create_dir_all(&pool).unwrap();
    for package in packages {
        let file = format!("{}_{}_all.deb", package.name, package.version);
        std::fs::write(pool.join(file), deb(package)).unwrap();
    }
    let list = succeed(ftparchive(root).args(["packages", "pool"])).into_bytes();
    for architecture in ["amd64", "arm64"] {
        index(&root.join(format!("dists/stable/main/binary-{architecture}")), &list);
    }
    let release = release(root, modified, valid_until);
    let dists = root.join("dists/stable");
    std::fs::write(dists.join("Release"), release).unwrap();
    let mut sign = key.gpg();
    sign.args(["--clearsign", "--output"]).arg(dists.join("InRelease"));
    succeed(sign.arg(dists.join("Release")));
    let mut tree = Tree::at(modified);
    tree.folder(root, "/debian");
    tree
}

/// A list of packages under its names and under its hashes.
fn index(folder: &Path, list: &[u8]) {
    let by_hash = folder.join("by-hash/SHA512");
    std::fs::create_dir_all(&by_hash).unwrap();
    for (name, body) in [("Packages", list.to_vec()), ("Packages.gz", pack::gzip(list))] {
        // apt takes the strongest hash that the archive has.
        let hash = base16(&Sha512::digest(&body));
        std::fs::write(by_hash.join(hash), &body).unwrap();
        std::fs::write(folder.join(name), body).unwrap();
    }
}

fn base16(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn ftparchive(root: &Path) -> Command {
    let mut command = tool("apt-ftparchive", "apt-utils");
    command.current_dir(root);
    command
}

fn release(root: &Path, modified: i64, valid_until: Option<i64>) -> String {
    let mut command = ftparchive(root);
    let mut set = |field: &str, value: &str| {
        command.arg("-o").arg(format!("APT::FTPArchive::Release::{field}={value}"));
    };
    for (field, value) in [
        ("Origin", "it"),
        ("Label", "it"),
        ("Suite", "stable"),
        ("Codename", "stable"),
        ("Architectures", "amd64 arm64"),
        ("Components", "main"),
        ("Acquire-By-Hash", "yes"),
        ("Date", &http::date(modified).replace("GMT", "UTC")),
    ] {
        set(field, value);
    }
    let fields = succeed(command.args(["release", "dists/stable"]));
    let end = valid_until.map(|time| http::date(time).replace("GMT", "UTC"));
    end.map_or(String::new(), |end| format!("Valid-Until: {end}\n")) + &fields
}

fn deb(package: &Package) -> Vec<u8> {
    let Package { name, version, depends } = package;
    let mut control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: it <it@apt.test>\n\
         Description: a package of tests\n"
    );
    if let Some(depends) = depends {
        writeln!(control, "Depends: {depends}").unwrap();
    }
    let text = format!("{version}\n");
    let control = pack::tar_gz(&[("./control", control.as_bytes())]);
    let data = pack::tar_gz(&[(&format!("./usr/share/{name}"), text.as_bytes())]);
    pack::ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &data)])
}
