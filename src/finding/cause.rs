//! The table of causes. Ids are stable: never renamed, never used for something else.

/// What rlock does about a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Noise: a normaliser removes it, and each use is listed.
    Normalise,
    /// Reported, never hidden.
    Explain,
}

/// Why two builds, or two images, differ.
#[derive(Debug)]
pub struct Cause {
    /// Stable id: `ldconfig-aux-cache`.
    pub id: &'static str,
    /// A few words for a table.
    pub title: &'static str,
    /// What happens and why, for `rlock explain`.
    pub explanation: &'static str,
    /// What to change in the Dockerfile.
    pub mend: &'static str,
    /// What rlock does about it.
    pub treatment: Treatment,
}

impl Cause {
    /// The cause with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        CAUSES.iter().find(|cause| cause.id == id)
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Cause {}

/// Every cause that rlock knows.
pub static CAUSES: &[Cause] = &[Cause {
    id: "unknown",
    title: "unknown cause",
    explanation: "No rule of rlock explains this difference.",
    mend: "Look at the differing bytes, find the program that wrote them, and make it write the same each time.",
    treatment: Treatment::Explain,
}];
