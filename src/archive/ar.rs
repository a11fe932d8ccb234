//! A strict reader of `ar` archives, as Debian packages are made of:
//! <https://manpages.debian.org/bookworm/dpkg-dev/deb.5.en.html#FORMAT>.
//!
//! ```text
//! 0  "!<arch>\n"
//! then for each member, at an even offset:
//! 0  name, 16      16 time, 12      28 owner, 6      34 group, 6     (decimal, padded with blanks)
//! 40 mode, 8 (octal)       48 size, 10 (decimal)     58 "`\n"        60 content
//! ```
//!
//! The tables of symbols and of long names, which only libraries have, are refused.

use std::io::{self, Read};

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER_SIZE: usize = 60;

/// Members that an archive may have. Debian packages have three, four where they are signed.
pub const MEMBERS_MAX: usize = 64;

/// An archive that is not read further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArError {
    /// The bytes of the archive cannot be had.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// It does not start as one.
    #[error("not an ar archive")]
    Magic,
    /// It stops where something has to follow.
    #[error("archive is truncated: it ends within {0}")]
    Truncated(&'static str),
    /// A header that has another form.
    #[error("the {0} of a member's header is malformed")]
    Header(&'static str),
    /// What fills up a member of an odd size is something else than a newline.
    #[error("a member is not followed by a newline where the next one starts")]
    Padding,
    /// More than [`MEMBERS_MAX`].
    #[error("archive has more than {MEMBERS_MAX} members")]
    TooManyMembers,
}

/// A member, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, without the slash that some writers end it with.
    pub name: Vec<u8>,
    /// Size of the content in bytes.
    pub size: u64,
}

/// Reads an archive, member by member.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    /// What is left of the current member's content.
    left: u64,
    /// Whether a byte fills it up.
    padded: bool,
    members: usize,
}

impl<R: Read> Reader<R> {
    /// Reads the first bytes, which say that it is an archive.
    pub fn new(mut inner: R) -> Result<Self, ArError> {
        let mut magic = [0; MAGIC.len()];
        match fill(&mut inner, &mut magic)? {
            _ if magic == *MAGIC => Ok(Self { inner, left: 0, padded: false, members: 0 }),
            _ => Err(ArError::Magic),
        }
    }

    /// The next member, after passing over what is left of the previous one; none at the end.
    pub fn next_member(&mut self) -> Result<Option<Member>, ArError> {
        self.skip()?;
        let mut header = [0; HEADER_SIZE];
        match fill(&mut self.inner, &mut header)? {
            0 => return Ok(None),
            HEADER_SIZE => {}
            _ => return Err(ArError::Truncated("a header")),
        }
        self.members += 1;
        if self.members > MEMBERS_MAX {
            return Err(ArError::TooManyMembers);
        }
        let member = member(&header)?;
        self.left = member.size;
        self.padded = member.size % 2 == 1;
        Ok(Some(member))
    }

    /// Content of the current member, from where the last reading of it stopped.
    pub fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    fn skip(&mut self) -> Result<(), ArError> {
        let left = self.left;
        let skipped = io::copy(&mut self.content(), &mut io::sink()).map_err(passed_on)?;
        debug_assert_eq!(skipped, left, "content ends early only with an error");
        if std::mem::take(&mut self.padded) {
            let mut padding = [0; 1];
            // At the very end some writers leave it out.
            if fill(&mut self.inner, &mut padding)? == 1 && padding != *b"\n" {
                return Err(ArError::Padding);
            }
        }
        Ok(())
    }
}

/// Content of a member.
#[derive(Debug)]
pub struct Content<'a, R>(&'a mut Reader<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.0.left).unwrap_or(usize::MAX).min(target.len());
        let target = target.get_mut(..wanted).unwrap_or_default();
        let count = self.0.inner.read(target)?;
        if count == 0 && wanted > 0 {
            let error = ArError::Truncated("a member");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
        }
        self.0.left -= count as u64;
        Ok(count)
    }
}

/// An error that [`Content`] made, as it was.
fn passed_on(error: io::Error) -> ArError {
    error.downcast().unwrap_or_else(ArError::Read)
}

/// Reads until `target` is full or the stream ends; says how much it was.
fn fill(inner: &mut impl Read, target: &mut [u8]) -> Result<usize, ArError> {
    let mut filled = 0;
    while let Some(rest) = target.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match inner.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ArError::Read(error)),
        }
    }
    Ok(filled)
}

fn member(header: &[u8; HEADER_SIZE]) -> Result<Member, ArError> {
    let field = |from: usize, to: usize| header.get(from..to).unwrap_or_default();
    if field(58, 60) != b"`\n" {
        return Err(ArError::Header("end"));
    }
    for (name, from, to, radix) in
        [("time", 16, 28, 10), ("owner", 28, 34, 10), ("group", 34, 40, 10), ("mode", 40, 48, 8)]
    {
        number(field(from, to), radix).ok_or(ArError::Header(name))?;
    }
    let size = number(field(48, 58), 10).ok_or(ArError::Header("size"))?;
    let name = field(0, 16).trim_ascii_end();
    let name = name.strip_suffix(b"/").unwrap_or(name);
    let fits = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    // `/` and `//` are the tables, `/N` and `#1/N` are names that are too long for the header.
    if !fits || name.contains(&b'/') {
        return Err(ArError::Header("name"));
    }
    Ok(Member { name: name.to_vec(), size })
}

