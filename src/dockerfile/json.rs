//! The exec form: a JSON array of strings, with the place of each string.

use super::line::Text;
use super::{ParseError, Word};
use serde::de::IgnoredAny;
use std::str::Chars;

/// Reads an array of strings. A text that is not JSON is no error but the shell form; JSON that
/// holds anything but strings is one.
pub(super) fn strings(text: Text<'_>) -> Result<Option<Vec<Word>>, ParseError> {
    let string = text.as_str();
    if !string.starts_with('[') {
        return Ok(None);
    }
    match (Scanner { text, chars: string.chars() }.array()) {
        Some(words) => Ok(Some(words)),
        None if serde_json::from_str::<Vec<IgnoredAny>>(string).is_ok() => {
            Err(ParseError::new(text.span(), "the JSON form takes an array of strings only")
                .with_hint("put each argument into double quotes"))
        }
        None => Ok(None),
    }
}

struct Scanner<'a> {
    text: Text<'a>,
    chars: Chars<'a>,
}

impl Scanner<'_> {
    /// The whole text as an array, or nothing if it is something else.
    fn array(mut self) -> Option<Vec<Word>> {
        let mut words = Vec::new();
        self.expect('[')?;
        self.skip_blanks();
        if self.chars.as_str().starts_with(']') {
            self.chars.next();
        } else {
            while self.element(&mut words)? {}
        }
        self.skip_blanks();
        self.chars.as_str().is_empty().then_some(words)
    }

    /// One string and what follows it; says whether another must come.
    fn element(&mut self, words: &mut Vec<Word>) -> Option<bool> {
        self.skip_blanks();
        let start = self.offset();
        self.expect('"')?;
        let text = self.string()?;
        words.push(Word { text, span: self.text.slice(start..self.offset()).span() });
        self.skip_blanks();
        match self.chars.next()? {
            ',' => Some(true),
            ']' => Some(false),
            _ => None,
        }
    }

    /// The rest of a string whose opening quote is read.
    fn string(&mut self) -> Option<String> {
        let mut string = String::new();
        loop {
            match self.chars.next()? {
                '"' => return Some(string),
                '\\' => string.push(self.escaped()?),
                control if control < ' ' => return None,
                char => string.push(char),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.chars.next()? {
            char @ ('"' | '\\' | '/') => char,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.code_point()?,
            _ => return None,
        })
    }

    /// The digits after `\u`. A surrogate without its other half becomes U+FFFD, as in Go.
    fn code_point(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if (0xd800..0xdc00).contains(&first) {
            let mut ahead = Self { text: self.text, chars: self.chars.clone() };
            if ahead.expect('\\').and_then(|()| ahead.expect('u')).is_some() {
                let second = ahead.four_digits()?;
                if (0xdc00..0xe000).contains(&second) {
                    self.chars = ahead.chars;
                    return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
                }
            }
        }
        Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Option<u32> {
        let mut value = 0;
        for _ in 0..4 {
            value = value * 16 + self.chars.next()?.to_digit(16)?;
        }
        Some(value)
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        (self.chars.next()? == wanted).then_some(())
    }

    fn skip_blanks(&mut self) {
        let rest = self.chars.as_str();
        self.chars = rest.trim_start_matches([' ', '\t', '\r', '\n']).chars();
    }

    fn offset(&self) -> usize {
        self.text.as_str().len() - self.chars.as_str().len()
    }
}
