//! The screen of `rlock check`.

use super::{BAD, Detail, GOOD, Page, Screen, coverage, findings, parts};
use crate::report::{CheckReport, Coverage, LockState, Verdict, inert, words};

/// The one good verdict.
const REPRODUCIBLE: &str = "reproducible";

/// Renders the report.
pub fn check(report: &CheckReport, screen: Screen) -> String {
    let mut head = Page::default();
    verdict(&mut head, report, screen);
    builds(&mut head, report);
    let tail = tail(report, screen);
    let mut page = head;
    page.gap();
    let fixed = page.lines.len() + tail.lines.len() + 1;
    let room = screen.height.saturating_sub(fixed);
    page.append(findings::lines(screen, &report.findings, room));
    page.gap();
    page.append(tail.lines);
    page.finish()
}

fn verdict(page: &mut Page, report: &CheckReport, screen: Screen) {
    let (word, sentence) = check_words(report);
    let style = if word == REPRODUCIBLE { GOOD } else { BAD };
    page.verdict(screen, &format!("{word}: "), &sentence, style);
}

/// The verdict in a few words, and the sentence that explains it.
pub(in crate::report) fn check_words(report: &CheckReport) -> (&'static str, String) {
    let file = inert::text(&report.target.dockerfile.to_string_lossy());
    let recorded = report.steps.iter().filter(|step| step.differs()).count() as u64;
    let sentence = match report.verdict {
        Verdict::IdenticalAsBuilt => {
            format!("two builds of {file} are identical as built")
        }
        Verdict::IdenticalAfterNormalisers => {
            let files = report.normalised.iter().filter(|file| file.differed).count() as u64;
            let files = words::counted(files, "file");
            format!("two builds of {file} are identical after normalisers (noise in {files})")
        }
        Verdict::Different => format!("two builds of {file} differ{}", extent(report)),
    };
    let lacking = report.coverage.as_ref().is_some_and(Coverage::lacks_something);
    let word = match (report.verdict, recorded) {
        (Verdict::Different, _) => "not reproducible",
        (_, 0) if lacking => "not covered by the lock",
        (_, 0) => REPRODUCIBLE,
        _ => "not what the lock records",
    };
    (word, sentence)
}

/// ` in 325 files and 1 field of the image config`.
fn extent(report: &CheckReport) -> String {
    let comparison = &report.comparison;
    let files = match comparison.files_different {
        0 => None,
        count => Some(words::counted(count, "file")),
    };
    let config = match comparison.config.len() as u64 {
        0 => None,
        count => Some(format!("{} of the image config", words::counted(count, "field"))),
    };
    let places: Vec<String> = files.into_iter().chain(config).collect();
    match (places.is_empty(), comparison.encoding_only) {
        (false, _) => format!(" in {}", words::list(&places)),
        (true, true) => " only in the encoding of layers".to_owned(),
        (true, false) => String::new(),
    }
}

fn builds(page: &mut Page, report: &CheckReport) {
    for (name, build) in ["A", "B"].iter().zip(&report.builds) {
        page.line(format!("  {name}  {}", build.manifest));
    }
    let [_, second] = &report.builds;
    if !second.varied.is_empty() {
        let varied: Vec<String> = second.varied.iter().map(|word| inert::text(word)).collect();
        page.line(format!("  B had another {}", words::list(&varied)));
    }
    page.line(format!("  {}", parts::comparison(&report.comparison)));
    for reason in &report.comparison.not_compared {
        page.line(format!("  not compared: {}", inert::text(reason)));
    }
}

fn tail(report: &CheckReport, screen: Screen) -> Page {
    let mut page = Page::default();
    page.append(parts::config(screen, &report.comparison.config, &report.findings, 4));
    page.gap();
    page.append(parts::mismatches(screen, &report.steps));
    page.gap();
    page.append(match (report.verdict, screen.detail) {
        (Verdict::Different, Detail::Fit) => {
            parts::normalised_briefly(screen, &report.normalised, report.clamped)
        }
        _ => parts::normalised(screen, &report.normalised, report.clamped, report.lock.epoch),
    });
    page.gap();
    page.append(parts::lock(screen, &report.lock));
    page.append(recorded(report).into_iter().collect());
    page.append(coverage::coverage(screen, report.coverage.as_ref()));
    page.append(parts::guarantees(screen, &report.builder, &report.guarantees));
    let [first, second] = &report.builds;
    page.line(format!(
        "{} in all: build A {}, build B {}, comparison {}",
        words::seconds(report.timings.total),
        words::seconds(first.elapsed),
        words::seconds(second.elapsed),
        words::seconds(report.timings.compare),
    ));
    page
}

/// How the builds compare with the layers that a lock from before records.
fn recorded(report: &CheckReport) -> Option<String> {
    let closed = report.steps.iter().filter(|step| step.recorded.is_some()).count() as u64;
    let same = closed - report.steps.iter().filter(|step| step.differs()).count() as u64;
    let before = matches!(report.lock.state, LockState::Current);
    (before && closed > 0).then(|| {
        let layers = words::counted(closed, "recorded layer");
        format!("{} of {layers} built again, bit for bit", words::count(same))
    })
}
