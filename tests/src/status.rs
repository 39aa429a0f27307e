//! gRPC's status as it travels in trailers, with `google.rpc.RetryInfo`.

use bytes::Bytes;
use http::HeaderMap;
use prost::Message;
use std::time::Duration;

pub use tonic::Code;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// The code of a gRPC answer, if these are its trailers.
pub fn code(trailers: &HeaderMap) -> Option<Code> {
    tonic::Status::from_header_map(trailers).map(|status| status.code())
}

/// The delay that the status details ask for.
pub fn retry_delay(trailers: &HeaderMap) -> Option<Duration> {
    let status = tonic::Status::from_header_map(trailers)?;
    let status = Status::decode(status.details()).ok()?;
    let info = status.details.iter().find(|detail| detail.type_url == RETRY_INFO)?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    let seconds = u64::try_from(delay.seconds).ok()?;
    Some(Duration::new(seconds, u32::try_from(delay.nanos).ok()?))
}

/// Trailers for a code, a message and, when asked for, a delay.
///
/// # Panics
/// When the message is not fit for a header.
pub fn trailers(code: Code, message: &str, retry_delay: Option<Duration>) -> HeaderMap {
    let details = retry_delay.map(|delay| details(code, message, delay)).unwrap_or_default();
    let status = tonic::Status::with_details(code, message, details);
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers).expect("a status fits into headers");
    headers
}

fn details(code: Code, message: &str, delay: Duration) -> Bytes {
    let delay = ProtoDuration {
        seconds: i64::try_from(delay.as_secs()).expect("a test's delay is short"),
        nanos: i32::try_from(delay.subsec_nanos()).expect("nanoseconds are under 1e9"),
    };
    let info = RetryInfo { retry_delay: Some(delay) };
    let detail = Any { type_url: RETRY_INFO.to_owned(), value: info.encode_to_vec() };
    let status = Status { code: code.into(), message: message.to_owned(), details: vec![detail] };
    status.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_survives_the_trailers() {
        let delay = Duration::from_millis(1500);
        let headers = trailers(Code::Unavailable, "later", Some(delay));
        assert_eq!(code(&headers), Some(Code::Unavailable));
        assert_eq!(retry_delay(&headers), Some(delay));
        assert_eq!(retry_delay(&trailers(Code::Ok, "", None)), None);
    }
}
