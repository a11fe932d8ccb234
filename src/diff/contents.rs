//! The second pass: contents of the files that differ, and of no others.
//!
//! What is held is bounded. A file over the bounds is held as the digests of its blocks, which tell
//! where it differs. Which files those are depends on sizes and paths only, so that two runs give
//! the same.

use super::content::{self, BytesDifference, ContentDifference, secret};
use super::layers::{Views, at_once, describe, describe_layer, open};
use super::node::Aspect;
use super::view::View;
use super::{DiffError, FileDifference, Input, Options};
use crate::archive::tar::{Kind, Limits, Reader};
use crate::oci::{Digest, Hasher};
use crate::store::rooted::Root;
use crate::store::{Image, Layer, Location, Node, NodeKind};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

/// Blocks of files that are not held.
const BLOCK_SIZE: usize = 64 << 10;

/// Reads of a layer are as large as pays off.
const BUFFER_SIZE: usize = 256 << 10;

/// How a content is to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Blocks,
}

/// A content as it is held.
#[derive(Debug)]
enum Held {
    Whole(Vec<u8>),
    Blocks(Vec<Digest>),
}

impl Held {
    /// The digests of the blocks: what both sides can give, where only one is held whole.
    fn blocks(&self) -> Cow<'_, [Digest]> {
        match self {
            Self::Whole(content) => content.chunks(BLOCK_SIZE).map(Digest::of).collect(),
            Self::Blocks(blocks) => Cow::Borrowed(blocks),
        }
    }
}

/// Contents that one side has to give: by digest, with the paths where they may be.
#[derive(Debug, Default)]
struct Wanted<'a> {
    forms: BTreeMap<Digest, (u64, Form)>,
    paths: BTreeMap<&'a [u8], BTreeSet<Digest>>,
    layers: BTreeSet<usize>,
}

/// Compares the contents of the files whose contents differ.
pub(super) fn compare(
    files: &mut [FileDifference],
    views: &Views,
    inputs: [Input<'_>; 2],
    options: &Options,
) -> Result<(), DiffError> {
    if !files.iter().any(|file| file.aspects.contains(&Aspect::Content)) {
        return Ok(());
    }
    let (left, right) = wanted(files, views, options);
    let [left_input, right_input] = inputs;
    let (left, right) = at_once(
        || fetch(left_input, &left),
        || fetch(right_input, &right),
        || describe(left_input),
    )?;
    let differing = files.iter_mut().filter(|file| file.aspects.contains(&Aspect::Content));
    for (index, file) in differing.enumerate() {
        let Some((left_file, right_file)) = both_files(file) else { continue };
        let sides = ((left_file, left.get(&left_file.0)), (right_file, right.get(&right_file.0)));
        file.content = Some(if index < options.files_max {
            compare_held(&file.path, sides, options)
        } else {
            let reason = format!("more than {} files differ", options.files_max);
            by_size(sides, reason)
        });
    }
    Ok(())
}

type FileNode = (Digest, u64);
type HeldFile<'a> = (FileNode, Option<&'a Held>);

fn file(node: Option<&Node>) -> Option<FileNode> {
    match node?.kind {
        NodeKind::File { digest, size } => Some((digest, size)),
        _ => None,
    }
}

fn both_files(difference: &FileDifference) -> Option<(FileNode, FileNode)> {
    Some((file(difference.left.as_ref())?, file(difference.right.as_ref())?))
}

