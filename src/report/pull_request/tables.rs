//! Tables: packages, base images, files.

use super::details::Caps;
use super::{code, folded, path, section};
use crate::finding::Location;
use crate::report::grouped::{self, Row};
use crate::report::inert;
use crate::report::review::{self, ReviewReport};
use crate::report::words;
use crate::review::files::FilesReview;
use crate::review::{BaseMove, PackageReview, Ships};
use std::fmt::Write as _;

pub(super) fn packages(report: &ReviewReport, caps: Caps) -> Option<String> {
    let packages = &report.review.packages;
    if packages.is_empty() {
        return None;
    }
    let mut text = "| package | from → to | line | ships | fixed | urgency | origin | flags |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let rows = grouped::rows(report);
    let (shown, note) = caps.of(&rows);
    for shown in shown {
        text.push_str(&row(report, shown));
    }
    text.push_str(&note);
    let _ =
        writeln!(text, "\nOther packages: {} unchanged.", words::count(report.review.unchanged));
    Some(text)
}

fn row<'a>(report: &'a ReviewReport, row: &Row<'a>) -> String {
    let package = row.first;
    let moved = &package.moved;
    let place = package.location.as_ref().map_or_else(
        || "not known".to_owned(),
        |location| {
            if moved.requested {
                line(report, location)
            } else {
                format!("{} (dependency)", line(report, location))
            }
        },
    );
    let ships = match package.ships {
        Ships::Yes => "yes",
        Ships::Partly => "in part",
        Ships::No => "no",
        Ships::Unknown => "not known",
    };
    let (fixed, urgency) = match package.evidence.fixes.known() {
        Some(fixes) => {
            let urgency = fixes.urgency.as_deref().map_or("–".to_owned(), inert::markdown);
            (words::count(fixes.ids.len() as u64), urgency)
        }
        None if moved.versions().is_some() => ("not checked".to_owned(), "not checked".to_owned()),
        None => ("–".to_owned(), "–".to_owned()),
    };
    let cells = [
        names(row),
        review::versions(package, &|version| inert::cell(&code(version))),
        place,
        ships.to_owned(),
        fixed,
        urgency,
        origin(package),
        flags(report, row),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// The package, and those of its source that moved with it.
fn names(row: &Row<'_>) -> String {
    const OTHERS_MAX: usize = 20;
    let name = |package: &PackageReview| inert::cell(&code(&package.moved.name));
    let first = name(row.first);
    if row.others.is_empty() {
        return first;
    }
    let others: Vec<String> = row.others.iter().take(OTHERS_MAX).map(|it| name(it)).collect();
    let more = match row.others.len() - others.len() {
        0 => String::new(),
        more => format!(" and {} more", words::count(more as u64)),
    };
    format!("{first} with {}{more}", others.join(" "))
}

/// Where the new version is from.
fn origin(package: &PackageReview) -> String {
    let words = review::origin(package, &|name| inert::cell(&code(name)));
    match &package.moved.new {
        _ if !words.is_empty() => words.join("; "),
        Some(_) => "not checked".to_owned(),
        None => "–".to_owned(),
    }
}

fn line(report: &ReviewReport, location: &Location) -> String {
    report.links.line(location, &report.dockerfile)
}

fn flags<'a>(report: &'a ReviewReport, row: &Row<'a>) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for flag in row.flags(report) {
        if !ids.contains(&flag.risk.id()) {
            ids.push(flag.risk.id());
        }
    }
    let missing = row.unchecked(report);
    let mut words: Vec<String> = ids.iter().map(|id| format!("⚠ {id}")).collect();
    if !missing.is_empty() {
        let ids: Vec<&str> = missing.iter().map(|risk| risk.id()).collect();
        words.push(format!("not checked: {}", ids.join(", ")));
    }
    if words.is_empty() { "–".to_owned() } else { words.join(", ") }
}

pub(super) fn bases(report: &ReviewReport, caps: Caps) -> Option<String> {
    let bases = &report.review.bases;
    if bases.is_empty() {
        return None;
    }
    let (shown, note) = caps.of(bases);
    let text: Vec<String> = shown.iter().map(|moved| base(moved, caps)).collect();
    Some(section("Base images", &(text.join("\n") + &note)))
}

