//! How bad a vulnerability is: CVSS scores and the words of distributions.

use std::str::FromStr as _;

/// How bad a vulnerability is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Severity {
    /// The word.
    pub rating: Rating,
    /// The CVSS score in tenths, 0 to 100, where there is one.
    pub score_tenths: Option<u8>,
    /// The CVSS vector that the score is of.
    pub vector: Option<String>,
}

/// The words of CVSS: <https://www.first.org/cvss/v4.0/specification-document#Qualitative-Severity-Rating-Scale>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rating {
    /// 0.0
    None,
    /// 0.1 to 3.9
    Low,
    /// 4.0 to 6.9
    Medium,
    /// 7.0 to 8.9
    High,
    /// 9.0 to 10.0
    Critical,
}

impl Rating {
    /// The word, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The words of distributions and forges, none for others (`untriaged`, `not yet assigned`).
    pub(super) fn of_word(word: &str) -> Option<Self> {
        // The tracker of Debian marks what the maintainer, not the team, has judged.
        match &*word.trim_end_matches('*').to_ascii_lowercase() {
            "unimportant" | "none" => Some(Self::None),
            "negligible" | "low" | "minor" => Some(Self::Low),
            "medium" | "moderate" => Some(Self::Medium),
            "high" | "important" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }
}

impl Severity {
    /// Of a word alone.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        Rating::of_word(word).map(|rating| Self { rating, score_tenths: None, vector: None })
    }

    /// Of a CVSS vector, version 2, 3 or 4; none where it is malformed.
    pub(super) fn of_vector(vector: &str) -> Option<Self> {
        // The longest vectors of version 4 have less than 250 characters.
        let vector = vector.trim().get(..vector.trim().len().min(400))?;
        if !is_whole(vector) {
            return None;
        }
        let (score, rating) = if vector.starts_with("CVSS:") {
            let parsed = cvss::Cvss::from_str(vector).ok()?;
            (parsed.score(), parsed.severity())
        } else {
            let parsed = cvss::v2::Vector::from_str(vector).ok()?;
            (parsed.score().value(), parsed.score().severity())
        };
        let rating = match rating {
            cvss::Severity::None => Rating::None,
            cvss::Severity::Low => Rating::Low,
            cvss::Severity::Medium => Rating::Medium,
            cvss::Severity::High => Rating::High,
            cvss::Severity::Critical => Rating::Critical,
        };
        Some(Self { rating, score_tenths: tenths(score), vector: Some(vector.to_owned()) })
    }

    /// The best of several vectors: the newest version of CVSS.
    pub(super) fn of_vectors<'a>(vectors: impl Iterator<Item = &'a str>) -> Option<Self> {
        let age = |vector: &str| match vector.strip_prefix("CVSS:") {
            Some(version) => version.chars().take(3).collect(),
            None => String::new(),
        };
        let parsed = vectors.filter_map(|vector| Some((age(vector), Self::of_vector(vector)?)));
        parsed.max_by(|left, right| left.0.cmp(&right.0)).map(|(_, severity)| severity)
    }
}

/// Whether all metrics are there that have no default; the crate scores without them.
fn is_whole(vector: &str) -> bool {
    let required: &[&str] = match vector.get(..7) {
        Some("CVSS:3.") => &["AV", "AC", "PR", "UI", "S", "C", "I", "A"],
        Some("CVSS:4.") => &["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"],
        Some(_) => &["AV", "AC", "Au", "C", "I", "A"],
        None => return false,
    };
    let names: Vec<_> = vector.split('/').filter_map(|metric| metric.split(':').next()).collect();
    required.iter().all(|name| names.contains(name))
}

/// One decimal is all that scores have.
fn tenths(score: f64) -> Option<u8> {
    (0..=100_u8).min_by(|left, right| {
        let off = |tenths: u8| (f64::from(tenths) - score * 10.0).abs();
        off(*left).total_cmp(&off(*right))
    })
}
