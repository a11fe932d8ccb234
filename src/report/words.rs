//! Numbers, times and lists as people read them.

use std::time::Duration;

/// `1,443`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 file`, `1,443 files`; the plural is the singular and `s`.
pub fn counted(number: u64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", count(number))
}

/// `0.4 s`, `21.4 s`, `2 m 05 s`.
pub fn seconds(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let whole = (tenths + 5) / 10;
    format!("{} m {:02} s", whole / 60, whole % 60)
}

/// `1.2 MB`: powers of a thousand, as disks and registries count.
pub fn size(bytes: u64) -> String {
    const LARGER: [&str; 4] = ["MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut tenths, mut unit) = (bytes / 100, "kB");
    for larger in LARGER {
        if tenths >= 10_000 {
            (tenths, unit) = (tenths / 1000, larger);
        }
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Seconds since 1970 as `2026-01-01T00:00:00Z`; as a number where no calendar reaches.
pub fn moment(epoch: i64) -> String {
    jiff::Timestamp::from_second(epoch).map_or_else(|_| epoch.to_string(), |time| time.to_string())
}

/// A moment's day, in UTC: `2026-11-21`.
pub fn day(epoch: i64) -> String {
    let time = jiff::Timestamp::from_second(epoch);
    time.map_or_else(|_| epoch.to_string(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(words: &[String]) -> String {
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}

/// Breaks `text` at spaces into lines of at most `width` characters; a longer word stands alone.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(1443, "file"), "1,443 files");
    }

    #[test]
    fn durations_and_sizes_are_short() {
        assert_eq!(seconds(Duration::from_millis(44)), "0.0 s");
        assert_eq!(seconds(Duration::from_millis(21_449)), "21.4 s");
        assert_eq!(seconds(Duration::from_millis(59_949)), "59.9 s");
        assert_eq!(seconds(Duration::from_millis(59_950)), "1 m 00 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 m 05 s");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1000), "1.0 kB");
        assert_eq!(size(447_123_456), "447.1 MB");
        assert_eq!(size(u64::MAX), "18446.7 PB");
    }

    #[test]
    fn moments_are_in_utc() {
        assert_eq!(moment(1_767_225_600), "2026-01-01T00:00:00Z");
        assert_eq!(moment(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn lists_and_lines() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(list(&words("a b c")), "a, b and c");
        assert_eq!(list(&words("a b")), "a and b");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible it is", 5), ["incomprehensible", "it is"]);
        assert_eq!(wrap("", 5), Vec::<String>::new());
    }
}
