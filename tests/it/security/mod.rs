//! The story of who answers for security, once for each package manager: a repository repairs one
//! library and moves others on; the lock follows with that library alone, or names what comes along;
//! the review says what it repairs and explains every changed file, the lock proves itself, and
//! whoever tampers with it is found.

mod apk;
mod apt;
mod language;
mod npm;
mod pip;
mod rpm;
mod siblings;
mod smallest;
mod story;
