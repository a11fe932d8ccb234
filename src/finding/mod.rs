//! What rlock finds: a rule or cause, a severity, a place. The one table of causes feeds every
//! output, `rlock explain`, and the documentation.

mod cause;
mod change;
mod located;

pub use cause::{CAUSES, Cause, Treatment};
pub use located::{Finding, Location, Severity};

#[cfg(test)]
mod tests;
