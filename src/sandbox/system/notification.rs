//! Seccomp's user notifications: a filter whose calls another process answers, and that other process's
//! side of it ([seccomp_unotify(2)](https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html)).

#![expect(unsafe_code, reason = "ioctls and another process's memory have no safe interface")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::Pid;

use super::Instruction;

/// A call that waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct Notification {
    /// Names the call, for as long as it waits.
    pub(in crate::sandbox) id: u64,
    /// The thread that made it, by its id in our process namespace.
    pub(in crate::sandbox) thread: Pid,
    /// The call's arguments, as they are in its registers.
    pub(in crate::sandbox) arguments: [u64; 6],
}

/// What a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Reply {
    /// The kernel is to do it after all.
    Continue,
    /// It is done: 0, or an error.
    Done(Result<(), Errno>),
}

/// Loads a filter into this process, as [`load_seccomp`](super::load_seccomp) does, and returns where the
/// notifications that it asks for arrive. The kernel has one such filter a process, which must not have
/// inherited one (`EBUSY`).
pub(in crate::sandbox) fn load_notifying(program: &[Instruction]) -> io::Result<OwnedFd> {
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // Since Linux 5.19 a call that is being answered is not interrupted by signals; see `Attempts`.
    let listener = match super::load_filter(program, flags | WAIT_KILLABLE) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            super::load_filter(program, flags)
        }
        result => result,
    }?;
    let listener = RawFd::try_from(listener).map_err(io::Error::other)?;
    // SAFETY: with `NEW_LISTENER` the result is a new descriptor, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

const WAIT_KILLABLE: libc::c_ulong = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

/// Has the kernel hand the processor over between the caller and us, instead of waking another one up (Linux
/// 6.6): one of the two always waits for the other. Older kernels do without.
pub(in crate::sandbox) fn answer_on_the_same_processor(listener: BorrowedFd<'_>) {
    const SYNC_WAKE_UP: libc::c_ulong = 1;
    let request = libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS;
    // SAFETY: takes a number, touches no memory.
    unsafe { libc::ioctl(listener.as_raw_fd(), request, SYNC_WAKE_UP) };
}

/// Takes the next call that waits; `None` where it has gone meanwhile (killed, interrupted). Waits itself
/// where there is none: poll first.
pub(in crate::sandbox) fn receive(listener: BorrowedFd<'_>) -> io::Result<Option<Notification>> {
    // SAFETY: plain data, for which all zeroes is valid; the kernel even asks for zeroes.
    let mut wire: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
    // SAFETY: the kernel writes one `seccomp_notif`, whose size is part of the request's number.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw mut wire) };
    if result == -1 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ENOENT | libc::EINTR) => Ok(None),
            _ => Err(error),
        };
    }
    // 0: a thread that our process namespace does not have.
    let thread = i32::try_from(wire.pid).ok().and_then(Pid::from_raw);
    let thread = thread.ok_or_else(|| io::Error::other("a notification of an unseen process"))?;
    Ok(Some(Notification { id: wire.id, thread, arguments: wire.data.args }))
}

/// Whether a call still waits, so that its thread is still the one that the notification named.
pub(in crate::sandbox) fn is_waiting(listener: BorrowedFd<'_>, id: u64) -> io::Result<bool> {
    let request = libc::SECCOMP_IOCTL_NOTIF_ID_VALID;
    // SAFETY: the kernel reads one number of 8 bytes.
    until_done(|| unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw const id) })
}

/// Answers a call; false where it no longer waits.
pub(in crate::sandbox) fn answer(
    listener: BorrowedFd<'_>,
    id: u64,
    reply: Reply,
) -> io::Result<bool> {
    let (error, flags) = match reply {
        Reply::Continue => (0, CONTINUE),
        Reply::Done(Ok(())) => (0, 0),
        Reply::Done(Err(errno)) => (-errno.raw_os_error(), 0),
    };
    let wire = libc::seccomp_notif_resp { id, val: 0, error, flags };
    let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
    // SAFETY: the kernel reads one `seccomp_notif_resp`, whose size is part of the request's number.
    until_done(|| unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw const wire) })
}

/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
const CONTINUE: u32 = 1;

/// Repeats an ioctl that signals to us interrupt; false where the call that it is about is gone.
fn until_done(ioctl: impl Fn() -> libc::c_int) -> io::Result<bool> {
    loop {
        if ioctl() == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ENOENT) => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// Reads memory of another process, from `address` on; `EFAULT` where it cannot be read there. What is
/// read may be less than the buffer, where unreadable memory follows.
pub(in crate::sandbox) fn read_memory(
    thread: Pid,
    address: u64,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let address = usize::try_from(address).map_err(|_| io::Error::from(Errno::FAULT))?;
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // The kernel alone follows this pointer, in the other process.
    let remote =
        libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: buffer.len() };
    // SAFETY: `local` describes the buffer, which is ours to write to; of the other process it reads only.
    let result = unsafe {
        libc::process_vm_readv(
            thread.as_raw_nonzero().get(),
            &raw const local,
            1,
            &raw const remote,
            1,
            0,
        )
    };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
