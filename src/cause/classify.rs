//! Which cause a difference has: metadata first, then secrets, then what is known of the path, then
//! what the content shows.

use super::blame::Blame;
use super::paths::known_cause;
use crate::diff::content::{
    self, ContentDifference, FieldKind, Limits, Side, Stamps, TextDifference, secret,
};
use crate::diff::{Aspect, FileDifference, ImageDiff};
use crate::normalize::{Action, Rule};
use crate::store::{Node, NodeKind};
use bstr::ByteSlice as _;
use std::collections::BTreeMap;

/// The second day of 1970.
const EPOCH: i64 = 86_400;

/// The cause of each file's difference, in the order of the files.
pub(super) fn causes(diff: &ImageDiff, blame: &Blame) -> Vec<&'static str> {
    let has_drift = has_version_drift(diff);
    let mut causes: Vec<&'static str> =
        diff.files.iter().map(|file| cause(file, blame, has_drift)).collect();
    let by_path: BTreeMap<&[u8], &'static str> =
        diff.files.iter().zip(&causes).map(|(file, cause)| (&file.path[..], *cause)).collect();
    for (file, cause) in diff.files.iter().zip(&mut causes) {
        if *cause == "unknown" && is_one_sided_directory(file) {
            // A directory is there for what is in it.
            let below = [&file.path[..], b"/"].concat();
            let mut inside = by_path
                .range(&below[..]..)
                .take_while(|(path, _)| path.starts_with(&below))
                .map(|(_, cause)| *cause);
            *cause = inside.find(|cause| *cause != "unknown").unwrap_or(*cause);
        }
    }
    causes
}

fn is_one_sided_directory(file: &FileDifference) -> bool {
    let node = file.left.as_ref().xor(file.right.as_ref());
    node.is_some_and(|node| node.kind == NodeKind::Directory)
}

fn cause(file: &FileDifference, blame: &Blame, has_drift: bool) -> &'static str {
    if let Some(cause) = metadata_cause(file) {
        return cause;
    }
    let content = file.content.as_ref();
    if is_secret_file(file) || content.is_some_and(holds_secret) {
        return "secret";
    }
    let known = rule_cause(file)
        .or_else(|| known_cause(&file.path))
        .or_else(|| content.and_then(|content| content_cause(content, blame)))
        .or_else(|| target_cause(file, blame));
    match known {
        // With other versions of packages, their files and the database are other ones, too.
        None | Some("package-database" | "compiled-output" | "pyc-body") if has_drift => {
            "version-drift"
        }
        known => known.unwrap_or("unknown"),
    }
}

/// Whether a file holds a key that all containers of the image would have in common. A password hash
/// with a fresh salt is not reproducible, but opens nothing; nor does the public half of a key.
pub(super) fn is_shared_secret(file: &FileDifference) -> bool {
    is_secret_file(file) || file.content.as_ref().is_some_and(holds_key)
}

fn holds_key(content: &ContentDifference) -> bool {
    content.format == "secret" || content.members.iter().any(|member| holds_key(&member.content))
}

/// Whether a file is a secret by its path.
fn is_secret_file(file: &FileDifference) -> bool {
    let nodes = [&file.left, &file.right].into_iter().flatten();
    let is_file = nodes.into_iter().any(|node| matches!(node.kind, NodeKind::File { .. }));
    is_file && secret::is_secret(&file.path, b"")
}

/// The cause of the normaliser that is for this path, if it would have made both sides equal. It may
/// be switched off, or the image may be of another builder.
fn rule_cause(file: &FileDifference) -> Option<&'static str> {
    let rule = Rule::for_path(&file.path)?;
    let Action::Rewrite(rewrite) = rule.action else { return Some(rule.cause) };
    let text = file.content.as_ref()?.text.as_ref()?;
    let side = |side: Side| {
        let lines = text.hunks.iter().flat_map(|hunk| &hunk.lines);
        let lines =
            lines.filter(|line| line.side == side).map(|line| [&line.text[..], b"\n"].concat());
        let lines = lines.collect::<Vec<_>>().concat();
        // Any epoch does that is earlier than what builds write.
        rewrite(&lines, EPOCH).unwrap_or(lines)
    };
    (side(Side::Left) == side(Side::Right)).then_some(rule.cause)
}

/// For differences that are none of content.
fn metadata_cause(file: &FileDifference) -> Option<&'static str> {
    let is_metadata = |aspect: &Aspect| {
        matches!(
            aspect,
            Aspect::Mode
                | Aspect::Owner
                | Aspect::Mtime
                | Aspect::Xattrs
                | Aspect::Device
                | Aspect::Links
        )
    };
    if !file.aspects.iter().all(is_metadata) {
        return None;
    }
    let only_time = file.aspects.iter().all(|aspect| *aspect == Aspect::Mtime);
    Some(if only_time { "mtime" } else { "metadata" })
}

