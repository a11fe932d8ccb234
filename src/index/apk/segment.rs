//! The gzip members that a file is made of, and the small archives in them.

use crate::archive::tar::{self, Kind};
use crate::index::IndexError;
use flate2::bufread::GzDecoder;
use std::io::Read as _;

/// Bytes of the first segments of a file, unpacked.
const SEGMENT_MAX: u64 = 256 << 20;

/// The end of an archive, which segments that others follow do not have.
const END: [u8; 1024] = [0; 1024];

/// Content of a gzip member, its own bytes, and what follows.
type Member<'a> = (Vec<u8>, &'a [u8], &'a [u8]);

/// Path and content.
type File = (Vec<u8>, Vec<u8>);

/// Splits off the first gzip member: its content, its own bytes, and what follows.
pub(super) fn first<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Member<'a>, IndexError> {
    let mut decoder = GzDecoder::new(bytes);
    let mut content = Vec::new();
    let read = decoder.by_ref().take(SEGMENT_MAX + 1).read_to_end(&mut content);
    read.map_err(|error| IndexError::new(what, format!("gzip: {error}")))?;
    if content.len() as u64 > SEGMENT_MAX {
        return Err(IndexError::new(what, format!("a segment has more than {SEGMENT_MAX} bytes")));
    }
    let rest = decoder.into_inner();
    let own = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
    Ok((content, own, rest))
}

/// Files of a segment with their contents, in order.
pub(super) fn files(what: &'static str, content: &[u8]) -> Result<Vec<File>, IndexError> {
    let malformed = |error: tar::TarError| IndexError::new(what, error.to_string());
    let mut reader = tar::Reader::new(content.chain(&END[..]), tar::Limits::default());
    let mut files = Vec::new();
    while let Some(entry) = reader.next_entry().map_err(malformed)? {
        if entry.kind != Kind::File {
            continue;
        }
        let mut body = Vec::new();
        let copied = reader.copy_body(&mut |bytes| {
            body.extend_from_slice(bytes);
            Ok(())
        });
        copied.map_err(malformed)?;
        files.push((entry.path, body));
    }
    Ok(files)
}
