//! One table: a header that names the columns, a line for each release.

use crate::advisory::Date;

/// Bytes of a table; those of Debian and Ubuntu have some 3,000.
pub const SIZE_MAX: usize = 1 << 20;

/// Lines of a table.
const ROWS_MAX: usize = 10_000;

/// A table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: line {line}: {reason}")]
pub struct LifecycleError {
    /// What is read.
    pub source_name: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// The releases of a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Where it is from.
    pub source: String,
    /// The day that it is of, where that is known.
    pub as_of: Option<Date>,
    pub(super) rows: Vec<Release>,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Release {
    /// Without words behind it: `22.04` of `22.04 LTS`.
    pub(super) version: String,
    /// Whether such words call it one with long support.
    pub(super) is_lts: bool,
    /// `bookworm`
    pub(super) series: String,
    /// When it came out.
    pub(super) released: Option<Date>,
    /// What ends when, in the order of the columns.
    pub(super) ends: Vec<End>,
}

/// The last day of one kind of support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) support: Support,
    pub(super) last: Date,
}

/// A kind of support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Support {
    /// `LTS`
    pub(super) name: &'static str,
    /// Whether only subscribers get it.
    pub(super) is_paid: bool,
}

/// Columns of ends, and what they are about. Another one is passed over.
const SUPPORTS: [(&str, Support); 7] = [
    ("eol", Support { name: "regular support", is_paid: false }),
    ("eol-server", Support { name: "support of servers", is_paid: false }),
    ("eol-lts", Support { name: "LTS", is_paid: false }),
    ("eol-elts", Support { name: "ELTS", is_paid: true }),
    ("eol-esm", Support { name: "ESM", is_paid: true }),
    ("eol-els", Support { name: "ELS", is_paid: true }),
    ("eol-legacy", Support { name: "Legacy support", is_paid: true }),
];

impl Table {
    /// Reads a table.
    pub fn read(text: &str, source: &str, as_of: Option<Date>) -> Result<Self, LifecycleError> {
        let failed = |line: usize, reason: String| LifecycleError {
            source_name: source.to_owned(),
            line,
            reason,
        };
        if text.len() > SIZE_MAX {
            return Err(failed(1, format!("it has more than {SIZE_MAX} bytes")));
        }
        let mut lines = text.lines().map(str::trim_end).enumerate();
        let header = lines.next().map_or("", |(_, line)| line);
        let columns: Vec<&str> = header.split(',').map(str::trim).collect();
        for needed in ["version", "series", "eol"] {
            if !columns.contains(&needed) {
                return Err(failed(1, format!("there is no column `{needed}`")));
            }
        }
        let mut rows = Vec::new();
        for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
            rows.push(row(&columns, line).map_err(|reason| failed(at + 1, reason))?);
            if rows.len() > ROWS_MAX {
                return Err(failed(at + 1, format!("there are more than {ROWS_MAX} releases")));
            }
        }
        Ok(Self { source: source.to_owned(), as_of, rows })
    }

    pub(super) fn version_of(&self, series: &str) -> Option<&str> {
        let row = self.rows.iter().find(|row| row.series == series)?;
        Some(&row.version)
    }
}

fn row(columns: &[&str], line: &str) -> Result<Release, String> {
    let values: Vec<&str> = line.split(',').map(str::trim).collect();
    if values.len() > columns.len() {
        return Err(format!(
            "it has {} values, and there are {} columns",
            values.len(),
            columns.len()
        ));
    }
    // Columns at the end may be left out.
    let value = |name: &str| {
        let at = columns.iter().position(|column| *column == name)?;
        values.get(at).copied().filter(|value| !value.is_empty())
    };
    let day = |name: &str| {
        let read = |text: &str| {
            text.parse::<Date>().map_err(|_| format!("`{name}` is no day such as 2026-07-11"))
        };
        value(name).map(read).transpose()
    };
    let mut ends = Vec::new();
    for (name, support) in SUPPORTS {
        ends.extend(day(name)?.map(|last| End { support, last }));
    }
    let version = value("version").unwrap_or_default();
    let (number, words) = version.split_once(' ').unwrap_or((version, ""));
    Ok(Release {
        version: number.to_owned(),
        is_lts: words.contains("LTS"),
        series: value("series").ok_or("it has no `series`")?.to_owned(),
        released: day("release")?,
        ends,
    })
}
