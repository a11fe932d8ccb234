//! Paragraphs of fields, as dpkg and apt write them:
//! <https://www.debian.org/doc/debian-policy/ch-controlfields.html#syntax-of-control-files>.

/// One paragraph. Only the first line of each value is kept: names and versions have one.
#[derive(Debug)]
pub(super) struct Paragraph<'a> {
    /// Line of its first field, from 1.
    pub(super) line: usize,
    fields: Vec<(&'a str, &'a str, usize)>,
}

/// What is wrong, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) reason: String,
}

impl SyntaxError {
    pub(super) fn new(line: usize, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

impl<'a> Paragraph<'a> {
    /// The value of a field and its line. Names of fields have no case.
    pub(super) fn field(&self, name: &str) -> Option<(&'a str, usize)> {
        let found = self.fields.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value, line)| (*value, *line))
    }

    /// The value of a field that must be there and not be empty.
    pub(super) fn required(&self, name: &str) -> Result<(&'a str, usize), SyntaxError> {
        match self.field(name) {
            Some((value, line)) if !value.is_empty() => Ok((value, line)),
            Some((_, line)) => Err(SyntaxError::new(line, format!("`{name}` is empty"))),
            None => {
                let what = self.field("Package").map_or("", |(package, _)| package);
                let reason = format!("the paragraph of `{what}` has no `{name}`");
                Err(SyntaxError::new(self.line, reason))
            }
        }
    }
}

/// Splits a file into its paragraphs.
pub(super) fn paragraphs(text: &[u8]) -> Result<Vec<Paragraph<'_>>, SyntaxError> {
    let mut paragraphs = Vec::new();
    let mut fields: Vec<(&str, &str, usize)> = Vec::new();
    let mut close = |fields: &mut Vec<_>| {
        let fields = std::mem::take(fields);
        if let Some((_, _, line)) = fields.first() {
            paragraphs.push(Paragraph { line: *line, fields });
        }
    };
    for (index, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = index + 1;
        if bytes.trim_ascii().is_empty() {
            close(&mut fields);
            continue;
        }
        if matches!(bytes.first(), Some(b' ' | b'\t')) {
            if fields.is_empty() {
                return Err(SyntaxError::new(line, "a continuation line continues nothing"));
            }
            continue;
        }
        let (name, value) = field(bytes).map_err(|reason| SyntaxError::new(line, reason))?;
        if fields.iter().any(|(known, ..)| known.eq_ignore_ascii_case(name)) {
            return Err(SyntaxError::new(line, format!("`{name}` is there twice")));
        }
        fields.push((name, value, line));
    }
    close(&mut fields);
    Ok(paragraphs)
}

/// `Name: value`. A value that is not UTF-8 (a description, a maintainer) is of no interest and
/// reads as empty.
fn field(line: &[u8]) -> Result<(&str, &str), &'static str> {
    const NO_FIELD: &str = "the line is not `Field: value`";
    let colon = line.iter().position(|byte| *byte == b':').ok_or(NO_FIELD)?;
    let (name, value) = line.split_at_checked(colon).ok_or(NO_FIELD)?;
    let name = std::str::from_utf8(name).map_err(|_| NO_FIELD)?;
    // The name has any visible characters but the colon, and does not start as a comment does.
    let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits || name.starts_with(['#', '-']) {
        return Err(NO_FIELD);
    }
    let value = value.strip_prefix(b":").unwrap_or(value);
    Ok((name, std::str::from_utf8(value.trim_ascii()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_have_fields_and_lines() {
        let text = b"\nPackage: a\nDescription: x\n y: z\n .\n\tq\n\n \t\n\npackage:b\nEmpty:\n";
        let paragraphs = paragraphs(text).unwrap();
        let [first, second] = &*paragraphs else { panic!("two paragraphs") };
        assert_eq!((first.line, second.line), (2, 10));
        assert_eq!(first.field("package"), Some(("a", 2)));
        assert_eq!(first.field("y"), None);
        assert_eq!(second.field("Package"), Some(("b", 10)));
        assert_eq!(second.required("Empty").unwrap_err().reason, "`Empty` is empty");
        let missing = second.required("Version").unwrap_err();
        assert_eq!(missing.reason, "the paragraph of `b` has no `Version`");
        assert_eq!(missing.line, 10);
    }

    #[test]
    fn what_is_not_a_paragraph_has_a_line_and_a_reason() {
        let error = |text: &str| {
            let error = paragraphs(text.as_bytes()).unwrap_err();
            (error.line, error.reason)
        };
        let no_field = "the line is not `Field: value`".to_owned();
        assert_eq!(error("Package: a\nhello\n"), (2, no_field.clone()));
        assert_eq!(error("\n\n: a\n"), (3, no_field.clone()));
        assert_eq!(error("# comment: x\n"), (1, no_field.clone()));
        assert_eq!(error("two words: x\n"), (1, no_field));
        assert_eq!(error(" a\n").1, "a continuation line continues nothing");
        assert_eq!(error("A: b\na: c\n").1, "`a` is there twice");
    }

    #[test]
    fn values_that_are_not_utf8_do_no_harm() {
        let paragraphs =
            paragraphs(b"Package: a\nMaintainer: \xe9\nDescription: b\n \xff\n").unwrap();
        assert_eq!(paragraphs[0].field("Maintainer"), Some(("", 2)));
    }
}
