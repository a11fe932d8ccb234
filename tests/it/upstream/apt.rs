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

/// What a package has beside that file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Contents<'a> {
    /// The source package that it was built from, where that has another name.
    pub(crate) source: Option<&'a str>,
    /// Its changelog.
    pub(crate) changelog: Option<&'a str>,
    /// What is run when it is installed.
    pub(crate) postinst: Option<&'a str>,
    /// What is run before it is unpacked.
    pub(crate) preinst: Option<&'a str>,
    /// Which of its files are configuration.
    pub(crate) conffiles: Option<&'a str>,
    /// More files, in folders that are there.
    pub(crate) files: &'a [pack::File<'a>],
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

    /// The public half, armored.
    pub(crate) fn armored(&self) -> String {
        succeed(self.gpg().args(["--armor", "--export"]))
    }

    /// Signs a file beside itself, armored.
    pub(crate) fn sign(&self, file: &Path, signature: &Path) {
        let mut sign = self.gpg();
        sign.args(["--armor", "--detach-sign", "--output"]).arg(signature);
        succeed(sign.arg(file));
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

/// Where an archive is on its site, and what it is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suite {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
}

/// What most tests have.
pub(crate) const STABLE: Suite = Suite { path: "/debian", name: "stable", label: "it" };

/// Where images have the key that signs.
const KEY_FILE: &str = "/etc/apt/keyrings/it.asc";

/// An archive of security fixes beside it.
pub(crate) const SECURITY: Suite =
    Suite { path: "/security", name: "stable-security", label: "it-Security" };

/// The instruction that makes this archive the only one that apt knows.
pub(crate) fn sources(url: &str, key: &Key) -> String {
    sources_of(url, &[STABLE], key)
}

/// The instruction that makes these archives the only ones that apt knows.
///
/// The key has a file of its own: of one that stands in the source itself apt now and then leaves a copy
/// in `/tmp`.
pub(crate) fn sources_of(url: &str, suites: &[Suite], key: &Key) -> String {
    let stanza = |suite: &Suite| {
        format!(
            "Types: deb\nURIs: {url}{}\nSuites: {}\nComponents: main\nSigned-By: {KEY_FILE}\n",
            suite.path, suite.name,
        )
    };
    let stanzas: Vec<String> = suites.iter().map(stanza).collect();
    format!(
        "RUN <<END\nset -e\nrm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*\n\
         mkdir -p /etc/apt/keyrings\ncat > {KEY_FILE} <<'FILE'\n{}\nFILE\n\
         cat > /etc/apt/sources.list.d/it.sources <<'FILE'\n{}FILE\nEND\n",
        key.armored().trim_end(),
        stanzas.join("\n")
    )
}

/// The archive below `/debian/`; its `InRelease` holds until that time, where one is given.
pub(crate) fn archive(
    key: &Key,
    packages: &[Package],
    modified: i64,
    valid_until: Option<i64>,
) -> Tree {
    let mut tree = Tree::at(modified);
    publish(&mut tree, key, STABLE, packages, valid_until);
    tree
}

