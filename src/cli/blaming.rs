//! Which instruction made which layer of a build.

use super::building::Prepared;
use super::project::Project;
use crate::build::Built;
use crate::build::plan::{Base, StagePlan, Step};
use crate::cause::Blame;
use crate::finding::Location;
use crate::oci::Digest;
use crate::store::Image;
use std::collections::{BTreeMap, BTreeSet};

/// The layers of both builds of a check. One build may have a layer that the other has not.
pub(super) fn of_builds(
    prepared: &Prepared,
    project: &Project,
    first: (&Built, &Image),
    second: (&Built, &Image),
) -> Blame {
    let (left, right) = (layers_of(first.0), layers_of(second.0));
    let ids = prepared.plan.steps().map(|step| step.id.as_str());
    let differing = ids.filter(|id| left.get(id) != right.get(id)).collect();
    let chains = Chains { prepared, project, differing };
    Blame::of_sides(chains.places(&left, first.1), chains.places(&right, second.1))
}

/// The layers of a build and of any other image, which is taken for one of the same Dockerfile if it
/// has as many layers.
pub(super) fn of_build(
    prepared: &Prepared,
    project: &Project,
    (built, image): (&Built, &Image),
    other: &Image,
) -> Blame {
    let chains = Chains { prepared, project, differing: BTreeSet::new() };
    let places = chains.places(&layers_of(built), image);
    let is_alike = image.layers.len() == other.layers.len();
    let of_other = if is_alike { places.clone() } else { BTreeMap::new() };
    Blame::of_sides(places, of_other)
}

/// The layers that steps made, by the steps' ids.
type Layers<'a> = BTreeMap<&'a str, Digest>;

fn layers_of(built: &Built) -> Layers<'_> {
    built.steps.iter().filter_map(|step| Some((step.id.as_str(), step.layer?))).collect()
}

struct Chains<'a> {
    prepared: &'a Prepared,
    project: &'a Project,
    /// Steps that the two builds do not agree about.
    differing: BTreeSet<&'a str>,
}

impl Chains<'_> {
    /// The instruction of each layer, by the layer's number in the image.
    fn places(&self, layers: &Layers<'_>, image: &Image) -> BTreeMap<usize, Location> {
        let steps = self.steps(self.prepared.plan.target);
        let made: Vec<&Step> =
            steps.into_iter().filter(|step| layers.contains_key(step.id.as_str())).collect();
        // Below them are the layers of the base image.
        let Some(base) = image.layers.len().checked_sub(made.len()) else {
            return BTreeMap::new();
        };
        let place = |(index, step): (usize, &Step)| {
            (base + index, self.project.location(self.origin(step).unwrap_or(step)))
        };
        made.into_iter().enumerate().map(place).collect()
    }

    /// The steps of a stage, those of the stages that it continues first.
    fn steps(&self, index: usize) -> Vec<&Step> {
        let stages = &self.prepared.plan.stages;
        let find = |index: usize| stages.iter().find(|stage| stage.index == index);
        let base = |stage: &&StagePlan| stage.base.stage().and_then(find);
        let chain: Vec<&StagePlan> = std::iter::successors(find(index), base).collect();
        chain.into_iter().rev().flat_map(|stage| &stage.steps).collect()
    }

    /// For a copy out of a stage the one step of that stage that the builds do not agree about:
    /// nothing else can have made what was copied differ.
    fn origin(&self, step: &Step) -> Option<&Step> {
        let Some(Base::Stage(source)) = step.source() else { return None };
        let mut differing = self.steps(*source).into_iter();
        let mut differing = differing.by_ref().filter(|step| self.differing.contains(&*step.id));
        let (only, others) = (differing.next()?, differing.count());
        (others == 0).then(|| self.origin(only).unwrap_or(only))
    }
}