/// Whether a secret differs here, however deep in an archive.
fn holds_secret(content: &ContentDifference) -> bool {
    content.format == "secret"
        || content.text.as_ref().is_some_and(|text| text.has_password_hash)
        || content.members.iter().any(|member| holds_secret(&member.content))
}

/// What the content tells.
fn content_cause(content: &ContentDifference, blame: &Blame) -> Option<&'static str> {
    match content.format {
        "pyc" if content.bytes.is_none() && has_stamps_only(content) => Some("pyc-mtime"),
        "pyc" => Some("pyc-body"),
        "elf" | "class" => Some("compiled-output"),
        "sqlite" => Some("app-state"),
        _ => match &content.text {
            Some(text) => text_cause(text, blame),
            None => archive_cause(content, blame),
        },
    }
}

fn has_stamps_only(content: &ContentDifference) -> bool {
    content.fields.iter().all(|field| field.kind == FieldKind::Stamp)
}

fn text_cause(text: &TextDifference, blame: &Blame) -> Option<&'static str> {
    if text.is_reordered {
        return Some("order");
    }
    match text.stamps {
        Some(Stamps::Days) => Some("day-stamp"),
        Some(Stamps::Times | Stamps::TimesAndIds) => Some("date-in-content"),
        Some(Stamps::Ids) => Some("random-id"),
        None => shows_surroundings(text, blame).then_some("environment"),
    }
}

/// Whether the lines of each hunk are equal with the values of the left surroundings replaced by
/// those of the right.
fn shows_surroundings(text: &TextDifference, blame: &Blame) -> bool {
    let translate = |line: &[u8]| {
        let pairs = blame.surroundings().iter();
        pairs.fold(line.to_vec(), |line, (left, right)| replace_words(&line, left, right))
    };
    let is_complete = text.hunks_omitted == 0
        && text.hunks.iter().all(|hunk| hunk.lines_omitted == 0)
        && text.hunks.iter().flat_map(|hunk| &hunk.lines).all(|line| !line.is_cut);
    let side = |side: Side| {
        let lines = text.hunks.iter().flat_map(|hunk| &hunk.lines);
        lines.filter(move |line| line.side == side).map(|line| &line.text)
    };
    !blame.surroundings().is_empty()
        && is_complete
        && side(Side::Left)
            .map(|line| translate(line))
            .eq(side(Side::Right).map(|line| translate(line)))
}

/// Replaces `word` where no letter or digit is next to it: a 2 is not the number of processors in
/// every number.
fn replace_words(line: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(word) {
        let (before, found) = rest.split_at(at);
        let (found, after) = found.split_at(word.len().max(1).min(found.len()));
        replaced.extend_from_slice(before);
        let is_in_word = replaced.last().is_some_and(u8::is_ascii_alphanumeric)
            || after.first().is_some_and(u8::is_ascii_alphanumeric);
        // A part of a longer word stays, and what stands right of it is no word of its own.
        replaced.extend_from_slice(if is_in_word { found } else { by });
        rest = after;
    }
    replaced.extend_from_slice(rest);
    replaced
}

/// The target of a link is a line of text.
fn target_cause(file: &FileDifference, blame: &Blame) -> Option<&'static str> {
    let target = |node: &Option<Node>| match &node.as_ref()?.kind {
        NodeKind::Symlink(target) => Some(target.clone()),
        _ => None,
    };
    let (left, right) = (target(&file.left)?, target(&file.right)?);
    content_cause(&content::compare(&file.path, &left, &right, &Limits::default()), blame)
}

/// An archive differs in its stamps, or all its members for one reason.
fn archive_cause(content: &ContentDifference, blame: &Blame) -> Option<&'static str> {
    if !has_stamps_only(content) || content.incomplete.is_some() || content.bytes.is_some() {
        return None;
    }
    let mut causes = content.members.iter().map(|member| content_cause(&member.content, blame));
    match causes.next() {
        None => (!content.fields.is_empty()).then_some("archive-stamp"),
        Some(first) => causes.all(|cause| cause == first).then_some(first).flatten(),
    }
}

/// Whether a package database has other packages or versions.
fn has_version_drift(diff: &ImageDiff) -> bool {
    /// Starts of lines that name a package or its version: dpkg, apk.
    const DPKG: &[&[u8]] = &[b"Package: ", b"Version: "];
    const APK: &[&[u8]] = &[b"P:", b"V:"];
    diff.files.iter().any(|file| {
        let starts = match &file.path[..] {
            b"var/lib/dpkg/status" => DPKG,
            b"lib/apk/db/installed" | b"usr/lib/apk/db/installed" => APK,
            path if path.starts_with(b"var/lib/dpkg/status.d/") => DPKG,
            _ => return false,
        };
        let text = file.content.as_ref().and_then(|content| content.text.as_ref());
        let lines = text.iter().flat_map(|text| &text.hunks).flat_map(|hunk| &hunk.lines);
        let mut changed = lines.filter(|line| line.side != Side::Both);
        text.is_some_and(|text| !text.is_reordered)
            && changed.any(|line| starts.iter().any(|start| line.text.starts_with(start)))
    })
}
