//! `JUnit`'s XML, which every CI system shows as tests: one test case for each image, platform and check.

use super::outcome::{Check, CheckResult, Group, Outcome, Roots};
use super::{Status, inert, words};
use std::fmt::Write as _;

/// Findings of one check, and files of one finding, that are listed.
const GROUPS_MAX: usize = 200;
const PATHS_MAX: usize = 20;

/// The document.
pub fn junit(outcome: &Outcome<'_>, roots: &Roots) -> String {
    let count = |wanted: fn(&CheckResult) -> bool| {
        outcome.checks.iter().filter(|check| wanted(&check.result)).count()
    };
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        outcome.checks.len(),
        count(|result| *result == CheckResult::Failed),
        count(|result| *result == CheckResult::Undetermined),
        count(|result| matches!(result, CheckResult::NotChecked(_))),
    );
    // Without `skipped`, which the outer element has not in every dialect.
    let outer = counts.split(" skipped").next().unwrap_or_default();
    let suite = format!("rlock {}", outcome.command);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "<testsuites name=\"rlock\" {outer}>");
    let _ = writeln!(xml, "  <testsuite name=\"{}\" {counts}>", escaped(&suite));
    properties(&mut xml, outcome);
    for check in &outcome.checks {
        test_case(&mut xml, outcome, check, roots);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn properties(xml: &mut String, outcome: &Outcome<'_>) {
    if outcome.facts.is_empty() {
        return;
    }
    xml.push_str("    <properties>\n");
    for (name, value) in &outcome.facts {
        let _ = writeln!(
            xml,
            "      <property name=\"{}\" value=\"{}\"/>",
            escaped(name),
            escaped(&inert::text(value))
        );
    }
    xml.push_str("    </properties>\n");
}

fn test_case(xml: &mut String, outcome: &Outcome<'_>, check: &Check, roots: &Roots) {
    let title = escaped(&inert::text(&outcome.title()));
    let file = outcome.subject.dockerfile.as_ref().map(|file| roots.path(file));
    let file = file.map(|file| format!(" file=\"{}\"", escaped(&inert::text(&file))));
    let _ = write!(
        xml,
        "    <testcase classname=\"{title}\" name=\"{}\"{}",
        escaped(check.id),
        file.unwrap_or_default()
    );
    let groups = outcome.groups_of(check);
    match check.result {
        CheckResult::Passed if groups.is_empty() => xml.push_str("/>\n"),
        CheckResult::Passed => {
            let text = escaped(&listed(outcome, &groups, roots));
            let _ = writeln!(xml, ">\n      <system-out>{text}</system-out>\n    </testcase>");
        }
        CheckResult::NotChecked(reason) => {
            let reason = escaped(reason);
            let _ = writeln!(xml, ">\n      <skipped message=\"{reason}\"/>\n    </testcase>");
        }
        CheckResult::Failed => failed(xml, "failure", outcome, &groups, roots),
        CheckResult::Undetermined => failed(xml, "error", outcome, &groups, roots),
    }
}

fn failed(
    xml: &mut String,
    element: &str,
    outcome: &Outcome<'_>,
    groups: &[Group<'_>],
    roots: &Roots,
) {
    let kind = groups.first().map_or(outcome.status.name(), |group| group.cause.id);
    let message = escaped(&inert::text(&format!("{}: {}", outcome.verdict, outcome.sentence)));
    let text = escaped(&listed(outcome, groups, roots));
    let _ = writeln!(
        xml,
        ">\n      <{element} message=\"{message}\" type=\"{kind}\">{text}</{element}>\n    </testcase>"
    );
}

/// What was found, as text for people.
fn listed(outcome: &Outcome<'_>, groups: &[Group<'_>], roots: &Roots) -> String {
    let mut lines = Vec::new();
    for group in groups.iter().take(GROUPS_MAX) {
        let place = group.location.map(|place| {
            let file = inert::text(&roots.path(&place.file));
            match place.lines() {
                Some((line, _)) => format!("{file}:{line}: "),
                None => format!("{file}: "),
            }
        });
        let place = place.unwrap_or_default();
        lines.push(format!("{place}{}: {}", group.severity.name(), group.message()));
        lines.push(format!("  mend: {}", group.mend()));
        lines.extend(group.paths().take(PATHS_MAX).map(|path| format!("  {}", inert::bytes(path))));
        let rest = group.path_count().saturating_sub(PATHS_MAX);
        if rest > 0 {
            lines.push(format!("  and {}", words::counted(rest as u64, "more file")));
        }
    }
    let rest = groups.len().saturating_sub(GROUPS_MAX);
    if rest > 0 {
        lines.push(format!("and {}", words::counted(rest as u64, "more finding")));
    }
    if let Some(failure) = outcome.failure {
        lines.push(inert::text(&failure.message));
        lines.extend(failure.output.iter().map(|line| format!("  | {}", inert::bytes(line))));
        lines.extend(failure.hint.iter().map(|hint| format!("hint: {}", inert::text(hint))));
    }
    if outcome.status == Status::Ok && lines.is_empty() {
        return String::new();
    }
    format!("\n{}\n", lines.join("\n"))
}

/// Text for an attribute or an element; what XML 1.0 has no way to say is shown as `\u{fffe}`.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            '\n' => xml.push('\n'),
            '\u{fffe}' | '\u{ffff}' => xml.extend(character.escape_unicode()),
            character if character.is_control() => xml.extend(character.escape_unicode()),
            character => xml.push(character),
        }
    }
    xml
}
