//! Paths inside images: bytes, relative, clean; the root is empty.

/// For messages: as text, with everything escaped that could forge a line or move a cursor.
pub(crate) fn show(path: &[u8]) -> String {
    const SHOWN_MAX: usize = 200;
    if path.is_empty() {
        return "/".to_owned();
    }
    let text = String::from_utf8_lossy(path.get(..SHOWN_MAX).unwrap_or(path));
    let escaped: String = text.chars().flat_map(char::escape_debug).collect();
    if path.len() > SHOWN_MAX { format!("{escaped}…") } else { escaped }
}

/// The directory that holds the path; of a name without slash the root.
pub(crate) fn parent(path: &[u8]) -> &[u8] {
    split(path).0
}

/// Directory and name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => {
            (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default())
        }
        None => (b"", path),
    }
}

/// A name in a directory.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(directory);
    if !directory.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// All directories above the path but the root, the highest first.
pub(crate) fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(slash, _)| path.get(..slash).unwrap_or_default())
}
