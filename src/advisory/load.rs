//! Reads advisory data from disk: files, archives and directories, in parallel. The only file of
//! this module that does.

use super::service::Query;
use super::sources::{self, Format, Parsed};
use super::{AdvisoryError, SourceInfo, Tier};
use crate::archive::compression::{self, Compression, decoder_within};
use crate::archive::zip;
use crate::oci::Digest;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read as _};
use std::path::{Path, PathBuf};

/// Bytes of one file, unpacked: the tracker of Debian has some 60 MB.
const FILE_MAX: u64 = 512 << 20;

/// Bytes of all files of an archive or directory together: all of Debian has some 2 GB.
const TOTAL_MAX: u64 = 8 << 30;

/// Files of an archive or directory.
const FILES_MAX: usize = 2_000_000;

/// Directories inside each other.
const DEPTH_MAX: usize = 16;

/// Files that an error names.
const NAMES_SHOWN: usize = 5;

/// One file's name, its digest, and what it says; none where it is of no known kind.
type Read = (String, Digest, Option<(Format, Parsed)>);

/// Reads what is at a path: one source a kind of data.
pub(super) fn load(path: &Path) -> Result<Vec<(SourceInfo, Parsed)>, AdvisoryError> {
    let (digest, files) = if fs::metadata(path).map_err(cannot_read(path))?.is_dir() {
        directory(path)?
    } else {
        file(path)?
    };
    if files.is_empty() {
        return Err(AdvisoryError::Empty { path: path.to_owned() });
    }
    let mut unknown = Vec::new();
    let mut by_format: BTreeMap<Format, Parsed> = BTreeMap::new();
    for (name, _, read) in files {
        match read {
            Some((format, parsed)) => by_format.entry(format).or_default().append(parsed),
            None => unknown.push(name),
        }
    }
    if !unknown.is_empty() {
        let count = unknown.len();
        unknown.truncate(NAMES_SHOWN);
        return Err(AdvisoryError::Unknown { count, names: unknown });
    }
    let describe = |(format, mut parsed): (Format, Parsed)| {
        let last = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let info =
            info(Tier::Local, &format!("{} {last}", format.name()), path, digest, &mut parsed);
        (info, parsed)
    };
    Ok(by_format.into_iter().map(describe).collect())
}

fn info(tier: Tier, name: &str, path: &Path, digest: Digest, parsed: &mut Parsed) -> SourceInfo {
    SourceInfo {
        tier,
        name: name.chars().filter(|character| !character.is_control()).collect(),
        path: path.to_owned(),
        digest,
        as_of: parsed.as_of,
        records: parsed.records,
        ecosystems: std::mem::take(&mut parsed.ecosystems),
        not_evaluated: parsed.not_evaluated,
    }
}

/// What a service answered, as a source.
pub(super) fn of_service(
    address: &str,
    asked: &[Query],
    records: &[Vec<u8>],
) -> Result<(SourceInfo, Parsed), AdvisoryError> {
    let mut all = Parsed::default();
    let mut digests = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let place = || format!("{address}, record {}", index + 1);
        all.append(sources::parse(Format::Osv, record).map_err(malformed(place()))?);
        digests.push((index.to_string(), Digest::of(record)));
    }
    all.ecosystems = asked.iter().map(|query| query.ecosystem().to_owned()).collect();
    let digest = digest_of(digests.iter().map(|(name, digest)| (&**name, digest)));
    let name = format!("OSV {address}");
    Ok((info(Tier::Service, &name, Path::new(address), digest, &mut all), all))
}

/// What a repository of rpms says of its own packages, as a source.
pub(super) fn of_repository(
    url: &str,
    content: &[u8],
) -> Result<(SourceInfo, Parsed), AdvisoryError> {
    match read(url.to_owned(), content)? {
        (_, digest, Some((Format::Updateinfo, mut parsed))) => {
            let name = format!("updateinfo of {url}");
            Ok((info(Tier::InBand, &name, Path::new(url), digest, &mut parsed), parsed))
        }
        (name, ..) => Err(malformed(name)("it is no updateinfo.xml".to_owned())),
    }
}

/// One file: an archive of files, or data itself, compressed or not.
fn file(path: &Path) -> Result<(Digest, Vec<Read>), AdvisoryError> {
    let content = read_file(path)?;
    let digest = Digest::of(&content);
    if content.starts_with(zip::MAGIC) {
        return Ok((digest, archive(path, &content)?));
    }
    Ok((digest, vec![read(path.display().to_string(), &content)?]))
}

fn read_file(path: &Path) -> Result<Vec<u8>, AdvisoryError> {
    let file = File::open(path).map_err(cannot_read(path))?;
    let mut content = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut content).map_err(cannot_read(path))?;
    if content.len() as u64 > FILE_MAX {
        return Err(too_large(path.display().to_string(), "bytes", FILE_MAX));
    }
    Ok(content)
}

/// Reads one file's content.
fn read(name: String, content: &[u8]) -> Result<Read, AdvisoryError> {
    let digest = Digest::of(content);
    let plain;
    let content = if compression::detect(content) == Compression::None {
        content
    } else {
        plain = unpacked(&name, content)?;
        &plain
    };
    let Some(format) = sources::format(content) else { return Ok((name, digest, None)) };
    let parsed = sources::parse(format, content).map_err(malformed(name.clone()))?;
    Ok((name, digest, Some((format, parsed))))
}

