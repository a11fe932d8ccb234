//! What can move where something must stay: a move that is wanted and needs what stays does not hinder
//! the others.

use super::solve::{Problem, Solution, solve};
use super::world::{Item, Key, World};
use std::collections::{BTreeMap, BTreeSet};

/// Moves as many of the wanted packages as can be; the others, with the reason of each. Fails where
/// each can move alone and not all together.
pub fn solve_most(
    installed: &BTreeMap<Key, Item>,
    wanted: &BTreeSet<Key>,
    world: &World,
) -> Result<(Solution, BTreeMap<Key, Problem>), Problem> {
    let problem = match solve(installed, wanted, world) {
        Ok(solution) => return Ok((solution, BTreeMap::new())),
        Err(problem) => problem,
    };
    let mut stuck = BTreeMap::new();
    for key in wanted {
        if let Err(problem) = solve(installed, &BTreeSet::from([key.clone()]), world) {
            stuck.insert(key.clone(), problem);
        }
    }
    if stuck.is_empty() {
        return Err(problem);
    }
    let rest = wanted.iter().filter(|key| !stuck.contains_key(*key)).cloned().collect();
    Ok((solve(installed, &rest, world)?, stuck))
}
