//! From an answer of the ledger to a response: the whole object is there, and what of it the client
//! wants is cut from it here (`HEAD`, ranges, conditions).

mod body;
mod buffers;
mod condition;
mod date;
mod multipart;
mod range;
mod refused;
#[cfg(test)]
mod tests;

pub(super) use body::Served;
pub(super) use buffers::Buffers;
pub(super) use refused::{refusal, told};

pub(super) use date::format as http_date;

use super::answer::{Answer, Body, Progress};
use super::exchange::Head;
use body::{Part, Source};
use bytes::Bytes;
use condition::Verdict;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode, Version};
use range::Wanted;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Headers that belong to one connection or one way of sending, not to what is sent.
const NEVER_RESTORED: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::DATE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Makes the response to a request. Errors: the body cannot be read, or broke off while its size was
/// waited for.
///
/// There is never a `Date`. The time of serving would get into caches that clients leave in the image
/// (pip's, npm's), and differ in each build; that of recording would look decades old to those that
/// compute an age. RFC 9110, section 6.6.1, has none where there is no clock, and clients then take
/// the time at which the response came.
pub(super) async fn response(
    request: &Parts,
    answer: Answer,
    buffers: &Buffers,
) -> io::Result<Response<Served>> {
    let Answer { head, body } = answer;
    let mut response = Response::new(Served::text(""));
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::OK);
    restore(&head, response.headers_mut());
    let readable = matches!(request.method, Method::GET | Method::HEAD);
    if readable && head.status == 200 {
        return retrieve(request, &head, body, buffers, response).await;
    }
    if allows_body(response.status()) {
        let (source, size) = open(body, needs_size(request)).await?;
        fill(&mut response, &request.method, source, whole(size), buffers);
    }
    Ok(response)
}

/// A `GET` or `HEAD` of something that is there.
async fn retrieve(
    request: &Parts,
    head: &Head,
    body: Body,
    buffers: &Buffers,
    mut response: Response<Served>,
) -> io::Result<Response<Served>> {
    match condition::judge(&request.headers, head) {
        Verdict::Serve => {}
        Verdict::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(header::CONTENT_TYPE);
            return Ok(response);
        }
        Verdict::Failed => {
            *response.status_mut() = StatusCode::PRECONDITION_FAILED;
            return Ok(response);
        }
    }
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let method = &request.method;
    let ranges = request.headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let ranges = ranges
        .filter(|_| *method == Method::GET && condition::range_counts(&request.headers, head));
    let (source, size) = open(body, needs_size(request) || ranges.is_some()).await?;
    let (Some(ranges), Some(size)) = (ranges, size) else {
        fill(&mut response, method, source, whole(size), buffers);
        return Ok(response);
    };
    match range::parse(ranges, size) {
        Wanted::Whole => fill(&mut response, method, source, whole(Some(size)), buffers),
        Wanted::Nothing => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            response.headers_mut().remove(header::CONTENT_TYPE);
            insert(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
            fill(&mut response, method, Source::Nothing, Vec::new(), buffers);
        }
        Wanted::Parts(parts) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let parts = multipart::parts(&parts, size, response.headers_mut());
            fill(&mut response, method, source, parts, buffers);
        }
    }
    Ok(response)
}

/// Whether the size of what is still coming in must be waited for. With `HEAD`: a client that asks for
/// it decides by it how to go on, and must decide the same in a replay. With HTTP/1.0: where there is
/// no size, the end of the connection is the end of the body, and a body that broke off looks whole.
fn needs_size(request: &Parts) -> bool {
    request.method == Method::HEAD || request.version == Version::HTTP_10
}

fn whole(size: Option<u64>) -> Vec<Part> {
    vec![size.map_or(Part::Rest(0), |size| Part::Span(0..size))]
}

/// Gives the response its body and `Content-Length`; with `HEAD` only the latter.
fn fill(
    response: &mut Response<Served>,
    method: &Method,
    source: Source,
    parts: Vec<Part>,
    buffers: &Buffers,
) {
    let body = Served::new(source, parts, buffers);
    if let Some(size) = body.size() {
        response.headers_mut().insert(header::CONTENT_LENGTH, size.into());
    }
    if *method != Method::HEAD {
        *response.body_mut() = body;
    }
}

/// Makes an answer's body readable, and says its size where that is known. With `wait` it is known.
async fn open(body: Body, wait: bool) -> io::Result<(Source, Option<u64>)> {
    Ok(match body {
        Body::Bytes(bytes) => {
            let size = bytes.len() as u64;
            (Source::Memory(bytes), Some(size))
        }
        // Opening costs microseconds: less than handing it to another thread.
        Body::File { path, size } => (Source::File(Arc::new(File::open(path)?)), Some(size)),
        Body::Growing(mut growing) => {
            let mut size = growing.size;
            if wait && size.is_none() {
                let ended = |progress: &Progress| progress.is_end();
                let progress = growing.progress.wait_for(ended).await.map(|progress| *progress);
                let Ok(Progress::Complete(complete)) = progress else {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the body broke off upstream",
                    ));
                };
                size = Some(complete);
            }
            (Source::Growing(growing), size)
        }
    })
}

/// RFC 9110, section 6.4.1.
fn allows_body(status: StatusCode) -> bool {
    !(status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))
}

/// The headers that were recorded.
fn restore(head: &Head, headers: &mut HeaderMap) {
    for (name, value) in &head.others {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes())
            && !NEVER_RESTORED.contains(&name)
        {
            insert(headers, name, value);
        }
    }
    let modified = head.modified.and_then(date::format);
    let texts = [
        (header::CONTENT_TYPE, &head.media_type),
        (header::ETAG, &head.etag),
        (header::LOCATION, &head.location),
        (header::LAST_MODIFIED, &modified),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            insert(headers, name, value);
        }
    }
}

/// A value that cannot stand in a header is left out: it came from a file that anybody may write.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value.as_bytes())) {
        headers.insert(name, value);
    }
}
