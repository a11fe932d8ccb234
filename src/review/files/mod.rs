//! Every changed file of an image, attributed: to a package that moved, to what is derived from
//! packages, to a changed instruction. What is left is unexplained.

mod accounts;
mod attribute;
mod brought;
mod bytecode;
mod compare;
mod derived;
mod dpkg;
mod gems;
mod installed;
mod judge;
mod language;
mod lists;
mod made;
mod origin;
mod owners;
mod privileges;
mod program;
mod scripts;
#[cfg(test)]
mod tests;
mod trust;

pub use brought::Brought;
pub use derived::{DERIVED, Derived, Form};
pub use installed::{INSTALLED, Installed, UNPROVEN};
pub use lists::List;
pub use origin::{Above, Layers, Origin, StepOrigin, StepState};
pub use owners::Holding;
pub use scripts::Script;

use super::bases::BaseMove;
use super::moves::Move;
use super::risk::{Risk, Risks, Unchecked};
use crate::diff::ImageDiff;
use crate::finding::Location;
use crate::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Both images, and what is known of how they came to be.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Images<'a> {
    /// What differs.
    pub diff: &'a ImageDiff,
    /// The image of the old lock.
    pub old: Side<'a>,
    /// The image of the new lock.
    pub new: Side<'a>,
    /// Packages that moved and that no mark in an image tells of: their files were fetched by a
    /// manager of languages.
    pub fetched: &'a [Move],
}

/// Reads a file of an image by its path, links followed; nothing where there is none.
pub type ReadFile<'a> = dyn Fn(&[u8]) -> io::Result<Option<Vec<u8>>> + 'a;

/// The path at which a file of this name really is: links among its directories resolved.
pub type Resolve<'a> = dyn Fn(&[u8]) -> Vec<u8> + 'a;

/// Lists the names in a directory by its path; none where there is no such directory.
pub type ListDirectory<'a> = dyn Fn(&[u8]) -> io::Result<Vec<Vec<u8>>> + 'a;

/// One of two images.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Side<'a> {
    /// Digest of its manifest.
    pub manifest: Digest,
    /// What its packages hold.
    pub holdings: &'a [Holding],
    /// What the files of moved packages bring to it.
    pub brought: &'a [Brought],
    /// What managers of languages fetched for it, and not for the other.
    pub downloads: &'a BTreeSet<Digest>,
    /// Where each layer is from.
    pub layers: &'a Layers,
    /// Its files.
    pub read: &'a ReadFile<'a>,
    /// Its directories.
    pub resolve: &'a Resolve<'a>,
    /// What is in them.
    pub list: &'a ListDirectory<'a>,
}

/// Why a changed file is no surprise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Explanation {
    /// It is what the file of this package, which moved, brings there, or brought before: kind and
    /// name.
    Package(String, String),
    /// It is what installing makes of what the file of this package brings: kind, name, and the id
    /// of the rule.
    Installed(String, String, &'static str),
    /// It may come of what the file of this package brings, and nothing proves that it does: kind,
    /// name, and the id of the rule.
    Unproven(String, String, &'static str),
    /// The database of the image gives it to this package, which moved. What its file brings is not
    /// known, so that nothing proves it: kind and name.
    Claimed(String, String),
    /// It is derived from packages; the id of the rule.
    Derived(&'static str),
    /// A base image that moved has it, and none of its packages: the reference.
    Base(String),
    /// An instruction that changed made it, or copied it from the build context.
    Instruction(StepOrigin),
    /// It was copied from a stage in which something moved.
    Stage(StepOrigin),
    /// It was made, or is gone, below a changed instruction or a changed file of the build context, so
    /// that it may come of that. Nothing proves it.
    Below(StepOrigin),
}

impl Explanation {
    /// Whether it is known that the change comes of this, and not only that it may.
    pub fn is_proof(&self) -> bool {
        !matches!(self, Self::Below(_) | Self::Unproven(..))
    }
}

/// Changed files with one explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The explanation.
    pub explanation: Explanation,
    /// How many.
    pub files: u64,
    /// Bytes that were there.
    pub old_size: u64,
    /// Bytes that are there now.
    pub new_size: u64,
    /// Their paths (bytes, absolute).
    pub paths: Vec<Vec<u8>>,
}

/// A changed file that nothing explains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unexplained {
    /// Bytes, absolute.
    pub path: Vec<u8>,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// What is known of it: lower case, a few words.
    pub reason: String,
    /// The instruction whose layer has it.
    pub location: Option<Location>,
}

