//! Databases of dpkg, real ones among them.

use super::*;
use crate::package::trees::{Tree, with_directory, with_tree};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

/// Reads the database of a tree that is held in memory.
fn read_tree(tree: &Tree) -> Result<Vec<Package>, PackageError> {
    with_tree(tree, super::super::read_all)
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| (path.as_bytes().to_vec(), text.as_bytes().to_vec())).collect()
}

fn read_directory(root: &Path) -> Result<Vec<Package>, PackageError> {
    with_directory(root, super::super::read_all)
}

fn line(package: &Package) -> String {
    let Package { kind, name, version, architecture, source, automatic } = package;
    let SourcePackage { name: source, version: source_version } = source.as_ref().unwrap();
    let automatic = if *automatic { " automatic" } else { "" };
    format!("{kind} {name} {version} {architecture} from {source} {source_version}{automatic}\n")
}

#[test]
fn fixtures_are_read() {
    for name in ["debian", "distroless"] {
        let folder = Path::new("fixtures/dpkg").join(name);
        let found: String = read_directory(&folder).unwrap().iter().map(line).collect();
        assert_eq!(found, std::fs::read_to_string(folder.join("expected")).unwrap(), "{name}");
    }
}

#[test]
fn a_tree_without_dpkg_has_no_packages() {
    assert_eq!(read_tree(&BTreeMap::new()).unwrap(), []);
    assert_eq!(read_tree(&tree(&[(STATUS, "")])).unwrap(), []);
}

/// A copy of this machine's database, so that it holds still, as dpkg and apt read it.
#[test]
fn this_machine_is_read_as_dpkg_and_apt_read_it() {
    let folder = tempfile::tempdir().unwrap();
    for path in [STATUS, EXTENDED_STATES] {
        let copy = folder.path().join(path);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        match std::fs::copy(Path::new("/").join(path), copy) {
            Ok(_) => {}
            Err(error) if path == STATUS => {
                println!("skipped: this machine has no dpkg: {error}");
                return;
            }
            // A machine where nothing came along with something else.
            Err(_) => std::fs::write(folder.path().join(path), "").unwrap(),
        }
    }
    let packages = read_directory(folder.path()).unwrap();
    let found: Vec<String> = packages.iter().map(line).collect();
    assert_eq!(found, expected_of_dpkg(folder.path()));
    assert!(found.len() > 50);
}

/// What `dpkg-query` and `apt-mark` say of the database below `root`.
fn expected_of_dpkg(root: &Path) -> Vec<String> {
    let output = |command: &mut Command| {
        let output = command.output().expect("dpkg and apt are installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let automatic = output(
        Command::new("apt-mark")
            .arg("-o")
            .arg(format!("Dir::State={}", root.join("var/lib/apt").display()))
            .arg("-o")
            .arg(format!("Dir::State::status={}", root.join(STATUS).display()))
            .arg("showauto"),
    );
    let automatic: BTreeSet<&str> = automatic.lines().collect();
    let fields = "${db:Status-Status} ${Package} ${Version} ${Architecture} from ${source:Package} ${source:Version}\n";
    let query = output(
        Command::new("dpkg-query")
            .arg("--admindir")
            .arg(root.join("var/lib/dpkg"))
            .args(["-W", "-f", fields]),
    );
    let mut lines: Vec<(String, String, String)> = Vec::new();
    for text in query.lines() {
        let (state, rest) = text.split_once(' ').unwrap();
        let [name, _, architecture, ..] = rest.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{text}")
        };
        if ["not-installed", "config-files", "half-installed"].contains(&state) {
            continue;
        }
        // apt names a package of another architecture than the machine's with its architecture.
        let qualified = format!("{name}:{architecture}");
        let is_automatic = automatic.contains(name) || automatic.contains(&*qualified);
        let mark = if is_automatic { " automatic" } else { "" };
        let line = format!("deb {rest}{mark}\n");
        lines.push((name.to_owned(), architecture.to_owned(), line));
    }
    lines.sort();
    lines.into_iter().map(|(.., line)| line).collect()
}

