//! Dates of HTTP: RFC 9110, section 5.6.7.

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

/// Writes seconds since 1970 as `Sun, 06 Nov 1994 08:49:37 GMT`; none beyond the year 9999.
pub(in super::super) fn format(seconds: i64) -> Option<String> {
    let timestamp = Timestamp::from_second(seconds).ok()?;
    DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).ok()
}

/// Reads such a date. The two older forms, which no client of today writes, are not read.
pub(super) fn parse(text: &str) -> Option<i64> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok().map(Timestamp::as_second)
}
