//! A review as the text of a pull request: what happened, what a person should look at, and where
//! each claim is from. Everything that comes from outside goes through [`inert`].
//!
//! Forges take 64 Ki characters at most. What is longer is shortened list by list, and names the file that has
//! all of it.

mod around;
mod details;
mod tables;

#[cfg(test)]
mod tests;

use super::review::{self, ReviewReport};
use crate::finding::Severity;
use crate::report::inert;
use details::Caps;

/// Bytes that a text has at most. GitHub takes 65,536 characters, of which there are never more than
/// bytes; what is left is for the line by which whoever posts it finds it again.
pub const SIZE_MAX: usize = 64_000;

/// Marks the comment that a later run replaces. The forge does not show it.
pub const MARK: &str = "<!-- rlock review -->";

/// How much of each list is shown where all of it would be too long.
const SHORTER: [usize; 6] = [200, 50, 20, 8, 3, 0];

/// A text for a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// At most [`SIZE_MAX`] bytes.
    pub text: String,
    /// All of it, where that is longer.
    pub full: Option<String>,
}

/// The text; `full_name` is what the file with all of it will be called, if one is needed.
pub fn body(report: &ReviewReport, full_name: &str) -> Body {
    let full = markdown(report);
    if full.len() <= SIZE_MAX {
        return Body { text: full, full: None };
    }
    let shortened = |most: usize| {
        let caps = Caps { most };
        let note = format!(
            "\n> **Shortened**: forges take no more than 64 KiB. All of it is in {}.\n",
            inert::code(full_name)
        );
        document(report, caps) + &note
    };
    let text = SHORTER.into_iter().map(shortened).find(|text| text.len() <= SIZE_MAX);
    // With empty lists what is left are a few names, each of them cut.
    let text = text.unwrap_or_else(|| shortened(0).chars().take(SIZE_MAX / 4).collect());
    Body { text, full: Some(full) }
}

/// All of it, however long.
pub fn markdown(report: &ReviewReport) -> String {
    document(report, Caps { most: usize::MAX })
}

fn document(report: &ReviewReport, caps: Caps) -> String {
    let mut sections = vec![head(report)];
    sections.extend(tables::packages(report, caps));
    sections.extend(details::needs_a_human(report, caps));
    sections.extend(tables::bases(report, caps));
    sections.extend(details::fixes(report, caps));
    sections.push(details::advisories(report, caps));
    sections.push(tables::files(report, caps));
    sections.extend(details::fetches(report, caps));
    sections.push(details::trust(report, caps) + &around::lifecycle(report, caps));
    sections.extend(around::held_back(report, caps));
    sections.push(details::checks(report, caps));
    sections.join("\n") + &around::footer(report)
}

fn head(report: &ReviewReport) -> String {
    // Good is only what was looked at, files and all.
    let mark = match report.findings.iter().map(|finding| finding.severity).max() {
        Some(Severity::Error) => "❌",
        Some(Severity::Warning) => "⚠",
        _ if report.review.files.is_none() => "",
        _ => "✅",
    };
    let dockerfile = report.links.path(&report.dockerfile);
    let digest = |side: &review::ReviewSide| match side.digest {
        Some(digest) => inert::code(&digest.short()),
        None => "none".to_owned(),
    };
    let bases = match review::bases(&report.review.bases) {
        moved if moved.is_empty() => "base images unchanged".to_owned(),
        moved => moved.join(", "),
    };
    let title = format!("**{}** {mark}", report.headline().join(" · "));
    format!(
        "{MARK}\n## rlock: review of {dockerfile} ({})\n\n{}\n\n<sub>{bases} · lock {} → \
         {} · rlock {}</sub>\n",
        inert::markdown(&report.platform.to_string()),
        title.trim_end(),
        digest(&report.old),
        digest(&report.new),
        env!("CARGO_PKG_VERSION"),
    )
}

/// A heading and what stands below it.
fn section(title: &str, text: &str) -> String {
    format!("### {title}\n\n{text}")
}

/// Something to be opened. What is in it is Markdown again: a blank line ends the HTML.
fn folded(summary: &str, text: &str) -> String {
    format!("<details><summary>{summary}</summary>\n\n{}\n\n</details>\n", text.trim_end())
}

/// Foreign text as code, cut to what anybody reads.
fn code(foreign: &str) -> String {
    const CHARACTERS_MAX: usize = 160;
    inert::code(&inert::shorten_middle(&inert::text(foreign), CHARACTERS_MAX))
}

/// A path as code, cut likewise.
fn path(foreign: &[u8]) -> String {
    code(&String::from_utf8_lossy(foreign).replace('\u{fffd}', "?"))
}
