//! `WWW-Authenticate`: <https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1>.
//!
//! One header may hold several challenges, and a comma separates challenges as well as the
//! parameters of one challenge; a comma inside a quoted string separates nothing.

/// More parameters than any registry sends.
const PARAMETERS_MAX: usize = 64;

/// One challenge: a scheme and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// `bearer` or `basic`, in lower case.
    pub(super) scheme: String,
    /// Names in lower case, values unquoted, in order.
    pub(super) parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The first parameter of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }
}

/// The challenges of one header. What does not follow the grammar ends the reading: the challenges
/// before it count.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut scanner = Scanner { rest: header };
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut parameters = 0;
    loop {
        scanner.skip(&[' ', '\t', ',']);
        let Some(word) = scanner.token() else { return challenges };
        let spaced = scanner.skip(&[' ', '\t']);
        if scanner.take('=') {
            // A parameter of the challenge before it.
            scanner.skip(&[' ', '\t']);
            let (Some(value), Some(last)) = (scanner.value(), challenges.last_mut()) else {
                return challenges;
            };
            last.parameters.push((word.to_ascii_lowercase(), value));
            parameters += 1;
        } else if spaced || scanner.rest.is_empty() || scanner.rest.starts_with(',') {
            challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: vec![] });
        } else {
            return challenges;
        }
        if parameters == PARAMETERS_MAX || challenges.len() == PARAMETERS_MAX {
            return challenges;
        }
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    /// Skips these characters; whether there was one.
    fn skip(&mut self, characters: &[char]) -> bool {
        let trimmed = self.rest.trim_start_matches(characters);
        let skipped = trimmed.len() < self.rest.len();
        self.rest = trimmed;
        skipped
    }

    fn take(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// <https://www.rfc-editor.org/rfc/rfc9110#name-tokens>
    fn token(&mut self) -> Option<&'a str> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let end = self.rest.bytes().position(|byte| !is_token(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A quoted string, or what stands there up to a comma or a space: registries send URLs
    /// unquoted, which is not a token.
    fn value(&mut self) -> Option<String> {
        if self.take('"') {
            return self.quoted();
        }
        let end = self.rest.find([',', ' ', '\t', '"']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(value.to_owned())
    }

    /// The rest of a quoted string; `None` where it does not end.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(characters.next()?),
                character => value.push(character),
            }
        }
        self.rest = characters.as_str();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Challenge { scheme: scheme.to_owned(), parameters: parameters.iter().map(own).collect() }
    }

    #[test]
    fn the_header_of_the_distribution_specification_is_read() {
        let header = r#"Bearer realm="https://auth.example/token",service="reg.example",scope="repository:a/b:pull,push""#;
        let expected = challenge(
            "bearer",
            &[
                ("realm", "https://auth.example/token"),
                ("service", "reg.example"),
                ("scope", "repository:a/b:pull,push"),
            ],
        );
        assert_eq!(parse(header), [expected]);
    }

    #[test]
    fn several_challenges_in_one_header_are_kept_apart() {
        let header =
            r#"Negotiate, BASIC Realm = "a \"b\", c" , charset=UTF-8,Bearer realm=https://x/y?z=1"#;
        let expected = [
            challenge("negotiate", &[]),
            challenge("basic", &[("realm", r#"a "b", c"#), ("charset", "UTF-8")]),
            challenge("bearer", &[("realm", "https://x/y?z=1")]),
        ];
        assert_eq!(parse(header), expected);
    }

    #[test]
    fn what_is_not_a_challenge_ends_the_reading() {
        for header in ["", "=", "\"", "realm=\"x\"", "\u{e4}"] {
            assert_eq!(parse(header), [], "{header}");
        }
        assert_eq!(parse("Basic realm=\"never ends"), [challenge("basic", &[])]);
    }

    #[test]
    fn the_number_of_parameters_is_limited() {
        let header = format!("Basic {}", "a=b,".repeat(10_000));
        assert_eq!(parse(&header)[0].parameters.len(), PARAMETERS_MAX);
        assert_eq!(parse(&"a,".repeat(10_000)).len(), PARAMETERS_MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(header in ".{0,200}") {
            drop(parse(&header));
        }

        #[test]
        fn quoted_values_round_trip(values in prop::collection::vec("[ -~]{0,20}", 1..5)) {
            let quote = |value: &String| format!("k=\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""));
            let header = format!("Bearer {}", values.iter().map(quote).collect::<Vec<_>>().join(", "));
            let read: Vec<String> =
                parse(&header)[0].parameters.iter().map(|(_, value)| value.clone()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
