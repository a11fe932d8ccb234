//! The screen of `rlock verify`.

use super::{BAD, GOOD, Page, Screen, coverage, findings, parts};
use crate::report::{Against, Coverage, Status, StepRow, VerifyReport, inert, words};

/// The one good verdict.
const VERIFIED: &str = "verified";

/// Renders the report.
pub fn verify(report: &VerifyReport, screen: Screen) -> String {
    let mut page = Page::default();
    verdict(&mut page, report, screen);
    digests(&mut page, report);
    page.gap();
    page.append(parts::mismatches(screen, &report.steps));
    page.gap();
    let tail = tail(report, screen);
    let room = screen.height.saturating_sub(page.lines.len() + tail.lines.len() + 2);
    page.append(findings::lines(screen, &report.findings, room));
    page.gap();
    page.append(tail.lines);
    page.finish()
}

fn verdict(page: &mut Page, report: &VerifyReport, screen: Screen) {
    let (word, sentence) = verify_words(report);
    let style = if word == VERIFIED { GOOD } else { BAD };
    page.verdict(screen, &format!("{word}: "), &sentence, style);
}

/// The verdict in a few words, and the sentence that explains it.
pub(in crate::report) fn verify_words(report: &VerifyReport) -> (&'static str, String) {
    let file = inert::text(&report.target.dockerfile.to_string_lossy());
    let against = match &report.against {
        Against::Lock => {
            format!("what {} records", inert::text(&report.lock.path.to_string_lossy()))
        }
        Against::Image { name, .. } => inert::text(name),
    };
    let closed = report.steps.iter().filter(|step| step.recorded.is_some()).count();
    let nothing =
        matches!(report.against, Against::Lock) && closed == 0 && report.recorded.is_none();
    match report.status {
        _ if nothing => (
            "nothing to verify",
            format!("{against} has no layer: each step of {file} depends on the build context"),
        ),
        _ if gives_it(report) && lacks_something(report) => (
            "not covered by the lock",
            format!("a build of {file} gives {against}, and asks for what is not locked"),
        ),
        Status::Ok => (VERIFIED, format!("a build of {file} gives {against}")),
        _ => ("not verified", format!("a build of {file} does not give {against}")),
    }
}

/// Whether everything that was compared is equal.
fn gives_it(report: &VerifyReport) -> bool {
    let is_recorded = report.recorded.is_none_or(|recorded| recorded == report.build.manifest);
    match &report.comparison {
        Some(found) => found.files_different == 0 && found.config.is_empty(),
        None => is_recorded && !report.steps.iter().any(StepRow::differs),
    }
}

fn lacks_something(report: &VerifyReport) -> bool {
    report.coverage.as_ref().is_some_and(Coverage::lacks_something)
}

fn digests(page: &mut Page, report: &VerifyReport) {
    match (&report.against, report.recorded) {
        (Against::Lock, Some(recorded)) => page.line(format!("  lock  {recorded}")),
        (Against::Lock, None) => {}
        (Against::Image { manifest, .. }, _) => page.line(format!("  image {manifest}")),
    }
    page.line(format!("  built {}", report.build.manifest));
    if let Some(comparison) = &report.comparison {
        page.line(format!("  {}", parts::comparison(comparison)));
    }
    let closed = report.steps.iter().filter(|step| step.recorded.is_some()).count();
    let same = closed - report.steps.iter().filter(|step| step.differs()).count();
    if closed > 0 {
        let layers = words::counted(closed as u64, "recorded layer");
        page.line(format!("  {} of {layers} built again, bit for bit", words::count(same as u64)));
    }
    let open = report.steps.len() - closed;
    if open > 0 && matches!(report.against, Against::Lock) {
        let steps = words::counted(open as u64, "step");
        page.line(format!("  {steps} not recorded: the build context may have reached them"));
    }
}

fn tail(report: &VerifyReport, screen: Screen) -> Page {
    let mut page = Page::default();
    if let Some(comparison) = &report.comparison {
        page.append(parts::config(screen, &comparison.config, &report.findings, 4));
        page.gap();
    }
    page.append(parts::normalised(screen, &report.normalised, report.clamped, report.lock.epoch));
    page.gap();
    page.append(parts::lock(screen, &report.lock));
    page.append(coverage::coverage(screen, report.coverage.as_ref()));
    page.append(parts::guarantees(screen, &report.builder, &report.guarantees));
    page.line(format!(
        "{} in all: build {}, comparison {}",
        words::seconds(report.timings.total),
        words::seconds(report.build.elapsed),
        words::seconds(report.timings.compare),
    ));
    page
}
