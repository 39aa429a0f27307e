//! What a backend's answer means for the batch (OTLP: failures, throttling).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use otlp::json::ReadError;
use otlp::reply::{PartialSuccess, read_response, read_status};
use pipeline::{Cause, Outcome, RefusalKind};
use transport::client::Reply;
use transport::grpc::{self, Code};
use transport::{HeaderMap, StatusCode};

/// OTLP/HTTP: 429, 502, 503 and 504 ask to come again; 408 too, since a body that stalled was not
/// taken. Everything else but 200 is for good.
pub(super) fn of_http(reply: &Reply) -> Outcome {
    let text = || match read_status(&protobuf(reply, otlp::json::read_status)) {
        Ok(status) if !status.message.is_empty() => status.message,
        _ => format!("the backend answered {}", reply.status),
    };
    match reply.status {
        StatusCode::OK => success(&protobuf(reply, otlp::json::read_response)),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            Outcome::Retry { after: retry_after(&reply.headers), cause: Cause::Backend }
        }
        StatusCode::BAD_REQUEST => Outcome::refused(RefusalKind::Malformed, text()),
        StatusCode::PAYLOAD_TOO_LARGE => Outcome::refused(RefusalKind::TooLarge, text()),
        StatusCode::NOT_FOUND => Outcome::refused(RefusalKind::Unimplemented, text()),
        _ => Outcome::refused(RefusalKind::Rejected, text()),
    }
}

/// The answer's body as protobuf; one in JSON is read, and is nothing if it cannot be.
fn protobuf(reply: &Reply, read: fn(&[u8]) -> Result<Vec<u8>, ReadError>) -> Bytes {
    let kind = reply.headers.get("content-type").map_or(&b""[..], |kind| kind.as_bytes());
    match kind.starts_with(b"application/json") {
        true => Bytes::from(read(&reply.body).unwrap_or_default()),
        false => reply.body.clone(),
    }
}

/// OTLP/gRPC: the table of retryable codes; RESOURCE_EXHAUSTED only with `RetryInfo`. A message over the
/// server's limit (4 MiB by default) has no code of its own: most say RESOURCE_EXHAUSTED as for a quota,
/// tonic says OUT_OF_RANGE, a proxy answers HTTP 413; only the text tells.
pub(super) fn of_grpc(reply: &Reply) -> Outcome {
    let status = grpc::verdict(reply);
    let after = read_status(&status.details).ok().and_then(|status| status.retry_after);
    let refused = |kind| match status.message.is_empty() {
        true => Outcome::refused(kind, format!("the backend answered code {}", status.code as u8)),
        false => Outcome::refused(kind, status.message.as_str()),
    };
    let is_sized = matches!(status.code, Code::ResourceExhausted | Code::OutOfRange);
    if reply.status == StatusCode::PAYLOAD_TOO_LARGE
        || (is_sized && after.is_none() && speaks_of_size(&status.message))
    {
        return refused(RefusalKind::TooLarge);
    }
    match status.code {
        Code::Ok => match grpc::unframe(reply.body.clone()) {
            Ok((false, message)) => success(&message),
            _ => Outcome::ACCEPTED,
        },
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Outcome::Retry { after, cause: Cause::Backend },
        Code::ResourceExhausted if after.is_some() => {
            Outcome::Retry { after, cause: Cause::Backend }
        }
        Code::InvalidArgument => refused(RefusalKind::Malformed),
        Code::Unimplemented => refused(RefusalKind::Unimplemented),
        _ => refused(RefusalKind::Rejected),
    }
}

/// Whether a refusal is about the size of the message, in the words of the servers there are: grpc-go and
/// C-core "larger than max", tonic "length too large", Java "exceeds maximum size", .NET "exceeds the maximum
/// configured message size", ourselves "larger than the limit".
fn speaks_of_size(message: &str) -> bool {
    const WORDS: [&str; 4] = ["larger than", "too large", "exceeds max", "exceeds the max"];
    let message = message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}

/// OTLP: a response that cannot be read is a success without details.
fn success(message: &[u8]) -> Outcome {
    match read_response(message) {
        Ok(Some(PartialSuccess { rejected: 0, message })) => {
            Outcome::Accepted { warning: Some(message.into()) }
        }
        Ok(Some(PartialSuccess { rejected, message })) => {
            Outcome::Partial { rejected, message: message.into() }
        }
        Ok(None) | Err(_) => Outcome::ACCEPTED,
    }
}

