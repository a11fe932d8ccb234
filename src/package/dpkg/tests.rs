//! Databases of dpkg, real ones among them.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

/// Reads the database of a tree that is held in memory.
fn read_tree(tree: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<Vec<Package>, PackageError> {
    let read = |path: &[u8]| Ok(tree.get(path).cloned());
    let list = |path: &[u8]| {
        let below = [path, b"/"].concat();
        Ok(tree
            .keys()
            .rev()
            .filter_map(|key| key.strip_prefix(&*below).map(<[u8]>::to_vec))
            .collect())
    };
    super::super::read_all(Files { read: &read, list: &list })
}

fn tree(files: &[(&str, &str)]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    files.iter().map(|(path, text)| (path.as_bytes().to_vec(), text.as_bytes().to_vec())).collect()
}

fn missing_is_none<T>(error: io::Error) -> io::Result<Option<T>> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(error),
    }
}

fn read_directory(root: &Path) -> Result<Vec<Package>, PackageError> {
    let path = |path: &[u8]| root.join(std::str::from_utf8(path).unwrap());
    let read = |name: &[u8]| std::fs::read(path(name)).map(Some).or_else(missing_is_none);
    let list = |name: &[u8]| {
        let entries = path(name).read_dir().map(Some).or_else(missing_is_none)?;
        let names = entries.into_iter().flatten();
        names.map(|entry| Ok(entry?.file_name().into_encoded_bytes())).collect()
    };
    super::super::read_all(Files { read: &read, list: &list })
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
    let error = Dpkg.read(Files { read: &refuse, list: &empty }).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read /{EXTENDED_STATES}"));
    let error = Dpkg.read(Files { read: &none, list: &refuse_list }).unwrap_err();
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
