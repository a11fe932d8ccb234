//! The part of RE2 that a translated pattern can contain:
//! <https://github.com/google/re2/wiki/Syntax>.
//! Runs as an automaton, in time proportional to path times pattern.

use super::super::pattern::decode;

/// A regular expression that must match a whole path.
#[derive(Debug)]
pub(super) struct Expression {
    nodes: Vec<Node>,
}

/// One state of the automaton; where it matches, the next one follows.
#[derive(Debug)]
enum Node {
    /// One character of the set.
    One(Set),
    /// Any number of characters of the set.
    Many(Set),
    /// Takes no character: goes on here, or after so many further nodes.
    OrSkip(usize),
    /// The start of the path: a `^` that is not within `[…]`.
    Start,
}

#[derive(Debug, Default)]
struct Set {
    negated: bool,
    members: Vec<Member>,
}

#[derive(Debug)]
enum Member {
    Range(char, char),
    Named { negated: bool, ranges: &'static [(char, char)] },
}

impl Set {
    fn only(character: char) -> Self {
        Self { negated: false, members: vec![Member::Range(character, character)] }
    }

    fn but(character: char) -> Self {
        Self { negated: true, members: vec![Member::Range(character, character)] }
    }

    fn contains(&self, character: char) -> bool {
        self.members.iter().any(|member| member.contains(character)) != self.negated
    }
}

impl Member {
    fn contains(&self, character: char) -> bool {
        let within = |(low, high): &(char, char)| (*low..=*high).contains(&character);
        match self {
            Self::Range(low, high) => within(&(*low, *high)),
            Self::Named { negated, ranges } => ranges.iter().any(within) != *negated,
        }
    }
}

const ALTERNATION: &str = "Docker reads a `|` beside wildcards as a choice, which is not supported";
const REPETITION: &str =
    "Docker reads `{…}` with a number beside wildcards as a repetition, which is not supported";
const ESCAPE: &str = "Docker reads a backslash before a letter or digit as a regular expression; this one is not supported";
const RANGE: &str = "a range in `[…]` ends before it starts";
const UNCLOSED: &str = "a `[` is not closed";
const CLASS_NAME: &str = "`[:…:]` has a name that is not known";

impl Expression {
    pub(super) fn compile(text: &[char]) -> Result<Self, &'static str> {
        let mut nodes = Vec::new();
        let mut rest = text;
        while let Some((character, after)) = rest.split_first() {
            rest = after;
            match character {
                // An unescaped parenthesis is always `(.*/)?`, and an unescaped dot always `.*`.
                '(' => {
                    nodes.extend([Node::OrSkip(2), Node::Many(Set::but('\n'))]);
                    nodes.push(Node::One(Set::only('/')));
                    rest = after.get(".*/)?".len()..).unwrap_or_default();
                }
                '.' => {
                    nodes.push(Node::Many(Set::but('\n')));
                    rest = after.get("*".len()..).unwrap_or_default();
                }
                '[' => {
                    let (set, after) = class(after)?;
                    let many = after.strip_prefix(&['*']);
                    rest = many.unwrap_or(after);
                    nodes.push(if many.is_some() { Node::Many(set) } else { Node::One(set) });
                }
                '\\' => {
                    let (member, after) = escape(after)?;
                    nodes.push(Node::One(Set { negated: false, members: vec![member] }));
                    rest = after;
                }
                '^' => nodes.push(Node::Start),
                '|' => return Err(ALTERNATION),
                '{' if is_repetition(after) => return Err(REPETITION),
                literal => nodes.push(Node::One(Set::only(*literal))),
            }
        }
        Ok(Self { nodes })
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        let mut now = vec![false; self.nodes.len() + 1];
        let mut next = now.clone();
        if let Some(first) = now.first_mut() {
            *first = true;
        }
        self.skip_forward(&mut now, true);
        let mut rest = path;
        while let Some((character, length)) = decode(rest) {
            rest = rest.get(length..).unwrap_or_default();
            next.fill(false);
            for (index, node) in self.nodes.iter().enumerate() {
                let target = match node {
                    Node::One(set) if set.contains(character) => index + 1,
                    Node::Many(set) if set.contains(character) => index,
                    _ => continue,
                };
                if now.get(index) == Some(&true) {
                    mark(&mut next, target);
                }
            }
            self.skip_forward(&mut next, false);
            std::mem::swap(&mut now, &mut next);
        }
        now.last() == Some(&true)
    }

