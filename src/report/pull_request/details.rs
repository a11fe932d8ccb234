//! Lists: what needs a human, fixes and their sources, fetches, checks.

use super::{code, folded, path, section};
use crate::finding::Severity;
use crate::report::grouped;
use crate::report::review::{self, ReviewReport};
use crate::report::{inert, words};
use crate::review::{Affected, Flag, Sake};
use std::fmt::Write as _;

/// Names of packages that no data covers, in one line.
const NAMES_MAX: usize = 30;

/// How much of each list is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    pub(super) most: usize,
}

impl Caps {
    /// What is shown of a list, and a line about the rest.
    pub(super) fn of<T>(self, list: &[T]) -> (&[T], String) {
        let shown = list.get(..self.most).unwrap_or(list);
        let rest = list.len() - shown.len();
        let note = match rest {
            0 => String::new(),
            rest => format!("\n… and {} more\n", words::count(rest as u64)),
        };
        (shown, note)
    }
}

pub(super) fn needs_a_human(report: &ReviewReport, caps: Caps) -> Option<String> {
    let flags: Vec<&Flag> = report
        .review
        .risks
        .flags
        .iter()
        .filter(|flag| flag.risk.severity() > Severity::Note)
        .collect();
    if flags.is_empty() {
        return None;
    }
    let lines = alike(&flags);
    let mut text = format!("**Needs a human: {}**\n\n", words::count(lines.len() as u64));
    let (shown, note) = caps.of(&lines);
    for flags in shown {
        text.extend(flags.first().map(|flag| human(flag, flags)));
    }
    Some(text + &note)
}

/// Flags that say the same of several subjects, as those of the packages of one source do.
fn alike<'a>(flags: &[&'a Flag]) -> Vec<Vec<&'a Flag>> {
    let mut lines: Vec<Vec<&Flag>> = Vec::new();
    for flag in flags {
        let is_same = |first: &&Flag| {
            let said = |flag: &Flag| (flag.risk, flag.detail.clone());
            said(first) == said(flag) && first.paths.is_empty() && flag.paths.is_empty()
        };
        match lines.iter_mut().find(|line| line.first().is_some_and(is_same)) {
            Some(line) => line.push(flag),
            None => lines.push(vec![flag]),
        }
    }
    lines
}

/// One line for a person.
fn human(flag: &Flag, flags: &[&Flag]) -> String {
    const SUBJECTS_MAX: usize = 8;
    let sign = if flag.risk.severity() == Severity::Error { "❌" } else { "⚠" };
    let subjects = if let [only] = flag.paths.as_slice() {
        path(only)
    } else {
        let shown: Vec<String> =
            flags.iter().take(SUBJECTS_MAX).map(|flag| code(&flag.subject)).collect();
        let more = match flags.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {} more", words::count(more as u64)),
        };
        shown.join(" ") + &more
    };
    let detail = inert::markdown(&inert::shorten_end(&inert::text(&flag.detail), 300));
    format!("- {sign} {}: {subjects}: {detail}\n", flag.risk.id())
}

pub(super) fn fixes(report: &ReviewReport, caps: Caps) -> Option<String> {
    let known = grouped::rows(report).into_iter().filter_map(|row| {
        let fixes = row.first.evidence.fixes.known().filter(|fixes| !fixes.ids.is_empty())?;
        Some((row, fixes))
    });
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return None;
    }
    let mut text = String::new();
    let (shown, note) = caps.of(&known);
    for (row, fixes) in shown {
        let ids: Vec<&str> = fixes.ids.iter().map(String::as_str).collect();
        let (shown, more) = caps.of(&ids);
        let ids: Vec<String> = shown.iter().map(|id| advisory_id(id)).collect();
        let count = words::count(fixes.ids.len() as u64);
        let others = match row.others.len() {
            0 => String::new(),
            others => format!(" and {} more of its source", words::count(others as u64)),
        };
        let name = code(&row.first.moved.name);
        let _ = writeln!(text, "{name}{others}: {} ({count})", ids.join(" "));
        text.push_str(&more);
        let _ = write!(text, "Source: changelog inside {}", code(&fixes.source));
        if fixes.backported > 0 {
            let _ = write!(text, "; {} more were back-ported already", fixes.backported);
        }
        if !fixes.complete {
            text.push_str("; **incomplete**: it does not reach back to the old version");
        }
        text.push_str("\n\n");
    }
    text.push_str(&note);
    text.push_str(if report.review.security.as_ref().is_some_and(|it| it.covered > 0) {
        "The changelogs' own claims; severity scores stand with the advisories.\n"
    } else {
        "The changelogs' own claims. Severity scores: **not checked** (no advisory data covers \
         them: `--advisories`).\n"
    });
    Some(folded("Fixes, and where that is known from", &text))
}

