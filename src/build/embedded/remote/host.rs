//! A tree in which a program of the host's can run: its programs and libraries, which it cannot write
//! to, and nothing else of the host's.

use crate::build::BuildError;
use crate::sandbox::{Bind, NAME_SERVER, Surroundings};
use crate::store::read_dir_sorted;
use std::io;
use std::path::{Path, PathBuf};

/// What programs and libraries lie in.
const PROGRAMS: [&str; 9] = ["bin", "gnu", "lib", "lib32", "lib64", "libx32", "nix", "sbin", "usr"];

/// What programs cannot do without: how libraries are found, which of several programs is meant, and
/// whom TLS trusts.
const SETTINGS: [&str; 6] =
    ["alternatives", "ca-certificates", "ld.so.cache", "pki", "ssl", "static"];

/// Where programs are looked for.
const PATH: [&str; 7] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/nix/var/nix/profiles/default/bin",
];

/// `PATH` for a program of the host's.
pub(super) fn search_path() -> String {
    PATH.join(":")
}

/// Whether the host has a program of this name.
pub(super) fn has(program: &str) -> bool {
    PATH.iter().any(|folder| Path::new(folder).join(program).is_file())
}

/// Fills `root`, an empty directory, and says what is bound into it.
pub(super) fn prepare(root: &Path) -> Result<Vec<Bind>, BuildError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| BuildError::io(path, error)
    };
    for name in ["dev", "etc", "home", "proc", "sys", "tmp", "fetched"] {
        let path = root.join(name);
        std::fs::create_dir(&path).map_err(failed(&path))?;
    }
    for (name, content) in files() {
        let path = root.join("etc").join(name);
        std::fs::write(&path, content).map_err(failed(&path))?;
    }
    let mut binds = Vec::new();
    lend(Path::new("/"), &PROGRAMS, root, "", &mut binds).map_err(failed(Path::new("/")))?;
    let settings = Path::new("/etc");
    lend(settings, &SETTINGS, &root.join("etc"), "etc/", &mut binds).map_err(failed(settings))?;
    Ok(binds)
}

/// Files of `/etc` of the program's own: who it is, and how names are found.
fn files() -> [(&'static str, Vec<u8>); 5] {
    let hosts = Surroundings::first().hosts_file();
    let resolver = format!("nameserver {NAME_SERVER}\n").into_bytes();
    [
        ("group", b"root:x:0:\n".to_vec()),
        ("hosts", hosts),
        ("nsswitch.conf", b"hosts: files dns\n".to_vec()),
        ("passwd", b"root:x:0:0:root:/home:/bin/sh\n".to_vec()),
        ("resolv.conf", resolver),
    ]
}

/// Binds those of `names` that are in `from`, read only, and repeats those that are links.
fn lend(
    from: &Path,
    names: &[&str],
    to: &Path,
    prefix: &str,
    binds: &mut Vec<Bind>,
) -> io::Result<()> {
    for entry in read_dir_sorted(from)? {
        let name = entry.file_name();
        // musl keeps its library path in a file named after the architecture.
        let is_wanted = |name: &str| {
            names.contains(&name) || (prefix == "etc/" && name.starts_with("ld-musl-"))
        };
        let Some(name) = name.to_str().filter(|name| is_wanted(name)) else { continue };
        let (kind, target): (_, PathBuf) = (entry.file_type()?, to.join(name));
        if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, target)?;
            continue;
        }
        if kind.is_dir() {
            std::fs::create_dir(target)?;
        } else {
            drop(std::fs::File::create_new(target)?);
        }
        let target = format!("{prefix}{name}").into_bytes();
        binds.push(Bind { source: entry.path(), target, read_only: true });
    }
    Ok(())
}
