//! Patterns over the paths of an image, as the tables of rules and causes write them.

/// Whether `path` (relative, no leading slash) matches `pattern`: `*` stands for any bytes within a
/// component, `?` for one of them, `**` as a whole component for any number of components, all else for
/// itself.
///
/// ```text
/// var/log/apt/*.log      var/log/apt/term.log
/// var/lib/mysql/**       everything below var/lib/mysql
/// **/__pycache__/*.pyc   bytecode anywhere
/// ```
pub fn matches(pattern: &str, path: &[u8]) -> bool {
    if path.is_empty() {
        return pattern.is_empty();
    }
    let pattern: Vec<&[u8]> = pattern.as_bytes().split(|byte| *byte == b'/').collect();
    let path: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    wildcard(&pattern, &path, &|part| *part == b"**", &|part, component| {
        component_matches(part, component)
    })
}

/// Whether a component of a pattern stands for more than itself.
pub(super) fn is_pattern(component: &[u8]) -> bool {
    component.iter().any(|byte| matches!(byte, b'*' | b'?'))
}

/// Whether one component matches, where `*` stands for any bytes and `?` for one.
pub(super) fn component_matches(pattern: &[u8], component: &[u8]) -> bool {
    wildcard(pattern, component, &|byte| *byte == b'*', &|left, right| {
        *left == b'?' || left == right
    })
}

/// Wildcard matching with one point to go back to, the last star seen: linear in practice, at
/// worst the product of both lengths, and never recursive.
fn wildcard<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: &dyn Fn(&P) -> bool,
    is_equal: &dyn Fn(&P, &T) -> bool,
) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while let Some(item) = text.get(at_text) {
        match pattern.get(at_pattern) {
            Some(part) if is_star(part) => {
                last_star = Some((at_pattern + 1, at_text));
                at_pattern += 1;
            }
            Some(part) if is_equal(part, item) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => {
                let Some((after_star, taken)) = last_star else { return false };
                last_star = Some((after_star, taken + 1));
                at_pattern = after_star;
                at_text = taken + 1;
            }
        }
    }
    pattern.get(at_pattern..).unwrap_or_default().iter().all(is_star)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_what_they_say_and_no_more() {
        let cases: &[(&str, &str, bool)] = &[
            ("etc/shadow", "etc/shadow", true),
            ("etc/shadow", "etc/shadow-", false),
            ("etc/shadow", "usr/etc/shadow", false),
            ("var/log/apt/*.log", "var/log/apt/term.log", true),
            ("var/log/apt/*.log", "var/log/apt/old/term.log", false),
            ("var/lib/mysql/**", "var/lib/mysql/a/b", true),
            ("var/lib/mysql/**", "var/lib/mysql", true),
            ("var/lib/mysql/**", "var/lib/mysqlx", false),
            ("**/*.pyc", "a.pyc", true),
            ("**/*.pyc", "usr/lib/x/__pycache__/a.pyc", true),
            ("**/__pycache__/*.pyc", "__pycache__/x/a.pyc", false),
            ("root/.npm/_logs/*-debug-*.log", "root/.npm/_logs/2026-debug-0.log", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("tmp/apt-key.??????.asc", "tmp/apt-key.Ql8IW6.asc", true),
            ("tmp/apt-key.??????.asc", "tmp/apt-key.mine.asc", false),
            ("tmp/apt-key.??????.asc", "tmp/apt-key.a/bcde.asc", false),
            ("*", "", false),
            ("", "", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(matches(pattern, path.as_bytes()), *expected, "{pattern} {path}");
        }
    }

    proptest! {
        #[test]
        fn a_path_matches_itself_and_everything(path in "[a-c/]{0,12}", star in 0usize..12) {
            prop_assert!(matches(&path, path.as_bytes()));
            prop_assume!(!path.is_empty());
            prop_assert!(matches("**", path.as_bytes()));
            // One byte that is not a slash may always become a star.
            let mut pattern = path.clone();
            let star = star % path.len();
            if &path[star..=star] != "/" {
                pattern.replace_range(star..=star, "*");
                prop_assert!(matches(&pattern, path.as_bytes()));
            }
        }
    }
}
