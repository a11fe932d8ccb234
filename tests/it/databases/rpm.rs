//! Packages of rpm, that real dnf installs.

use super::{Unpacked, paths, sorted};
use crate::clients::{Case, OLD};
use crate::upstream::{Site, Tree, Wire};
use crate::world::{succeed, tool};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// Packages beside the main one: enough for a table of several pages.
const PARTS: u32 = 40;

/// One source package of several packages, of several versions and epochs.
fn specification() -> String {
    let mut text = "Name: greeter
Epoch: 2
Version: 1.0
Release: 1
Summary: A package of tests
License: MIT
BuildArch: noarch
Requires: greeter-part-1 greeter-part-2
%description
A package of tests.
%install
mkdir -p %{buildroot}/usr/share/greeter %{buildroot}/usr/share/doc/greeter
echo 1 > %{buildroot}/usr/share/greeter/version
echo 1 > %{buildroot}/usr/share/doc/greeter/README
for part in $(seq 40); do echo $part > \"%{buildroot}/usr/share/greeter/part $part\"; done
%files
%dir /usr/share/greeter
/usr/share/greeter/version
%doc /usr/share/doc/greeter/README
%ghost /var/lib/greeter.state
"
    .to_owned();
    for part in 1..=PARTS {
        let requires = if part < PARTS {
            format!("Requires: greeter-part-{}", part + 1)
        } else {
            String::new()
        };
        write!(
            text,
            "%package part-{part}\nSummary: Part\nEpoch: {}\nVersion: 1.{part}~rc\n{requires}\n\
             %description part-{part}\nPart.\n\
             %files part-{part}\n\"/usr/share/greeter/part {part}\"\n",
            part % 2
        )
        .unwrap();
    }
    text
}

fn repository() -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().join("repo");
    std::fs::create_dir(&served).unwrap();
    let file = folder.path().join("greeter.spec");
    std::fs::write(&file, specification()).unwrap();
    let mut build = tool("rpmbuild", "rpm");
    build.args(["-bb", "--quiet", "--define"]).arg(format!("_topdir {}", folder.path().display()));
    build.arg("--define").arg(format!("_rpmdir {}", served.display()));
    succeed(build.arg("--define").arg("_binary_payload w6.gzdio").arg(file));
    succeed(tool("createrepo_c", "createrepo-c").arg("--quiet").arg(&served));
    let mut tree = Tree::at(OLD);
    tree.folder(&served, "");
    tree
}

fn query(database: &Path, arguments: &[&str]) -> String {
    let mut query = tool("rpm", "rpm");
    succeed(query.arg("--dbpath").arg(database).arg("--query").args(arguments))
}

const FORMAT: &str = "%{NAME} %|EPOCH?{%{EPOCH}}:{0}|:%{VERSION}-%{RELEASE} %|ARCH?{%{ARCH}}:{}| \
                      %{SOURCERPM}\\n";

/// What rlock reads, in the form of [`FORMAT`].
fn lines(tree: &Unpacked) -> Vec<String> {
    let packages = tree.packages().into_iter().filter(|package| package.kind == "rpm");
    let lines = packages.map(|package| {
        let source = package.source.map_or("(none)".to_owned(), |source| {
            let (_, version) = source.version.split_once(':').unwrap_or(("", &source.version));
            format!("{}-{version}.src.rpm", source.name)
        });
        let epoch = if package.version.contains(':') { "" } else { "0:" };
        format!("{} {epoch}{} {} {source}\n", package.name, package.version, package.architecture)
    });
    sorted(&lines.collect::<String>())
}

/// dnf from a repository into an image, and its database on this machine.
#[test]
fn packages_are_those_of_rpm() {
    let site = Site::start("rpm.test", Wire::Plain);
    site.serve(repository());
    let dockerfile = format!(
        "RUN mkdir -p /etc/rpm && echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros.it \
         && dnf --releasever=1 --repofrompath=it,{} --repo=it --nogpgcheck --assumeyes \
         --setopt=tsflags=nodocs install greeter\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    let layout = case.world.path("layout");
    let output = format!("oci:{}:it", layout.display());
    case.rlock("lock", &[]).expect(0);
    case.rlock("build", &["-o", &output]).expect(0);

    let tree = Unpacked::layout(&layout);
    let database = tree.path().join("var/lib/rpm");
    let expected = sorted(&query(&database, &["--all", "--queryformat", FORMAT]));
    assert_eq!(expected.len(), 1 + PARTS as usize);
    assert_eq!(lines(&tree), expected);
    assert_owners(&tree, &database);
    assert_locked(&case.world.read("Dockerfile.lock"));
}

/// `rpm -ql` and the states of the files. All of them are where they are listed.
fn assert_owners(tree: &Unpacked, database: &Path) {
    for owned in tree.owned().iter().filter(|owned| owned.package.kind == "rpm") {
        let name = &*owned.package.name;
        let listed = query(database, &["--queryformat", "[%{FILENAMES}\\t%{FILESTATES}\\n]", name]);
        let expected: BTreeSet<String> = listed
            .lines()
            .filter_map(|line| line.strip_suffix("\t0"))
            .map(|path| tree.place(path))
            .collect();
        assert_eq!(paths(owned).into_iter().collect::<BTreeSet<_>>(), expected, "{name}");
        let documentation = "usr/share/doc/greeter/README".to_owned();
        assert!(!expected.contains(&documentation), "{name} has documentation");
    }
}

/// Each package has the file that it came from; one was asked for.
fn assert_locked(lock: &str) {
    let blocks: Vec<&str> = lock.split("\n\n").filter(|it| it.contains("type = \"rpm\"")).collect();
    assert_eq!(blocks.len(), 1 + PARTS as usize, "{lock}");
    for block in &blocks {
        for key in ["url = \"http://rpm.test", "sha256 = ", "size = ", "source = \"greeter "] {
            assert!(block.contains(key), "no `{key}` in\n{block}");
        }
    }
    let requested: Vec<&&str> =
        blocks.iter().filter(|it| it.contains("requested = true")).collect();
    let [greeter] = &*requested else { panic!("{requested:?}") };
    assert!(greeter.contains("name = \"greeter\"\nversion = \"2:1.0-1\""), "{greeter}");
}
