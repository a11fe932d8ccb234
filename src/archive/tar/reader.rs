//! The strict reader.

use super::body::{Body, Content};
use super::header::Raw;
use super::input::Input;
use super::pax::{self, Extended};
use super::sparse::{self, Map, MapLines, Place, Segment};
use super::{BLOCK, Entry, Kind, Limits, OWNER_MAX, Problem, TIME_MAX, TIME_MIN, TarError};
use super::{Timestamp, path};
use std::io::{self, Read};

/// Reads a tar archive, entry by entry. `inner` needs no buffer of its own.
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    limits: Limits,
    state: State,
    entries: u64,
    /// Bytes of all bodies so far, holes included.
    expanded: u64,
    /// What is left of the current body.
    content: Content,
    /// For messages: where the current entry starts, and its path as far as it is known.
    entry_offset: u64,
    entry_path: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Broken,
}

/// What headers before an entry say about it.
#[derive(Debug, Default)]
struct Extensions {
    pax: Option<Extended>,
    gnu_path: Option<Vec<u8>>,
    gnu_link: Option<Vec<u8>>,
}

impl Extensions {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.gnu_path.is_none() && self.gnu_link.is_none()
    }
}

impl<R: Read> Reader<R> {
    /// Reads the archive `inner`.
    pub fn new(inner: R, limits: Limits) -> Self {
        Self {
            input: Input::new(inner, limits.size_max),
            limits,
            state: State::Open,
            entries: 0,
            expanded: 0,
            content: Content::default(),
            entry_offset: 0,
            entry_path: None,
        }
    }

