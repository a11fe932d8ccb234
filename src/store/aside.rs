//! Writing on another thread: who makes the bytes reads files, who takes them hashes, and each has a
//! processor of its own.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::{panic, thread};

/// How many pieces may wait to be written.
const WAITING_MAX: usize = 8;

/// Lets `fill` write to a stream that hands everything to `out`, on another thread. A failure of `out`
/// is one of the stream: of a later write, or of [`Write::flush`], which waits until all is written.
pub(super) fn aside<W: Write + Send, T>(mut out: W, fill: impl FnOnce(Aside) -> T) -> (T, W) {
    let (pieces, waiting) = mpsc::sync_channel(WAITING_MAX);
    let (answer, answers) = mpsc::channel();
    let (spare, spares) = mpsc::channel();
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            for piece in waiting {
                let flushed = match piece {
                    Piece::Bytes(bytes) => match out.write_all(&bytes) {
                        Ok(()) => {
                            // Who writes may have ended already, and needs no more memory.
                            drop(spare.send(bytes));
                            continue;
                        }
                        failed => failed,
                    },
                    Piece::Flush => out.flush(),
                };
                let failed = flushed.is_err();
                if answer.send(flushed).is_err() || failed {
                    break;
                }
            }
            out
        });
        let filled = fill(Aside { pieces, answers, spares });
        (filled, worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
    })
}

enum Piece {
    Bytes(Vec<u8>),
    /// Write all that there is, and say so.
    Flush,
}

/// The stream that [`aside`] lends. Wants large pieces: each is copied.
pub(super) struct Aside {
    pieces: SyncSender<Piece>,
    answers: Receiver<io::Result<()>>,
    /// Memory of pieces that are written: new memory would cost a page fault for each page.
    spares: Receiver<Vec<u8>>,
}

impl Aside {
    fn answer(&self) -> io::Result<()> {
        self.answers.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }
}

impl Write for Aside {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut piece = self.spares.try_recv().unwrap_or_default();
        piece.clear();
        piece.extend_from_slice(buffer);
        if self.pieces.send(Piece::Bytes(piece)).is_err() {
            self.answer()?;
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Whether it can be asked or not: what the other side has to say comes next.
        drop(self.pieces.send(Piece::Flush));
        self.answer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes and then no more.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = buffer.len().min(self.0);
            self.0 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_arrives_in_order() {
        let (written, out) = aside(Vec::new(), |mut stream| {
            for byte in 0..100 {
                stream.write_all(&[byte; 3])?;
            }
            stream.flush()
        });
        written.unwrap();
        assert_eq!(out, (0..100).flat_map(|byte| [byte; 3]).collect::<Vec<u8>>());
    }

    #[test]
    fn a_failure_is_told_to_who_writes() {
        for room in [0, 1, 5, 4_999] {
            let (written, _) = aside(Full(room), |mut stream| {
                (0..1000).try_for_each(|_| stream.write_all(b"bytes"))?;
                stream.flush()
            });
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::StorageFull, "{room}");
        }
        let (written, _) = aside(Full(5_000), |mut stream| {
            (0..1000).try_for_each(|_| stream.write_all(b"bytes"))?;
            stream.flush()
        });
        written.unwrap();
    }
}
