//! A connection: its socket, and what was read from it ahead of need.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, join};
use tokio::net::TcpStream;

use super::HEAD_BYTES;
use crate::listener::HEAD_TIMEOUT;

/// How every h2 connection begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What is read at a time where nobody knows how much there is to come: most heads, with a small body.
const AHEAD_BYTES: usize = 8 << 10;
/// How much of what a peer still sends is thrown away before its connection is closed, and for how long: one
/// that is reset while it writes may never read its answer.
const FAREWELL_BYTES: usize = 256 << 10;
const FAREWELL_TIME: Duration = Duration::from_millis(500);

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    ahead: BytesMut,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http1,
    Http2,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: BytesMut::new() }
    }

    /// What the peer speaks, by its first bytes; none if it says nothing.
    pub(crate) async fn kind(&mut self) -> io::Result<Option<Kind>> {
        loop {
            let said = self.ahead.len().min(PREFACE.len());
            if said > 0 && self.ahead[..said] != PREFACE[..said] {
                return Ok(Some(Kind::Http1));
            }
            if said == PREFACE.len() {
                return Ok(Some(Kind::Http2));
            }
            if self.read_ahead().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The same connection for hyper, from its first byte on.
    pub(crate) fn into_io(self) -> impl hyper::rt::Read + hyper::rt::Write + Unpin + Send {
        let (read, write) = self.stream.into_split();
        let from_start = io::Cursor::new(self.ahead.freeze()).chain(read);
        TokioIo::new(join(from_start, write))
    }

    /// What was read and not used yet.
    pub(crate) fn ahead(&mut self) -> &mut BytesMut {
        &mut self.ahead
    }

    /// Reads some more of it; 0 at the end. What is ahead stays below [`HEAD_BYTES`] and one read.
    pub(crate) async fn read_ahead(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|context| self.poll_read_ahead(context)).await
    }

    /// The same, by hand.
    pub(crate) fn poll_read_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        debug_assert!(self.ahead.len() < HEAD_BYTES + AHEAD_BYTES, "ahead is bounded");
        if self.ahead.capacity() - self.ahead.len() < AHEAD_BYTES / 2 {
            self.ahead.reserve(AHEAD_BYTES);
        }
        pin!(self.stream.read_buf(&mut self.ahead)).poll(context)
    }

    /// Reads from the socket into `buffer`, past what is ahead; 0 at the end.
    pub(crate) fn poll_read(
        &mut self,
        buffer: &mut impl BufMut,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.ahead.is_empty(), "bytes keep their order");
        pin!(self.stream.read_buf(buffer)).poll(context)
    }

    /// Writes some of `bytes`.
    pub(crate) fn poll_write(
        &mut self,
        bytes: &[u8],
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    /// Writes all of `bytes` to a peer that takes some of them every [`HEAD_TIMEOUT`].
    pub(crate) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = tokio::time::timeout(HEAD_TIMEOUT, self.stream.write(bytes)).await;
            let written = written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Ends the connection so that the peer can read what was written.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let rest = async {
            let mut thrown_away = 0;
            let mut buffer = BytesMut::with_capacity(AHEAD_BYTES);
            while thrown_away < FAREWELL_BYTES {
                buffer.clear();
                match self.stream.read_buf(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(bytes) => thrown_away += bytes,
                }
            }
        };
        // A peer that takes longer has had its chance.
        let _ = tokio::time::timeout(FAREWELL_TIME, rest).await;
        Ok(())
    }
}
