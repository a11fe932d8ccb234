//! `rlock explain`: what a cause or a rule means, and how to mend it.

use super::args::RuleName;
use crate::finding::{CAUSES, Cause, Treatment};
use crate::normalize::{Action, RULES, Rule};
use crate::report::{inert, words};
use anstyle::{AnsiColor, Style};
use std::collections::BTreeSet;

const HEADING: Style = Style::new().bold();
const ID: Style = AnsiColor::Cyan.on_default();

/// A name is neither a cause nor a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is {expected}", inert::text(.name))]
pub struct UnknownName {
    name: String,
    expected: &'static str,
    similar: Option<&'static str>,
}

impl UnknownName {
    /// What may have been meant.
    pub fn hint(&self) -> Option<String> {
        Some(match self.similar {
            Some(similar) => format!("did you mean `{similar}`? `rlock explain` lists all"),
            None => "`rlock explain` lists all".to_owned(),
        })
    }
}

/// The page for `name`; without a name the list of all causes and rules.
pub fn explain(name: Option<&str>, width: usize) -> Result<String, UnknownName> {
    let Some(name) = name else { return Ok(list(width)) };
    match (Cause::find(name), Rule::find(name)) {
        (None, None) => Err(UnknownName {
            name: name.to_owned(),
            expected: "neither a cause nor a rule",
            similar: most_similar(name, ids_of_causes().chain(ids_of_rules())),
        }),
        (cause, rule) => {
            let cause = cause.map(|cause| of_cause(cause, width));
            let rule = rule.map(|rule| of_rule(rule, width));
            Ok(cause.into_iter().chain(rule).collect::<Vec<_>>().join("\n"))
        }
    }
}

/// The ids of the rules that `--no-normalize` switches off.
pub fn disabled_rules(names: &[RuleName]) -> Result<BTreeSet<String>, UnknownName> {
    let mut disabled = BTreeSet::new();
    for name in names {
        match name {
            RuleName::All => disabled.extend(ids_of_rules().map(str::to_owned)),
            RuleName::One(id) if Rule::find(id).is_some() => {
                disabled.insert(id.clone());
            }
            RuleName::One(id) => {
                return Err(UnknownName {
                    name: id.clone(),
                    expected: "not a rule",
                    similar: most_similar(id, ids_of_rules()),
                });
            }
        }
    }
    Ok(disabled)
}

fn ids_of_causes() -> impl Iterator<Item = &'static str> {
    CAUSES.iter().map(|cause| cause.id)
}

fn ids_of_rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.id)
}

fn list(width: usize) -> String {
    let longest = ids_of_causes().chain(ids_of_rules()).map(str::len).max().unwrap_or(0);
    let row = |id: &str, text: &str| {
        let text = inert::shorten_end(text, width.saturating_sub(longest + 4));
        format!("  {ID}{id:longest$}{ID:#}  {text}\n")
    };
    let causes: Vec<String> = CAUSES.iter().map(|cause| row(cause.id, cause.title)).collect();
    let rules: Vec<String> = RULES.iter().map(|rule| row(rule.id, rule.title)).collect();
    let (causes, rules) = (causes.concat(), rules.concat());
    format!(
        "{HEADING}causes{HEADING:#}, behind what a check finds\n{causes}\n\
         {HEADING}rules{HEADING:#}, which remove noise before images are compared\n{rules}"
    )
}

fn of_cause(cause: &Cause, width: usize) -> String {
    let rules: Vec<String> = RULES
        .iter()
        .filter(|rule| rule.cause == cause.id)
        .map(|rule| format!("`{}`", rule.id))
        .collect();
    let treatment = match (cause.treatment, rules.len()) {
        _ if cause.id == "mtime" => "rlock sets times later than the epoch back to it.".to_owned(),
        (Treatment::Explain, _) => "rlock reports it and never hides it.".to_owned(),
        (Treatment::Normalise, 0) => {
            "It is noise, but no rule removes it: it is reported.".to_owned()
        }
        (Treatment::Normalise, 1) => format!("The rule {} removes it.", words::list(&rules)),
        (Treatment::Normalise, _) => format!("The rules {} remove it.", words::list(&rules)),
    };
    format!(
        "{}{}\n{}\n{}",
        heading("cause", cause.id, cause.title),
        paragraph("", cause.explanation, width),
        paragraph("Mend: ", cause.mend, width),
        paragraph("", &treatment, width),
    )
}

fn of_rule(rule: &Rule, width: usize) -> String {
    let action = match rule.action {
        Action::Remove => {
            "It leaves these files out of the layer, as if the step had not written them."
        }
        Action::Empty => "It empties these files.",
        Action::Rewrite(_) => "It rewrites the noise in these files, and nothing else.",
    };
    let paths: Vec<String> = rule.paths.iter().map(|path| format!("    /{path}\n")).collect();
    let paths = paths.concat();
    let off =
        format!("`--no-normalize {}` switches it off. Its cause is `{}`.", rule.id, rule.cause);
    format!(
        "{}{}\n{}{paths}\n{}",
        heading("rule", rule.id, rule.title),
        paragraph("", rule.why, width),
        paragraph("", action, width),
        paragraph("", &off, width),
    )
}

