//! Every format whole, repeated, padded, cut and blown up.

use super::*;
use std::io::Write as _;

const TEXT: &[u8] = b"layer content, layer content, layer content";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 1).unwrap()
}

fn skippable() -> Vec<u8> {
    [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat()
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn decode_within(bytes: &[u8], limits: &Limits) -> io::Result<(Compression, Vec<u8>)> {
    let (compression, mut reader) = decoder_within(bytes, limits)?;
    let mut content = Vec::new();
    reader.read_to_end(&mut content)?;
    Ok((compression, content))
}

fn decode(bytes: &[u8]) -> io::Result<(Compression, Vec<u8>)> {
    decode_within(bytes, &Limits::default())
}

/// The whole message of an error, with its sources.
fn chain(error: &io::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.get_ref().and_then(|inner| inner.source());
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[test]
fn every_format_is_detected_and_decoded() {
    let cases = [
        (Compression::None, TEXT.to_vec()),
        (Compression::None, Vec::new()),
        (Compression::None, b"\x1f\x8b".to_vec()),
        (Compression::Gzip, gzip(TEXT)),
        (Compression::Zstd, zstd_frame(TEXT)),
        (Compression::Bzip2, bzip2(TEXT)),
        (Compression::Xz, xz(TEXT)),
    ];
    for (compression, bytes) in cases {
        let content = if compression == Compression::None { bytes.clone() } else { TEXT.to_vec() };
        assert_eq!(decode(&bytes).unwrap(), (compression, content));
    }
}

#[test]
fn every_member_counts() {
    let twice = [TEXT, TEXT].concat();
    let cases = [
        [gzip(TEXT), gzip(TEXT)].concat(),
        [gzip(TEXT), gzip(b""), gzip(TEXT)].concat(),
        [zstd_frame(TEXT), zstd_frame(TEXT)].concat(),
        [skippable(), zstd_frame(TEXT), skippable(), zstd_frame(TEXT), skippable()].concat(),
        [bzip2(TEXT), bzip2(TEXT)].concat(),
        [xz(TEXT), xz(TEXT)].concat(),
    ];
    for bytes in cases {
        assert_eq!(decode(&bytes).unwrap().1, twice);
    }
}

#[test]
fn zeros_may_follow_the_last_gzip_member() {
    for zeros in [1, 7, 512, 300_000] {
        let bytes = [gzip(TEXT), vec![0; zeros]].concat();
        assert_eq!(decode(&bytes).unwrap().1, TEXT);
    }
}

#[test]
fn other_data_may_not_follow() {
    for format in [gzip(TEXT), zstd_frame(TEXT), bzip2(TEXT), xz(TEXT)] {
        for rest in [&b"garbage, and a lot of it"[..], b"\0\0\0\0x", b"\x1fx", b"B"] {
            let bytes = [&format, rest].concat();
            let error = decode(&bytes).unwrap_err();
            assert!(CompressionError::of(&error).is_some(), "{}", chain(&error));
        }
    }
}

#[test]
fn truncation_anywhere_is_an_error() {
    for bytes in [gzip(TEXT), zstd_frame(TEXT), bzip2(TEXT), xz(TEXT)] {
        for length in MAGIC_LENGTH..bytes.len() {
            let error = decode(&bytes[..length]).unwrap_err();
            assert!(chain(&error).contains("stream is malformed: "), "{}", chain(&error));
        }
    }
}

#[test]
fn damage_is_an_error() {
    for mut bytes in [gzip(TEXT), bzip2(TEXT), xz(TEXT)] {
        let middle = bytes.len() - 6;
        bytes[middle] ^= 0xff;
        assert!(decode(&bytes).is_err());
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 1 << 20];
    let limits = Limits { output_max: 1 << 30, ratio_max: 20, ratio_free: 1 << 16 };
    for bytes in [gzip(&zeros), zstd_frame(&zeros), bzip2(&zeros), xz(&zeros)] {
        let error = decode_within(&bytes, &limits).map(drop).unwrap_err();
        assert!(chain(&error).contains("is a decompression bomb"), "{}", chain(&error));
        let free = Limits { ratio_free: 1 << 20, ..limits.clone() };
        assert!(decode_within(&bytes, &free).unwrap().1 == zeros);
    }
}

#[test]
fn output_is_capped() {
    let limits = Limits { output_max: 10, ..Limits::default() };
    let error = decode_within(&gzip(TEXT), &limits).unwrap_err();
    assert_eq!(error.to_string(), "gzip stream holds more than 10 bytes");
}

#[test]
fn a_huge_zstd_window_is_refused() {
    // Frame header: window descriptor for 2 GiB, then an empty last block.
    let bytes = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 1, 0, 0];
    let error = decode(&bytes).unwrap_err();
    assert!(chain(&error).contains("memory"), "{}", chain(&error));
}

#[test]
fn errors_of_the_stream_below_stay_what_they_are() {
    let bytes = gzip(TEXT);
    let other = crate::oci::Digest::of(b"other");
    let inner = crate::oci::VerifiedReader::new(&bytes[..], other, bytes.len() as u64);
    let (_, mut reader) = decoder(inner).unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(crate::oci::Mismatch::of(&error).is_some(), "{}", chain(&error));
}
