//! Findings of one cause at one instruction, as one thing: what a CI system shows as one result.

use super::Roots;
use crate::finding::{Cause, Finding, Location, Severity};
use crate::oci::Digest;
use crate::report::{inert, words};

/// One cause at one instruction.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The cause.
    pub cause: &'static Cause,
    /// The worst severity of its findings.
    pub severity: Severity,
    /// The instruction, where known.
    pub location: Option<&'a Location>,
    /// The findings, in their order.
    pub findings: Vec<&'a Finding>,
    /// How many groups of the same cause stand before it whose instruction reads the same.
    pub ordinal: usize,
}

impl<'a> Group<'a> {
    /// All groups: errors first, then in the order in which the first finding of each stands.
    pub fn all(findings: &'a [Finding]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        // Positions by cause and place: a hostile image can make many findings.
        let mut known = std::collections::BTreeMap::new();
        let mut ordinals = std::collections::BTreeMap::new();
        for finding in findings {
            let location = finding.location.as_ref();
            let at = *known.entry((finding.cause.id, location)).or_insert(groups.len());
            if let Some(group) = groups.get_mut(at) {
                group.severity = group.severity.max(finding.severity);
                group.findings.push(finding);
                continue;
            }
            let text = location.map(|place| (&place.file, place.instruction.as_str()));
            let ordinal = ordinals.entry((finding.cause.id, text)).or_insert(0_usize);
            groups.push(Self {
                cause: finding.cause,
                severity: finding.severity,
                location,
                findings: vec![finding],
                ordinal: *ordinal,
            });
            *ordinal += 1;
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.severity));
        groups
    }

    /// Paths in the image that show it.
    pub fn paths(&self) -> impl Iterator<Item = &'a [u8]> {
        self.findings.iter().flat_map(|finding| finding.paths.iter()).map(Vec::as_slice)
    }

    /// How many there are.
    pub fn path_count(&self) -> usize {
        self.findings.iter().map(|finding| finding.paths.len()).sum()
    }

    /// One line: the first finding's sentence, and how many more there are. It is inert.
    pub fn message(&self) -> String {
        let first = self.findings.first().map(|finding| inert::text(&finding.message));
        let first = first.unwrap_or_default();
        match self.findings.len() {
            0 | 1 => first,
            count => {
                let more = words::counted((count - 1) as u64, "more finding");
                format!("{first}; and {more} of this cause here")
            }
        }
    }

    /// What to do about it. It is inert.
    pub fn mend(&self) -> String {
        self.findings.first().map(|finding| inert::text(finding.mend())).unwrap_or_default()
    }

    /// Names it over time: cause, file and instruction, wherever the line has moved to.
    pub fn fingerprint(&self, roots: &Roots) -> String {
        let (file, instruction) = match self.location {
            Some(location) => (roots.path(&location.file), location.instruction.clone()),
            None => (String::new(), String::new()),
        };
        let ordinal = self.ordinal.to_string();
        let named = [self.cause.id, &file, &instruction, &ordinal].join("\0");
        Digest::of(named.as_bytes()).hex().chars().take(32).collect()
    }
}
