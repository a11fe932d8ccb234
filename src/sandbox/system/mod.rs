//! The few system calls that `rustix` does not have, or has as `unsafe`: all unsafe code of rlock.

#![expect(unsafe_code, reason = "namespaces, fork, exec and seccomp have no safe interface")]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::UnshareFlags;

mod notification;

pub(super) use notification::{
    Notification, Reply, answer, answer_on_the_same_processor, is_waiting, load_notifying,
    read_memory, receive,
};

/// Which side of a [`fork`] this is.
pub(super) enum Fork {
    /// The new process.
    Child,
    /// The old process, with the id of the new one.
    Parent(Pid),
}

/// Forks a process that has one thread; the child may then do whatever the parent may.
pub(super) fn fork() -> io::Result<Fork> {
    require_single_thread()?;
    // SAFETY: there is one thread (checked above), so no lock is held by a thread that the
    // child lacks.
    let id = unsafe { libc::fork() };
    match id {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        id => {
            let pid = Pid::from_raw(id).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Fork::Parent(pid))
        }
    }
}

/// Ends a forked process at once, without what the parent registered to be done at exit.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Fails where the process has more than one thread (`fork` and `unshare` would not do what is meant).
pub(super) fn require_single_thread() -> io::Result<()> {
    let threads = std::path::Path::new("/proc/self/task").read_dir()?.count();
    if threads == 1 {
        return Ok(());
    }
    Err(io::Error::other(format!("the process has {threads} threads where it must have one")))
}

/// `unshare(2)`. Never asked to unshare the table of file descriptors.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: unsafe in rustix only because of `CLONE_FILES`, which is never asked for here.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// `execve(2)`; it returns only where it fails.
pub(super) fn execute(program: &CStr, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: all three point to NUL-terminated data that outlives the call; both arrays end
    // with a null pointer.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Puts every signal back to its default action and unblocks all of them, as a shell expects it.
pub(super) fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: setting a default action runs no code of ours; numbers that cannot be set
        // (SIGKILL, libc's own) fail without effect.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a `sigset_t` to be written.
    unsafe { libc::sigemptyset(none.as_mut_ptr()) };
    // SAFETY: the set was initialised by `sigemptyset`.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut()) };
}

/// Fixes (or frees) the address-space layout of what is executed next.
pub(super) fn set_address_randomization(randomize: bool) -> io::Result<()> {
    // The other bits are those of the execution domain Linux: none.
    let persona = if randomize { 0 } else { libc::ADDR_NO_RANDOMIZE };
    let persona = libc::c_ulong::try_from(persona).map_err(io::Error::other)?;
    // SAFETY: takes a number, touches no memory.
    let result = unsafe { libc::personality(persona) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes descriptor 0 another name of `source`.
pub(super) fn replace_stdin(source: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no Rust value owns descriptor 0, so that what is closed here is nobody's.
    let result = unsafe { libc::dup2(source.as_raw_fd(), libc::STDIN_FILENO) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Marks every file descriptor from `first` on as closed by the next `exec`.
pub(super) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: takes numbers; descriptors stay open until `exec`, so no owner is cheated.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            libc::c_ulong::from(first),
            libc::c_ulong::from(u32::MAX),
            libc::c_ulong::from(libc::CLOSE_RANGE_CLOEXEC),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the process a session keyring of its own, as runc does, so that the keys of the user
/// who runs rlock are out of reach. Kernels without keyrings have nothing to hide.
pub(super) fn join_new_session_keyring() {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring; no memory is touched.
    unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<u8>()) };
}

/// Brings `lo` up in the process's network namespace.
pub(super) fn loopback_up(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: `ifreq` is plain data, for which all zeroes is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo\0") {
        *to = libc::c_char::try_from(*from).map_err(io::Error::other)?;
    }
    let flags = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    // SAFETY: the request is initialised and lives through the call, which only reads it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Adds attributes to the mount at `path` and to all below it (`mount_setattr(2)`, Linux 5.12).
pub(super) fn restrict_mounts(path: &CStr, attributes: u64) -> io::Result<()> {
    #[repr(C)]
    struct MountAttributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let request = MountAttributes { set: attributes, clear: 0, propagation: 0, user_namespace: 0 };
    // SAFETY: the path is NUL-terminated; the structure is the kernel's first version, its size
    // given, and is only read.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const request,
            size_of::<MountAttributes>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// One instruction of a seccomp filter, laid out as `struct sock_filter`.
pub(super) type Instruction = seccompiler::sock_filter;

/// Loads a seccomp filter into this process (one thread) and all that it executes.
///
/// `no_new_privs` is left alone, as Docker does, so that `sudo` works; the kernel then wants
/// `CAP_SYS_ADMIN`, so load before capabilities are dropped.
pub(super) fn load_seccomp(program: &[Instruction]) -> io::Result<()> {
    load_filter(program, libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW).map(drop)
}

/// `seccomp(SECCOMP_SET_MODE_FILTER)`; what it returns is what `flags` ask for, else 0.
fn load_filter(program: &[Instruction], flags: libc::c_ulong) -> io::Result<libc::c_long> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: `Instruction` has the layout of `libc::sock_filter` (both `repr(C)` with the same
    // fields); the kernel copies `len` of them and writes nothing.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    if result >= 0 { Ok(result) } else { Err(io::Error::last_os_error()) }
}

/// Lets a socket receive only what a (classic) BPF program lets pass.
pub(super) fn attach_filter(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    let size = libc::socklen_t::try_from(size_of_val(&program)).map_err(io::Error::other)?;
    // SAFETY: as in `load_filter`; the size given is that of the structure.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What happened to the descriptors of a [`poll`], in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready(pub(super) bool);

/// Waits until one of `descriptors` can be read or is at its end, or the time is over.
/// `None` entries are skipped.
pub(super) fn poll<const N: usize>(
    descriptors: [Option<BorrowedFd<'_>>; N],
    timeout: Option<Duration>,
) -> io::Result<[Ready; N]> {
    let mut entries = descriptors.map(|descriptor| libc::pollfd {
        fd: descriptor.map_or(-1 as RawFd, |descriptor| descriptor.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    });
    let timeout = match timeout {
        Some(timeout) => i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        None => -1,
    };
    let count = libc::nfds_t::try_from(N).map_err(io::Error::other)?;
    // SAFETY: the array has `count` entries and lives through the call.
    let result = unsafe { libc::poll(entries.as_mut_ptr(), count, timeout) };
    if result == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(entries.map(|entry| Ready(result > 0 && entry.revents != 0)))
}
