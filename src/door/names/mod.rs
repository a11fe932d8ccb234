//! Names: every host name gets an address of 198.18.0.0/15 (set aside for benchmarks by RFC 2544, so
//! that nothing real is there), and a connection to that address is one to that name.
//!
//! A step sees no other names than these; whether a name exists upstream is found when something is
//! asked of it.

mod message;
mod server;
mod table;
#[cfg(test)]
mod tests;

pub(super) use server::{serve_datagrams, serve_listener, serve_stream};
pub(super) use table::NameTable;

use message::{Kind, Query, Reply, Unreadable};

/// The answer to one message, or none where it deserves none.
fn respond(names: &NameTable, message: &[u8]) -> Option<Vec<u8>> {
    match message::read(message) {
        Ok(query) => Some(message::write(&query, reply(names, &query))),
        Err(Unreadable::Answer(response)) => Some(response),
        Err(Unreadable::Drop) => None,
    }
}

fn reply(names: &NameTable, query: &Query<'_>) -> Reply {
    if !query.internet {
        return Reply::Refused;
    }
    let Some(name) = query.name.as_deref() else { return Reply::NoSuchName };
    match query.kind {
        // Nothing is known about services and addresses: clients then go on without.
        Kind::Pointer | Kind::Service => Reply::NoSuchName,
        Kind::Other if exists(name) => Reply::Empty,
        Kind::Address if is_local(name) => Reply::Address(std::net::Ipv4Addr::LOCALHOST),
        Kind::Address if name.is_empty() => Reply::Empty,
        Kind::Address if exists(name) => {
            names.address_of(name).map_or(Reply::Failure, Reply::Address)
        }
        Kind::Address | Kind::Other => Reply::NoSuchName,
    }
}

/// RFC 6761, section 6.3: always the machine itself.
fn is_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// RFC 6761, section 6.4, and RFC 7686: names that must never resolve. A last label of digits is no
/// host name but an address (RFC 1123, section 2.1), which nobody resolves.
fn exists(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    !(digits || last == "invalid" || last == "onion")
}
