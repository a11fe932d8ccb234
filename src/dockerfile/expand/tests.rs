//! Tests of the expansion.

use super::*;
use proptest::prelude::*;

fn variables() -> BTreeMap<String, String> {
    let pairs = [
        ("A", "alpha"),
        ("EMPTY", ""),
        ("TWO", "one two"),
        ("PATH", "/usr/local/bin"),
        ("FILE", "archive.tar.gz"),
        ("STARS", "a***b*"),
        ("NAME", "A"),
        ("PATTERN", "*/"),
        ("LINES", "one\ntwo"),
        ("größe", "42"),
        ("QUOTED", "'q'"),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[track_caller]
fn check(word: &str, expected: &str) {
    assert_eq!(expand(word, &variables(), '\\').as_deref(), Ok(expected), "{word}");
}

#[track_caller]
fn fails(word: &str, expected: &str) {
    let error = expand(word, &variables(), '\\').unwrap_err();
    assert_eq!(error.to_string(), expected, "{word}");
}

#[test]
fn names_end_where_they_must() {
    check("", "");
    check("plain", "plain");
    check("$A", "alpha");
    check("${A}", "alpha");
    check("$A.b", "alpha.b");
    check("$A_b", "");
    check("${A}_b", "alpha_b");
    check("x$UNSET.y", "x.y");
    check("$", "$");
    check("a$ b", "a$ b");
    check("$(id)", "$(id)");
    check("$1A", "A");
    check("$12", "");
    check("$$A", "A");
    check("$größe", "42");
    check("$A$A", "alphaalpha");
}

#[test]
fn quotes_and_escapes_go() {
    check("'$A'", "$A");
    check("\"$A\"", "alpha");
    check("a'b'\"c\"", "abc");
    check(r"\$A", "$A");
    check(r"\a\'\\", r"a'\");
    check(r"a\", "a");
    check(r#""\$A \a \" \\""#, r#"$A \a " \"#);
    check("'a\"b'", "a\"b");
    check("\"a'b\"", "a'b");
    check("$QUOTED", "'q'");
    check("  two  words ", "  two  words ");
    fails("'a", "unexpected end while looking for the matching `'`");
    fails("\"a", "unexpected end while looking for the matching `\"`");
    fails(r#""a\""#, "unexpected end while looking for the matching `\"`");
}

#[test]
fn the_escape_character_may_be_a_backtick() {
    let expanded = |word| expand(word, &variables(), '`').unwrap();
    assert_eq!(expanded(r"C:\$A"), r"C:\alpha");
    assert_eq!(expanded("`$A"), "$A");
    assert_eq!(expanded("\"`$A `x\""), "$A `x");
}

#[test]
fn defaults_and_alternatives() {
    check("${A:-x} ${A-x}", "alpha alpha");
    check("${EMPTY:-x} ${EMPTY-x}", "x ");
    check("${UNSET:-x} ${UNSET-x}", "x x");
    check("${A:+x} ${A+x}", "x x");
    check("${EMPTY:+x} ${EMPTY+x}", " x");
    check("${UNSET:+x} ${UNSET+x}", " ");
    check("${UNSET:-${EMPTY:-$A}}", "alpha");
    check("${UNSET:-'a }'}", "a }");
    check(r"${UNSET:-a\}}", "a}");
    check("v${A}${UNSET:+-${UNSET}}.tar", "valpha.tar");
    check("${UNSET:-}", "");
}

#[test]
fn required_variables() {
    check("${A:?no} ${A?no} ${EMPTY?no}", "alpha alpha ");
    fails("${EMPTY:?no $A}", "EMPTY: no alpha");
    fails("${UNSET?no}", "UNSET: no");
    fails("${UNSET:?}", "UNSET: must be set");
    fails("${EMPTY:?}", "EMPTY: must not be empty");
}

#[test]
fn starts_and_ends_are_cut() {
    check("${PATH#*/}", "usr/local/bin");
    check("${PATH##*/}", "bin");
    check("${PATH%/*}", "/usr/local");
    check("${PATH%%/*}", "");
    check("${FILE%.*} ${FILE%%.*}", "archive.tar archive");
    check("${FILE#a?c}", "hive.tar.gz");
    check("${FILE#x}", "archive.tar.gz");
    check("${FILE#}${FILE%%}", "archive.tar.gzarchive.tar.gz");
    check(r"${STARS%\*}", "a***b");
    check(r"${STARS#a\*}", "**b*");
    check("${PATH##$PATTERN}", "bin");
    check("${UNSET#a}", "");
    check("${LINES#*}", "one\ntwo");
    check("${LINES##*}", "\ntwo");
    check("${LINES##?ne?two}", "one\ntwo");
}

#[test]
fn matches_are_replaced() {
    check("${FILE/a/A}", "Archive.tar.gz");
    check("${FILE//a/A}", "Archive.tAr.gz");
    check("${FILE//./}", "archivetargz");
    check("${FILE/.*/}", "archive");
    check(r"${PATH//\//_}", "_usr_local_bin");
    check(r"${PATH//\//\/}", r"\/usr\/local\/bin");
    check("${A///-}", "-a-l-p-h-a-");
    check("${A//*/-}", "-");
    check("${A/x/y}", "alpha");
    check("${UNSET/x/y}", "");
    fails("${A/x}", "missing `/` in a substitution");
    fails("${A/x/y", "missing `}` in a substitution");
}

#[test]
fn what_is_no_substitution_is_an_error() {
    fails("${", "missing `}` in a substitution");
    fails("${A", "missing `}` in a substitution");
    fails("${A:", "missing `}` in a substitution");
    fails("${A:-x", "missing `}` in a substitution");
    fails("${}", "bad substitution");
    fails("${:A}", "bad substitution");
    fails("${{A}}", "bad substitution");
    fails("${A=x}", "unsupported modifier `=` in a substitution");
    fails("${A:=x}", "unsupported modifier `:=` in a substitution");
    fails("${A:#x}", "unsupported modifier `:#` in a substitution");
    fails("${A[0]}", "unsupported modifier `[` in a substitution");
    fails("${#A}", "unsupported modifier `A` in a substitution");
    fails(r"${A#\x}", r"invalid escape in pattern `\x`");
}

#[test]
fn words_split_after_the_expansion() {
    let words = |word| expand_words(word, &variables(), '\\').unwrap();
    assert_eq!(words("a  b"), ["a", "b"]);
    assert_eq!(words("$TWO"), ["one", "two"]);
    assert_eq!(words("\"$TWO\""), ["one two"]);
    assert_eq!(words("x$TWO'y z'"), ["xone", "twoy z"]);
    assert_eq!(words(r"a\ b"), ["a b"]);
    assert_eq!(words("$EMPTY '' \"\""), [""; 0]);
    assert_eq!(words("${UNSET:-a b}"), ["a", "b"]);
}

#[test]
fn a_heredoc_keeps_its_quotes() {
    let body = "'$A' \"$A\" \\$A\n${UNSET:-'x'}\n";
    let expanded = Expander::new('`').heredoc(body, &variables()).unwrap();
    assert_eq!(expanded, "'alpha' \"alpha\" $A\n'x'\n");
}

#[test]
fn variables_come_from_pairs_and_functions() {
    let pairs = [("X".to_owned(), "1".to_owned()), ("X".to_owned(), "2".to_owned())];
    assert_eq!(expand("$X", &pairs.to_vec(), '\\').unwrap(), "2");
    let twice = Lookup(|name: &str| Some(format!("{name}{name}")));
    assert_eq!(expand("$X", &twice, '\\').unwrap(), "XX");
}

#[test]
fn a_chain_of_doublings_ends() {
    let expander = Expander::new('\\');
    let mut variables = BTreeMap::from([("X0".to_owned(), "0123456789".to_owned())]);
    let mut failed = None;
    for step in 1..100_000 {
        let before = step - 1;
        match expander.word(&format!("$X{before}$X{before}"), &variables) {
            Ok(value) => variables.insert(format!("X{step}"), value),
            Err(error) => {
                failed = Some((step, error));
                break;
            }
        };
    }
    assert_eq!(failed, Some((17, ExpandError::TooLong)));
}

#[test]
fn many_long_values_end() {
    let variables = BTreeMap::from([("X".to_owned(), "x".repeat(WORD_BYTES_MAX))]);
    let expander = Expander::new('\\');
    let done = (0..100_000).take_while(|_| expander.word("$X", &variables).is_ok()).count();
    assert_eq!(done, TOTAL_BYTES_MAX / WORD_BYTES_MAX);
    assert_eq!(expander.word("$X", &variables), Err(ExpandError::TooMuch));
}

#[test]
fn patterns_cost() {
    let variables = BTreeMap::from([("X".to_owned(), "a".repeat(100_000))]);
    let word = format!("${{X##{}b}}", "*a".repeat(5000));
    assert_eq!(expand(&word, &variables, '\\').err(), Some(ExpandError::TooMuch));
    assert_eq!(expand("${X//*b/c}", &variables, '\\').err(), Some(ExpandError::TooMuch));
    assert_eq!(expand("${X//?/c}", &variables, '\\').map(|text| text.len()), Ok(100_000));
}

#[test]
fn nesting_ends() {
    let nested = |depth: usize| format!("{}x{}", "${U:-".repeat(depth), "}".repeat(depth));
    check(&nested(DEPTH_MAX), "x");
    let error = expand(&nested(DEPTH_MAX + 1), &variables(), '\\').unwrap_err();
    assert_eq!(error, ExpandError::TooDeep);
    let error = expand(&"${U:-".repeat(1_000_000), &variables(), '\\').unwrap_err();
    assert_eq!(error, ExpandError::TooDeep);
}

proptest! {
    #[test]
    fn nothing_panics(word in r#"[\$\{\}:\-+?#%/*\\'"`<A-C a-c0-9]{0,40}"#, tick in any::<bool>()) {
        let escape = if tick { '`' } else { '\\' };
        let variables = variables();
        let whole = expand(&word, &variables, escape);
        let split = expand_words(&word, &variables, escape);
        prop_assert_eq!(whole.is_ok(), split.is_ok());
        if let (Ok(whole), Ok(split)) = (whole, split) {
            let solid: String = whole.split_whitespace().collect();
            let joined: String = split.concat().split_whitespace().collect();
            prop_assert_eq!(solid, joined);
        }
    }

    #[test]
    fn text_without_special_characters_stays(word in r"[^\$'\x22\\`]{0,40}") {
        prop_assert_eq!(expand(&word, &variables(), '\\').unwrap(), word);
    }

    #[test]
    fn an_escaped_text_stays(word in r"[ -~]{0,40}") {
        let escaped: String = word.chars().flat_map(|char| ['\\', char]).collect();
        prop_assert_eq!(expand(&escaped, &variables(), '\\').unwrap(), word);
    }

    #[test]
    fn patterns_agree_with_a_plain_matcher(pattern in "[ab*?]{0,8}", text in "[ab]{0,12}") {
        let variables = BTreeMap::from([("X".to_owned(), text.clone())]);
        let cut = |operator: &str| {
            expand(&format!("${{X{operator}{pattern}}}"), &variables, '\\').unwrap()
        };
        let starts: Vec<usize> =
            (0..=text.len()).filter(|end| matches(&pattern, &text[..*end])).collect();
        let ends: Vec<usize> =
            (0..=text.len()).filter(|start| matches(&pattern, &text[*start..])).collect();
        prop_assert_eq!(cut("#"), &text[starts.first().copied().unwrap_or(0)..]);
        prop_assert_eq!(cut("##"), &text[starts.last().copied().unwrap_or(0)..]);
        prop_assert_eq!(cut("%"), &text[..ends.last().copied().unwrap_or(text.len())]);
        prop_assert_eq!(cut("%%"), &text[..ends.first().copied().unwrap_or(text.len())]);
    }
}

/// The plainest matcher there is.
fn matches(pattern: &str, text: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|at| matches(chars.as_str(), &text[at..])),
        Some(first) => {
            let mut rest = text.chars();
            let next = rest.next();
            next.is_some_and(|next| first == '?' || first == next)
                && matches(chars.as_str(), rest.as_str())
        }
    }
}
