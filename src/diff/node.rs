//! In what two nodes of a tree differ.

use crate::store::{Node, NodeKind};
use std::collections::{BTreeMap, BTreeSet};

/// Something in which a path may differ. In this order they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Only one side has the path.
    Presence,
    /// A file on one side, a link on the other, and the like.
    Kind,
    /// The content of a file.
    Content,
    /// The size of a file, in bytes.
    Size,
    /// Where a symbolic link points.
    Target,
    /// The numbers of a device.
    Device,
    /// Permissions.
    Mode,
    /// User or group.
    Owner,
    /// Extended attributes, file capabilities among them.
    Xattrs,
    /// Of which other paths it is a hard link.
    Links,
    /// Modification time.
    Mtime,
}

impl Aspect {
    /// One word for people and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Kind => "kind",
            Self::Content => "content",
            Self::Size => "size",
            Self::Target => "target",
            Self::Device => "device",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Xattrs => "attributes",
            Self::Links => "links",
            Self::Mtime => "mtime",
        }
    }
}

/// Attributes that belong to the host that built the image, not to the image: labels of its
/// security module, and marks of the overlay file system.
const HOST_XATTRS: &[&[u8]] = &[b"security.selinux", b"user.overlay.", b"trusted.overlay."];

/// In what two nodes differ; nothing if they are the same.
pub(super) fn aspects(left: &Node, right: &Node) -> BTreeSet<Aspect> {
    let mut aspects = kind_aspects(&left.kind, &right.kind);
    // The mode of a symbolic link means nothing, and archives hold anything there.
    let is_link =
        matches!(left.kind, NodeKind::Symlink(_)) && matches!(right.kind, NodeKind::Symlink(_));
    for (aspect, differs) in [
        (Aspect::Mode, !is_link && left.mode != right.mode),
        (Aspect::Owner, (left.uid, left.gid) != (right.uid, right.gid)),
        (Aspect::Mtime, left.mtime != right.mtime),
        (Aspect::Xattrs, !xattrs(&left.xattrs).eq(xattrs(&right.xattrs))),
        (Aspect::Links, left.hardlink != right.hardlink),
    ] {
        if differs {
            aspects.insert(aspect);
        }
    }
    // The names of one file are one file: what differs in it is told of its first name.
    if left.hardlink.is_some() && left.hardlink == right.hardlink {
        aspects.clear();
    }
    aspects
}

fn kind_aspects(left: &NodeKind, right: &NodeKind) -> BTreeSet<Aspect> {
    match (left, right) {
        (left, right) if left == right => BTreeSet::new(),
        (
            NodeKind::File { digest: left, size: left_size },
            NodeKind::File { digest: right, size: right_size },
        ) => {
            let mut aspects = BTreeSet::new();
            if left != right {
                aspects.insert(Aspect::Content);
            }
            if left_size != right_size {
                aspects.insert(Aspect::Size);
            }
            aspects
        }
        (NodeKind::Symlink(_), NodeKind::Symlink(_)) => BTreeSet::from([Aspect::Target]),
        (NodeKind::CharDevice { .. }, NodeKind::CharDevice { .. })
        | (NodeKind::BlockDevice { .. }, NodeKind::BlockDevice { .. }) => {
            BTreeSet::from([Aspect::Device])
        }
        _ => BTreeSet::from([Aspect::Kind]),
    }
}

fn xattrs(attributes: &BTreeMap<Vec<u8>, Vec<u8>>) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
    let is_of_host = |name: &[u8]| HOST_XATTRS.iter().any(|prefix| name.starts_with(prefix));
    attributes.iter().filter(move |(name, _)| !is_of_host(name))
}
