//! Reading a request body with admission.
//!
//! Memory is asked for before it is reserved: first for the smaller of the announced length and
//! [`FIRST_BYTES`], then for as much again as has really arrived. An announcement that never comes
//! costs [`FIRST_BYTES`] at most.
//!
//! A body must move: it may stall for [`ReadLimits::stall`], and must bring
//! [`ReadLimits::min_rate_bytes_per_s`] over each [`ReadLimits::rate_window`]. One timer per body
//! watches both; it is armed when the body does not come at once.
//!
//! A body whose length an HTTP/1 request announced is read into the buffer it stays in. Of all others, one that
//! arrives in one piece is not copied, any other is copied once.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::Instant;

use crate::http1;
use crate::incoming::{Incoming, Source};

/// What an announcement is worth.
pub const FIRST_BYTES: usize = 64 << 10;
/// Addresses, not memory, that an announcement may take at once: so much is never moved as it grows.
const UNMOVED_BYTES: usize = 1 << 20;

/// The memory asked for is not permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// Permits memory before it is used.
pub trait Grow: Send {
    /// Permits `bytes` more.
    fn grow(&mut self, bytes: usize) -> Result<(), Refused>;
}

/// Bounds of one body.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Largest body.
    pub max_bytes: usize,
    /// Longest pause between two pieces.
    pub stall: Duration,
    /// Least average rate over a window.
    pub min_rate_bytes_per_s: usize,
    /// The window of the average.
    pub rate_window: Duration,
}

impl ReadLimits {
    /// The contract's bounds with the caller's size.
    pub const fn of(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            stall: Duration::from_secs(5),
            min_rate_bytes_per_s: 16 << 10,
            rate_window: Duration::from_secs(30),
        }
    }
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Announced or received more than the limit.
    TooLarge,
    /// It stalled, or came too slowly.
    Stalled,
    /// The memory was not permitted.
    Refused,
    /// The sender went away, or broke the protocol.
    Disconnected,
}

impl From<Refused> for ReadError {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

/// Bytes and time for which a body that was refused is still taken, and thrown away: a sender that
/// is cut off while it writes may never read the answer.
const LINGER_BYTES: usize = 32 << 20;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Reads a whole body. One that is refused half way is taken to its end within bounds, at no cost
/// of memory, so that its sender can read why.
pub async fn read_body(
    mut body: Incoming,
    limits: ReadLimits,
    grow: &mut impl Grow,
) -> Result<Bytes, ReadError> {
    let read = match &mut body.0 {
        Source::Http1(body) if body.announced().is_some() => {
            read_in_place(body, limits, grow).await
        }
        Source::Http1(body) => read_pieces(body, limits, grow).await,
        Source::Http2(body) => read_pieces(body, limits, grow).await,
    };
    if matches!(read, Err(ReadError::TooLarge | ReadError::Refused)) {
        linger(body).await;
    }
    read
}

/// Reads a body of an announced length.
async fn read_in_place(
    body: &mut http1::Body,
    limits: ReadLimits,
    grow: &mut impl Grow,
) -> Result<Bytes, ReadError> {
    let announced = usize::try_from(body.announced().unwrap_or_default()).unwrap_or(usize::MAX);
    if announced > limits.max_bytes {
        return Err(ReadError::TooLarge);
    }
    let mut allowance = Allowance::first(announced, grow)?;
    let mut buffer = BytesMut::with_capacity(announced.min(UNMOVED_BYTES));
    let mut pace = Pace::new(limits);
    while buffer.len() < announced {
        if buffer.len() == allowance.permitted {
            allowance.reach(buffer.len() + 1, grow)?;
        }
        let room = allowance.permitted - buffer.len();
        buffer.reserve(room);
        let read = pace.in_time(body.read_into(&mut buffer, room)).await?;
        pace.received(read.map_err(|_| ReadError::Disconnected)?)?;
    }
    Ok(buffer.freeze())
}

/// Takes what is left of a body that nobody wants, for a while.
pub async fn linger<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    let take = async {
        let mut taken = 0;
        while let Some(Ok(frame)) = body.frame().await {
            taken += frame.data_ref().map_or(0, Bytes::len);
            if taken > LINGER_BYTES {
                return;
            }
        }
    };
    // A sender that takes longer has had its chance.
    let _ = tokio::time::timeout(LINGER_TIME, take).await;
}

