//! Answering queries, over UDP and TCP.

use super::message::DATAGRAM_MAX;
use super::{NameTable, respond};
use crate::door::visit::Refresh;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{sleep, timeout};

/// How long a TCP client may be silent: RFC 7766, section 6.2.3, wants some seconds.
const IDLE: Duration = Duration::from_secs(10);
/// Pause where the kernel has no descriptors or memory to spare.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// Answers datagrams until it is dropped.
pub(in crate::door) async fn serve_datagrams(
    socket: UdpSocket,
    names: Arc<NameTable>,
    refresh: Refresh,
) {
    let mut buffer = vec![0; usize::from(DATAGRAM_MAX)];
    loop {
        let Ok((size, peer)) = socket.recv_from(&mut buffer).await else {
            // A client that is gone: its ICMP message comes as an error of the next call.
            sleep(Duration::from_millis(1)).await;
            continue;
        };
        refresh();
        if let Some(response) = buffer.get(..size).and_then(|query| respond(&names, query))
            && let Err(error) = socket.send_to(&response, peer).await
        {
            tracing::debug!(%peer, %error, "cannot answer a query");
        }
    }
}

/// Answers TCP clients until it is dropped.
pub(in crate::door) async fn serve_listener(listener: TcpListener, names: Arc<NameTable>) {
    let mut clients = tokio::task::JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let names = Arc::clone(&names);
                clients.spawn(async move { serve_stream(stream, &names).await });
            }
            Err(_) => sleep(EXHAUSTED_PAUSE).await,
        }
    }
}

/// Answers one TCP client, until it leaves or breaks the protocol: RFC 1035, section 4.2.2.
pub(in crate::door) async fn serve_stream(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    names: &NameTable,
) {
    while let Ok(Ok(true)) = timeout(IDLE, serve_query(&mut stream, names)).await {}
}

/// Whether more may come.
async fn serve_query(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    names: &NameTable,
) -> io::Result<bool> {
    let size = stream.read_u16().await?;
    if size > DATAGRAM_MAX {
        return Ok(false); // no query with one name is so long
    }
    let mut query = vec![0; usize::from(size)];
    stream.read_exact(&mut query).await?;
    let Some(response) = respond(names, &query) else { return Ok(false) };
    let Ok(size) = u16::try_from(response.len()) else { return Ok(false) };
    let mut message = size.to_be_bytes().to_vec();
    message.extend_from_slice(&response);
    stream.write_all(&message).await?;
    Ok(true)
}