fn heading(kind: &str, id: &str, title: &str) -> String {
    format!("{kind} {HEADING}{id}{HEADING:#}: {title}\n\n")
}

fn paragraph(start: &str, text: &str, width: usize) -> String {
    let lines = words::wrap(&format!("{start}{text}"), width.saturating_sub(2).max(20));
    lines.iter().map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat()
}

/// The id that is nearest to `name`, if it is near at all: a third of it may be mistyped.
fn most_similar(name: &str, ids: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let part = |id: &str| name.len() >= 3 && (id.contains(name) || name.contains(id));
    let distances = ids.map(|id| (if part(id) { 1 } else { distance(name, id) }, id));
    distances.filter(|(edits, id)| *edits <= id.len() / 3).min().map(|(_, id)| id)
}

/// How many characters must be changed, added or removed to make one text of the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    // A hostile name costs no more than a long one.
    let left: Vec<char> = left.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (index, wanted) in right.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        let mut next = vec![before];
        for (found, above) in left.iter().zip(row.iter().skip(1)) {
            let substituted = diagonal + usize::from(*found != wanted);
            before = substituted.min(above + 1).min(before + 1);
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> String {
        let page = explain(Some(name), 80).unwrap();
        let text = anstream::adapter::strip_str(&page).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        text
    }

    #[test]
    fn every_cause_and_every_rule_has_a_page_and_is_listed() {
        let list = explain(None, 80).unwrap();
        let list = anstream::adapter::strip_str(&list).to_string();
        assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
        for cause in CAUSES {
            let text = page(cause.id);
            assert!(text.starts_with(&format!("cause {}: ", cause.id)), "{text}");
            assert!(text.contains("Mend: "), "{text}");
            assert!(list.contains(&format!("  {} ", cause.id)), "{}", cause.id);
        }
        for rule in RULES {
            let text = page(rule.id);
            assert!(text.contains(&format!("`--no-normalize {}`", rule.id)), "{text}");
            assert!(list.contains(&format!("  {} ", rule.id)), "{}", rule.id);
        }
    }

    #[test]
    fn a_name_that_is_cause_and_rule_has_both_pages() {
        let text = page("ldconfig-aux-cache");
        assert!(
            text.contains("cause ldconfig-aux-cache") && text.contains("rule ldconfig-aux-cache")
        );
    }

    #[test]
    fn the_page_of_a_cause() {
        insta::assert_snapshot!(page("pyc-mtime"), @r#"
    cause pyc-mtime: source times in Python bytecode

      The header of a `.pyc` file holds the modification time of its source (bytes 8
      to 11); the bytecode itself is equal.

      Mend: Set SOURCE_DATE_EPOCH in the RUN: Python then writes hash-based
      bytecode. Or write none: `PYTHONDONTWRITEBYTECODE=1`, `pip install
      --no-compile`.

      It is noise, but no rule removes it: it is reported.
    "#);
    }

    #[test]
    fn the_page_of_a_rule() {
        insta::assert_snapshot!(page("dpkg-log"), @r#"
        rule dpkg-log: logs of dpkg

          dpkg and update-alternatives write a line with the time for each package and
          link.

          It leaves these files out of the layer, as if the step had not written them.
            /var/log/dpkg.log
            /var/log/alternatives.log

          `--no-normalize dpkg-log` switches it off. Its cause is `log`.
        "#);
    }

    #[test]
    fn a_mistyped_name_gets_the_right_one() {
        let hint = |name| explain(Some(name), 80).unwrap_err().hint().unwrap();
        assert!(hint("pyc-mtim").contains("did you mean `pyc-mtime`?"));
        assert!(hint("mtimes").contains("did you mean `mtime`?"));
        assert!(hint("aux-cache").contains("did you mean `ldconfig-aux-cache`?"));
        assert_eq!(hint("xyzzy"), "`rlock explain` lists all");
        assert_eq!(hint(""), "`rlock explain` lists all");
        let error = explain(Some("a\x1b[31m"), 80).unwrap_err();
        assert_eq!(error.to_string(), "`a\\x1b[31m` is neither a cause nor a rule");
    }

    #[test]
    fn rules_that_are_switched_off_must_exist() {
        let one = |id: &str| RuleName::One(id.to_owned());
        assert_eq!(disabled_rules(&[one("dpkg-log")]).unwrap().len(), 1);
        assert_eq!(disabled_rules(&[RuleName::All]).unwrap().len(), RULES.len());
        let error = disabled_rules(&[one("dpkg-logs")]).unwrap_err();
        assert_eq!(error.to_string(), "`dpkg-logs` is not a rule");
        assert!(error.hint().unwrap().contains("`dpkg-log`"));
        assert!(disabled_rules(&[one("unknown")]).is_err(), "a cause, not a rule");
    }

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