/// Ids that forges do not make links of stay readable; what is none is code.
fn advisory_id(id: &str) -> String {
    const KNOWN: [&str; 8] = ["CVE-", "GHSA-", "DSA-", "DLA-", "USN-", "RHSA-", "ALAS-", "PYSEC-"];
    let is_plain = id.len() <= 40
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && KNOWN.iter().any(|start| id.starts_with(start));
    if is_plain { id.to_owned() } else { code(id) }
}

pub(super) fn advisories(report: &ReviewReport, caps: Caps) -> String {
    let mut text = String::new();
    // Where nothing is covered, empty lists would look like good news.
    let covering = report.review.security.as_ref().filter(|security| security.covered > 0);
    let Some(security) = covering else {
        text.push_str("**Not checked**: no advisory data covers anything of the lock.\n");
        return section("Advisories", &(text + &sources(report, caps)));
    };
    for (title, found) in [
        ("Introduced", &security.introduced),
        ("Still open", &security.open),
        ("Fixed", &security.fixed),
        ("Ignored", &security.ignored),
    ] {
        let _ = write!(text, "{title}: {}\n\n", words::count(found.len() as u64));
        let (shown, note) = caps.of(found);
        text.extend(shown.iter().map(advisory));
        text.push_str(&note);
        text.push('\n');
    }
    let _ = write!(text, "{} covered", words::counted(security.covered, "package"));
    let missing: Vec<String> = security.not_covered.iter().map(|name| code(name)).collect();
    if !missing.is_empty() {
        let shown = missing.get(..caps.most.min(NAMES_MAX)).unwrap_or(&missing);
        let more = if shown.len() < missing.len() { " …" } else { "" };
        let count = words::count(missing.len() as u64);
        let _ = write!(text, "; {count} **not checked**: {}{more}", shown.join(" "));
    }
    text.push('\n');
    section("Advisories", &(text + &sources(report, caps)))
}

/// Every tier with its source, date and coverage; ignores that have ended; what is required.
fn sources(report: &ReviewReport, caps: Caps) -> String {
    let mut text = format!("\nBy the rules of {}. Known from:\n\n", code(&report.policy));
    for row in &report.advisories.tiers {
        let digest = row.digest.as_deref().map(|digest| format!(" {}", code(digest)));
        let words = inert::markdown(&inert::shorten_end(&inert::text(&row.words()), 400));
        let _ = writeln!(text, "- {}: {words}{}", row.tier, digest.unwrap_or_default());
    }
    let (shown, note) = caps.of(&report.advisories.expired);
    for ignore in shown {
        let words = inert::text(&crate::report::advisories::expired(ignore));
        let _ = writeln!(text, "- ⚠ {}", inert::markdown(&inert::shorten_end(&words, 300)));
    }
    text.push_str(&note);
    for lacking in &report.advisories.lacking {
        let words = inert::markdown(&inert::shorten_end(&inert::text(lacking), 300));
        let _ = writeln!(text, "- ❌ required: {words}");
    }
    text
}

