//! Why a difference is there, and which instruction made it.
//!
//! Each differing file gets one cause of the one table ([`crate::finding::CAUSES`]); the files of
//! one cause and one instruction become one finding, so that a thousand files of one reason are one
//! line. Two runs over one difference give the same findings in the same order.

mod blame;
mod classify;
mod evidence;
mod paths;

#[cfg(test)]
mod tests;

pub use blame::Blame;

use crate::diff::{ConfigDifference, FileDifference, ImageDiff};
use crate::finding::{Cause, Finding, Location, Severity};
use std::collections::BTreeMap;

/// Fields of the config that only tell how and when the image was made.
const HISTORICAL_FIELDS: &[&str] = &[
    "created",
    "author",
    "docker_version",
    "container",
    "history",
    "container_config",
    "config.Hostname",
    "config.Image",
    "config.Labels.io.buildah.version",
    "config.Labels.org.opencontainers.image.created",
    "config.Labels.org.opencontainers.image.revision",
    "manifest",
    "moby",
];

/// Names of fields in a message.
const FIELDS_SHOWN: usize = 4;

/// Explains all differences: the worst first, then the most files, then by cause and place.
pub fn explain(diff: &ImageDiff, blame: &Blame) -> Vec<Finding> {
    let mut findings = file_findings(diff, blame);
    findings.extend(config_findings(&diff.config));
    findings.extend(encoding_finding(diff));
    findings.sort_by(|left, right| {
        let key = |finding: &Finding| (finding.severity, finding.paths.len());
        let place = |finding: &Finding| (finding.cause.id, finding.location.clone());
        key(right).cmp(&key(left)).then_with(|| place(left).cmp(&place(right)))
    });
    findings
}

fn file_findings(diff: &ImageDiff, blame: &Blame) -> Vec<Finding> {
    let mut groups: BTreeMap<(&'static str, Option<&Location>), Vec<&FileDifference>> =
        BTreeMap::new();
    for (file, cause) in diff.files.iter().zip(classify::causes(diff, blame)) {
        let location = blame.location(file);
        groups.entry((cause, location)).or_default().push(file);
        if cause == "secret" && classify::is_shared_secret(file) {
            groups.entry(("shared-secret", location)).or_default().push(file);
        }
    }
    let findings = groups.into_iter().map(|((id, location), files)| Finding {
        cause: Cause::named(id),
        severity: severity(id),
        message: evidence::message(id, &files),
        location: location.cloned(),
        hint: None,
        paths: files.iter().map(|file| [b"/", &file.path[..]].concat()).collect(),
    });
    findings.collect()
}

/// What was not made the same fails a check. Times of files, and secrets as such, do not; nor does
/// what no container sees.
fn severity(id: &str) -> Severity {
    match id {
        "tar-encoding" => Severity::Note,
        "mtime" | "shared-secret" => Severity::Warning,
        _ => Severity::Error,
    }
}

fn config_findings(config: &[ConfigDifference]) -> Vec<Finding> {
    let is_historical = |difference: &&ConfigDifference| {
        HISTORICAL_FIELDS.iter().any(|field| {
            let rest = difference.field.strip_prefix(field);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    };
    let (historical, effective): (Vec<_>, Vec<_>) = config.iter().partition(is_historical);
    [(effective, Severity::Error), (historical, Severity::Warning)]
        .into_iter()
        .filter(|(differences, _)| !differences.is_empty())
        .map(|(differences, severity)| Finding {
            cause: Cause::named("image-config"),
            severity,
            message: config_message(&differences),
            location: None,
            hint: None,
            paths: Vec::new(),
        })
        .collect()
}

fn config_message(differences: &[&ConfigDifference]) -> String {
    let names: Vec<String> = differences
        .iter()
        .take(FIELDS_SHOWN)
        .map(|difference| format!("`{}`", difference.field))
        .collect();
    let rest = differences.len().saturating_sub(FIELDS_SHOWN);
    let and_more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let subject = evidence::count(differences.len(), "field");
    let verb = if differences.len() == 1 { "differs" } else { "differ" };
    let example = match differences {
        [only] => format!(" ({})", evidence::pair(only.left.as_deref(), only.right.as_deref())),
        _ => String::new(),
    };
    format!("{subject} of the image config {verb}: {}{and_more}{example}", names.join(", "))
}

/// Layers differ, yet hold the same files: said only where no file tells the difference.
fn encoding_finding(diff: &ImageDiff) -> Option<Finding> {
    let differing = diff.layers.iter().filter(|layer| !layer.equal).count();
    if !diff.files.is_empty() || (differing == 0 && !diff.encoding_only) {
        return None;
    }
    let message = if differing == 0 {
        "the manifests differ although configs and layers say the same: other media types or \
         compressors, or notes of the builder"
            .to_owned()
    } else {
        let verb = if differing == 1 { "is" } else { "are" };
        let layers = evidence::count(differing, "layer");
        format!("{layers} {verb} encoded in another way; the files are equal")
    };
    Some(Finding {
        cause: Cause::named("tar-encoding"),
        severity: severity("tar-encoding"),
        message,
        location: None,
        hint: None,
        paths: Vec::new(),
    })
}