/// The same, of packages that have more in them.
pub(crate) fn archive_with(
    key: &Key,
    packages: &[(Package, Contents<'_>)],
    modified: i64,
    valid_until: Option<i64>,
) -> Tree {
    let mut tree = Tree::at(modified);
    publish_with(&mut tree, key, STABLE, packages, valid_until);
    tree
}

/// The same, of packages that are there already besides.
pub(crate) fn archive_and(
    key: &Key,
    packages: &[(Package, Contents<'_>)],
    files: &[(String, Vec<u8>)],
    modified: i64,
) -> Tree {
    let mut tree = Tree::at(modified);
    publish_and(&mut tree, key, STABLE, (packages, files), None);
    tree
}

/// Adds an archive to what a site has.
pub(crate) fn publish(
    tree: &mut Tree,
    key: &Key,
    suite: Suite,
    packages: &[Package],
    valid_until: Option<i64>,
) {
    let packages: Vec<_> =
        packages.iter().map(|package| (package.clone(), Contents::default())).collect();
    publish_with(tree, key, suite, &packages, valid_until);
}

/// The same, of packages that have more in them.
pub(crate) fn publish_with(
    tree: &mut Tree,
    key: &Key,
    suite: Suite,
    packages: &[(Package, Contents<'_>)],
    valid_until: Option<i64>,
) {
    publish_and(tree, key, suite, (packages, &[]), valid_until);
}

/// Packages that are made, and files that are there.
type Pool<'a> = (&'a [(Package, Contents<'a>)], &'a [(String, Vec<u8>)]);

fn publish_and(
    tree: &mut Tree,
    key: &Key,
    suite: Suite,
    (packages, more): Pool<'_>,
    valid_until: Option<i64>,
) {
    let modified = tree.modified;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let pool = root.join("pool/main");
    std::fs::create_dir_all(&pool).unwrap();
    for (package, contents) in packages {
        let file = format!("{}_{}_all.deb", package.name, package.version);
        std::fs::write(pool.join(file), deb(package, *contents)).unwrap();
    }
    for (name, content) in more {
        std::fs::write(pool.join(name), content).unwrap();
    }
    let list = succeed(ftparchive(root).args(["packages", "pool"])).into_bytes();
    for architecture in ["amd64", "arm64"] {
        let path = format!("dists/{}/main/binary-{architecture}", suite.name);
        index(&root.join(path), &list);
    }
    let release = release(root, suite, modified, valid_until);
    let dists = root.join("dists").join(suite.name);
    std::fs::write(dists.join("Release"), release).unwrap();
    let mut sign = key.gpg();
    sign.args(["--clearsign", "--output"]).arg(dists.join("InRelease"));
    succeed(sign.arg(dists.join("Release")));
    tree.folder(root, suite.path);
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

fn release(root: &Path, suite: Suite, modified: i64, valid_until: Option<i64>) -> String {
    let mut command = ftparchive(root);
    let mut set = |field: &str, value: &str| {
        command.arg("-o").arg(format!("APT::FTPArchive::Release::{field}={value}"));
    };
    for (field, value) in [
        ("Origin", "it"),
        ("Label", suite.label),
        ("Suite", suite.name),
        ("Codename", suite.name),
        ("Architectures", "amd64 arm64"),
        ("Components", "main"),
        ("Acquire-By-Hash", "yes"),
        ("Date", &http::date(modified).replace("GMT", "UTC")),
    ] {
        set(field, value);
    }
    let fields = succeed(command.args(["release", &format!("dists/{}", suite.name)]));
    let end = valid_until.map(|time| http::date(time).replace("GMT", "UTC"));
    end.map_or(String::new(), |end| format!("Valid-Until: {end}\n")) + &fields
}

fn deb(package: &Package, contents: Contents<'_>) -> Vec<u8> {
    let Package { name, version, depends } = package;
    let mut control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: it <it@apt.test>\n\
         Description: a package of tests\n"
    );
    if let Some(depends) = depends {
        writeln!(control, "Depends: {depends}").unwrap();
    }
    if let Some(source) = contents.source {
        writeln!(control, "Source: {source}").unwrap();
    }
    let text = format!("{version}\n");
    let mut controls = vec![("./control", control.as_bytes())];
    controls.extend(contents.postinst.map(|script| ("./postinst", script.as_bytes())));
    controls.extend(contents.preinst.map(|script| ("./preinst", script.as_bytes())));
    controls.extend(contents.conffiles.map(|list| ("./conffiles", list.as_bytes())));
    let control = pack::tar_gz(&controls);
    let file = format!("./usr/share/{name}");
    let mut files = vec![(&*file, text.as_bytes())];
    // dpkg makes no folder that the archive does not have.
    let folders = ["./usr/", "./usr/share/", "./usr/share/doc/"];
    let folder = format!("./usr/share/doc/{name}/");
    let log = format!("{folder}changelog.gz");
    let changelog = contents.changelog.map(|text| pack::gzip(text.as_bytes()));
    if let Some(changelog) = &changelog {
        files.extend(folders.map(|folder| (folder, &b""[..])));
        files.extend([(&*folder, &b""[..]), (&*log, changelog)]);
    }
    files.extend(contents.files);
    let data = pack::tar_gz(&files);
    pack::ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &data)])
}
