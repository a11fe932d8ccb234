//! The explanation of each changed file.

use super::derived::{self, EMPTY_DIRECTORY};
use super::origin::{Origin, StepOrigin, StepState};
use super::owners::Owners;
use super::{Explanation, Images, Unexplained, absolute};
use crate::diff::{Aspect, FileDifference};
use crate::finding::Location;
use crate::review::bases::BaseMove;
use crate::review::moves::Move;
use crate::store::NodeKind;
use std::collections::{BTreeMap, BTreeSet};

/// The explanation, or what is known of a file without one.
pub(super) type Attributed = Result<Explanation, Box<Unexplained>>;

/// Explanations of all changed files, in their order.
pub(super) fn all(
    images: &Images<'_>,
    owners: &Owners<'_>,
    moves: &[Move],
    bases: &[BaseMove],
) -> Vec<Attributed> {
    let moved_bases = bases.iter().map(|base| base.reference().to_owned()).collect();
    let anything_moved = !(moves.is_empty() && bases.is_empty());
    let judge = Judge { images, owners, moved_bases, anything_moved };
    let mut found: Vec<Attributed> = images.diff.files.iter().map(|file| judge.one(file)).collect();
    directories(&images.diff.files, anything_moved, &mut found);
    found
}

struct Judge<'a> {
    images: &'a Images<'a>,
    owners: &'a Owners<'a>,
    moved_bases: BTreeSet<String>,
    anything_moved: bool,
}

impl Judge<'_> {
    fn one(&self, file: &FileDifference) -> Attributed {
        self.of_packages(file)
            .or_else(|| self.of_instruction(file))
            .or_else(|| self.of_base(file))
            .or_else(|| self.below(file))
            .ok_or_else(|| Box::new(self.unexplained(file)))
    }

    /// What packages account for.
    fn of_packages(&self, file: &FileDifference) -> Option<Explanation> {
        let path = &*file.path;
        if let Some(owner) = self.owners.moved_at(path) {
            return Some(Explanation::Package(owner.kind.to_owned(), owner.name.to_owned()));
        }
        if let Some((kind, name)) = self.of_dpkg(path).or_else(|| self.of_bytecode(path)) {
            return Some(Explanation::Package(kind, name));
        }
        if !self.anything_moved {
            return None;
        }
        derived::rule(file, self.owners).map(|rule| Explanation::Derived(rule.id))
    }

    /// `var/lib/dpkg/info/libssl3:amd64.list` is dpkg's note of that package alone.
    fn of_dpkg(&self, path: &[u8]) -> Option<(String, String)> {
        let name = path.strip_prefix(b"var/lib/dpkg/info/")?;
        let end = name.iter().rposition(|byte| *byte == b'.')?;
        let name = name.get(..end)?.split(|byte| *byte == b':').next()?;
        self.owners.moved_named("deb", name)
    }

    /// Bytecode is compiled from the module beside it when the package is installed.
    fn of_bytecode(&self, path: &[u8]) -> Option<(String, String)> {
        let text = std::str::from_utf8(path).ok()?;
        let (directory, file) = text.rsplit_once('/')?;
        let source = match directory.strip_suffix("__pycache__") {
            Some(above) => format!("{above}{}.py", file.strip_suffix(".pyc")?.split('.').next()?),
            None => format!("{directory}/{}.py", file.strip_suffix(".pyc")?),
        };
        let owner = self.owners.moved_at(source.as_bytes())?;
        Some((owner.kind.to_owned(), owner.name.to_owned()))
    }

    /// What a changed instruction made, or what was copied from the context or from a stage.
    fn of_instruction(&self, file: &FileDifference) -> Option<Explanation> {
        self.origins(file).find_map(|origin| {
            let Origin::Step(step) = origin else { return None };
            match step.state {
                StepState::Changed | StepState::TakesContext => {
                    Some(Explanation::Instruction(step.clone()))
                }
                StepState::TakesStage(_) => Some(Explanation::Stage(step.clone())),
                StepState::Below | StepState::Same => None,
            }
        })
    }

    /// What both images have of a base image that moved.
    fn of_base(&self, file: &FileDifference) -> Option<Explanation> {
        let mut reference = None;
        for origin in self.origins(file) {
            match origin {
                Origin::Base(name) => reference = Some(name.clone()),
                Origin::Step(_) => return None,
            }
        }
        reference.filter(|name| self.moved_bases.contains(name)).map(Explanation::Base)
    }

    /// What may come of a change further up.
    fn below(&self, file: &FileDifference) -> Option<Explanation> {
        let below = self.origins(file).find_map(|origin| match origin {
            Origin::Step(step) if step.state == StepState::Below => Some(step.clone()),
            _ => None,
        });
        // Whatever is gone now, a new or changed instruction may have removed.
        let removed = || self.images.new.layers.first_changed().cloned();
        below
            .or_else(|| if file.right.is_none() { removed() } else { None })
            .map(Explanation::Below)
    }

    /// Where the file is from: as it is now, then as it was.
    fn origins(&self, file: &FileDifference) -> impl Iterator<Item = &Origin> {
        let new = file.right.as_ref().and_then(|node| self.images.new.layers.get(node.layer));
        let old = file.left.as_ref().and_then(|node| self.images.old.layers.get(node.layer));
        new.into_iter().chain(old)
    }

    fn unexplained(&self, file: &FileDifference) -> Unexplained {
        let change = match (&file.left, &file.right) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let owner = self.owners.at(&file.path).next();
        let reason = match owner {
            Some(owner) => {
                format!("belongs to {} {}, which the lock does not move", owner.name, owner.version)
            }
            None => "belongs to no package".to_owned(),
        };
        let aspects: Vec<&str> = file.aspects.iter().map(|aspect| aspect.name()).collect();
        let reason = match change {
            "changed" => format!("{reason}; differs in {}", aspects.join(", ")),
            _ => reason,
        };
        Unexplained { path: absolute(&file.path), change, reason, location: self.location(file) }
    }

    fn location(&self, file: &FileDifference) -> Option<Location> {
        self.origins(file).find_map(|origin| match origin {
            Origin::Step(StepOrigin { location, .. }) => location.clone(),
            Origin::Base(_) => None,
        })
    }
}

