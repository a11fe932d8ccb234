//! What a client is told that gets nothing.

use super::Served;
use crate::door::exchange::{Refusal, RefusalReason};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

/// The response to a request that was refused.
pub(in crate::door) fn refusal(refusal: &Refusal) -> Response<Served> {
    told(status(&refusal.reason), &sentence(refusal))
}

/// A response of rlock's own.
pub(in crate::door) fn told(status: StatusCode, sentence: &str) -> Response<Served> {
    let mut response = Response::new(Served::text(format!("rlock: {sentence}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// A gateway's words: 502 where upstream did not answer well, 504 where nobody was there to answer.
fn status(reason: &RefusalReason) -> StatusCode {
    match reason {
        RefusalReason::NotLocked
        | RefusalReason::Unavailable(_)
        | RefusalReason::Integrity { .. } => StatusCode::GATEWAY_TIMEOUT,
        RefusalReason::Upstream(_) | RefusalReason::Untrusted(_) => StatusCode::BAD_GATEWAY,
        RefusalReason::NotHttp | RefusalReason::Datagram | RefusalReason::Unsupported(_) => {
            StatusCode::NOT_IMPLEMENTED
        }
        RefusalReason::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn sentence(Refusal { target, reason }: &Refusal) -> String {
    match reason {
        RefusalReason::NotLocked => {
            format!("{target} is not locked; run `rlock lock` or `rlock update`")
        }
        RefusalReason::Unavailable(tried) => {
            format!("nobody has {target} any more; tried: {}", tried.join(", "))
        }
        RefusalReason::Upstream(why) => format!("{target}: {why}"),
        RefusalReason::Integrity { expected, found, .. } => {
            format!("{target} is {found} now, but {expected} is locked; run `rlock update`")
        }
        RefusalReason::NotHttp => format!("{target} does not speak HTTP: it cannot be recorded"),
        RefusalReason::Untrusted(why) => format!("{target}: {why}"),
        RefusalReason::Datagram => format!("{target} is no TCP: it cannot be recorded"),
        RefusalReason::Unsupported(why) => format!("{target} cannot be recorded: {why}"),
        RefusalReason::Store(why) => format!("{target} could not be stored: {why}"),
    }
}
