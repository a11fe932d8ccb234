//! Stamps in texts: dates, times and random ids. Two texts that are equal without their stamps
//! differ for a reason that can be named.

/// What has to be taken out of two texts so that they are equal: the least that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stamps {
    /// Dates of day precision alone: equal in two builds of one day.
    Days,
    /// Dates and times.
    Times,
    /// UUIDs and other ids of 128 bits in hexadecimal.
    Ids,
    /// Both.
    TimesAndIds,
}

impl Stamps {
    const ALL: [Self; 4] = [Self::Days, Self::Times, Self::Ids, Self::TimesAndIds];

    fn covers(self, stamp: Stamp) -> bool {
        match stamp {
            Stamp::Day => self != Self::Ids,
            Stamp::Time => matches!(self, Self::Times | Self::TimesAndIds),
            Stamp::Id => matches!(self, Self::Ids | Self::TimesAndIds),
        }
    }
}

/// Seconds since 1970 for people: `2026-01-01T00:00:00Z`.
pub(super) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// Why two lists of lines differ, if stamps are all that differs.
pub(super) fn explain(left: &[&[u8]], right: &[&[u8]]) -> Option<Stamps> {
    if left.len() != right.len() {
        return None;
    }
    let mut possible = Stamps::ALL.to_vec();
    for (left, right) in left.iter().zip(right).filter(|(left, right)| left != right) {
        let (left, right) = (tokens(left), tokens(right));
        possible.retain(|stamps| {
            left.iter()
                .map(|token| token.without(*stamps))
                .eq(right.iter().map(|token| token.without(*stamps)))
        });
        if possible.is_empty() {
            return None;
        }
    }
    possible.first().copied()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Day,
    Time,
    Id,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Number,
    Word,
    Space,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    text: &'a [u8],
    class: Class,
    stamp: Option<Stamp>,
}

impl<'a> Token<'a> {
    /// What is compared: the text, or only the kind of stamp. `Feb  3` and `Feb 13` are padded
    /// differently, so white space compares equal.
    fn without(&self, stamps: Stamps) -> (Option<Stamp>, &'a [u8]) {
        match self.stamp {
            Some(stamp) if stamps.covers(stamp) => (Some(stamp), b""),
            _ if self.class == Class::Space => (None, b" "),
            _ => (None, self.text),
        }
    }

    fn number(&self) -> Option<u64> {
        std::str::from_utf8(self.text).ok().filter(|_| self.class == Class::Number)?.parse().ok()
    }

    fn is(&self, text: &[u8]) -> bool {
        self.text == text
    }

    fn is_year(&self) -> bool {
        self.text.len() == 4 && self.number().is_some_and(|year| (1970..2100).contains(&year))
    }

    fn is_day_or_month(&self) -> bool {
        self.text.len() <= 2 && self.number().is_some_and(|value| (1..=31).contains(&value))
    }
}

/// A line in tokens, stamps marked.
fn tokens(line: &[u8]) -> Vec<Token<'_>> {
    let mut tokens = split(line);
    mark_clocks(&mut tokens);
    mark_dates(&mut tokens);
    mark_names(&mut tokens);
    mark_numbers(&mut tokens);
    mark_remains(&mut tokens);
    tokens
}

fn split(line: &[u8]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = line;
    let mut is_after_word = false;
    while let Some(first) = rest.first() {
        let id = if is_after_word { 0 } else { id_size(rest) };
        let class = class(*first);
        let size = match class {
            _ if id > 0 => id,
            Class::Other => 1,
            _ => rest.iter().take_while(|byte| self::class(**byte) == class).count(),
        };
        let (text, after) = rest.split_at(size);
        let stamp = (id > 0).then_some(Stamp::Id);
        tokens.push(Token { text, class, stamp });
        is_after_word = matches!(class, Class::Number | Class::Word);
        rest = after;
    }
    tokens
}

fn class(byte: u8) -> Class {
    match byte {
        b'0'..=b'9' => Class::Number,
        byte if byte.is_ascii_alphabetic() => Class::Word,
        byte if byte.is_ascii_whitespace() => Class::Space,
        _ => Class::Other,
    }
}

/// The size of the UUID or the 32 hexadecimal digits that `text` starts with, else 0.
fn id_size(text: &[u8]) -> usize {
    [&[8, 4, 4, 4, 12][..], &[32]]
        .into_iter()
        .find_map(|groups| groups_size(text, groups))
        .unwrap_or(0)
}

fn groups_size(text: &[u8], groups: &[usize]) -> Option<usize> {
    let mut size = 0;
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            text.get(size).filter(|byte| **byte == b'-')?;
            size += 1;
        }
        let digits = text.get(size..size + group)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        size += group;
    }
    // A longer run is a digest: it differs because something else does.
    text.get(size).is_none_or(|byte| !byte.is_ascii_alphanumeric()).then_some(size)
}

