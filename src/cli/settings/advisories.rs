//! `[advisories]`: data, a service, and what is passed over.

use super::{Fault, Text, shown, word};
use crate::advisory::Ignore;
use crate::registry::service_address;
use serde::Deserialize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use url::Url;

/// `[advisories]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct AdvisorySettings {
    /// Data, relative to the file.
    pub(in crate::cli) paths: Vec<PathBuf>,
    /// Ends of life, relative to the file.
    pub(in crate::cli) lifecycle: Option<PathBuf>,
    /// The address of a service. That it is here asks nothing of it.
    pub(in crate::cli) service: Option<Url>,
    /// What is passed over.
    pub(in crate::cli) ignores: Vec<Ignore>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    #[serde(default)]
    paths: Vec<Text>,
    lifecycle: Option<Text>,
    service: Option<Text>,
    #[serde(default)]
    ignore: Vec<Spanned<Ignore>>,
}

impl Wire {
    pub(super) fn read(
        self,
        at: &dyn Fn(Range<usize>, String) -> Fault,
        once: &mut dyn FnMut(Range<usize>, (String, String)) -> Result<(), Fault>,
    ) -> Result<AdvisorySettings, Fault> {
        let mut settings = AdvisorySettings::default();
        for text in self.paths {
            let path = relative(text.get_ref());
            let path = path.map_err(|problem| at(text.span(), format!("`paths`: {problem}")))?;
            once(text.span(), (path.clone(), "advisory data".to_owned()))?;
            settings.paths.push(path.into());
        }
        if let Some(text) = self.lifecycle {
            let path = relative(text.get_ref());
            let path =
                path.map_err(|problem| at(text.span(), format!("`lifecycle`: {problem}")))?;
            settings.lifecycle = Some(path.into());
        }
        if let Some(text) = self.service {
            let address = service_address(text.get_ref());
            let address =
                address.map_err(|problem| at(text.span(), format!("`service`: {problem}")))?;
            settings.service = Some(address);
        }
        for ignore in self.ignore {
            let (span, ignore) = (ignore.span(), ignore.into_inner());
            let package = ignore.package.as_deref().unwrap_or("all packages");
            once(span, (package.to_owned(), format!("an ignore of {}", ignore.id)))?;
            settings.ignores.push(ignore);
        }
        Ok(settings)
    }
}

/// A path that is the same on every machine that has the project.
fn relative(text: &str) -> Result<String, String> {
    let path = word(text)?;
    if Path::new(&path).is_absolute() {
        let path = shown(text);
        return Err(format!(
            "`{path}` is absolute: name data relative to this file, or with `--advisories`"
        ));
    }
    Ok(path)
}
