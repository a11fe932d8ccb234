//! Where advisories are known from, in every document that tells of some.

use super::parts;
use crate::report::{AdvisorySources, IgnoredFix, Repair};
use serde_json::{Value, json};

pub(super) fn sources(sources: &AdvisorySources) -> Value {
    let tiers = sources.tiers.iter().map(|row| {
        parts::object([
            ("tier", Some(json!(row.tier))),
            ("source", Some(json!(row.source))),
            ("digest", row.digest.as_ref().map(|digest| json!(digest))),
            ("as_of", row.as_of.as_ref().map(|day| json!(day))),
            ("ecosystems", (!row.ecosystems.is_empty()).then(|| json!(row.ecosystems))),
            ("covered", Some(json!(row.covered))),
            ("of", Some(json!(row.of))),
            ("subject", Some(json!(row.subject))),
            ("not_checked", row.not_checked.as_ref().map(|reason| json!(reason))),
        ])
    });
    let expired = sources.expired.iter().map(|ignore| {
        parts::object([
            ("id", Some(json!(ignore.id))),
            ("package", ignore.package.as_ref().map(|name| json!(name))),
            ("reason", Some(json!(ignore.reason))),
            ("expires", Some(json!(ignore.expires))),
        ])
    });
    json!({
        "tiers": tiers.collect::<Value>(),
        "expired_ignores": expired.collect::<Value>(),
        "lacking": sources.lacking,
    })
}

/// None where nothing is known to be repaired.
pub(super) fn repairs(repairs: &[Repair]) -> Option<Value> {
    let one =
        |repair: &Repair| json!({"tier": repair.tier, "source": repair.source, "ids": repair.ids});
    (!repairs.is_empty()).then(|| repairs.iter().map(one).collect())
}

/// None where nothing is passed over.
pub(super) fn ignored(ignored: &[IgnoredFix]) -> Option<Value> {
    let one = |fix: &IgnoredFix| json!({"id": fix.id, "reason": fix.reason});
    (!ignored.is_empty()).then(|| ignored.iter().map(one).collect())
}
