//! Tests of reader and writer together.

mod forge;
mod hostile;
mod limits;
mod programs;
mod round_trip;
mod sparse_files;

use super::*;
use std::io::Read as _;

/// All entries with their bodies.
fn read_within(bytes: &[u8], limits: Limits) -> Result<Vec<(Entry, Vec<u8>)>, TarError> {
    let mut reader = Reader::new(bytes, limits);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let mut body = Vec::new();
        reader.copy_body(&mut |slice| {
            body.extend_from_slice(slice);
            Ok(())
        })?;
        entries.push((entry, body));
    }
    reader.finish()?;
    Ok(entries)
}

fn read(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, TarError> {
    read_within(bytes, Limits::default())
}

/// The only entry of an archive.
fn read_one(bytes: &[u8]) -> (Entry, Vec<u8>) {
    let mut entries = read(bytes).unwrap();
    assert_eq!(entries.len(), 1);
    entries.pop().unwrap()
}

fn write(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, body) in entries {
        writer.append(entry, &mut &body[..]).unwrap();
    }
    writer.finish().unwrap()
}

fn file(path: &str, content: &[u8]) -> (Entry, Vec<u8>) {
    let entry = Entry { size: content.len() as u64, ..Entry::new(path, Kind::File) };
    (entry, content.to_vec())
}
