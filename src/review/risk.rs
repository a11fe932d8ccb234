//! Risk flags: what of a change a person should look at, and what could not be looked at.

use super::bases::{BaseMove, BasePackage};
use super::evidence::{AllEvidence, Evidence};
use super::fetches::{FetchMove, NewHost, Sake};
use super::moves::{Change, Move};
use super::order::{self, Step};
use crate::finding::Severity;
use crate::lock::Lockfile;
use std::collections::BTreeSet;

/// A kind of risk. The names are ids of causes in the one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// The same version with other content.
    OtherHash,
    /// An earlier version.
    Downgrade,
    /// A new upstream version, where a security suite should have a back-port.
    NewUpstream,
    /// From another suite than before.
    SuiteChange,
    /// A fix that was taken back.
    RevertedFix,
    /// The epoch of a version went up.
    EpochBump,
    /// Needs a package that it did not need, or no longer does.
    Dependency,
    /// What it runs when it is installed is another thing.
    Scripts,
    /// A file that gives its owner's rights to whoever runs it.
    Setuid,
    /// A file with capabilities.
    Capability,
    /// A user or a group.
    Account,
    /// Something that an init system starts.
    Service,
    /// An authority that certificates are trusted of.
    CaRoots,
    /// A key that packages are trusted of.
    SigningKeys,
    /// A host that the lock did not name before.
    NewHost,
    /// A fetch that changed for no package's sake.
    UnownedFetch,
    /// Another `SOURCE_DATE_EPOCH`.
    LockEpoch,
    /// Another canonical form or platform.
    LockForm,
    /// A changed file that nothing explains.
    Contents,
    /// The rules of `rlock.toml` would let more pass.
    Policy,
}

impl Risk {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::OtherHash,
        Self::Downgrade,
        Self::NewUpstream,
        Self::SuiteChange,
        Self::RevertedFix,
        Self::EpochBump,
        Self::Dependency,
        Self::Scripts,
        Self::Setuid,
        Self::Capability,
        Self::Account,
        Self::Service,
        Self::CaRoots,
        Self::SigningKeys,
        Self::NewHost,
        Self::UnownedFetch,
        Self::LockEpoch,
        Self::LockForm,
        Self::Contents,
        Self::Policy,
    ];

    /// Id of its cause.
    pub fn id(self) -> &'static str {
        match self {
            Self::OtherHash => "same-version-other-hash",
            Self::Downgrade => "downgrade",
            Self::NewUpstream => "new-upstream-version",
            Self::SuiteChange => "suite-change",
            Self::RevertedFix => "reverted-fix",
            Self::EpochBump => "version-epoch-bump",
            Self::Dependency => "dependency-change",
            Self::Scripts => "install-scripts",
            Self::Setuid => "new-setuid",
            Self::Capability => "new-capability",
            Self::Account => "new-account",
            Self::Service => "new-service",
            Self::CaRoots => "ca-roots",
            Self::SigningKeys => "signing-keys",
            Self::NewHost => "new-host",
            Self::UnownedFetch => "unowned-fetch",
            Self::LockEpoch => "lock-epoch",
            Self::LockForm => "lock-form",
            Self::Contents => "unexplained-file",
            Self::Policy => "policy-change",
        }
    }

    /// How much it matters by itself.
    pub fn severity(self) -> Severity {
        match self {
            Self::OtherHash | Self::Contents => Severity::Error,
            Self::Dependency => Severity::Note,
            _ => Severity::Warning,
        }
    }

    /// What tells it: the locks alone, the files of moved packages, or both images.
    pub fn needs(self) -> Needs {
        match self {
            Self::Dependency | Self::Scripts | Self::RevertedFix => Needs::PackageFiles,
            Self::NewUpstream | Self::SuiteChange => Needs::Indexes,
            Self::Setuid
            | Self::Capability
            | Self::Account
            | Self::Service
            | Self::CaRoots
            | Self::SigningKeys
            | Self::Contents => Needs::Images,
            _ => Needs::Locks,
        }
    }
}

