//! The explanation of each changed file.

use super::derived::{self, EMPTY_DIRECTORY, Form};
use super::dpkg;
use super::installed::EDITED;
use super::judge::{Judge, Judgement};
use super::lists;
use super::origin::{Origin, StepOrigin, StepState};
use super::owners::Owners;
use super::{Explanation, Images, Side, Unexplained, absolute, bytecode};
use crate::diff::{Aspect, FileDifference};
use crate::finding::Location;
use crate::review::bases::BaseMove;
use crate::review::moves::Move;
use crate::store::{Node, NodeKind};
use std::collections::{BTreeMap, BTreeSet};

/// What a changed file is put down to.
#[derive(Debug)]
pub(super) struct Attributed {
    /// The explanation, or what is known of a file without one.
    pub(super) found: Result<Explanation, Box<Unexplained>>,
    /// Whether it was compared with what the file of a package brings.
    pub(super) compared: bool,
}

impl Attributed {
    fn is_explained(&self) -> bool {
        self.found.is_ok()
    }
}

/// Explanations of all changed files, in their order.
pub(super) fn all(
    images: &Images<'_>,
    owners: &Owners<'_>,
    files: &Judge<'_>,
    moves: &[Move],
    bases: &[BaseMove],
) -> Vec<Attributed> {
    let moved_bases = bases.iter().map(|base| base.reference().to_owned()).collect();
    let has_downloads =
        ![images.old.downloads, images.new.downloads].iter().all(|it| it.is_empty());
    let anything_moved = has_downloads || !(moves.is_empty() && bases.is_empty());
    let changed = images.diff.files.iter().map(|file| (&*file.path, file)).collect();
    let moved = lists::Moves::of(moves);
    let sought =
        Sought { images, owners, files, moves, moved, moved_bases, anything_moved, changed };
    let mut found: Vec<Attributed> = images.diff.files.iter().map(|it| sought.one(it)).collect();
    directories(&images.diff.files, anything_moved, &mut found);
    found
}

struct Sought<'a> {
    images: &'a Images<'a>,
    owners: &'a Owners<'a>,
    files: &'a Judge<'a>,
    moves: &'a [Move],
    moved: lists::Moves<'a>,
    moved_bases: BTreeSet<String>,
    anything_moved: bool,
    /// Changed files by path.
    changed: BTreeMap<&'a [u8], &'a FileDifference>,
}

