//! Workflow commands: annotations of a pull request on GitHub. Few of them, for a step has room for
//! ten of each kind.

use super::outcome::{Group, Outcome, Roots};
use super::{Status, inert, words};
use crate::finding::{Location, Severity};

/// Annotations of one kind that GitHub shows of a step.
const OF_A_KIND_MAX: usize = 10;

/// The commands, one a line.
pub fn github(outcome: &Outcome<'_>, roots: &Roots) -> String {
    let groups = Group::all(outcome.findings);
    let mut lines = Vec::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let of_kind: Vec<&Group<'_>> =
            groups.iter().filter(|group| group.severity == severity).collect();
        // The verdict is one of the errors, or one of the notices.
        let own = usize::from(match severity {
            Severity::Error => outcome.status != Status::Ok,
            Severity::Warning => false,
            Severity::Note => outcome.status == Status::Ok,
        });
        let room = OF_A_KIND_MAX - own;
        let shown = if of_kind.len() > room { room - 1 } else { of_kind.len() };
        lines.extend(of_kind.iter().take(shown).map(|group| annotation(group, outcome, roots)));
        if of_kind.len() > shown {
            lines.push(rest(severity, of_kind.len() - shown, outcome));
        }
    }
    lines.push(verdict(outcome, roots));
    lines.push(String::new());
    lines.join("\n")
}

fn annotation(group: &Group<'_>, outcome: &Outcome<'_>, roots: &Roots) -> String {
    let location = group.location.filter(|location| location.start_line > 0);
    let place = match (location, &outcome.subject.dockerfile) {
        (Some(location), _) => place(location, roots),
        (None, Some(file)) => vec![("file", roots.path(file)), ("line", "1".to_owned())],
        (None, None) => Vec::new(),
    };
    let files = group.path_count() as u64;
    let mut text = group.message();
    let first = group.paths().next().map(inert::bytes);
    if let Some(first) = first.filter(|first| !text.contains(first.as_str())) {
        text = format!("{text}\n{}, such as {first}", words::counted(files, "file"));
    }
    let text = format!("{text}\nmend: {}", group.mend());
    let title = format!("{}: {}", group.cause.id, group.cause.title);
    command(name(group.severity), &place, &title, &text)
}

fn place(location: &Location, roots: &Roots) -> Vec<(&'static str, String)> {
    vec![
        ("file", roots.path(&location.file)),
        ("line", location.start_line.max(1).to_string()),
        ("endLine", location.end_line.max(location.start_line).max(1).to_string()),
    ]
}

fn rest(severity: Severity, count: usize, outcome: &Outcome<'_>) -> String {
    let more = words::counted(count as u64, "more finding");
    let text = format!("and {more}: the log, `--format json` and `--format sarif` have all");
    command(name(severity), &[], &format!("rlock {}", outcome.command), &text)
}

fn verdict(outcome: &Outcome<'_>, roots: &Roots) -> String {
    let kind = if outcome.status == Status::Ok { "notice" } else { "error" };
    let sentence = inert::text(&outcome.sentence);
    let location = outcome.failure.and_then(|failure| failure.location.as_ref());
    let place = location.map(|location| place(location, roots)).unwrap_or_default();
    let hint = outcome.failure.and_then(|failure| failure.hint.as_ref());
    let hint = hint.map(|hint| format!("\nhint: {}", inert::text(hint))).unwrap_or_default();
    let title = format!("rlock {}: {}", outcome.command, outcome.verdict);
    command(kind, &place, &title, &format!("{sentence}{hint}"))
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    }
}

/// `::error file=…,line=…,title=…::text`. Text of others is inert already; line breaks in `text` are
/// ours.
fn command(kind: &str, place: &[(&'static str, String)], title: &str, text: &str) -> String {
    let place = place.iter().map(|(key, value)| (*key, value.as_str()));
    let properties: Vec<String> = place
        .chain([("title", title)])
        .map(|(key, value)| format!("{key}={}", property(&inert::text(value))))
        .collect();
    format!("::{kind} {}::{}", properties.join(","), data(text))
}

/// What the runner decodes again in the text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What the runner decodes again in a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
