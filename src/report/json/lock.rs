//! `rlock.lock/1`.

use super::{Options, head, parts, write};
use crate::report::LockReport;

/// The document.
pub fn lock(report: &LockReport, options: Options) -> String {
    let mut document = head("lock", report.status, options);
    parts::extend(
        &mut document,
        [
            ("target", Some(parts::target(&report.target, &report.lock))),
            ("findings", Some(parts::findings(&report.findings))),
            ("coverage", report.coverage.as_ref().map(parts::coverage)),
            ("timings", parts::timings(&report.timings, options)),
        ],
    );
    write(&document)
}
