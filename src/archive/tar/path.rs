//! Paths of entries: relative, clean, within bounds.

/// Bytes of a file name that Linux file systems take.
const NAME_MAX: usize = 255;

/// Why a path is not usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// Nothing at all (`.` is the root, this is not).
    #[error("is empty")]
    Empty,
    /// Starts with a slash.
    #[error("is absolute")]
    Absolute,
    /// Has a component `..`.
    #[error("leads upward with `..`")]
    Parent,
    /// Has a NUL byte, where some readers cut and others do not.
    #[error("contains a NUL byte")]
    Nul,
    /// Longer than a system call takes.
    #[error("is longer than {0} bytes")]
    Long(usize),
    /// A component that no file system can hold.
    #[error("has a component longer than {NAME_MAX} bytes")]
    LongName,
}

/// A path without `.`, `//` and trailing slash: `./a//b/` is `a/b`, and `./` the empty path of the
/// root. Absolute paths and those with `..` are errors, not repaired: a program that repairs them
/// otherwise would see another file.
pub fn clean_path(raw: &[u8], path_max: usize) -> Result<Vec<u8>, PathProblem> {
    // Some builders write the root's own entry as `/`; every reader takes it for the root.
    if raw == b"/" {
        return Ok(Vec::new());
    }
    if raw.starts_with(b"/") {
        return Err(PathProblem::Absolute);
    }
    relative(raw, path_max)
}

/// Target of a hard link, which is a path inside the image: runtimes join it to the image's root,
/// so a leading slash, which kaniko writes, changes nothing.
pub(super) fn clean_target(raw: &[u8], path_max: usize) -> Result<Vec<u8>, PathProblem> {
    relative(raw, path_max)
}

fn relative(raw: &[u8], path_max: usize) -> Result<Vec<u8>, PathProblem> {
    check(raw, path_max)?;
    let mut path = Vec::with_capacity(raw.len());
    for component in raw.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return Err(PathProblem::Parent),
            _ if component.len() > NAME_MAX => return Err(PathProblem::LongName),
            _ => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(component);
            }
        }
    }
    Ok(path)
}

/// What holds for every path, also the target of a symbolic link.
pub(super) fn check(raw: &[u8], path_max: usize) -> Result<(), PathProblem> {
    if raw.is_empty() {
        return Err(PathProblem::Empty);
    }
    if raw.contains(&0) {
        return Err(PathProblem::Nul);
    }
    if raw.len() > path_max {
        return Err(PathProblem::Long(path_max));
    }
    Ok(())
}

/// Whether the path can only be a directory's.
pub(super) fn names_directory(raw: &[u8]) -> bool {
    raw.ends_with(b"/") || raw.ends_with(b"/.") || raw == b"."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"a/b", b"a/b"),
            (b"./a//b/", b"a/b"),
            (b"a/./b", b"a/b"),
            (b"./", b""),
            (b".", b""),
            (b"/", b""),
            (b"..a/b..", b"..a/b.."),
        ];
        for (raw, path) in cases {
            assert_eq!(clean_path(raw, 4095).as_deref(), Ok(path));
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let long_name = vec![b'x'; 256];
        let cases: [(&[u8], PathProblem); 8] = [
            (b"", PathProblem::Empty),
            (b"/a", PathProblem::Absolute),
            (b"//", PathProblem::Absolute),
            (b"..", PathProblem::Parent),
            (b"a/../b", PathProblem::Parent),
            (b"a\0b", PathProblem::Nul),
            (b"a/b/c/d", PathProblem::Long(6)),
            (&long_name, PathProblem::LongName),
        ];
        for (raw, problem) in cases {
            let path_max = if raw.len() < 10 { 6 } else { 4095 };
            assert_eq!(clean_path(raw, path_max), Err(problem));
        }
    }

    #[test]
    fn targets_of_hard_links_may_be_absolute() {
        assert_eq!(clean_target(b"/usr/bin/a", 4095).as_deref(), Ok(&b"usr/bin/a"[..]));
        assert_eq!(clean_target(b"/../a", 4095), Err(PathProblem::Parent));
    }
}
