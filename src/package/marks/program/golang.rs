//! The modules that a Go program was built from, which the linker writes into it:
//! <https://pkg.go.dev/debug/buildinfo>, <https://pkg.go.dev/runtime/debug#BuildInfo>.
//!
//! ```text
//! 0  "\xff Go buildinf:"    14 size of a pointer    15 flags: 1 big endian, 2 strings follow
//! 16 addresses of two strings (before Go 1.18), or
//! 32 length and bytes of each: the version of Go, and the modules
//! ```

use super::super::super::Package;
use super::super::{MarkError, package};
use super::elf::{Elf, number};

const SECTION: &[u8] = b".go.buildinfo";
const MAGIC: &[u8] = b"\xff Go buildinf:";
const HEADER_SIZE: usize = 32;
const BIG_ENDIAN: u8 = 1;
const INLINE: u8 = 2;

/// Bytes of the list of modules.
const MODULES_MAX: u64 = 8 << 20;

/// Bytes of a version of Go.
const VERSION_MAX: u64 = 1 << 10;

/// What a program without sections is searched for it, in bytes, and which addresses it may have.
const SEARCHED_MAX: u64 = 4 << 20;
const ALIGNMENT: u64 = 16;

/// The list stands between two marks of this size, which debuggers look for.
const SENTINEL_SIZE: usize = 16;

/// The version of what is built from a directory.
const UNVERSIONED: &str = "(devel)";

/// The modules; none where the program is not Go's.
pub(super) fn packages(program: &mut Elf) -> Result<Vec<Package>, MarkError> {
    let Some(start) = offset(program)? else { return Ok(Vec::new()) };
    let header = program.bytes(start, HEADER_SIZE as u64)?;
    if !header.starts_with(MAGIC) || header.len() < HEADER_SIZE {
        return Err(MarkError::malformed("its list of Go modules is truncated"));
    }
    let flags = header.get(15).copied().unwrap_or_default();
    let (version, modules) = if flags & INLINE != 0 {
        let start = start + HEADER_SIZE as u64;
        let (version, next) = inline(program, start, VERSION_MAX)?;
        (version, inline(program, next, MODULES_MAX)?.0)
    } else {
        pointed(program, &header, flags)?
    };
    list(&version, &modules)
}

/// Where the list's header is in the file.
fn offset(program: &mut Elf) -> Result<Option<u64>, MarkError> {
    if let Some(section) = program.section(SECTION) {
        return Ok(Some(section.offset));
    }
    if !program.sections.is_empty() {
        return Ok(None);
    }
    let Some(data) = program.segments()?.into_iter().find(|segment| segment.is_data) else {
        return Ok(None);
    };
    let bytes = program.bytes(data.offset, data.size.min(SEARCHED_MAX))?;
    let aligned = data.address.wrapping_neg() % ALIGNMENT;
    let start = usize::try_from(aligned).unwrap_or_default();
    let mut chunks = bytes.get(start..).unwrap_or_default().chunks(16);
    let found = (0_u64..).zip(&mut chunks).find(|(_, chunk)| chunk.starts_with(MAGIC));
    Ok(found.map(|(index, _)| data.offset + aligned + index * ALIGNMENT))
}

/// A string with its length before it, and where the next one starts.
fn inline(program: &mut Elf, start: u64, size_max: u64) -> Result<(Vec<u8>, u64), MarkError> {
    let head = program.bytes(start, 10)?;
    let malformed = || MarkError::malformed("its list of Go modules is truncated");
    let (length, size) = varint(&head).ok_or_else(malformed)?;
    if length > size_max {
        return Err(MarkError::malformed("its list of Go modules is too long"));
    }
    let text = program.bytes(start + size, length)?;
    if text.len() as u64 == length { Ok((text, start + size + length)) } else { Err(malformed()) }
}

/// A number in groups of seven bits, the lowest first, and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut value = 0_u64;
    for (index, byte) in (0_u32..).zip(bytes) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index)?;
        if byte & 0x80 == 0 {
            return Some((value, u64::from(index) + 1));
        }
    }
    None
}

/// The strings whose addresses the header has: each is the address of address and length.
fn pointed(program: &mut Elf, header: &[u8], flags: u8) -> Result<(Vec<u8>, Vec<u8>), MarkError> {
    let size = usize::from(header.get(14).copied().unwrap_or_default());
    if size != 4 && size != 8 {
        return Err(MarkError::malformed("its list of Go modules has pointers of an odd size"));
    }
    let is_little = flags & BIG_ENDIAN == 0;
    let mut string = |offset: usize, size_max: u64| -> Result<Vec<u8>, MarkError> {
        let read =
            |bytes: &[u8], offset| number(bytes, offset, size, is_little).unwrap_or_default();
        let pair = program.bytes_at(read(header, offset), 2 * size as u64)?;
        let length = read(&pair, size);
        if length > size_max {
            return Err(MarkError::malformed("its list of Go modules is too long"));
        }
        if length == 0 { Ok(Vec::new()) } else { program.bytes_at(read(&pair, 0), length) }
    };
    Ok((string(16, VERSION_MAX)?, string(16 + size, MODULES_MAX)?))
}

fn list(version: &[u8], modules: &[u8]) -> Result<Vec<Package>, MarkError> {
    let version = String::from_utf8_lossy(version);
    let mut packages = Vec::new();
    // `go1.22.3 X:boringcrypto`; what was built from a checkout of Go has no number.
    let number = version.split(' ').next().and_then(|word| word.strip_prefix("go"));
    if let Some(number) = number.filter(|number| !number.is_empty()) {
        packages.push(package("golang", "stdlib", number)?);
    }
    let end = modules.len().checked_sub(SENTINEL_SIZE);
    let text = end.and_then(|end| modules.get(SENTINEL_SIZE..end)).unwrap_or_default();
    let text = std::str::from_utf8(text)
        .map_err(|_| MarkError::malformed("its list of Go modules is not UTF-8"))?;
    let mut modules: Vec<(&str, &str)> = Vec::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let kind = fields.next().unwrap_or_default();
        let module = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        match kind {
            "mod" | "dep" => modules.push(module),
            // Another module in the place of the one before.
            "=>" => {
                modules.pop();
                modules.push(module);
            }
            _ => {}
        }
    }
    // What comes from a directory has no version: it is what is built, not what it is built from.
    modules.retain(|(_, version)| !matches!(*version, "" | UNVERSIONED));
    for (name, version) in modules {
        packages.push(package("golang", name, version)?);
    }
    Ok(packages)
}