fn compare_held(
    path: &[u8],
    sides: (HeldFile<'_>, HeldFile<'_>),
    options: &Options,
) -> ContentDifference {
    let (left, right) = sides;
    let mut difference = match (left.1, right.1) {
        (Some(Held::Whole(left)), Some(Held::Whole(right))) => {
            return content::compare(path, left, right, &options.limits);
        }
        (Some(left_held), Some(right_held)) => {
            let (left_blocks, right_blocks) = (left_held.blocks(), right_held.blocks());
            let (left, right) = ((left.0.1, &left_blocks[..]), (right.0.1, &right_blocks[..]));
            let bytes = BytesDifference::of_blocks(left, right, BLOCK_SIZE as u64);
            let reason = "too large to be compared byte by byte".to_owned();
            ContentDifference {
                format: "bytes",
                bytes: Some(bytes),
                incomplete: Some(reason),
                ..ContentDifference::default()
            }
        }
        _ => by_size(sides, "its content was not found in the layers".to_owned()),
    };
    if secret::is_secret(path, b"") {
        difference.format = "secret";
    }
    difference
}

fn by_size((left, right): (HeldFile<'_>, HeldFile<'_>), reason: String) -> ContentDifference {
    let bytes = BytesDifference {
        left_size: left.0.1,
        right_size: right.0.1,
        block_size: 1,
        ..BytesDifference::default()
    };
    ContentDifference {
        format: "bytes",
        bytes: Some(bytes),
        incomplete: Some(reason),
        ..ContentDifference::default()
    }
}

/// What each side has to give.
fn wanted<'a>(
    files: &'a [FileDifference],
    views: &'a Views,
    options: &Options,
) -> (Wanted<'a>, Wanted<'a>) {
    let (mut left, mut right) = (Wanted::default(), Wanted::default());
    let (mut left_held, mut right_held) = (0_u64, 0_u64);
    let differing = files.iter().filter(|file| file.aspects.contains(&Aspect::Content));
    for difference in differing.take(options.files_max) {
        let Some((left_file, right_file)) = both_files(difference) else { continue };
        let (left_size, right_size) = (left_file.1, right_file.1);
        let fits = left_size.max(right_size) <= options.file_size_max
            && left_held.saturating_add(left_size) <= options.held_size_max
            && right_held.saturating_add(right_size) <= options.held_size_max;
        let form = if fits { Form::Whole } else { Form::Blocks };
        if fits {
            left_held += left_size;
            right_held += right_size;
        }
        left.add(&difference.path, difference.left.as_ref(), left_file, form);
        right.add(&difference.path, difference.right.as_ref(), right_file, form);
    }
    left.add_links(&views.left);
    right.add_links(&views.right);
    (left, right)
}

impl<'a> Wanted<'a> {
    fn add(&mut self, path: &'a [u8], node: Option<&Node>, (digest, size): FileNode, form: Form) {
        // One content may be wanted for two paths, in both forms: the whole serves the other, too.
        let entry = self.forms.entry(digest).or_insert((size, form));
        if form == Form::Whole {
            entry.1 = form;
        }
        self.paths.entry(path).or_default().insert(digest);
        self.layers.extend(node.map(|node| node.layer));
    }

    /// A file with several names has its content at any one of them in the archive.
    fn add_links(&mut self, view: &'a View) {
        let mut of_first: BTreeMap<&'a [u8], BTreeSet<Digest>> = BTreeMap::new();
        for (path, digests) in &self.paths {
            let first = view.get(path).and_then(|node| node.hardlink.as_deref()).unwrap_or(path);
            of_first.entry(first).or_default().extend(digests);
        }
        for (path, node) in view.nodes() {
            let first = node.hardlink.as_deref().unwrap_or(path);
            if let Some(digests) = of_first.get(first) {
                self.paths.entry(path).or_default().extend(digests);
            }
        }
    }
}

fn fetch(input: Input<'_>, wanted: &Wanted<'_>) -> Result<BTreeMap<Digest, Held>, DiffError> {
    match input {
        Input::Image(image) => fetch_from_layers(image, wanted),
        Input::Directory(path) => fetch_from_directory(path, wanted)
            .map_err(|source| DiffError::Read { of: describe(input), source }),
    }
}