fn unpacked(name: &str, content: &[u8]) -> Result<Vec<u8>, AdvisoryError> {
    let limits = compression::Limits {
        output_max: FILE_MAX,
        ratio_free: 64 << 20,
        ..compression::Limits::default()
    };
    let mut plain = Vec::new();
    let copied = decoder_within(content, &limits)
        .and_then(|(_, mut decoder)| decoder.read_to_end(&mut plain));
    copied.map_err(|error| malformed(name.to_owned())(error.to_string()))?;
    Ok(plain)
}

/// The files of a zip archive that are data. Two of one name are refused: readers take one or the
/// other.
fn archive(path: &Path, content: &[u8]) -> Result<Vec<Read>, AdvisoryError> {
    let at = path.display().to_string();
    let bad = |error: zip::ZipError| malformed(at.clone())(error.to_string());
    let open = || zip::Archive::open(Cursor::new(content), &zip::Limits::default()).map_err(bad);
    let archive = open()?;
    let mut entries: Vec<&zip::Entry> =
        archive.entries().iter().filter(|entry| is_data(&entry.name)).collect();
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    let twice = entries.array_windows().find(|[one, other]| one.name == other.name);
    if let Some([one, _]) = twice {
        let name = String::from_utf8_lossy(&one.name);
        return Err(malformed(at)(format!("`{name}` is in the archive twice")));
    }
    let total = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
    check_totals(&at, entries.len(), total)?;
    // Each thread reads from where it wants to.
    let chunk = entries.len().div_ceil(rayon::current_num_threads()).max(1);
    let chunks: Result<Vec<Vec<Read>>, AdvisoryError> = entries
        .par_chunks(chunk)
        .map(|entries| {
            let mut archive = open()?;
            let read_entry = |entry: &&zip::Entry| {
                let name = format!("{at}: {}", String::from_utf8_lossy(&entry.name));
                read(name, &archive.read(entry, FILE_MAX).map_err(bad)?)
            };
            entries.iter().map(read_entry).collect()
        })
        .collect();
    Ok(chunks?.into_iter().flatten().collect())
}

/// Whether a file of a directory or archive is read, by its name: data is JSON or `updateinfo.xml`,
/// and may be compressed. Others are licences and explanations.
fn is_data(name: &[u8]) -> bool {
    let file = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name).to_ascii_lowercase();
    let is_hidden = name.split(|byte| *byte == b'/').any(|part| part.starts_with(b"."));
    let packed: [&[u8]; 5] = [b".gz", b".xz", b".zst", b".bz2", b""];
    let plain = packed.iter().find_map(|end| file.strip_suffix(*end)).unwrap_or(&file);
    !is_hidden && (plain.ends_with(b".json") || plain.ends_with(b"updateinfo.xml"))
}

/// All files below a directory that are data.
fn directory(path: &Path) -> Result<(Digest, Vec<Read>), AdvisoryError> {
    let mut found = Vec::new();
    collect(path, path, 0, &mut found)?;
    let total = found.iter().fold(0_u64, |sum, (.., size)| sum.saturating_add(*size));
    check_totals(&path.display().to_string(), found.len(), total)?;
    let files: Result<Vec<(String, Read)>, AdvisoryError> = found
        .par_iter()
        .map(|(name, path, _)| {
            Ok((name.clone(), read(path.display().to_string(), &read_file(path)?)?))
        })
        .collect();
    let files = files?;
    let digest = digest_of(files.iter().map(|(name, (_, digest, _))| (&**name, digest)));
    Ok((digest, files.into_iter().map(|(_, read)| read).collect()))
}

/// Of a list of names and digests, as `sha256sum` writes it.
fn digest_of<'a>(files: impl Iterator<Item = (&'a str, &'a Digest)>) -> Digest {
    let mut lines = String::new();
    for (name, digest) in files {
        lines.extend([&digest.hex(), "  ", name, "\n"]);
    }
    Digest::of(lines.as_bytes())
}

/// Name below the root, path and size of each, sorted. Links to directories are not followed.
fn collect(
    root: &Path,
    directory: &Path,
    depth: usize,
    found: &mut Vec<(String, PathBuf, u64)>,
) -> Result<(), AdvisoryError> {
    if depth == DEPTH_MAX {
        return Err(too_large(root.display().to_string(), "nested directories", DEPTH_MAX as u64));
    }
    for path in sorted(directory).map_err(cannot_read(directory))? {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let kind = fs::symlink_metadata(&path).map_err(cannot_read(&path))?;
        let is_hidden = name.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
        if kind.is_dir() && !is_hidden {
            collect(root, &path, depth + 1, found)?;
        } else if is_data(name.as_bytes()) {
            let metadata = fs::metadata(&path).map_err(cannot_read(&path))?;
            if metadata.is_file() {
                found.push((name, path, metadata.len()));
            }
        }
        check_totals(&root.display().to_string(), found.len(), 0)?;
    }
    Ok(())
}

fn sorted(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = directory.read_dir()?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn check_totals(place: &str, files: usize, bytes: u64) -> Result<(), AdvisoryError> {
    if files > FILES_MAX {
        return Err(too_large(place.to_owned(), "files", FILES_MAX as u64));
    }
    if bytes > TOTAL_MAX {
        return Err(too_large(place.to_owned(), "bytes", TOTAL_MAX));
    }
    Ok(())
}

fn cannot_read(path: &Path) -> impl Fn(io::Error) -> AdvisoryError {
    let path = path.to_owned();
    move |source| AdvisoryError::Read { path: path.clone(), source }
}

fn malformed(place: String) -> impl FnOnce(String) -> AdvisoryError {
    move |reason| AdvisoryError::Malformed { place, reason }
}

fn too_large(place: String, what: &'static str, max: u64) -> AdvisoryError {
    AdvisoryError::TooLarge { place, what, max }
}
