//! A repository of rpm packages, made by `rpmbuild` and `createrepo_c`.

use super::Tree;
use crate::world::{succeed, tool};
use std::path::Path;

/// The repository with one package, `greeter`, whose file says its version, in these versions.
pub(crate) fn repository(versions: &[&str], modified: i64) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().join("repo");
    std::fs::create_dir(&served).unwrap();
    for version in versions {
        build(folder.path(), &served, version);
    }
    succeed(tool("createrepo_c", "createrepo-c").arg("--quiet").arg(&served));
    let mut tree = Tree::at(modified);
    tree.folder(&served, "");
    tree
}

fn build(folder: &Path, served: &Path, version: &str) {
    let specification = format!(
        "Name: greeter
Version: {version}
Release: 1
Summary: A package of tests
License: MIT
BuildArch: noarch
%description
A package of tests.
%install
mkdir -p %{{buildroot}}/usr/share/greeter
echo {version} > %{{buildroot}}/usr/share/greeter/version
%files
/usr/share/greeter
"
    );
    let file = folder.join("greeter.spec");
    std::fs::write(&file, specification).unwrap();
    let mut command = tool("rpmbuild", "rpm");
    command.args(["-bb", "--quiet", "--define"]).arg(format!("_topdir {}", folder.display()));
    command.arg("--define").arg(format!("_rpmdir {}", served.display()));
    succeed(command.arg("--define").arg("_binary_payload w6.gzdio").arg(file));
}