    /// The next entry, after passing over what is left of the previous body. `None` says that the
    /// archive ended as it should, with nothing but zeros up to the end of the stream, which was
    /// read.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        match self.state {
            State::Ended => return Ok(None),
            State::Broken => return Err(self.error(Problem::Broken)),
            State::Open => {}
        }
        let result = self.advance();
        match &result {
            Ok(Some(_)) => {}
            Ok(None) => self.state = State::Ended,
            Err(_) => self.state = State::Broken,
        }
        result.map_err(|problem| self.error(problem))
    }

    /// Body of the current entry, from where the last reading of it stopped. Its
    /// [`fill_buf`](std::io::BufRead::fill_buf) hands out slices of the reader's buffer, so nothing is copied.
    pub fn body(&mut self) -> Body<'_, R> {
        Body::new(self)
    }

    /// Gives the rest of the current body to `sink`, in large slices, and says how much it was.
    pub fn copy_body(
        &mut self,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, TarError> {
        let mut total = 0;
        loop {
            let result = self.content.chunk(&mut self.input).and_then(|chunk| {
                sink(chunk).map_err(Problem::Write)?;
                Ok(chunk.len())
            });
            let count = result.map_err(|problem| self.fail(problem))?;
            if count == 0 {
                return Ok(total);
            }
            self.content.consume(&mut self.input, count);
            total += count as u64;
        }
    }

    /// Offset and length, in the archive, of what was not read of the current body yet: for who
    /// comes back to it later. Nothing for sparse files, whose bodies are in pieces.
    pub fn body_range(&self) -> Option<(u64, u64)> {
        Some((self.input.offset(), self.content.stored()?))
    }

    /// Passes over what is left, checks that the archive ends as it should, and gives back the
    /// stream, which is at its end.
    pub fn finish(mut self) -> Result<R, TarError> {
        while self.next_entry()?.is_some() {}
        Ok(self.input.into_inner())
    }

    pub(super) fn parts(&mut self) -> (&mut Content, &mut Input<R>) {
        (&mut self.content, &mut self.input)
    }

    fn error(&self, problem: Problem) -> TarError {
        TarError::new(self.entry_path.as_deref(), self.entry_offset, problem)
    }

    pub(super) fn fail(&mut self, problem: Problem) -> TarError {
        self.state = State::Broken;
        self.error(problem)
    }

    fn advance(&mut self) -> Result<Option<Entry>, Problem> {
        self.content.skip(&mut self.input)?;
        self.entry_path = None;
        self.entry_offset = self.input.offset();
        let mut extensions = Extensions::default();
        loop {
            let block = self.input.block("a header")?.ok_or(Problem::Truncated("its entries"))?;
            if block == [0; BLOCK] {
                if !extensions.is_empty() {
                    return Err(Problem::Extension("extended header without an entry"));
                }
                self.check_end()?;
                return Ok(None);
            }
            self.count_entry()?;
            let raw = Raw::parse(&block)?;
            match raw.type_flag {
                b'x' | b'g' | b'L' | b'K' => self.extend(&raw, &mut extensions)?,
                _ => return self.entry(raw, extensions).map(Some),
            }
        }
    }

    fn count_entry(&mut self) -> Result<(), Problem> {
        self.entries += 1;
        if self.entries > self.limits.entries_max {
            return Err(Problem::Limit { what: "number of entries", max: self.limits.entries_max });
        }
        Ok(())
    }

    /// The first zero block is read; the second has to follow, and then only zeros.
    fn check_end(&mut self) -> Result<(), Problem> {
        let within = "its end, which is two zero blocks";
        let block = self.input.block(within)?.ok_or(Problem::Truncated(within))?;
        if block != [0; BLOCK] {
            return Err(Problem::LoneZeroBlock);
        }
        loop {
            self.entry_offset = self.input.offset();
            let rest = self.input.fill()?;
            if rest.is_empty() {
                return Ok(());
            }
            if rest.iter().any(|byte| *byte != 0) {
                return Err(Problem::DataAfterEnd);
            }
            let count = rest.len();
            self.input.consume(count);
        }
    }

    /// Reads a header that says something about the next entry, or about nothing that matters.
    fn extend(&mut self, raw: &Raw, extensions: &mut Extensions) -> Result<(), Problem> {
        let size = unsigned("size", raw.size)?;
        if size > self.limits.pax_max {
            return Err(Problem::Limit {
                what: "extended header in bytes",
                max: self.limits.pax_max,
            });
        }
        let bytes = self.input.take(size, "an extended header")?;
        match raw.type_flag {
            b'g' => {
                // Between an extended header and its entry, readers drop one or the other.
                if !extensions.is_empty() {
                    return Err(Problem::Extension("extended header without an entry"));
                }
                let overridden = pax::global_override(&bytes).map_err(Problem::Pax)?;
                overridden.map_or(Ok(()), |key| Err(Problem::Global(key)))
            }
            b'x' => {
                let pax = Extended::parse(&bytes).map_err(Problem::Pax)?;
                once(&mut extensions.pax, pax)
            }
            b'L' => once(&mut extensions.gnu_path, gnu_text(&bytes)?),
            _ => once(&mut extensions.gnu_link, gnu_text(&bytes)?),
        }
    }

    /// Puts an entry together from its header and what came before.
    fn entry(&mut self, raw: Raw, extensions: Extensions) -> Result<Entry, Problem> {
        let pax = extensions.pax.unwrap_or_default();
        let raw_path = one_of(pax.sparse.name.clone().or(pax.path), extensions.gnu_path)?;
        let raw_path = raw_path.unwrap_or_else(|| raw.path.clone());
        self.entry_path = Some(raw_path.clone());
        let raw_link = one_of(pax.link, extensions.gnu_link)?.unwrap_or_else(|| raw.link.clone());
        let kind = raw.kind(path::names_directory(&raw_path))?;
        let stored = unsigned("size", pax.size.unwrap_or(raw.size))?;
        let path = self.path(&raw_path, kind)?;
        let link = self.link(&raw_link, kind, &path)?;
        let mtime = pax.mtime.unwrap_or(Timestamp { seconds: raw.mtime, nanoseconds: 0 });
        if !(TIME_MIN..=TIME_MAX).contains(&mtime.seconds) {
            return Err(Problem::Range { field: "mtime", value: mtime.seconds });
        }
        Ok(Entry {
            path,
            kind,
            mode: mode(raw.mode)?,
            uid: owner("uid", pax.uid.unwrap_or(raw.uid))?,
            gid: owner("gid", pax.gid.unwrap_or(raw.gid))?,
            mtime,
            size: self.start_body(&raw, kind, stored, pax.sparse)?,
            link,
            xattrs: pax.xattrs,
            user_name: pax.user_name.unwrap_or(raw.user_name),
            group_name: pax.group_name.unwrap_or(raw.group_name),
        })
    }

    fn path(&self, raw: &[u8], kind: Kind) -> Result<Vec<u8>, Problem> {
        let clean = path::clean_path(raw, self.limits.path_max).map_err(Problem::Path)?;
        if kind == Kind::Directory {
            return Ok(clean);
        }
        if clean.is_empty() {
            return Err(Problem::Root(kind.word()));
        }
        if path::names_directory(raw) {
            return Err(Problem::TrailingSlash(kind.word()));
        }
        Ok(clean)
    }

    fn link(&self, raw: &[u8], kind: Kind, path: &[u8]) -> Result<Vec<u8>, Problem> {
        match kind {
            Kind::Symlink => {
                path::check(raw, self.limits.path_max).map_err(Problem::Link)?;
                Ok(raw.to_vec())
            }
            Kind::Hardlink => {
                let target =
                    path::clean_target(raw, self.limits.path_max).map_err(Problem::Link)?;
                if target.is_empty() {
                    return Err(Problem::Link(super::PathProblem::Empty));
                }
                if target == path {
                    return Err(Problem::SelfLink);
                }
                Ok(target)
            }
            // Some writers leave garbage here, and no reader looks.
            _ => Ok(Vec::new()),
        }
    }

    /// Prepares the body of `stored` bytes for reading, and says how large the file is.
    fn start_body(
        &mut self,
        raw: &Raw,
        kind: Kind,
        stored: u64,
        records: sparse::Records,
    ) -> Result<u64, Problem> {
        if kind != Kind::File {
            if stored != 0 {
                return Err(Problem::UnexpectedBody { kind: kind.word(), size: stored });
            }
            if records != sparse::Records::default() {
                return Err(Problem::Sparse("is not a file"));
            }
            return Ok(0);
        }
        let (size, segments) = self.plan_body(raw, stored, records)?;
        self.content.start(segments, stored);
        self.expanded = self.expanded.saturating_add(size);
        if self.expanded > self.limits.size_max {
            return Err(Problem::Limit {
                what: "size of all files in bytes",
                max: self.limits.size_max,
            });
        }
        Ok(size)
    }

    fn plan_body(
        &mut self,
        raw: &Raw,
        stored: u64,
        records: sparse::Records,
    ) -> Result<(u64, Vec<Segment>), Problem> {
        let real_size = records.size();
        let place = records.place()?;
        if raw.type_flag == b'S' {
            if place != Place::NotSparse {
                return Err(Problem::Sparse("has two maps"));
            }
            let size = unsigned("realsize", raw.sparse.as_ref().map_or(-1, |sparse| sparse.size))?;
            let map = self.old_map(raw)?;
            return Ok((size, sparse::segments(&map, size, stored)?));
        }
        let (map, taken) = match place {
            Place::NotSparse => return Ok((stored, vec![Segment::Data(stored)])),
            Place::Header(map) => (map, 0),
            Place::Body => self.map_lines(stored)?,
        };
        let size = unsigned("GNU.sparse.realsize", real_size.unwrap_or(-1))?;
        Ok((size, sparse::segments(&map, size, stored - taken)?))
    }

    /// Format 1.0: the first blocks of the body.
    fn map_lines(&mut self, stored: u64) -> Result<(Map, u64), Problem> {
        let mut lines = MapLines::default();
        let mut left = stored;
        loop {
            left = left
                .checked_sub(BLOCK as u64)
                .ok_or(Problem::Sparse("has a map longer than its body"))?;
            let block =
                self.input.block("a sparse map")?.ok_or(Problem::Truncated("a sparse map"))?;
            if lines.push(&block, self.limits.pax_max)? {
                return lines.finish();
            }
        }
    }

    /// Old GNU format: four pairs in the header, and 21 in each block that follows it.
    fn old_map(&mut self, raw: &Raw) -> Result<Map, Problem> {
        let Some(sparse) = &raw.sparse else {
            return Err(Problem::Sparse("has an unknown format"));
        };
        let mut map = Map::new();
        sparse::push_fields(&mut map, &sparse.fields)?;
        let (mut is_extended, mut bytes) = (sparse.is_extended, 0);
        while is_extended {
            bytes += BLOCK as u64;
            if bytes > self.limits.pax_max {
                return Err(Problem::Limit {
                    what: "sparse map in bytes",
                    max: self.limits.pax_max,
                });
            }
            let block =
                self.input.block("a sparse map")?.ok_or(Problem::Truncated("a sparse map"))?;
            sparse::push_fields(&mut map, block.get(..504).unwrap_or_default())?;
            is_extended = block.get(504) != Some(&0);
        }
        Ok(map)
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Problem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Problem::Extension("two extended headers for one entry")),
    }
}

