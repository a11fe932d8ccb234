//! What of a source is copied: `.dockerignore`, `--exclude`, and the pattern of `--parents`.

use super::source::View;
use super::{CopyError, name};
use crate::dockerfile::ignore::Ignore;

/// The rules for one source. `path` is where something is in the context or tree, `relative` where
/// it is below the source.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    ignore: Option<&'a Ignore>,
    exclude: &'a Ignore,
    /// Leaves out what does not match the pattern of `--parents`.
    others: Option<Ignore>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(
        view: &View<'a>,
        exclude: &'a Ignore,
        only: Option<&str>,
    ) -> Result<Self, CopyError> {
        let others = match only {
            // The root itself is meant, and so everything.
            None | Some("") => None,
            Some(pattern) => {
                let patterns = ["**".to_owned(), format!("!{pattern}")];
                Some(Ignore::from_patterns(&patterns).map_err(CopyError::Parents)?)
            }
        };
        Ok(Self { ignore: view.ignore(), exclude, others })
    }

    /// Whether something below the source is copied.
    pub(super) fn takes(&self, path: &[u8], relative: &[u8]) -> bool {
        !self.exclude.is_ignored(relative)
            && self.ignore.is_none_or(|ignore| !ignore.is_ignored(path))
            && self.others.as_ref().is_none_or(|others| !others.is_ignored(relative))
    }

    /// Whether something below this directory may be copied.
    pub(super) fn may_take_below(&self, path: &[u8], relative: &[u8]) -> bool {
        self.exclude.may_match_below(relative)
            && self.ignore.is_none_or(|ignore| ignore.may_match_below(path))
            && self.others.as_ref().is_none_or(|others| others.may_match_below(relative))
    }

    /// Whether `--exclude` names a source that is a file, by its path or its name.
    pub(super) fn excludes_source(&self, path: &[u8]) -> bool {
        self.exclude.is_ignored(path) || self.exclude.is_ignored(name(path))
    }
}
