//! By which rules a change is judged: those of `rlock.toml` before it. Whoever proposes a change would
//! otherwise choose what is looked at: an ignore for the advisory that it brings along, a service that
//! knows of none, data that has been emptied. What the new side has otherwise is told as a risk.

use super::checkout::{Checkout, Purpose};
use super::git::{Repository, Revision};
use super::sides::{Found, Sides, Source};
use crate::cli::project::read_at_most;
use crate::cli::settings::{self, FILE_NAME, Loosened, Settings};
use crate::finding::Location;
use crate::lock;
use crate::review::{Checked, PolicyChange};
use crate::store::Store;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// The rules of a review.
pub(super) struct Policy {
    /// Paths of advisory data are relative to the Dockerfile of the review, or absolute.
    pub(super) settings: Settings,
    /// Whose they are, for people.
    pub(super) name: String,
    /// What the new side would let pass besides.
    pub(super) changes: Checked<Vec<PolicyChange>>,
    /// The data of the old side, for as long as it is read.
    _checkout: Option<Checkout>,
}

/// Why it is not known what rules there were.
const NOT_KNOWN: &str = "what rlock.toml was before is not known: the old lock is a file, without a \
                         Dockerfile of its own beside it";

/// An `rlock.toml`, there or not.
struct Rules {
    settings: Settings,
    text: Vec<u8>,
    /// Where it is or would be: a path, or one below the top of a revision.
    path: PathBuf,
    /// For people.
    name: String,
}

/// The rules before the change, where they are known; else those that are here.
pub(super) fn of(sides: &Sides<'_>, store: &Store) -> anyhow::Result<Policy> {
    let new = of_new(sides)?;
    let Some(old) = of_old(sides)? else {
        let changes = Checked::Not(NOT_KNOWN.to_owned());
        return Ok(Policy { settings: new.settings, name: new.name, changes, _checkout: None });
    };
    let mut changes = changes(&old, &new, sides);
    changes.extend(other_keys(&old, &new, sides)?);
    let (mut settings, name) = (old.settings, old.name);
    let mut checkout = None;
    if let (Source::Revision(revision, _), Some(repository)) =
        (&sides.old.source, &sides.repository)
    {
        let folder = old.path.with_file_name("");
        let is_here = repository.below(&sides.dockerfile)?.parent() == Some(&*folder);
        let root = if is_here { None } else { Some(repository.root.join(&folder)) };
        let folder = &*folder;
        let mut data = Data { repository, revision, store, folder, root, checkout: None };
        let paths = std::mem::take(&mut settings.advisories.paths);
        for path in paths {
            let (found, change) = data.of(&path)?;
            settings.advisories.paths.extend(found);
            changes.extend(change);
        }
        if let Some(path) = settings.advisories.lifecycle.take() {
            let (found, change) = data.of(&path)?;
            settings.advisories.lifecycle = found;
            changes.extend(change);
        }
        checkout = data.checkout;
    } else {
        let folder = Path::new(".").join(old.path.with_file_name("")).canonicalize()?;
        let advisories = &mut settings.advisories;
        for path in advisories.paths.iter_mut().chain(&mut advisories.lifecycle) {
            *path = folder.join(&*path);
        }
    }
    Ok(Policy { settings, name, changes: Checked::Known(changes), _checkout: checkout })
}

fn of_new(sides: &Sides<'_>) -> anyhow::Result<Rules> {
    match (&sides.new.source, &sides.repository) {
        (Source::Revision(revision, lock), Some(repository)) => {
            of_revision(repository, revision, folder(&sides.new, lock))
        }
        _ => of_file(&sides.dockerfile),
    }
}

