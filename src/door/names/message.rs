//! Messages of the domain name system: RFC 1035, section 4, and the OPT record of RFC 6891.
//!
//! ```text
//!   0    2      4         6         8         10        12
//!   | id | flags | QDCOUNT | ANCOUNT | NSCOUNT | ARCOUNT | questions and records …
//! ```
//!
//! Strict: a query has one question, no answers, and nothing behind its records.

use std::net::Ipv4Addr;

/// Of the flags: a response, the operation, "recursion desired", "recursion available".
const RESPONSE: u16 = 0x8000;
const OPERATION: u16 = 0x7800;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;

const TYPE_A: u16 = 1;
const TYPE_PTR: u16 = 12;
const TYPE_SRV: u16 = 33;
const TYPE_OPT: u16 = 41;
const TYPE_ANY: u16 = 255;
const CLASS_IN: u16 = 1;
const CLASS_ANY: u16 = 255;

const FORMAT_ERROR: u16 = 1;
const SERVER_FAILURE: u16 = 2;
const NAME_ERROR: u16 = 3;
const NOT_IMPLEMENTED: u16 = 4;
const REFUSED: u16 = 5;
/// RFC 6891: 16, of which the OPT record carries the upper bits.
const BAD_VERSION: u16 = 16;

/// RFC 1035, section 3.1: octets of a label, and of a name with its length octets.
const LABEL_MAX: usize = 63;
const NAME_MAX: usize = 255;
/// Where the question stands, as a compression pointer: RFC 1035, section 4.1.4.
const POINTER_TO_QUESTION: u16 = 0xC00C;
/// An address never changes while rlock runs.
const SECONDS_TO_LIVE: u32 = 3600;
/// The largest datagram that is read; ours are shorter than 512 octets always.
pub(super) const DATAGRAM_MAX: u16 = 1232;

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query<'m> {
    id: u16,
    recursion_desired: bool,
    /// As it came, to be sent back: clients compare the case of its letters.
    question: &'m [u8],
    /// In lower case, without the last dot; none where it could not be a host's.
    pub(super) name: Option<String>,
    /// What is asked about it.
    pub(super) kind: Kind,
    /// The class is IN.
    pub(super) internet: bool,
    /// The version of the extension mechanism, where the client speaks it.
    extension: Option<u8>,
}

/// What is asked about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Address,
    Pointer,
    Service,
    Other,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Address(Ipv4Addr),
    /// The name is there, and has nothing of the kind.
    Empty,
    NoSuchName,
    Refused,
    Failure,
}

/// Why a message is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Too short to be answered, or itself a response: answering could go on for ever.
    Drop,
    /// To be answered with this.
    Answer(Vec<u8>),
}

/// Reads a query.
pub(super) fn read(message: &[u8]) -> Result<Query<'_>, Unreadable> {
    let mut reader = Reader(message);
    let (Some(id), Some(flags)) = (reader.u16(), reader.u16()) else {
        return Err(Unreadable::Drop);
    };
    if flags & RESPONSE != 0 {
        return Err(Unreadable::Drop);
    }
    let problem = |code| Unreadable::Answer(header(id, flags & RECURSION_DESIRED | code, [0; 4]));
    if flags & OPERATION != 0 {
        return Err(problem(NOT_IMPLEMENTED));
    }
    let query = read_sections(&mut reader, id, flags).ok_or_else(|| problem(FORMAT_ERROR))?;
    match query.extension {
        Some(version) if version > 0 => Err(Unreadable::Answer(finish(&query, BAD_VERSION, None))),
        _ => Ok(query),
    }
}

