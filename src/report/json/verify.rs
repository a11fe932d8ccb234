//! `rlock.verify/1`.

use super::{Options, head, parts, write};
use crate::report::{Against, VerifyReport};
use serde_json::{Value, json};

/// The document.
pub fn verify(report: &VerifyReport, options: Options) -> String {
    let comparison = report.comparison.as_ref();
    let mut document = head("verify", report.status, options);
    parts::extend(
        &mut document,
        [
            ("target", Some(parts::target(&report.target, &report.lock))),
            ("against", Some(against(report))),
            ("build", Some(parts::build("A", &report.builder, &report.build, options))),
            ("steps", Some(parts::steps(&report.steps))),
            ("summary", comparison.map(|found| parts::summary(found, &report.findings))),
            ("config", comparison.map(|found| parts::config(&found.config))),
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

fn against(report: &VerifyReport) -> Value {
    match &report.against {
        Against::Lock => parts::object([
            ("kind", Some(json!("lock"))),
            ("manifest", report.recorded.map(parts::digest)),
        ]),
        Against::Image { name, manifest } => {
            json!({"kind": "image", "name": name, "manifest": manifest.to_string()})
        }
    }
}
