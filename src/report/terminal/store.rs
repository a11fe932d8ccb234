//! The few lines of `rlock store push`, `pull`, `verify` and `gc`.

use super::{BAD, DIM, GOOD, HEADING, Page, Screen, hanging, paint};
use crate::report::{
    ArtifactFound, NeedRow, Status, StoreGcReport, StorePullReport, StorePushReport, StoreReport,
    StoreVerifyReport, inert, words,
};
use anstyle::Style;
use std::path::{Path, PathBuf};

/// Rows of a list before the rest is counted.
const ROWS_MAX: usize = 20;

/// Renders what a command of `rlock store` did.
pub fn store(report: &StoreReport, screen: Screen) -> String {
    match report {
        StoreReport::Push(report) => push(report, screen),
        StoreReport::Pull(report) => pull(report, screen),
        StoreReport::Verify(report) => verify(report, screen),
        StoreReport::Gc(report) => gc(report, screen),
    }
}

fn push(report: &StorePushReport, screen: Screen) -> String {
    let mut page = Page::default();
    let blobs = report.there + report.mounted + report.sent;
    let sentence = format!(
        "{} with {} to {}",
        shown(&report.lock),
        words::counted(blobs, "blob"),
        inert::text(&report.remote)
    );
    page.verdict(screen, "pushed ", &sentence, GOOD);
    for tag in &report.tags {
        page.line(format!("  {}:{}", inert::text(&report.remote), inert::text(tag)));
    }
    page.line(format!("  {}", report.artifact));
    page.line(format!(
        "{} sent ({}), {} mounted, {} there already",
        words::count(report.sent),
        words::size(report.sent_bytes),
        words::count(report.mounted),
        words::count(report.there)
    ));
    if report.without_digest > 0 {
        let packages = words::counted(report.without_digest, "package");
        let text = format!("{packages} of the lock have no digest and are not in it");
        page.append(hanging(screen, "", &text, DIM));
    }
    page.line(format!("{} in all", words::seconds(report.elapsed)));
    page.finish()
}

fn pull(report: &StorePullReport, screen: Screen) -> String {
    let mut page = Page::default();
    let (words, style) = match report.status {
        Status::Ok => ("complete: ", GOOD),
        _ => ("incomplete: ", BAD),
    };
    let sentence = match report.absent.len() as u64 {
        0 => format!("the Store has all that {} needs", shown(&report.lock)),
        absent => format!(
            "neither the Store nor {} has {} that {} needs",
            inert::text(&report.remote),
            words::counted(absent, "blob"),
            shown(&report.lock)
        ),
    };
    page.verdict(screen, words, &sentence, style);
    needs(&mut page, screen, "not to be had there", &report.absent);
    let note = match report.artifact {
        ArtifactFound::Same => None,
        ArtifactFound::Other => Some(format!(
            "{} is the artifact of another lock; {} decides",
            inert::text(&report.remote),
            shown(&report.lock)
        )),
        ArtifactFound::Missing => {
            Some("nobody has pushed this lock; `rlock store push` does".to_owned())
        }
    };
    if let Some(note) = note {
        page.append(hanging(screen, "", &note, DIM));
    }
    if report.written {
        page.line(format!("{} written", shown(&report.lock)));
    }
    page.line(format!(
        "{} pulled ({}), {} there already",
        words::count(report.pulled),
        words::size(report.pulled_bytes),
        words::count(report.there)
    ));
    page.line(format!("{} in all", words::seconds(report.elapsed)));
    page.finish()
}

fn verify(report: &StoreVerifyReport, screen: Screen) -> String {
    let mut page = Page::default();
    let hashed = format!(
        "{} ({}) in {}",
        words::counted(report.blobs, "blob"),
        words::size(report.bytes),
        report.store.display()
    );
    let (words, sentence, style) = match (report.damaged.len(), report.missing.len()) {
        (0, 0) => ("sound: ", hashed, GOOD),
        (0, _) => ("incomplete: ", format!("{hashed}, all sound, and some missing"), BAD),
        (damaged, _) => {
            let damaged = words::counted(damaged as u64, "blob");
            ("damaged: ", format!("{damaged} of {hashed}"), BAD)
        }
    };
    page.verdict(screen, words, &sentence, style);
    for row in &report.damaged {
        let path = format!("  {}: ", shown(&row.path));
        page.append(hanging(screen, &path, &inert::text(&row.problem), Style::new()));
    }
    if !report.damaged.is_empty() {
        page.line(if report.removed {
            "removed: what needs them fetches them again"
        } else {
            "`rlock store verify --remove` removes them, so that they are fetched again"
        });
    }
    needs(&mut page, screen, "missing", &report.missing);
    if !report.missing.is_empty() {
        page.line("`rlock store pull` or a build that is not offline fetches them");
    } else if !report.locks.is_empty() {
        page.line(format!("all that {} needs is there", paths(&report.locks)));
    }
    page.line(format!("{} in all", words::seconds(report.elapsed)));
    page.finish()
}

fn gc(report: &StoreGcReport, screen: Screen) -> String {
    let mut page = Page::default();
    let found = &report.collected;
    let (words, rest) =
        if report.dry_run { ("would free ", "would be removed") } else { ("freed ", "removed") };
    let bytes = words::size(found.blob_bytes + found.tree_bytes);
    page.verdict(screen, words, &bytes, GOOD);
    page.line(format!(
        "{rest}: {} ({}), {}, {} ({})",
        words::counted(found.blobs, "blob"),
        words::size(found.blob_bytes),
        words::counted(found.images, "image"),
        words::counted(found.trees, "unpacked layer"),
        words::size(found.tree_bytes)
    ));
    page.line(format!(
        "kept: {} ({})",
        words::counted(found.kept, "blob"),
        words::size(found.kept_bytes)
    ));
    let why = match (report.unused_for, &report.locks[..]) {
        (Some(days), []) => format!("used in the last {}", words::counted(days.into(), "day")),
        (Some(days), locks) => format!(
            "used in the last {}, or needed by {}",
            words::counted(days.into(), "day"),
            paths(locks)
        ),
        (None, locks) => format!("needed by {}", paths(locks)),
    };
    page.append(hanging(screen, "  ", &why, DIM));
    if let Some(left) = &found.left {
        let text = format!(
            "some unpacked layers stay until the next build of this user: {}",
            inert::text(left)
        );
        page.append(hanging(screen, "", &text, DIM));
    }
    page.line(format!("{} in all", words::seconds(report.elapsed)));
    page.finish()
}

fn needs(page: &mut Page, screen: Screen, title: &str, rows: &[NeedRow]) {
    if rows.is_empty() {
        return;
    }
    page.line(paint(HEADING, title));
    let shown = if screen.detail == super::Detail::All { rows.len() } else { ROWS_MAX };
    for row in rows.iter().take(shown) {
        let width = screen.width.saturating_sub(24).max(20);
        let name = inert::shorten_middle(&inert::text(&row.name), width);
        page.line(format!("  {name}  {}", paint(DIM, &row.digest.short())));
    }
    if let Some(rest) = rows.len().checked_sub(shown).filter(|rest| *rest > 0) {
        let text = format!("  … and {} more (--verbose lists all)", words::count(rest as u64));
        page.line(paint(DIM, &text));
    }
    page.gap();
}

fn paths(paths: &[PathBuf]) -> String {
    words::list(&paths.iter().map(|path| shown(path)).collect::<Vec<_>>())
}

fn shown(path: &Path) -> String {
    inert::text(&path.to_string_lossy())
}
