//! What a user sees: the program itself, real builds in real namespaces, real registries, real tools.
//!
//! One binary, because linking is slow. `make test` makes the base images and installs the tools that
//! these tests need; a test that misses one fails and says so.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod advisories;
mod again;
mod builder;
mod check;
mod clients;
mod contents;
mod databases;
mod door;
mod engine;
mod errors;
mod faults;
mod forge;
mod home;
mod languages;
mod lock;
mod others;
mod poisoned;
mod progress;
mod proving;
mod pulling;
mod registry;
mod review;
mod revisions;
mod rootless;
mod rules;
mod sandbox;
mod schema;
mod security;
mod server;
mod specimen;
mod store;
mod story;
mod trusting;
mod update;
mod upstream;
mod verify;
mod world;
