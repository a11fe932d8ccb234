//! Paths of which not all has to exist: another revision may have folders that the work tree lacks.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The part of a path that exists, with its links resolved, and the rest of it.
pub(super) fn split(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let here = Path::new(".");
    for ancestor in path.ancestors() {
        let folder = if ancestor.as_os_str().is_empty() { here } else { ancestor };
        match folder.canonicalize() {
            Ok(found) => {
                let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
                // What `..` leads to is known only of what exists.
                if rest.components().any(|part| part == Component::ParentDir) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                return Ok((found, rest.to_owned()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("there")).unwrap();
        std::os::unix::fs::symlink("there", root.join("link")).unwrap();
        let split = |path: &str| split(&root.join(path)).ok();
        assert_eq!(split("there"), Some((root.join("there"), "".into())));
        assert_eq!(split("link/a/b"), Some((root.join("there"), "a/b".into())));
        assert_eq!(split("there/a/../../b"), None);
        assert_eq!(super::split(Path::new("")).unwrap().1, Path::new(""));
    }
}