/// What a risk is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Both locks.
    Locks,
    /// Old and new file of each moved package.
    PackageFiles,
    /// The signed indexes that packages came from.
    Indexes,
    /// Both images, built.
    Images,
}

/// A risk that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flag {
    /// Which.
    pub risk: Risk,
    /// What it is about: a package, a host, a path.
    pub subject: String,
    /// What was seen: lower case, a few words.
    pub detail: String,
    /// The steps that it comes from.
    pub steps: BTreeSet<String>,
    /// Whether it is about the package of that name.
    pub package: Option<(String, String)>,
    /// Paths in the image (bytes, absolute).
    pub paths: Vec<Vec<u8>>,
}

/// A check that could not be made, of one subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unchecked {
    /// Which.
    pub risk: Risk,
    /// What it is about; empty for all.
    pub subject: String,
    /// Why not.
    pub reason: String,
}

/// Flags, and what could not be flagged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Risks {
    /// What was found, sorted.
    pub flags: Vec<Flag>,
    /// What could not be determined, sorted.
    pub unchecked: Vec<Unchecked>,
}

/// What the risks are looked for in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) old: &'a Lockfile,
    pub(super) new: &'a Lockfile,
    pub(super) moves: &'a [Move],
    pub(super) evidence: &'a AllEvidence,
    pub(super) bases: &'a [BaseMove],
    pub(super) fetches: &'a [FetchMove],
    pub(super) hosts: &'a [NewHost],
}

/// All that locks and package files tell.
pub(super) fn risks(sought: &Sought<'_>) -> Risks {
    let mut risks = Risks::default();
    let unread = Evidence::none("its files were not looked at");
    for (index, moved) in sought.moves.iter().enumerate() {
        let evidence = sought.evidence.get(&index).unwrap_or(&unread);
        of_move(moved, evidence, &mut risks);
    }
    for base in sought.bases {
        of_base(base, &mut risks);
    }
    for fetch in sought.fetches.iter().filter(|fetch| fetch.sake == Sake::None) {
        let detail = match (fetch.old, fetch.new) {
            (None, Some((status, _))) if status >= 400 => format!("new, answered {status}"),
            (None, _) => "new".to_owned(),
            (Some(_), None) => "no longer fetched".to_owned(),
            (Some((old, _)), Some((new, _))) if old != new => format!("answer {old} → {new}"),
            _ => "other content".to_owned(),
        };
        risks.flags.push(flag(Risk::UnownedFetch, &fetch.url, detail, &fetch.steps));
    }
    for host in sought.hosts {
        let detail = format!("first asked for {}", host.url);
        risks.flags.push(flag(Risk::NewHost, &host.host, detail, &host.steps));
    }
    of_lock(sought.old, sought.new, &mut risks);
    risks.settle();
    risks
}

impl Risks {
    /// Puts everything in order, each thing once.
    pub(super) fn settle(&mut self) {
        self.flags.sort();
        self.flags.dedup();
        self.unchecked.sort();
        self.unchecked.dedup();
    }
}

fn flag(risk: Risk, subject: &str, detail: String, steps: &BTreeSet<String>) -> Flag {
    let (subject, steps) = (subject.to_owned(), steps.clone());
    Flag { risk, subject, detail, steps, package: None, paths: Vec::new() }
}

