//! What a client says first, by which its protocol is known.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::timeout;

/// More than any method has letters; the longest that is registered has 17.
const METHOD_MAX: usize = 32;
/// Methods that need not be looked at closer; of others the target must look like one.
const METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
/// RFC 8446, section 5.1: the content type of a record with a handshake message.
const TLS_HANDSHAKE: u8 = 22;

/// What a client turned out to speak.
#[derive(Debug)]
pub(super) enum Opening {
    Tls,
    Http,
    /// HTTP/2 without having asked whether the server knows it: RFC 9113, section 3.4.
    Http2,
    /// Anything else.
    Foreign,
    /// It has not said enough in the time that it had.
    Silent,
    /// It left.
    Closed,
    /// The stream failed.
    Broken(io::Error),
}

/// Reads until it is clear what the client speaks, for at most `patience`, and gives the stream back
/// with what was read.
pub(super) async fn open<IO: AsyncRead + Unpin>(
    mut io: IO,
    patience: Option<Duration>,
) -> (Opening, Prefixed<IO>) {
    let mut seen = Vec::new();
    let reading = read(&mut io, &mut seen);
    let opening = match patience {
        Some(patience) => timeout(patience, reading).await.unwrap_or(Opening::Silent),
        None => reading.await,
    };
    (opening, Prefixed { prefix: seen, sent: 0, io })
}

async fn read(io: &mut (impl AsyncRead + Unpin), seen: &mut Vec<u8>) -> Opening {
    loop {
        if let Some(opening) = judge(seen) {
            return opening;
        }
        match io.read_buf(seen).await {
            Ok(0) if seen.is_empty() => return Opening::Closed,
            Ok(0) => return Opening::Foreign,
            Ok(_) => {}
            Err(error) => return Opening::Broken(error),
        }
    }
}

/// None where more must be seen.
fn judge(seen: &[u8]) -> Option<Opening> {
    // RFC 9112, section 2.2: empty lines before a request are to be ignored.
    let start = seen.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let seen = seen.get(start..)?;
    if seen.first() == Some(&TLS_HANDSHAKE) {
        return Some(Opening::Tls);
    }
    let end = seen.iter().position(|byte| !(byte.is_ascii_uppercase() || *byte == b'-'));
    let Some(end) = end else {
        return (seen.len() > METHOD_MAX).then_some(Opening::Foreign);
    };
    let (method, rest) = seen.split_at_checked(end)?;
    if method.is_empty() || rest.first() != Some(&b' ') {
        return Some(Opening::Foreign);
    }
    if METHODS.contains(&method) {
        return Some(Opening::Http);
    }
    Some(match rest.get(1)? {
        b'*' if method == b"PRI" => Opening::Http2,
        b'/' => Opening::Http,
        _ => Opening::Foreign,
    })
}

/// A stream of which something was read already.
#[derive(Debug)]
pub(super) struct Prefixed<IO> {
    prefix: Vec<u8>,
    sent: usize,
    io: IO,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Prefixed<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.prefix.get(self.sent..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let size = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..size).unwrap_or_default());
        self.sent += size;
        if self.sent == self.prefix.len() {
            self.prefix = Vec::new();
            self.sent = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Prefixed<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