/// Path or link of a PAX record or of a GNU header, which no writer gives both.
fn one_of(pax: Option<Vec<u8>>, gnu: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Problem> {
    match (pax, gnu) {
        (Some(_), Some(_)) => Err(Problem::Extension("path in both a PAX and a GNU header")),
        (pax, gnu) => Ok(pax.or(gnu)),
    }
}

/// Text of a GNU header: NUL ends it, and nothing may hide behind.
fn gnu_text(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let text = super::number::until_nul(bytes);
    if bytes.iter().skip(text.len()).any(|byte| *byte != 0) {
        return Err(Problem::Path(super::PathProblem::Nul));
    }
    Ok(text.to_vec())
}

fn unsigned(field: &'static str, value: i64) -> Result<u64, Problem> {
    u64::try_from(value).map_err(|_| Problem::Range { field, value })
}

fn owner(field: &'static str, value: i64) -> Result<u32, Problem> {
    let owner = u32::try_from(value).ok().filter(|owner| *owner <= OWNER_MAX);
    owner.ok_or(Problem::Range { field, value })
}

/// Permissions. Some writers add the type of the file, as `stat` gives it.
fn mode(value: i64) -> Result<u32, Problem> {
    let mode = u32::try_from(value).ok().filter(|mode| *mode <= 0o177_777);
    mode.map(|mode| mode & 0o7777).ok_or(Problem::Range { field: "mode", value })
}