fn of_move(moved: &Move, evidence: &Evidence, risks: &mut Risks) {
    let mut add = |risk, detail: String| {
        let package = Some((moved.kind.clone(), moved.name.clone()));
        risks.flags.push(Flag { package, ..flag(risk, &moved.name, detail, &moved.steps) });
    };
    match moved.change {
        Change::Rehashed => add(Risk::OtherHash, "same version, another sha256".to_owned()),
        Change::Downgrade => {
            let (old, new) = moved.versions().unwrap_or_default();
            add(Risk::Downgrade, format!("{old} → {new}"));
        }
        _ => {}
    }
    if let Some((old, new)) = parts(moved)
        && old.epoch != new.epoch
    {
        add(Risk::EpochBump, format!("epoch {} → {}", old.epoch, new.epoch));
    }
    if let (Some(old), Some(new)) = (evidence.old_suite.known(), evidence.new_suite.known())
        && !old.is(new)
    {
        // Fixes come from the security suite and later go into the other one: that is no news.
        let usual = old.label == new.label || old.is_security() || new.is_security();
        let usual = usual && release(&old.name) == release(&new.name);
        if !usual {
            add(Risk::SuiteChange, format!("{} → {}", old.described(), new.described()));
        }
    }
    if let Some(fixes) = evidence.fixes.known().filter(|fixes| !fixes.reverted.is_empty()) {
        add(Risk::RevertedFix, joined(&fixes.reverted));
    }
    if let Some(control) = evidence.control.known() {
        let scripts = [("new", &control.added), ("changed", &control.changed)];
        let mut scripts: Vec<String> = scripts
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("{what}: {}", joined(names)))
            .collect();
        if !control.removed.is_empty() {
            scripts.push(format!("gone: {}", joined(&control.removed)));
        }
        if !scripts.is_empty() {
            add(Risk::Scripts, scripts.join("; "));
        }
        if moved.old.is_some() && !control.needs.is_empty() {
            add(Risk::Dependency, format!("needs {}", joined(&control.needs)));
        }
        if moved.old.is_some() && !control.needs_no_longer.is_empty() {
            let gone = joined(&control.needs_no_longer);
            add(Risk::Dependency, format!("no longer needs {gone}"));
        }
        if moved.old.is_some() && !control.recommends.is_empty() {
            add(Risk::Dependency, format!("recommends {}", joined(&control.recommends)));
        }
        if moved.old.is_some() && !control.displaces.is_empty() {
            add(Risk::Dependency, format!("displaces {}", joined(&control.displaces)));
        }
    }
    upstream(moved, evidence, risks);
    not_checked(moved, evidence, risks);
}

/// A new upstream version is what an update brings; from a security suite a back-port is expected.
fn upstream(moved: &Move, evidence: &Evidence, risks: &mut Risks) {
    let Some((old, new)) = parts(moved) else { return };
    let Some(step) = order::step(old.upstream, new.upstream) else { return };
    let (is_micro, is_security) =
        (step == Step::Micro, evidence.new_suite.known().map(super::evidence::Suite::is_security));
    let detail = match (is_micro, is_security) {
        (true, _) => return,
        (false, Some(false)) => return,
        (false, Some(true)) => "is not a back-port",
        (false, None) if moved.kind != "deb" => return,
        (false, None) => {
            risks.unchecked.push(Unchecked {
                risk: Risk::NewUpstream,
                subject: moved.name.clone(),
                reason: evidence.new_suite.reason().unwrap_or_default().to_owned(),
            });
            return;
        }
    };
    let detail = format!("{} → {}: {detail}", old.upstream, new.upstream);
    let package = Some((moved.kind.clone(), moved.name.clone()));
    let risk = Risk::NewUpstream;
    risks.flags.push(Flag { package, ..flag(risk, &moved.name, detail, &moved.steps) });
}

/// `bookworm` of `bookworm-security` and `bookworm-updates`.
fn release(suite: &str) -> &str {
    let known = ["-security", "-updates", "-proposed-updates", "-backports"];
    known.iter().find_map(|end| suite.strip_suffix(end)).unwrap_or(suite)
}

fn parts(moved: &Move) -> Option<(order::Parts<'_>, order::Parts<'_>)> {
    let (old, new) = moved.versions()?;
    Some((order::parts(&moved.kind, old)?, order::parts(&moved.kind, new)?))
}

