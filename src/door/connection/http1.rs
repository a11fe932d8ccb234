//! HTTP/1.1: RFC 9112. hyper reads requests, in order, and keeps the connection; here each becomes a
//! question to the ledger.

use super::request::{self, BodyProblem};
use super::{DEPTH_MAX, Link, Wanted};
use crate::door::answer::Asked;
use crate::door::exchange::RefusalReason;
use crate::door::serve::{self, Served};
use http::header::{CONNECTION, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// Serves requests until the client leaves.
pub(super) async fn serve<IO>(io: IO, scheme: &'static str, link: Link)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let shared = Arc::new(link.clone());
    let service = service_fn(move |request| {
        let link = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(request, scheme, &link).await) }
    });
    // Not `pipeline_flush`: it keeps back what answers a request that cannot be parsed.
    let served = http1::Builder::new()
        .auto_date_header(false) // see `serve::response`
        .half_close(true) // busybox and nc close their side behind the request
        .title_case_headers(true) // scripts look for `Location:`
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades()
        .await;
    match served {
        Err(error) if error.is_parse() => {
            let why = format!("its client sends what is no HTTP: {error}");
            link.entrance.refuse(&link.wanted, RefusalReason::Unsupported(why));
        }
        Err(error) => tracing::debug!(to = %link.wanted, %error, "connection ended early"),
        Ok(()) => {}
    }
}

async fn respond(request: Request<Incoming>, scheme: &str, link: &Link) -> Response<Served> {
    if request.method() == Method::CONNECT {
        return tunnel(request, link);
    }
    let (head, body) = request.into_parts();
    let url = match request::url(scheme, &link.wanted, &head) {
        Ok(url) => url,
        Err(why) => {
            link.entrance.refuse(&link.wanted, RefusalReason::Unsupported(why.to_owned()));
            return serve::told(StatusCode::BAD_REQUEST, &format!("the request is bad: {why}"));
        }
    };
    let refuse = |status, why: &str| {
        let shown = request::shown(&url);
        let response = serve::told(status, &format!("{shown} cannot be recorded: {why}"));
        link.entrance.refuse(shown, RefusalReason::Unsupported(why.to_owned()));
        response
    };
    if request::wants_web_socket(&head) {
        return refuse(StatusCode::NOT_IMPLEMENTED, "it wants a web socket");
    }
    let body = match request::read_body(body).await {
        Ok(body) => body,
        Err(BodyProblem::TooLarge) => {
            let mut response =
                refuse(StatusCode::PAYLOAD_TOO_LARGE, "more than 64 MiB are sent with it");
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
        Err(BodyProblem::Broken) => {
            return serve::told(StatusCode::BAD_REQUEST, "the body of the request broke off");
        }
    };
    let asked = Asked {
        method: head.method.clone(),
        url: url.clone(),
        headers: head.headers.clone(),
        body,
    };
    match link.entrance.answer(asked).await {
        Some(Ok(answer)) => match serve::response(&head, answer, &link.entrance.buffers).await {
            Ok(response) => response,
            Err(error) => {
                // What breaks off upstream is noted by the ledger.
                if error.kind() != ErrorKind::UnexpectedEof {
                    let reason = RefusalReason::Store(error.to_string());
                    link.entrance.refuse(request::shown(&url), reason);
                }
                serve::told(StatusCode::BAD_GATEWAY, &error.to_string())
            }
        },
        Some(Err(refusal)) => serve::refusal(&refusal),
        None => serve::told(StatusCode::SERVICE_UNAVAILABLE, "the build is being ended"),
    }
}

/// `CONNECT`: a client that was told to use a proxy. There is none; what comes through the tunnel is a
/// connection as any other.
fn tunnel(request: Request<Incoming>, link: &Link) -> Response<Served> {
    let target = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let Some(wanted) = target.and_then(|target| Wanted::parse(&target, link.entrance.names()))
    else {
        return serve::told(StatusCode::BAD_REQUEST, "CONNECT needs HOST:PORT");
    };
    if link.depth >= DEPTH_MAX {
        let why = "a tunnel in tunnels".to_owned();
        link.entrance.refuse(&wanted, RefusalReason::Unsupported(why));
        return serve::told(StatusCode::NOT_IMPLEMENTED, "too many tunnels in tunnels");
    }
    let link = Link { wanted, depth: link.depth + 1, entrance: Arc::clone(&link.entrance) };
    let entrance = Arc::clone(&link.entrance);
    entrance.spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(stream) => super::serve(TokioIo::new(stream), link).await,
            Err(error) => tracing::debug!(to = %link.wanted, %error, "no tunnel"),
        }
    });
    Response::new(Served::text(""))
}
