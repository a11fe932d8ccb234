//! What managers of languages write of a package, beside what its file brings: copies of the file,
//! notes, and what they build of it. Each is compared with the file as far as that can be done.

use super::Side;
use super::brought::{Brought, Deliveries};
use super::installed::{BUILT, CHECKSUMS, FILE, GEM_PROGRAM, GEM_SPECIFICATION, UNPACKED};
use super::owners::Owner;
use super::{gems, language};
use crate::oci::Digest;
use crate::package::{Contents, ItemKind};
use crate::store::{Node, NodeKind};

/// Rights that nobody needs for what is installed.
const SPECIAL: u32 = 0o7000;

/// The start of a program or of a library.
const ELF: &[u8] = b"\x7fELF";

/// Names of what a compiler makes of a gem, and of what it says.
const COMPILED: [&[u8]; 8] = [
    b".so",
    b".o",
    b".bundle",
    b"/Makefile",
    b"/mkmf.log",
    b"/gem_make.out",
    b"/gem.build_complete",
    b".time",
];

/// One image, as far as it is asked.
#[derive(Clone, Copy)]
pub(super) struct Made<'a, 'b> {
    pub(super) side: &'b Side<'a>,
    pub(super) deliveries: &'b Deliveries<'a>,
}

impl<'a> Made<'a, '_> {
    /// The package and the rule by which a file of the image is what a manager made of it. `claims`
    /// are the packages that are said to have the file.
    pub(super) fn rule(
        self,
        path: &[u8],
        node: &Node,
        claims: &[Owner<'_>],
    ) -> Option<(&'a Brought, &'static str)> {
        let NodeKind::File { digest, .. } = node.kind else { return None };
        if node.mode & SPECIAL != 0 {
            return None;
        }
        if let Some(package) = self.deliveries.by_file(digest) {
            return Some((package, FILE));
        }
        self.in_folder(path).or_else(|| self.hash(path)).or_else(|| self.claimed(path, claims))
    }

    fn read(self, path: &[u8]) -> Option<Vec<u8>> {
        (self.side.read)(path).ok().flatten()
    }

    /// cargo's notes in the folder of a crate.
    fn in_folder(self, path: &[u8]) -> Option<(&'a Brought, &'static str)> {
        let name = language::name(path);
        let packages = self.deliveries.in_folder(language::parent(path));
        let package = packages.iter().copied().find(|package| package.kind == "cargo")?;
        let text = self.read(path)?;
        match name {
            b".cargo-ok" => {
                let is_note = matches!(text.trim_ascii(), b"" | b"ok" | b"{\"v\":1}");
                is_note.then_some((package, UNPACKED))
            }
            b".cargo-checksum.json" => is_list(&text, package).then_some((package, CHECKSUMS)),
            _ => None,
        }
    }

    /// The hash of a module in Go's cache: `cache/download/MODULE/@v/VERSION.ziphash`.
    fn hash(self, path: &[u8]) -> Option<(&'a Brought, &'static str)> {
        let module = path.strip_suffix(b".ziphash")?;
        let text = Digest::of(&self.read(path)?);
        let mut modules = self.side.brought.iter().filter(|package| package.kind == "golang");
        let is_it = |package: &&Brought| {
            let end = format!(
                "/cache/download/{}/@v/{}",
                language::escaped(&package.name),
                language::escaped(&package.version)
            );
            let hash = package.contents.known().and_then(|it| it.control.get(&b"ziphash"[..]));
            module.ends_with(end.as_bytes()) && hash == Some(&text)
        };
        modules.find(is_it).map(|package| (package, CHECKSUMS))
    }

    /// What a mark in the image gives to a package.
    fn claimed(self, path: &[u8], claims: &[Owner<'_>]) -> Option<(&'a Brought, &'static str)> {
        let packages = claims.iter().flat_map(|owner| {
            let packages = self.deliveries.packages(owner.kind, owner.name).iter();
            packages.filter(|package| package.version == owner.version)
        });
        packages.copied().find_map(|package| {
            let contents = package.contents.known()?;
            let rule = match &*package.kind {
                "gem" => self.of_gem(path, contents),
                "pypi" => (contents.is_source && is_of_wheel(path)).then_some(BUILT),
                "golang" | "cargo" => self.read(path)?.starts_with(ELF).then_some(BUILT),
                "maven" => is_together(path, package, claims).then_some(BUILT),
                _ => None,
            };
            rule.map(|rule| (package, rule))
        })
    }

    fn of_gem(self, path: &[u8], gem: &Contents) -> Option<&'static str> {
        let full = gems::full_name(gem);
        let (folder, name) = (language::parent(path), language::name(path));
        let has_name = |suffix: &str| name == format!("{full}{suffix}").as_bytes();
        if language::name(folder) == b"specifications" && has_name(".gemspec") {
            let text = self.read(path)?;
            return gems::is_specification(&text, gem).then_some(GEM_SPECIFICATION);
        }
        if language::name(folder) == b"build_info" && has_name(".info") {
            return Some(BUILT);
        }
        let is_in = |folder: &str| {
            let part = format!("/{folder}/");
            let parts = [part.as_bytes(), format!("/{full}/").as_bytes()].map(<[u8]>::to_vec);
            let at = |part: &[u8]| path.windows(part.len()).position(|window| window == part);
            parts.iter().all(|part| at(part).is_some())
        };
        let is_compiled = COMPILED.iter().any(|end| path.ends_with(end));
        if is_in("doc") || (gem.is_source && is_compiled && (is_in("gems") || is_in("extensions")))
        {
            return Some(BUILT);
        }
        let program = std::str::from_utf8(name).ok()?;
        gems::is_program(program, &self.read(path)?, gem).then_some(GEM_PROGRAM)
    }
}

/// Whether `.cargo-checksum.json` says of the crate and its files what they are.
fn is_list(text: &[u8], package: &Brought) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        files: std::collections::BTreeMap<String, String>,
        package: Option<String>,
    }
    let Ok(list) = serde_json::from_slice::<List>(text) else { return false };
    let Some(contents) = package.contents.known() else { return false };
    let is_file = |(path, sum): (&String, &String)| {
        contents.items.get(path.as_bytes()).is_some_and(
            |item| matches!(item.kind, ItemKind::File { digest, .. } if digest.hex() == **sum),
        )
    };
    list.files.iter().all(is_file) && list.package == package.file.map(|file| file.hex())
}

/// What installing makes of a source distribution: notes beside the modules, and libraries.
fn is_of_wheel(path: &[u8]) -> bool {
    let of = |folder: &[u8]| folder.ends_with(b".dist-info") || folder.ends_with(b".egg-info");
    let is_note = path.split(|byte| *byte == b'/').rev().skip(1).any(of);
    // Python runs none of these, and looks into one of them for names of functions alone.
    let is_module = [&b".py"[..], b".pyc", b".pth"].iter().any(|end| path.ends_with(end));
    (is_note && !is_module) || path.ends_with(b".so")
}

/// Whether an archive is put together of several packages, and does not go by the name of this one.
fn is_together(path: &[u8], package: &Brought, claims: &[Owner<'_>]) -> bool {
    let artifact = package.name.rsplit(':').next().unwrap_or(&package.name);
    let start = format!("{artifact}-{}", package.version);
    claims.len() > 1 && !language::name(path).starts_with(start.as_bytes())
}
