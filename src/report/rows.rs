//! Differences of images as rows of a report: each aspect with both sides in words.

use super::{AspectRow, Comparison, FileRow, Presence, inert, words};
use crate::archive::tar::Timestamp;
use crate::diff::{Aspect, FileDifference, ImageDiff};
use crate::store::{Node, NodeKind};

/// Bytes of an extended attribute that are shown.
const ATTRIBUTE_SIZE_MAX: usize = 32;

impl Comparison {
    /// The numbers of `diff`.
    pub fn of(diff: &ImageDiff) -> Self {
        let equal = diff.layers.iter().filter(|pair| pair.equal).count();
        Self {
            files_compared: diff.compared,
            files_different: diff.files.len() as u64,
            layers_equal: equal as u64,
            layers_read: (diff.layers.len() - equal) as u64,
            config: diff.config.clone(),
            encoding_only: diff.encoding_only,
            not_compared: Vec::new(),
        }
    }
}

impl FileRow {
    /// The row of one file.
    pub fn of(file: &FileDifference) -> Self {
        let presence = match (&file.left, &file.right) {
            (Some(_), None) => Presence::Left,
            (None, Some(_)) => Presence::Right,
            _ => Presence::Both,
        };
        let row = |aspect: &Aspect| {
            let side = |node: &Option<Node>| node.as_ref().and_then(|node| value(*aspect, node));
            AspectRow {
                name: aspect.name().to_owned(),
                left: side(&file.left),
                right: side(&file.right),
            }
        };
        // That only one side has the path is said by `presence`.
        let aspects = file.aspects.iter().filter(|aspect| **aspect != Aspect::Presence);
        Self {
            path: [b"/", file.path.as_slice()].concat(),
            presence,
            aspects: aspects.map(row).collect(),
            content: file.content.clone(),
        }
    }
}

/// One side of an aspect; none where there is nothing to show.
fn value(aspect: Aspect, node: &Node) -> Option<String> {
    match (aspect, &node.kind) {
        (Aspect::Presence | Aspect::Kind, kind) => Some(kind_name(kind).to_owned()),
        (Aspect::Content, NodeKind::File { digest, .. }) => Some(digest.to_string()),
        (Aspect::Size, NodeKind::File { size, .. }) => Some(words::counted(*size, "byte")),
        (Aspect::Target, NodeKind::Symlink(target)) => Some(inert::bytes(target)),
        (
            Aspect::Device,
            NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor },
        ) => Some(format!("{major}:{minor}")),
        (Aspect::Content | Aspect::Size | Aspect::Target | Aspect::Device, _) => None,
        (Aspect::Mode, _) => Some(format!("{:04o}", node.mode)),
        (Aspect::Owner, _) => Some(format!("{}:{}", node.uid, node.gid)),
        (Aspect::Xattrs, _) => Some(attributes(node)),
        (Aspect::Links, _) => {
            node.hardlink.as_ref().map(|first| format!("/{}", inert::bytes(first)))
        }
        (Aspect::Mtime, _) => Some(time(node.mtime)),
    }
}

fn kind_name(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::File { .. } => "file",
        NodeKind::Directory => "directory",
        NodeKind::Symlink(_) => "symbolic link",
        NodeKind::CharDevice { .. } => "character device",
        NodeKind::BlockDevice { .. } => "block device",
        NodeKind::Fifo => "named pipe",
    }
}

/// `security.capability=0100…, user.x=61`.
fn attributes(node: &Node) -> String {
    let shown = node.xattrs.iter().map(|(name, value)| {
        let hex: Vec<String> =
            value.iter().take(ATTRIBUTE_SIZE_MAX).map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.concat();
        let cut = if value.len() > ATTRIBUTE_SIZE_MAX { "…" } else { "" };
        format!("{}={hex}{cut}", inert::bytes(name))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// `2026-01-01T00:00:00.5Z`.
fn time(time: Timestamp) -> String {
    let nanoseconds = i32::try_from(time.nanoseconds).unwrap_or(0);
    jiff::Timestamp::new(time.seconds, nanoseconds)
        .map_or_else(|_| words::moment(time.seconds), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::LayerPair;
    use crate::oci::Digest;
    use std::collections::BTreeSet;

    fn node(kind: NodeKind) -> Node {
        Node {
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Timestamp { seconds: 1_767_225_600, nanoseconds: 500_000_000 },
            xattrs: [(b"security.capability".to_vec(), vec![1; 40])].into(),
            layer: 0,
            hardlink: None,
        }
    }

    fn row(left: Option<Node>, right: Option<Node>, aspects: &[Aspect]) -> FileRow {
        let aspects: BTreeSet<Aspect> = aspects.iter().copied().collect();
        FileRow::of(&FileDifference {
            path: b"etc/x".to_vec(),
            left,
            right,
            aspects,
            content: None,
        })
    }

    fn file() -> Node {
        node(NodeKind::File { digest: Digest::of(b""), size: 1234 })
    }

    #[test]
    fn each_aspect_is_in_words() {
        let mut left = file();
        left.mode = 0o4755;
        left.uid = 33;
        let mut right = node(NodeKind::Symlink(b"a\x1bb".to_vec()));
        right.xattrs.clear();
        right.hardlink = Some(b"etc/a".to_vec());
        right.mtime = Timestamp { seconds: -1, nanoseconds: 0 };
        let all = [
            Aspect::Kind,
            Aspect::Content,
            Aspect::Size,
            Aspect::Target,
            Aspect::Mode,
            Aspect::Owner,
            Aspect::Xattrs,
            Aspect::Links,
            Aspect::Mtime,
        ];
        let row = row(Some(left), Some(right), &all);
        assert_eq!((row.path.as_slice(), row.presence), (&b"/etc/x"[..], Presence::Both));
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let shown: Vec<String> = row
            .aspects
            .iter()
            .map(|row| format!("{}: {} → {}.", row.name, text(&row.left), text(&row.right)))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        kind: file → symbolic link.
        content: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 → .
        size: 1,234 bytes → .
        target:  → a\x1bb.
        mode: 4755 → 0644.
        owner: 33:0 → 0:0.
        attributes: security.capability=0101010101010101010101010101010101010101010101010101010101010101… → .
        links:  → /etc/a.
        mtime: 2026-01-01T00:00:00.5Z → 1969-12-31T23:59:59Z.
        "#);
    }

    #[test]
    fn a_path_on_one_side_has_one_value() {
        let device = node(NodeKind::CharDevice { major: 1, minor: 3 });
        let row = row(None, Some(device), &[Aspect::Presence, Aspect::Mode]);
        assert_eq!(row.presence, Presence::Right);
        let [mode] = &row.aspects[..] else { panic!("{row:?}") };
        assert_eq!((mode.left.as_deref(), mode.right.as_deref()), (None, Some("0644")));
    }

    #[test]
    fn times_that_no_calendar_has_are_numbers() {
        assert_eq!(time(Timestamp { seconds: i64::MAX, nanoseconds: 1 }), i64::MAX.to_string());
    }

    #[test]
    fn layers_are_counted() {
        let pair = |equal| LayerPair { left: None, right: None, equal };
        let diff = ImageDiff {
            layers: vec![pair(true), pair(true), pair(false)],
            compared: 7,
            ..ImageDiff::default()
        };
        let comparison = Comparison::of(&diff);
        assert_eq!((comparison.layers_equal, comparison.layers_read), (2, 1));
        assert_eq!((comparison.files_compared, comparison.files_different), (7, 0));
    }
}
