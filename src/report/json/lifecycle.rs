//! Until when the distributions of a lock get updates, in every document that tells of it.

use super::parts;
use crate::report::LifecycleRow;
use serde_json::{Value, json};

pub(super) fn all(rows: &[LifecycleRow]) -> Value {
    rows.iter().map(one).collect()
}

fn one(row: &LifecycleRow) -> Value {
    match &row.found {
        Ok(found) => parts::object([
            ("subject", Some(json!(row.subject))),
            ("checked", Some(json!(true))),
            ("distribution", Some(json!(found.distribution))),
            ("state", Some(json!(found.state))),
            ("until", Some(json!(found.until))),
            ("words", Some(json!(found.words))),
            ("plan", found.plan.as_ref().map(|plan| json!(plan))),
            ("source", Some(json!(found.source))),
            ("as_of", found.as_of.as_ref().map(|day| json!(day))),
        ]),
        Err(reason) => json!({"subject": row.subject, "checked": false, "reason": reason}),
    }
}
