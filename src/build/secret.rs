//! Secrets and SSH agents that steps may see and nothing may keep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// Parts of a secret shorter than this are too common to be looked for, in bytes.
const LENGTH_MIN: usize = 6;

/// Words shorter than this are no tokens, in bytes.
const TOKEN_LENGTH_MIN: usize = 16;

/// The secrets of a build, by id.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    /// Adds one; the last of an id wins.
    pub fn insert(&mut self, id: String, content: Vec<u8>) {
        self.0.insert(id, content);
    }

    /// The content of a secret.
    pub fn get(&self, id: &str) -> Option<&[u8]> {
        self.0.get(id).map(Vec::as_slice)
    }

    /// Their names.
    pub fn ids(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// Everything that must never be written anywhere, the longest first: each line of each secret, and
    /// the words in it that look like tokens (`//registry.example/:_authToken=…` is a line of which
    /// nothing but the token is ever sent).
    pub fn values(&self) -> Vec<Vec<u8>> {
        self.values_of(self.0.keys().map(String::as_str))
    }

    /// The same of the secrets with these ids.
    pub fn values_of<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<Vec<u8>> {
        let mut values: BTreeSet<Vec<u8>> = BTreeSet::new();
        for content in ids.filter_map(|id| self.get(id)) {
            for line in content.split(|byte| *byte == b'\n') {
                let line = line.trim_ascii();
                if line.len() >= LENGTH_MIN {
                    values.insert(line.to_vec());
                }
                values.extend(tokens(line).map(<[u8]>::to_vec));
            }
        }
        let mut values: Vec<Vec<u8>> = values.into_iter().collect();
        // What is part of another must not be found first.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values
    }
}

/// Their names only: a secret is in no message.
impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// Words that have both letters and digits and are long.
fn tokens(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let part_of_token =
        |byte: &u8| byte.is_ascii_alphanumeric() || [b'-', b'_', b'+', b'~'].contains(byte);
    line.split(move |byte| !part_of_token(byte)).filter(|word| {
        word.len() >= TOKEN_LENGTH_MIN
            && word.iter().any(u8::is_ascii_digit)
            && word.iter().any(u8::is_ascii_alphabetic)
    })
}

/// The sockets of SSH agents, by id.
pub type Agents = BTreeMap<String, PathBuf>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_lines_and_tokens() {
        let mut secrets = Secrets::default();
        secrets.insert("npm".into(), b"//r.example/:_authToken=npm_0123456789abcdef\n".to_vec());
        secrets.insert("short".into(), b"yes\n".to_vec());
        secrets.insert("words".into(), b" hunter two \r\nregistry-without-digits\n".to_vec());
        let values = secrets.values();
        let values: Vec<&str> =
            values.iter().map(|value| std::str::from_utf8(value).unwrap()).collect();
        assert_eq!(
            values,
            [
                "//r.example/:_authToken=npm_0123456789abcdef",
                "registry-without-digits",
                "npm_0123456789abcdef",
                "hunter two",
            ]
        );
        assert_eq!(secrets.values_of(["short"].into_iter()), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn nothing_shows_what_is_in_one() {
        let mut secrets = Secrets::default();
        secrets.insert("id".into(), b"hunter2".to_vec());
        assert_eq!(format!("{secrets:?}"), "{\"id\"}");
    }
}