fn advisory(affected: &Affected) -> String {
    let severity = affected.advisory.severity.as_deref().unwrap_or("severity not known");
    let fixed = match &affected.advisory.fixed {
        Some(version) => format!("fixed in {}", code(version)),
        None => "no fix is known".to_owned(),
    };
    let image = affected.image.as_deref().map(|image| format!(" in {}", code(image)));
    let ignored = affected.advisory.ignored.as_deref();
    let ignored = ignored.map(|reason| format!("; ignored: {}", inert::markdown(reason)));
    format!(
        "- {} ({}) {} {}{}: {fixed}{}\n",
        advisory_id(&affected.advisory.id),
        inert::markdown(severity),
        code(&affected.package),
        code(&affected.version),
        image.unwrap_or_default(),
        ignored.unwrap_or_default(),
    )
}

pub(super) fn fetches(report: &ReviewReport, caps: Caps) -> Option<String> {
    let all = &report.review.fetches;
    if all.is_empty() {
        return None;
    }
    let is_index: fn(&Sake) -> bool = |sake| *sake == Sake::Index;
    let kinds = [
        (is_index, "of indexes of archives that have a package that moved"),
        (|sake| *sake == Sake::IdleIndex, "of other indexes"),
        (|sake| matches!(sake, Sake::Named(_)), "named after a package that moved"),
        (|sake| *sake == Sake::None, "of no package and no index"),
    ];
    let counts: Vec<String> = kinds
        .into_iter()
        .map(|(is_of, words)| (all.iter().filter(|fetch| is_of(&fetch.sake)).count(), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{} {words}", words::count(count as u64)))
        .collect();
    let mut text = format!("{}.\n\n", counts.join(", "));
    let unowned: Vec<_> = report.unowned_fetches().collect();
    let (shown, note) = caps.of(&unowned);
    for fetch in shown {
        let _ = writeln!(text, "- {}", code(&fetch.url));
    }
    text.push_str(&note);
    Some(folded("Fetches that changed", &text))
}

pub(super) fn trust(report: &ReviewReport, caps: Caps) -> String {
    let Some(trust) = &report.trust else {
        let text = "**Not checked**: the Dockerfile is not here (`rlock lock --verify`).\n";
        return section("Trust", text);
    };
    let mut text = String::from("Entries of the new lock, by signed indexes in the Store:\n\n");
    for (verdict, count) in trust.counts() {
        text.extend(["- ", &words::count(count), " ", verdict.meaning(), "\n"]);
    }
    let poisoned: Vec<_> = trust.poisoned().collect();
    let (shown, note) = caps.of(&poisoned);
    for row in shown {
        let reason = inert::markdown(&inert::shorten_end(&inert::text(&row.reason), 300));
        text.extend(["- ❌ ", &code(&row.name), ": ", &reason, "\n"]);
    }
    text.push_str(&note);
    if !poisoned.is_empty() {
        text.push_str("- `rlock lock --verify` says what should be there\n");
    }
    let signers: Vec<&str> = trust.signers().into_iter().collect();
    for signer in caps.of(&signers).0 {
        text.extend(["- signed: ", &inert::markdown(signer), "\n"]);
    }
    for reason in caps.of(&trust.notes).0 {
        text.extend(["- ", &inert::markdown(reason), "\n"]);
    }
    text.push_str("\nWhether a build from the lock is reproducible is told by `rlock check`.\n");
    section("Trust", &text)
}

pub(super) fn checks(report: &ReviewReport, caps: Caps) -> String {
    let mut text = String::new();
    let clean = report.clean();
    if !clean.is_empty() {
        let ids: Vec<&str> = clean.iter().map(|outcome| outcome.risk.id()).collect();
        let _ = writeln!(text, "Looked for and not found: {}.", ids.join(", "));
    }
    let reasons = review::reasons(report);
    if !reasons.is_empty() {
        text.push_str("\n**Not checked**:\n\n");
    }
    let (shown, note) = caps.of(&reasons);
    for (reason, risks, subjects) in shown {
        let subjects: Vec<String> = subjects.iter().take(8).map(|subject| code(subject)).collect();
        let about =
            if subjects.is_empty() { String::new() } else { format!(" of {}", subjects.join(" ")) };
        let reason = inert::markdown(reason);
        let _ = writeln!(text, "- {}{about}: {reason}", risks.join(", "));
    }
    text.push_str(&note);
    section("Checks", &text)
}
