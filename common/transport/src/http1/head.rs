//! The head of a request: parsed by httparse, its length and its end of life judged here.

use std::fmt;
use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use httparse::Status;

/// Fields that a head may have.
pub(crate) const FIELDS: usize = 100;

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) parts: Parts,
    pub(crate) framing: Framing,
    /// Whether another request may follow on the connection.
    pub(crate) keeps: bool,
    /// Whether the sender waits for `100 Continue` before it sends its body.
    pub(crate) expects: bool,
}

/// Where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// Where its chunks say.
    Chunked,
}

/// Why a head was not taken.
#[derive(Debug)]
pub(crate) enum HeadError {
    /// Not HTTP/1, or ambiguous; says what.
    Malformed(&'static str),
    /// More bytes or fields than are taken.
    TooLarge,
    /// A transfer coding beside chunked.
    Coding,
}

impl HeadError {
    /// What the sender hears.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => f.write_str(what),
            Self::TooLarge => f.write_str("the request's head is too large"),
            Self::Coding => f.write_str("the only transfer coding taken is chunked"),
        }
    }
}

impl Head {
    /// Takes a whole head off the front of `ahead`, if it is there.
    pub(crate) fn take(ahead: &mut BytesMut) -> Result<Option<Self>, HeadError> {
        if ahead.is_empty() {
            return Ok(None);
        }
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let bytes = match request.parse_with_uninit_headers(ahead, &mut fields) {
            Ok(Status::Complete(bytes)) => bytes,
            Ok(Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
            Err(_) => return Err(HeadError::Malformed("not an HTTP/1 request")),
        };
        let parts = parts(&request, &Copied::of(&ahead[..bytes]))?;
        ahead.advance(bytes);
        let is_current = parts.version == Version::HTTP_11;
        let framing = framing(&parts.headers, is_current)?;
        let keeps = keeps(&parts.headers, is_current);
        let expects = is_current && has_token(&parts.headers, &EXPECT, b"100-continue");
        Ok(Some(Self { parts, framing, keeps, expects }))
    }
}

/// A head copied once and whole: names and values are slices of the copy, and what was read ahead is free.
struct Copied<'a> {
    original: &'a [u8],
    copy: Bytes,
}

impl<'a> Copied<'a> {
    fn of(original: &'a [u8]) -> Self {
        Self { original, copy: Bytes::copy_from_slice(original) }
    }

    /// The copy of `part`, a slice of the original.
    fn slice(&self, part: &[u8]) -> Bytes {
        let start = part.as_ptr().addr() - self.original.as_ptr().addr();
        self.copy.slice(start..start + part.len())
    }
}

fn parts(parsed: &httparse::Request<'_, '_>, text: &Copied<'_>) -> Result<Parts, HeadError> {
    let mut request = Request::new(());
    let method = parsed.method.unwrap_or_default().as_bytes();
    *request.method_mut() =
        Method::from_bytes(method).map_err(|_| HeadError::Malformed("not a method"))?;
    let target = parsed.path.ok_or(HeadError::Malformed("not a request target"))?;
    *request.uri_mut() = Uri::from_maybe_shared(text.slice(target.as_bytes()))
        .map_err(|_| HeadError::Malformed("not a request target"))?;
    *request.version_mut() =
        if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    request.headers_mut().reserve(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| HeadError::Malformed("not a field name"))?;
        let value = HeaderValue::from_maybe_shared(text.slice(field.value))
            .map_err(|_| HeadError::Malformed("not a field value"))?;
        request.headers_mut().append(name, value);
    }
    Ok(request.into_parts().0)
}

/// RFC 9112, 6.3. Whatever two readers could understand differently is refused.
fn framing(headers: &HeaderMap, is_current: bool) -> Result<Framing, HeadError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if headers.contains_key(CONTENT_LENGTH) || !is_current {
            return Err(HeadError::Malformed("an ambiguous length"));
        }
        let is_chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        let is_only = codings.next().is_none();
        return if is_chunked && is_only { Ok(Framing::Chunked) } else { Err(HeadError::Coding) };
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(|value| number(value.as_bytes()));
    let first = lengths.next().unwrap_or(Some(0));
    match first {
        Some(bytes) if lengths.all(|other| other == first) => Ok(Framing::Length(bytes)),
        _ => Err(HeadError::Malformed("not a content length")),
    }
}

/// Digits and nothing else: `parse` would take a sign.
fn number(text: &[u8]) -> Option<u64> {
    let is_plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_plain.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten()
}

/// RFC 9112, 9.3.
fn keeps(headers: &HeaderMap, is_current: bool) -> bool {
    if is_current {
        !has_token(headers, &CONNECTION, b"close")
    } else {
        has_token(headers, &CONNECTION, b"keep-alive")
    }
}

/// Whether a field that is a list holds `token`.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut items = values.flat_map(|value| value.split(|byte| *byte == b','));
    items.any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}