/// What changed in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesReview {
    /// Digests of the manifests, old and new.
    pub manifests: [Digest; 2],
    /// Changed files that were compared with what the files of packages bring.
    pub compared: u64,
    /// Explained files, by explanation.
    pub groups: Vec<Group>,
    /// The rest.
    pub unexplained: Vec<Unexplained>,
    /// Fields of the image config that differ, each with both values in words.
    pub config: Vec<(String, Option<String>, Option<String>)>,
    /// Layers of equal digest.
    pub layers_equal: u64,
    /// Layers of the new image.
    pub layers: u64,
    /// What was given besides, and fell out on the way: privileges and trust.
    pub risks: Risks,
}

impl FilesReview {
    /// Files that changed.
    pub fn changed(&self) -> u64 {
        self.groups.iter().map(|group| group.files).sum::<u64>() + self.unexplained.len() as u64
    }

    /// Files that may come of something that changed, where nothing proves that they do.
    pub fn unproven(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| !group.explanation.is_proof())
    }

    /// How many these are.
    pub fn unproven_count(&self) -> u64 {
        self.unproven().map(|group| group.files).sum()
    }
}

/// Why files of a rule, about what follows from packages or about what installing makes, are no
/// surprise.
pub fn reason(id: &str) -> &'static str {
    derived::reason(id).or_else(|| installed::reason(id)).unwrap_or_default()
}

/// Attributes every changed file.
pub(super) fn review(images: &Images<'_>, moves: &[Move], bases: &[BaseMove]) -> FilesReview {
    let moves: Vec<Move> = moves.iter().chain(images.fetched).cloned().collect();
    let owners = owners::Owners::of(images, &moves, bases);
    let judge = judge::Judge::of(images);
    let found = attribute::all(images, &owners, &judge, &moves, bases);
    let mut groups: BTreeMap<Explanation, Group> = BTreeMap::new();
    let mut unexplained = Vec::new();
    let mut compared = 0;
    for (file, attributed) in images.diff.files.iter().zip(found) {
        compared += u64::from(attributed.compared);
        match attributed.found {
            Ok(explanation) => groups
                .entry(explanation.clone())
                .or_insert_with(|| Group::new(explanation))
                .add(file),
            Err(unknown) => unexplained.push(*unknown),
        }
    }
    let mut risks = privileges::risks(images, &owners);
    risks.unchecked.extend(judge.problems());
    risks.unchecked.extend(groups.values().filter_map(|group| unchecked(group, &judge)));
    risks.settle();
    let config = images.diff.config.iter();
    let config = config.map(|it| (it.field.clone(), it.left.clone(), it.right.clone()));
    FilesReview {
        manifests: [images.old.manifest, images.new.manifest],
        compared,
        groups: groups.into_values().collect(),
        unexplained,
        config: config.collect(),
        layers_equal: images.diff.layers.iter().filter(|layer| layer.equal).count() as u64,
        layers: images.diff.layers.iter().filter(|layer| layer.right.is_some()).count() as u64,
        risks,
    }
}

/// What is explained without proof.
fn unchecked(group: &Group, judge: &judge::Judge<'_>) -> Option<Unchecked> {
    let (name, reason) = match &group.explanation {
        Explanation::Claimed(kind, name) => {
            let reason = judge.unknown(kind, name);
            (
                name,
                format!("its files are not compared with what its package file brings: {reason}"),
            )
        }
        _ => return None,
    };
    Some(Unchecked { risk: Risk::Contents, subject: name.clone(), reason })
}

impl Group {
    fn new(explanation: Explanation) -> Self {
        Self { explanation, files: 0, old_size: 0, new_size: 0, paths: Vec::new() }
    }

    fn add(&mut self, file: &crate::diff::FileDifference) {
        self.files += 1;
        self.old_size += size(file.left.as_ref());
        self.new_size += size(file.right.as_ref());
        self.paths.push(absolute(&file.path));
    }
}

fn size(node: Option<&crate::store::Node>) -> u64 {
    match node.map(|node| &node.kind) {
        Some(crate::store::NodeKind::File { size, .. }) => *size,
        _ => 0,
    }
}

/// A path as reports have it.
fn absolute(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}
