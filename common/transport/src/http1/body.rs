//! A request's body, which holds the connection while it is read.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use super::HEAD_BYTES;
use super::head::Framing;
use super::wire::Wire;

/// What a sender that expects it is told before it sends its body (RFC 9110, 10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// Largest piece of a body that is read in pieces.
const PIECE_BYTES: usize = 64 << 10;
/// Longest line of a chunk's size with its extensions.
const SIZE_LINE_BYTES: usize = 4 << 10;

/// Where a connection is between requests, and whether the last body was read whole.
#[derive(Debug, Default)]
pub(super) struct Home(Mutex<Option<(Wire, bool)>>);

impl Home {
    /// The connection, unless a body still has it.
    pub(super) fn take(&self) -> Option<(Wire, bool)> {
        self.0.lock().expect("an assignment cannot panic").take()
    }

    /// Waits until the sender of a request that was read whole is gone: nobody would hear the answer. Has to be
    /// polled after whoever holds the body, and in the same task.
    pub(super) async fn gone(&self) {
        std::future::poll_fn(|context| self.poll_gone(context)).await;
    }

    fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut home = self.0.lock().expect("reading cannot panic");
        let Some((wire, true)) = home.as_mut() else { return Poll::Pending };
        // Another request may come early; beyond a head's size it waits in the socket, unwatched.
        while wire.ahead().len() < HEAD_BYTES {
            match ready!(wire.poll_read_ahead(context)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        Poll::Pending
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(crate) struct Body {
    /// There until it is dropped.
    wire: Option<Wire>,
    left: Left,
    /// What is still to be written of `100 Continue`.
    continues: &'static [u8],
    piece: BytesMut,
    home: Arc<Home>,
}

/// What is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// So many bytes, and that is all.
    Bytes(u64),
    /// A chunk's size.
    Size,
    /// So many bytes of a chunk, and the end of its line.
    Chunk(u64),
    /// The end of a chunk's line.
    LineEnd,
    /// Trailers, of which this many bytes were thrown away.
    Trailers(usize),
}

impl Body {
    pub(super) fn new(wire: Wire, framing: Framing, expects: bool, home: Arc<Home>) -> Self {
        let left = match framing {
            Framing::Length(bytes) => Left::Bytes(bytes),
            Framing::Chunked => Left::Size,
        };
        let continues = if expects && left != DONE { CONTINUE } else { b"" };
        Self { wire: Some(wire), left, continues, piece: BytesMut::new(), home }
    }

    /// Bytes that are still to come, if they were announced.
    pub(crate) fn announced(&self) -> Option<u64> {
        match self.left {
            Left::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Reads on into `buffer`, at most `room` bytes of a body whose length was announced.
    pub(crate) async fn read_into(
        &mut self,
        buffer: &mut BytesMut,
        room: usize,
    ) -> io::Result<usize> {
        std::future::poll_fn(|context| self.poll_read_into(buffer, room, context)).await
    }

    fn poll_read_into(
        &mut self,
        buffer: &mut BytesMut,
        room: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Left::Bytes(left) = self.left else {
            unreachable!("only announced bodies are read so")
        };
        let read = ready!(self.poll_data(buffer, left, room, context))?;
        self.left = Left::Bytes(left - read as u64);
        Poll::Ready(Ok(read))
    }

    /// Takes data, of which `left` bytes are to come: what is ahead first.
    fn poll_data(
        &mut self,
        buffer: &mut BytesMut,
        left: u64,
        room: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_continue(context))?;
        let wire = self.wire.as_mut().expect("there until it is dropped");
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(room);
        let there = wanted.min(wire.ahead().len());
        if there > 0 {
            buffer.extend_from_slice(&wire.ahead()[..there]);
            wire.ahead().advance(there);
            return Poll::Ready(Ok(there));
        }
        match ready!(wire.poll_read(&mut buffer.limit(wanted), context))? {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            read => Poll::Ready(Ok(read)),
        }
    }

    /// Tells a sender that waits to go on, unless it has begun.
    fn poll_continue(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.wire.as_mut().expect("there until it is dropped");
        if !wire.ahead().is_empty() && self.continues.len() == CONTINUE.len() {
            self.continues = b"";
        }
        while !self.continues.is_empty() {
            let written = ready!(wire.poll_write(self.continues, context))?;
            self.continues = &self.continues[written..];
        }
        Poll::Ready(Ok(()))
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            self.left = match self.left {
                DONE => return Poll::Ready(Ok(None)),
                Left::Bytes(left) | Left::Chunk(left) if left > 0 => {
                    return self.poll_some(left, context).map_ok(Some);
                }
                Left::Chunk(_) => Left::LineEnd,
                Left::LineEnd => match ready!(self.poll_line(2, context))?.as_ref() {
                    b"\r\n" => Left::Size,
                    _ => return Poll::Ready(Err(malformed())),
                },
                Left::Size => match size(&ready!(self.poll_line(SIZE_LINE_BYTES, context))?)? {
                    0 => Left::Trailers(0),
                    bytes => Left::Chunk(bytes),
                },
                Left::Trailers(taken) => {
                    let line = ready!(self.poll_line(HEAD_BYTES - taken, context))?;
                    if line.as_ref() == b"\r\n" { DONE } else { Left::Trailers(taken + line.len()) }
                }
                Left::Bytes(_) => unreachable!("none left is done"),
            };
        }
    }

    /// A piece of the `left` bytes that come.
    fn poll_some(&mut self, left: u64, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut piece = std::mem::take(&mut self.piece);
        let room = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        piece.reserve(room);
        let polled = self.poll_data(&mut piece, left, room, context);
        let Poll::Ready(Ok(read)) = polled else {
            self.piece = piece;
            return polled.map_ok(|_| Bytes::new());
        };
        let left = left - read as u64;
        let is_chunk = matches!(self.left, Left::Chunk(_));
        self.left = if is_chunk { Left::Chunk(left) } else { Left::Bytes(left) };
        let bytes = piece.split().freeze();
        self.piece = piece;
        Poll::Ready(Ok(bytes))
    }

    /// Takes a line with its end, of at most `max_bytes`.
    fn poll_line(
        &mut self,
        max_bytes: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<BytesMut>> {
        ready!(self.poll_continue(context))?;
        let wire = self.wire.as_mut().expect("there until it is dropped");
        loop {
            let seen = wire.ahead().len().min(max_bytes);
            if let Some(end) = wire.ahead()[..seen].iter().position(|byte| *byte == b'\n') {
                return Poll::Ready(Ok(wire.ahead().split_to(end + 1)));
            }
            if seen == max_bytes {
                return Poll::Ready(Err(malformed()));
            }
            if ready!(wire.poll_read_ahead(context))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

const DONE: Left = Left::Bytes(0);

/// RFC 9112, 7.1: hexadecimal digits, and extensions that nobody reads.
fn size(line: &[u8]) -> io::Result<u64> {
    match httparse::parse_chunk_size(line) {
        Ok(httparse::Status::Complete((_, bytes))) => Ok(bytes),
        _ => Err(malformed()),
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed chunks")
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.poll_piece(context).map(|piece| piece.transpose()).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.left == DONE
    }

    fn size_hint(&self) -> SizeHint {
        self.announced().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let is_read = self.left == DONE;
        let returned = self.wire.take().map(|wire| (wire, is_read));
        *self.home.0.lock().expect("an assignment cannot panic") = returned;
    }
}
