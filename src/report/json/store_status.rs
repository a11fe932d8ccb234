//! `rlock.store-status/1`.

use super::{Options, head, parts, write};
use crate::report::{StoreStatusReport, Supply, SupplyRow, SupplyState};
use serde_json::{Map, Value, json};

/// The document.
pub fn store_status(report: &StoreStatusReport, options: Options) -> String {
    let mut document = head("store-status", report.status, options);
    parts::extend(
        &mut document,
        [
            ("lock", Some(parts::file(&report.lock))),
            ("remote", report.remote.as_ref().map(|remote| json!(remote))),
            ("summary", Some(summary(report))),
            ("urls", Some(report.rows.iter().map(row).collect())),
        ],
    );
    write(&document)
}

fn summary(report: &StoreStatusReport) -> Value {
    let mut counts = Map::new();
    counts.insert("urls".to_owned(), json!(report.rows.len()));
    for state in SupplyState::ALL {
        counts.insert(state.name().replace('-', "_"), json!(report.count(state)));
    }
    counts.insert("gone_upstream".to_owned(), json!(report.gone_upstream()));
    counts.insert("without_digest".to_owned(), json!(report.without_digest));
    Value::Object(counts)
}

fn row(row: &SupplyRow) -> Value {
    let mirror = |(url, found): &(String, Supply)| {
        let mut mirror = Map::new();
        mirror.insert("url".to_owned(), json!(url));
        mirror.insert("supply".to_owned(), supply(found));
        Value::Object(mirror)
    };
    parts::object([
        ("url", Some(json!(row.url))),
        ("kind", Some(json!(row.kind))),
        ("digest", Some(parts::digest(row.digest))),
        ("size", row.size.map(|size| json!(size))),
        ("state", Some(json!(row.state().name()))),
        ("store", Some(supply(&row.store))),
        ("remote", Some(supply(&row.remote))),
        ("upstream", Some(supply(&row.upstream))),
        ("mirrors", Some(row.mirrors.iter().map(mirror).collect())),
    ])
}

fn supply(supply: &Supply) -> Value {
    parts::object([
        ("is", Some(json!(supply.name()))),
        ("reason", supply.reason().map(|reason| json!(reason))),
    ])
}