fn base(base: &BaseMove, caps: Caps) -> String {
    let pin = |pin: &Option<crate::review::BasePin>| match pin {
        Some(pin) => format!("{} {}", code(&pin.reference), code(&pin.manifest.short())),
        None => "none".to_owned(),
    };
    let mut text = format!("{} → {}\n", pin(&base.old), pin(&base.new));
    let Some(packages) = &base.packages else {
        if base.old.is_some() && base.new.is_some() {
            text.push_str("\nPackages: **not checked**, a lock does not list them.\n");
        }
        return text;
    };
    text.push_str("\n| package | from → to |\n|---|---|\n");
    let (shown, note) = caps.of(packages);
    for package in shown {
        let version = |version: &Option<String>| {
            version.as_deref().map_or("none".to_owned(), |version| inert::cell(&code(version)))
        };
        let name = inert::cell(&code(&package.name));
        let (old, new) = (version(&package.old), version(&package.new));
        let _ = writeln!(text, "| {name} | {old} → {new} |");
    }
    text.push_str(&note);
    let unchanged = words::counted(base.unchanged, "package");
    let _ = writeln!(text, "\n{unchanged} unchanged.");
    text
}

pub(super) fn files(report: &ReviewReport, caps: Caps) -> String {
    let Some(files) = &report.review.files else {
        let text = "**Not checked**: the images were not built (`rlock review --files`).\n";
        return section("What changed in the image", text);
    };
    let mut text = "| | files | bytes |\n|---|---|---|\n".to_owned();
    for sum in review::file_sums(report, &|name| inert::cell(&code(name))) {
        let size = review::growth(sum.old_size, sum.new_size);
        let _ = writeln!(text, "| {} | {} | {size} |", sum.words, words::count(sum.files));
    }
    let count = files.unexplained.len() as u64;
    let _ = writeln!(text, "| **unexplained** | **{}** | – |", words::count(count));
    let (compared, changed) =
        (words::counted(files.compared, "file"), words::count(files.changed()));
    let _ = writeln!(text, "\n{compared} of {changed} compared with what package files bring.");
    text.push_str(&unproven(files, caps));
    if count > 0 {
        text.push_str("\n❌ Nothing that the lock or the Dockerfile says accounts for these:\n\n");
        let (shown, note) = caps.of(&files.unexplained);
        for file in shown {
            let place = file.location.as_ref().map(|it| format!(", line {}", line(report, it)));
            let (path, reason) = (path(&file.path), inert::markdown(&file.reason));
            let place = place.unwrap_or_default();
            let _ = writeln!(text, "- {path} {}{place}: {reason}", file.change);
        }
        text.push_str(&note);
    }
    if !files.config.is_empty() {
        text.push_str("\nThe image config differs:\n\n");
        let (shown, note) = caps.of(&files.config);
        for (field, old, new) in shown {
            let side = |value: &Option<String>| value.as_deref().map_or("none".to_owned(), code);
            let _ = writeln!(text, "- {}: {} → {}", code(field), side(old), side(new));
        }
        text.push_str(&note);
    }
    let (equal, layers) = (files.layers_equal, files.layers);
    let _ = writeln!(
        text,
        "\nLayers: {equal} of {layers} are the same. Images: {} → {}",
        code(&files.manifests[0].short()),
        code(&files.manifests[1].short())
    );
    section("What changed in the image", &text)
}

/// The files of which it is not proven that they come of what changed, or of packages.
fn unproven(files: &FilesReview, caps: Caps) -> String {
    let paths: Vec<&Vec<u8>> = files.unproven().flat_map(|group| &group.paths).collect();
    if paths.is_empty() {
        return String::new();
    }
    let (shown, note) = caps.of(&paths);
    let list: Vec<String> = shown.iter().map(|of| format!("- {}", path(of))).collect();
    let list = list.join("\n") + "\n";
    let summary = format!(
        "{} may come of packages that moved, or of what changed above their step: not proven",
        words::counted(paths.len() as u64, "file")
    );
    format!("\n{}", folded(&summary, &(list + &note)))
}
