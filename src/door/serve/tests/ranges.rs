//! Parts of a body.

use super::*;
use crate::door::serve::range::parse;
use proptest::prelude::*;

#[test]
fn headers_and_what_they_want() {
    use Wanted::{Nothing, Whole};
    let parts = |ranges: &[(u64, u64)]| {
        Wanted::Parts(ranges.iter().map(|(start, end)| *start..*end).collect())
    };
    for (value, expected) in [
        ("bytes=0-0", parts(&[(0, 1)])),
        ("bytes=0-9", parts(&[(0, 10)])),
        ("bytes=5-", parts(&[(5, 10)])),
        ("bytes=5-99", parts(&[(5, 10)])),
        ("bytes=-3", parts(&[(7, 10)])),
        ("bytes=-99", parts(&[(0, 10)])),
        ("Bytes = 0-0", parts(&[(0, 1)])),
        ("bytes=0-0,-1", parts(&[(0, 1), (9, 10)])),
        ("bytes=4-5 , 0-1,, 0-99", parts(&[(4, 6), (0, 2), (0, 10)])),
        ("bytes=0-1,20-30", parts(&[(0, 2)])),
        ("bytes=0-99999999999999999999999", parts(&[(0, 10)])),
        ("bytes=10-", Nothing),
        ("bytes=10-20,30-40", Nothing),
        ("bytes=99999999999999999999999-", Nothing),
        ("bytes=-0", Nothing),
        ("bytes=", Whole),
        ("bytes=,", Whole),
        ("bytes=a-b", Whole),
        ("bytes=-", Whole),
        ("bytes=5-4", Whole),
        ("bytes=0-1,5-4", Whole),
        ("bytes=+1-2", Whole),
        ("bytes=1--2", Whole),
        ("bytes=0x1-2", Whole),
        ("bytes 0-1", Whole),
        ("lines=0-1", Whole),
        ("", Whole),
    ] {
        assert_eq!(parse(value, 10), expected, "{value}");
    }
    assert_eq!(parse("bytes=0-", 0), Nothing);
    let many = |count: usize| format!("bytes={}", vec!["0-0"; count].join(","));
    assert_eq!(parse(&many(1024), 10), parts(&[(0, 1); 1024]));
    assert_eq!(parse(&many(1025), 10), Whole);
}

proptest! {
    #[test]
    fn any_header_gives_ranges_within_the_body(
        value in "(bytes=)?[0-9, =a-]{0,40}",
        size in prop::sample::select(vec![0, 1, 7, 1000, u64::MAX]),
    ) {
        if let Wanted::Parts(ranges) = parse(&value, size) {
            prop_assert!(!ranges.is_empty());
            for range in ranges {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }

    #[test]
    fn any_text_is_a_header(value in any::<String>()) {
        parse(&value, 10);
    }

    #[test]
    fn a_well_formed_range_is_what_it_says(first in 0_u64..100, last in 0_u64..100) {
        let wanted = parse(&format!("bytes={first}-{last}"), 50);
        let expected = if last < first {
            Wanted::Whole
        } else if first >= 50 {
            Wanted::Nothing
        } else {
            Wanted::Parts(std::iter::once(first..50.min(last + 1)).collect())
        };
        prop_assert_eq!(wanted, expected);
    }
}

#[tokio::test]
async fn one_range() {
    let (from_file, _file) = file(TEXT);
    for answer in [answer(), from_file] {
        let got = got(&get(&[("range", "bytes=10-12")]), answer).await;
        assert_eq!((got.status, &got.body[..]), (206, &b"abc"[..]));
        assert_eq!(got.header("content-range"), Some("bytes 10-12/36"));
        assert_eq!(got.header("content-type"), Some("text/plain"));
        assert_eq!(got.header("etag"), Some("\"one\""));
    }
}

#[tokio::test]
async fn none_that_is_there() {
    let got = got(&get(&[("range", "bytes=36-")]), answer()).await;
    assert_eq!((got.status, got.body.len()), (416, 0));
    assert_eq!(got.header("content-range"), Some("bytes */36"));
}

/// The parts of a multipart body, as a client takes them apart: RFC 2046, section 5.1.
fn take_apart(got: &Got) -> Vec<(String, Vec<u8>)> {
    let boundary = got.header("content-type").unwrap().split_once("boundary=").unwrap().1;
    let text = String::from_utf8(got.body.to_vec()).unwrap();
    let delimiter = format!("\r\n--{boundary}");
    let mut pieces = text.split(&delimiter);
    assert_eq!(pieces.next(), Some(""));
    let mut pieces: Vec<&str> = pieces.collect();
    assert_eq!(pieces.pop(), Some("--\r\n"));
    let part = |piece: &str| {
        let (heading, content) = piece.split_once("\r\n\r\n").unwrap();
        (heading.trim().to_owned(), content.as_bytes().to_vec())
    };
    pieces.into_iter().map(part).collect()
}

#[tokio::test]
async fn several_ranges() {
    let (from_file, _file) = file(TEXT);
    let mut bodies = Vec::new();
    for answer in [answer(), from_file] {
        let got = got(&get(&[("range", "bytes=10-12, 0-0, -2")]), answer).await;
        assert_eq!(got.status, 206);
        let parts = take_apart(&got);
        let expected =
            [("10-12", &b"abc"[..]), ("0-0", b"0"), ("34-35", b"yz")].map(|(range, content)| {
                let heading =
                    format!("Content-Type: text/plain\r\nContent-Range: bytes {range}/36");
                (heading, content.to_vec())
            });
        assert_eq!(parts, expected);
        bodies.push(got.body);
    }
    assert_eq!(bodies[0], bodies[1], "the same bytes each time");
}

#[tokio::test]
async fn as_many_ranges_as_dnf_asks_for() {
    let bytes: Vec<u8> =
        (0..100_000_u32).map(|byte| b'a' + u8::try_from(byte % 26).unwrap()).collect();
    let (answer, _file) = file(&bytes);
    let ranges: Vec<String> =
        (0..256).map(|part| format!("{}-{}", part * 390, part * 390 + 99)).collect();
    let got = got(&get(&[("range", &format!("bytes={}", ranges.join(",")))]), answer).await;
    let parts = take_apart(&got);
    assert_eq!(parts.len(), 256);
    for (number, (_, content)) in parts.iter().enumerate() {
        assert_eq!(content, &bytes[number * 390..number * 390 + 100]);
    }
}

#[tokio::test]
async fn resuming_only_what_was_begun() {
    for (validator, status) in [
        ("\"one\"", 206),
        ("\"two\"", 200),
        ("W/\"one\"", 200),
        (DATE, 206),
        ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
        ("", 200),
    ] {
        let got = got(&get(&[("range", "bytes=30-"), ("if-range", validator)]), answer()).await;
        assert_eq!(got.status, status, "{validator}");
        assert_eq!(&got.body[..], if status == 206 { &TEXT[30..] } else { TEXT });
    }
    let weak = Answer { head: Head { etag: Some("W/\"one\"".to_owned()), ..head() }, ..answer() };
    let got = got(&get(&[("range", "bytes=30-"), ("if-range", "W/\"one\"")]), weak).await;
    assert_eq!(got.status, 200, "a weak tag does not say that bytes are the same");
}
