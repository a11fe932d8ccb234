//! The few lines of `rlock lock` and `rlock build`.

use super::{GOOD, Page, Screen, coverage, findings, paint, parts};
use crate::report::{BuildReport, LockReport, inert, words};

/// Renders what `rlock lock` did.
pub fn lock(report: &LockReport, screen: Screen) -> String {
    let mut page = Page::default();
    page.append(findings::lines(screen, &report.findings, screen.height / 2));
    page.gap();
    page.append(parts::lock(screen, &report.lock));
    page.append(coverage::coverage(screen, report.coverage.as_ref()));
    page.line(format!("{} in all", words::seconds(report.timings.total)));
    page.finish()
}

/// Renders what `rlock build` made.
pub fn build(report: &BuildReport, screen: Screen) -> String {
    let mut page = Page::default();
    page.line(format!("{} {}", paint(GOOD, "built"), report.build.manifest));
    for output in &report.outputs {
        page.line(format!("  to {}", inert::text(output)));
    }
    page.gap();
    page.append(findings::lines(screen, &report.findings, screen.height / 2));
    page.gap();
    page.append(parts::lock(screen, &report.lock));
    page.append(coverage::coverage(screen, report.coverage.as_ref()));
    page.line(format!(
        "{} in all: build {}",
        words::seconds(report.timings.total),
        words::seconds(report.build.elapsed)
    ));
    page.finish()
}
