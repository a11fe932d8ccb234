//! `rlock.check/1`.

use super::{Options, head, parts, write};
use crate::report::{CheckReport, Verdict};
use serde_json::json;

/// The document.
pub fn check(report: &CheckReport, options: Options) -> String {
    let verdict = match report.verdict {
        Verdict::IdenticalAsBuilt => "identical-as-built",
        Verdict::IdenticalAfterNormalisers => "identical-after-normalisers",
        Verdict::Different => "different",
    };
    let builds = ["A", "B"].iter().zip(&report.builds);
    let mut document = head("check", report.status, options);
    parts::extend(
        &mut document,
        [
            ("verdict", Some(json!(verdict))),
            ("target", Some(parts::target(&report.target, &report.lock))),
            (
                "builds",
                Some(
                    builds
                        .map(|(id, build)| parts::build(id, &report.builder, build, options))
                        .collect(),
                ),
            ),
            ("summary", Some(parts::summary(&report.comparison, &report.findings))),
            ("config", Some(parts::config(&report.comparison.config))),
            ("steps", Some(parts::steps(&report.steps))),
            ("findings", Some(parts::findings(&report.findings))),
            ("normalised", Some(parts::normalised(&report.normalised))),
            ("clamped", Some(json!(report.clamped))),
            ("coverage", report.coverage.as_ref().map(parts::coverage)),
            ("guarantees", Some(parts::guarantees(&report.guarantees))),
            ("timings", parts::timings(&report.timings, options)),
        ],
    );
    write(&document)
}