fn fetch_from_directory(
    directory: &Path,
    wanted: &Wanted<'_>,
) -> io::Result<BTreeMap<Digest, Held>> {
    let root = Root::open(directory)?;
    let mut found = BTreeMap::new();
    for (path, digests) in &wanted.paths {
        let missing = digests.iter().any(|digest| !found.contains_key(digest));
        if missing && root.exists_no_follow(path)? {
            take(&mut root.open_file_strict(path)?, digests, wanted, &mut found)?;
        }
    }
    Ok(found)
}

/// The layers that the files are from first; a hard link may be to a file of another one.
fn fetch_from_layers(
    image: &Image,
    wanted: &Wanted<'_>,
) -> Result<BTreeMap<Digest, Held>, DiffError> {
    let mut found = BTreeMap::new();
    let others = (0..image.layers.len()).rev().filter(|index| !wanted.layers.contains(index));
    for index in wanted.layers.iter().copied().chain(others) {
        let Some(layer) = image.layers.get(index) else { continue };
        if wanted.forms.len() > found.len() {
            let failed = |source| DiffError::Read { of: describe_layer(image, index), source };
            let archive = match reopen(layer).map_err(failed)? {
                Some(archive) => archive,
                None => open(image, index, layer)?,
            };
            fetch_from_archive(archive, wanted, &mut found).map_err(failed)?;
        }
    }
    Ok(found)
}

/// An uncompressed layer without verification of the whole, which the first pass did: what is taken
/// of it is verified by its own digest, so hashing all of it again would tell nothing.
fn reopen(layer: &Layer) -> io::Result<Option<Box<dyn Read + Send>>> {
    if layer.descriptor.digest != layer.diff_id {
        return Ok(None);
    }
    let (path, offset) = match &layer.location {
        Location::File(path) => (path, 0),
        Location::Within { path, offset } => (path, *offset),
    };
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let archive = file.take(layer.descriptor.size);
    Ok(Some(Box::new(BufReader::with_capacity(BUFFER_SIZE, archive))))
}

/// Stops as soon as everything was found.
fn fetch_from_archive(
    archive: impl Read,
    wanted: &Wanted<'_>,
    found: &mut BTreeMap<Digest, Held>,
) -> io::Result<()> {
    let mut reader = Reader::new(archive, Limits::default());
    while wanted.forms.len() > found.len()
        && let Some(entry) = reader.next_entry()?
    {
        if entry.kind != Kind::File {
            continue;
        }
        let Some(digests) = wanted.paths.get(&entry.path[..]) else { continue };
        let may_be = |digest: &&Digest| {
            !found.contains_key(*digest)
                && wanted.forms.get(*digest).is_some_and(|(size, _)| *size == entry.size)
        };
        if digests.iter().any(|digest| may_be(&digest)) {
            take(&mut reader.body(), digests, wanted, found)?;
        }
    }
    Ok(())
}

/// Reads a content, and keeps it if it is one of `digests`.
fn take(
    content: &mut impl Read,
    digests: &BTreeSet<Digest>,
    wanted: &Wanted<'_>,
    found: &mut BTreeMap<Digest, Held>,
) -> io::Result<()> {
    let is_whole = digests
        .iter()
        .any(|digest| wanted.forms.get(digest).is_some_and(|(_, form)| *form == Form::Whole));
    let size_max =
        digests.iter().filter_map(|digest| wanted.forms.get(digest)).map(|form| form.0).max();
    let mut content = content.take(size_max.unwrap_or_default());
    let mut hasher = Hasher::new();
    let mut blocks = Vec::new();
    let mut whole = Vec::new();
    let mut block = Vec::new();
    loop {
        block.clear();
        (&mut content).take(BLOCK_SIZE as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            break;
        }
        hasher.update(&block);
        if is_whole {
            whole.extend_from_slice(&block);
        } else {
            blocks.push(Digest::of(&block));
        }
    }
    let (digest, _) = hasher.finish();
    if digests.contains(&digest) {
        found.insert(digest, if is_whole { Held::Whole(whole) } else { Held::Blocks(blocks) });
    }
    Ok(())
}
