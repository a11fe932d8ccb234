//! HTTP/1.1 as far as clients of package registries need it: keep-alive, HEAD, ranges, conditions.

use super::git;
use super::site::{Content, State};
use super::tree::{Page, Tree};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};

/// A connection, with or without TLS.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A request with its body.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// By name in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What is sent back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Answers requests until the client closes.
pub(crate) fn serve(stream: Box<dyn Stream>, state: &State) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        let mut target = format!("{} {}", request.method, request.path);
        if !request.query.is_empty() {
            write!(target, "?{}", request.query).unwrap();
        }
        state.seen.lock().unwrap().push(target);
        let content = state.content.lock().unwrap().clone();
        let response = match &content {
            Content::Files(tree) => answer(tree, &request),
            Content::Git(folder) => git::answer(folder, &request),
        };
        let bytes = encode(&response, request.method == "HEAD");
        stream.get_mut().write_all(&bytes)?;
        stream.get_mut().flush()?;
    }
    Ok(())
}

fn read(stream: &mut BufReader<Box<dyn Stream>>) -> io::Result<Option<Request>> {
    let first = line(stream)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: decode_percent(path),
        query: query.to_owned(),
        ..Request::default()
    };
    loop {
        let header = line(stream)?;
        let Some((name, value)) = header.split_once(':') else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if request.header("expect").eq_ignore_ascii_case("100-continue") {
        stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        stream.get_mut().flush()?;
    }
    request.body = read_body(stream, &request)?;
    Ok(Some(request))
}

/// A line without its end; empty where the client has closed.
fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read_body(stream: &mut BufReader<Box<dyn Stream>>, request: &Request) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if !request.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        let length = request.header("content-length").parse().unwrap_or(0);
        stream.take(length).read_to_end(&mut body)?;
        return Ok(body);
    }
    loop {
        let size = line(stream)?;
        let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        stream.take(size).read_to_end(&mut body)?;
        line(stream)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn decode_percent(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%');
        let code = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn answer(tree: &Tree, request: &Request) -> Response {
    let page = tree.find(&request.path, request.header("accept"));
    let is_read = matches!(&*request.method, "GET" | "HEAD");
    let Some(page) = page.filter(|_| is_read) else { return status("404 Not Found", b"none\n") };
    let mut headers = vec![
        ("Content-Type".to_owned(), page.media_type.to_owned()),
        ("ETag".to_owned(), page.etag()),
        ("Last-Modified".to_owned(), date(tree.modified)),
        ("Accept-Ranges".to_owned(), "bytes".to_owned()),
        ("Date".to_owned(), "Thu, 01 Jan 2026 00:00:00 GMT".to_owned()),
        ("Server".to_owned(), "it".to_owned()),
    ];
    if is_unchanged(tree, page, request) {
        return Response { status: "304 Not Modified".to_owned(), headers, body: Vec::new() };
    }
    let size = page.body.len();
    let Some(wanted) = range(tree, page, request) else {
        return Response { status: "200 OK".to_owned(), headers, body: page.body.clone() };
    };
    let Some((start, end)) = bounds(&wanted, size) else {
        headers.push(("Content-Range".to_owned(), format!("bytes */{size}")));
        let status = "416 Range Not Satisfiable".to_owned();
        return Response { status, headers, body: Vec::new() };
    };
    let place = format!("bytes {start}-{}/{size}", end - 1);
    headers.push(("Content-Range".to_owned(), place));
    let body = page.body[start..end].to_vec();
    Response { status: "206 Partial Content".to_owned(), headers, body }
}

/// A response with a line of text.
pub(crate) fn status(status: &str, body: &[u8]) -> Response {
    let kind = ("Content-Type".to_owned(), "text/plain".to_owned());
    Response { status: status.to_owned(), headers: vec![kind], body: body.to_vec() }
}

fn is_unchanged(tree: &Tree, page: &Page, request: &Request) -> bool {
    let tag = request.header("if-none-match");
    if tag.is_empty() {
        return request.header("if-modified-since") == date(tree.modified);
    }
    tag.split(',').any(|tag| tag.trim().trim_start_matches("W/") == page.etag())
}

/// The range that is wanted of this very body, if one is.
fn range(tree: &Tree, page: &Page, request: &Request) -> Option<String> {
    let condition = request.header("if-range");
    let holds =
        condition.is_empty() || condition == page.etag() || condition == date(tree.modified);
    let range = request.header("range").strip_prefix("bytes=")?;
    // Several at once may be answered with the whole.
    (holds && !range.contains(',')).then(|| range.to_owned())
}

fn bounds(range: &str, size: usize) -> Option<(usize, usize)> {
    let (first, last) = range.split_once('-')?;
    if first.is_empty() {
        return Some((size.saturating_sub(last.parse().ok()?), size));
    }
    let first: usize = first.parse().ok()?;
    let end = last.parse().map_or(size, |last: usize| size.min(last + 1));
    (first < end).then_some((first, end))
}

/// A time as HTTP has it.
pub(crate) fn date(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap();
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap()
}

fn encode(response: &Response, is_head: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status);
    for (name, value) in &response.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "Content-Length: {}\r\n\r\n", response.body.len()).unwrap();
    let mut bytes = head.into_bytes();
    if !is_head {
        bytes.extend_from_slice(&response.body);
    }
    bytes
}