/// Reads a body that comes in pieces.
async fn read_pieces<B>(
    body: &mut B,
    limits: ReadLimits,
    grow: &mut impl Grow,
) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    let announced = body.size_hint().exact();
    let most =
        announced.map_or(limits.max_bytes, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if most > limits.max_bytes {
        return Err(ReadError::TooLarge);
    }
    let mut buffer = Buffer::new(most, Allowance::first(most, grow)?);
    let mut pace = Pace::new(limits);
    while let Some(piece) = next_piece(body, &mut pace).await? {
        buffer.push(piece, grow)?;
    }
    Ok(buffer.finish())
}

/// The next piece of data, if it comes in time.
async fn next_piece<B>(body: &mut B, pace: &mut Pace) -> Result<Option<Bytes>, ReadError>
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    loop {
        let frame = pace.in_time(body.frame()).await?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(ReadError::Disconnected),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    pace.received(data.len())?;
                    return Ok(Some(data));
                }
                Err(_trailers) => continue,
            },
        }
    }
}

/// Watches that the body moves.
struct Pace {
    limits: ReadLimits,
    window_end: Option<Instant>,
    in_window_bytes: usize,
}

impl Pace {
    fn new(limits: ReadLimits) -> Self {
        Self { limits, window_end: None, in_window_bytes: 0 }
    }

    /// Waits for `coming` no longer than a stall, or the end of a window that is too slow.
    async fn in_time<T>(&mut self, coming: impl Future<Output = T> + Send) -> Result<T, ReadError> {
        let mut coming = std::pin::pin!(coming);
        // Most pieces are there already; the clock is looked at only when one is not.
        if let Some(ready) = poll_once(coming.as_mut()).await {
            return Ok(ready);
        }
        let now = Instant::now();
        let window_end = *self.window_end.get_or_insert(now + self.limits.rate_window);
        let patience = (now + self.limits.stall).min(window_end);
        match tokio::time::timeout_at(patience, coming.as_mut()).await {
            Ok(ready) => Ok(ready),
            Err(_) if patience == window_end && self.is_fast_enough() => {
                self.window_end = Some(window_end + self.limits.rate_window);
                self.in_window_bytes = 0;
                let patience = now + self.limits.stall;
                tokio::time::timeout_at(patience, coming).await.map_err(|_| ReadError::Stalled)
            }
            Err(_) => Err(ReadError::Stalled),
        }
    }

    fn received(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.in_window_bytes += bytes;
        match self.window_end {
            Some(end) if Instant::now() >= end => {
                if !self.is_fast_enough() {
                    return Err(ReadError::Stalled);
                }
                self.window_end = Some(Instant::now() + self.limits.rate_window);
                self.in_window_bytes = 0;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_fast_enough(&self) -> bool {
        let seconds = usize::try_from(self.limits.rate_window.as_secs()).unwrap_or(usize::MAX);
        self.in_window_bytes >= self.limits.min_rate_bytes_per_s.saturating_mul(seconds)
    }
}

/// The future's result if it has one now.
async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// The memory that was permitted for a body.
struct Allowance {
    permitted: usize,
    most: usize,
}

impl Allowance {
    /// For a body of at most `most` bytes of which nothing has come.
    fn first(most: usize, grow: &mut impl Grow) -> Result<Self, Refused> {
        let permitted = most.min(FIRST_BYTES);
        grow.grow(permitted)?;
        Ok(Self { permitted, most })
    }

    /// Permits room for `bytes`, and for as much again if the body can be as large.
    fn reach(&mut self, bytes: usize, grow: &mut impl Grow) -> Result<(), Refused> {
        if bytes > self.permitted {
            let target = (2 * bytes).min(self.most).max(bytes);
            grow.grow(target - self.permitted)?;
            self.permitted = target;
        }
        Ok(())
    }
}

/// The body so far.
struct Buffer {
    max_bytes: usize,
    allowance: Allowance,
    first: Bytes,
    rest: BytesMut,
}

impl Buffer {
    fn new(max_bytes: usize, allowance: Allowance) -> Self {
        Self { max_bytes, allowance, first: Bytes::new(), rest: BytesMut::new() }
    }

    fn push(&mut self, piece: Bytes, grow: &mut impl Grow) -> Result<(), ReadError> {
        let bytes = self.len() + piece.len();
        if bytes > self.max_bytes {
            return Err(ReadError::TooLarge);
        }
        self.allowance.reach(bytes, grow)?;
        if self.len() == 0 {
            self.first = piece;
            return Ok(());
        }
        self.rest.reserve(self.allowance.permitted - self.rest.len());
        self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        self.rest.extend_from_slice(&piece);
        Ok(())
    }

    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn finish(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}

#[cfg(test)]
mod tests;
