//! Normalisers: the noise that a step leaves is taken out before its layer is written.
//!
//! A rule is narrow: one path or format. None touches a mode, an owner or an extended attribute,
//! none follows a symbolic link, and each use is reported. What the rules of a release do to one
//! tree is part of the canonical form, which the lock records as [`CANONICAL`].

mod pattern;
mod rewrite;
mod rules;
mod upper;

#[cfg(test)]
mod tests;

pub use pattern::matches;
pub use rules::RULES;

use crate::oci::Digest;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use upper::{PlainFile, Upper};

/// The number of the canonical form: layer encoding and rules together. It grows when either
/// changes what a layer looks like.
pub const CANONICAL: u32 = 1;

/// Files larger than this are not rewritten: all that rules rewrite are small texts.
const REWRITE_SIZE_MAX: u64 = 1 << 20;

/// One kind of noise, and what is done about it.
#[derive(Debug)]
pub struct Rule {
    /// Stable id: what the lock has, and what switches the rule off.
    pub id: &'static str,
    /// The cause, an id of [`crate::finding::CAUSES`].
    pub cause: &'static str,
    /// A few words for a table.
    pub title: &'static str,
    /// Why the content is noise.
    pub why: &'static str,
    /// What is done.
    pub action: Action,
    /// Patterns of [`matches()`], relative to the root of the image.
    pub paths: &'static [&'static str],
}

impl Rule {
    /// The rule with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.id == id)
    }

    /// The rule that is for this path, if there is one.
    pub fn for_path(path: &[u8]) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.paths.iter().any(|pattern| matches(pattern, path)))
    }
}

/// What a rule does to a file.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// The step leaves the path as it was before it: the file goes out of the upper directory, so
    /// that one of a lower layer, if any, shows again.
    Remove,
    /// The file stays, without content.
    Empty,
    /// Content and epoch (seconds since 1970) to content; nothing where there is no noise in it.
    Rewrite(fn(&[u8], i64) -> Option<Vec<u8>>),
}

/// One use of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Normalized {
    /// Id of the rule.
    pub rule: &'static str,
    /// The path in the image: relative, without leading slash.
    pub path: Vec<u8>,
    /// The content before.
    pub before: Digest,
}

/// A rule could not be applied.
#[derive(Debug, thiserror::Error)]
#[error("cannot apply the normaliser `{rule}` to `/{}`", String::from_utf8_lossy(path))]
pub struct NormalizeError {
    rule: &'static str,
    path: Vec<u8>,
    #[source]
    source: io::Error,
}

impl NormalizeError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(format!("the rule can be switched off: `--no-normalize {}`", self.rule))
    }
}

/// Applies the rules to what a step wrote into the overlay upper directory `upper`, in place.
/// `disabled` are ids of rules that are switched off. The uses come in the order of [`RULES`],
/// then of paths.
pub fn apply(
    upper: &Path,
    epoch: i64,
    disabled: &BTreeSet<String>,
) -> Result<Vec<Normalized>, NormalizeError> {
    let mut uses = Vec::new();
    for rule in RULES.iter().filter(|rule| !disabled.contains(rule.id)) {
        let failed = |path: &[u8]| {
            let path = path.to_vec();
            move |source| NormalizeError { rule: rule.id, path, source }
        };
        let tree = Upper::open(upper).map_err(failed(b""))?;
        for pattern in rule.paths {
            for path in tree.find(pattern).map_err(failed(pattern.as_bytes()))? {
                let before = apply_to(&tree, rule, &path, epoch).map_err(failed(&path))?;
                uses.extend(before.map(|before| Normalized { rule: rule.id, path, before }));
            }
        }
    }
    Ok(uses)
}

/// The digest of the content before, where the rule changed something.
fn apply_to(tree: &Upper, rule: &Rule, path: &[u8], epoch: i64) -> io::Result<Option<Digest>> {
    let Some(mut file) = tree.file(path)? else { return Ok(None) };
    let content = match rule.action {
        Action::Remove => None,
        Action::Empty if file.size > 0 && file.is_writable => Some(Vec::new()),
        Action::Rewrite(rewrite) => match rewritten(&mut file, rewrite, epoch)? {
            Some(content) => Some(content),
            None => return Ok(None),
        },
        Action::Empty => return Ok(None),
    };
    let before = file.digest()?;
    match content {
        None => tree.remove(path)?,
        Some(content) => file.write(&content)?,
    }
    Ok(Some(before))
}

/// A file that may not be written to, or is too large, stays as it is: if it differs between two
/// builds, that is reported as a difference.
fn rewritten(
    file: &mut PlainFile,
    rewrite: fn(&[u8], i64) -> Option<Vec<u8>>,
    epoch: i64,
) -> io::Result<Option<Vec<u8>>> {
    if !file.is_writable || file.size > REWRITE_SIZE_MAX {
        return Ok(None);
    }
    Ok(rewrite(&file.read(REWRITE_SIZE_MAX)?, epoch))
}
