//! Takes out of an upper directory what a step made of held views.

use super::layer::{Extended, Layer};
use super::{FILE_SIZE_MAX, apk, dnf};
use crate::build::embedded::trust::split;
use crate::door::{held_host, real_host};
use crate::oci::Digest;
use crate::store::rooted::{FileKind, Metadata, Root};
use bstr::ByteSlice as _;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Where apt keeps the indexes that it has fetched, and those that are being fetched.
const LISTS: [&[u8]; 2] = [b"var/lib/apt/lists", b"var/lib/apt/lists/partial"];

/// What makes a directory hide those below it in an overlay mounted with `userxattr`.
const OPAQUE: &[u8] = b"user.overlay.opaque";

/// Removes the lists of these hosts, what is at the paths of the layer's files, whiteouts included, and
/// what the layer has put into files of the image. Directories get their times back.
pub(super) fn scrub(upper: &Path, layer: &Layer, hosts: &[Vec<u8>]) -> io::Result<()> {
    let mut scrub = Scrub { upper: Root::open(upper)?, changed: BTreeMap::new() };
    for directory in LISTS {
        for name in scrub.list(directory)? {
            // `HOST_PATH_dists_…`, and a port as `HOST:PORT_…`.
            let is_of = |host: &Vec<u8>| {
                let rest = name.strip_prefix(&host[..]);
                rest.is_some_and(|rest| rest.starts_with(b"_") || rest.starts_with(b":"))
            };
            if hosts.iter().any(is_of) {
                scrub.remove(&[directory, b"/", &name].concat())?;
            }
        }
    }
    for directory in apk::CACHES {
        for name in scrub.list(directory)? {
            let path = [directory, b"/", &name].concat();
            if name.starts_with(b"APKINDEX.") && scrub.is_index_of(&path, hosts)? {
                scrub.remove(&path)?;
            }
        }
    }
    for directory in dnf::CACHES {
        for name in scrub.list(directory)?.iter().filter(|name| name.starts_with(dnf::MARK)) {
            scrub.remove_all(&[directory, b"/", name].concat())?;
        }
    }
    for path in &layer.files {
        scrub.remove(path)?;
    }
    for Extended { path, lines } in &layer.extended {
        scrub.rewrite(path, &|content| match &lines[..] {
            [] => apk::without_record(content),
            lines => without_lines(content, lines),
        })?;
    }
    for path in dnf::NOTES {
        scrub.rewrite(path, &|content| {
            content.contains_str(dnf::MARK).then(|| content.replace(dnf::MARK, b""))
        })?;
    }
    scrub.settle(layer)
}

struct Scrub {
    upper: Root,
    /// Directories that something was taken out of, as they were.
    changed: BTreeMap<Vec<u8>, Metadata>,
}

impl Scrub {
    fn list(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        match self.upper.list(path) {
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            listed => listed,
        }
    }

    fn entry(&self, path: &[u8]) -> io::Result<Option<Metadata>> {
        match self.upper.entry(path) {
            Err(error) if is_absent(&error) => Ok(None),
            found => found,
        }
    }

    /// Removes what is there, if anything is.
    fn remove(&mut self, path: &[u8]) -> io::Result<()> {
        if self.entry(path)?.is_none() {
            return Ok(());
        }
        let (parent, _) = split(path);
        if !self.changed.contains_key(parent)
            && let Some(before) = self.upper.entry(parent)?
        {
            self.changed.insert(parent.to_vec(), before);
        }
        self.upper.remove(path)
    }

    /// The same with all that is below it.
    fn remove_all(&mut self, path: &[u8]) -> io::Result<()> {
        let is_directory = self.entry(path)?.is_some_and(|it| it.kind == FileKind::Directory);
        if is_directory {
            for name in self.list(path)? {
                self.remove_all(&[path, b"/", &name].concat())?;
            }
            self.changed.remove(path);
        }
        self.remove(path)
    }

    /// Whether a file is the index that one of the views is named after.
    fn is_index_of(&self, path: &[u8], hosts: &[Vec<u8>]) -> io::Result<bool> {
        let Some(content) = self.content(path)? else { return Ok(false) };
        let digest = Digest::of(&content);
        let hosts = hosts.iter().filter_map(|host| std::str::from_utf8(host).ok());
        let mut real = hosts.filter_map(|host| Some((host, real_host(host)?)));
        Ok(real.any(|(host, real)| held_host(real, &digest) == host))
    }

    /// What a regular file has.
    fn content(&self, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
        match self.entry(path)? {
            Some(found) if found.kind == FileKind::File => {
                let mut content = Vec::new();
                self.upper.open_file_strict(path)?.take(FILE_SIZE_MAX).read_to_end(&mut content)?;
                Ok(Some(content))
            }
            _ => Ok(None),
        }
    }

    /// Gives a file the content that `change` makes of its own, if any.
    fn rewrite(&self, path: &[u8], change: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> io::Result<()> {
        let Some(before) = self.entry(path)? else { return Ok(()) };
        let Some(content) = self.content(path)?.and_then(|content| change(&content)) else {
            return Ok(());
        };
        let mut file = self.upper.open_file_writable(path)?;
        file.set_len(0)?;
        file.write_all(&content)?;
        drop(file);
        self.upper.set_times(path, before.mtime)
    }

    /// Gives directories their times back, and takes those away that are there for what was removed
    /// alone: the deepest first.
    fn settle(mut self, layer: &Layer) -> io::Result<()> {
        while let Some((path, before)) = self.changed.pop_last() {
            if self.is_copy(&path, &before, layer)? {
                self.remove(&path)?;
            } else {
                self.upper.set_times(&path, before.mtime)?;
            }
        }
        Ok(())
    }

    /// Whether a directory has nothing and says nothing that the image's own does not.
    fn is_copy(&self, path: &[u8], before: &Metadata, layer: &Layer) -> io::Result<bool> {
        let Some(original) = layer.directories.get(path) else { return Ok(false) };
        let same = (before.mode, before.owner) == (original.mode, original.owner);
        if path.is_empty() || !same || !self.upper.list(path)?.is_empty() {
            return Ok(false);
        }
        Ok(!self.upper.xattrs(path)?.contains_key(OPAQUE))
    }
}

/// A text without these lines; none where it has none of them.
fn without_lines(content: &[u8], lines: &[Vec<u8>]) -> Option<Vec<u8>> {
    let is_kept =
        |line: &&[u8]| !lines.iter().any(|added| *added == line.trim_end_with(|it| it == '\n'));
    let kept: Vec<&[u8]> = content.lines_with_terminator().filter(is_kept).collect();
    let kept = kept.concat();
    (kept.len() != content.len()).then_some(kept)
}

fn is_absent(error: &io::Error) -> bool {
    let absent = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP];
    Errno::from_io_error(error).is_some_and(|error| absent.contains(&error))
}
