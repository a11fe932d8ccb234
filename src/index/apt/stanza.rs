//! Paragraphs of fields, read in place: an index has a hundred thousand of them, of which few are
//! wanted. <https://www.debian.org/doc/debian-policy/ch-controlfields.html#syntax-of-control-files>

use crate::index::IndexError;
use bstr::ByteSlice as _;

/// Bytes of one paragraph; the longest in use have 100 KB.
const STANZA_MAX: usize = 4 << 20;

/// A paragraph with its place in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stanza<'a> {
    what: &'static str,
    whole: &'a [u8],
    start: usize,
    end: usize,
}

/// The paragraphs of a text.
pub(super) fn stanzas<'a>(
    what: &'static str,
    whole: &'a [u8],
) -> impl Iterator<Item = Stanza<'a>> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = whole.get(at..)?;
        let start = at + rest.iter().position(|byte| *byte != b'\n')?;
        let length = whole.get(start..)?.find(b"\n\n");
        let end = length.map_or(whole.len(), |length| start + length);
        at = end;
        Some(Stanza { what, whole, start, end })
    })
}

impl<'a> Stanza<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.whole.get(self.start..self.end).unwrap_or_default()
    }

    /// The value of its first line, where that is of this field: what a scan looks at.
    pub(super) fn first(&self, name: &str) -> Option<&'a [u8]> {
        let line = self.bytes().lines().next()?;
        Some(line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?.trim_ascii())
    }

    /// All fields. A value has its continuation lines, joined by line feeds; one that is not UTF-8
    /// (a description, a maintainer) is of no interest and reads as empty.
    pub(super) fn fields(&self) -> Result<Fields<'a>, IndexError> {
        if self.end - self.start > STANZA_MAX {
            return Err(self.error(0, format!("a paragraph has more than {STANZA_MAX} bytes")));
        }
        let mut fields: Vec<(&str, &[u8])> = Vec::new();
        let bytes = self.bytes();
        let mut offset = 0;
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            let end = field_end(rest);
            let (field, _) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let colon = field.find_byte(b':').unwrap_or_default();
            let name = field.get(..colon).and_then(|name| std::str::from_utf8(name).ok());
            let fits = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
            let Some(name) = name.filter(fits) else {
                return Err(self.error(offset, "the line is not `Field: value`"));
            };
            if fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                return Err(self.error(offset, format!("`{name}` is there twice")));
            }
            fields.push((name, field.get(colon + 1..).unwrap_or_default().trim_ascii()));
            offset += end + 1;
        }
        Ok(Fields { stanza: *self, fields })
    }

    /// An error in the line that is `offset` bytes behind the start.
    pub(super) fn error(&self, offset: usize, reason: impl Into<String>) -> IndexError {
        let before = self.whole.get(..self.start + offset).unwrap_or(self.whole);
        IndexError::at(self.what, before.find_iter(b"\n").count() + 1, reason)
    }
}

/// Where a field ends: before the first line that does not start with a blank.
fn field_end(text: &[u8]) -> usize {
    let mut from = 0;
    while let Some(line) = text.get(from..).and_then(|rest| rest.find_byte(b'\n')) {
        let end = from + line;
        if !matches!(text.get(end + 1), Some(b' ' | b'\t')) {
            return end;
        }
        from = end + 1;
    }
    text.len()
}

/// The fields of a paragraph.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    stanza: Stanza<'a>,
    fields: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// A value. Names have no case.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| std::str::from_utf8(value).unwrap_or_default())
    }

    /// A value that must be there and not be empty.
    pub(super) fn required(&self, name: &str) -> Result<&'a str, IndexError> {
        match self.get(name) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => {
                let what = self.get("Package").map_or(String::new(), |package| {
                    format!(" of `{}`", crate::index::error::shown(package))
                });
                Err(self.error(format!("the paragraph{what} has no `{name}`")))
            }
        }
    }

    /// An error about the paragraph.
    pub(super) fn error(&self, reason: impl Into<String>) -> IndexError {
        self.stanza.error(0, reason)
    }
}
