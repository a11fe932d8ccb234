//! Reports for people: the verdict first, then what matters, on one screen.
//!
//! Colour is written as escape sequences, which `anstream` takes out where they do not belong; it
//! carries no meaning that the words do not carry too.

mod advisories;
mod check;
mod content;
mod coverage;
mod diff;
mod findings;
mod held_back;
mod lifecycle;
mod lock;
mod parts;
mod proof;
mod review;
mod store;
mod store_status;
mod update;
mod verify;

#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod tests;

pub use check::check;
pub(in crate::report) use check::check_words;
pub use diff::diff;
pub(in crate::report) use diff::diff_words;
pub use lock::{build, lock};
pub use proof::proof;
pub use review::review;
pub use store::store;
pub use store_status::store_status;
pub use update::{outdated, update};
pub use verify::verify;
pub(in crate::report) use verify::verify_words;

use super::{inert, words};
use anstyle::{AnsiColor, Style};

/// The size of the screen to fill, and how far the report may exceed it.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// Lines that a report should fit.
    pub height: usize,
    /// How much is shown.
    pub detail: Detail,
}

/// How much a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// What fits the screen; the rest is counted.
    #[default]
    Fit,
    /// Everything (`--verbose`).
    All,
}

impl Default for Screen {
    fn default() -> Self {
        Self { width: 80, height: 40, detail: Detail::Fit }
    }
}

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const HEADING: Style = Style::new().bold();
const RULE: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();
const LEFT: Style = AnsiColor::Red.on_default();
const RIGHT: Style = AnsiColor::Green.on_default();

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Lines on their way to the screen.
#[derive(Debug, Default)]
struct Page {
    lines: Vec<String>,
}

impl Page {
    fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }

    fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(String::new());
        }
    }

    fn append(&mut self, lines: Vec<String>) {
        self.lines.extend(lines);
    }

    /// The sentence that a report starts with, its first words in `style`.
    fn verdict(&mut self, screen: Screen, words: &str, sentence: &str, style: Style) {
        let mut lines = hanging(screen, words, sentence, Style::new());
        if let Some(first) = lines.first_mut() {
            *first = first.replacen(words, &paint(style, words), 1);
        }
        self.append(lines);
        self.gap();
    }

    fn finish(mut self) -> String {
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
        self.lines.push(String::new());
        self.lines.join("\n")
    }
}

/// `text` after `first` (plain), continued below its own beginning.
fn hanging(screen: Screen, first: &str, text: &str, style: Style) -> Vec<String> {
    let indent = first.chars().count();
    let width = screen.width.saturating_sub(indent).max(20);
    let fitting: Vec<String> =
        text.split(' ').map(|word| inert::shorten_middle(word, width)).collect();
    let lines = words::wrap(&fitting.join(" "), width);
    let start = |index: usize| match index {
        0 => first.to_owned(),
        _ => " ".repeat(indent),
    };
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| format!("{}{}", start(index), paint(style, line)))
        .collect()
}

/// Paths below each other, as many as `max` allows, the rest counted.
fn path_lines(screen: Screen, indent: usize, paths: &[Vec<u8>], max: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let width = screen.width.saturating_sub(indent);
    // A line that says "and 1 more" takes the room of the one that it leaves out.
    let shown = match paths.len().checked_sub(max) {
        Some(1) if max > 0 => paths.len(),
        _ => paths.len().min(max),
    };
    let mut lines: Vec<String> = paths
        .iter()
        .take(shown)
        .map(|path| format!("{margin}{}", inert::shorten_middle(&inert::bytes(path), width)))
        .collect();
    let rest = paths.len() - shown;
    if rest > 0 && shown > 0 {
        lines.push(format!("{margin}{}", paint(DIM, &more(rest))));
    }
    lines
}

fn more(rest: usize) -> String {
    format!("… and {} more (--format json lists all)", words::count(rest as u64))
}
