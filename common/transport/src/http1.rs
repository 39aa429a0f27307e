//! HTTP/1 served by ourselves (RFC 9112), for the sake of large bodies: hyper hands a body over in the pieces
//! that it happened to read, and putting them together costs a copy and twice the cache. Here a body whose
//! length is announced is read from the socket into the buffer that it stays in.
//!
//! A request's [`Body`] holds the connection while it is read and gives it back when it is dropped; what
//! nobody read ends the connection after the answer. A sender that goes away before it was answered ends its
//! request: the handler is dropped. Heads have at most [`HEAD_BYTES`] and [`head::FIELDS`]
//! fields; an ambiguous length is refused (RFC 9112, 6.3). A connection that does nothing ends after
//! its `idle_timeout`, one whose head stays away after `head_timeout`, one that does not take its answer after
//! [`HEAD_TIMEOUT`](crate::listener::HEAD_TIMEOUT).

mod answer;
mod body;
mod head;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use tokio::time::{Instant, timeout_at};

use crate::incoming::{Incoming, Source};
use crate::listener::{ConnectionSettings, Handler, Phase, Phases};
use answer::Manner;
use head::{Head, HeadError};

pub(crate) use body::Body;
pub(crate) use wire::{Kind, Wire};

/// Largest head of a request, and the most that is read ahead of need.
pub(crate) const HEAD_BYTES: usize = 64 << 10;

/// Serves requests one after the other until either side ends.
pub(crate) async fn serve<H: Handler>(
    mut wire: Wire,
    peer: SocketAddr,
    handler: &H,
    settings: &ConnectionSettings,
    mut phases: Phases,
) -> io::Result<()> {
    let home = Arc::new(body::Home::default());
    loop {
        let head = match next_head(&mut wire, settings, &mut phases).await? {
            Some(Ok(head)) => head,
            Some(Err(error)) => return answer::refuse(wire, &error).await,
            None => return Ok(()),
        };
        let Head { parts, framing, keeps, expects } = head;
        let is_head = parts.method == http::Method::HEAD;
        let is_old = parts.version == http::Version::HTTP_10;
        let incoming = Incoming(Source::Http1(Body::new(wire, framing, expects, home.clone())));
        let response = tokio::select! {
            biased;
            response = handler.call(Request::from_parts(parts, incoming), peer) => response,
            () = home.gone() => return Ok(()),
        };
        // A handler that keeps the body beyond its answer has kept the connection.
        let Some((returned, is_read)) = home.take() else { return Ok(()) };
        wire = returned;
        let keeps = keeps && settings.keep_alives && is_read && phases.now() == Phase::Open;
        answer::write(&mut wire, response, Manner { is_head, keeps, is_old }).await?;
        if !keeps {
            return wire.close().await;
        }
    }
}

/// The next request's head; none if the connection ended, was idle for too long, or is to end.
async fn next_head(
    wire: &mut Wire,
    settings: &ConnectionSettings,
    phases: &mut Phases,
) -> io::Result<Option<Result<Head, HeadError>>> {
    let (mut idle_until, mut whole_until) = (None, None);
    loop {
        if let Some(head) = Head::take(wire.ahead()).transpose() {
            return Ok(Some(head));
        }
        if wire.ahead().len() >= HEAD_BYTES {
            return Ok(Some(Err(HeadError::TooLarge)));
        }
        let is_idle = wire.ahead().is_empty();
        let deadline = if is_idle {
            *idle_until.get_or_insert_with(|| Instant::now() + settings.idle_timeout)
        } else {
            *whole_until.get_or_insert_with(|| Instant::now() + settings.head_timeout)
        };
        let read = tokio::select! {
            biased;
            read = timeout_at(deadline, wire.read_ahead()) => read,
            () = phases.ending(), if is_idle => return Ok(None),
        };
        match read {
            Ok(Ok(0)) | Err(_) => return Ok(None),
            Ok(read) => read?,
        };
    }
}

#[cfg(test)]
mod tests;
