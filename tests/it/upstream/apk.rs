//! A repository of Alpine's packages, signed with a key of the test.

use super::maven::{filter, sha1_hex};
use super::{Tree, pack};
use crate::world::{succeed, tool};
use base64::Engine as _;
use std::fmt::Write as _;

/// The key's name among the keys that a machine trusts.
pub(crate) const KEY_NAME: &str = "it@apk.test.rsa.pub";

/// A pair of keys.
#[derive(Debug)]
pub(crate) struct Key {
    folder: tempfile::TempDir,
}

impl Key {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = tool("openssl", "openssl");
        command.args(["genrsa", "-out"]).arg(folder.path().join("key.pem")).arg("2048");
        succeed(&mut command);
        Self { folder }
    }

    /// The public half, as in `/etc/apk/keys`.
    pub(crate) fn public(&self) -> String {
        let key = self.folder.path().join("key.pem");
        succeed(tool("openssl", "openssl").args(["rsa", "-pubout", "-in"]).arg(key))
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let mut command = tool("openssl", "openssl");
        command.args(["dgst", "-sha256", "-sign"]).arg(self.folder.path().join("key.pem"));
        filter(&mut command, bytes)
    }

    /// Bytes behind a signature, as apk wants them.
    fn signed(&self, bytes: &[u8]) -> Vec<u8> {
        let name = format!(".SIGN.RSA256.{KEY_NAME}");
        let mut signed = pack::gzip(&segment(&[(&name, &self.sign(bytes))]));
        signed.extend_from_slice(bytes);
        signed
    }
}

/// The repository with one package, `greeter`, whose file says its version, in these versions.
pub(crate) fn repository(key: &Key, versions: &[&str], modified: i64) -> Tree {
    let packages: Vec<(&str, &str, Option<&str>)> =
        versions.iter().map(|version| ("greeter", *version, None)).collect();
    repository_of(key, &packages, modified)
}

/// The repository with packages of these names and versions, each with what it needs.
pub(crate) fn repository_of(
    key: &Key,
    packages: &[(&str, &str, Option<&str>)],
    modified: i64,
) -> Tree {
    let packages = packages.iter().map(|&(name, version, depends)| {
        let origin = name;
        Package { name, version, depends, origin }
    });
    repository_from(key, &packages.collect::<Vec<_>>(), modified)
}

/// A package of a repository.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// What it needs, as in an index.
    pub(crate) depends: Option<&'a str>,
    /// The source package.
    pub(crate) origin: &'a str,
}

/// The repository with these packages.
pub(crate) fn repository_from(key: &Key, packages: &[Package<'_>], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    let mut index = String::new();
    for described in packages {
        let Package { name, version, depends, origin } = described;
        let (package, identity) = package(key, described);
        let depends = depends.map(|depends| format!("D:{depends}\n")).unwrap_or_default();
        writeln!(
            index,
            "C:{identity}\nP:{name}\nV:{version}\nA:x86_64\nS:{}\nI:4096\nT:A package of tests\n\
             U:https://apk.test\nL:MIT\no:{origin}\n{depends}",
            package.len()
        )
        .unwrap();
        for architecture in ["x86_64", "aarch64"] {
            tree.file(&format!("/{architecture}/{name}-{version}.apk"), package.clone());
        }
    }
    let files = [("DESCRIPTION", &b"it"[..]), ("APKINDEX", index.as_bytes())];
    let index = key.signed(&pack::tar_gz(&files));
    for architecture in ["x86_64", "aarch64"] {
        tree.file(&format!("/{architecture}/APKINDEX.tar.gz"), index.clone());
    }
    tree
}

/// A package, and what the index knows it by: the SHA-1 of its control segment.
fn package(key: &Key, described: &Package<'_>) -> (Vec<u8>, String) {
    let Package { name, version, depends, origin } = described;
    let depends = depends.unwrap_or_default().split_whitespace();
    let depends: Vec<String> = depends.map(|need| format!("depend = {need}\n")).collect();
    let depends = depends.concat();
    let text = format!("{version}\n");
    let checksum = format!("APK-TOOLS.checksum.SHA1={}", sha1_hex(text.as_bytes()));
    let mut data =
        segment(&[("usr/", b""), ("usr/share/", b""), (&format!("usr/share/{name}/"), b"")]);
    data.extend(pack::extended(&[&checksum]));
    data.extend(pack::tar(&[(&format!("usr/share/{name}/version"), text.as_bytes())]));
    let data = pack::gzip(&data);
    let about = format!(
        "pkgname = {name}\npkgver = {version}\npkgdesc = A package of tests\n\
         url = https://apk.test\nbuilddate = 1700000000\nsize = 4096\narch = noarch\n\
         license = MIT\norigin = {origin}\n{depends}datahash = {}\n",
        rlock::oci::Digest::of(&data).hex()
    );
    let control = pack::gzip(&segment(&[(".PKGINFO", about.as_bytes())]));
    let hex = sha1_hex(&control);
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let identity = format!("Q1{}", base64::engine::general_purpose::STANDARD.encode(bytes));
    let mut package = key.signed(&control);
    package.extend_from_slice(&data);
    (package, identity)
}

/// A tar archive without its end: more follows.
fn segment(files: &[pack::File<'_>]) -> Vec<u8> {
    let mut tar = pack::tar(files);
    tar.truncate(tar.len() - 1024);
    tar
}
