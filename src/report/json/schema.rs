//! The JSON Schemas of the documents, written by hand and held to them by tests.

/// A document that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaName {
    /// Of `rlock check --format json`.
    Check,
    /// Of `rlock diff --format json`.
    Diff,
    /// Of `rlock lock --format json`.
    Lock,
    /// Of `rlock verify --format json`.
    Verify,
    /// Of `rlock store status --format json`.
    StoreStatus,
    /// Of `rlock lock --verify --format json`.
    Proof,
    /// Of `rlock review --format json`.
    Review,
    /// Of `rlock update --format json`.
    Update,
    /// Of `rlock outdated --format json`.
    Outdated,
}

impl SchemaName {
    /// The JSON Schema, in the dialect of 2020-12.
    pub fn text(self) -> &'static str {
        match self {
            Self::Check => include_str!("../schema/check.json"),
            Self::Diff => include_str!("../schema/diff.json"),
            Self::Lock => include_str!("../schema/lock.json"),
            Self::Verify => include_str!("../schema/verify.json"),
            Self::StoreStatus => include_str!("../schema/store-status.json"),
            Self::Proof => include_str!("../schema/proof.json"),
            Self::Review => include_str!("../schema/review.json"),
            Self::Update => include_str!("../schema/update.json"),
            Self::Outdated => include_str!("../schema/outdated.json"),
        }
    }
}
