//! What the files of moved packages say of a changed file.

use super::brought::{Brought, Deliveries, Delivery};
use super::compare::{Names, Terms, compare};
use super::dpkg::{self, Diversions, Exclusions, Overrides};
use super::installed::{
    self, BESIDE, BYTECODE, EXCLUDED, FILE, GONE, INSTALLER, LINK, NOTES, PROGRAM,
};
use super::made::Made;
use super::owners::{Owner, Owners};
use super::scripts::Said;
use super::{Explanation, Images, Side, bytecode, language, program};
use crate::diff::FileDifference;
use crate::oci::Digest;
use crate::package::{ItemKind, Role};
use crate::review::risk::{Risk, Unchecked};
use crate::store::{Node, NodeKind};
use std::collections::BTreeSet;
use std::io;

/// Names under which configuration is put beside the one that is in use.
const BESIDES: [&[u8]; 6] =
    [b".dpkg-new", b".dpkg-dist", b".apk-new", b".rpmnew", b".dpkg-old", b".rpmorig"];

/// Setuid, setgid.
const PRIVILEGED: u32 = 0o6000;

/// What package files say of a changed file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is theirs.
    Theirs(Explanation),
    /// They bring it, and otherwise: what is wrong, in words that follow "it".
    Otherwise(String),
    /// They are said to bring it, and do not: what is wrong, in words that follow "it".
    Unbrought(String),
    /// They do not speak of it.
    Nothing,
}

/// Both images with what was brought to them.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    old: One<'a>,
    new: One<'a>,
}

struct One<'a> {
    side: Side<'a>,
    deliveries: Deliveries<'a>,
    names: Names,
    overrides: Overrides,
    exclusions: Exclusions,
    problems: Vec<Unchecked>,
}

impl std::fmt::Debug for One<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("One").field("deliveries", &self.deliveries).finish_non_exhaustive()
    }
}

impl<'a> One<'a> {
    /// What cannot be read explains nothing: its files are unexplained, and this says why.
    fn of(side: &Side<'a>, changed: &BTreeSet<&[u8]>) -> Self {
        let mut problems = Vec::new();
        let diversions = noted(Diversions::of(side), &mut problems);
        let read = |path: &[u8]| (side.read)(path).map(Option::unwrap_or_default);
        let passwd = noted(read(b"etc/passwd"), &mut problems);
        let group = noted(read(b"etc/group"), &mut problems);
        Self {
            side: *side,
            deliveries: Deliveries::of(side, &diversions, changed),
            names: Names::of(&passwd, &group),
            overrides: noted(Overrides::of(side), &mut problems),
            exclusions: noted(Exclusions::of(side), &mut problems),
            problems,
        }
    }

    /// The rule by which a changed file is what was delivered. Scripts are asked where the archive
    /// of the package is not answer enough.
    fn compare(
        &self,
        file: &FileDifference,
        node: &Node,
        delivery: &Delivery<'_>,
    ) -> Result<Option<&'static str>, String> {
        let rights = self.overrides.at(&file.path);
        let of = |said: &Said<'_>| {
            compare(file, node, delivery, Terms { names: &self.names, rights, said })
        };
        let plain = of(&Said::default());
        if plain.is_ok() || delivery.package.scripts.is_empty() {
            return plain;
        }
        of(&Said::of(&delivery.package.scripts, &file.path, &self.side))
    }

    /// What a file of the image has in it, if that is what a package brings there.
    fn genuine(&self, path: &[u8]) -> Option<(&Delivery<'a>, Vec<u8>)> {
        let content = (self.side.read)(path).ok()??;
        let found = Digest::of(&content);
        let brings = |it: &&Delivery<'_>| matches!(it.item.kind, ItemKind::File { digest, .. } if digest == found);
        Some((self.deliveries.at(path).iter().find(brings)?, content))
    }
}

fn is_plain(node: &Node) -> bool {
    matches!(node.kind, NodeKind::File { .. }) && node.mode & PRIVILEGED == 0
}

