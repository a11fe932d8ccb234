//! Where a step of a lock stands in the Dockerfile, and whether what it makes ships.

use crate::finding::Location;
use std::collections::{BTreeMap, BTreeSet};

/// Whether what a step installs is in the image that is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ships {
    /// Its stage becomes the image.
    Yes,
    /// Another stage takes files from its stage: some of it may be in the image.
    Partly,
    /// Nothing of its stage is in the image.
    No,
    /// Not known: the Dockerfile is not here, or does not have the step.
    Unknown,
}

impl Ships {
    /// One word for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// A step in the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its instruction.
    pub location: Location,
    /// Whether its stage ships.
    pub ships: Ships,
}

/// The steps of a lock, by their ids in it. Those that the Dockerfile does not have are missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(pub BTreeMap<String, Place>);

impl Places {
    /// The instruction of a step.
    pub fn location(&self, step: &str) -> Option<&Location> {
        self.0.get(step).map(|place| &place.location)
    }

    /// The first instruction, in the order of the file, of several steps.
    pub fn first(&self, steps: &BTreeSet<String>) -> Option<&Location> {
        steps.iter().filter_map(|step| self.location(step)).min_by_key(|it| it.start_line)
    }

    /// Whether what these steps install ships: if one of them does.
    pub fn ships(&self, steps: &BTreeSet<String>) -> Ships {
        let of = |step: &String| self.0.get(step).map_or(Ships::Unknown, |place| place.ships);
        let found: BTreeSet<Ships> = steps.iter().map(of).collect();
        let order = [Ships::Yes, Ships::Unknown, Ships::Partly, Ships::No];
        order.into_iter().find(|ships| found.contains(ships)).unwrap_or(Ships::Unknown)
    }
}
