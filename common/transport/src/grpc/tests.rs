//! Tables for the texts, properties for the frames.

use proptest::prelude::*;

use super::*;

fn headers(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(
        http::HeaderName::from_static(name),
        HeaderValue::from_str(value).expect("a header value"),
    )])
}

#[test]
fn timeouts() {
    let check = |text: &str, expect: Option<Duration>| {
        assert_eq!(parse_timeout(&headers("grpc-timeout", text)), expect, "{text}");
    };
    check("10S", Some(Duration::from_secs(10)));
    check("250m", Some(Duration::from_millis(250)));
    check("1H", Some(Duration::from_secs(3600)));
    check("99999999H", Some(Duration::from_secs(99_999_999 * 3600)));
    check("5u", Some(Duration::from_micros(5)));
    check("7n", Some(Duration::from_nanos(7)));
    for bad in ["", "S", "123456789S", "-1S", "1s", "1 S", "1.5S"] {
        check(bad, None);
    }
    assert_eq!(parse_timeout(&headers("grpc-timeout", "5000m")), Some(Duration::from_secs(5)));
    assert_eq!(timeout_value(Duration::from_secs(5)), "5000m");
}

#[test]
fn content_types() {
    let check = |text: &str, grpc: bool, protobuf: bool| {
        let headers = headers("content-type", text);
        assert_eq!((is_grpc(&headers), grpc && is_protobuf(&headers)), (grpc, protobuf), "{text}");
    };
    check("application/grpc", true, true);
    check("application/grpc+proto", true, true);
    check("application/grpc;charset=utf-8", true, true);
    check("application/grpc+json", true, false);
    check("application/grpc-web", false, false);
    check("application/json", false, false);
}

#[test]
fn frames_that_are_none() {
    let check = |bytes: &'static [u8], expect| {
        assert_eq!(unframe(Bytes::from_static(bytes)), Err(expect), "{bytes:?}");
    };
    check(b"", FrameError::Truncated);
    check(&[0, 0, 0, 0], FrameError::Truncated);
    check(&[0, 0, 0, 0, 2, 1], FrameError::Truncated);
    check(&[0, 0, 0, 0, 1, 1, 0], FrameError::Trailing);
    check(&[2, 0, 0, 0, 0], FrameError::Flag);
    check(&[0, 255, 255, 255, 255, 1], FrameError::Truncated);
}

#[test]
fn a_reply_without_status_is_judged_by_http() {
    let reply = |status: u16| Reply {
        status: StatusCode::from_u16(status).expect("a status"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        trailers: None,
    };
    assert_eq!(verdict(&reply(503)).code, Code::Unavailable);
    assert_eq!(verdict(&reply(404)).code, Code::Unimplemented);
    assert_eq!(verdict(&reply(200)).code, Code::Unknown);
}

proptest! {
    #[test]
    fn messages_survive(message in ".{0,200}") {
        let encoded = encode_message(&message);
        prop_assert!(encoded.is_ascii());
        prop_assert_eq!(decode_message(encoded.as_bytes()), message);
    }

    #[test]
    fn details_survive(details in proptest::collection::vec(any::<u8>(), 0..100)) {
        let text = to_base64(&details);
        prop_assert_eq!(from_base64(text.as_bytes()), Some(Bytes::from(details.clone())));
        let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
        prop_assert_eq!(from_base64(padded.as_bytes()), Some(Bytes::from(details)));
    }

    #[test]
    fn hostile_texts_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = from_base64(&bytes);
        let _ = decode_message(&bytes);
        let _ = unframe(Bytes::from(bytes.clone()));
        let _ = Code::parse(&bytes);
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let timeout = http::HeaderName::from_static("grpc-timeout");
            let _ = parse_timeout(&HeaderMap::from_iter([(timeout, value.clone())]));
            let kind = HeaderMap::from_iter([(http::header::CONTENT_TYPE, value)]);
            let _ = (is_grpc(&kind), is_protobuf(&kind));
        }
    }
}
