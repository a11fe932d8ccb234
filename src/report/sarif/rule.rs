//! Causes as SARIF's rules.

use crate::finding::{CAUSES, Cause};
use crate::report::outcome::{Group, security_severity};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The causes that are used, in the order of the one table.
pub(super) fn ids(groups: &[Group<'_>]) -> Vec<&'static Cause> {
    let used: BTreeSet<&str> = groups.iter().map(|group| group.cause.id).collect();
    CAUSES.iter().filter(|cause| used.contains(cause.id)).collect()
}

/// Where the rule of a result stands.
pub(super) fn index(rules: &[&'static Cause], group: &Group<'_>) -> Option<usize> {
    rules.iter().position(|cause| *cause == group.cause)
}

/// A `reportingDescriptor`.
pub(super) fn of(cause: &Cause) -> Value {
    let mut properties = json!({"tags": ["reproducibility", "container"], "precision": "high"});
    if let Some(score) = security_severity(cause)
        && let Some(properties) = properties.as_object_mut()
    {
        // At most 20 tags are read; `security` and the score together make it a security alert.
        properties.insert("tags".to_owned(), json!(["security", "reproducibility", "container"]));
        properties.insert("security-severity".to_owned(), json!(score));
    }
    let help = format!("{}\n\nMend: {}", cause.explanation, cause.mend);
    let markdown = format!(
        "{}\n\n**Mend:** {}\n\n`rlock explain {}` says the same.",
        cause.explanation, cause.mend, cause.id
    );
    let mut rule = json!({
        "id": cause.id,
        "shortDescription": {"text": cause.title},
        "fullDescription": {"text": cause.explanation},
        "help": {"text": help, "markdown": markdown},
        "defaultConfiguration": {"level": "error"},
        "properties": properties,
    });
    // A name must be another than the id (§3.49.7).
    let name = name(cause.id);
    if let Some(rule) = rule.as_object_mut().filter(|_| !name.eq_ignore_ascii_case(cause.id)) {
        rule.insert("name".to_owned(), json!(name));
    }
    rule
}

/// `PycMtime` of `pyc-mtime`: the standard wants names of rules in Pascal case.
fn name(id: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    id.split('-').map(word).collect()
}
