//! The body of a request as it comes, over either protocol.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::http1;

/// A body as it comes.
#[derive(Debug)]
pub struct Incoming(pub(crate) Source);

/// Where it comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Straight from the connection.
    Http1(http1::Body),
    /// A stream of hyper's.
    Http2(hyper::body::Incoming),
}

/// The sender went away, or broke the protocol.
#[derive(Debug)]
pub struct Broken(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body broke off: {}", self.0)
    }
}

impl std::error::Error for Broken {}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.get_mut().0 {
            Source::Http1(body) => Pin::new(body).poll_frame(context).map_err(|e| Broken(e.into())),
            Source::Http2(body) => Pin::new(body).poll_frame(context).map_err(|e| Broken(e.into())),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Http1(body) => body.is_end_stream(),
            Source::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Http1(body) => body.size_hint(),
            Source::Http2(body) => body.size_hint(),
        }
    }
}