/// RFC 9110, section 10.2.3: seconds or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use otlp::reply::{Status, write_response, write_status};
    use proptest::prelude::*;

    use super::*;

    fn http(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Outcome {
        let headers = headers.iter().map(|(name, value)| {
            (transport::HeaderName::from_static(name), transport::HeaderValue::from_static(value))
        });
        of_http(&Reply {
            status: StatusCode::from_u16(status).expect("a test's status is one"),
            headers: headers.collect(),
            body: Bytes::copy_from_slice(body),
            trailers: None,
        })
    }

    fn grpc(code: u8, details: &Status) -> Outcome {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", transport::HeaderValue::from(u16::from(code)));
        let details = grpc::to_base64(&write_status(details));
        trailers.insert("grpc-status-details-bin", details.parse().expect("base64 is a value"));
        let (status, headers, body) = (StatusCode::OK, HeaderMap::new(), Bytes::new());
        of_grpc(&Reply { status, headers, body, trailers: Some(trailers) })
    }

    fn kind(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Partial { .. } => "partial",
            Outcome::Retry { after: None, .. } => "retry",
            Outcome::Retry { after: Some(_), .. } => "retry after",
            Outcome::Refused(refusal) => match refusal.kind {
                RefusalKind::Malformed => "malformed",
                RefusalKind::TooLarge => "too large",
                RefusalKind::Rejected => "rejected",
                RefusalKind::Unimplemented => "unimplemented",
            },
        }
    }

    #[test]
    fn statuses_of_http() {
        let partial = PartialSuccess { rejected: 3, message: "bad".into() };
        let partial = write_response(Some(&partial));
        assert_eq!(kind(&http(200, &[], &[])), "accepted");
        assert_eq!(kind(&http(200, &[], &partial)), "partial");
        assert_eq!(kind(&http(200, &[], b"not protobuf")), "accepted");
        let json = [("content-type", "application/json; charset=utf-8")];
        assert_eq!(kind(&http(200, &json, b"{}")), "accepted");
        let partial = br#"{"partialSuccess":{"rejectedSpans":"3"}}"#;
        assert_eq!(kind(&http(200, &json, partial)), "partial");
        assert_eq!(kind(&http(200, &json, b"not JSON")), "accepted");
        let refused = Outcome::refused(RefusalKind::Malformed, "no span");
        assert_eq!(http(400, &json, br#"{"message":"no span"}"#), refused);
        for status in [429, 408, 502, 503, 504] {
            assert_eq!(kind(&http(status, &[], &[])), "retry", "{status}");
        }
        let date = [("retry-after", "Wed, 21 Oct 2065 07:28:00 GMT")];
        assert_eq!(kind(&http(503, &date, &[])), "retry after");
        let seconds = Outcome::Retry { after: Some(Duration::from_secs(7)), cause: Cause::Backend };
        assert_eq!(http(429, &[("retry-after", "7")], &[]), seconds);
        assert_eq!(kind(&http(503, &[("retry-after", "soon")], &[])), "retry");
        for (status, expect) in [
            (400, "malformed"),
            (401, "rejected"),
            (404, "unimplemented"),
            (413, "too large"),
            (301, "rejected"),
            (500, "rejected"),
        ] {
            assert_eq!(kind(&http(status, &[], &[])), expect, "{status}");
        }
    }

    #[test]
    fn codes_of_grpc() {
        let plain = Status::default();
        let hinted = Status { retry_after: Some(Duration::from_secs(2)), ..Status::default() };
        for code in [1, 4, 10, 11, 14, 15] {
            assert_eq!(kind(&grpc(code, &plain)), "retry", "{code}");
            assert_eq!(kind(&grpc(code, &hinted)), "retry after", "{code}");
        }
        assert_eq!(kind(&grpc(8, &hinted)), "retry after");
        for (code, expect) in [
            (0, "accepted"),
            (2, "rejected"),
            (3, "malformed"),
            (5, "rejected"),
            (7, "rejected"),
            (8, "rejected"),
            (12, "unimplemented"),
            (13, "rejected"),
            (16, "rejected"),
            (99, "rejected"),
        ] {
            assert_eq!(kind(&grpc(code, &plain)), expect, "{code}");
        }
    }

    #[test]
    fn what_is_too_large_is_told_from_a_quota() {
        let said = |status, code: u8, message: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", transport::HeaderValue::from(u16::from(code)));
            headers.insert("grpc-message", message.parse().expect("a value"));
            let (body, trailers) = (Bytes::new(), None);
            kind(&of_grpc(&Reply { status, headers, body, trailers }))
        };
        for (code, message, expect) in [
            (8, "grpc: received message larger than max (5242880 vs. 4194304)", "too large"),
            (8, "Received message larger than max (5242880 vs 4194304)", "too large"),
            (8, "gRPC message exceeds maximum size 4194304: 5242880", "too large"),
            (8, "Received message exceeds the maximum configured message size.", "too large"),
            (8, "larger than the limit", "too large"),
            (8, "quota of the day", "rejected"),
            (11, "Error, decoded message length too large: found 5 bytes", "too large"),
            (11, "cursor", "retry"),
            (13, "the file is too large", "rejected"),
        ] {
            assert_eq!(said(StatusCode::OK, code, message), expect, "{code} {message}");
        }
        let proxy = Reply {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            trailers: None,
        };
        assert_eq!(kind(&of_grpc(&proxy)), "too large");
    }

    fn value(bytes: &[u8]) -> Option<transport::HeaderValue> {
        transport::HeaderValue::from_bytes(bytes).ok()
    }

    proptest! {
        #[test]
        fn hostile_replies_never_panic(
            status in 100u16..1000,
            body in proptest::collection::vec(any::<u8>(), 0..200),
            retry in "[0-9]{0,25}|.{0,40}",
            message in proptest::collection::vec(any::<u8>(), 0..80),
            details in "[A-Za-z0-9+/=]{0,80}",
        ) {
            let named = [
                ("retry-after", value(retry.as_bytes())),
                ("grpc-status", value(&message[..message.len().min(2)])),
                ("grpc-message", value(&message)),
                ("grpc-status-details-bin", value(details.as_bytes())),
            ];
            let headers = named.into_iter().filter_map(|(name, value)| {
                Some((transport::HeaderName::from_static(name), value?))
            });
            let reply = Reply {
                status: StatusCode::from_u16(status).expect("a status"),
                headers: headers.collect(),
                body: Bytes::from(body),
                trailers: None,
            };
            let _ = (of_http(&reply), of_grpc(&reply));
        }
    }
}
