//! Answers as JSON, from and to the protobuf form that `crate::reply` writes and reads.
//!
//! OTLP/HTTP: the answer has the encoding of the request. Of `google.rpc.Status` the details are
//! left out: over HTTP, `Retry-After` says what they would.

use super::out::Out;
use super::read::{ReadError, read_document};
use super::write_message;
use crate::schema::{Kind, MAX_DEPTH, Message, Row, Rule, row};
use crate::{Malformed, Signal};

/// Largest protobuf form of an answer that is read; texts are bounded far below.
const ANSWER_MAX_BYTES: usize = 1 << 20;

/// An Export*ServiceResponse as JSON; a full success is `{}`.
pub fn write_response(signal: Signal, response: &[u8]) -> Result<Vec<u8>, Malformed> {
    write(response_of(signal), response)
}

/// A `google.rpc.Status` as JSON.
pub fn write_status(status: &[u8]) -> Result<Vec<u8>, Malformed> {
    write(&STATUS, status)
}

/// The protobuf form of a response in JSON, whatever its signal.
pub fn read_response(json: &[u8]) -> Result<Vec<u8>, ReadError> {
    read(&ANY_RESPONSE, json)
}

/// The protobuf form of a `google.rpc.Status` in JSON.
pub fn read_status(json: &[u8]) -> Result<Vec<u8>, ReadError> {
    read(&STATUS, json)
}

fn write(message: &Message, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut permit = |_: usize| true;
    let mut out = Out::new(Vec::new(), &mut permit);
    let written = write_message(message, bytes, MAX_DEPTH, &mut out);
    // Where everything is permitted nothing is refused.
    written.and_then(|()| out.finish()).map_err(|_| Malformed)
}

fn read(message: &'static Message, json: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut out = Vec::new();
    read_document(message, json, ANSWER_MAX_BYTES, &mut out)?;
    Ok(out)
}

fn response_of(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES_RESPONSE,
        Signal::Metrics => &METRICS_RESPONSE,
        Signal::Logs => &LOGS_RESPONSE,
        Signal::Profiles => &PROFILES_RESPONSE,
    }
}

const fn rejected(name: &'static str) -> Row {
    row(1, name, Kind::Int64, Rule::Single)
}

const fn partial(message: &'static Message) -> [Row; 1] {
    [row(1, "partialSuccess", Kind::Message(message), Rule::Single)]
}

const ERROR_MESSAGE: Row = row(2, "errorMessage", Kind::Text, Rule::Single);

static TRACES_RESPONSE: Message = Message { fields: &partial(&TRACES_PARTIAL) };
static TRACES_PARTIAL: Message = Message { fields: &[rejected("rejectedSpans"), ERROR_MESSAGE] };
static METRICS_RESPONSE: Message = Message { fields: &partial(&METRICS_PARTIAL) };
static METRICS_PARTIAL: Message =
    Message { fields: &[rejected("rejectedDataPoints"), ERROR_MESSAGE] };
static LOGS_RESPONSE: Message = Message { fields: &partial(&LOGS_PARTIAL) };
static LOGS_PARTIAL: Message = Message { fields: &[rejected("rejectedLogRecords"), ERROR_MESSAGE] };
static PROFILES_RESPONSE: Message = Message { fields: &partial(&PROFILES_PARTIAL) };
static PROFILES_PARTIAL: Message =
    Message { fields: &[rejected("rejectedProfiles"), ERROR_MESSAGE] };

/// For reading: one field of four names.
static ANY_RESPONSE: Message = Message { fields: &partial(&ANY_PARTIAL) };
static ANY_PARTIAL: Message = Message {
    fields: &[
        rejected("rejectedSpans"),
        rejected("rejectedDataPoints"),
        rejected("rejectedLogRecords"),
        rejected("rejectedProfiles"),
        ERROR_MESSAGE,
    ],
};

static STATUS: Message = Message {
    fields: &[
        row(1, "code", Kind::Enum, Rule::Single),
        row(2, "message", Kind::Text, Rule::Single),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{self, PartialSuccess, Status};

    #[test]
    fn responses_in_json() {
        let check = |signal, partial: PartialSuccess, expect: &str| {
            let bytes = reply::write_response(Some(&partial));
            let json = write_response(signal, &bytes).expect("ours is sound");
            assert_eq!(String::from_utf8_lossy(&json), expect);
            let read = read_response(&json).expect("ours reads ours");
            assert_eq!(reply::read_response(&read), Ok(Some(partial)));
        };
        let partial =
            |rejected, message: &str| PartialSuccess { rejected, message: message.into() };
        let expect = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"bad"}}"#;
        check(Signal::Traces, partial(3, "bad"), expect);
        let expect = r#"{"partialSuccess":{"rejectedLogRecords":"1"}}"#;
        check(Signal::Logs, partial(1, ""), expect);
        let expect = r#"{"partialSuccess":{"errorMessage":"odd"}}"#;
        check(Signal::Metrics, partial(0, "odd"), expect);
        let expect = r#"{"partialSuccess":{"rejectedProfiles":"2"}}"#;
        check(Signal::Profiles, partial(2, ""), expect);
        assert_eq!(write_response(Signal::Traces, &[]), Ok(b"{}".to_vec()));
        assert_eq!(read_response(b"{\"partialSuccess\":null}"), Ok(Vec::new()));
    }

    #[test]
    fn statuses_in_json() {
        let status = Status { code: 3, message: "no".into(), retry_after: None };
        let json = write_status(&reply::write_status(&status)).expect("ours is sound");
        assert_eq!(String::from_utf8_lossy(&json), r#"{"code":3,"message":"no"}"#);
        let theirs = br#"{"code":3,"message":"no","details":[{"@type":"x"}]}"#;
        for json in [&json[..], theirs] {
            let read = read_status(json).expect("a status");
            assert_eq!(reply::read_status(&read), Ok(status.clone()));
        }
    }
}