/// A directory that differs only in time, or that came or went with what is in it, has the
/// explanation of what changed in it, if all of that has one. One that came or went empty has the
/// explanation of such directories.
fn directories(files: &[FileDifference], anything_moved: bool, found: &mut [Attributed]) {
    let is_container = |file: &FileDifference| {
        let nodes = || [&file.left, &file.right].into_iter().flatten();
        let are_directories = nodes().all(|node| node.kind == NodeKind::Directory);
        let harmless = [Aspect::Mtime, Aspect::Presence];
        are_directories && file.aspects.iter().all(|aspect| harmless.contains(aspect))
    };
    let index: BTreeMap<&[u8], usize> =
        files.iter().enumerate().map(|(at, file)| (&*file.path, at)).collect();
    // Deepest first: a directory may hold nothing but directories.
    for at in (0..files.len()).rev() {
        let Some(file) = files.get(at) else { continue };
        if !is_container(file) || found.get(at).is_none_or(Result::is_ok) {
            continue;
        }
        let mut start = file.path.clone();
        if !start.is_empty() {
            start.push(b'/');
        }
        let below: Vec<usize> = index
            .range(&*start..)
            .take_while(|(path, _)| path.starts_with(&start))
            .map(|(_, below)| *below)
            .filter(|below| *below != at)
            .collect();
        let all = below.iter().all(|below| found.get(*below).is_some_and(Result::is_ok));
        let first = below.first().and_then(|below| found.get(*below)?.as_ref().ok()).cloned();
        // Only one that is not in the other image is known to hold nothing but what is listed here.
        let is_whole = file.aspects.iter().all(|aspect| *aspect == Aspect::Presence);
        let is_empty = anything_moved && is_whole && below.is_empty();
        let explanation = first.or(is_empty.then_some(Explanation::Derived(EMPTY_DIRECTORY)));
        if let (true, Some(explanation), Some(slot)) = (all, explanation, found.get_mut(at)) {
            *slot = Ok(explanation);
        }
    }
}
