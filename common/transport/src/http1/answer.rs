//! Writing an answer.

use std::io::{self, Write};
use std::time::SystemTime;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;

use super::head::HeadError;
use super::wire::Wire;
use crate::http::Body;

/// A body up to so many bytes is copied behind its head and goes out in one write.
const TOGETHER_BYTES: usize = 16 << 10;

/// How an answer depends on its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// It answers `HEAD`: its body is announced and not sent.
    pub(super) is_head: bool,
    /// The connection goes on after it.
    pub(super) keeps: bool,
    /// It answers HTTP/1.0, where a connection ends unless both say that it goes on.
    pub(super) is_old: bool,
}

/// Writes `response`. Trailers are left out: nobody asked for them by `TE`.
pub(super) async fn write(
    wire: &mut Wire,
    mut response: Response<Body>,
    manner: Manner,
) -> io::Result<()> {
    let bytes = response.body().len();
    let mut text = head(&mut response, bytes, manner);
    let is_sent = !manner.is_head && has_body(response.status());
    let mut body = response.into_body();
    if is_sent && bytes <= TOGETHER_BYTES {
        while let Some(piece) = piece(&mut body).await {
            text.extend_from_slice(&piece);
        }
    }
    wire.write_all(&text).await?;
    while is_sent && let Some(piece) = piece(&mut body).await {
        wire.write_all(&piece).await?;
    }
    Ok(())
}

/// Tells a sender why its head was not taken, and closes.
pub(super) async fn refuse(mut wire: Wire, error: &HeadError) -> io::Result<()> {
    let mut response = Response::new(Body::full(format!("{error}\n")));
    *response.status_mut() = error.status();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    let manner = Manner { is_head: false, keeps: false, is_old: false };
    write(&mut wire, response, manner).await?;
    wire.close().await
}

async fn piece(body: &mut Body) -> Option<bytes::Bytes> {
    body.frame().await.and_then(Result::ok).and_then(|frame| frame.into_data().ok())
}

/// RFC 9110, 6.4.1.
fn has_body(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

fn head(response: &mut Response<Body>, bytes: usize, manner: Manner) -> Vec<u8> {
    let status = response.status();
    let headers = response.headers_mut();
    if has_body(status) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    let connection = match manner {
        Manner { keeps: false, .. } => Some("close"),
        Manner { is_old: true, .. } => Some("keep-alive"),
        _ => None,
    };
    if let Some(token) = connection {
        headers.insert(CONNECTION, HeaderValue::from_static(token));
    }
    let mut text = Vec::with_capacity(512);
    let reason = status.canonical_reason().unwrap_or_default();
    let written = write!(text, "HTTP/1.1 {} {reason}\r\n", status.as_str());
    written.expect("memory takes every write");
    if !headers.contains_key(DATE) {
        let now = httpdate::HttpDate::from(SystemTime::now());
        write!(text, "date: {now}\r\n").expect("memory takes every write");
    }
    for (name, value) in headers.iter() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            text.extend_from_slice(part);
        }
    }
    text.extend_from_slice(b"\r\n");
    text
}
