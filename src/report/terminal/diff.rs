//! The screen of `rlock diff`.

use super::{BAD, Detail, GOOD, Page, Screen, content, findings, parts};
use crate::report::{DiffReport, Side, inert, words};

/// Contents of so many files or fewer are shown without being asked for.
const CONTENTS_MAX: usize = 4;

/// The one verdict that is not good.
const DIFFERENT: &str = "different";

const ASK_FOR_CONTENTS: &str = "`--verbose` shows what changed in each file, `--path PATH` in one";

/// Renders the report.
pub fn diff(report: &DiffReport, screen: Screen) -> String {
    let mut page = Page::default();
    verdict(&mut page, report, screen);
    side(&mut page, "-", &report.left, screen);
    side(&mut page, "+", &report.right, screen);
    page.line(format!("  {}", parts::comparison(&report.comparison)));
    for reason in &report.comparison.not_compared {
        page.line(format!("  not compared: {}", inert::text(reason)));
    }
    page.gap();
    page.append(parts::config(screen, &report.comparison.config, &report.findings, 6));
    page.gap();
    let mut contents = contents(report, screen);
    let room = screen.height.saturating_sub(page.lines.len() + 4);
    if screen.detail == Detail::Fit && contents.len() + 4 * report.findings.len() > room {
        contents = vec![ASK_FOR_CONTENTS.to_owned()];
    }
    page.append(findings::lines(screen, &report.findings, room.saturating_sub(contents.len())));
    page.gap();
    page.append(contents);
    page.gap();
    page.line(format!("{} in all", words::seconds(report.timings.total)));
    page.finish()
}

fn verdict(page: &mut Page, report: &DiffReport, screen: Screen) {
    let (word, sentence) = diff_words(report);
    let style = if word == DIFFERENT { BAD } else { GOOD };
    page.verdict(screen, &format!("{word}: "), &sentence, style);
}

/// The verdict in a word, and the sentence that explains it.
pub(in crate::report) fn diff_words(report: &DiffReport) -> (&'static str, String) {
    let comparison = &report.comparison;
    let equal = comparison.files_different == 0 && comparison.config.is_empty();
    let same_digest =
        report.left.manifest.is_some() && report.left.manifest == report.right.manifest;
    match (equal, same_digest, comparison.encoding_only) {
        (true, true, _) => ("identical", "both have the same digest".to_owned()),
        (true, false, true) => {
            ("equal", "files and config are the same, only the encoding of layers differs".into())
        }
        (true, false, false) => ("equal", "files and config are the same".to_owned()),
        (false, _, _) => (DIFFERENT, different(report)),
    }
}

fn different(report: &DiffReport) -> String {
    let files = (report.comparison.files_different > 0)
        .then(|| words::counted(report.comparison.files_different, "file"));
    let fields = report.comparison.config.len() as u64;
    let config =
        (fields > 0).then(|| format!("{} of the image config", words::counted(fields, "field")));
    words::list(&files.into_iter().chain(config).collect::<Vec<_>>())
}

fn side(page: &mut Page, sign: &str, side: &Side, screen: Screen) {
    let width = screen.width.saturating_sub(4);
    page.line(format!("  {sign} {}", inert::shorten_middle(&inert::text(&side.name), width)));
    if let Some(manifest) = side.manifest {
        page.line(format!("    {manifest}"));
    }
}

/// What changed within files: all with `--verbose`, else only where there are few.
fn contents(report: &DiffReport, screen: Screen) -> Vec<String> {
    let files: Vec<_> =
        report.files.iter().filter(|file| content::has_more_than_times(file)).collect();
    if screen.detail == Detail::Fit && files.len() > CONTENTS_MAX {
        return vec![ASK_FOR_CONTENTS.to_owned()];
    }
    files.into_iter().flat_map(|file| content::lines(screen, file)).collect()
}
