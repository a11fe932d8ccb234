//! A repository of rpm packages, made by `rpmbuild` and `createrepo_c`.

use super::Tree;
use super::apt::Key;
use crate::world::{succeed, tool};
use std::path::Path;

/// The repository with one package, `greeter`, whose file says its version, in these versions.
pub(crate) fn repository(versions: &[&str], modified: i64) -> Tree {
    made(&greeters(versions), modified, None)
}

/// The same, its index signed.
pub(crate) fn signed(key: &Key, versions: &[&str], modified: i64) -> Tree {
    made(&greeters(versions), modified, Some(key))
}

/// The repository with packages of these names and versions, each with what it needs.
pub(crate) fn repository_of(packages: &[NameVersionNeeds<'_>], modified: i64) -> Tree {
    made(packages, modified, None)
}

type NameVersionNeeds<'a> = (&'a str, &'a str, Option<&'a str>);

fn greeters<'a>(versions: &[&'a str]) -> Vec<NameVersionNeeds<'a>> {
    versions.iter().map(|version| ("greeter", *version, None)).collect()
}

fn made(packages: &[NameVersionNeeds<'_>], modified: i64, key: Option<&Key>) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().join("repo");
    std::fs::create_dir(&served).unwrap();
    for package in packages {
        build(folder.path(), &served, *package);
    }
    succeed(tool("createrepo_c", "createrepo-c").arg("--quiet").arg(&served));
    if let Some(key) = key {
        let index = served.join("repodata/repomd.xml");
        key.sign(&index, &served.join("repodata/repomd.xml.asc"));
    }
    let mut tree = Tree::at(modified);
    tree.folder(&served, "");
    tree
}

fn build(folder: &Path, served: &Path, (name, version, depends): (&str, &str, Option<&str>)) {
    let requires = depends.map(|depends| format!("Requires: {depends}\n")).unwrap_or_default();
    let specification = format!(
        "Name: {name}
Version: {version}
Release: 1
Summary: A package of tests
License: MIT
BuildArch: noarch
{requires}%description
A package of tests.
%install
mkdir -p %{{buildroot}}/usr/share/{name}
echo {version} > %{{buildroot}}/usr/share/{name}/version
%files
/usr/share/{name}
"
    );
    let file = folder.join(format!("{name}.spec"));
    std::fs::write(&file, specification).unwrap();
    let mut command = tool("rpmbuild", "rpm");
    command.args(["-bb", "--quiet", "--define"]).arg(format!("_topdir {}", folder.display()));
    command.arg("--define").arg(format!("_rpmdir {}", served.display()));
    succeed(command.arg("--define").arg("_binary_payload w6.gzdio").arg(file));
}
