//! Where packages of languages are unpacked, and what their managers make besides.

use super::Holding;

/// Kinds of packages that a system's database knows.
const OF_SYSTEMS: [&str; 3] = ["deb", "rpm", "apk"];

/// Whether packages of a kind lie anywhere.
pub(super) fn is_anywhere(kind: &str) -> bool {
    !OF_SYSTEMS.contains(&kind)
}

/// What pip and uv write into `NAME.dist-info`, whatever the wheel has there.
/// <https://packaging.python.org/en/latest/specifications/recording-installed-packages/>
const OF_INSTALLERS: [&[u8]; 5] =
    [b"INSTALLER", b"RECORD", b"REQUESTED", b"direct_url.json", b"uv_cache.json"];

/// The folder that a package was unpacked into, told by the file that it was found by.
pub(super) fn folder(holding: &Holding) -> Option<Vec<u8>> {
    let mark: &[u8] = match &*holding.kind {
        "pypi" => b".dist-info/METADATA",
        "npm" => b"/package.json",
        "gem" => return folder_of_gem(holding),
        _ => return None,
    };
    let paths = holding.paths.iter().filter(|path| path.ends_with(mark));
    let path = paths.min_by_key(|path| path.len())?;
    let folder = parent(path);
    Some(if holding.kind == "pypi" { parent(folder) } else { folder }.to_vec())
}

/// `BASE/gems/NAME-VERSION` of `BASE/specifications/NAME-VERSION.gemspec`.
fn folder_of_gem(holding: &Holding) -> Option<Vec<u8>> {
    let specification = |path: &Vec<u8>| {
        let name = name(path).strip_suffix(b".gemspec")?;
        let folder = parent(path);
        let is_it = self::name(folder) == b"specifications";
        is_it.then(|| place(&place(parent(folder), b"gems"), name))
    };
    holding.paths.iter().find_map(specification)
}

/// Whether a folder may be that of a crate or of a module of Go, which no mark tells: by its name.
pub(super) fn may_hold(folder: &[u8], kind: &str, package: &str, version: &str) -> bool {
    match kind {
        "cargo" => {
            let name = name(folder);
            name == package.as_bytes() || name == format!("{package}-{version}").as_bytes()
        }
        "golang" => {
            let module = format!("/pkg/mod/{}@{}", escaped(package), escaped(version));
            [&b"/"[..], folder].concat().ends_with(module.as_bytes())
        }
        _ => false,
    }
}

/// As the cache of modules writes names: <https://go.dev/ref/mod#goproxy-protocol>.
pub(super) fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(character.to_ascii_lowercase());
    }
    escaped
}

/// A path in a folder.
pub(super) fn place(folder: &[u8], path: &[u8]) -> Vec<u8> {
    if folder.is_empty() { path.to_vec() } else { [folder, b"/", path].concat() }
}

/// Where something of a package comes to be that was unpacked into this folder. A wheel may have files
/// for other folders of the environment:
/// <https://packaging.python.org/en/latest/specifications/binary-distribution-format/#the-data-directory>
pub(super) fn places(kind: &str, package: &str, folder: &[u8], path: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = path.splitn(3, |byte| *byte == b'/');
    let (data, scheme, rest) = (parts.next(), parts.next(), parts.next());
    match (scheme, rest) {
        (Some(scheme @ (b"data" | b"headers")), Some(rest))
            if kind == "pypi" && data.is_some_and(|it| it.ends_with(b".data")) =>
        {
            let (prefix, python) = environment(folder);
            if scheme == b"data" {
                return vec![place(prefix, rest)];
            }
            let headers = |prefix: &[u8], start: &[u8]| {
                let folder = [start, python, b"/", package.as_bytes()].concat();
                place(prefix, &place(&folder, rest))
            };
            // In an environment, in a system's Python, and in Debian's, whose are in /usr.
            let local = prefix.strip_suffix(b"/local");
            let mut found = vec![headers(prefix, b"include/site/"), headers(prefix, b"include/")];
            found.extend(local.map(|system| headers(system, b"include/")));
            found
        }
        _ => vec![place(folder, path)],
    }
}

/// The root of the environment that a folder of modules is in, and the name of its Python:
/// `/usr/local` and `python3.13` of `/usr/local/lib/python3.13/site-packages`. A folder elsewhere is
/// an environment of its own.
fn environment(folder: &[u8]) -> (&[u8], &[u8]) {
    let versioned = parent(folder);
    let library = parent(versioned);
    let is_modules = matches!(name(folder), b"site-packages" | b"dist-packages");
    if is_modules && name(library).starts_with(b"lib") {
        (parent(library), name(versioned))
    } else {
        (folder, b"python")
    }
}

/// Whether pip or uv writes the file, and not the wheel.
pub(super) fn is_of_installer(path: &[u8]) -> bool {
    let (folder, name) = (parent(path), name(path));
    folder.ends_with(b".dist-info") && OF_INSTALLERS.contains(&name)
}

/// The directory of a path; empty for the root.
pub(super) fn parent(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    slash.and_then(|slash| path.get(..slash)).unwrap_or_default()
}

/// The last component of a path.
pub(super) fn name(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    slash.and_then(|slash| path.get(slash + 1..)).unwrap_or(path)
}

/// Where a link in a directory leads, if that is in the tree.
pub(super) fn joined(directory: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    let start = if target.starts_with(b"/") { &b""[..] } else { directory };
    let mut components: Vec<&[u8]> = Vec::new();
    for component in [start, target].into_iter().flat_map(|path| path.split(|it| *it == b'/')) {
        match component {
            b"" | b"." => {}
            b".." => drop(components.pop()?),
            name => components.push(name),
        }
    }
    Some(components.join(&b"/"[..]))
}
