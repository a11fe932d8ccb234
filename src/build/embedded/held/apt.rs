//! apt: a source for each view, and a preference for each package that must not move.

use super::sources::Entries;
use super::{HeldError, Injected, Kind, pins, require_directory, text};
use crate::build::{BuildError, HeldPackage, HeldStep, HeldView};
use crate::package::Package;
use crate::store::rooted::Root;
use std::fmt::Write as _;

/// Where apt looks for further sources and for preferences.
const SOURCE_PARTS: &[u8] = b"etc/apt/sources.list.d";
const PREFERENCE_PARTS: &[u8] = b"etc/apt/preferences.d";
const SOURCE_LIST: &[u8] = b"etc/apt/sources.list";

/// What is injected: last by name, so that it changes the order of no other.
pub(super) const LIST: &[u8] = b"etc/apt/sources.list.d/rlock-held.list";
const SOURCES: &[u8] = b"etc/apt/sources.list.d/rlock-held.sources";
pub(super) const PREFERENCES: &[u8] = b"etc/apt/preferences.d/rlock-held";

/// Above 1000 a version is installed even where a newer one is there.
/// <https://manpages.debian.org/bookworm/apt/apt_preferences.5.en.html>
const PRIORITY: u32 = 1001;

/// What is injected; nothing where no view is of apt.
pub(super) fn files(
    image: &Root,
    step: &HeldStep,
    installed: &[Package],
) -> Result<Vec<Injected>, BuildError> {
    let views: Vec<HeldView> = step.views.iter().filter(|it| it.kind == "deb").cloned().collect();
    if views.is_empty() {
        return Ok(Vec::new());
    }
    let entries = entries(image, &views)?;
    let is_missing = |view: &&HeldView| !step.is_optional && !entries.found.contains(view);
    if let Some(view) = views.iter().find(is_missing) {
        let (archive, suite) = (view.archive.clone(), view.suite.clone());
        return Err(HeldError::NoSource { manager: "apt", archive, suite }.into());
    }
    let preferences = preferences(step, installed);
    let files = [
        (LIST, SOURCE_PARTS, entries.list),
        (SOURCES, SOURCE_PARTS, entries.sources),
        (PREFERENCES, PREFERENCE_PARTS, preferences),
    ];
    let mut injected = Vec::new();
    for (path, directory, content) in files {
        if !content.is_empty() {
            require_directory(image, directory)?;
            let (path, content) = (path.to_vec(), content.into_bytes());
            injected.push(Injected { path, content, kind: Kind::Own });
        }
    }
    Ok(injected)
}

/// The image's own entries for these archives, made into entries for the views.
fn entries(image: &Root, views: &[HeldView]) -> Result<Entries, BuildError> {
    let mut entries = Entries::default();
    if let Some(text) = text(image, SOURCE_LIST)? {
        entries.add_list(&text, views);
    }
    for name in image.list(SOURCE_PARTS).unwrap_or_default() {
        let path = [SOURCE_PARTS, b"/", &name].concat();
        if name.ends_with(b".list") {
            entries.add_list(&text(image, &path)?.unwrap_or_default(), views);
        } else if name.ends_with(b".sources") {
            entries.add_sources(&text(image, &path)?.unwrap_or_default(), views);
        }
    }
    Ok(entries)
}

/// One record for each package that must have one version.
pub(super) fn preferences(step: &HeldStep, installed: &[Package]) -> String {
    let mut text = String::new();
    for HeldPackage { name, architecture, version, .. } in pins(step, "deb", installed) {
        let package = match &*architecture {
            "all" | "" => name,
            architecture => format!("{name}:{architecture}"),
        };
        // Writing into a `String` cannot fail.
        let _infallible = write!(
            text,
            "Package: {package}\nPin: version {version}\nPin-Priority: {PRIORITY}\n\n"
        );
    }
    text
}
