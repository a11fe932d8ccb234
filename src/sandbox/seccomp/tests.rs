//! What the filter lets through, and what it does not.

use super::*;

/// What the kernel would do: the strictest answer of all filters, each interpreted.
fn answer(audit: u32, number: u32, arguments: [u64; 2]) -> u32 {
    filters().unwrap().iter().map(|filter| run(filter, audit, number, arguments)).min().unwrap()
}

/// Interprets the instructions that seccompiler and the prologue use.
fn run(program: &[Instruction], audit: u32, number: u32, arguments: [u64; 2]) -> u32 {
    let mut data = Vec::new();
    data.extend_from_slice(&number.to_le_bytes());
    data.extend_from_slice(&audit.to_le_bytes());
    data.extend_from_slice(&0_u64.to_le_bytes());
    for argument in arguments {
        data.extend_from_slice(&argument.to_le_bytes());
    }
    let (mut at, mut accumulator) = (0_usize, 0_u32);
    loop {
        let Instruction { code, jt, jf, k } = &program[at];
        at += 1;
        let mut branch = |taken: bool| at += usize::from(if taken { *jt } else { *jf });
        match code {
            0x20 => {
                let from = usize::try_from(*k).unwrap();
                accumulator = u32::from_le_bytes(data[from..from + 4].try_into().unwrap());
            }
            0x54 => accumulator &= k,
            0x05 => at += usize::try_from(*k).unwrap(),
            0x15 => branch(accumulator == *k),
            0x25 => branch(accumulator > *k),
            0x35 => branch(accumulator >= *k),
            0x06 => return *k,
            other => panic!("instruction {other:#x}"),
        }
    }
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

fn errno(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno.unsigned_abs()
}

fn number(abi: &Abi, name: &str) -> u32 {
    let call = ALLOWED.iter().find(|call| call.0 == name).unwrap();
    u32::try_from((abi.number)(call)).unwrap()
}

#[test]
fn the_table_is_sorted_and_within_the_profile() {
    assert!(ALLOWED.is_sorted_by(|left, right| left.0 < right.0));
    for call in ALLOWED {
        for number in [call.1, call.2, call.3] {
            assert!((-1..=i16::try_from(NEWEST).unwrap()).contains(&number), "{call:?}");
        }
    }
}

#[test]
fn numbers_are_those_of_the_c_library() {
    let own = &ABIS[0];
    for (name, expected) in [
        ("read", libc::SYS_read),
        ("execve", libc::SYS_execve),
        ("openat2", libc::SYS_openat2),
        ("chroot", libc::SYS_chroot),
        ("capset", libc::SYS_capset),
        ("setresuid", libc::SYS_setresuid),
        ("futex_waitv", libc::SYS_futex_waitv),
    ] {
        assert_eq!(i64::from(number(own, name)), expected, "{name}");
    }
    let direct = [
        (own.clone, libc::SYS_clone),
        (own.socket, libc::SYS_socket),
        (own.personality, libc::SYS_personality),
    ];
    assert!(direct.iter().all(|(ours, theirs)| ours == theirs));
}

#[test]
fn what_the_profile_allows_is_allowed() {
    for abi in ABIS {
        for call in ALLOWED {
            if let Ok(number) = u32::try_from((abi.number)(call)) {
                assert_eq!(answer(abi.audit, number, [0, 0]), ALLOW, "{call:?}");
            }
        }
    }
}

#[test]
fn what_needs_more_capabilities_is_denied() {
    let own = &ABIS[0];
    for call in [
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_reboot,
        libc::SYS_init_module,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_open_by_handle_at,
        libc::SYS_clock_settime,
        libc::SYS_kexec_load,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_fsopen,
    ] {
        let number = u32::try_from(call).unwrap();
        assert_eq!(answer(own.audit, number, [0, 0]), errno(libc::EPERM), "{call}");
    }
}

#[test]
fn arguments_decide_where_they_should() {
    for abi in ABIS {
        let ask = |call: i64, argument: u64| {
            answer(abi.audit, u32::try_from(call).unwrap(), [argument, 0])
        };
        let denied = errno(libc::EPERM);
        assert_eq!(ask(abi.clone, 0x0120_0011), ALLOW, "fork");
        assert_eq!(ask(abi.clone, 0x003d_0f00), ALLOW, "a thread");
        let flags = [
            libc::CLONE_NEWNS,
            libc::CLONE_NEWUTS,
            libc::CLONE_NEWIPC,
            libc::CLONE_NEWUSER,
            libc::CLONE_NEWPID,
            libc::CLONE_NEWNET,
            libc::CLONE_NEWCGROUP,
        ];
        for flag in flags {
            assert_eq!(ask(abi.clone, u64::from(flag.unsigned_abs()) | 0x11), denied, "{flag:#x}");
        }
        for (family, expected) in [(1, ALLOW), (2, ALLOW), (10, ALLOW), (16, ALLOW), (45, ALLOW)] {
            assert_eq!(ask(abi.socket, family), expected, "{family}");
        }
        for family in [12, 38, 40, 46, 4096] {
            assert_eq!(ask(abi.socket, family), denied, "{family}");
        }
        for persona in PERSONALITIES {
            assert_eq!(ask(abi.personality, persona), ALLOW, "{persona:#x}");
        }
        assert_eq!(ask(abi.personality, 0x40_0000), denied, "READ_IMPLIES_EXEC");
    }
}

#[test]
fn unknown_calls_do_not_exist() {
    for abi in ABIS {
        assert_eq!(answer(abi.audit, CLONE3, [0, 0]), errno(libc::ENOSYS));
        assert_eq!(answer(abi.audit, NEWEST + 1, [0, 0]), errno(libc::ENOSYS));
        assert_eq!(answer(abi.audit, 0x4000_0000, [0, 0]), errno(libc::ENOSYS), "x32 read");
        assert_eq!(answer(abi.audit, u32::MAX, [0, 0]), errno(libc::ENOSYS));
    }
}

#[test]
fn filters_fit_the_kernel() {
    for filter in filters().unwrap() {
        assert!(filter.len() < 4096, "{}", filter.len());
    }
}

#[test]
fn a_gate_is_asked_for_connections_only() {
    let filter = connect_filter();
    let own = &ABIS[0];
    let connect = u32::try_from(libc::SYS_connect).unwrap();
    assert_eq!(run(&filter, own.audit, connect, [3, 0]), libc::SECCOMP_RET_USER_NOTIF);
    for call in ALLOWED.iter().filter(|call| call.0 != "connect") {
        if let Ok(number) = u32::try_from((own.number)(call)) {
            assert_eq!(run(&filter, own.audit, number, [0, 0]), ALLOW, "{call:?}");
        }
    }
    assert_eq!(run(&filter, own.audit ^ 1, connect, [3, 0]), ALLOW, "another numbering");
    // The kernel takes the strictest answer of all filters: what is denied stays denied.
    assert!(errno(libc::EPERM) < libc::SECCOMP_RET_USER_NOTIF);
}