/// Digits, padded with blanks behind them.
fn number(field: &[u8], radix: u32) -> Option<u64> {
    let digits = std::str::from_utf8(field).ok()?.trim_end_matches(' ');
    let fits = digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| u64::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn header(name: &str, size: &str) -> String {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, "100644")
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = MAGIC.to_vec();
        for (name, content) in members {
            archive.extend_from_slice(header(name, &content.len().to_string()).as_bytes());
            archive.extend_from_slice(content);
            archive.resize(archive.len().next_multiple_of(2), b'\n');
        }
        archive
    }

    fn read(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ArError> {
        let mut reader = Reader::new(archive)?;
        let mut members = Vec::new();
        while let Some(member) = reader.next_member()? {
            let mut content = Vec::new();
            reader.content().read_to_end(&mut content).map_err(passed_on)?;
            members.push((String::from_utf8(member.name).unwrap(), content));
        }
        Ok(members)
    }

    #[test]
    fn members_are_read_whether_or_not_their_content_is() {
        let archive = archive(&[("debian-binary", b"2.0\n"), ("odd/", b"odd"), ("empty", b"")]);
        let expected = [("debian-binary", &b"2.0\n"[..]), ("odd", b"odd"), ("empty", b"")];
        let expected = expected.map(|(name, content)| (name.to_owned(), content.to_vec()));
        assert_eq!(read(&archive).unwrap(), expected);
        let mut reader = Reader::new(&*archive).unwrap();
        let mut names = Vec::new();
        while let Some(member) = reader.next_member().unwrap() {
            let mut one = [0; 1];
            let _count = reader.content().read(&mut one).unwrap();
            names.push(member.name);
        }
        assert_eq!(names, [&b"debian-binary"[..], b"odd", b"empty"]);
    }

    #[test]
    fn what_ar_writes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("one", "1"), ("fifteen-letters", "22")] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let mut ar = Command::new("ar");
        ar.current_dir(folder.path()).args(["rcS", "x.a", "one", "fifteen-letters"]);
        if !ar.status().is_ok_and(|status| status.success()) {
            return println!("skipped: no `ar` here");
        }
        let archive = std::fs::read(folder.path().join("x.a")).unwrap();
        let expected = [("one", "1"), ("fifteen-letters", "22")];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        assert_eq!(read(&archive).unwrap(), expected);
    }

    #[test]
    fn what_is_not_an_archive_says_why() {
        let with =
            |header: String, rest: &str| [MAGIC, header.as_bytes(), rest.as_bytes()].concat();
        let changed = |at: usize, byte: u8| {
            let mut bytes = archive(&[("a", b"x")]);
            bytes[at] = byte;
            bytes
        };
        let many = archive(&vec![("a", &b""[..]); MEMBERS_MAX + 1]);
        for (archive, expected) in [
            (b"!<arch>".to_vec(), "not an ar archive"),
            (b"!<thin>\n".to_vec(), "not an ar archive"),
            (Vec::new(), "not an ar archive"),
            (with(header("a", "1"), ""), "archive is truncated: it ends within a member"),
            (with(header("a", "4294967296"), "x"), "archive is truncated: it ends within a member"),
            (with("a".into(), ""), "archive is truncated: it ends within a header"),
            (with(header("a", "1"), "xy"), "a member is not followed by a newline where"),
            (with(header("a", "-1"), "x"), "the size of a member's header is malformed"),
            (with(header("a", "+1"), "x"), "the size of a member's header is malformed"),
            (with(header("a", " 1"), "x"), "the size of a member's header is malformed"),
            (with(header("a", ""), ""), "the size of a member's header is malformed"),
            (with(header("/", "0"), ""), "the name of a member's header is malformed"),
            (with(header("//", "0"), ""), "the name of a member's header is malformed"),
            (with(header("#1/20", "0"), ""), "the name of a member's header is malformed"),
            (with(header("a/b", "0"), ""), "the name of a member's header is malformed"),
            (with(header("", "0"), ""), "the name of a member's header is malformed"),
            (with(header("a\x1bb", "0"), ""), "the name of a member's header is malformed"),
            (changed(8 + 40, b'9'), "the mode of a member's header is malformed"),
            (changed(8 + 16, b'x'), "the time of a member's header is malformed"),
            (changed(8 + 58, b'x'), "the end of a member's header is malformed"),
            (many, "archive has more than 64 members"),
        ] {
            let error = read(&archive).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}, not {expected}");
        }
        assert_eq!(read(&with(header("a", "1"), "x")).unwrap().len(), 1, "nothing behind the last");
    }

    proptest! {
        #[test]
        fn bad_input_never_panics(bytes: Vec<u8>, at in 0..140_usize, cut in 0..200_usize) {
            drop(read(&[&MAGIC[..], &bytes].concat()));
            let mut archive = archive(&[("debian-binary", b"2.0\n"), ("odd", b"odd")]);
            let at = at.min(archive.len());
            let end = (at + bytes.len()).min(archive.len());
            archive.splice(at..end, bytes);
            archive.truncate(cut);
            drop(read(&archive));
        }
    }
}