/// `10:00`, `10:00:05`, `10:00:05.123`.
fn mark_clocks(tokens: &mut [Token<'_>]) {
    let mut at = 0;
    while at < tokens.len() {
        let rest = tokens.get_mut(at..).unwrap_or_default();
        at += match rest {
            [hour, colon, minute, ..]
                if hour.text.len() <= 2
                    && is_sixty(hour)
                    && colon.is(b":")
                    && is_minute(minute) =>
            {
                mark_clock(rest)
            }
            _ => 1,
        };
    }
}

fn is_sixty(token: &Token<'_>) -> bool {
    token.number().is_some_and(|value| value <= 60)
}

fn is_minute(token: &Token<'_>) -> bool {
    token.text.len() == 2 && is_sixty(token)
}

/// Marks a clock time at the start of `tokens`; gives how many tokens it has.
fn mark_clock(tokens: &mut [Token<'_>]) -> usize {
    let mut size = 3;
    if let Some([colon, second]) = tokens.get(size..size + 2)
        && colon.is(b":")
        && is_minute(second)
    {
        size += 2;
        if let Some([point, fraction]) = tokens.get(size..size + 2)
            && (point.is(b".") || point.is(b","))
            && fraction.class == Class::Number
        {
            // The point stays: one side may write no fraction, and that is a difference of form.
            mark(tokens.get_mut(size + 1..size + 2), Stamp::Time);
        }
    }
    let end = size;
    for token in tokens.get_mut(..end).unwrap_or_default() {
        if token.class == Class::Number {
            token.stamp = Some(Stamp::Time);
        }
    }
    size
}

fn mark(tokens: Option<&mut [Token<'_>]>, stamp: Stamp) {
    for token in tokens.unwrap_or_default() {
        token.stamp = Some(stamp);
    }
}

/// `2026-02-03`, `2026/02/03`, `03.02.2026`.
fn mark_dates(tokens: &mut [Token<'_>]) {
    for at in 0..tokens.len() {
        let Some([first, left, middle, right, last]) = tokens.get_mut(at..at + 5) else { return };
        let is_separated = left.text == right.text && [&b"-"[..], b"/", b"."].contains(&left.text);
        let is_date = (first.is_year() && last.is_day_or_month())
            || (first.is_day_or_month() && last.is_year());
        if is_separated && is_date && middle.is_day_or_month() {
            for token in [first, middle, last] {
                token.stamp = Some(Stamp::Day);
            }
        }
    }
}

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: &[&str] =
    &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Whether a word is one of the names, or the first three letters of one.
fn is_name(token: &Token<'_>, names: &[&str]) -> bool {
    token.class == Class::Word
        && names.iter().any(|name| {
            let short = name.get(..3).unwrap_or(name);
            token.text.eq_ignore_ascii_case(name.as_bytes())
                || token.text.eq_ignore_ascii_case(short.as_bytes())
        })
}

/// `Tue, 03 Feb 2026`, `Tue Feb  3 10:00:00 2026`, `3-Feb-2026`. A month counts only beside a day
/// of the month, a weekday only in a line that has a date or time: `May` and `Sun` are words too.
fn mark_names(tokens: &mut [Token<'_>]) {
    for at in 0..tokens.len() {
        if !tokens.get(at).is_some_and(|token| is_name(token, MONTHS)) {
            continue;
        }
        let near = [at.checked_sub(2), Some(at + 2)].into_iter().flatten();
        let days: Vec<usize> = near
            .filter(|near| {
                tokens
                    .get(*near)
                    .is_some_and(|token| token.is_day_or_month() && token.stamp.is_none())
            })
            .collect();
        if let Some(day) = days.first() {
            for marked in [at, *day] {
                mark(tokens.get_mut(marked..=marked), Stamp::Day);
            }
        }
    }
}

/// `20260203`, `20260203100000`, and seconds, milliseconds, … since 1970.
fn mark_numbers(tokens: &mut [Token<'_>]) {
    /// 2001-09-09 to 2100.
    const SECONDS: std::ops::Range<u64> = 1_000_000_000..4_102_444_800;
    for token in tokens.iter_mut().filter(|token| token.stamp.is_none()) {
        let Some(value) = token.number() else { continue };
        let seconds = match token.text.len() {
            10 => value,
            13 => value / 1_000,
            16 => value / 1_000_000,
            19 => value / 1_000_000_000,
            _ => 0,
        };
        let date = match token.text.len() {
            8 => value,
            14 => value / 1_000_000,
            _ => 0,
        };
        let is_date = (1970..2100).contains(&(date / 10_000))
            && (1..=12).contains(&(date / 100 % 100))
            && (1..=31).contains(&(date % 100));
        if SECONDS.contains(&seconds) || (is_date && token.text.len() == 14) {
            token.stamp = Some(Stamp::Time);
        } else if is_date {
            token.stamp = Some(Stamp::Day);
        }
    }
}

/// What belongs to a date or time elsewhere in the line: weekday, year, zone.
fn mark_remains(tokens: &mut [Token<'_>]) {
    let has = |stamp| tokens.iter().any(|token| token.stamp == Some(stamp));
    let (has_day, has_time) = (has(Stamp::Day), has(Stamp::Time));
    for at in 0..tokens.len() {
        let after_sign = at
            .checked_sub(1)
            .and_then(|before| tokens.get(before))
            .is_some_and(|token| token.is(b"+") || token.is(b"-"));
        let Some(token) = tokens.get_mut(at).filter(|token| token.stamp.is_none()) else {
            continue;
        };
        let is_zone = [&b"UTC"[..], b"GMT", b"CET", b"CEST", b"AM", b"PM"].contains(&token.text)
            || (after_sign && token.class == Class::Number && token.text.len() == 4);
        if (has_day || has_time) && is_name(token, WEEKDAYS) || has_day && token.is_year() {
            token.stamp = Some(Stamp::Day);
        } else if has_time && is_zone {
            token.stamp = Some(Stamp::Time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn explained(left: &str, right: &str) -> Option<Stamps> {
        explain(&[left.as_bytes()], &[right.as_bytes()])
    }

    #[test]
    fn dates_of_day_precision() {
        for (left, right) in [
            ("built 2026-02-03", "built 2026-12-14"),
            ("built 3/2/2026.", "built 4/2/2026."),
            ("# 3 Feb 2026", "# 14 Mar 2027"),
            ("Tue, 03 Feb 2026", "Wed, 04 Feb 2026"),
            ("February 3, 2026", "March 4, 2026"),
            ("version 20260203", "version 20260204"),
        ] {
            assert_eq!(explained(left, right), Some(Stamps::Days), "{left} {right}");
        }
    }

    #[test]
    fn dates_with_times() {
        for (left, right) in [
            ("at 2026-02-03T10:00:05Z", "at 2026-02-04T11:10:15Z"),
            ("at 2026-02-03 10:00:05.123", "at 2026-02-03 10:00:06.99"),
            ("Tue Feb  3 10:00:00 UTC 2026", "Wed Feb 14 10:00:01 CET 2027"),
            ("Tue, 03 Feb 2026 10:00:00 +0000", "Wed, 04 Feb 2026 12:00:00 +0200"),
            ("stamp=1767225600", "stamp=1767312345"),
            ("\"time\":1767225600123,", "\"time\":1767312345999,"),
            ("backup-20260203100000", "backup-20260204110000"),
        ] {
            assert_eq!(explained(left, right), Some(Stamps::Times), "{left} {right}");
        }
    }

    #[test]
    fn ids_and_both() {
        let (left, right) =
            ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        assert_eq!(explained(left, right), Some(Stamps::Ids));
        let uuid = "id: 12345678-1234-1234-1234-123456789abc";
        assert_eq!(explained(uuid, &uuid.replace('1', "f")), Some(Stamps::Ids));
        let both = format!("{left} 2026-02-03");
        assert_eq!(explained(&both, &format!("{right} 2026-02-04")), Some(Stamps::TimesAndIds));
    }

    #[test]
    fn other_differences_are_not_stamps() {
        for (left, right) in [
            ("version 1.2.3", "version 1.2.4"),
            ("May I", "Mar I"),
            ("port 8080", "port 8081"),
            ("5.10.0-8", "5.10.0-9"),
            ("at 2026-02-03 by a", "at 2026-02-04 by b"),
            ("1:23 x", "1:2 x"),
            ("size 12345678", "size 87654321"),
            // A digest of 64 digits differs because of something else.
            (&"a1".repeat(32), &"b2".repeat(32)),
        ] {
            assert_eq!(explained(left, right), None, "{left} {right}");
        }
        assert_eq!(explain(&[b"a"], &[b"a", b"b"]), None);
    }

    proptest! {
        #[test]
        fn any_line_is_its_tokens(line: Vec<u8>) {
            let tokens = tokens(&line);
            let joined: Vec<u8> = tokens.iter().flat_map(|token| token.text.to_vec()).collect();
            prop_assert_eq!(joined, line);
        }

        #[test]
        fn any_two_times_are_explained(left in 1_000_000_000i64..4_000_000_000, right in 1_000_000_000i64..4_000_000_000) {
            let stamp = explained(&time(left), &time(right));
            prop_assert!(matches!(stamp, Some(Stamps::Days | Stamps::Times)));
        }
    }
}
