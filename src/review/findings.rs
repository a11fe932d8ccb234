//! A review as findings: what CI systems show at lines of the Dockerfile.

use super::files::Explanation;
use super::{Affected, Flag, PackageReview, Places, Review, Risk};
use crate::finding::{Cause, Finding, Severity};
use std::collections::BTreeMap;

/// What a review found, in the order of its tables: what nothing explains first.
pub fn findings(review: &Review, places: &Places) -> Vec<Finding> {
    let mut findings = unexplained(review);
    findings.extend(unproven(review));
    findings.extend(review.risks.flags.iter().map(|flag| of_flag(flag, review, places)));
    if let Some(security) = &review.security {
        let introduced = security.introduced.iter();
        let place = |affected: &Affected| places.first(&affected.steps).cloned();
        findings.extend(introduced.map(|affected| Finding {
            location: place(affected),
            ..advisory(affected, "introduced-advisory", Severity::Error)
        }));
        findings.extend(security.open.iter().map(|affected| Finding {
            location: place(affected),
            ..advisory(affected, "open-advisory", Severity::Note)
        }));
    }
    findings.extend(review.packages.iter().filter_map(fixed));
    findings
}

/// Files that may come of what changed above them, one finding an instruction, and of packages, one
/// finding a rule: an update of Python compiles a thousand modules.
fn unproven(review: &Review) -> Vec<Finding> {
    let groups = || review.files.iter().flat_map(super::files::FilesReview::unproven);
    let finding = |group: &super::files::Group| {
        let Explanation::Below(origin) = &group.explanation else { return None };
        let (noun, verb) = if group.files == 1 { ("file", "comes") } else { ("files", "come") };
        Some(Finding {
            cause: Cause::named("unproven-file"),
            severity: Severity::Warning,
            message: format!(
                "unproven-file: that {} changed {noun} {verb} of what changed further up is not \
                 proven",
                group.files
            ),
            location: origin.location.clone(),
            hint: None,
            paths: group.paths.clone(),
        })
    };
    groups().filter_map(finding).chain(of_packages(groups())).collect()
}

fn of_packages<'a>(groups: impl Iterator<Item = &'a super::files::Group>) -> Vec<Finding> {
    let mut rules: BTreeMap<&str, (Vec<&str>, Vec<Vec<u8>>)> = BTreeMap::new();
    for group in groups {
        if let Explanation::Unproven(_, name, rule) = &group.explanation {
            let (names, paths) = rules.entry(rule).or_default();
            names.push(name);
            paths.extend(group.paths.iter().cloned());
        }
    }
    let finding = |(rule, (mut names, paths)): (&str, (Vec<&str>, Vec<Vec<u8>>))| {
        names.sort_unstable();
        names.dedup();
        let noun = if paths.len() == 1 { "file" } else { "files" };
        let more = match names.len() {
            0 | 1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        let first = names.first().copied().unwrap_or_default();
        Finding {
            cause: Cause::named("unproven-file"),
            severity: Severity::Warning,
            message: format!(
                "unproven-file: {} changed {noun} of {first}{more}: {rule}: {}",
                paths.len(),
                super::files::reason(rule)
            ),
            location: None,
            hint: None,
            paths,
        }
    };
    rules.into_iter().map(finding).collect()
}

/// Files that nothing explains, one finding an instruction.
fn unexplained(review: &Review) -> Vec<Finding> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in review.files.iter().flat_map(|files| &files.unexplained) {
        groups.entry(file.location.clone()).or_default().push(file);
    }
    let finding = |(location, files): (_, Vec<&super::files::Unexplained>)| {
        let message = match files.as_slice() {
            [only] => format!(
                "unexplained-file: {} was {}: it {}",
                String::from_utf8_lossy(&only.path),
                only.change,
                only.reason
            ),
            many => format!("unexplained-file: {} changed files have no explanation", many.len()),
        };
        Finding {
            cause: Cause::named("unexplained-file"),
            severity: Severity::Error,
            message,
            location,
            hint: None,
            paths: files.iter().map(|file| file.path.clone()).collect(),
        }
    };
    groups.into_iter().map(finding).collect()
}

fn of_flag(flag: &Flag, review: &Review, places: &Places) -> Finding {
    let owner = review.packages.iter().find(|package| {
        flag.package.as_ref().is_some_and(|(kind, name)| package.moved.is_of(kind, name))
    });
    let place = super::policy::location(&review.policy, flag);
    let place = place.or_else(|| places.first(&flag.steps).cloned());
    // A base image is used by `FROM`: the subject says which.
    Finding {
        cause: Cause::named(flag.risk.id()),
        severity: severity(flag),
        message: format!("{}: {}: {}", flag.risk.id(), flag.subject, flag.detail),
        location: place.or_else(|| owner.and_then(|package| package.location.clone())),
        hint: None,
        paths: flag.paths.clone(),
    }
}

/// What a new package brings along is what it is for; scripts of it are no surprise.
fn severity(flag: &Flag) -> Severity {
    match flag.risk {
        Risk::Scripts if flag.detail.starts_with("new:") => Severity::Note,
        risk => risk.severity(),
    }
}

fn advisory(affected: &Affected, cause: &str, severity: Severity) -> Finding {
    let Affected { package, version, advisory, .. } = affected;
    let image = affected.image.as_deref().map(|it| format!(" of {it}")).unwrap_or_default();
    let word = advisory.severity.as_ref().map(|word| format!(" ({word})")).unwrap_or_default();
    let fixed = match &advisory.fixed {
        Some(fixed) => format!("fixed in {fixed}"),
        None => "no fix is known".to_owned(),
    };
    Finding {
        cause: Cause::named(cause),
        severity,
        message: format!(
            "{cause}: {}{word} concerns {package} {version}{image}: {fixed}",
            advisory.id
        ),
        location: None,
        hint: None,
        paths: Vec::new(),
    }
}

/// What a moved package fixes, by its own changelog.
fn fixed(package: &PackageReview) -> Option<Finding> {
    let fixes = package.evidence.fixes.known().filter(|fixes| !fixes.ids.is_empty())?;
    let ids: Vec<&str> = fixes.ids.iter().map(String::as_str).collect();
    let (_, version) = package.moved.versions()?;
    Some(Finding {
        cause: Cause::named("fixed-advisory"),
        severity: Severity::Note,
        message: format!(
            "fixed-advisory: {} {version} says to fix {}",
            package.moved.name,
            ids.join(", ")
        ),
        location: package.location.clone(),
        hint: None,
        paths: Vec::new(),
    })
}
