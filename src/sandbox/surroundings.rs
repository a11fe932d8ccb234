//! What a step can see of the machine besides its files: fixed in one build, varied in the other.

use serde::{Deserialize, Serialize};

/// The part of a step's surroundings that a build could wrongly depend on.
///
/// A build has [`Surroundings::first`]; build B of a check has [`Surroundings::varied`], so that
/// what depends on them is found today and not on another machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// The host name (and what `/etc/hosts` should call this machine, see [`Self::hosts_file`]).
    pub hostname: String,
    /// Which processors the step may use, and so what `nproc` says.
    pub processors: Processors,
    /// Whether programs are loaded at random addresses. Off, they always have the same.
    pub randomize_addresses: bool,
    /// The file mode creation mask. It is 022 in both, as in Docker: a mask shows in the mode of
    /// every file that a step makes, by design of the step and not by a flaw of it.
    pub umask: u32,
    /// The process id after which children of the command (always process 1) are counted.
    /// Varied only where the kernel lets it (`CONFIG_CHECKPOINT_RESTORE`).
    pub last_process_id: u32,
}

/// A choice of the processors that rlock itself may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Processors {
    /// All of them.
    All,
    /// All but the first; all, where there is only one. It changes what `nproc` says at a price of
    /// one processor, which the other build of the check makes use of meanwhile.
    AllButFirst,
}

impl Processors {
    /// How many these are of `available` ones: what `nproc` says in the step.
    pub fn count(self, available: usize) -> usize {
        match self {
            Self::All => available,
            Self::AllButFirst => available.saturating_sub(1).max(1),
        }
    }
}

impl Surroundings {
    /// The fixed surroundings. The host name is the one that BuildKit gives, so what leaks into
    /// an image is the same as with `docker buildx build`.
    pub fn first() -> Self {
        Self {
            hostname: "buildkitsandbox".to_owned(),
            processors: Processors::All,
            randomize_addresses: false,
            umask: 0o022,
            last_process_id: 0,
        }
    }

    /// Surroundings that differ in everything that should not matter.
    pub fn varied() -> Self {
        Self {
            hostname: "rlock-varied".to_owned(),
            processors: Processors::AllButFirst,
            randomize_addresses: true,
            umask: 0o022,
            last_process_id: 20_000,
        }
    }

    /// The `/etc/hosts` that fits, to be bound into the step, in BuildKit's form.
    pub fn hosts_file(&self) -> Vec<u8> {
        format!(
            "127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
            self.hostname
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_b_differs_in_all_but_the_mask() {
        let (first, varied) = (Surroundings::first(), Surroundings::varied());
        assert_ne!(first.hostname, varied.hostname);
        assert_ne!(first.processors, varied.processors);
        assert_ne!(first.randomize_addresses, varied.randomize_addresses);
        assert_ne!(first.last_process_id, varied.last_process_id);
        assert_eq!(first.umask, varied.umask);
    }

    #[test]
    fn one_processor_is_always_left() {
        let counts = [1, 2, 8].map(|available| Processors::AllButFirst.count(available));
        assert_eq!(counts, [1, 1, 7]);
        assert_eq!(Processors::All.count(8), 8);
    }

    #[test]
    fn hosts_name_the_machine() {
        let hosts = String::from_utf8(Surroundings::first().hosts_file()).unwrap();
        assert!(hosts.starts_with("127.0.0.1\tlocalhost buildkitsandbox\n"), "{hosts}");
    }
}
