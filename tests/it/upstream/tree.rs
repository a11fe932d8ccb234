//! What a server holds at one moment: bodies by path.

use rlock::oci::Digest;
use std::collections::BTreeMap;
use std::path::Path;

/// The files of a server. Where a path has several, the client's `Accept` decides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    pages: BTreeMap<String, Vec<Page>>,
    /// When all of it was last changed, in seconds since 1970.
    pub(crate) modified: i64,
}

/// One body.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) media_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Page {
    /// The validator that the server gives.
    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", &Digest::of(&self.body).hex()[..16])
    }
}

impl Tree {
    /// Nothing, all of it changed at this time.
    pub(crate) fn at(modified: i64) -> Self {
        Self { pages: BTreeMap::new(), modified }
    }

    /// A file whose kind does not matter.
    pub(crate) fn file(&mut self, path: &str, body: impl Into<Vec<u8>>) {
        self.page(path, "application/octet-stream", body);
    }

    /// One of the forms that a path has; the first is for clients that do not say which they want.
    pub(crate) fn page(&mut self, path: &str, media_type: &'static str, body: impl Into<Vec<u8>>) {
        assert!(path.starts_with('/'), "{path}");
        let page = Page { media_type, body: body.into() };
        self.pages.entry(path.to_owned()).or_default().push(page);
    }

    /// All files of a folder, at this path.
    pub(crate) fn folder(&mut self, folder: &Path, path: &str) {
        for entry in rlock::store::read_dir_sorted(folder).unwrap() {
            let path = format!("{path}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.folder(&entry.path(), &path);
            } else {
                self.file(&path, std::fs::read(entry.path()).unwrap());
            }
        }
    }

    /// What a client gets that accepts these media types.
    pub(crate) fn find(&self, path: &str, accept: &str) -> Option<&Page> {
        let forms = self.pages.get(path)?;
        let first_named = accept.split(',').find_map(|wanted| {
            let wanted = wanted.split(';').next().unwrap_or_default().trim();
            forms.iter().find(|page| page.media_type == wanted)
        });
        first_named.or_else(|| forms.first())
    }
}
