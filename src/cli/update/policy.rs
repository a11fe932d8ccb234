//! What an update must not take: packages that are to be kept, versions that are too young.
//!
//! | version | waits |
//! | --- | --- |
//! | any | `min-age`: `--min-age`, else that of rlock.toml, else not at all |
//! | one that is known to repair something, and all that `--security` moves | `security-min-age` of rlock.toml, else not at all |
//! | of a package that `--now` names | not at all |
//!
//! A version that must wait and of which nothing says when it was published is not taken: what cannot
//! be judged would let everything past.

use super::super::args::UpdateArguments;
use super::super::settings::UpdateSettings;
use crate::report::{HeldBack, HeldCause};
use crate::update::{Identity, age_words, old_enough};
use std::time::Duration;

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    keep: Vec<String>,
    at_once: Vec<String>,
    min_age: Duration,
    security_min_age: Duration,
    /// Whether all that moves is for a repair.
    is_security: bool,
    /// Seconds since 1970.
    now: i64,
}

/// When a version was published, and what says so; else why nothing does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Age {
    Known { at: i64, source: String },
    Unknown(String),
}

/// A version that could be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Later<'a> {
    /// The package; its version is the locked one, empty where there is none.
    pub(super) package: &'a Identity,
    pub(super) version: &'a str,
    /// Whether it is known to repair something.
    pub(super) repairs: bool,
}

impl Policy {
    pub(super) fn of(arguments: &UpdateArguments, settings: UpdateSettings, now: i64) -> Self {
        Self {
            keep: arguments.keep.clone(),
            at_once: arguments.now.clone(),
            min_age: arguments.min_age.or(settings.min_age).unwrap_or_default(),
            security_min_age: settings.security_min_age.unwrap_or_default(),
            is_security: arguments.security,
            now,
        }
    }

    /// What rlock.toml says, where no argument says anything.
    pub(super) fn of_settings(settings: UpdateSettings, now: i64) -> Self {
        Self {
            min_age: settings.min_age.unwrap_or_default(),
            security_min_age: settings.security_min_age.unwrap_or_default(),
            now,
            ..Self::default()
        }
    }

    /// Whether anything may have to stay.
    pub(super) fn is_something(&self) -> bool {
        !self.keep.is_empty() || !self.min_age.is_zero() || !self.security_min_age.is_zero()
    }

    /// The longest that anything waits.
    pub(super) fn longest(&self) -> Duration {
        self.min_age.max(self.security_min_age)
    }

    /// Whether what was published at a time need not wait, whatever it is.
    pub(super) fn is_old_enough_for_all(&self, published: i64) -> bool {
        old_enough(Some(published), self.now, self.longest()) == Some(true)
    }

    /// Names that `--keep` and `--now` give.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.keep.iter().chain(&self.at_once)
    }

    /// Whether a package is to be kept; `is_named` says whether a word names it.
    pub(super) fn keeps(&self, is_named: impl Fn(&str) -> bool) -> bool {
        self.keep.iter().any(|name| is_named(name))
    }

    /// How old a version must be.
    pub(super) fn wait(&self, offered: Later<'_>, is_named: impl Fn(&str) -> bool) -> Duration {
        if self.at_once.iter().any(|name| is_named(name)) {
            Duration::ZERO
        } else if offered.repairs || self.is_security {
            self.security_min_age
        } else {
            self.min_age
        }
    }

    /// What is held back as it must wait so long, where it is.
    pub(super) fn judge(
        &self,
        offered: Later<'_>,
        wait: Duration,
        age: impl FnOnce() -> Age,
    ) -> Option<HeldBack> {
        if wait.is_zero() {
            return None;
        }
        let (cause, reason, published) = match age() {
            Age::Known { at, source } => {
                if old_enough(Some(at), self.now, wait) == Some(true) {
                    return None;
                }
                let when = jiff::Timestamp::from_second(at)
                    .map_or_else(|_| at.to_string(), |at| at.to_string());
                let reason =
                    format!("published {when} ({source}), less than {} ago", age_words(wait));
                (HeldCause::TooYoung, reason, Some(at))
            }
            Age::Unknown(why) => {
                let reason = format!(
                    "when it was published is not known ({why}), and it must be {} ago",
                    age_words(wait)
                );
                (HeldCause::AgeUnknown, reason, None)
            }
        };
        let way_out = Some(format!("--now {}", offered.package.name));
        Some(HeldBack { published, way_out, ..held(offered, cause, reason) })
    }

    /// A package that `--keep` names.
    pub(super) fn kept(offered: Later<'_>) -> HeldBack {
        held(offered, HeldCause::Kept, "kept by `--keep`".to_owned())
    }
}

/// A row without a date and a way out.
pub(super) fn held(offered: Later<'_>, cause: HeldCause, reason: String) -> HeldBack {
    let Later { package, version, repairs } = offered;
    HeldBack {
        kind: package.kind.clone(),
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        locked: (!package.version.is_empty()).then(|| package.version.clone()),
        available: version.to_owned(),
        cause,
        reason,
        published: None,
        security: repairs,
        way_out: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn package() -> Identity {
        Identity {
            kind: "deb".to_owned(),
            name: "curl".to_owned(),
            architecture: String::new(),
            version: "1.0".to_owned(),
        }
    }

    fn days(count: u64) -> Duration {
        Duration::from_secs(count * 86_400)
    }

    fn cause(policy: &Policy, repairs: bool, age: Option<i64>) -> Option<HeldCause> {
        let package = package();
        let offered = Later { package: &package, version: "1.1", repairs };
        let wait = policy.wait(offered, |name| name == "curl");
        let known = |days: i64| Age::Known { at: policy.now - days * DAY, source: "x".to_owned() };
        let age = || age.map_or_else(|| Age::Unknown("y".to_owned()), known);
        policy.judge(offered, wait, age).map(|held| held.cause)
    }

    #[test]
    fn what_is_too_young_waits_and_repairs_do_not() {
        let policy = Policy { min_age: days(3), now: 1_000_000_000, ..Policy::default() };
        assert_eq!(cause(&policy, false, Some(10)), None);
        assert_eq!(cause(&policy, false, Some(3)), None);
        assert_eq!(cause(&policy, false, Some(1)), Some(HeldCause::TooYoung));
        assert_eq!(cause(&policy, false, None), Some(HeldCause::AgeUnknown));
        assert_eq!(cause(&policy, true, Some(1)), None);
        assert_eq!(cause(&policy, true, None), None);
        let security = Policy { is_security: true, ..policy.clone() };
        assert_eq!(cause(&security, false, Some(1)), None, "a repair needs it");
        let strict = Policy { security_min_age: days(1), ..policy.clone() };
        assert_eq!(cause(&strict, true, Some(0)), Some(HeldCause::TooYoung));
        assert_eq!(cause(&strict, true, Some(1)), None);
        let now = Policy { at_once: vec!["curl".to_owned()], ..strict };
        assert_eq!(cause(&now, false, None), None);
        assert_eq!(cause(&Policy::default(), false, None), None);
    }

    #[test]
    fn a_reason_says_when_and_how_long() {
        let policy = Policy { min_age: days(3), now: 10 * DAY, ..Policy::default() };
        let package = package();
        let offered = Later { package: &package, version: "1.1", repairs: false };
        let age = || Age::Known { at: 9 * DAY, source: "its index".to_owned() };
        let held = policy.judge(offered, days(3), age).unwrap();
        assert_eq!(
            held.words(),
            "1.0 (there is 1.1): published 1970-01-10T00:00:00Z (its index), less than 3 d ago; \
             `rlock update --now curl` takes it"
        );
    }
}
