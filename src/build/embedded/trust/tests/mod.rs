//! Trees made by code, and trees that real programs change.
//!
//! What each proves: a tree that a step leaves, scrubbed, is the tree that the same step leaves where
//! there is no authority at all.

pub(super) mod fixtures;
mod hostile;
mod programs;
mod search;
mod server;
mod stores;
mod trees;
mod world;