fn read_sections<'m>(reader: &mut Reader<'m>, id: u16, flags: u16) -> Option<Query<'m>> {
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?];
    let additional = reader.u16()?;
    if counts != [1, 0, 0] {
        return None;
    }
    let start = reader.0;
    let labels = read_labels(reader)?;
    let kind = reader.u16()?;
    let class = reader.u16()?;
    let question = start.get(..start.len().checked_sub(reader.0.len())?)?;
    let mut extension = None;
    for _ in 0..additional {
        match read_record(reader)? {
            // RFC 6891, section 6.1.1: one only.
            Record::Extension { .. } if extension.is_some() => return None,
            Record::Extension { version } => extension = Some(version),
            Record::Other => {}
        }
    }
    reader.0.is_empty().then(|| Query {
        id,
        recursion_desired: flags & RECURSION_DESIRED != 0,
        question,
        name: host_name(&labels),
        kind: match kind {
            TYPE_A | TYPE_ANY => Kind::Address,
            TYPE_PTR => Kind::Pointer,
            TYPE_SRV => Kind::Service,
            _ => Kind::Other,
        },
        internet: matches!(class, CLASS_IN | CLASS_ANY),
        extension,
    })
}

/// A name without compression: in a query there is nothing that it could point back to.
fn read_labels<'m>(reader: &mut Reader<'m>) -> Option<Vec<&'m [u8]>> {
    let mut labels = Vec::new();
    let mut length = 1;
    loop {
        let size = usize::from(reader.u8()?);
        if size == 0 {
            return Some(labels);
        }
        length += size + 1;
        if size > LABEL_MAX || length > NAME_MAX {
            return None;
        }
        labels.push(reader.take(size)?);
    }
}

/// A record behind the question.
enum Record {
    /// OPT.
    Extension { version: u8 },
    /// Signatures and such say nothing here.
    Other,
}

fn read_record(reader: &mut Reader<'_>) -> Option<Record> {
    let labels = read_labels(reader)?;
    let kind = reader.u16()?;
    let _class = reader.u16()?;
    let [_extended, version, _, _] = reader.u32()?.to_be_bytes();
    let size = reader.u16()?;
    reader.take(usize::from(size))?;
    match kind {
        TYPE_OPT if labels.is_empty() => Some(Record::Extension { version }),
        TYPE_OPT => None,
        _ => Some(Record::Other),
    }
}

/// Letters, digits, hyphens (RFC 1123, section 2.1), and the underscore, which real names have.
fn host_name(labels: &[&[u8]]) -> Option<String> {
    let mut name = String::new();
    for label in labels {
        if !name.is_empty() {
            name.push('.');
        }
        for byte in *label {
            let fits = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            name.push(fits.then(|| char::from(byte.to_ascii_lowercase()))?);
        }
    }
    Some(name)
}

/// Writes the response to a query.
pub(super) fn write(query: &Query<'_>, reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Address(address) => finish(query, 0, Some(address)),
        Reply::Empty => finish(query, 0, None),
        Reply::NoSuchName => finish(query, NAME_ERROR, None),
        Reply::Refused => finish(query, REFUSED, None),
        Reply::Failure => finish(query, SERVER_FAILURE, None),
    }
}

fn finish(query: &Query<'_>, code: u16, address: Option<Ipv4Addr>) -> Vec<u8> {
    let recursion = if query.recursion_desired { RECURSION_DESIRED } else { 0 };
    let counts = [1, u16::from(address.is_some()), 0, u16::from(query.extension.is_some())];
    let mut message = header(query.id, recursion | code & 0xF, counts);
    message.extend_from_slice(query.question);
    if let Some(address) = address {
        push(&mut message, &[POINTER_TO_QUESTION, TYPE_A, CLASS_IN]);
        message.extend_from_slice(&SECONDS_TO_LIVE.to_be_bytes());
        push(&mut message, &[4]);
        message.extend_from_slice(&address.octets());
    }
    if query.extension.is_some() {
        message.push(0); // the root
        push(&mut message, &[TYPE_OPT, DATAGRAM_MAX, (code >> 4) << 8, 0, 0]);
    }
    message
}

fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let mut message = Vec::with_capacity(512);
    // Without "recursion available" Go's resolver takes an empty answer for a lame server's.
    push(&mut message, &[id, RESPONSE | RECURSION_AVAILABLE | flags]);
    push(&mut message, &counts);
    message
}

fn push(message: &mut Vec<u8>, words: &[u16]) {
    for word in words {
        message.extend_from_slice(&word.to_be_bytes());
    }
}

/// What is left of a message.
struct Reader<'m>(&'m [u8]);

impl<'m> Reader<'m> {
    fn take(&mut self, size: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}
