//! Docker's default seccomp profile as filters for this machine.
//!
//! What is not allowed fails with `EPERM`; what is newer than the profile fails with `ENOSYS`, as runc
//! arranges it, so that programs fall back to older calls. So does `clone3`, whose flags are behind a
//! pointer, where a filter cannot see them.
//!
//! On x86-64 there are two filters, one for each numbering of calls that the kernel takes from a program:
//! the machine's own and i386's (an image may have 32-bit programs). Each passes what is the other's; the
//! kernel asks both. The x32 numbering is answered as by a kernel without it, with `ENOSYS`: no
//! distribution's images use it. On arm64 the 32-bit numbering is not let in: such a program is killed.

mod calls;

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::system::Instruction;
use calls::{ALLOWED, Call};

/// The newest call that the profile knows (`removexattrat`); numbers from 424 on are the same everywhere.
const NEWEST: u32 = 466;
const CLONE3: u32 = 435;

/// Address families that may not be opened: those that the kernel no longer has, `AF_ALG` (38) and
/// `AF_VSOCK` (40). `AF_MCTP` is the last that may.
const FAMILIES_DENIED: [u64; 9] = [12, 19, 20, 23, 25, 34, 37, 38, 40];
const FAMILY_LAST: u64 = 45;

/// The execution domains that may be asked for: Linux, 32-bit Linux, both with `UNAME26`, and the
/// question which it is.
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// `CLONE_NEW*`: what makes namespaces, and so wants `CAP_SYS_ADMIN`.
const NAMESPACES: u64 = 0x7e02_0000;

/// One numbering of system calls.
struct Abi {
    /// `AUDIT_ARCH_*`.
    audit: u32,
    number: fn(&Call) -> i16,
    clone: i64,
    socket: i64,
    personality: i64,
    /// What is done with calls of another numbering.
    others: u32,
}

#[cfg(target_arch = "x86_64")]
const ABIS: &[Abi] = &[
    Abi {
        audit: 0xc000_003e,
        number: |call| call.1,
        clone: 56,
        socket: 41,
        personality: 135,
        others: libc::SECCOMP_RET_ALLOW,
    },
    Abi {
        audit: 0x4000_0003,
        number: |call| call.2,
        clone: 120,
        socket: 359,
        personality: 136,
        others: libc::SECCOMP_RET_ALLOW,
    },
];
#[cfg(target_arch = "x86_64")]
const TARGET: TargetArch = TargetArch::x86_64;

#[cfg(target_arch = "aarch64")]
const ABIS: &[Abi] = &[Abi {
    audit: 0xc000_00b7,
    number: |call| call.3,
    clone: 220,
    socket: 198,
    personality: 92,
    others: libc::SECCOMP_RET_KILL_PROCESS,
}];
#[cfg(target_arch = "aarch64")]
const TARGET: TargetArch = TargetArch::aarch64;

/// The filters, all of which are to be loaded.
pub(super) fn filters() -> io::Result<Vec<Vec<Instruction>>> {
    ABIS.iter().map(|abi| filter(abi).map_err(io::Error::other)).collect()
}

/// A further filter, for a step behind a gate: it has the kernel ask (`SECCOMP_RET_USER_NOTIF`) for each
/// `connect` of the machine's own numbering. A call of i386's is let through and reaches nobody.
pub(super) fn connect_filter() -> Vec<Instruction> {
    let Some((abi, connect)) = ABIS.first().zip(u32::try_from(libc::SYS_connect).ok()) else {
        return Vec::new();
    };
    vec![
        instruction(LOAD, 0, 0, ARCH),
        instruction(EQUAL, 0, 3, abi.audit),
        instruction(LOAD, 0, 0, NUMBER),
        instruction(EQUAL, 0, 1, connect),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_USER_NOTIF),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

fn filter(abi: &Abi) -> Result<Vec<Instruction>, seccompiler::BackendError> {
    let filter = SeccompFilter::new(
        rules(abi)?,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        SeccompAction::Allow,
        TARGET,
    )?;
    let compiled: Vec<Instruction> = filter.try_into()?;
    // Compiled programs begin with the question for the numbering, in three instructions, and kill
    // where it is another. Jumps are relative and none crosses this place, so that ours can stand there.
    let body = compiled.into_iter().skip(3);
    Ok(prologue(abi).into_iter().chain(body).collect())
}

fn rules(abi: &Abi) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED
        .iter()
        .map(|call| i64::from((abi.number)(call)))
        .filter(|number| *number >= 0)
        .map(|number| (number, Vec::new()))
        .collect();
    let first =
        |operator, value| SeccompCondition::new(0, SeccompCmpArgLen::Dword, operator, value);
    let no_namespaces = first(SeccompCmpOp::MaskedEq(NAMESPACES), 0)?;
    rules.insert(abi.clone, vec![SeccompRule::new(vec![no_namespaces])?]);
    let known = first(SeccompCmpOp::Le, FAMILY_LAST);
    let families = FAMILIES_DENIED.map(|family| first(SeccompCmpOp::Ne, family));
    let families = [known].into_iter().chain(families).collect::<Result<_, _>>()?;
    rules.insert(abi.socket, vec![SeccompRule::new(families)?]);
    let personalities = PERSONALITIES
        .map(|value| first(SeccompCmpOp::Eq, value).and_then(|one| SeccompRule::new(vec![one])));
    rules.insert(abi.personality, personalities.into_iter().collect::<Result<_, _>>()?);
    Ok(rules)
}

/// Passes or kills other numberings, and answers `ENOSYS` to `clone3` and to what is newer than the
/// profile. (x32 calls have bit 30 set, and so are "newer".)
fn prologue(abi: &Abi) -> [Instruction; 7] {
    let no_such_call = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    [
        instruction(LOAD, 0, 0, ARCH),
        instruction(EQUAL, 1, 0, abi.audit),
        instruction(RETURN, 0, 0, abi.others),
        instruction(LOAD, 0, 0, NUMBER),
        instruction(EQUAL, 1, 0, CLONE3),
        instruction(GREATER, 0, 1, NEWEST),
        instruction(RETURN, 0, 0, no_such_call),
    ]
}

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Where `struct seccomp_data` has the call's number, and the numbering that it is of.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

#[cfg(test)]
mod tests;