/// Nothing where it is not known what they were.
fn of_old(sides: &Sides<'_>) -> anyhow::Result<Option<Rules>> {
    match (&sides.old.source, &sides.repository) {
        (Source::Revision(revision, lock), Some(repository)) => {
            of_revision(repository, revision, folder(&sides.old, lock)).map(Some)
        }
        (Source::File(lock), _) => {
            let dockerfile = super::sides::dockerfiles_of(lock).find(|path| path.is_file());
            // One that both share tells nothing of before.
            let own = dockerfile.filter(|path| !is_same_folder(path, &sides.dockerfile));
            own.map(|dockerfile| of_file(&dockerfile)).transpose()
        }
        (Source::Revision(..), None) => Ok(None),
    }
}

/// Where the Dockerfile of a lock of a revision is; where there is no lock, it would be beside it.
fn folder<'a>(side: &'a Found, lock: &'a Path) -> &'a Path {
    side.dockerfile.as_deref().unwrap_or(lock).parent().unwrap_or(Path::new(""))
}

fn is_same_folder(left: &Path, right: &Path) -> bool {
    let folder = |path: &Path| Path::new(".").join(path.with_file_name("")).canonicalize().ok();
    folder(left) == folder(right)
}

fn of_revision(
    repository: &Repository<'_>,
    revision: &Revision,
    folder: &Path,
) -> anyhow::Result<Rules> {
    let path = folder.join(FILE_NAME);
    let name = format!("{}:{}", revision.name, path.display());
    let text = repository.file(revision, &path)?;
    let settings = Settings::parse(text.as_deref().unwrap_or_default(), PathBuf::from(&name))?;
    let name = if text.is_some() { name } else { format!("{name}, which is not there") };
    Ok(Rules { settings, text: text.unwrap_or_default(), path, name })
}

fn of_file(dockerfile: &Path) -> anyhow::Result<Rules> {
    let path = dockerfile.with_file_name(FILE_NAME);
    let settings = Settings::beside(dockerfile)?;
    let text = read_at_most(&path, lock::SIZE_MAX);
    let is_there = text.is_ok();
    let name = path.display().to_string();
    let name = if is_there { name } else { format!("{name}, which is not there") };
    Ok(Rules { settings, text: text.unwrap_or_default(), path, name })
}

fn changes(old: &Rules, new: &Rules, sides: &Sides<'_>) -> Vec<PolicyChange> {
    // Readers know the file by its place in the work tree.
    let file = match sides.new.source {
        Source::File(_) => new.path.clone(),
        Source::Revision(..) => sides.dockerfile.with_file_name(FILE_NAME),
    };
    let found = settings::loosened(&old.settings, &new.settings).into_iter();
    let change = |Loosened { subject, detail, written }: Loosened| {
        let location = (!written.is_empty() && !new.text.is_empty()).then(|| {
            let line = settings::line(&new.text, &written);
            let instruction = subject.clone();
            Location { file: file.clone(), start_line: line, end_line: line, instruction }
        });
        PolicyChange { subject, detail, location }
    };
    found.map(change).collect()
}

/// Files of keys that both name, and that are another file now.
fn other_keys(old: &Rules, new: &Rules, sides: &Sides<'_>) -> anyhow::Result<Vec<PolicyChange>> {
    let both = new.settings.keys.iter().filter(|key| old.settings.keys.contains(key));
    let mut found = Vec::new();
    for key in both {
        let before = content(&sides.old.source, sides, &old.path.with_file_name(key))?;
        if content(&sides.new.source, sides, &new.path.with_file_name(key))? != before {
            let subject = format!("[[key]] {}", key.display());
            let detail = "another file: the signatures of other keys count".to_owned();
            found.push(PolicyChange { subject, detail, location: None });
        }
    }
    Ok(found)
}

fn content(side: &Source, sides: &Sides<'_>, path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match (side, &sides.repository) {
        (Source::Revision(revision, _), Some(repository)) => repository.file(revision, path),
        _ => Ok(read_at_most(path, lock::SIZE_MAX).ok()),
    }
}

