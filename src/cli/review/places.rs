//! Where the steps of a lock stand in the Dockerfile, and whether they ship.

use crate::build::plan::{Base, Outline, stage_id};
use crate::cli::project::Project;
use crate::finding::Location;
use crate::lock::Lockfile;
use crate::review::{Place, Places, Ships};
use std::collections::{BTreeMap, BTreeSet};

/// The steps of `lock` in the project's Dockerfile, by their ids in the lock.
pub(super) fn of(project: &Project, lock: &Lockfile) -> anyhow::Result<Places> {
    let wanted = project.wanted()?;
    let ships = ships(project);
    let mut places = BTreeMap::new();
    for (step, locked) in wanted.steps.iter().zip(lock.matching_steps(&wanted)) {
        let Some(locked) = locked else { continue };
        let location = Location {
            file: project.path.clone(),
            start_line: step.line,
            end_line: step.line,
            instruction: step.instruction.clone(),
        };
        let stage = crate::lock::stage_of(&step.id);
        let ships = ships.get(stage).copied().unwrap_or(Ships::Unknown);
        places.insert(locked.id.clone(), Place { location, ships });
    }
    // What the triggers of a base image fetch belongs to the `FROM`.
    for stage in &wanted.stages {
        let id = if stage.id.is_empty() { "0".to_owned() } else { format!("{}/0", stage.id) };
        let location = Location {
            file: project.path.clone(),
            start_line: stage.line,
            end_line: stage.line,
            instruction: stage.instruction.clone(),
        };
        let ships = ships.get(&*stage.id).copied().unwrap_or(Ships::Unknown);
        places.entry(id).or_insert(Place { location, ships });
    }
    Ok(Places(places))
}

/// By the id of each stage that the target needs.
fn ships(project: &Project) -> BTreeMap<String, Ships> {
    let outline = &project.outline;
    let chain = chain(outline);
    let stages = outline.stages.iter().map(|stage| {
        let ships = if chain.contains(&stage.index) { Ships::Yes } else { Ships::Partly };
        (stage_id(&project.dockerfile, stage.index), ships)
    });
    let others = outline.others.iter().map(|other| (other.id.clone(), Ships::No));
    stages.chain(others).collect()
}

/// The target, and what it continues.
fn chain(outline: &Outline) -> BTreeSet<usize> {
    let find = |index: usize| outline.stages.iter().find(|stage| stage.index == index);
    let below = |stage: &&crate::build::plan::OutlineStage| match stage.base {
        Base::Stage(index) => find(index),
        _ => None,
    };
    std::iter::successors(find(outline.target), below).map(|stage| stage.index).collect()
}