fn noted<T: Default>(read: io::Result<T>, problems: &mut Vec<Unchecked>) -> T {
    read.unwrap_or_else(|error| {
        problems.push(Unchecked {
            risk: Risk::Contents,
            subject: String::new(),
            reason: format!("what decides where packages' files are cannot be read: {error}"),
        });
        T::default()
    })
}

fn explained(delivery: &Delivery<'_>, rule: Option<&'static str>) -> Judgement {
    Judgement::Theirs(explanation(delivery.package, rule))
}

fn explanation(package: &Brought, rule: Option<&'static str>) -> Explanation {
    let (kind, name) = (package.kind.clone(), package.name.clone());
    match rule {
        None => Explanation::Package(kind, name),
        Some(rule) if installed::is_unproven(rule) => Explanation::Unproven(kind, name, rule),
        Some(rule) => Explanation::Installed(kind, name, rule),
    }
}

impl<'a> Judge<'a> {
    pub(super) fn of(images: &Images<'a>) -> Self {
        let mut changed = BTreeSet::new();
        for file in &images.diff.files {
            let mut folder = language::parent(&file.path);
            while !folder.is_empty() && changed.insert(folder) {
                folder = language::parent(folder);
            }
        }
        Self { old: One::of(&images.old, &changed), new: One::of(&images.new, &changed) }
    }

    /// What could not be read.
    pub(super) fn problems(&self) -> impl Iterator<Item = Unchecked> {
        [&self.old, &self.new].into_iter().flat_map(|one| one.problems.iter().cloned())
    }

    /// Whether it is known what the packages of a name bring to the side that a changed file of
    /// theirs is on.
    pub(super) fn knows(&self, file: &FileDifference, kind: &str, name: &str) -> bool {
        let side = if file.right.is_some() { &self.new } else { &self.old };
        side.deliveries.are_known(kind, name)
    }

    /// Why it is not known.
    pub(super) fn unknown(&self, kind: &str, name: &str) -> &str {
        let mut packages =
            [&self.new, &self.old].into_iter().flat_map(|one| one.deliveries.packages(kind, name));
        let reason = packages.find_map(|package| package.contents.reason());
        reason.unwrap_or("the lock has no file of the package")
    }

    /// What package files say of a file.
    pub(super) fn judge(&self, file: &FileDifference, owners: &Owners<'_>) -> Judgement {
        let found = match &file.right {
            Some(_) => self.present(file),
            None => self.gone(file),
        };
        if !matches!(found, Judgement::Nothing) {
            return found;
        }
        self.note(file)
            .or_else(|| self.bytecode(file))
            .or_else(|| self.beside(file))
            .or_else(|| self.of_installer(file, owners))
            .or_else(|| self.made(file, owners))
            .or_else(|| self.claimed(file, owners))
            .unwrap_or(Judgement::Nothing)
    }

    fn present(&self, file: &FileDifference) -> Judgement {
        let Some(node) = &file.right else { return Judgement::Nothing };
        let mut otherwise = Judgement::Nothing;
        for delivery in self.new.deliveries.at(&file.path) {
            match self.new.compare(file, node, delivery) {
                Ok(rule) => return explained(delivery, rule),
                Err(_) if language::is_of_installer(&file.path) && is_plain(node) => {
                    return explained(delivery, Some(INSTALLER));
                }
                Err(what) => {
                    let package = delivery.package;
                    let role = match delivery.item.role {
                        Role::Configuration => "configuration of",
                        Role::Plain | Role::Ghost | Role::Source => "brought by",
                    };
                    otherwise = Judgement::Otherwise(format!(
                        "is {role} {} {}, and not as the package's file has it: {what}; a script \
                         or an instruction has changed it",
                        package.name, package.version
                    ));
                }
            }
        }
        otherwise
    }

