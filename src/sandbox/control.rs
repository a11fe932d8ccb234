//! The socket between rlock and the process that becomes a step: the step goes in, and out comes
//! what became of it.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{Doing, SandboxError};
use super::gate::Sockets;

/// The longest message: a step with its standard input, as JSON.
const MESSAGE_LENGTH_MAX: u32 = 256 << 20;

/// What the step's processes tell rlock.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// With it come the descriptors of [`Sockets`]; the command is about to be executed.
    Gate,
    /// The sandbox could not be made.
    Failed(Failure),
    /// The command could not be executed, by its own fault: a shell's exit code, and the reason.
    NotExecuted { code: i32, reason: String },
    /// The command exited.
    Exited(i32),
    /// The command was killed by a signal.
    Signaled(i32),
}

/// A failed call in one of the step's processes, in a form that crosses the socket.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) doing: Doing,
    pub(super) errno: Option<i32>,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(doing: Doing, source: &io::Error) -> Self {
        Self { doing, errno: source.raw_os_error(), text: source.to_string() }
    }

    pub(super) fn into_error(self) -> SandboxError {
        let source = match self.errno {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::other(self.text),
        };
        SandboxError::Step { doing: self.doing, source }
    }
}

/// Says what was being done when a call failed.
pub(super) trait During<T> {
    fn during(self, doing: Doing) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, doing: Doing) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(doing, &error.into()))
    }
}

/// Writes one message: its length (big endian, 4 bytes), then JSON.
pub(super) fn send<T: Serialize>(mut out: impl Write, message: &T) -> io::Result<()> {
    out.write_all(&frame(message)?)
}

fn frame<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= MESSAGE_LENGTH_MAX);
    let Some(length) = length else {
        return Err(io::Error::other(format!("a message of {} bytes is too long", body.len())));
    };
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// Writes one short message with descriptors
/// ([`SCM_RIGHTS`](https://man7.org/linux/man-pages/man7/unix.7.html)), of which the reader gets copies.
pub(super) fn send_with(
    control: &UnixStream,
    message: &Message,
    descriptors: &[OwnedFd; Sockets::COUNT],
) -> io::Result<()> {
    let frame = frame(message)?;
    let descriptors = descriptors.each_ref().map(|descriptor| descriptor.as_fd());
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(Sockets::COUNT))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    let sent = sendmsg(control, &[IoSlice::new(&frame)], &mut ancillary, SendFlags::NOSIGNAL)?;
    if sent == frame.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Takes what there is of messages, and what descriptors came with them; 0 bytes at the end of the stream.
pub(super) fn receive_some(
    control: &UnixStream,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(Sockets::COUNT))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = match recvmsg(control, &mut [IoSliceMut::new(buffer)], &mut ancillary, flags) {
        Err(Errno::CONNRESET) => return Ok((0, Vec::new())),
        result => result?,
    };
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(Errno::MFILE.into());
    }
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok((received.bytes, descriptors))
}

/// Reads one message; `None` at the end of the stream.
pub(super) fn receive<T: DeserializeOwned>(mut from: impl Read) -> io::Result<Option<T>> {
    let mut header = Vec::new();
    from.by_ref().take(4).read_to_end(&mut header)?;
    let length = match <[u8; 4]>::try_from(header) {
        Ok(bytes) => u32::from_be_bytes(bytes),
        Err(bytes) if bytes.is_empty() => return Ok(None),
        Err(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    if length > MESSAGE_LENGTH_MAX {
        return Err(io::Error::other(format!("a message of {length} bytes is too long")));
    }
    let mut body = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut body)?;
    if u32::try_from(body.len()) != Ok(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&body).map(Some).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_cross_in_order() {
        let messages = [
            Message::NotExecuted { code: 127, reason: "no".to_owned() },
            Message::Exited(3),
            Message::Signaled(9),
        ];
        let mut wire = Vec::new();
        for message in &messages {
            send(&mut wire, message).unwrap();
        }
        let mut rest = wire.as_slice();
        for message in messages {
            assert_eq!(receive::<Message>(&mut rest).unwrap(), Some(message));
        }
        assert_eq!(receive::<Message>(&mut rest).unwrap(), None);
    }

    #[test]
    fn a_cut_or_oversized_message_is_an_error() {
        let mut wire = Vec::new();
        send(&mut wire, &Message::Exited(0)).unwrap();
        for length in 1..wire.len() {
            receive::<Message>(&wire[..length]).unwrap_err();
        }
        receive::<Message>([0xff, 0xff, 0xff, 0xff, b'{'].as_slice()).unwrap_err();
        receive::<Message>([0, 0, 0, 1, b'{'].as_slice()).unwrap_err();
    }
}
