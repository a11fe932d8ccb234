//! rlock: a lockfile for container builds.
//!
//! The modules stand in the order of ARCHITECTURE.md: each uses only modules above it, which
//! `tests/tidy.rs` holds.

pub mod text;

pub mod oci;

pub mod finding;

pub mod archive;

pub mod dockerfile;

pub mod lock;

pub mod store;

pub mod registry;

pub mod sandbox;

pub mod door;

pub mod package;

pub mod advisory;
pub mod index;

pub mod normalize;

pub mod build;

pub mod diff;

pub mod cause;

pub mod pin;

pub mod review;
pub mod update;

pub mod report;

pub mod cli;
