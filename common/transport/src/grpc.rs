//! Unary gRPC over HTTP, without generated code: framing, status, timeout.
//!
//! A message is five bytes (compressed flag, length) and the payload; the verdict travels in
//! trailers, or in the head when there is nothing else to say.

mod text;

use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::client::Reply;
use crate::coding::ACCEPTED_BY_GRPC;
use crate::http::Body;

pub use text::{decode_message, encode_message, from_base64, to_base64};

/// Bytes before each message.
pub const FRAME_HEADER_BYTES: usize = 5;

/// gRPC's status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// Success.
    Ok = 0,
    /// The caller cancelled.
    Cancelled = 1,
    /// No better code.
    Unknown = 2,
    /// The request is wrong, whatever the state of the system.
    InvalidArgument = 3,
    /// Too late.
    DeadlineExceeded = 4,
    /// There is no such thing.
    NotFound = 5,
    /// It exists already.
    AlreadyExists = 6,
    /// Not allowed.
    PermissionDenied = 7,
    /// A quota or a size.
    ResourceExhausted = 8,
    /// The system is not in the state needed.
    FailedPrecondition = 9,
    /// A conflict.
    Aborted = 10,
    /// Past the end.
    OutOfRange = 11,
    /// Not served here.
    Unimplemented = 12,
    /// An invariant is broken.
    Internal = 13,
    /// Come again.
    Unavailable = 14,
    /// Data is gone.
    DataLoss = 15,
    /// Who are you?
    Unauthenticated = 16,
}

const CODES: [Code; 17] = [
    Code::Ok,
    Code::Cancelled,
    Code::Unknown,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];

impl Code {
    /// The code of a `grpc-status` text; unknown numbers are `Unknown`.
    pub fn parse(text: &[u8]) -> Self {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<usize>().ok());
        number.and_then(|number| CODES.get(number).copied()).unwrap_or(Self::Unknown)
    }

    /// gRPC over HTTP: the code for an answer without `grpc-status`.
    pub fn from_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

/// The verdict on a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: Code,
    /// For people.
    pub message: String,
    /// An encoded `google.rpc.Status`, for `grpc-status-details-bin`; empty if there is none.
    pub details: Bytes,
}

impl Status {
    /// A verdict without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Bytes::new() }
    }
}

/// Why a message could not be taken out of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Fewer bytes than announced, or none at all.
    Truncated,
    /// Something behind the message: a second one, in a unary call.
    Trailing,
    /// The compressed flag is neither 0 nor 1.
    Flag,
}

/// Whether a request is a gRPC one.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(http::header::CONTENT_TYPE) else { return false };
    let rest = value.as_bytes().strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || matches!(rest[0], b'+' | b';'))
}

/// Whether its messages are protobuf.
pub fn is_protobuf(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(http::header::CONTENT_TYPE) else { return false };
    let rest = value.as_bytes().strip_prefix(b"application/grpc").unwrap_or_default();
    rest.is_empty() || rest.starts_with(b";") || rest.starts_with(b"+proto")
}

/// Takes the one message of a unary call out of its frame; the flag tells whether it is compressed.
pub fn unframe(mut body: Bytes) -> Result<(bool, Bytes), FrameError> {
    if body.len() < FRAME_HEADER_BYTES {
        return Err(FrameError::Truncated);
    }
    let compressed = match body.get_u8() {
        0 => false,
        1 => true,
        _ => return Err(FrameError::Flag),
    };
    let bytes = usize::try_from(body.get_u32()).unwrap_or(usize::MAX);
    match body.len().cmp(&bytes) {
        std::cmp::Ordering::Less => Err(FrameError::Truncated),
        std::cmp::Ordering::Greater => Err(FrameError::Trailing),
        std::cmp::Ordering::Equal => Ok((compressed, body)),
    }
}

/// A message of several pieces as the body of a call. A message has less than 4 GiB.
pub fn frame(compressed: bool, pieces: impl IntoIterator<Item = Bytes>) -> Body {
    let pieces: Vec<Bytes> = pieces.into_iter().collect();
    let bytes: usize = pieces.iter().map(Bytes::len).sum();
    let bytes = u32::try_from(bytes).expect("bodies are bounded far below 4 GiB");
    let mut header = [u8::from(compressed); FRAME_HEADER_BYTES];
    header[1..].copy_from_slice(&bytes.to_be_bytes());
    Body::pieces(std::iter::once(Bytes::copy_from_slice(&header)).chain(pieces))
}

/// A successful answer with one message.
pub fn ok(message: Bytes) -> Response<Body> {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    respond(frame(false, [message]).with_trailers(trailers), HeaderMap::new())
}

/// An answer that is only a verdict.
pub fn error(status: &Status) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert("grpc-status", HeaderValue::from(status.code as u16));
    if let Ok(message) = HeaderValue::try_from(encode_message(&status.message)) {
        headers.insert("grpc-message", message);
    }
    if !status.details.is_empty()
        && let Ok(details) = HeaderValue::try_from(to_base64(&status.details))
    {
        headers.insert("grpc-status-details-bin", details);
    }
    if status.code == Code::Unimplemented {
        headers.insert("grpc-accept-encoding", HeaderValue::from_static(ACCEPTED_BY_GRPC));
    }
    respond(Body::empty(), headers)
}

fn respond(body: Body, mut headers: HeaderMap) -> Response<Body> {
    let kind = HeaderValue::from_static("application/grpc");
    headers.insert(http::header::CONTENT_TYPE, kind);
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

/// The verdict in a reply, and the message where it is `Ok`. The status stands in the trailers, or
/// in the head of an answer without a body; where it is missing, HTTP's status stands for it.
pub fn verdict(reply: &Reply) -> Status {
    let trailers = reply.trailers.as_ref();
    let place = trailers.filter(|trailers| trailers.contains_key("grpc-status"));
    let place = place.unwrap_or(&reply.headers);
    let Some(code) = place.get("grpc-status") else {
        let message = format!("no grpc-status, HTTP status {}", reply.status.as_u16());
        return Status::new(Code::from_http(reply.status), message);
    };
    let bytes = |name: &str| place.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    Status {
        code: Code::parse(code.as_bytes()),
        message: decode_message(bytes("grpc-message")),
        details: from_base64(bytes("grpc-status-details-bin")).unwrap_or_default(),
    }
}

/// gRPC over HTTP: `grpc-timeout`, at most eight digits and a unit.
pub fn parse_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

/// The header value for a timeout, in milliseconds, at most a day.
pub fn timeout_value(timeout: Duration) -> HeaderValue {
    let ms = timeout.as_millis().clamp(1, 86_400_000);
    HeaderValue::try_from(format!("{ms}m")).expect("digits and a letter are a header value")
}

#[cfg(test)]
mod tests;
