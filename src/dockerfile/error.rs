//! Errors with a place, and the search for what the author may have meant.

use crate::text::{LineIndex, Position, Span};

/// Why a text is not a Dockerfile, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// The bytes to point at.
    pub span: Span,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// A few words to stand beside the caret, where they add to the message.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ParseError {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: None, hint: None }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds ``did you mean `x`?`` where a candidate is near enough to `wrong`.
    pub(super) fn with_nearest<'a>(
        self,
        wrong: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        match nearest(wrong, candidates) {
            Some(near) => self.with_hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// The way out, if there is one.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    /// Line and column of the first byte to point at.
    pub fn position(&self, lines: &LineIndex) -> Position {
        lines.position(self.span.start)
    }
}

/// Something legal that its author hardly meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseWarning {
    /// The bytes to point at.
    pub span: Span,
    /// What is odd: lower case, no full stop.
    pub message: String,
}

/// The candidate with the fewest edits from `wrong`, if they are few for its length.
fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer words are no misspelling of anything here, and the distance takes quadratic time.
    const LENGTH_MAX: usize = 32;
    if wrong.len() > LENGTH_MAX {
        return None;
    }
    let wrong = wrong.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (edits(&wrong, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.len() / 3).clamp(1, 3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements, and swaps of neighbours, from `left` to `right`.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut left_before = None;
    for (row, left_char) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, right_char) in right.iter().enumerate() {
            let cell =
                |cells: &[usize], at: usize| cells.get(at).copied().unwrap_or(usize::MAX / 2);
            let replaced = cell(&last, column) + usize::from(left_char != *right_char);
            let mut best =
                replaced.min(cell(&last, column + 1) + 1).min(cell(&current, column) + 1);
            let right_before = column.checked_sub(1).and_then(|at| right.get(at)).copied();
            if left_before == Some(*right_char) && right_before == Some(left_char) {
                best = best.min(cell(&before_last, column.saturating_sub(1)) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        left_before = Some(left_char);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("run", "run"), 0);
        assert_eq!(edits("rum", "run"), 1);
        assert_eq!(edits("rnu", "run"), 1);
        assert_eq!(edits("", "run"), 3);
        assert_eq!(edits("copi", "copy"), 1);
        assert_eq!(edits("entrypiont", "entrypoint"), 1);
    }

    #[test]
    fn only_near_words_are_offered() {
        let words = ["RUN", "COPY", "ENTRYPOINT"];
        assert_eq!(nearest("CPOY", words), Some("COPY"));
        assert_eq!(nearest("entripoint", words), Some("ENTRYPOINT"));
        assert_eq!(nearest("apt-get", words), None);
        assert_eq!(nearest(&"R".repeat(10_000), words), None);
    }
}
