//! Until when a distribution gets updates: tables in the form of Debian's `distro-info-data`, one for
//! each `ID` of os-release. <https://salsa.debian.org/debian/distro-info-data>

mod packages;
mod standing;
mod table;
#[cfg(test)]
mod tests;

pub use standing::{Standing, State};
pub use table::{LifecycleError, SIZE_MAX, Table};

use super::Date;
use crate::package::Distribution;
use std::collections::BTreeMap;

/// What is built in: `ID`, table, origin, state.
const SNAPSHOT: [(&str, &str, &str, &str); 7] = [
    (
        "debian",
        include_str!("debian.csv"),
        "distro-info-data 0.58+deb12u7 (built in)",
        "2026-04-25",
    ),
    (
        "ubuntu",
        include_str!("ubuntu.csv"),
        "distro-info-data 0.58+deb12u7 (built in)",
        "2026-04-25",
    ),
    ("alpine", include_str!("alpine.csv"), "releases of Alpine Linux (built in)", "2026-01-27"),
    ("fedora", include_str!("fedora.csv"), "releases of Fedora (built in)", "2026-05-13"),
    ("rhel", include_str!("rhel.csv"), "life cycle of RHEL (built in)", "2025-01-01"),
    ("rocky", include_str!("rocky.csv"), "releases of Rocky Linux (built in)", "2025-12-01"),
    ("almalinux", include_str!("almalinux.csv"), "releases of AlmaLinux (built in)", "2025-08-01"),
];

/// Tables by `ID`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    tables: BTreeMap<String, Table>,
}

impl Lifecycle {
    /// What is built in.
    pub fn built_in() -> Result<Self, LifecycleError> {
        let mut all = Self::default();
        for (id, text, source, as_of) in SNAPSHOT {
            let table = Table::read(text, source, as_of.parse().ok())?;
            all.tables.insert(id.to_owned(), table);
        }
        Ok(all)
    }

    /// Replaces the table of an `ID`.
    pub fn replace(&mut self, id: &str, table: Table) {
        self.tables.insert(id.to_owned(), table);
    }

    /// Where a distribution stands on a day; why that is not known, else.
    pub fn standing(&self, of: &Distribution, today: Date) -> Result<Standing, String> {
        let table = self
            .tables
            .get(&of.id)
            .ok_or_else(|| format!("no table of ends of life has `{}`", of.id))?;
        table.standing(of, today)
    }

    /// The distribution that has a series of this name: `bookworm`, `noble`.
    pub fn of_series(&self, series: &str) -> Option<Distribution> {
        let mut found = self.tables.iter().filter_map(|(id, table)| {
            Some(Distribution {
                id: id.clone(),
                version_id: table.version_of(series)?.to_owned(),
                codename: Some(series.to_owned()),
                like: Vec::new(),
            })
        });
        // A name that two have says nothing.
        found.next().filter(|_| found.next().is_none())
    }
}
