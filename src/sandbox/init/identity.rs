//! What a step's process is and may: limits, streams, capabilities, user.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::AsFd;

use rustix::fs::{MemfdFlags, Mode, fchown, memfd_create};
use rustix::process::{Gid, Resource, Rlimit, Uid, getrlimit, setrlimit, umask};
use rustix::thread::{
    CapabilitySet, CapabilitySets, CpuSet, clear_ambient_capability_set,
    remove_capability_from_bounding_set, sched_getaffinity, sched_setaffinity, set_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::sandbox::control::{During as _, Failure};
use crate::sandbox::error::Doing;
use crate::sandbox::step::Step;
use crate::sandbox::surroundings::Processors;
use crate::sandbox::system;

/// The capabilities that a container has by default, as
/// [Docker](https://github.com/moby/moby/blob/v28.0.0/oci/caps/defaults.go) has it.
const CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

/// Limits that are the same on every machine: soft, then hard (lower where the machine's own is), `None` for
/// no limit. Files as systemd gives them to a service; no core dumps, which would land in a layer.
const LIMITS: [(Resource, Option<u64>, Option<u64>); 3] = [
    (Resource::Nofile, Some(1024), Some(524_288)),
    (Resource::Core, Some(0), Some(0)),
    (Resource::Stack, Some(8 << 20), None),
];

/// Sets what is inherited by the program and needs no power later.
pub(super) fn set_limits(step: &Step) -> Result<(), Failure> {
    let surroundings = &step.surroundings;
    for (resource, soft, hard) in LIMITS {
        let limit = bounded(soft, hard, getrlimit(resource).maximum);
        setrlimit(resource, limit).during(Doing::Limits)?;
    }
    umask(Mode::from_raw_mode(surroundings.umask & 0o777));
    system::set_address_randomization(surroundings.randomize_addresses).during(Doing::Limits)?;
    if surroundings.processors == Processors::AllButFirst {
        let mut processors = sched_getaffinity(None).during(Doing::Limits)?;
        withhold_first(&mut processors);
        sched_setaffinity(None, &processors).during(Doing::Limits)?;
    }
    Ok(())
}

/// A limit within the hard limit of the machine (`None`: none).
fn bounded(soft: Option<u64>, hard: Option<u64>, machine: Option<u64>) -> Rlimit {
    let lower = |left: Option<u64>, right: Option<u64>| match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    };
    let maximum = lower(hard, machine);
    Rlimit { current: lower(soft, maximum), maximum }
}

/// Takes the first processor out of a set that has more than one.
fn withhold_first(processors: &mut CpuSet) {
    if processors.count() > 1
        && let Some(first) = (0..CpuSet::MAX_CPU).find(|processor| processors.is_set(*processor))
    {
        processors.unset(first);
    }
}

/// Puts standard input in place, and gives the streams to the user, so that `/dev/stdout` can be opened
/// (as runc does).
pub(super) fn set_streams(step: &Step) -> Result<(), Failure> {
    if let Some(bytes) = &step.stdin {
        let input = memory_file(bytes).during(Doing::Limits)?;
        system::replace_stdin(input.as_fd()).during(Doing::Limits)?;
        give(step, io::stdin()).during(Doing::Limits)?;
    } else {
        let null = File::open("/dev/null").during(Doing::Limits)?;
        system::replace_stdin(null.as_fd()).during(Doing::Limits)?;
    }
    give(step, io::stdout()).during(Doing::Limits)?;
    give(step, io::stderr()).during(Doing::Limits)
}

fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

fn give(step: &Step, stream: impl AsFd) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(step.uid), Gid::from_raw(step.gid));
    // EINVAL: an id that the namespace does not have, which `become_user` will say better.
    match fchown(stream, Some(uid), Some(gid)) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => Ok(()),
        result => Ok(result?),
    }
}

/// Becomes the step's user, with the capabilities that a container has by default. A user other than root
/// has none of them, but its setuid programs do (`no_new_privs` is left alone, as Docker does).
pub(super) fn become_user(step: &Step) -> Result<(), Failure> {
    for capability in (CapabilitySet::all() - CAPABILITIES).iter() {
        match remove_capability_from_bounding_set(capability) {
            // A capability that this kernel does not have yet.
            Err(rustix::io::Errno::INVAL) => {}
            result => result.during(Doing::Capabilities)?,
        }
    }
    let doing = || Doing::User { uid: step.uid, gid: step.gid };
    let (uid, gid) = (Uid::from_raw(step.uid), Gid::from_raw(step.gid));
    let groups: Vec<Gid> = step.groups.iter().map(|group| Gid::from_raw(*group)).collect();
    set_thread_groups(&groups).during(doing())?;
    set_thread_res_gid(gid, gid, gid).during(doing())?;
    set_thread_res_uid(uid, uid, uid).during(doing())?;
    clear_ambient_capability_set().during(Doing::Capabilities)?;
    let allowed = if step.uid == 0 { CAPABILITIES } else { CapabilitySet::empty() };
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: allowed, permitted: allowed, inheritable })
        .during(Doing::Capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_fourteen_capabilities() {
        assert_eq!(CAPABILITIES.bits().count_ones(), 14);
        // As `docker run debian grep Cap /proc/self/status` has it.
        assert_eq!(CAPABILITIES.bits(), 0xa804_25fb);
    }

    #[test]
    fn limits_never_exceed_the_machine() {
        let limit = bounded(Some(1024), Some(524_288), Some(4096));
        assert_eq!((limit.current, limit.maximum), (Some(1024), Some(4096)));
        let limit = bounded(Some(1024), Some(524_288), Some(512));
        assert_eq!((limit.current, limit.maximum), (Some(512), Some(512)));
        let limit = bounded(Some(8), None, None);
        assert_eq!((limit.current, limit.maximum), (Some(8), None));
        let limit = bounded(Some(0), Some(0), None);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }

    #[test]
    fn the_last_processor_is_not_withheld() {
        let mut processors = CpuSet::new();
        processors.set(3);
        withhold_first(&mut processors);
        assert!(processors.is_set(3));
        processors.set(5);
        withhold_first(&mut processors);
        assert!(!processors.is_set(3) && processors.is_set(5));
    }
}
