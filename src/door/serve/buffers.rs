//! Memory that pieces of bodies are read into, used again: fresh memory costs a page fault for each
//! 4 KiB, which is more than the reading itself.

use bytes::{Buf, Bytes};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a file that are read at once. Measured: below 128 KiB system calls cost, above 512 KiB the
/// processor's cache is left.
pub(super) const PIECE: usize = 256 * 1024;
/// Buffers that are kept while nobody needs them.
const KEPT_MAX: usize = 32;

/// A stock of buffers. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(in crate::door) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// Lends a buffer of `size` bytes, with anything in it.
    pub(super) fn lend(&self, size: usize) -> Lent {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = kept.unwrap_or_else(|| vec![0; PIECE]);
        let end = size.min(bytes.len());
        Lent { bytes, start: 0, end, stock: self.clone() }
    }
}

/// A buffer that goes back when dropped, and what of it is still to be sent.
#[derive(Debug)]
pub(in crate::door) struct Lent {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    stock: Buffers,
}

impl Lent {
    /// What there is to be read into.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Says how much was read.
    pub(super) fn filled(mut self, size: usize) -> Self {
        self.end = self.end.min(self.start + size);
        self
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut kept = self.stock.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// A piece of a body on its way to the client.
#[derive(Debug)]
pub(in crate::door) enum Piece {
    /// From memory.
    Shared(Bytes),
    /// Read from a file.
    Lent(Lent),
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match self {
            Self::Shared(bytes) => bytes.len(),
            Self::Lent(lent) => lent.end - lent.start,
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Lent(lent) => lent.bytes.get(lent.start..lent.end).unwrap_or_default(),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Shared(bytes) => bytes.advance(count),
            Self::Lent(lent) => lent.start = lent.end.min(lent.start + count),
        }
    }
}
