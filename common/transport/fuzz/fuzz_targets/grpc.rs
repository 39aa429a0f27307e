//! Any bytes as a gRPC frame, header text or reply: no panic, and what can be read can be written.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use transport::client::Reply;
use transport::grpc::{
    Code, FRAME_HEADER_BYTES, decode_message, encode_message, from_base64, is_grpc, is_protobuf,
    parse_timeout, timeout_value, to_base64, unframe, verdict,
};
use transport::{HeaderMap, HeaderName, HeaderValue, StatusCode};

fuzz_target!(|bytes: &[u8]| {
    frames(bytes);
    texts(bytes);
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        headers(&value);
    }
    reply(bytes);
});

fn frames(bytes: &[u8]) {
    if let Ok((compressed, message)) = unframe(Bytes::copy_from_slice(bytes)) {
        assert_eq!(message.len() + FRAME_HEADER_BYTES, bytes.len());
        assert_eq!(u8::from(compressed), bytes[0]);
    }
}

fn texts(bytes: &[u8]) {
    let base64 = to_base64(bytes);
    assert_eq!(from_base64(base64.as_bytes()).as_deref(), Some(bytes));
    if let Some(decoded) = from_base64(bytes) {
        assert_eq!(from_base64(to_base64(&decoded).as_bytes()), Some(decoded));
    }
    let text = decode_message(bytes);
    assert!(text.len() <= 3 << 10, "a replaced byte is three");
    let encoded = encode_message(&text);
    HeaderValue::from_str(&encoded).expect("a header value");
    if text.len() <= 1 << 10 {
        assert_eq!(decode_message(encoded.as_bytes()), text);
    }
    let _ = Code::parse(bytes);
}

fn headers(value: &HeaderValue) {
    let headers = |name: &'static str| {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.clone())])
    };
    let kind = headers("content-type");
    let _ = (is_grpc(&kind), is_protobuf(&kind));
    if let Some(timeout) = parse_timeout(&headers("grpc-timeout")) {
        let written = HeaderMap::from_iter([(
            HeaderName::from_static("grpc-timeout"),
            timeout_value(timeout),
        )]);
        assert!(parse_timeout(&written).is_some(), "what we write can be read");
    }
}

/// The pieces between zeros as a status, a message and details.
fn reply(bytes: &[u8]) {
    let names = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
    let pieces = bytes.split(|byte| *byte == 0);
    let values = names.into_iter().zip(pieces).filter_map(|(name, piece)| {
        Some((HeaderName::from_static(name), HeaderValue::from_bytes(piece).ok()?))
    });
    let trailers = HeaderMap::from_iter(values);
    let number = u16::from(bytes.first().copied().unwrap_or(0)) + 200;
    let _ = verdict(&Reply {
        status: StatusCode::from_u16(number).expect("a status from 200 on"),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(bytes),
        trailers: Some(trailers),
    });
}