    /// The package whose file a changed file was another one than already in the old image, if it
    /// differs from that in nothing but its content.
    pub(super) fn was_otherwise(&self, file: &FileDifference) -> Option<&Delivery<'a>> {
        let (left, right) = (file.left.as_ref()?, file.right.as_ref()?);
        let NodeKind::File { digest: was, .. } = left.kind else { return None };
        let is_alike = matches!(right.kind, NodeKind::File { .. })
            && (left.mode, left.uid, left.gid) == (right.mode, right.uid, right.gid)
            && left.xattrs == right.xattrs;
        let brought = self.old.deliveries.at(&file.path);
        let is_other = |it: &Delivery<'_>| matches!(it.item.kind, ItemKind::File { digest, .. } if digest != was);
        let is_otherwise = is_alike && brought.iter().all(is_other);
        brought.first().filter(|_| is_otherwise)
    }

    fn gone(&self, file: &FileDifference) -> Judgement {
        let brought = self.new.deliveries.at(&file.path);
        if let Some(delivery) = brought.iter().find(|it| it.item.role != Role::Source) {
            if delivery.item.role == Role::Ghost {
                return explained(delivery, Some(installed::GHOST));
            }
            if self.new.exclusions.has(&file.path) {
                return explained(delivery, Some(EXCLUDED));
            }
            let package = delivery.package;
            return Judgement::Otherwise(format!(
                "is brought by {} {} and is not there: a script or an instruction has removed it",
                package.name, package.version
            ));
        }
        match self.old.deliveries.at(&file.path).first() {
            Some(delivery) => explained(delivery, None),
            None => Judgement::Nothing,
        }
    }

    /// dpkg's notes of a package.
    fn note(&self, file: &FileDifference) -> Option<Judgement> {
        let (name, suffix) = dpkg::note(&file.path)?;
        let side = if file.right.is_some() { &self.new } else { &self.old };
        let packages = side.deliveries.packages("deb", name);
        if !side.deliveries.are_known("deb", name) {
            return None;
        }
        let theirs =
            || Judgement::Theirs(Explanation::Installed("deb".to_owned(), name.to_owned(), NOTES));
        let Some(node) = &file.right else {
            let has = |suffix: &str| {
                let mut contents = packages.iter().filter_map(|it| it.contents.known());
                contents.any(|it| it.control.contains_key(suffix.as_bytes()))
            };
            let is_own = matches!(suffix, "list" | "md5sums") || has(suffix);
            return is_own.then(theirs);
        };
        let text = (side.side.read)(&file.path).ok().flatten().unwrap_or_default();
        let is_plain = is_plain(node);
        let mut wrong = "it is no plain file".to_owned();
        let kept = |path: &[u8]| path.starts_with(b"etc/") && self.is_in_both(path);
        for contents in packages.iter().filter_map(|it| it.contents.known()) {
            match dpkg::is_note_of(suffix, &text, contents, &kept) {
                Ok(()) if is_plain => return Some(theirs()),
                Ok(()) => {}
                Err(what) => wrong = what,
            }
        }
        let version = packages.first().map_or("", |it| &it.version);
        Some(Judgement::Otherwise(format!(
            "is dpkg's note of {name} {version}, and not as the package's file says: {wrong}; a \
             script has changed it"
        )))
    }

    fn is_in_both(&self, path: &[u8]) -> bool {
        let read = |one: &One<'_>| (one.side.read)(path).ok().flatten();
        read(&self.old).is_some_and(|old| read(&self.new) == Some(old))
    }

    /// Bytecode is compiled from the module beside it when the package is installed.
    fn bytecode(&self, file: &FileDifference) -> Option<Judgement> {
        let source = bytecode::source(&file.path)?;
        let Some(node) = &file.right else {
            let delivery = self.old.deliveries.at(source.as_bytes()).first()?;
            return Some(explained(delivery, Some(GONE)));
        };
        match self.new.genuine(source.as_bytes()) {
            Some((delivery, text)) if is_plain(node) => {
                let found = (self.new.side.read)(&file.path).ok().flatten().unwrap_or_default();
                let named = bytecode::names(&found, &text);
                Some(named.map_or_else(
                    |wrong| Judgement::Otherwise(format!("is not bytecode of `{source}`: {wrong}")),
                    |()| explained(delivery, Some(BYTECODE)),
                ))
            }
            _ if self.new.deliveries.at(source.as_bytes()).is_empty() => None,
            _ => Some(Judgement::Otherwise(
                "is bytecode of a module that is not as its package's file has it".to_owned(),
            )),
        }
    }

    /// Configuration that is put beside the one in use.
    fn beside(&self, file: &FileDifference) -> Option<Judgement> {
        let path = BESIDES.iter().find_map(|end| file.path.strip_suffix(*end))?;
        let (one, node) = match (&file.right, &file.left) {
            (Some(node), _) => (&self.new, node),
            (None, Some(node)) => (&self.old, node),
            (None, None) => return None,
        };
        let NodeKind::File { digest, .. } = node.kind else { return None };
        let fits = |delivery: &&Delivery<'_>| {
            matches!(delivery.item.kind, ItemKind::File { digest: brought, .. } if brought == digest)
                && delivery.item.mode == Some(node.mode)
        };
        let delivery = one.deliveries.at(path).iter().find(fits)?;
        Some(explained(delivery, Some(BESIDE)))
    }

    /// What managers of languages write of a package beside what it brings.
    fn made(&self, file: &FileDifference, owners: &Owners<'_>) -> Option<Judgement> {
        let (one, node) = match (&file.right, &file.left) {
            (Some(node), _) => (&self.new, node),
            (None, Some(node)) => (&self.old, node),
            (None, None) => return None,
        };
        let claims: Vec<Owner<'_>> = owners.claims(file).collect();
        let made = Made { side: &one.side, deliveries: &one.deliveries };
        let (package, rule) = made.rule(&file.path, node, &claims)?;
        let is_gone = file.right.is_none() && installed::is_unproven(rule);
        let rule = if is_gone { GONE } else { rule };
        Some(Judgement::Theirs(explanation(package, Some(rule))))
    }

    /// What installers of languages write of a package, and programs that start it.
    fn of_installer(&self, file: &FileDifference, owners: &Owners<'_>) -> Option<Judgement> {
        let (one, node) = match (&file.right, &file.left) {
            (Some(node), _) => (&self.new, node),
            (None, Some(node)) => (&self.old, node),
            (None, None) => return None,
        };
        let owner = owners.claims(file).find(|owner| {
            language::is_anywhere(owner.kind) && one.deliveries.are_known(owner.kind, owner.name)
        })?;
        let packages = one.deliveries.packages(owner.kind, owner.name);
        let rule = match &node.kind {
            _ if node.mode & PRIVILEGED != 0 => return None,
            NodeKind::File { digest, .. }
                if packages.iter().any(|package| package.file == Some(*digest)) =>
            {
                FILE
            }
            NodeKind::File { .. } if language::is_of_installer(&file.path) => INSTALLER,
            NodeKind::File { .. } => {
                let text = (one.side.read)(&file.path).ok()??;
                let mut contents = packages.iter().filter_map(|it| it.contents.known());
                let name = language::name(&file.path);
                contents.find(|it| program::is_of(name, &text, &it.control)).map(|_| PROGRAM)?
            }
            NodeKind::Symlink(target) => {
                let target = language::joined(language::parent(&file.path), target)?;
                let leads = one.deliveries.at(&target).iter().any(|delivery| {
                    (&*delivery.package.kind, &*delivery.package.name) == (owner.kind, owner.name)
                });
                leads.then_some(LINK)?
            }
            _ => return None,
        };
        let (kind, name) = (owner.kind.to_owned(), owner.name.to_owned());
        Some(Judgement::Theirs(Explanation::Installed(kind, name, rule)))
    }

    /// What a database gives to a package whose file does not bring it.
    fn claimed(&self, file: &FileDifference, owners: &Owners<'_>) -> Option<Judgement> {
        let is_known = |owner: &Owner<'_>| {
            owners.has_moved(owner.kind, owner.name) && self.knows(file, owner.kind, owner.name)
        };
        let owner = owners.claims(file).find(is_known)?;
        let Owner { name, version, .. } = owner;
        Some(Judgement::Unbrought(format!(
            "is noted as {name} {version}'s, and the package's file does not bring it: a script of \
             it may have made it"
        )))
    }
}
