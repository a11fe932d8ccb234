//! What an entry of a layer means: a file, or the removal of one.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts>.

use crate::archive::tar::{Entry, Kind};
use crate::store::path::{join, show, split};
use crate::store::rooted::{FileKind, Owner, Xattrs, parse_capability};
use crate::store::unpack::kept_xattrs;
use crate::store::walk::{OPAQUE_NAME, WHITEOUT_DEVICE, WHITEOUT_PREFIX};

/// What an entry means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Role {
    /// What it says.
    Plain,
    /// Lower layers lose this path.
    Whiteout(Vec<u8>),
    /// Lower layers lose what this directory has.
    Opaque(Vec<u8>),
}

/// The meaning of an entry, or what is wrong with it. Refused is what extractors differ on.
pub(in crate::store) fn role(entry: &Entry) -> Result<Role, &'static str> {
    let (directory, name) = split(&entry.path);
    let is_marked = |component: &[u8]| component.starts_with(WHITEOUT_PREFIX);
    if directory.split(|byte| *byte == b'/').any(is_marked) {
        return Err("has a directory named like a whiteout");
    }
    if entry.kind == Kind::Hardlink && entry.link.split(|byte| *byte == b'/').any(is_marked) {
        return Err("is a hard link to a whiteout");
    }
    let Some(hidden) = name.strip_prefix(WHITEOUT_PREFIX) else {
        let device = match entry.kind {
            Kind::CharDevice { major, minor } => FileKind::CharDevice { major, minor },
            _ => return Ok(Role::Plain),
        };
        if device == WHITEOUT_DEVICE {
            return Err("is the device 0/0, which overlayfs takes for a whiteout");
        }
        return Ok(Role::Plain);
    };
    if entry.kind != Kind::File || entry.size != 0 {
        return Err("is named like a whiteout and is not an empty file");
    }
    match hidden {
        b"" | b"." | b".." => Err("is a whiteout of nothing that can be removed"),
        _ if name == OPAQUE_NAME => Ok(Role::Opaque(directory.to_vec())),
        // Bookkeeping of AUFS: ignored by some, by others taken for the removal of `.wh.…`.
        _ if is_marked(hidden) => Err("is a whiteout of a whiteout"),
        _ => Ok(Role::Whiteout(join(directory, hidden))),
    }
}

/// The file that a hard link is another name of.
#[derive(Debug)]
pub(in crate::store) struct LinkTarget<'a> {
    pub(in crate::store) kind: FileKind,
    pub(in crate::store) mode: u32,
    pub(in crate::store) owner: Owner,
    pub(in crate::store) xattrs: &'a Xattrs,
}

/// A hard link is its target; extractors differ on whether its own header changes that. It may say
/// less of attributes than its target does, as most archivers have it.
pub(in crate::store) fn check_link(entry: &Entry, target: &LinkTarget<'_>) -> Result<(), String> {
    let problem = if (entry.uid, entry.gid) != (target.owner.uid, target.owner.gid)
        || (target.kind != FileKind::Symlink && entry.mode != target.mode)
    {
        "another owner or other permissions"
    } else if kept_xattrs(&entry.xattrs).any(|(name, value)| !target.has(name, value)) {
        "other extended attributes"
    } else {
        return Ok(());
    };
    Err(format!("is a hard link to `{}` and has {problem} than that", show(&entry.link)))
}

impl LinkTarget<'_> {
    fn has(&self, name: &[u8], value: &[u8]) -> bool {
        let own = self.xattrs.get(name);
        own.is_some_and(|own| parse_capability(own) == parse_capability(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role_of(path: &[u8], kind: Kind) -> Result<Role, &'static str> {
        role(&Entry::new(path, kind))
    }

    #[test]
    fn whiteouts_are_told_from_files() {
        assert_eq!(role_of(b"a/b", Kind::File), Ok(Role::Plain));
        assert_eq!(role_of(b"a/.wh", Kind::File), Ok(Role::Plain));
        assert_eq!(role_of(b"a/.wh.b", Kind::File), Ok(Role::Whiteout(b"a/b".to_vec())));
        assert_eq!(role_of(b".wh.b", Kind::File), Ok(Role::Whiteout(b"b".to_vec())));
        assert_eq!(role_of(b"a/.wh..wh..opq", Kind::File), Ok(Role::Opaque(b"a".to_vec())));
        assert_eq!(role_of(b".wh..wh..opq", Kind::File), Ok(Role::Opaque(Vec::new())));
        assert_eq!(role_of(b"a/.wh..b", Kind::File), Ok(Role::Whiteout(b"a/.b".to_vec())));
    }

    #[test]
    fn whiteouts_that_tools_disagree_about_are_refused() {
        for path in [&b".wh."[..], b".wh..", b".wh...", b"a/.wh...", b".wh..wh.plnk", b".wh.a/b"] {
            assert!(role_of(path, Kind::File).is_err(), "{}", show(path));
        }
        assert!(role_of(b"a/.wh..wh..opq", Kind::Directory).is_err());
        assert!(role_of(b".wh.a", Kind::Symlink).is_err());
        let mut with_content = Entry::new(*b".wh.a", Kind::File);
        with_content.size = 1;
        assert!(role(&with_content).is_err());
        assert!(role_of(b"null", Kind::CharDevice { major: 0, minor: 0 }).is_err());
        assert!(role_of(b"null", Kind::CharDevice { major: 1, minor: 3 }).is_ok());
    }
}
