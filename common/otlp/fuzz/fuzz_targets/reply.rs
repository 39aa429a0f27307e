//! Any bytes as a backend's answer: no panic, bounded texts, and what was read survives writing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use otlp::reply::{
    MAX_MESSAGE_BYTES, read_response, read_status, write_response, write_status,
};
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(status) = read_status(bytes) {
        assert!(status.message.len() <= MAX_MESSAGE_BYTES);
        assert_eq!(read_status(&write_status(&status)), Ok(status));
    }
    let ours = read_response(bytes);
    if let Ok(Some(partial)) = &ours {
        assert!(partial.message.len() <= MAX_MESSAGE_BYTES);
        assert_eq!(read_response(&write_response(Some(partial))), Ok(Some(partial.clone())));
    }
    let theirs = ExportTraceServiceResponse::decode(bytes).ok().and_then(|it| it.partial_success);
    if let (Ok(Some(ours)), Some(theirs)) = (ours, theirs) {
        assert_eq!(ours.rejected, u64::try_from(theirs.rejected_spans).unwrap_or(0));
    }
});
