//! `[update]`: how old a version must be to be taken.

use super::{Fault, Text};
use crate::update::parse_age;
use serde::Deserialize;
use std::ops::Range;
use std::time::Duration;

/// `[update]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cli) struct UpdateSettings {
    /// How long ago a version must have been published.
    pub(in crate::cli) min_age: Option<Duration>,
    /// The same of one that repairs something; none for any age.
    pub(in crate::cli) security_min_age: Option<Duration>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Wire {
    min_age: Option<Text>,
    security_min_age: Option<Text>,
}

impl Wire {
    pub(super) fn read(
        self,
        at: &dyn Fn(Range<usize>, String) -> Fault,
    ) -> Result<UpdateSettings, Fault> {
        let age = |key: &str, text: Option<Text>| {
            let read = |text: Text| {
                let age = parse_age(text.get_ref());
                age.map_err(|problem| at(text.span(), format!("`{key}`: {problem}")))
            };
            text.map(read).transpose()
        };
        Ok(UpdateSettings {
            min_age: age("min-age", self.min_age)?,
            security_min_age: age("security-min-age", self.security_min_age)?,
        })
    }
}
