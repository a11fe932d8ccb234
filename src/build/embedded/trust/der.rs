//! As much of DER (ITU-T X.690) as certificates and key stores need: definite lengths, short tags.

/// `SEQUENCE`.
pub(super) const SEQUENCE: u8 = 0x30;
/// `SET`.
pub(super) const SET: u8 = 0x31;
/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
/// `OCTET STRING`.
pub(super) const OCTET_STRING: u8 = 0x04;
/// `OBJECT IDENTIFIER`.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// `BMPString`: UTF-16, big-endian.
pub(super) const BMP_STRING: u8 = 0x1E;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xA0;

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag and length included.
    pub(super) whole: &'a [u8],
}

/// Takes the first element off `input`; none if there is no whole one.
pub(super) fn take<'a>(input: &mut &'a [u8]) -> Option<Element<'a>> {
    let (tag, short) = (*input.first()?, *input.get(1)?);
    let (length, start) = match short {
        0..=0x7F => (usize::from(short), 2),
        // Up to four octets of length.
        0x81..=0x84 => {
            let count = usize::from(short & 0x7F);
            let octets = input.get(2..2 + count)?;
            let length = octets.iter().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
            (usize::try_from(length).ok()?, 2 + count)
        }
        _ => return None,
    };
    let end = start.checked_add(length)?;
    let (whole, rest) = (input.get(..end)?, input.get(end..)?);
    *input = rest;
    Some(Element { tag, content: whole.get(start..)?, whole })
}

/// As [`take`], of an element with this tag; the others stay.
pub(super) fn take_tagged<'a>(input: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    if input.first() == Some(&tag) { take(input) } else { None }
}

/// The content of the only element of `input`, which must have this tag.
pub(super) fn only(mut input: &[u8], tag: u8) -> Option<&[u8]> {
    let element = take_tagged(&mut input, tag)?;
    input.is_empty().then_some(element.content)
}

/// All elements of `input`; none if it does not end with one.
pub(super) fn all(mut input: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !input.is_empty() {
        elements.push(take(&mut input)?);
    }
    Some(elements)
}

/// Writes one element, with the shortest length as DER wants it.
pub(super) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let octets = length.to_be_bytes();
    let needed = octets.iter().skip_while(|octet| **octet == 0);
    let mut written = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => written.push(short),
        _ => {
            let count = needed.clone().count();
            written.push(0x80 | u8::try_from(count).unwrap_or_default());
            written.extend(needed);
        }
    }
    written.extend_from_slice(content);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000] {
            let content = vec![7; length];
            let mut written = encode(OCTET_STRING, &content);
            let head = written.len() - length;
            assert_eq!(head, 2 + [0x80, 0x100, 0x1_0000].iter().filter(|m| length >= **m).count());
            written.push(0xFF);
            let mut input = written.as_slice();
            let element = take(&mut input).unwrap();
            assert_eq!((element.tag, element.content), (OCTET_STRING, content.as_slice()));
            assert_eq!(input, [0xFF]);
        }
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let written = encode(SEQUENCE, &[1; 300]);
        for end in 0..written.len() {
            assert_eq!(take(&mut &written[..end]), None, "{end}");
        }
        assert_eq!(take(&mut &[0x30, 0x80, 0, 0][..]), None, "indefinite length");
        assert_eq!(take(&mut &[0x30, 0x88, 0xFF, 0xFF, 0xFF, 0xFF][..]), None);
        assert_eq!(only(&[2, 1, 1, 0], INTEGER), None, "something follows");
    }
}
