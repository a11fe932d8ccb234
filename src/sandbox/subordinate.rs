//! Subordinate ids: the ranges of `/etc/subuid` and `/etc/subgid` that a user may map into a
//! namespace. Text in, values out.

/// A range of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) count: u32,
}

/// The largest range that a file in the form of
/// [subuid(5)](https://man7.org/linux/man-pages/man5/subuid.5.html) gives to the user, who is named
/// there by name or by id. Lines that make no sense are skipped, as shadow's own reader does.
pub(super) fn range_of(text: &str, user: &str, uid: u32) -> Option<Range> {
    let uid = uid.to_string();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            let start = fields.next()?.parse().ok()?;
            let count = fields.next()?.parse().ok()?;
            let ends = fields.next().is_none() && count > 0;
            (ends && (owner == user || owner == uid)).then_some(Range { start, count })
        })
        .filter(|range| range.start.checked_add(range.count).is_some())
        // The first of the largest: `max_by_key` takes the last.
        .reduce(|best, range| if range.count > best.count { range } else { best })
}

/// The arguments of `newuidmap`: the user itself becomes 0, the range follows from 1 on.
pub(super) fn map_arguments(process: i32, own: u32, range: Range) -> Vec<String> {
    let numbers = [0, own, 1, 1, range.start, range.count];
    [process.to_string()].into_iter().chain(numbers.iter().map(u32::to_string)).collect()
}

/// The user's name in a file in the form of `/etc/passwd`.
pub(super) fn user_name(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        (id == uid && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_by_name_and_by_id() {
        let text = "root:1:5\nann:100000:65536\n1001:200000:70000\nbroken\nann:x:1\nann:1:0\n";
        assert_eq!(range_of(text, "ann", 1000), Some(Range { start: 100_000, count: 65_536 }));
        assert_eq!(range_of(text, "bob", 1001), Some(Range { start: 200_000, count: 70_000 }));
        assert_eq!(range_of(text, "ann", 1001), Some(Range { start: 200_000, count: 70_000 }));
        assert_eq!(range_of(text, "bob", 1002), None);
        assert_eq!(range_of("ann:4294967295:2\n", "ann", 1), None);
        assert_eq!(range_of("ann:5:2:9\n", "ann", 1), None);
        assert_eq!(range_of("", "ann", 1), None);
    }

    #[test]
    fn the_first_of_equal_ranges_counts() {
        let text = "ann:100000:65536\nann:300000:65536\n";
        assert_eq!(range_of(text, "ann", 1).map(|range| range.start), Some(100_000));
    }

    #[test]
    fn the_user_becomes_root() {
        let range = Range { start: 100_000, count: 65_536 };
        assert_eq!(
            map_arguments(77, 1000, range),
            ["77", "0", "1000", "1", "1", "100000", "65536"]
        );
    }

    #[test]
    fn names_of_users() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n+::::::\n";
        assert_eq!(user_name(passwd, 1000), Some("ann"));
        assert_eq!(user_name(passwd, 7), None);
    }
}
