//! `HEALTHCHECK`, and Go's durations in its flags.

use super::flag::Flags;
use super::{Command, ParseError, Word};
use std::time::Duration;

/// `HEALTHCHECK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// What is run.
    pub test: Test,
    /// `--interval`.
    pub interval: Option<Duration>,
    /// `--timeout`.
    pub timeout: Option<Duration>,
    /// `--start-period`.
    pub start_period: Option<Duration>,
    /// `--start-interval`.
    pub start_interval: Option<Duration>,
    /// `--retries`.
    pub retries: Option<u32>,
}

/// What a health check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `NONE`: also no check of the base image.
    None,
    /// `CMD`.
    Command(Command),
}

impl Healthcheck {
    pub(super) fn new(test: Test, flags: &Flags<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            test,
            interval: interval(flags, "interval")?,
            timeout: interval(flags, "timeout")?,
            start_period: interval(flags, "start-period")?,
            start_interval: interval(flags, "start-interval")?,
            retries: retries(flags)?,
        })
    }
}

/// The duration of a flag; 0 counts as none, and less than a millisecond is an error.
fn interval(flags: &Flags<'_>, name: &str) -> Result<Option<Duration>, ParseError> {
    let Some(value) = flags.value(name) else { return Ok(None) };
    match duration(&value.text) {
        Some(duration) if duration.is_zero() => Ok(None),
        Some(duration) if duration >= Duration::from_millis(1) => Ok(Some(duration)),
        Some(_) => Err(ParseError::new(value.span, format!("`--{name}` is less than 1ms"))),
        None => Err(not_a_duration(&value)),
    }
}

fn not_a_duration(value: &Word) -> ParseError {
    ParseError::new(value.span, format!("`{}` is not a duration", value.text))
        .with_hint("write a number with a unit, such as `30s`, `1m30s` or `500ms`")
}

fn retries(flags: &Flags<'_>) -> Result<Option<u32>, ParseError> {
    let Some(value) = flags.value("retries") else { return Ok(None) };
    let Ok(Ok(retries)) = value.text.parse::<i32>().map(u32::try_from) else {
        let message = format!("`--retries` must be a whole number from 0, not `{}`", value.text);
        return Err(ParseError::new(value.span, message));
    };
    Ok(Some(retries))
}

/// Reads a duration of Go's: numbers with units in a row, such as `1h15m30.918s`.
///
/// <https://pkg.go.dev/time#ParseDuration>
fn duration(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut nanoseconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|char: char| char != '.' && !char.is_ascii_digit())?;
        let (number, after) = rest.split_at(unit_at);
        let unit_end = after.find(|char: char| char == '.' || char.is_ascii_digit());
        let (unit, after) = after.split_at(unit_end.unwrap_or(after.len()));
        nanoseconds = nanoseconds.checked_add(term(number, unit)?)?;
        rest = after;
    }
    let fits = !text.is_empty() && i64::try_from(nanoseconds).is_ok();
    fits.then(|| Duration::from_nanos(nanoseconds))
}

/// A decimal number times a unit, in nanoseconds.
fn term(number: &str, unit: &str) -> Option<u64> {
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    // More digits than these are below a nanosecond in every unit.
    let fraction = fraction.get(..fraction.len().min(15)).unwrap_or(fraction);
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let digits = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let below = u64::try_from(digits * u128::from(unit) / scale).ok()?;
    whole.checked_mul(unit)?.checked_add(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        let millis = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("0"), Some(0));
        assert_eq!(millis("30s"), Some(30_000));
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("1.5h"), Some(5_400_000));
        assert_eq!(millis(".5s"), Some(500));
        assert_eq!(millis("+1.s"), Some(1000));
        assert_eq!(duration("3µs"), Some(Duration::from_micros(3)));
        for wrong in ["", "30", "s", ".s", "-1s", "1d", "1 s", "1.2.3s", "99999999h", "9e9s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
