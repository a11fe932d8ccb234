//! The changelog in the header of a package file, rewritten in the form of deb-changelog(5), so that
//! one reader serves both. Its entries are of the distribution `rpm`.

use super::file::main_header;
use super::header::Header;
use super::package;
use crate::package::PackageFileError;
use std::io::Read;

const CHANGELOG_NAME: u32 = 1081;
const CHANGELOG_TEXT: u32 = 1082;

/// The changelog of a package file, the newest entry first; none where it has no entries.
/// Distributions cut it to some years.
pub(in crate::package) fn changelog(file: impl Read) -> Result<Option<Vec<u8>>, PackageFileError> {
    let blob = main_header(file)?;
    let header = Header::parse(&blob)?;
    let name = package(&header)?.name;
    let (heads, texts) = (header.strings(CHANGELOG_NAME)?, header.strings(CHANGELOG_TEXT)?);
    if heads.len() != texts.len() {
        return Err(PackageFileError::malformed(
            "its changelog has more texts or fewer than heads",
        ));
    }
    let mut changelog = Vec::new();
    for (head, text) in heads.iter().zip(texts) {
        let version = version(&String::from_utf8_lossy(head));
        changelog.extend(format!("{name} ({version}) rpm; urgency=unknown\n").bytes());
        // Indented, so that no line of it is taken for a heading.
        for line in text.split(|byte| *byte == b'\n') {
            changelog.extend(b"  ");
            changelog.extend(line);
            changelog.push(b'\n');
        }
    }
    Ok(Some(changelog).filter(|changelog| !changelog.is_empty()))
}

/// `Jane Doe <jane@example.org> - 1:3.0.7-25`. Where no version stands there, `0`: an entry that
/// is older than every version.
fn version(head: &str) -> String {
    let last = head.rsplit([' ', '>']).next().unwrap_or("").trim_matches(['[', ']', '(', ')']);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:_^".contains(&byte);
    let is_version =
        last.starts_with(|first: char| first.is_ascii_digit()) && last.bytes().all(fits);
    if is_version { last.to_owned() } else { "0".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_at_the_end_of_a_head() {
        let cases = [
            ("Jane Doe <jane@example.org> - 1:3.0.7-25", "1:3.0.7-25"),
            ("Jane Doe <jane@example.org> 3.0.7-25.el9", "3.0.7-25.el9"),
            ("Jane Doe <jane@example.org>-3.0-1", "0"),
            ("Jane Doe <jane@example.org> - [3.0-1]", "3.0-1"),
            ("Jane Doe <jane@example.org>", "0"),
            ("", "0"),
        ];
        for (head, expected) in cases {
            assert_eq!(version(head), expected, "{head}");
        }
    }
}
