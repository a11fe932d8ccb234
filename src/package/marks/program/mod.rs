//! Compiled programs and libraries that say what they were made of: those of Go always, those of
//! Rust where `cargo auditable` built them.

mod elf;
mod golang;
mod rust;

#[cfg(test)]
mod tests;

use super::super::Package;
use super::{Entry, Mark, MarkError, PACKAGES_MAX, Tree};
use elf::Elf;

/// Smaller files hold no list of modules beside a program, in bytes.
const SIZE_MIN: u64 = 512;

/// Any bit that lets somebody run it.
const EXECUTABLE: u32 = 0o111;

/// ELF files.
#[derive(Debug)]
pub(super) struct Program;

impl Mark for Program {
    fn purl_types(&self) -> &'static [&'static str] {
        &["golang", "cargo"]
    }

    fn matches(&self, entry: Entry<'_>) -> bool {
        let file = super::tree::name(entry.path);
        // Libraries need not be executable.
        let is_library = || file.ends_with(b".so") || file.windows(4).any(|part| part == b".so.");
        entry.size >= SIZE_MIN && (entry.mode & EXECUTABLE != 0 || is_library())
    }

    fn read(&self, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Package>, MarkError> {
        let Some(file) = (tree.open)(path)? else { return Ok(Vec::new()) };
        let Some(mut program) = Elf::open(file)? else { return Ok(Vec::new()) };
        let mut packages = golang::packages(&mut program)?;
        packages.extend(rust::packages(&mut program)?);
        if packages.len() > PACKAGES_MAX {
            return Err(MarkError::malformed("it lists too many packages"));
        }
        Ok(packages)
    }

    fn owned(&self, _tree: Tree<'_>, path: &[u8]) -> Result<Vec<Vec<u8>>, MarkError> {
        Ok(vec![path.to_vec()])
    }
}
