//! How much of what the steps asked of the outside the lock holds, what they were refused, and what
//! that means for the command.

mod refusal;

#[cfg(test)]
mod tests;

use super::Status;
use crate::door::{Content, Exchange, Key, Origin, Refusal, Traffic, Use};
use crate::finding::{Cause, Finding, Location, Severity};
use refusal::Verdict;
use std::collections::{BTreeMap, BTreeSet};

/// What all steps together asked of the outside. The same question of several steps, or of two
/// builds, counts once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// What was asked for, what was refused included, without what a rule answered.
    pub fetches: u64,
    /// Of these, what the lock holds now.
    pub locked: u64,
    /// Of these, what was fetched from upstream in this run.
    pub fetched: u64,
    /// Bytes of all different bodies.
    pub bytes: u64,
    /// What was refused, step by step.
    pub refused: Vec<RefusedFetch>,
    /// What a rule answered, step by step: known noise that no result depends on.
    pub rules: Vec<RuleUse>,
}

impl Coverage {
    /// Different questions that rules answered, whichever steps asked.
    pub fn questions_by_rule(&self) -> u64 {
        let targets: BTreeSet<&str> = self.rules.iter().map(|used| &*used.target).collect();
        targets.len() as u64
    }

    /// Whether something that the steps asked for is not in the lock.
    pub fn lacks_something(&self) -> bool {
        self.refused.iter().any(|refused| refused.cause.id == UNLOCKED)
    }
}

/// The cause of what is not in the lock.
const UNLOCKED: &str = "unlocked-fetch";

/// Something that a step asked for and did not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedFetch {
    /// Id of the step.
    pub step: String,
    /// Its instruction.
    pub location: Option<Location>,
    /// A URL, or `HOST:PORT`.
    pub target: String,
    /// Entry of the one table.
    pub cause: &'static Cause,
    /// Why, in words that follow the target: `is not in the lock`.
    pub reason: String,
    /// The way out.
    pub hint: &'static str,
}

/// Something that a rule answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleUse {
    /// Id of the rule.
    pub rule: String,
    /// Id of the step.
    pub step: String,
    /// Its instruction.
    pub location: Option<Location>,
    /// The URL.
    pub target: String,
}

/// What passed for a step in one build. A step of two builds is there twice.
#[derive(Debug, Clone)]
pub struct StepTraffic<'a> {
    /// Id of the step.
    pub step: &'a str,
    /// Its instruction.
    pub location: Option<Location>,
    /// What passed.
    pub traffic: &'a Traffic,
}

/// A coverage, and what it means.
#[derive(Debug, Clone)]
pub struct Covered {
    /// The coverage.
    pub coverage: Coverage,
    /// What was refused, by step and cause.
    pub findings: Vec<Finding>,
    /// How the command ends because of what was refused, beside what findings lead to: wrong content
    /// is a matter of integrity, and what could not be fetched leaves the result undetermined.
    pub status: Status,
}

/// Looks at what passed; `is_locked` says what the lock holds when the command ends.
pub fn cover(steps: &[StepTraffic<'_>], is_locked: &dyn Fn(&Key) -> bool) -> Covered {
    let uses = || steps.iter().flat_map(|step| &step.traffic.uses);
    let answered: BTreeMap<&Key, &Use> =
        uses().filter(|used| !is_rule(used)).map(|used| (&used.exchange.key, used)).collect();
    let urls: BTreeSet<&str> = answered.keys().map(|key| &*key.url).collect();
    let refused = refused(steps);
    let targets: BTreeSet<&str> = refused.iter().map(|(fetch, _)| &*fetch.target).collect();
    let fetched: BTreeSet<&Key> = uses()
        .filter(|used| matches!(used.origin, Origin::Fetched | Origin::Frozen))
        .map(|used| &used.exchange.key)
        .collect();
    let locked = answered.keys().filter(|key| is_locked(key)).count();
    let coverage = Coverage {
        fetches: (answered.len() + targets.difference(&urls).count()) as u64,
        locked: locked as u64,
        fetched: fetched.len() as u64,
        bytes: bytes(answered.values().map(|used| &used.exchange)),
        refused: refused.iter().map(|(fetch, _)| fetch.clone()).collect(),
        rules: rules(steps),
    };
    let status = |(_, verdict): &(RefusedFetch, Verdict)| verdict.status;
    let status = refused.iter().map(status).fold(Status::Ok, Status::and);
    Covered { coverage, findings: findings(&refused), status }
}

/// What was refused to a step that failed: the likely reason, and what it makes of the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedStep {
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// The way out.
    pub hint: &'static str,
    /// How the command ends: the step failed, and integrity is masked by nothing.
    pub status: Status,
}

