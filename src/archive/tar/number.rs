//! Numbers as header fields and extended headers write them.

use super::Timestamp;

/// A numeric field: octal digits between spaces and NUL bytes, or base-256, which GNU tar writes
/// where the digits do not suffice: big-endian two's complement, the first bit set as its mark.
/// An empty field is 0.
pub(super) fn parse_field(field: &[u8]) -> Option<i64> {
    match field.split_first() {
        Some((first, rest)) if first & 0x80 != 0 => base_256(*first, rest),
        _ => octal(field),
    }
}

fn base_256(first: u8, rest: &[u8]) -> Option<i64> {
    let sign = if first & 0x40 == 0 { 0 } else { -128 };
    let mut value = i64::from(first & 0x7f) + sign;
    for byte in rest {
        value = value.checked_mul(256)?.checked_add(i64::from(*byte))?;
    }
    Some(value)
}

fn octal(field: &[u8]) -> Option<i64> {
    let is_filling = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field.iter().position(|byte| !is_filling(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_filling(byte)).map_or(start, |last| last + 1);
    let digits = until_nul(field.get(start..end)?);
    digits.iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// What stands before the first NUL byte.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or(bytes)
}

/// Decimal digits, at least one, and nothing else.
pub(super) fn parse_decimal(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Decimal seconds with an optional sign and fraction. Digits below a nanosecond are cut, as Go's
/// reader does.
pub(super) fn parse_time(text: &[u8]) -> Option<Timestamp> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let seconds = parse_decimal(parts.next()?)?;
    let nanoseconds = parse_fraction(parts.next().unwrap_or_default())?;
    if !negative {
        return Some(Timestamp { seconds, nanoseconds });
    }
    Some(match nanoseconds {
        0 => Timestamp { seconds: -seconds, nanoseconds: 0 },
        _ => Timestamp { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

fn parse_fraction(digits: &[u8]) -> Option<u32> {
    let mut value = 0;
    for place in 0..digits.len().max(9) {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        if place < 9 {
            value = value * 10 + u32::from(digit - b'0');
        }
    }
    Some(value)
}

/// The inverse of [`parse_time`], as short as can be.
pub(super) fn format_time(time: Timestamp) -> String {
    let (sign, seconds, nanoseconds) = match (time.seconds < 0, time.nanoseconds) {
        (false, _) | (_, 0) => ("", time.seconds, time.nanoseconds),
        (true, nanoseconds) => ("-", -(time.seconds + 1), 1_000_000_000 - nanoseconds),
    };
    if nanoseconds == 0 {
        return format!("{sign}{seconds}");
    }
    format!("{sign}{seconds}.{nanoseconds:09}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_octal_or_base_256() {
        let cases: [(&[u8], Option<i64>); 13] = [
            (b"0000644\0", Some(0o644)),
            (b"    644 \0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"77777777", Some(0o7777_7777)),
            (b"0000648\0", None),
            (b"-000001\0", None),
            (b"64 4\0\0\0\0", None),
            (b"\x80\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", Some(-1)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
        ];
        for (field, value) in cases {
            assert_eq!(parse_field(field), value, "{field:?}");
        }
    }

    #[test]
    fn times_have_signs_and_fractions() {
        let time = |seconds, nanoseconds| Some(Timestamp { seconds, nanoseconds });
        let cases: [(&[u8], _); 10] = [
            (b"1350244992.023960108", time(1_350_244_992, 23_960_108)),
            (b"12", time(12, 0)),
            (b"12.", time(12, 0)),
            (b"12.5", time(12, 500_000_000)),
            (b"12.0000000019", time(12, 1)),
            (b"-1.5", time(-2, 500_000_000)),
            (b"-0.000000001", time(-1, 999_999_999)),
            (b".5", None),
            (b"1.5e3", None),
            (b"", None),
        ];
        for (text, value) in cases {
            assert_eq!(parse_time(text), value, "{}", String::from_utf8_lossy(text));
        }
    }

    proptest! {
        #[test]
        fn times_round_trip(
            seconds in super::super::TIME_MIN..=super::super::TIME_MAX,
            nanoseconds in 0_u32..1_000_000_000,
        ) {
            let time = Timestamp { seconds, nanoseconds };
            prop_assert_eq!(parse_time(format_time(time).as_bytes()), Some(time));
        }

        #[test]
        fn no_field_panics(field in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = parse_field(&field);
            let _ = parse_time(&field);
        }
    }
}
