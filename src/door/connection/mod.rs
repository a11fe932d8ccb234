//! Connections of a step: where they wanted to go, what they speak, and what is answered.
//!
//! ```text
//! connection ── first bytes ──> TLS ──────── first bytes ──> HTTP ── request ──> ledger
//!                   │                                         │ └─ CONNECT: a connection again
//!                   └── neither: refused                      └─ body, ranges: `serve`
//! ```

mod entrance;
mod http1;
mod opening;
mod request;
#[cfg(test)]
mod tests;
mod tls;
mod wanted;

pub(super) use entrance::Entrance;

use super::exchange::RefusalReason;
use super::names;
use super::visit::Refresh;
use crate::sandbox::Destinations;
use opening::{Opening, Prefixed};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use wanted::Wanted;

/// Ports on which the server speaks first, and what it says cannot be made up: FTP, SSH, mail, telnet,
/// `MySQL`. Waiting for the client would only cost time.
const SERVER_SPEAKS_FIRST: [u16; 8] = [21, 22, 23, 25, 110, 143, 587, 3306];
/// Ports on which nobody but a slow client of HTTP is silent.
const WEB: [u16; 2] = [80, 443];
/// How long a client may take to say what it speaks.
const PATIENCE: Duration = Duration::from_secs(3);
const PATIENCE_WEB: Duration = Duration::from_mins(1);
/// Where queries for names go.
const NAMES: u16 = 53;
/// Tunnels in tunnels; a proxy behind a proxy has two.
const DEPTH_MAX: u8 = 4;
/// Pause where the kernel has no descriptors or memory to spare.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// A connection, without its stream.
#[derive(Debug, Clone)]
struct Link {
    entrance: Arc<Entrance>,
    wanted: Wanted,
    /// How many tunnels it is in.
    depth: u8,
}

/// Takes the connections of a step in until it is dropped.
pub(super) async fn listen(
    listener: TcpListener,
    destinations: Destinations,
    entrance: Arc<Entrance>,
    refresh: Refresh,
) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(EXHAUSTED_PAUSE).await;
            continue;
        };
        refresh();
        // Answers are written whole: waiting for more to send with them would only delay.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
        }
        let wanted = Wanted::new(destinations.take(peer), entrance.names());
        let link = Link { entrance: Arc::clone(&entrance), wanted, depth: 0 };
        entrance.spawn(serve(stream, link));
    }
}

/// Serves a connection to its end. Boxed, as what is in a tunnel is a connection again.
fn serve<IO>(io: IO, link: Link) -> Pin<Box<dyn Future<Output = ()> + Send>>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(async move {
        match link.wanted.port {
            Some(NAMES) => names::serve_stream(io, link.entrance.names()).await,
            Some(port) if SERVER_SPEAKS_FIRST.contains(&port) => {
                link.entrance.refuse(&link.wanted, RefusalReason::NotHttp);
            }
            _ => serve_web(io, link).await,
        }
    })
}

async fn serve_web<IO>(io: IO, link: Link)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let web = link.wanted.port.is_none_or(|port| WEB.contains(&port));
    let patience = if web { PATIENCE_WEB } else { PATIENCE };
    let (opening, io) = opening::open(io, Some(patience)).await;
    match opening {
        Opening::Tls => tls::serve(io, link).await,
        opening => serve_clear(opening, io, "http", link, web).await,
    }
}

/// Serves what was not, or is no more, encrypted.
async fn serve_clear<IO>(
    opening: Opening,
    io: Prefixed<IO>,
    scheme: &'static str,
    link: Link,
    web: bool,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match opening {
        Opening::Http => http1::serve(io, scheme, link).await,
        Opening::Http2 => {
            let why = "HTTP/2 from the first byte; only HTTP/1.1 can be recorded".to_owned();
            link.entrance.refuse(&link.wanted, RefusalReason::Unsupported(why));
        }
        Opening::Silent if web => {}
        Opening::Foreign | Opening::Tls | Opening::Silent => {
            link.entrance.refuse(&link.wanted, RefusalReason::NotHttp);
        }
        Opening::Closed => {}
        Opening::Broken(error) => tracing::debug!(to = %link.wanted, %error, "connection broke"),
    }
}