#[test]
fn malformed_databases_are_refused_with_path_and_line() {
    let valid = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n";
    let error = |text: &str| read_tree(&tree(&[(STATUS, text)])).unwrap_err().to_string();
    let prefix = "/var/lib/dpkg/status: line";
    assert_eq!(error("hello\n"), format!("{prefix} 1: the line is not `Field: value`"));
    for (from, to, expected) in [
        ("Status: install ok installed\n", "", "1: the paragraph of `a` has no `Status`"),
        ("install ok installed", "installed", "2: `installed` is not a state of dpkg"),
        ("ok installed", "ok gone", "2: `install ok gone` is not a state of dpkg"),
        ("Version: 1\n", "", "1: the paragraph of `a` has no `Version`"),
        ("Version: 1", "Version:", "3: `Version` is empty"),
        ("Version: 1", "Version: 1 2", "3: `Version`: `1 2` has a wrong character"),
        ("Version: 1", "Version: 1\u{1b}[2J", "3: `Version`: `1[2J` has a wrong character"),
        ("Package: a", "Package: ../a", "1: `Package`: `../a` has a wrong character"),
        ("Architecture: all", "Architecture: é", "4: `Architecture`: `é` has a wrong character"),
        ("Version: 1", "Source: b (1\nVersion: 1", "3: `b (1` is not a source package"),
        ("Version: 1", "Source: (1)\nVersion: 1", "3: `(1)` is not a source package"),
    ] {
        assert_eq!(error(&valid.replacen(from, to, 1)), format!("{prefix} {expected}"));
    }
    assert_eq!(error(&format!("{valid}\n{valid}")), format!("{prefix} 6: `a:all` is there twice"));
}

#[test]
fn errors_of_the_tree_are_passed_on() {
    let refuse = |_: &[u8]| Err(io::Error::from(io::ErrorKind::PermissionDenied));
    let none = |_: &[u8]| Ok(None);
    let empty = |_: &[u8]| Ok(Vec::new());
    let refuse_list = |_: &[u8]| Err(io::Error::from(io::ErrorKind::PermissionDenied));
    let error = Dpkg.read(Files { read: &refuse, list: &empty, link: &|_| Ok(None) }).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read /{EXTENDED_STATES}"));
    let error =
        Dpkg.read(Files { read: &none, list: &refuse_list, link: &|_| Ok(None) }).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read /{STATUS_DIRECTORY}"));
    assert_eq!(Dpkg.purl_type(), "deb");
}

#[test]
fn extended_states_without_architecture_hold_for_all() {
    let states =
        "Package: a\nAuto-Installed: 1\n\nPackage: ab\nArchitecture: i386\nAuto-Installed: 1\n";
    let status = ["a", "ab", "b"].map(|name| {
        format!(
            "Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"
        )
    });
    let tree = tree(&[(STATUS, &status.concat()), (EXTENDED_STATES, states)]);
    let found: Vec<bool> = read_tree(&tree).unwrap().iter().map(|p| p.automatic).collect();
    assert_eq!(found, [true, false, false]);
}

proptest! {
    #[test]
    fn no_input_panics(status: Vec<u8>, states: Vec<u8>, single: Vec<u8>) {
        let files = [(STATUS, status), (EXTENDED_STATES, states), ("var/lib/dpkg/status.d/a", single)];
        let tree = files.into_iter().map(|(path, text)| (path.as_bytes().to_vec(), text)).collect();
        drop(read_tree(&tree));
    }

    #[test]
    fn no_edit_of_a_database_panics(at in 0..1000_usize, cut in 0..60_usize, text in "[ -~\n]{0,8}") {
        let status = include_str!("../../../fixtures/dpkg/debian/var/lib/dpkg/status");
        let end = (at + cut).min(status.len());
        let edited = format!("{}{text}{}", &status[..at], &status[end..]);
        for package in read_tree(&tree(&[(STATUS, &edited)])).into_iter().flatten() {
            prop_assert!(package.name.is_ascii() && !package.version.is_empty());
        }
    }
}

/// The paths of each package, by its name.
fn owners(tree: &Tree) -> BTreeMap<String, Vec<String>> {
    let owned = with_tree(tree, |files| Dpkg.owned(files)).unwrap();
    let paths = |paths: Vec<Vec<u8>>| {
        paths.into_iter().map(|path| String::from_utf8(path).unwrap()).collect()
    };
    owned.into_iter().map(|owned| (owned.package.name, paths(owned.paths))).collect()
}

