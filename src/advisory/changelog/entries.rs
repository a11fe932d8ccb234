//! The entries of a changelog, newest first as they stand.

use super::Urgency;

/// What a version changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) version: &'a str,
    pub(super) urgency: Option<Urgency>,
    /// From the header of an rpm: its version has no tag of the distribution (`.el9`).
    pub(super) is_rpm: bool,
    /// The lines below the heading, without the one that says who and when.
    pub(super) lines: Vec<&'a str>,
}

/// Entries of a changelog, more of which are not read: the longest in Debian has some 2,000.
const ENTRIES_MAX: usize = 20_000;

/// Splits a changelog. Lines that are not UTF-8 (old names of people) are passed over, as are
/// those above the first heading.
pub(super) fn entries(changelog: &[u8]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for line in changelog.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Some(entry) = heading(line) {
            if entries.len() == ENTRIES_MAX {
                break;
            }
            entries.push(entry);
        } else if let Some(entry) = entries.last_mut()
            && !line.starts_with(" -- ")
        {
            entry.lines.push(line);
        }
    }
    entries
}

/// `package (version) suites; urgency=high`, at the start of a line. A rebuild says
/// `binary-only=yes` behind it.
fn heading(line: &str) -> Option<Entry<'_>> {
    if !line.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let (package, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:_^".contains(&byte);
    let is_heading = !package.contains(char::is_whitespace)
        && !version.is_empty()
        && version.bytes().all(fits)
        && rest.contains(';');
    let (distribution, metadata) = rest.split_once(';')?;
    let is_rpm = distribution.trim() == "rpm";
    is_heading.then(|| Entry { version, urgency: urgency(metadata), is_rpm, lines: Vec::new() })
}

/// Of `urgency=high, binary-only=yes`. A comment may follow the word.
fn urgency(metadata: &str) -> Option<Urgency> {
    let values = metadata.split(',').filter_map(|field| field.split_once('='));
    let (_, value) =
        values.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case("urgency"))?;
    match &*value.split_whitespace().next()?.to_ascii_lowercase() {
        "low" => Some(Urgency::Low),
        "medium" => Some(Urgency::Medium),
        "high" => Some(Urgency::High),
        "emergency" | "critical" => Some(Urgency::Critical),
        _ => None,
    }
}
