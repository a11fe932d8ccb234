//! Ids of vulnerabilities in the words of a changelog: which of them are repaired, and which are
//! only mentioned, because a patch is dropped, or taken back.

use std::collections::BTreeSet;

/// What the lines of one entry say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    pub(super) fixed: BTreeSet<String>,
    pub(super) reverted: BTreeSet<String>,
}

/// Every id in a text.
pub(super) fn all_ids(text: &[u8]) -> BTreeSet<String> {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    lines.flat_map(|line| line.split(is_break)).flat_map(ids).collect()
}

/// Reads an entry item by item. An item is a bullet with the lines that continue it; one that
/// hangs below another and ends in a colon is about what the other says.
pub(super) fn mentions(lines: &[&str]) -> Mentions {
    let mut mentions = Mentions::default();
    let mut above: Vec<(usize, Verb)> = Vec::new();
    for (depth, text) in items(lines) {
        above.retain(|(other, _)| *other < depth);
        let words = words(&text);
        let inherited = above.last().map_or(Verb::Fix, |(_, verb)| *verb);
        read_item(&words, inherited, &mut mentions);
        let verb = heading_verb(&words, &text).unwrap_or(inherited);
        above.push((depth, verb));
    }
    let Mentions { fixed, reverted } = &mut mentions;
    fixed.retain(|id| !reverted.contains(id));
    mentions
}

/// What is done with the patch that an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Fix,
    /// No longer needed, or gone: says nothing about what is repaired now.
    Drop,
    /// No longer repaired.
    Revert,
}

/// Items with the column of their bullet; lines without a bullet above the first are one too.
fn items(lines: &[&str]) -> Vec<(usize, String)> {
    let mut items: Vec<(usize, String)> = Vec::new();
    for line in lines {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        match text.strip_prefix(['*', '-', '+', 'o', '~']) {
            Some(item) if item.starts_with([' ', '\t']) => items.push((depth, item.to_owned())),
            _ if text.is_empty() => {}
            _ => match items.last_mut() {
                Some((_, item)) => {
                    item.push(' ');
                    item.push_str(text);
                }
                None => items.push((depth, text.to_owned())),
            },
        }
    }
    items
}

/// A word, judged once: hostile changelogs repeat them.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    lower: String,
    ids: Vec<String>,
    verb: Option<Verb>,
    is_patch: bool,
    /// A sentence or clause ends behind it.
    ends: bool,
}

fn is_break(character: char) -> bool {
    character.is_whitespace() || "()[]{}<>\"'`,;".contains(character)
}

fn words(text: &str) -> Vec<Word> {
    let pieces = text.split_inclusive(is_break);
    let words = pieces.filter_map(|piece| {
        let bare = piece.trim_end_matches(is_break);
        let text = bare.trim_end_matches(['.', ':', '!', '?', '*']);
        let ends = bare.ends_with(['.', '!', '?']) || piece.ends_with(';');
        (!text.is_empty()).then(|| Word::new(text, ends))
    });
    words.collect()
}

impl Word {
    fn new(text: &str, ends: bool) -> Self {
        let lower = text.to_ascii_lowercase();
        Self { ids: ids(text), verb: verb(&lower), is_patch: is_patch(&lower), lower, ends }
    }

    /// Whether it may stand between a verb and the ids that it is about.
    fn belongs(&self) -> bool {
        const WORDS: [&str; 29] = [
            "patch",
            "patches",
            "fix",
            "fixes",
            "for",
            "of",
            "the",
            "and",
            "our",
            "old",
            "upstream",
            "upstreamed",
            "backport",
            "backported",
            "security",
            "now",
            "to",
            "all",
            "also",
            "debian",
            "&",
            "+",
            "-",
            "applied",
            "merged",
            "included",
            "commit",
            "commits",
            "addressing",
        ];
        !self.ids.is_empty() || self.is_patch || WORDS.contains(&&*self.lower)
    }
}

/// Bytes of a word, more than which has no ids: effort must stay small on hostile text.
const WORD_MAX: usize = 2048;

/// Words between a verb and an id.
const REACH: usize = 60;

const PREFIXES: [&str; 4] = ["CVE-", "GHSA-", "DSA-", "DLA-"];

/// Ids in one word: `CVE-2024-1234`, `debian/patches/CVE-2024-1234.patch`, `CVE-2024-1/CVE-2024-2`.
fn ids(word: &str) -> Vec<String> {
    if word.len() > WORD_MAX || !word.contains('-') {
        return Vec::new();
    }
    let upper = word.to_ascii_uppercase();
    let mut found = Vec::new();
    let mut rest: &str = &upper;
    let mut before = None;
    while let Some((start, prefix)) =
        PREFIXES.iter().filter_map(|prefix| Some((rest.find(prefix)?, *prefix))).min()
    {
        let is_start = match start.checked_sub(1) {
            Some(last) => !rest.as_bytes().get(last).is_some_and(u8::is_ascii_alphanumeric),
            None => !before.is_some_and(|byte: u8| byte.is_ascii_alphanumeric()),
        };
        let Some(body) = rest.get(start + prefix.len()..) else { break };
        let length = match prefix {
            "CVE-" => cve_length(body),
            "GHSA-" => ghsa_length(body),
            _ => announcement_length(body),
        };
        let (id, after) = body.split_at_checked(length.unwrap_or(0)).unwrap_or(("", body));
        if is_start && length.is_some() {
            found.push(canonical(prefix, id));
        }
        before = id.bytes().next_back();
        rest = after;
    }
    found
}

