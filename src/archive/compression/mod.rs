//! Decompression of layers and of archives that ADD unpacks: every member, to the very end, within
//! bounds.
//!
//! Decoders that stop after the first member, or ignore what follows the last one, hide content
//! from the digest of the uncompressed layer. All of these read to the end of the stream, so a
//! verifying reader below has seen every byte when they report the end.

mod bounded;
mod gzip;

#[cfg(test)]
mod tests;

use bounded::{Bounded, Counted, Progress};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
    /// Any number of streams.
    Bzip2,
    /// Any number of streams; not the older `.lzma`.
    Xz,
}

impl Compression {
    /// The name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }
}

/// Why a stream is not decompressed further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// Truncated, damaged, or not of this format.
    #[error("{format} stream is malformed")]
    Malformed {
        /// Of the stream.
        format: &'static str,
        /// What the decoder says.
        #[source]
        source: io::Error,
    },
    /// Bytes after the end that are neither a member nor zeros.
    #[error("{0} stream is followed by other data")]
    TrailingData(&'static str),
    /// More output than allowed.
    #[error("{format} stream holds more than {max} bytes")]
    TooLarge {
        /// Of the stream.
        format: &'static str,
        /// Of output.
        max: u64,
    },
    /// So much output of so little input that it can only be meant as a trap.
    #[error("{format} stream is a decompression bomb: over {output} bytes from {input}")]
    Bomb {
        /// Of the stream.
        format: &'static str,
        /// Bytes read.
        input: u64,
        /// Bytes made of them.
        output: u64,
    },
}

impl CompressionError {
    /// The error inside one that a decoder returned, if the stream is at fault.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl From<CompressionError> for io::Error {
    fn from(error: CompressionError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// What a decoder gives out before it gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of output.
    pub output_max: u64,
    /// Bytes of output for one of input, once `ratio_free` is passed.
    pub ratio_max: u64,
    /// Bytes of output without regard to the ratio: layers with a large file of zeros exist.
    pub ratio_free: u64,
}

impl Default for Limits {
    /// As much as the default of [`super::tar::Limits`] takes. Layers of real images compress to a
    /// half or a tenth; gzip can at most give 1,032 bytes for one, zstd and xz far more.
    fn default() -> Self {
        Self { output_max: 128 << 30, ratio_max: 200, ratio_free: 4 << 30 }
    }
}

/// Memory that a zstd frame may ask for, as a power of two: 128 MiB, which every decoder has to
/// grant. <https://www.rfc-editor.org/rfc/rfc8878#name-window-descriptor>
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Memory that an xz stream may ask for; `xz -9` asks for 65 MiB.
const XZ_MEMORY_MAX: u64 = 256 << 20;

/// Bytes that [`detect`] needs to see.
pub const MAGIC_LENGTH: usize = 6;

/// Bytes that are read at once.
const BUFFER: usize = 128 * 1024;

/// What the first bytes of a stream, [`MAGIC_LENGTH`] if there are so many, say.
pub fn detect(first_bytes: &[u8]) -> Compression {
    match first_bytes {
        [0x1f, 0x8b, 8, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        // A skippable frame may come first: <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2>
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        _ => Compression::None,
    }
}

/// A stream without its compression, which the first bytes tell, within the default [`Limits`].
pub fn decoder<'a>(
    inner: impl Read + Send + 'a,
) -> io::Result<(Compression, Box<dyn Read + Send + 'a>)> {
    decoder_within(inner, &Limits::default())
}

/// Like [`decoder`], with limits of the caller's.
pub fn decoder_within<'a>(
    mut inner: impl Read + Send + 'a,
    limits: &Limits,
) -> io::Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let mut first = Vec::new();
    Read::take(&mut inner, MAGIC_LENGTH as u64).read_to_end(&mut first)?;
    let compression = detect(&first);
    let progress = Arc::new(Progress::default());
    let counted = Counted::new(io::Cursor::new(first).chain(inner), Arc::clone(&progress));
    let input = BufReader::with_capacity(BUFFER, counted);
    let output: Box<dyn Read + Send + 'a> = match compression {
        Compression::None => return Ok((compression, Box::new(input))),
        Compression::Gzip => Box::new(gzip::Members::new(input)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(
                XZ_MEMORY_MAX,
                liblzma::stream::CONCATENATED,
            )?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
    };
    let bounded = Bounded::new(output, compression.name(), limits.clone(), progress);
    Ok((compression, Box::new(bounded)))
}
