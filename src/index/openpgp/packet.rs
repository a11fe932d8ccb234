//! Packets: <https://www.rfc-editor.org/rfc/rfc9580#section-4>. And the numbers in them.

use super::PgpError;

pub(super) const SIGNATURE: u8 = 2;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const MARKER: u8 = 10;
pub(super) const USER_ID: u8 = 13;
pub(super) const PUBLIC_SUBKEY: u8 = 14;
pub(super) const PADDING: u8 = 21;

/// Packets in one file: the largest keyring of a distribution has some 1,000 keys.
const PACKETS_MAX: usize = 200_000;

/// A packet in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

/// The packets of a file, to its last byte. Lengths that come in parts or are not said are for data
/// that is not in here.
pub(super) fn packets(bytes: &[u8]) -> Result<Vec<Packet<'_>>, PgpError> {
    let mut packets = Vec::new();
    let mut bytes = Bytes(bytes);
    while !bytes.0.is_empty() {
        let head = bytes.byte()?;
        let (tag, length) = match head {
            0xc0.. => (head & 0x3f, new_length(&mut bytes)?),
            0x80..0xc0 => (head >> 2 & 0x0f, old_length(head & 3, &mut bytes)?),
            _ => return Err(PgpError::new("it is not a sequence of OpenPGP packets")),
        };
        packets.push(Packet { tag, body: bytes.take(length)? });
        if packets.len() > PACKETS_MAX {
            return Err(PgpError::new(format!("there are more than {PACKETS_MAX} packets")));
        }
    }
    Ok(packets)
}

fn new_length(bytes: &mut Bytes<'_>) -> Result<usize, PgpError> {
    let first = bytes.byte()?;
    match first {
        0..192 => Ok(usize::from(first)),
        192..224 => Ok(((usize::from(first) - 192) << 8) + usize::from(bytes.byte()?) + 192),
        255 => Ok(bytes.number(4)?),
        _ => Err(PgpError::new("a packet's length comes in parts")),
    }
}

fn old_length(kind: u8, bytes: &mut Bytes<'_>) -> Result<usize, PgpError> {
    match kind {
        0 => bytes.number(1),
        1 => bytes.number(2),
        2 => bytes.number(4),
        _ => Err(PgpError::new("a packet does not say its length")),
    }
}

/// Bytes that are taken from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PgpError> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| PgpError::new("a packet is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, PgpError> {
        self.take(1)?.first().copied().ok_or_else(|| PgpError::new("a packet is cut off"))
    }

    /// A number of `count` bytes, the highest first.
    pub(super) fn number(&mut self, count: usize) -> Result<usize, PgpError> {
        Ok(self.take(count)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A multiprecision integer without zeros at its start (section 3.2).
    pub(super) fn integer(&mut self) -> Result<&'a [u8], PgpError> {
        let bits = self.number(2)?;
        let mut bytes = self.take(bits.div_ceil(8))?;
        while let Some((0, rest)) = bytes.split_first() {
            bytes = rest;
        }
        Ok(bytes)
    }
}

/// `bytes` with zeros before them, so that there are `length`.
pub(super) fn padded(bytes: &[u8], length: usize) -> Result<Vec<u8>, PgpError> {
    let zeros = length
        .checked_sub(bytes.len())
        .ok_or_else(|| PgpError::new("a number of a signature is too large"))?;
    let mut padded = vec![0; zeros];
    padded.extend_from_slice(bytes);
    Ok(padded)
}
