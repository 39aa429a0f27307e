//! What tests that run texts over one log record share.

use bytes::Bytes;
use medulla_ottl::Time;
use medulla_ottl::contexts::Otlp;
use medulla_ottl::playground::Setting;
use otlp::Signal;
use serde_json::{Value as Json, json};

/// Larger than any request that a test writes.
const REQUEST_MAX_BYTES: usize = 1 << 28;

/// Texts over log records, lambdas included; the first failure ends a run.
pub(crate) fn setting() -> Setting {
    Setting {
        signal: Signal::Logs,
        context: Otlp::Log,
        lambdas: true,
        stops: true,
        now: Time::from_unix_nano(1_700_000_000_000_000_000),
    }
}

/// A request with one log record.
pub(crate) fn request(record: Json) -> Bytes {
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).to_string();
    let mut out = Vec::new();
    otlp::json::read_request(Signal::Logs, request.as_bytes(), REQUEST_MAX_BYTES, &mut out)
        .expect("a request");
    out.into()
}
