//! Where a file is, as a forge names it: relative to the repository, with `/`, without `.` and `..`.

use std::path::{Component, Path, PathBuf};

/// What paths are relative to.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    /// The directory that rlock runs in, absolute.
    pub directory: PathBuf,
    /// The top of the repository that it is in.
    pub repository: Option<PathBuf>,
}

impl Roots {
    /// A file as the user named it: relative to the repository, else to the directory; absolute where
    /// it is in neither.
    pub fn path(&self, file: &Path) -> String {
        let absolute = normal(&self.directory.join(file));
        let root = normal(self.repository.as_ref().unwrap_or(&self.directory));
        let path = absolute.strip_prefix(&root).unwrap_or(&absolute);
        path.to_string_lossy().into_owned()
    }

    /// The same as a relative URI reference (RFC 3986); `file:` where it is absolute.
    pub fn uri(&self, file: &Path) -> String {
        let path = self.path(file);
        let escaped: String = path.bytes().map(escaped).collect();
        if path.starts_with('/') { format!("file://{escaped}") } else { escaped }
    }
}

fn escaped(byte: u8) -> String {
    match byte {
        b'a'..=b'z'
        | b'A'..=b'Z'
        | b'0'..=b'9'
        | b'-'
        | b'.'
        | b'_'
        | b'~'
        | b'/'
        | b'@'
        | b'+' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

/// Without `.` and `..`, whatever links there are: a forge knows the path that is written.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_the_forge_names_them() {
        let roots = |directory: &str, repository: Option<&str>| Roots {
            directory: directory.into(),
            repository: repository.map(Into::into),
        };
        for (roots, file, path, uri) in [
            (roots("/r/web", Some("/r")), "Dockerfile", "web/Dockerfile", "web/Dockerfile"),
            (
                roots("/r/web", Some("/r")),
                "./../a b/Docker#file",
                "a b/Docker#file",
                "a%20b/Docker%23file",
            ),
            (roots("/r", None), "./x:y/%/é", "x:y/%/é", "x%3Ay/%25/%C3%A9"),
            (roots("/r", Some("/r")), "/r/Dockerfile", "Dockerfile", "Dockerfile"),
            (
                roots("/r", Some("/r")),
                "/other/Dockerfile",
                "/other/Dockerfile",
                "file:///other/Dockerfile",
            ),
            (roots("/r", Some("/r")), "../../../x", "/x", "file:///x"),
        ] {
            assert_eq!(roots.path(Path::new(file)), path);
            assert_eq!(roots.uri(Path::new(file)), uri);
        }
    }
}
