//! When a package was changed last, by its changelog.

/// The time of the newest entry of a text in the form of deb-changelog(5), in seconds since 1970; none
/// where it has none that can be read: ` -- Jane Doe <jane@example.org>  Sat, 10 Feb 2024 10:00:00 +0100`.
pub fn changelog_date(text: &[u8]) -> Option<i64> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(b" -- "))?;
    // Names of people need not be UTF-8; what follows them is.
    let at = bstr::ByteSlice::rfind(line, b">")?;
    let date = std::str::from_utf8(line.get(at + 1..)?).ok()?.trim();
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    parsed.parse_timestamp(date).ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::changelog_date;

    #[test]
    fn the_newest_entry_counts() {
        let entry = |who: &[u8], when: &str| {
            [b"a (1) x; urgency=low\n\n  * -- x\n\n -- ", who, b"  ", when.as_bytes(), b"\n"]
                .concat()
        };
        let newest = entry(b"J\xf6rg <j@a.example>", "Sat, 10 Feb 2024 10:00:00 +0100");
        let older = entry(b"J <j@a.example>", "Fri, 09 Feb 2024 10:00:00 +0100");
        assert_eq!(changelog_date(&[newest, older].concat()), Some(1_707_555_600));
        // Packagers have been wrong about the day of the week.
        let wrong = entry(b"J <j@a.example>", "Mon, 10 Feb 2024 10:00:00 +0100");
        assert_eq!(changelog_date(&wrong), Some(1_707_555_600));
        for text in [&b""[..], b" -- nobody", b" -- J <j>  yesterday", b"a (1) x; urgency=low\n"] {
            assert_eq!(changelog_date(text), None);
        }
    }
}