/// Letters of the GitHub form are lower case.
fn canonical(prefix: &str, id: &str) -> String {
    match prefix {
        "GHSA-" => format!("{prefix}{}", id.to_ascii_lowercase()),
        _ => format!("{prefix}{id}"),
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `2024-12345`: <https://www.cve.org/ResourcesSupport/FAQs>.
fn cve_length(body: &str) -> Option<usize> {
    let number = body.get(..5).filter(|year| digits(year) == 4 && year.ends_with('-'));
    let length = digits(body.get(number?.len()..)?);
    (4..=19).contains(&length).then_some(5 + length)
}

/// `xxxx-xxxx-xxxx`: <https://docs.github.com/en/code-security/security-advisories>.
fn ghsa_length(body: &str) -> Option<usize> {
    let id = body.get(..14)?;
    let fits = id.bytes().enumerate().all(|(index, byte)| match index {
        4 | 9 => byte == b'-',
        _ => byte.is_ascii_alphanumeric(),
    });
    fits.then_some(14)
}

/// `5678-1`, `5678`.
fn announcement_length(body: &str) -> Option<usize> {
    let number = digits(body);
    let revision = body.get(number..).and_then(|rest| rest.strip_prefix('-')).map_or(0, digits);
    let length = if revision == 0 { number } else { number + 1 + revision };
    (1..=6).contains(&number).then_some(length)
}

fn verb(lower: &str) -> Option<Verb> {
    match lower {
        "drop" | "drops" | "dropped" | "dropping" | "remove" | "removes" | "removed"
        | "removing" | "delete" | "deleted" | "obsolete" | "unneeded" => Some(Verb::Drop),
        "revert" | "reverts" | "reverted" | "reverting" | "disable" | "disabled" => {
            Some(Verb::Revert)
        }
        _ => None,
    }
}

/// A patch by its file name.
fn is_patch(lower: &str) -> bool {
    let starts = ["d/p/", "debian/patches/", "d/patches/", "patches/"];
    [".patch", ".diff"].iter().any(|end| lower.ends_with(end))
        || starts.iter().any(|start| lower.starts_with(start))
}

/// Whether an item is about what it says as a whole: `Drop patches, applied upstream:`.
fn heading_verb(words: &[Word], text: &str) -> Option<Verb> {
    if !text.trim_end().ends_with(':') {
        return None;
    }
    let about_patches = words.iter().any(|word| {
        matches!(&*word.lower, "patch" | "patches" | "fix" | "fixes" | "cve") || word.is_patch
    });
    let says = words.iter().find_map(|word| word.verb);
    // A heading without such a word starts anew: what is below it is repaired.
    Some(if about_patches { says.unwrap_or(Verb::Fix) } else { Verb::Fix })
}

fn read_item(words: &[Word], inherited: Verb, mentions: &mut Mentions) {
    for (index, word) in words.iter().enumerate().filter(|(_, word)| !word.ids.is_empty()) {
        let says = verb_before(words, index).or_else(|| verb_behind(words, index));
        let ids = word.ids.iter().cloned();
        match says.unwrap_or(inherited) {
            Verb::Fix => mentions.fixed.extend(ids),
            Verb::Revert => mentions.reverted.extend(ids),
            Verb::Drop => {}
        }
    }
}

/// `Drop the patches for CVE-1 and CVE-2`: between verb and id stand only words that belong to
/// them. `removes the wrong file (CVE-1)` is about what is repaired.
fn verb_before(words: &[Word], index: usize) -> Option<Verb> {
    for word in words.get(..index)?.iter().rev().take(REACH) {
        if word.ends {
            return None;
        }
        if word.verb.is_some() {
            return word.verb;
        }
        if !word.belongs() {
            return None;
        }
    }
    None
}

/// `d/p/CVE-1.patch: drop, applied upstream`, `CVE-1.patch and CVE-2.patch removed`. Only behind
/// a file name, and at the end of what is said: `CVE-1.patch: remove the unsafe call` says how it
/// is repaired.
fn verb_behind(words: &[Word], index: usize) -> Option<Verb> {
    let (patch, mut rest) = words.get(index..)?.split_first()?;
    let is_named = rest.first().is_some_and(|word| matches!(&*word.lower, "patch" | "patches"));
    if is_named {
        rest = rest.split_first()?.1;
    }
    if patch.ends || !(patch.is_patch || is_named) {
        return None;
    }
    let passes = |word: &&Word| {
        word.is_patch || matches!(&*word.lower, "and" | "&" | "was" | "were" | "is" | "are")
    };
    let skipped = rest.iter().take(REACH).take_while(|word| passes(word) && !word.ends).count();
    let (word, behind) = rest.get(skipped..)?.split_first()?;
    // What follows an order tells what to do, or why.
    let is_over = word.ends
        || word.lower.ends_with("ed")
        || behind.first().is_none_or(|next| {
            let reasons = [
                "applied",
                "as",
                "since",
                "because",
                "fixed",
                "included",
                "it",
                "merged",
                "no",
                "not",
                "now",
                "obsolete",
                "upstream",
                "upstreamed",
            ];
            reasons.contains(&&*next.lower)
        });
    word.verb.filter(|_| is_over)
}