#[test]
fn owners_are_told_by_the_lists() {
    let package = |name: &str, architecture: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: {architecture}\n\n"
        )
    };
    let status = [package("libc6", "amd64"), package("libc6", "i386"), package("dash", "amd64")];
    let status = [&*status.concat(), &package("bash", "amd64"), &package("vim", "all")].concat();
    let owners = owners(&tree(&[
        ("bin", "-> usr/bin"),
        (STATUS, &status),
        ("var/lib/dpkg/info/libc6:amd64.list", "/.\n/lib\n/lib/libc.so.6\n"),
        ("var/lib/dpkg/info/libc6:i386.list", "/.\n/lib\n/lib/ld-linux.so.2\n"),
        ("var/lib/dpkg/info/dash.list", "/.\n/bin\n/bin/dash\n/bin/sh\n"),
        ("var/lib/dpkg/info/bash.list", "/.\n/bin\n/bin/bash\n/bin/sh\n"),
        ("var/lib/dpkg/info/vim.list", "/usr/bin/vim.basic\n"),
        ("var/lib/dpkg/info/vim.conffiles", "/etc/vim/vimrc\nremove-on-upgrade /etc/virc\n"),
        ("var/lib/dpkg/info/format", "1\n"),
        ("var/lib/dpkg/diversions", "/bin/sh\n/bin/sh.distrib\ndash\n"),
        (
            "var/lib/dpkg/alternatives/editor",
            "auto\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/man1/editor.1.gz\n\n/usr/bin/vim.basic\n",
        ),
        ("etc/alternatives/editor", "-> /bin/vim.basic"),
        ("etc/alternatives/editor.1.gz", "-> /usr/share/man/man1/vim.1.gz"),
        ("usr/bin/editor", "-> /etc/alternatives/editor"),
        ("var/lib/dpkg/alternatives/pager", "auto\n/usr/bin/pager\n\n"),
    ]));
    let expected = [
        ("bash", "bin usr/bin/bash usr/bin/sh.distrib var/lib/dpkg/info/bash.list"),
        ("dash", "bin usr/bin/dash usr/bin/sh var/lib/dpkg/info/dash.list"),
        ("libc6", "lib lib/ld-linux.so.2 var/lib/dpkg/info/libc6:i386.list"),
        (
            "vim",
            "etc/alternatives/editor etc/vim/vimrc usr/bin/editor usr/bin/vim.basic \
             var/lib/dpkg/info/vim.conffiles var/lib/dpkg/info/vim.list",
        ),
    ];
    let expected = expected.map(|(name, paths)| {
        (name.to_owned(), paths.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    });
    assert_eq!(owners, BTreeMap::from(expected));
}

#[test]
fn distroless_images_list_files_beside_each_package() {
    let folder = Path::new("fixtures/dpkg/distroless");
    let owned = with_directory(folder, |files| Dpkg.owned(files)).unwrap();
    let found = owned.iter().find(|owned| owned.package.name == "tzdata").unwrap();
    let expected = [
        "usr/share/zoneinfo/UTC",
        "var/lib/dpkg/status.d/tzdata",
        "var/lib/dpkg/status.d/tzdata.md5sums",
    ];
    assert_eq!(found.paths, expected.map(|path| path.as_bytes().to_vec()));
}

#[test]
fn diversions_that_are_cut_off_are_refused() {
    let tree = tree(&[(STATUS, ""), ("var/lib/dpkg/diversions", "/a\n/b\n:\n/c\n/d\n")]);
    let error = with_tree(&tree, |files| Dpkg.owned(files)).unwrap_err();
    let expected = "/var/lib/dpkg/diversions: line 4: a diversion has less than three lines";
    assert_eq!(error.to_string(), expected);
}

proptest! {
    #[test]
    fn no_list_panics(list in any::<Vec<u8>>(), diversions in "[/a-b\n]{0,12}", target in "[/.a-b]{0,6}") {
        let status = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n";
        let mut tree = tree(&[(STATUS, status), ("var/lib/dpkg/diversions", &diversions)]);
        tree.insert(b"var/lib/dpkg/info/a.list".to_vec(), list);
        tree.insert(b"var/lib/dpkg/alternatives/b".to_vec(), diversions.into_bytes());
        tree.insert(b"a".to_vec(), format!("-> {target}").into_bytes());
        tree.insert(b"etc/alternatives/b".to_vec(), format!("-> {target}").into_bytes());
        let _owned = with_tree(&tree, |files| Dpkg.owned(files));
    }
}
