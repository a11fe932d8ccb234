//! Build arguments: what the user gave, what the platform says, and what global `ARG`s default to.

use crate::dockerfile::expand::{Expander, Lookup};
use crate::dockerfile::{Arg, ParseError};
use crate::oci::Platform;
use std::collections::{BTreeMap, BTreeSet};

/// Arguments that every `RUN` sees when they are given, declared or not, and that make no step stale.
/// <https://docs.docker.com/reference/dockerfile/#predefined-args>
const PREDEFINED: [&str; 10] = [
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "ftp_proxy",
    "https_proxy",
    "http_proxy",
    "no_proxy",
];

/// The values of `--build-arg`, and those that follow from the platform.
#[derive(Debug, Clone)]
pub struct Arguments {
    given: BTreeMap<String, String>,
    platform: BTreeMap<String, String>,
}

impl Arguments {
    /// The arguments of a build for `platform` on a machine of the same platform.
    pub fn new(given: BTreeMap<String, String>, platform: &Platform) -> Self {
        Self { given, platform: platform_arguments(platform) }
    }

    /// What the user gave for `name`.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// What the platform says of `name`.
    pub(super) fn of_platform(&self, name: &str) -> Option<&str> {
        self.platform.get(name).map(String::as_str)
    }

    /// The predefined arguments that were given.
    pub(super) fn predefined(&self) -> impl Iterator<Item = (&str, &str)> {
        PREDEFINED.into_iter().filter_map(|name| Some((name, self.given(name)?)))
    }

    /// Given arguments that no `ARG` declares: probably a typing error.
    pub(super) fn unused(&self, declared: &BTreeSet<String>) -> Vec<String> {
        let known = |name: &String| {
            declared.contains(name)
                || PREDEFINED.contains(&name.as_str())
                || self.platform.contains_key(name)
        };
        self.given.keys().filter(|name| !known(name)).cloned().collect()
    }

    /// The values of the global `ARG`s, each default expanded with those before it.
    pub(super) fn global(
        &self,
        declarations: &[Arg],
        expander: &Expander,
    ) -> Result<BTreeMap<String, String>, ParseError> {
        let mut values = self.platform.clone();
        for pair in declarations.iter().flat_map(|declaration| &declaration.pairs) {
            let name = &pair.name.text;
            let value = match (self.given(name), &pair.value) {
                (Some(given), _) => Some(given.to_owned()),
                (None, Some(default)) => {
                    let lookup = Lookup(|variable: &str| values.get(variable).cloned());
                    let expanded = expander.word(&default.text, &lookup);
                    Some(expanded.map_err(|error| super::expansion(default.span, &error))?)
                }
                (None, None) => None,
            };
            if let Some(value) = value {
                values.insert(name.clone(), value);
            }
        }
        Ok(values)
    }
}

/// <https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope>
fn platform_arguments(platform: &Platform) -> BTreeMap<String, String> {
    let values = |prefix: &str| {
        [
            (format!("{prefix}PLATFORM"), platform.to_string()),
            (format!("{prefix}OS"), platform.os.clone()),
            (format!("{prefix}ARCH"), platform.architecture.clone()),
            (format!("{prefix}VARIANT"), platform.variant.clone().unwrap_or_default()),
        ]
    };
    values("BUILD").into_iter().chain(values("TARGET")).collect()
}
