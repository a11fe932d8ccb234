//! Classic failures of RUN instructions, and the way out of each.
//!
//! A hint is given only where the output says what is wrong; a wrong hint is worse than none.

mod apt;
mod languages;
mod network;
mod programs;
mod system;

#[cfg(test)]
mod tests;

/// So many bytes of a step's output, from its end, are looked at.
const OUTPUT_MAX: usize = 64 * 1024;

/// A RUN instruction that failed.
#[derive(Debug, Clone, Copy)]
pub struct FailedStep<'a> {
    /// Its command as written, continuation lines and heredocs included.
    pub command: &'a str,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to both streams, or the end of that.
    pub output: &'a [u8],
}

/// The way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Stable id of the failure: `apt-unknown-package`.
    pub id: &'static str,
    /// What to do: lower case, no full stop.
    pub text: String,
}

/// One classic failure.
struct Classic {
    id: &'static str,
    /// A line of the output has one of these.
    marks: &'static [&'static str],
    advice: Advice,
}

/// What is said about a classic failure.
enum Advice {
    /// Always the same.
    Always(&'static str),
    /// It depends on the step, and on the line that has the mark; none if it is something else.
    Depends(fn(&FailedStep<'_>, &str) -> Option<String>),
}

/// The first that fits is given, so what is special stands before what is general: programs report
/// a failure of the network or of a full disk in many words of their own.
static CLASSICS: [&[Classic]; 5] =
    [system::FIRST, network::CLASSICS, apt::CLASSICS, languages::CLASSICS, system::LAST];

/// The way out of a failure, if it is a classic one.
pub fn find(step: &FailedStep<'_>) -> Option<Hint> {
    let output = ending(step.output);
    let lines: Vec<&str> = output.split(['\n', '\r']).rev().collect();
    let mut classics = CLASSICS.iter().copied().flatten();
    classics.find_map(|classic| classic.hint(step, &lines))
}

impl Classic {
    /// `lines` are the output's, the last one first.
    fn hint(&self, step: &FailedStep<'_>, lines: &[&str]) -> Option<Hint> {
        let mut marked =
            lines.iter().filter(|line| self.marks.iter().any(|mark| line.contains(mark)));
        let text = match self.advice {
            Advice::Always(text) => marked.next().map(|_| text.to_owned()),
            Advice::Depends(advise) => marked.find_map(|line| advise(step, line)),
        };
        text.map(|text| Hint { id: self.id, text })
    }
}

/// The end of the output as text, without escape sequences.
fn ending(output: &[u8]) -> String {
    let start = output.len().saturating_sub(OUTPUT_MAX);
    let end = output.get(start..).unwrap_or_default();
    anstream::adapter::strip_str(&String::from_utf8_lossy(end)).to_string()
}

/// The part of `line` after `before`, up to the first of `stops` or the end; never empty, at most
/// 100 characters, so that it can stand in a message.
fn after<'a>(line: &'a str, before: &str, stops: &[char]) -> Option<&'a str> {
    let (_, rest) = line.split_once(before)?;
    let word = rest.split(|character| stops.contains(&character)).next()?.trim();
    (!word.is_empty() && word.chars().count() <= 100).then_some(word)
}

/// Whether the command has one of `words`, as a word or words of its own.
fn runs(command: &str, words: &[&str]) -> bool {
    let spaced: Vec<&str> = command
        .split(|character: char| character.is_whitespace() || ";&|()\\'\"".contains(character))
        .filter(|word| !word.is_empty())
        .collect();
    let spaced = format!(" {} ", spaced.join(" "));
    words.iter().any(|word| spaced.contains(&format!(" {word} ")))
}
