//! TLS: a certificate for whom the client means, from the authority of this build.

use super::opening::{self, Opening, Prefixed};
use super::{Link, serve_clear};
use crate::door::authority::Host;
use crate::door::exchange::RefusalReason;
use rustls::server::Acceptor;
use rustls::{AlertDescription, PeerIncompatible};
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

/// Serves a connection that begins with a TLS handshake.
pub(super) async fn serve<IO>(io: Prefixed<IO>, link: Link)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some((stream, host)) = handshake(io, &link).await else { return };
    let link = Link { wanted: link.wanted.named(host), ..link };
    // Without a limit: clients make connections in advance.
    let (opening, stream) = opening::open(stream, None).await;
    match opening {
        Opening::Closed => link.entrance.doubt(&link.wanted),
        Opening::Broken(error) => failed(&error, &link),
        opening => {
            link.entrance.trust(&link.wanted);
            serve_clear(opening, stream, "https", link, true).await;
        }
    }
}

async fn handshake<IO>(io: IO, link: &Link) -> Option<(TlsStream<IO>, Host)>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let start = match LazyConfigAcceptor::new(Acceptor::default(), io).await {
        Ok(start) => start,
        Err(error) => {
            if let Some(reason) = unheard(&error) {
                link.entrance.refuse(&link.wanted, reason);
            }
            return None;
        }
    };
    let Some(host) = meant(&start).or_else(|| link.wanted.host.clone()) else {
        let why = "TLS to a host that is not named".to_owned();
        link.entrance.refuse(&link.wanted, RefusalReason::Unsupported(why));
        return None;
    };
    let config = match link.entrance.authority.server_config(&host) {
        Ok(config) => config,
        Err(error) => {
            let why = format!("there is no certificate for it: {error}");
            link.entrance.refuse(&link.wanted, RefusalReason::Unsupported(why));
            return None;
        }
    };
    match start.into_stream(config).await {
        Ok(stream) => Some((stream, host)),
        Err(error) => {
            let wanted = link.wanted.named(host);
            failed(&error, &Link { wanted, ..link.clone() });
            None
        }
    }
}

/// Why a client was not even heard: what looked like TLS is none, or is one that rustls does not speak.
fn unheard(error: &io::Error) -> Option<RefusalReason> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        // RFC 5246, section 7.4.1.4.1: then SHA-1 is meant, which nobody should sign with any more.
        rustls::Error::PeerIncompatible(PeerIncompatible::SignatureAlgorithmsExtensionRequired) => {
            let why = "its client's TLS is too old to name signatures that it takes, as the one \
                       within busybox: use another client";
            Some(RefusalReason::Unsupported(why.to_owned()))
        }
        error @ rustls::Error::PeerIncompatible(_) => reason(error),
        _ => Some(RefusalReason::NotHttp),
    }
}

/// Whom the client means: RFC 6066, section 3. Addresses do not stand there.
fn meant<IO: AsyncRead + AsyncWrite + Unpin>(start: &StartHandshake<IO>) -> Option<Host> {
    let hello = start.client_hello();
    let name = hello.server_name()?;
    Some(Host::Domain(name.trim_end_matches('.').to_ascii_lowercase()))
}

/// Reports what a failure says about the client.
fn failed(error: &io::Error, link: &Link) {
    tracing::debug!(to = %link.wanted, %error, "TLS failed");
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(error) => {
            if let Some(reason) = reason(error) {
                link.entrance.refuse(&link.wanted, reason);
            }
        }
        // It left without a word: so do GnuTLS and Node where they do not trust, and the dying.
        None => link.entrance.doubt(&link.wanted),
    }
}

fn reason(error: &rustls::Error) -> Option<RefusalReason> {
    use AlertDescription::{CloseNotify, HandshakeFailure, ProtocolVersion, UserCanceled};
    Some(match error {
        rustls::Error::AlertReceived(CloseNotify | UserCanceled) => return None,
        rustls::Error::AlertReceived(alert @ (HandshakeFailure | ProtocolVersion)) => {
            RefusalReason::Unsupported(format!("its client wants another TLS: {alert:?}"))
        }
        rustls::Error::AlertReceived(alert) => {
            RefusalReason::Untrusted(format!("its client does not take the certificate: {alert:?}"))
        }
        rustls::Error::NoApplicationProtocol => {
            RefusalReason::Unsupported("its client does not speak HTTP/1.1".to_owned())
        }
        error => RefusalReason::Unsupported(format!("TLS: {error}")),
    })
}