/// What could not be told of a package whose content moved.
fn not_checked(moved: &Move, evidence: &Evidence, risks: &mut Risks) {
    if matches!(moved.change, Change::Removed | Change::Relocated) {
        return;
    }
    let mut add = |risk, reason: Option<&str>| {
        if let Some(reason) = reason {
            let (subject, reason) = (moved.name.clone(), reason.to_owned());
            risks.unchecked.push(Unchecked { risk, subject, reason });
        }
    };
    add(Risk::Scripts, evidence.control.reason());
    if moved.old.is_some() {
        add(Risk::Dependency, evidence.control.reason());
        add(Risk::RevertedFix, evidence.fixes.reason());
        add(Risk::SuiteChange, evidence.old_suite.reason().or(evidence.new_suite.reason()));
    }
    if moved.change == Change::Changed {
        add(Risk::Downgrade, Some("which of the two versions is later is not known"));
    }
}

/// What is not told of a base image: its package files are not in the Store, nor the indexes that
/// they are from.
const NOT_OF_BASES: [Risk; 6] = [
    Risk::OtherHash,
    Risk::NewUpstream,
    Risk::SuiteChange,
    Risk::RevertedFix,
    Risk::Dependency,
    Risk::Scripts,
];

fn of_base(base: &BaseMove, risks: &mut Risks) {
    if base.new.is_none() {
        return;
    }
    let mut not_checked = |risk, reason: &str| {
        let (subject, reason) = (base.reference().to_owned(), reason.to_owned());
        risks.unchecked.push(Unchecked { risk, subject, reason });
    };
    if base.old.is_some() {
        for risk in NOT_OF_BASES {
            not_checked(risk, "the files of an image's packages are not looked at");
        }
    } else {
        not_checked(Risk::Scripts, "the files of an image's packages are not looked at");
    }
    let Some(packages) = &base.packages else {
        if base.old.is_some() {
            for risk in [Risk::Downgrade, Risk::EpochBump] {
                not_checked(risk, "the lock does not list what the image contains");
            }
        }
        return;
    };
    for package in packages {
        epoch_of_base(package, base.reference(), risks);
    }
    let down = packages.iter().filter(|package| package.change == Change::Downgrade);
    for package in down {
        let (old, new) = (package.old.as_deref(), package.new.as_deref());
        let detail = format!(
            "{} → {} in {}",
            old.unwrap_or_default(),
            new.unwrap_or_default(),
            base.reference()
        );
        let package = Some((package.kind.clone(), package.name.clone()));
        let subject = package.as_ref().map_or("", |(_, name)| name);
        let flag = flag(Risk::Downgrade, subject, detail, &BTreeSet::new());
        risks.flags.push(Flag { package: package.clone(), ..flag });
    }
}

fn epoch_of_base(package: &BasePackage, reference: &str, risks: &mut Risks) {
    let parts = |version: &Option<String>| -> Option<String> {
        Some(order::parts(&package.kind, version.as_deref()?)?.epoch.to_owned())
    };
    let (Some(old), Some(new)) = (parts(&package.old), parts(&package.new)) else { return };
    if old != new {
        let detail = format!("epoch {old} → {new} in {reference}");
        let name = Some((package.kind.clone(), package.name.clone()));
        let flag = flag(Risk::EpochBump, &package.name, detail, &BTreeSet::new());
        risks.flags.push(Flag { package: name, ..flag });
    }
}

fn of_lock(old: &Lockfile, new: &Lockfile, risks: &mut Risks) {
    let mut add = |risk, subject: &str, old: String, new: String| {
        if old != new {
            let detail = format!("{old} → {new}");
            risks.flags.push(flag(risk, subject, detail, &BTreeSet::new()));
        }
    };
    add(Risk::LockEpoch, "epoch", old.epoch.to_string(), new.epoch.to_string());
    add(Risk::LockForm, "canonical", old.canonical.to_string(), new.canonical.to_string());
    add(Risk::LockForm, "platform", old.platform.to_string(), new.platform.to_string());
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