/// Explains the failure of a step by what was refused to it; none where nothing was.
pub fn explain_failure(step: &str, traffic: &Traffic) -> Option<RefusedStep> {
    let steps = [StepTraffic { step, location: None, traffic }];
    let refused = refused(&steps);
    let (worst, verdict) = refused.iter().min_by_key(|(_, verdict)| verdict.rank)?;
    let more = match refused.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more refused)"),
    };
    let message = format!("step {step} asked for `{}`, which {}{more}", worst.target, worst.reason);
    let status = verdict.status.and(Status::BuildFailed);
    Some(RefusedStep { message, hint: worst.hint, status })
}

/// The finding that a step shared the host's network.
pub fn not_hermetic(step: &str, location: Option<Location>) -> Finding {
    Finding {
        cause: Cause::named("not-hermetic"),
        severity: Severity::Warning,
        message: format!("step {step} shares the host's network: what it fetches is not recorded"),
        location,
        hint: None,
        paths: Vec::new(),
    }
}

fn is_rule(used: &Use) -> bool {
    matches!(used.origin, Origin::Rule(_))
}

fn bytes<'a>(exchanges: impl Iterator<Item = &'a Exchange>) -> u64 {
    let sizes: BTreeMap<_, u64> = exchanges
        .map(|Exchange { content: Content { digest, size }, .. }| (*digest, *size))
        .collect();
    sizes.values().sum()
}

/// Each refusal of each step once, in the order of the steps, then the worst first.
fn refused(steps: &[StepTraffic<'_>]) -> Vec<(RefusedFetch, Verdict)> {
    let mut seen = BTreeSet::new();
    let mut refused = Vec::new();
    for StepTraffic { step, location, traffic } in steps {
        let refusals = traffic.refusals.iter();
        let mut refusals: Vec<(Verdict, &Refusal)> =
            refusals.map(|refusal| (refusal::verdict(&refusal.reason), refusal)).collect();
        refusals.sort_by_key(|(verdict, refusal)| (verdict.rank, &refusal.target));
        for (verdict, Refusal { target, reason }) in refusals {
            if verdict.passes && has_got(traffic, target) {
                continue;
            }
            let reason = refusal::words(reason);
            if seen.insert((*step, target, reason.clone())) {
                let fetch = RefusedFetch {
                    step: (*step).to_owned(),
                    location: location.clone(),
                    target: target.clone(),
                    cause: verdict.cause,
                    reason,
                    hint: verdict.hint,
                };
                refused.push((fetch, verdict));
            }
        }
    }
    refused
}

/// Whether the client tried again and had more luck.
fn has_got(traffic: &Traffic, url: &str) -> bool {
    traffic.uses.iter().any(|used| used.exchange.key.url == url)
}

/// Each question that a rule answered, once for each step.
fn rules(steps: &[StepTraffic<'_>]) -> Vec<RuleUse> {
    let mut seen = BTreeSet::new();
    let mut rules = Vec::new();
    for StepTraffic { step, location, traffic } in steps {
        let mut of_step: Vec<RuleUse> = Vec::new();
        for Use { exchange, origin } in &traffic.uses {
            let Origin::Rule(rule) = origin else { continue };
            if seen.insert((*step, &exchange.key)) {
                of_step.push(RuleUse {
                    rule: (*rule).to_owned(),
                    step: (*step).to_owned(),
                    location: location.clone(),
                    target: exchange.key.url.clone(),
                });
            }
        }
        of_step
            .sort_by(|left, right| (&left.rule, &left.target).cmp(&(&right.rule, &right.target)));
        rules.extend(of_step);
    }
    rules
}

/// One finding for each step and cause, in the order in which they come first.
fn findings(refused: &[(RefusedFetch, Verdict)]) -> Vec<Finding> {
    let mut groups: Vec<Vec<&(RefusedFetch, Verdict)>> = Vec::new();
    for item in refused {
        let is_same = |group: &&mut Vec<&(RefusedFetch, Verdict)>| {
            group
                .first()
                .is_some_and(|(fetch, _)| fetch.step == item.0.step && fetch.cause == item.0.cause)
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups.iter().filter_map(|group| finding(group)).collect()
}

fn finding(group: &[&(RefusedFetch, Verdict)]) -> Option<Finding> {
    let (fetch, verdict) = group.first()?;
    let RefusedFetch { target, reason, .. } = fetch;
    let message = match group.len() - 1 {
        0 => format!("`{target}` {reason}"),
        more => format!("`{target}` {reason}, and {more} more were refused"),
    };
    Some(Finding {
        cause: fetch.cause,
        severity: verdict.severity,
        message,
        location: fetch.location.clone(),
        hint: Some(fetch.hint.to_owned()),
        paths: Vec::new(),
    })
}
