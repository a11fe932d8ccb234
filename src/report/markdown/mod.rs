//! Markdown for a job summary, or a comment: the verdict, a table of what was found, what to do about
//! it, and the files behind it, folded. Text of others is inert: [`inert::markdown()`].

use super::outcome::{CheckResult, Group, Outcome, Roots};
use super::{Status, inert, words};

/// Bytes of a job summary that GitHub takes (1 MiB), less some room for what else a job writes.
pub const SUMMARY_MAX: usize = 1_000_000;

/// Rows of the table.
const ROWS_MAX: usize = 200;
/// Files of one finding that are listed.
const PATHS_MAX: usize = 1000;

/// The document, no longer than `bytes_max`. What was left out is counted.
pub fn markdown(outcome: &Outcome<'_>, roots: &Roots, bytes_max: usize) -> String {
    let groups = Group::all(outcome.findings);
    let mut text = head(outcome);
    let tail = tail(outcome);
    let room = bytes_max.saturating_sub(tail.len() + 200);
    let mut page = Page { text: std::mem::take(&mut text), room };
    page.table(&groups, roots);
    page.mends(&groups);
    page.files(&groups);
    if let Some(failure) = outcome.failure {
        let lines: Vec<String> = failure.output.iter().map(|line| inert::bytes(line)).collect();
        if !lines.is_empty() {
            let block = inert::block("text", lines.iter().map(String::as_str));
            page.add(&format!("It wrote, at the end:\n\n{block}\n"));
        }
        if let Some(hint) = &failure.hint {
            page.add(&format!("**Hint:** {}\n\n", inert::markdown(hint)));
        }
    }
    format!("{}{tail}", page.text)
}

struct Page {
    text: String,
    room: usize,
}

impl Page {
    /// Adds a part if it fits; answers whether it did.
    fn add(&mut self, part: &str) -> bool {
        let fits = self.text.len() + part.len() <= self.room;
        if fits {
            self.text.push_str(part);
        }
        fits
    }

    fn table(&mut self, groups: &[Group<'_>], roots: &Roots) {
        if groups.is_empty() {
            return;
        }
        self.add("| | cause | where | files | for example |\n|---|---|---|---:|---|\n");
        let mut shown = 0;
        for group in groups.iter().take(ROWS_MAX) {
            if !self.add(&row(group, roots)) {
                break;
            }
            shown += 1;
        }
        self.text.push('\n');
        if shown < groups.len() {
            let more = words::counted((groups.len() - shown) as u64, "more finding");
            for part in ["… and ", &more, ": `--format json` has all.\n\n"] {
                self.text.push_str(part);
            }
        }
    }

    fn mends(&mut self, groups: &[Group<'_>]) {
        if groups.is_empty() {
            return;
        }
        let mut told = std::collections::BTreeSet::new();
        let mends = groups.iter().filter(|group| told.insert((group.cause.id, group.mend())));
        let mends: Vec<String> = mends.take(ROWS_MAX).map(mend).collect();
        self.add(&folded("What to do", &mends.concat()));
    }

    fn files(&mut self, groups: &[Group<'_>]) {
        for group in groups.iter().take(ROWS_MAX).filter(|group| group.path_count() > 1) {
            let count = group.path_count();
            let mut paths: Vec<String> = group.paths().take(PATHS_MAX).map(inert::bytes).collect();
            if count > PATHS_MAX {
                paths.push(format!("and {} more", words::count((count - PATHS_MAX) as u64)));
            }
            let title = format!("{}: {}", group.cause.id, words::counted(count as u64, "file"));
            let block = inert::block("text", paths.iter().map(String::as_str));
            if !self.add(&folded(&title, &block)) {
                self.text.push_str("Lists of files are left out: `--format json` has all.\n\n");
                return;
            }
        }
    }
}

fn head(outcome: &Outcome<'_>) -> String {
    let (sign, title) = (sign(outcome.status), inert::code(&outcome.title()));
    let sentence = inert::markdown(&outcome.sentence);
    let sentence = if sentence.is_empty() { String::new() } else { format!(": {sentence}") };
    format!(
        "## rlock {} {title}\n\n{sign} **{}**{sentence}\n\n",
        outcome.command,
        inert::markdown(&outcome.verdict)
    )
}

/// Says nothing that the words beside it do not say.
fn sign(status: Status) -> &'static str {
    match status {
        Status::Ok => "✅",
        Status::Undetermined => "⚠️",
        _ => "❌",
    }
}

fn row(group: &Group<'_>, roots: &Roots) -> String {
    let place = group.location.map_or_else(String::new, |place| {
        let file = inert::code(&roots.path(&place.file));
        let instruction = inert::shorten_end(&place.instruction, 80);
        let instruction = inert::code(&instruction);
        match place.lines() {
            Some((line, _)) => format!("{file} line {line}: {instruction}"),
            None => format!("{file}: {instruction}"),
        }
    });
    let example = group.paths().next().map(inert::bytes).unwrap_or_default();
    let example = if example.is_empty() {
        inert::markdown(&inert::shorten_end(&group.message(), 300))
    } else {
        inert::cell(&inert::code(&inert::shorten_middle(&example, 120)))
    };
    let files = match group.path_count() as u64 {
        0 => String::new(),
        count => words::count(count),
    };
    format!(
        "| {} | `{}` | {} | {files} | {example} |\n",
        group.severity.name(),
        group.cause.id,
        inert::cell(&place)
    )
}

fn mend(group: &Group<'_>) -> String {
    let own = group.findings.iter().all(|finding| finding.hint.is_none());
    // The table's texts are Markdown of ours.
    let text = if own { group.cause.mend.to_owned() } else { inert::markdown(&group.mend()) };
    format!("- `{}`, {}: {text}\n", group.cause.id, group.cause.title)
}

fn tail(outcome: &Outcome<'_>) -> String {
    let checks = outcome.checks.iter().map(|check| {
        let result = match check.result {
            CheckResult::Passed => "passed".to_owned(),
            CheckResult::Failed => "**failed**".to_owned(),
            CheckResult::Undetermined => "**not determined**".to_owned(),
            CheckResult::NotChecked(reason) => format!("not checked: {reason}"),
        };
        format!("- {}: {result}\n", check.id)
    });
    let facts = outcome.facts.iter().map(|(name, value)| {
        format!("- {name}: {}\n", inert::code(&inert::shorten_end(value, 500)))
    });
    let lines: String = checks.chain(facts).collect();
    format!("{lines}\n<sub>rlock {}</sub>\n", env!("CARGO_PKG_VERSION"))
}

fn folded(title: &str, content: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{content}\n</details>\n\n")
}
