//! How long ago a version was published, and whether that is long enough for it to be taken.

use std::time::Duration;

/// Nobody waits longer, in days.
const DAYS_MAX: u64 = 3650;

/// Whether a version that was published at a time (in seconds since 1970) is old enough to be taken;
/// none where that time is not known. One that was published later than now is not.
pub fn old_enough(published: Option<i64>, now: i64, min_age: Duration) -> Option<bool> {
    let age = now.saturating_sub(published?);
    let wanted = i64::try_from(min_age.as_secs()).unwrap_or(i64::MAX);
    Some(age >= wanted)
}

/// Reads an age: `3d`, `72h`, `30m`, `2w`; `0` alone needs no unit.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    let expected = || "expected an age such as `3d`, `72h` or `2w`".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end).ok_or_else(expected)?;
    let number: u64 = digits.parse().map_err(|_| expected())?;
    let seconds = match unit.trim() {
        "" if number == 0 => 0,
        "m" => 60,
        "h" => 60 * 60,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return Err(expected()),
    };
    let age = number.checked_mul(seconds).filter(|age| *age <= DAYS_MAX * DAY);
    age.map(Duration::from_secs).ok_or_else(|| format!("an age of more than {DAYS_MAX} days"))
}

const DAY: u64 = 24 * 60 * 60;

/// `3 d`, `5 h`, `40 min`: the largest unit of which there is one, rounded down.
pub fn age_words(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        DAY.. => format!("{} d", seconds / DAY),
        3600.. => format!("{} h", seconds / 3600),
        _ => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read() {
        for (text, expected) in [
            ("3d", Some(3 * DAY)),
            ("72h", Some(3 * DAY)),
            ("30m", Some(1800)),
            ("2w", Some(14 * DAY)),
            ("3 d", Some(3 * DAY)),
            ("0", Some(0)),
            ("0d", Some(0)),
            ("3650d", Some(3650 * DAY)),
            ("3651d", None),
            ("99999999999999999999d", None),
            ("9999999999999999w", None),
            ("3", None),
            ("d", None),
            ("", None),
            ("-3d", None),
            ("3days", None),
            ("3.5d", None),
        ] {
            assert_eq!(parse_age(text).ok().map(|it| it.as_secs()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_published_long_enough_ago_is_taken() {
        let three = Duration::from_secs(3 * DAY);
        let now = 1_000_000_000;
        let days = |days: i64| now - days * 86_400;
        for (published, expected) in [
            (Some(days(10)), Some(true)),
            (Some(days(3)), Some(true)),
            (Some(days(3) + 1), Some(false)),
            (Some(days(1)), Some(false)),
            (Some(days(-1)), Some(false)),
            (Some(i64::MAX), Some(false)),
            (Some(i64::MIN), Some(true)),
            (None, None),
        ] {
            assert_eq!(old_enough(published, now, three), expected, "{published:?}");
        }
        // No age is old enough for everything that is known to be there.
        assert_eq!(old_enough(Some(now), now, Duration::ZERO), Some(true));
    }

    #[test]
    fn ages_in_words() {
        for (seconds, expected) in
            [(3 * DAY, "3 d"), (DAY - 1, "23 h"), (3599, "59 min"), (0, "0 min")]
        {
            assert_eq!(age_words(Duration::from_secs(seconds)), expected);
        }
    }
}
