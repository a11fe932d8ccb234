//! Moving a lock forward: what of it may move, what else must move along, and the *draft*: the lock
//! without the answers that are to be asked anew.
//!
//! | manager | index | so that one package moves |
//! | --- | --- | --- |
//! | pip, npm, cargo, go, gem | a page for each package | its page is asked anew, and those of what it forces along; [narrowed](narrow) where not the newest is wanted |
//! | apt | one for all, signed | the old one stays beside the new one, see [`Draft`] |
//! | apk, dnf | one for all | the same; where a step hides its repositories from rlock, all that it offers newer move along, by name |
//! | maven | one for each, where a POM leaves the version open | nothing moves alone, which is said |
//!
//! Pure: locks and bytes in, values out. Who fetches and builds is `cli`.

mod age;
mod along;
mod archive;
mod choice;
mod draft;
mod identity;
mod language;
mod most;
mod moves;
mod narrow;
mod needs;
mod pages;
mod published;
mod solve;
mod world;

#[cfg(test)]
mod tests;

pub use age::{age_words, old_enough, parse_age};
pub use along::{came_along, unfetched};
pub use archive::{IndexFile, LockedArchive, all_indexes, is_security, locked_archives};
pub use choice::{Choice, Locked, Passed, Reason, Taken, is_same_series, needed, repair};
pub use draft::{Draft, hold, hold_indexes};
pub use identity::{Identity, file_identity, listed};
pub use language::{LanguagePage, MAVEN, language_pages};
pub use most::solve_most;
pub use moves::{Moved, moved};
pub use narrow::{narrow, offer_fewer};
pub use needs::{Need, is_met, module_needs, needs, python_needs};
pub use pages::{PageError, Released, releases};
pub use published::{Published, published};
pub use solve::{Problem, Solution, Step, solve};
pub use world::{Candidate, Item, Key, OfferedFile, World};