impl Sought<'_> {
    fn one(&self, file: &FileDifference) -> Attributed {
        let (found, wrong) = match self.files.judge(file, self.owners) {
            Judgement::Theirs(explanation) => {
                return Attributed { found: Ok(explanation), compared: true };
            }
            Judgement::Otherwise(wrong) => {
                (self.despite(file).or_else(|| self.as_before(file)), Some(wrong))
            }
            Judgement::Unbrought(wrong) => (self.besides(file), Some(wrong)),
            Judgement::Nothing => {
                let found = self.download(file).or_else(|| self.claimed(file));
                (found.or_else(|| self.besides(file)), None)
            }
        };
        let compared = wrong.is_some();
        let wrong = wrong.or_else(|| if found.is_none() { self.listed(file).err() } else { None });
        let found = found.ok_or_else(|| Box::new(self.unexplained(file, wrong)));
        Attributed { found, compared }
    }

    /// What explains a file that is not as its package brings it. That something changed further up
    /// does not.
    fn despite(&self, file: &FileDifference) -> Option<Explanation> {
        // What packages bring below /usr is not for others to write anew.
        let is_shared = [&b"etc/"[..], b"var/"].iter().any(|start| file.path.starts_with(start));
        let is_shared = is_shared && dpkg::note(&file.path).is_none();
        let derived = || if is_shared { self.derived(file) } else { None };
        let removed = || if file.right.is_none() { self.below(file) } else { None };
        derived()
            .or_else(|| self.of_instruction(file))
            .or_else(|| self.of_base(file))
            .or_else(removed)
    }

    /// What an instruction that is the same had made something else of before. Where it also brings the
    /// package, so that a script of that may have done it, it has to name the file.
    fn as_before(&self, file: &FileDifference) -> Option<Explanation> {
        let mut steps = self.origins(file).map(|origin| match origin {
            Origin::Step(step) => Some(step),
            Origin::Base(_) => None,
        });
        let (new, old) = (steps.next()??, steps.next()??);
        let is_same = |step: &StepOrigin| !step.state.is_changed();
        if new.id != old.id || !is_same(new) || !is_same(old) {
            return None;
        }
        let package = self.files.was_otherwise(file)?.package;
        let (kind, name) = (&package.kind, &package.name);
        let brings = |moved: &Move| {
            (&moved.kind, &moved.name) == (kind, name) && moved.steps.contains(&new.id)
        };
        let side = &self.images.new;
        let command = side.layers.commands.get(&new.id);
        let is_named = || command.is_some_and(|it| it.reaches(&file.path, side));
        if self.moves.iter().any(brings) && !is_named() {
            return None;
        }
        Some(Explanation::Unproven(kind.clone(), name.clone(), EDITED))
    }

    /// What explains a file that no package brings.
    fn besides(&self, file: &FileDifference) -> Option<Explanation> {
        self.derived(file)
            .or_else(|| self.of_instruction(file))
            .or_else(|| self.of_base(file))
            .or_else(|| self.below(file))
    }

    /// What the database says of packages of which it is not known what they bring. A base image
    /// answers for its own.
    fn claimed(&self, file: &FileDifference) -> Option<Explanation> {
        if let Some(base) = self.of_base(file) {
            return Some(base);
        }
        let note = dpkg::note(&file.path).map(|(name, _)| ("deb".to_owned(), name.to_owned()));
        let note = note.filter(|(kind, name)| self.owners.has_moved(kind, name));
        let source = bytecode::source(&file.path);
        let sources = source.iter().flat_map(|it| self.owners.claims_beside(file, it.as_bytes()));
        let mut owners = self.owners.claims(file).chain(sources);
        let owner = owners.find(|owner| self.owners.has_moved(owner.kind, owner.name));
        let owner = owner.map(|owner| (owner.kind.to_owned(), owner.name.to_owned()));
        let is_unknown = |(kind, name): &(String, String)| !self.files.knows(file, kind, name);
        let (kind, name) = owner.filter(is_unknown).or_else(|| note.filter(is_unknown))?;
        Some(Explanation::Claimed(kind, name))
    }

    /// What a manager of languages fetched, as it was fetched: more than what a database says.
    fn download(&self, file: &FileDifference) -> Option<Explanation> {
        let rule = derived::rule(file, self.owners, &|_| false)?;
        (rule.form == Form::Download).then_some(Explanation::Derived(rule.id))
    }

    fn derived(&self, file: &FileDifference) -> Option<Explanation> {
        if !self.anything_moved {
            return None;
        }
        let rule = derived::rule(file, self.owners, &|path| self.is_accounted(path))?;
        self.listed(file).ok()?;
        Some(Explanation::Derived(rule.id))
    }

    /// Whether the new image has a path, and a package holds it, or it is a changed file that has an
    /// explanation of its own. Of changed links only those of packages count: they may lead in circles.
    fn is_accounted(&self, path: &[u8]) -> bool {
        if let Some(file) = self.changed.get(path) {
            let is_file =
                matches!(&file.right, Some(node) if matches!(node.kind, NodeKind::File { .. }));
            let is_held = file.right.is_some() && self.owners.is_held(path);
            return is_held || (is_file && self.one(file).is_explained());
        }
        self.owners.is_held(path) && self.is_there(path)
    }

    /// Whether the new image has a path that did not change.
    fn is_there(&self, path: &[u8]) -> bool {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let folder = slash.and_then(|at| path.get(..at)).unwrap_or_default();
        let name = slash.map_or(path, |at| path.get(at + 1..).unwrap_or_default());
        let names = (self.images.new.list)(folder).unwrap_or_default();
        names.iter().any(|it| it == name)
    }

    /// Whether what changed in a list of packages is about those that moved. Other files are no lists.
    fn listed(&self, file: &FileDifference) -> Result<(), String> {
        let Some(list) = derived::list(file, self.owners) else { return Ok(()) };
        if let Some(owner) = self.owners.at(&file.path).next() {
            let reason = "which the lock does not move";
            return Err(format!("belongs to {} {}, {reason}", owner.name, owner.version));
        }
        let [old, new] = [(&self.images.old, &file.left), (&self.images.new, &file.right)];
        let read = |(side, node): (&Side<'_>, &Option<Node>)| match node {
            Some(_) => (side.read)(&file.path).map(Option::unwrap_or_default),
            None => Ok(Vec::new()),
        };
        let texts = read(old).and_then(|old| Ok([old, read(new)?]));
        let [old, new] = texts.map_err(|error| format!("is a list of packages: {error}"))?;
        let compared = lists::compare(list, [&old, &new], &self.moved);
        compared.map_err(|wrong| format!("is a list of packages, and {wrong}"))
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
                StepState::Below(_) | StepState::Same => None,
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
            Origin::Step(step) if matches!(step.state, StepState::Below(_)) => Some(step.clone()),
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

    fn unexplained(&self, file: &FileDifference, wrong: Option<String>) -> Unexplained {
        let change = match (&file.left, &file.right) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let owner = self.owners.at(&file.path).next();
        let is_known = wrong.is_some();
        let reason = match owner {
            _ if wrong.is_some() => wrong.unwrap_or_default(),
            Some(owner) => {
                format!("belongs to {} {}, which the lock does not move", owner.name, owner.version)
            }
            None => "belongs to no package".to_owned(),
        };
        let aspects: Vec<&str> = file.aspects.iter().map(|aspect| aspect.name()).collect();
        let reason = match change {
            "changed" if !is_known => format!("{reason}; differs in {}", aspects.join(", ")),
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
        if !is_container(file) || found.get(at).is_none_or(Attributed::is_explained) {
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
        let all = below.iter().all(|below| found.get(*below).is_some_and(Attributed::is_explained));
        let first = below.first().and_then(|below| found.get(*below)?.found.as_ref().ok()).cloned();
        // Only one that is not in the other image is known to hold nothing but what is listed here.
        let is_whole = file.aspects.iter().all(|aspect| *aspect == Aspect::Presence);
        let is_empty = anything_moved && is_whole && below.is_empty();
        let explanation = first.or(is_empty.then_some(Explanation::Derived(EMPTY_DIRECTORY)));
        if let (true, Some(explanation), Some(slot)) = (all, explanation, found.get_mut(at)) {
            slot.found = Ok(explanation);
        }
    }
}
