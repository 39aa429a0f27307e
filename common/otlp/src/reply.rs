//! What a server answers: export responses with partial success, and `google.rpc.Status`.
//!
//! OTLP: full success, partial success, failures. Messages are bounded by [`MAX_MESSAGE_BYTES`] in
//! both directions; details other than `RetryInfo` are skipped.

use std::time::Duration;

use crate::wire::{Fields, Malformed, Value, put_bytes, put_message, put_uint};

/// Longest message that is written or kept.
pub const MAX_MESSAGE_BYTES: usize = 1024;

/// The type URL of google.rpc.RetryInfo in a Status's details.
const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";

/// OTLP: partial success. Zero rejected records with a message are a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Records the server rejected; never negative here.
    pub rejected: u64,
    /// Why, for people.
    pub message: String,
}

/// `google.rpc.Status` as far as OTLP uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// A gRPC code; may be 0 over HTTP.
    pub code: u32,
    /// For people.
    pub message: String,
    /// When to come again, from RetryInfo.
    pub retry_after: Option<Duration>,
}

/// An Export*ServiceResponse; a full success is zero bytes.
pub fn write_response(partial: Option<&PartialSuccess>) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(partial) = partial {
        put_message(&mut out, 1, |out| {
            put_uint(out, 1, partial.rejected.min(i64::MAX as u64));
            put_text(out, 2, &partial.message);
        });
    }
    out
}

/// Reads an Export*ServiceResponse.
pub fn read_response(bytes: &[u8]) -> Result<Option<PartialSuccess>, Malformed> {
    let mut partial: Option<PartialSuccess> = None;
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        if let (1, Value::Bytes(message)) = (field.number, field.value) {
            read_partial(message, partial.get_or_insert_default())?;
        }
    }
    Ok(partial.filter(|partial| *partial != PartialSuccess::default()))
}

/// A `google.rpc.Status`.
pub fn write_status(status: &Status) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, 1, u64::from(status.code));
    put_text(&mut out, 2, &status.message);
    if let Some(after) = status.retry_after {
        put_message(&mut out, 3, |out| {
            put_bytes(out, 1, RETRY_INFO);
            put_message(out, 2, |out| put_message(out, 1, |out| put_duration(out, after)));
        });
    }
    out
}

/// Reads a `google.rpc.Status`.
pub fn read_status(bytes: &[u8]) -> Result<Status, Malformed> {
    let mut status = Status::default();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        match (field.number, field.value) {
            (1, Value::Varint(code)) => status.code = u32::try_from(code).unwrap_or(2),
            (2, Value::Bytes(text)) => status.message = text_of(text),
            (3, Value::Bytes(any)) => {
                status.retry_after = read_retry_info(any)?.or(status.retry_after);
            }
            _ => {}
        }
    }
    Ok(status)
}

fn read_partial(bytes: &[u8], partial: &mut PartialSuccess) -> Result<(), Malformed> {
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        match (field.number, field.value) {
            // A negative count is a server's mistake; it rejects nothing.
            (1, Value::Varint(count)) => {
                partial.rejected = if count >> 63 == 1 { 0 } else { count }
            }
            (2, Value::Bytes(text)) => partial.message = text_of(text),
            _ => {}
        }
    }
    Ok(())
}

fn read_retry_info(any: &[u8]) -> Result<Option<Duration>, Malformed> {
    let (mut is_retry, mut value) = (false, &[][..]);
    let mut fields = Fields::new(any);
    while let Some(field) = fields.try_next()? {
        match (field.number, field.value) {
            (1, Value::Bytes(url)) => is_retry = url.ends_with(b"google.rpc.RetryInfo"),
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    if !is_retry {
        return Ok(None);
    }
    let mut delay = Duration::ZERO;
    let mut fields = Fields::new(value);
    while let Some(field) = fields.try_next()? {
        if let (1, Value::Bytes(bytes)) = (field.number, field.value) {
            delay = read_duration(bytes)?;
        }
    }
    Ok(Some(delay))
}

/// google.protobuf.Duration; a negative one is zero.
fn read_duration(bytes: &[u8]) -> Result<Duration, Malformed> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        match (field.number, field.value) {
            (1, Value::Varint(value)) => seconds = value.cast_signed(),
            (2, Value::Varint(value)) => nanos = value.cast_signed(),
            _ => {}
        }
    }
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let nanos = u64::try_from(nanos).unwrap_or(0).min(999_999_999);
    Ok(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos)))
}

fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    put_uint(out, 1, duration.as_secs().min(i64::MAX as u64));
    put_uint(out, 2, u64::from(duration.subsec_nanos()));
}

fn put_text(out: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        put_bytes(out, number, bounded(text).as_bytes());
    }
}

fn text_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_MESSAGE_BYTES)]);
    bounded(&text).to_owned()
}

/// The text up to the bound, cut between characters.
pub fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_MESSAGE_BYTES)]
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    #[test]
    fn a_full_success_is_nothing() {
        assert!(write_response(None).is_empty());
        assert_eq!(read_response(&[]), Ok(None));
        assert_eq!(read_response(&[0x0a, 0]), Ok(None), "an empty partial success is full");
    }

    proptest! {
        #[test]
        fn partial_success_agrees_with_prost(rejected in 0..i64::MAX, message in ".{0,200}") {
            let theirs = ExportTraceServiceResponse {
                partial_success: Some(ExportTracePartialSuccess {
                    rejected_spans: rejected,
                    error_message: message.clone(),
                }),
            };
            let ours = PartialSuccess { rejected: rejected.cast_unsigned(), message };
            prop_assert_eq!(write_response(Some(&ours)), theirs.encode_to_vec());
            let expected = (ours != PartialSuccess::default()).then_some(ours);
            prop_assert_eq!(read_response(&theirs.encode_to_vec()), Ok(expected));
        }

        #[test]
        fn statuses_survive(code in 0u32..17, message in ".{0,200}", after in proptest::option::of(0u64..1 << 40)) {
            let status = Status { code, message, retry_after: after.map(Duration::from_millis) };
            prop_assert_eq!(read_status(&write_status(&status)), Ok(status));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_response(&bytes);
            let _ = read_status(&bytes);
        }
    }
}
