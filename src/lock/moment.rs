//! Times of `Last-Modified` as TOML writes them: `2026-01-01T00:00:00Z`.
//! <https://toml.io/en/v1.0.0#offset-date-time>

use super::EPOCH_MAX;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use std::ops::RangeInclusive;
use toml::value::{Datetime, Offset};

/// The times that have a year of four digits, in seconds since 1970.
pub(crate) const MODIFIED: RangeInclusive<i64> = -62_167_219_200..=EPOCH_MAX;

/// 1970-01-01T00:00:00.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Seconds since 1970; none where the time is not written in the one way: UTC as `Z`, no fraction.
pub(super) fn seconds(written: &Datetime) -> Option<i64> {
    let (date, time) = (written.date?, written.time?);
    let number = |number: u8| i8::try_from(number).ok();
    let year = i16::try_from(date.year).ok()?;
    let date = Date::new(year, number(date.month)?, number(date.day)?).ok()?;
    let second = number(time.second?)?;
    let clock = Time::new(number(time.hour)?, number(time.minute)?, second, 0).ok()?;
    let moment = date.to_datetime(clock).duration_since(EPOCH).as_secs();
    let is_usual = written.offset == Some(Offset::Z) && time.nanosecond.is_none();
    (is_usual && MODIFIED.contains(&moment)).then_some(moment)
}

/// The text of a moment of [`MODIFIED`].
pub(super) fn text(seconds: i64) -> String {
    let moment = EPOCH.saturating_add(SignedDuration::from_secs(seconds));
    format!("{moment}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_written() {
        for (moment, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (*MODIFIED.start(), "0000-01-01T00:00:00Z"),
            (*MODIFIED.end(), "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(text(moment), written);
            assert_eq!(seconds(&written.parse().unwrap()), Some(moment), "{written}");
        }
    }

    #[test]
    fn what_is_not_utc_or_not_whole_is_not_read() {
        for written in [
            "2026-01-01",
            "12:00:00",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.5Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00Z",
        ] {
            let parsed = written.parse::<Datetime>();
            assert_eq!(parsed.ok().and_then(|parsed| seconds(&parsed)), None, "{written}");
        }
    }
}
