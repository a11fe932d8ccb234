//! What a list of packages says, one statement after another, so that two lists can be compared
//! without their order.

use serde_json::Value;
use std::collections::BTreeSet;

/// Bytes of the statements of one list: hostile ones repeat long keys.
const SIZE_MAX: usize = 256 << 20;

/// Something that a list says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fact {
    /// Where: keys from the outside in.
    pub(super) place: Vec<String>,
    /// What: a string of JSON has its quotation marks.
    pub(super) value: String,
}

impl Fact {
    /// The key at a depth; empty where there is none.
    pub(super) fn key(&self, depth: usize) -> &str {
        self.place.get(depth).map_or("", String::as_str)
    }

    /// The innermost key.
    pub(super) fn last(&self) -> &str {
        self.place.last().map_or("", String::as_str)
    }

    /// The value without quotation marks.
    pub(super) fn text(&self) -> &str {
        self.value.trim_matches(['"', '\''])
    }
}

/// The statements of one list.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) found: BTreeSet<Fact>,
    size: usize,
}

impl Facts {
    pub(super) fn add<T: AsRef<str>>(&mut self, place: &[T], value: &str) -> Result<(), String> {
        let place: Vec<String> = place.iter().map(|key| key.as_ref().to_owned()).collect();
        let size = place.iter().map(String::len).sum::<usize>() + value.len();
        self.size = self.size.saturating_add(size);
        if self.size > SIZE_MAX {
            return Err("it is too large to be compared".to_owned());
        }
        self.found.insert(Fact { place, value: value.to_owned() });
        Ok(())
    }

    /// Everything in a document. Items of an array are told apart by their `name`, if they have one.
    pub(super) fn add_all(&mut self, value: &Value, place: &mut Vec<String>) -> Result<(), String> {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    place.push(key.clone());
                    self.add_all(value, place)?;
                    place.pop();
                }
                Ok(())
            }
            Value::Array(items) => {
                for item in items {
                    place.push(item.get("name").and_then(Value::as_str).unwrap_or("").to_owned());
                    self.add_all(item, place)?;
                    place.pop();
                }
                Ok(())
            }
            value => self.add(place, &value.to_string()),
        }
    }
}

pub(super) fn json(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))
}

pub(super) fn toml(text: &str) -> Result<Value, String> {
    toml::from_str(text).map_err(|error| format!("it is not TOML: {}", error.message()))
}

/// YAML as pnpm writes it: keys in lines of their own, what is in braces as it is.
pub(super) fn yaml(text: &str, found: &mut Facts) -> Result<(), String> {
    let mut above: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - content.len();
        while above.last().is_some_and(|(of_key, _)| *of_key >= indent) {
            above.pop();
        }
        let mut place: Vec<&str> = above.iter().map(|(_, key)| key.as_str()).collect();
        match entry(content) {
            Some((key, "")) => above.push((indent, key.to_owned())),
            Some((key, value)) => {
                place.push(key);
                found.add(&place, value)?;
            }
            None => {
                place.push("");
                found.add(&place, content)?;
            }
        }
    }
    Ok(())
}

/// Key and value of a line.
fn entry(content: &str) -> Option<(&str, &str)> {
    let content = content.trim_end();
    for mark in ['\'', '"'] {
        if let Some(rest) = content.strip_prefix(mark) {
            let (key, rest) = rest.split_once(mark)?;
            return Some((key, rest.strip_prefix(':')?.trim()));
        }
    }
    if content.starts_with('-') {
        return None;
    }
    let parted = content.split_once(": ").map(|(key, value)| (key, value.trim()));
    parted.or_else(|| Some((content.strip_suffix(':')?, "")))
}

/// yarn's own format, and the YAML of its later versions: a line with patterns, and lines about the
/// package that they stand for. Patterns are left out where they say only a name and a range: the
/// package of one version is the same whoever asks for it.
pub(super) fn yarn(text: &str, found: &mut Facts) -> Result<(), String> {
    let (mut package, mut table) = (String::new(), String::new());
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            one_name(content).unwrap_or_default().clone_into(&mut package);
            table.clear();
            if package.is_empty() {
                found.add(&[""], content)?;
            }
        } else if indent <= 2 && content.ends_with(':') {
            content.trim_end_matches(':').clone_into(&mut table);
        } else {
            if indent <= 2 {
                table.clear();
            }
            let space = content.find([' ', ':']).unwrap_or(content.len());
            let (key, value) = content.split_at(space);
            let value = value.trim_start_matches([' ', ':']);
            found.add(&[&*package, &*table, key], value)?;
        }
    }
    Ok(())
}

/// The one name in all patterns of a line, if these say no more than ranges.
fn one_name(line: &str) -> Option<&str> {
    let mut patterns = line.strip_suffix(':')?.split(',').map(|it| it.trim().trim_matches('"'));
    let name = |pattern: &'_ str| -> Option<usize> {
        let at = pattern.get(1..)?.find('@')? + 1;
        let range = pattern.get(at + 1..)?;
        let range = range.strip_prefix("npm:").unwrap_or(range);
        (!range.contains([':', '@', '/'])).then_some(at)
    };
    let first = patterns.next()?;
    let first = first.get(..name(first)?)?;
    patterns.all(|it| name(it).and_then(|at| it.get(..at)) == Some(first)).then_some(first)
}

/// `go.mod`: <https://go.dev/ref/mod#go-mod-file>. Whether a module is needed only by others is a
/// comment.
pub(super) fn go_mod(text: &str, found: &mut Facts) -> Result<(), String> {
    let mut block = None;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or(line).trim();
        if line.is_empty() {
            continue;
        }
        if line == ")" {
            block = None;
            continue;
        }
        if let Some(verb) = line.strip_suffix('(') {
            block = Some(verb.trim());
            continue;
        }
        let (verb, rest) = match block {
            Some(verb) => (verb, line),
            None => line.split_once(' ').unwrap_or((line, "")),
        };
        match rest.trim().split_once(' ') {
            Some((module, version)) if verb == "require" => {
                found.add(&[verb, module], version.trim())?;
            }
            _ => found.add(&[verb], rest.trim())?,
        }
    }
    Ok(())
}

/// `go.sum`: module, version and hash in a line.
pub(super) fn go_sum(text: &str, found: &mut Facts) -> Result<(), String> {
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words {
            [module, version, hash] => found.add(&[module, version], hash)?,
            _ => found.add(&[""], line)?,
        }
    }
    Ok(())
}