    /// Marks what is reached without a character. Such steps lead forward only, so one pass does.
    fn skip_forward(&self, states: &mut [bool], at_start: bool) {
        for (index, node) in self.nodes.iter().enumerate() {
            if states.get(index) != Some(&true) {
                continue;
            }
            match node {
                Node::Many(_) => mark(states, index + 1),
                Node::OrSkip(count) => {
                    mark(states, index + 1);
                    mark(states, index + 1 + count);
                }
                Node::Start if at_start => mark(states, index + 1),
                Node::Start | Node::One(_) => {}
            }
        }
    }
}

fn mark(states: &mut [bool], index: usize) {
    if let Some(state) = states.get_mut(index) {
        *state = true;
    }
}

/// `{2}`, `{2,}` or `{2,3}`; any other brace is one.
fn is_repetition(after_brace: &[char]) -> bool {
    let Some(end) = after_brace.iter().position(|character| *character == '}') else {
        return false;
    };
    let body: String = after_brace.iter().take(end).collect();
    let (low, high) = body.split_once(',').unwrap_or((&body, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

/// Reads a class after its `[`; gives what follows its `]`.
fn class(text: &[char]) -> Result<(Set, &[char]), &'static str> {
    let (negated, mut rest) = match text.strip_prefix(&['^']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut set = Set { negated, members: Vec::new() };
    loop {
        match rest {
            [] => return Err(UNCLOSED),
            [']', after @ ..] if !set.members.is_empty() => return Ok((set, after)),
            ['[', ':', after @ ..] => {
                if let Some((member, after)) = named_class(after)? {
                    set.members.push(member);
                    rest = after;
                    continue;
                }
            }
            _ => {}
        }
        let (low, after) = class_member(rest)?;
        rest = after;
        set.members.push(match (low, after) {
            (Member::Range(low, _), ['-', high @ ..]) if high.first() != Some(&']') => {
                let (high, after) = class_member(high)?;
                rest = after;
                range(low, &high)?
            }
            (member, _) => member,
        });
    }
}

fn range(low: char, high: &Member) -> Result<Member, &'static str> {
    match high {
        Member::Range(high, _) if low <= *high => Ok(Member::Range(low, *high)),
        Member::Range(..) => Err(RANGE),
        Member::Named { .. } => Err(ESCAPE),
    }
}

fn class_member(text: &[char]) -> Result<(Member, &[char]), &'static str> {
    match text {
        [] => Err(UNCLOSED),
        ['\\', after @ ..] => escape(after),
        [character, after @ ..] => Ok((Member::Range(*character, *character), after)),
    }
}

/// What a backslash and the next character mean.
fn escape(text: &[char]) -> Result<(Member, &[char]), &'static str> {
    let (character, after) = text.split_first().ok_or(ESCAPE)?;
    let literal = match character {
        'd' | 'D' => return Ok((named(character.is_uppercase(), DIGIT), after)),
        's' | 'S' => return Ok((named(character.is_uppercase(), PERL_SPACE), after)),
        'w' | 'W' => return Ok((named(character.is_uppercase(), WORD), after)),
        'a' => '\u{7}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => *other,
        _ => return Err(ESCAPE),
    };
    Ok((Member::Range(literal, literal), after))
}

fn named(negated: bool, ranges: &'static [(char, char)]) -> Member {
    Member::Named { negated, ranges }
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const PERL_SPACE: &[(char, char)] = &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// POSIX classes: <https://github.com/google/re2/wiki/Syntax>, "ASCII character classes".
const NAMED_CLASSES: &[(&str, &[(char, char)])] = &[
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\u{7f}')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')]),
    ("digit", DIGIT),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

/// A class name after its `[:`, if a `:]` ends it; otherwise `[` is a character as any other.
fn named_class(text: &[char]) -> Result<Option<(Member, &[char])>, &'static str> {
    let Some(end) = text.windows(2).position(|two| two == [':', ']']) else { return Ok(None) };
    let name: String = text.iter().take(end).collect();
    let (negated, name) = match name.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, &*name),
    };
    let (_, ranges) = NAMED_CLASSES.iter().find(|(known, _)| *known == name).ok_or(CLASS_NAME)?;
    Ok(Some((named(negated, ranges), text.get(end + 2..).unwrap_or_default())))
}
