//! Until when the distributions of a lock get updates.

/// One distribution of a lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LifecycleRow {
    /// The image that it is of, or what else says it.
    pub subject: String,
    /// What is known of it; else why it is not checked.
    pub found: Result<Lifespan, String>,
}

/// Until when a distribution gets updates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifespan {
    /// `debian 12 (bookworm)`
    pub distribution: String,
    /// `supported`, `extended`, `ended`.
    pub state: &'static str,
    /// In words, with what to plan: `bookworm is in LTS (…) — plan trixie`.
    pub words: String,
    /// The last day of what everybody gets.
    pub until: String,
    /// The release to move to, where one is named.
    pub plan: Option<String>,
    /// Where that is known from.
    pub source: String,
    /// The day that this is of.
    pub as_of: Option<String>,
}

impl LifecycleRow {
    /// A line without the subject. It has foreign text in it.
    pub fn words(&self) -> String {
        match &self.found {
            Ok(found) => {
                let as_of = found.as_of.as_ref().map(|day| format!(", as of {day}"));
                let as_of = as_of.unwrap_or_else(|| ", without a date".to_owned());
                format!("{} [{}{as_of}]", found.words, found.source)
            }
            Err(reason) => format!("end of life not checked: {reason}"),
        }
    }

    /// Whether it is regularly supported.
    pub fn is_good(&self) -> bool {
        self.found.as_ref().is_ok_and(|found| found.state == "supported")
    }
}
