//! `rlock.diff/1`.

use super::{Options, head, parts, write};
use crate::diff::content::{
    BytesDifference, ContentDifference, FieldKind, Hunk, Line, Side as LineSide, Stamps,
    TextDifference,
};
use crate::report::{DiffReport, FileRow, Presence, Side};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The document.
pub fn diff(report: &DiffReport, options: Options) -> String {
    let mut document = head("diff", report.status, options);
    parts::extend(
        &mut document,
        [
            ("left", Some(side(&report.left))),
            ("right", Some(side(&report.right))),
            ("summary", Some(parts::summary(&report.comparison, &report.findings))),
            ("config", Some(parts::config(&report.comparison.config))),
            ("findings", Some(parts::findings(&report.findings))),
            ("files", Some(report.files.iter().map(file).collect())),
            ("timings", parts::timings(&report.timings, options)),
        ],
    );
    write(&document)
}

fn side(side: &Side) -> Value {
    parts::object([
        ("name", Some(json!(side.name))),
        ("manifest", side.manifest.map(parts::digest)),
    ])
}

fn file(file: &FileRow) -> Value {
    let [path, bytes] = parts::path_fields(&file.path);
    let aspects = file.aspects.iter().map(|row| {
        parts::object([
            ("name", Some(json!(row.name))),
            ("left", row.left.as_ref().map(|value| json!(value))),
            ("right", row.right.as_ref().map(|value| json!(value))),
        ])
    });
    parts::object([
        path,
        bytes,
        ("presence", Some(json!(presence(file.presence)))),
        ("aspects", Some(aspects.collect())),
        ("content", file.content.as_ref().map(content)),
    ])
}

fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Left => "left",
        Presence::Right => "right",
        Presence::Both => "both",
    }
}

fn content(difference: &ContentDifference) -> Value {
    let fields = difference.fields.iter().map(|field| {
        let kind = match field.kind {
            FieldKind::Stamp => "stamp",
            FieldKind::Content => "content",
        };
        json!({
            "name": field.name,
            "kind": kind,
            "left": field.left,
            "right": field.right,
            "count": field.count,
        })
    });
    let members = difference.members.iter().map(|member| {
        let [path, bytes] = parts::path_fields(&member.name);
        parts::object([path, bytes, ("content", Some(content(&member.content)))])
    });
    parts::object([
        ("format", Some(json!(difference.format))),
        ("fields", Some(fields.collect())),
        ("text", difference.text.as_ref().map(text)),
        ("bytes", difference.bytes.as_ref().map(bytes)),
        ("members", Some(members.collect())),
        ("incomplete", difference.incomplete.as_ref().map(|reason| json!(reason))),
    ])
}

fn text(text: &TextDifference) -> Value {
    let stamps = text.stamps.map(|stamps| match stamps {
        Stamps::Days => "days",
        Stamps::Times => "times",
        Stamps::Ids => "ids",
        Stamps::TimesAndIds => "times-and-ids",
    });
    parts::object([
        ("left_lines", Some(json!(text.left_lines))),
        ("right_lines", Some(json!(text.right_lines))),
        ("reordered", Some(json!(text.is_reordered))),
        ("only_stamps", stamps.map(|stamps| json!(stamps))),
        ("hunks", Some(text.hunks.iter().map(hunk).collect())),
        ("hunks_omitted", Some(json!(text.hunks_omitted))),
    ])
}

fn hunk(hunk: &Hunk) -> Value {
    json!({
        "left_start": hunk.left_start,
        "right_start": hunk.right_start,
        "lines": hunk.lines.iter().map(line).collect::<Value>(),
        "lines_omitted": hunk.lines_omitted,
    })
}

fn line(line: &Line) -> Value {
    let side = match line.side {
        LineSide::Left => "left",
        LineSide::Right => "right",
        LineSide::Both => "both",
    };
    let [text, bytes] = parts::path_fields(&line.text);
    parts::object([
        ("presence", Some(json!(side))),
        ("text", text.1),
        ("text_bytes", bytes.1),
        ("cut", Some(json!(line.is_cut))),
    ])
}

fn bytes(bytes: &BytesDifference) -> Value {
    json!({
        "left_size": bytes.left_size,
        "right_size": bytes.right_size,
        "first_offset": bytes.first_offset,
        "differing": bytes.differing,
        "ranges": bytes.ranges,
        "block_size": bytes.block_size,
        "left": STANDARD.encode(&bytes.left_excerpt),
        "right": STANDARD.encode(&bytes.right_excerpt),
    })
}
