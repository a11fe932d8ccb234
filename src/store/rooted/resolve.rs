//! Where a path leads inside a [`Root`].

use super::{FileKind, Metadata, Root};
use std::collections::VecDeque;
use std::io;

/// Links that are followed before the path counts as a loop, as in the kernel (`MAXSYMLINKS`).
const LINKS_MAX: u32 = 40;

/// Bytes that a path may grow to, as in the kernel (`PATH_MAX`).
const PATH_MAX: usize = 4095;

impl Root {
    /// The path with all links followed inside the root, `.` and `..` taken away: relative, clean,
    /// empty for the root itself. What does not exist (yet) stays as it is written, so that it can
    /// be made there. The answer is for use with strict calls, which makes races harmless.
    pub fn resolve(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let mut resolved: Vec<u8> = Vec::new();
        let mut rest: VecDeque<Vec<u8>> = components(path).collect();
        let mut links = 0;
        while let Some(component) = rest.pop_front() {
            if component == b".." {
                let end = resolved.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                resolved.truncate(end);
                continue;
            }
            let end = resolved.len();
            if end > 0 {
                resolved.push(b'/');
            }
            resolved.extend_from_slice(&component);
            if resolved.len() > PATH_MAX {
                return Err(rustix::io::Errno::NAMETOOLONG.into());
            }
            match self.entry(&resolved)? {
                Some(Metadata { kind: FileKind::Symlink, .. }) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(rustix::io::Errno::LOOP.into());
                    }
                    let target = self.read_link(&resolved)?;
                    resolved.truncate(if target.starts_with(b"/") { 0 } else { end });
                    for component in components(&target).rev() {
                        rest.push_front(component);
                    }
                }
                Some(Metadata { kind: FileKind::Directory, .. }) | None => {}
                Some(_) if rest.is_empty() => {}
                Some(_) => return Err(rustix::io::Errno::NOTDIR.into()),
            }
        }
        Ok(resolved)
    }
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .filter(|component| !matches!(*component, b"" | b"."))
        .map(<[u8]>::to_vec)
}