/// Advisory data that the rules of a revision name.
struct Data<'a> {
    repository: &'a Repository<'a>,
    revision: &'a Revision,
    store: &'a Store,
    /// Where the rules are, below the top.
    folder: &'a Path,
    /// The same in the work tree, where that is not the folder of the Dockerfile.
    root: Option<PathBuf>,
    checkout: Option<Checkout>,
}

impl Data<'_> {
    /// Where it is, and what the change does to it. What the revision has of it counts. What it does
    /// not have is brought by whoever runs this, and not by the change.
    fn of(&mut self, path: &Path) -> anyhow::Result<(Option<PathBuf>, Option<PolicyChange>)> {
        let here = self.root.as_ref().map_or_else(|| path.to_owned(), |root| root.join(path));
        let Some(below) = lexical(&self.folder.join(path)) else { return Ok((Some(here), None)) };
        let change = |detail: &str| {
            let subject = format!("[advisories] {}", path.display());
            Some(PolicyChange { subject, detail: detail.to_owned(), location: None })
        };
        if !self.is_of_revision(&below)? {
            if self.is_brought(&below)? {
                let detail = "the change brings this data along: it was not looked into";
                return Ok((None, change(detail)));
            }
            return Ok((Some(here), None));
        }
        if self.is_as_before(&below)? {
            return Ok((Some(here), None));
        }
        let there = self.checkout()?.join(&below);
        let detail = "the data was changed: that of before was looked into";
        Ok((Some(there), change(detail)))
    }

    fn is_of_revision(&self, below: &Path) -> anyhow::Result<bool> {
        let words = ["ls-tree", "-z", "--full-tree", &self.revision.commit, "--"];
        Ok(!self.git(&words, below)?.is_empty())
    }

    /// Whether the work tree has it as the revision does.
    fn is_as_before(&self, below: &Path) -> anyhow::Result<bool> {
        let words = ["diff", "--name-only", "-z", "--no-ext-diff", "--no-textconv", "--no-renames"];
        let words: Vec<&str> = words.into_iter().chain([&*self.revision.commit, "--"]).collect();
        Ok(self.git(&words, below)?.is_empty())
    }

    /// Whether git has it now, or a link that it may be behind.
    fn is_brought(&self, below: &Path) -> anyhow::Result<bool> {
        let above = below.ancestors().filter(|path| !path.as_os_str().is_empty());
        let is_link = |path: &Path| {
            std::fs::symlink_metadata(self.repository.root.join(path))
                .is_ok_and(|it| it.is_symlink())
        };
        if above.into_iter().any(is_link) {
            return Ok(true);
        }
        Ok(!self.git(&["ls-files", "-z", "--"], below)?.is_empty())
    }

    fn checkout(&mut self) -> anyhow::Result<PathBuf> {
        let found = if let Some(found) = self.checkout.take() {
            found
        } else {
            let what = (Path::new(""), Purpose::Reading);
            Checkout::of(self.revision, self.repository, what, self.store)?
        };
        Ok(self.checkout.insert(found).tree())
    }

    /// What a command about a path says, with paths from the top.
    fn git(&self, words: &[&str], below: &Path) -> anyhow::Result<Vec<u8>> {
        let words = words.iter().map(OsStr::new).chain([below.as_os_str()]);
        let output = self.repository.run_with(words, &[])?;
        if !output.status.success() {
            let said = super::git::text(&output.stderr);
            anyhow::bail!("`git` cannot tell of `{}`: {said}", below.display());
        }
        Ok(output.stdout)
    }
}

/// The path without `.` and `..`, by its words alone; none where it leads out.
fn lexical(path: &Path) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => found.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !found.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_by_their_words() {
        for (path, expected) in [
            ("web/./osv", Some("web/osv")),
            ("web/../osv/x.zip", Some("osv/x.zip")),
            ("web/../../osv", None),
            ("/osv", None),
        ] {
            assert_eq!(lexical(Path::new(path)).as_deref(), expected.map(Path::new), "{path}");
        }
    }
}
