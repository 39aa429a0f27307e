//! How a verdict is spelt: once in HTTP, once in gRPC (contract: refusals).

use std::time::Duration;

use bytes::Bytes;
use otlp::reply::{PartialSuccess, write_response};
use pipeline::{Cause, Outcome, RefusalKind};

use super::admit::{Format, Reject};

/// What a sender is asked to wait where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// OTLP: the response message of a success, with its partial success or warning.
fn success(outcome: &Outcome) -> Bytes {
    let partial = match outcome {
        Outcome::Partial { rejected, message } => {
            Some(PartialSuccess { rejected: *rejected, message: message.to_string() })
        }
        Outcome::Accepted { warning: Some(message) } => {
            Some(PartialSuccess { rejected: 0, message: message.to_string() })
        }
        _ => None,
    };
    Bytes::from(write_response(partial.as_ref()))
}

fn text_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Budget => "the memory budget is used up",
        Cause::QueueFull => "the sending queue is full",
        Cause::Backend => "the backend takes no data",
        Cause::Deadline => "not delivered in time",
        Cause::Shutdown => "shutting down",
        Cause::Lost => "internal fault, nothing was stored",
    }
}

fn text_of_reject(reject: &Reject) -> &str {
    match reject {
        Reject::Busy => text_of(Cause::Budget),
        Reject::Malformed => "not an OTLP export request",
        Reject::NotJson(why) => why,
        Reject::Corrupt => "cannot be inflated",
        Reject::TooLarge => "larger than the limit",
        Reject::Stalled => "the body stalled",
    }
}

pub(super) mod http {
    //! OTLP/HTTP: a refusal's body is a `google.rpc.Status`; all bodies are as the request's.

    use otlp::reply::{Status, write_status};
    use pipeline::{Answer, Signal};
    use transport::http::Body;
    use transport::{HeaderValue, Response, StatusCode};

    use super::*;

    /// The answer to a request that became a batch.
    pub(in super::super) fn answer(
        format: Format,
        signal: Signal,
        answer: &Answer,
    ) -> Response<Body> {
        match &answer.outcome {
            outcome @ (Outcome::Accepted { .. } | Outcome::Partial { .. }) => {
                let message = success(outcome);
                let body = match format {
                    Format::Protobuf => message,
                    Format::Json => json(otlp::json::write_response(signal, &message)),
                };
                respond(format, StatusCode::OK, body)
            }
            Outcome::Retry { after, cause } => retry(format, *after, text_of(*cause)),
            Outcome::Refused(refusal) => refuse(format, status_of(refusal.kind), &refusal.message),
        }
    }

    /// The answer to a request that did not.
    pub(in super::super) fn reject(format: Format, reject: &Reject) -> Response<Body> {
        let text = text_of_reject(reject);
        let status = match reject {
            Reject::Busy => return retry(format, None, text),
            Reject::Malformed | Reject::NotJson(_) | Reject::Corrupt => StatusCode::BAD_REQUEST,
            Reject::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reject::Stalled => StatusCode::REQUEST_TIMEOUT,
        };
        refuse(format, status, text)
    }

    /// A refusal for good.
    pub(in super::super) fn refuse(
        format: Format,
        status: StatusCode,
        message: &str,
    ) -> Response<Body> {
        let message = Status { code: 0, message: message.to_owned(), retry_after: None };
        respond(format, status, status_body(format, &message))
    }

    fn retry(format: Format, after: Option<Duration>, text: &str) -> Response<Body> {
        let after = after.unwrap_or(RETRY_AFTER);
        let message = Status { code: 0, message: text.to_owned(), retry_after: Some(after) };
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut response = respond(format, status, status_body(format, &message));
        // Retry-After has whole seconds; never earlier than asked for.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
        response
    }

    fn status_body(format: Format, status: &Status) -> Bytes {
        let bytes = write_status(status);
        match format {
            Format::Protobuf => Bytes::from(bytes),
            Format::Json => json(otlp::json::write_status(&bytes)),
        }
    }

    fn json(written: Result<Vec<u8>, otlp::Malformed>) -> Bytes {
        Bytes::from(written.expect("messages of our own are sound"))
    }

    fn respond(format: Format, status: StatusCode, body: Bytes) -> Response<Body> {
        let mut response = Response::new(Body::full(body));
        *response.status_mut() = status;
        let kind = HeaderValue::from_static(match format {
            Format::Protobuf => "application/x-protobuf",
            Format::Json => "application/json",
        });
        response.headers_mut().insert("content-type", kind);
        response
    }

    fn status_of(kind: RefusalKind) -> StatusCode {
        match kind {
            RefusalKind::Malformed | RefusalKind::Rejected => StatusCode::BAD_REQUEST,
            RefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RefusalKind::Unimplemented => StatusCode::NOT_FOUND,
        }
    }
}

pub(super) mod grpc {
    //! OTLP/gRPC: only a status with `RetryInfo` asks to come again.

    use pipeline::Answer;
    use transport::Response;
    use transport::grpc::{self, Code, Status};
    use transport::http::Body;

    use super::*;

    /// The answer to a call that became a batch.
    pub(in super::super) fn answer(answer: &Answer) -> Response<Body> {
        match &answer.outcome {
            outcome @ (Outcome::Accepted { .. } | Outcome::Partial { .. }) => {
                grpc::ok(success(outcome))
            }
            Outcome::Retry { after, cause } => grpc::error(&retry(*after, text_of(*cause))),
            Outcome::Refused(refusal) => {
                grpc::error(&Status::new(code_of(refusal.kind), &*refusal.message))
            }
        }
    }

    /// The answer to a call that did not.
    pub(in super::super) fn reject(reject: Reject) -> Status {
        let text = text_of_reject(&reject);
        match reject {
            Reject::Busy => retry(None, text),
            Reject::Malformed | Reject::NotJson(_) | Reject::Corrupt => {
                Status::new(Code::InvalidArgument, text)
            }
            Reject::TooLarge => Status::new(Code::ResourceExhausted, text),
            Reject::Stalled => Status::new(Code::DeadlineExceeded, text),
        }
    }

    fn retry(after: Option<Duration>, text: &str) -> Status {
        let details = otlp::reply::write_status(&otlp::reply::Status {
            code: Code::Unavailable as u32,
            message: text.to_owned(),
            retry_after: Some(after.unwrap_or(RETRY_AFTER)),
        });
        let mut status = Status::new(Code::Unavailable, text);
        status.details = Bytes::from(details);
        status
    }

    fn code_of(kind: RefusalKind) -> Code {
        match kind {
            RefusalKind::Malformed | RefusalKind::Rejected => Code::InvalidArgument,
            RefusalKind::TooLarge => Code::ResourceExhausted,
            RefusalKind::Unimplemented => Code::Unimplemented,
        }
    }
}
