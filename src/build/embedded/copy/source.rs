//! Finding sources: paths and patterns in a context or tree.

use super::error::Place;
use super::{CopyError, From, join};
use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::pattern;
use crate::store::rooted::{FileKind, Metadata, Root};
use std::fs::File;
use std::io;

/// The part of a directory that can be copied: all of a tree, of a context what `.dockerignore`
/// does not leave out.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) root: &'a Root,
    ignore: Option<&'a Ignore>,
}

impl<'a> View<'a> {
    pub(super) fn of(from: From<'a>) -> Self {
        match from {
            From::Context { root, ignore } => Self { root, ignore: Some(ignore) },
            From::Tree { root } => Self { root, ignore: None },
        }
    }

    pub(super) fn ignore(&self) -> Option<&'a Ignore> {
        self.ignore
    }

    pub(super) fn is_context(&self) -> bool {
        self.ignore.is_some()
    }

    /// Follows links to what the path means. Missing is an error, which names the `pattern`.
    pub(super) fn find(
        &self,
        path: &[u8],
        pattern: &str,
    ) -> Result<(Vec<u8>, Metadata), CopyError> {
        let missing = |place| CopyError::Missing { pattern: pattern.to_owned(), place };
        let nowhere = if self.is_context() { Place::Context } else { Place::Tree };
        let found = self.look_up(path).map_err(|error| CopyError::io("find", path, error))?;
        let Some((resolved, metadata)) = found else { return Err(missing(nowhere)) };
        match self.is_visible(&resolved, &metadata) {
            Ok(true) => Ok((resolved, metadata)),
            Ok(false) => Err(missing(Place::Ignored)),
            Err(error) => Err(CopyError::io("read", path, error)),
        }
    }

    fn look_up(&self, path: &[u8]) -> io::Result<Option<(Vec<u8>, Metadata)>> {
        let resolved = match self.root.resolve(path) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            other => other?,
        };
        Ok(self.root.entry(&resolved)?.map(|metadata| (resolved, metadata)))
    }

    pub(super) fn open(&self, path: &[u8]) -> Result<File, CopyError> {
        self.root.open_file_strict(path).map_err(|error| CopyError::io("open", path, error))
    }

    /// Whether it is kept, or is a directory above something kept.
    fn is_visible(&self, path: &[u8], metadata: &Metadata) -> io::Result<bool> {
        let Some(ignore) = self.ignore else { return Ok(true) };
        let mut waiting = vec![(path.to_vec(), *metadata)];
        while let Some((path, metadata)) = waiting.pop() {
            if !ignore.is_ignored(&path) {
                return Ok(true);
            }
            if metadata.kind == FileKind::Directory && ignore.may_match_below(&path) {
                for name in self.root.list(&path)? {
                    let path = join(&path, &name);
                    if let Some(metadata) = self.root.entry(&path)? {
                        waiting.push((path, metadata));
                    }
                }
            }
        }
        Ok(false)
    }

    /// The paths that a source means, sorted: itself if it is no pattern, there or not.
    pub(super) fn expand(&self, source: &str) -> Result<Vec<Vec<u8>>, CopyError> {
        let source = clean(source);
        let components: Vec<&str> = source.split('/').collect();
        let fixed = components.iter().take_while(|component| !has_wildcards(component)).count();
        let Some((before, wild)) = components.split_at_checked(fixed) else {
            return Ok(Vec::new());
        };
        if wild.is_empty() {
            return Ok(vec![source.clone().into_bytes()]);
        }
        pattern::validate(&wild.join("/"))?;
        let before = before.join("/");
        let (base, metadata) = self.find(before.as_bytes(), &source)?;
        if metadata.kind != FileKind::Directory {
            return Ok(Vec::new());
        }
        let mut matches = Vec::new();
        self.walk(&base, before.as_bytes(), wild, &mut matches)?;
        Ok(matches)
    }

    /// Go's `filepath.Match` stops `*` at slashes, so each level matches its own component.
    fn walk(
        &self,
        directory: &[u8],
        shown: &[u8],
        components: &[&str],
        matches: &mut Vec<Vec<u8>>,
    ) -> Result<(), CopyError> {
        let failed = |error| CopyError::io("read", directory, error);
        let Some((component, rest)) = components.split_first() else { return Ok(()) };
        for name in self.root.list(directory).map_err(failed)? {
            if !pattern::matches_go_path(*component, &name)? {
                continue;
            }
            let path = join(directory, &name);
            let Some(metadata) = self.root.entry(&path).map_err(failed)? else { continue };
            if rest.is_empty() {
                if self.is_visible(&path, &metadata).map_err(failed)? {
                    matches.push(join(shown, &name));
                }
            } else if metadata.kind == FileKind::Directory {
                self.walk(&path, &join(shown, &name), rest, matches)?;
            }
        }
        Ok(())
    }

    /// Whether only `.dockerignore` keeps the pattern from matching.
    pub(super) fn matches_without_ignore(&self, pattern: &str) -> Result<bool, CopyError> {
        match self.ignore {
            Some(_) => Ok(!Self { ignore: None, ..*self }.expand(pattern)?.is_empty()),
            None => Ok(false),
        }
    }
}

/// A source relative to the root: `.` and `..` taken away, the latter stopping at the root, as
/// Docker does.
pub(super) fn clean(source: &str) -> String {
    let mut components: Vec<&str> = Vec::new();
    for component in source.split('/') {
        match component {
            "" | "." => {}
            ".." => drop(components.pop()),
            _ => components.push(component),
        }
    }
    components.join("/")
}

/// Whether there is a special character that no backslash takes the meaning from.
pub(super) fn has_wildcards(source: &str) -> bool {
    let mut bytes = source.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' | b'?' | b'[' => return true,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    false
}
