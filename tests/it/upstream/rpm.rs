//! A repository of rpm packages, made by `rpmbuild` and `createrepo_c`.

use super::Tree;
use super::apt::Key;
use crate::world::{succeed, tool};
use std::path::Path;

/// The repository with one package, `greeter`, whose file says its version, in these versions.
pub(crate) fn repository(versions: &[&str], modified: i64) -> Tree {
    made(&unreleased(&greeters(versions)), modified, None, None)
}

/// The same, its index signed.
pub(crate) fn signed(key: &Key, versions: &[&str], modified: i64) -> Tree {
    made(&unreleased(&greeters(versions)), modified, Some(key), None)
}

/// The repository with packages of these names and versions, each with what it needs.
pub(crate) fn repository_of(packages: &[NameVersionNeeds<'_>], modified: i64) -> Tree {
    made(&unreleased(packages), modified, None, None)
}

/// A package of a repository.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) release: &'a str,
    /// What it needs, as in a specification.
    pub(crate) requires: Option<&'a str>,
    /// The name of the source package that it is built from, where that has another one.
    pub(crate) source: Option<&'a str>,
}

/// The repository with these packages, its index signed.
pub(crate) fn signed_from(key: &Key, packages: &[Package<'_>], modified: i64) -> Tree {
    made(packages, modified, Some(key), None)
}

/// The same, whose index names this `updateinfo.xml`, too.
pub(crate) fn signed_telling(
    key: &Key,
    packages: &[Package<'_>],
    updateinfo: &str,
    modified: i64,
) -> Tree {
    made(packages, modified, Some(key), Some(updateinfo))
}

fn unreleased<'a>(packages: &[NameVersionNeeds<'a>]) -> Vec<Package<'a>> {
    let package = |&(name, version, requires): &NameVersionNeeds<'a>| Package {
        name,
        version,
        release: "1",
        requires,
        source: None,
    };
    packages.iter().map(package).collect()
}

type NameVersionNeeds<'a> = (&'a str, &'a str, Option<&'a str>);

fn greeters<'a>(versions: &[&'a str]) -> Vec<NameVersionNeeds<'a>> {
    versions.iter().map(|version| ("greeter", *version, None)).collect()
}

fn made(
    packages: &[Package<'_>],
    modified: i64,
    key: Option<&Key>,
    updateinfo: Option<&str>,
) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().join("repo");
    std::fs::create_dir(&served).unwrap();
    for package in packages {
        build(folder.path(), &served, *package);
    }
    succeed(tool("createrepo_c", "createrepo-c").arg("--quiet").arg(&served));
    if let Some(updateinfo) = updateinfo {
        let file = folder.path().join("updateinfo.xml");
        std::fs::write(&file, updateinfo).unwrap();
        succeed(tool("modifyrepo_c", "createrepo-c").arg(file).arg(served.join("repodata")));
    }
    if let Some(key) = key {
        let index = served.join("repodata/repomd.xml");
        key.sign(&index, &served.join("repodata/repomd.xml.asc"));
    }
    let mut tree = Tree::at(modified);
    tree.folder(&served, "");
    tree
}

fn build(folder: &Path, served: &Path, package: Package<'_>) {
    let Package { name, version, release, requires, source } = package;
    let requires = requires.map(|depends| format!("Requires: {depends}\n")).unwrap_or_default();
    let described = "%description\nA package of tests.\n";
    let (part, of) = match source {
        Some(_) => {
            let head = format!("{described}%package -n {name}\nSummary: A part\n{requires}");
            (format!("{head}%description -n {name}\nA part of it.\n"), format!("-n {name}"))
        }
        None => (format!("{requires}{described}"), String::new()),
    };
    let source = source.unwrap_or(name);
    let specification = format!(
        "Name: {source}
Version: {version}
Release: {release}
Summary: A package of tests
License: MIT
BuildArch: noarch
{part}%install
mkdir -p %{{buildroot}}/usr/share/{name}
echo {version}-{release} > %{{buildroot}}/usr/share/{name}/version
%files {of}
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
