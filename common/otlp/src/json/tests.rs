//! Our JSON against opentelemetry-proto's reading of it, and the places where that reading is known
//! to be wrong (NaN, empty lists) by example.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::wire::{put_bytes, put_fixed64, put_message, put_uint};

fn json(signal: Signal, request: &[u8]) -> String {
    let mut out = Vec::new();
    write_request(signal, request, &mut out).expect("well formed");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// A span of the given bytes, in a request.
fn span(write: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, 1, |out| put_message(out, 2, |out| put_message(out, 2, &write)));
    out
}

fn span_json(write: impl Fn(&mut Vec<u8>)) -> String {
    let json = json(Signal::Traces, &span(write));
    let head = r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#;
    json.strip_prefix(head).and_then(|rest| rest.strip_suffix("]}]}]}")).expect("one span").into()
}

fn attribute(value: impl Fn(&mut Vec<u8>)) -> String {
    let json = span_json(|out| {
        put_message(out, 9, |out| {
            put_bytes(out, 1, b"k");
            put_message(out, 2, &value);
        });
    });
    let head = r#"{"attributes":[{"key":"k","value":"#;
    json.strip_prefix(head).and_then(|rest| rest.strip_suffix("}]}")).expect("one value").into()
}

#[test]
fn special_values() {
    let double = |value: f64| attribute(|out| put_fixed64(out, 4, value.to_bits()));
    assert_eq!(double(f64::NAN), r#"{"doubleValue":"NaN"}"#);
    assert_eq!(double(f64::INFINITY), r#"{"doubleValue":"Infinity"}"#);
    assert_eq!(double(f64::NEG_INFINITY), r#"{"doubleValue":"-Infinity"}"#);
    assert_eq!(double(0.0), r#"{"doubleValue":0.0}"#);
    assert_eq!(attribute(|out| put_bytes(out, 5, &[])), r#"{"arrayValue":{}}"#);
    assert_eq!(attribute(|out| put_bytes(out, 7, &[1, 2, 3, 4])), r#"{"bytesValue":"AQIDBA=="}"#);
    assert_eq!(attribute(|out| put_bytes(out, 1, b"")), r#"{"stringValue":""}"#);
    assert_eq!(attribute(|_| {}), "{}");
    assert_eq!(
        attribute(|out| put_bytes(out, 1, b"\xff\"\n")),
        "{\"stringValue\":\"\u{fffd}\\\"\\n\"}"
    );
}

#[test]
fn repeated_singular_fields_follow_proto3() {
    let named = span_json(|out| {
        put_bytes(out, 5, b"first");
        put_bytes(out, 5, b"last");
        put_message(out, 15, |out| put_bytes(out, 2, b"kept"));
        put_message(out, 15, |out| put_uint(out, 3, 2));
    });
    assert_eq!(named, r#"{"name":"last","status":{"message":"kept","code":2}}"#);
    let chosen = attribute(|out| {
        put_uint(out, 3, 5);
        put_bytes(out, 1, b"later");
    });
    assert_eq!(chosen, r#"{"stringValue":"later"}"#);
    let item = |text: &[u8]| {
        let mut array = Vec::new();
        put_message(&mut array, 1, |out| put_bytes(out, 1, text));
        array
    };
    let replaced = attribute(|out| {
        put_bytes(out, 5, &item(b"gone"));
        put_uint(out, 3, 5);
        put_bytes(out, 5, &item(b"one"));
        put_bytes(out, 5, &item(b"two"));
    });
    let both = r#"{"arrayValue":{"values":[{"stringValue":"one"},{"stringValue":"two"}]}}"#;
    assert_eq!(replaced, both, "another member ends what came before, the same one is merged");
}

#[test]
fn only_the_low_half_of_a_32_bit_varint_counts() {
    let json = span_json(|out| {
        put_uint(out, 6, u64::MAX);
        put_uint(out, 10, 1 << 32);
        put_uint(out, 12, (1 << 32) + 7);
    });
    assert_eq!(json, r#"{"kind":-1,"droppedEventsCount":7}"#);
}

#[test]
fn nesting_is_bounded() {
    let mut value = Vec::new();
    put_bytes(&mut value, 1, b"deep");
    for _ in 0..40 {
        let mut array = Vec::new();
        put_message(&mut array, 5, |out| put_bytes(out, 1, &value));
        value = array;
    }
    let request = span(|out| put_message(out, 9, |out| put_bytes(out, 2, &value)));
    assert_eq!(write_request(Signal::Traces, &request, &mut Vec::new()), Err(Malformed));
    assert_eq!(crate::check_deep(Signal::Traces, &request), Err(Malformed));
    assert!(crate::check(Signal::Traces, &request).is_ok(), "nobody looks inside on the way");
}

/// The request as JSON where so many bytes are permitted, and how many were asked for.
fn within(request: &[u8], permitted: usize) -> (Result<String, WriteError>, usize) {
    let (mut out, mut asked) = (Vec::new(), 0);
    let mut grow = |bytes| {
        asked += bytes;
        asked <= permitted
    };
    let written = write_request_within(Signal::Traces, request, &mut out, &mut grow);
    (written.map(|()| String::from_utf8(out).expect("JSON is UTF-8")), asked)
}

#[test]
fn a_long_text_is_asked_for_before_it_is_written() {
    let request = span(|out| put_bytes(out, 5, &vec![b'n'; 1 << 20]));
    let (written, asked) = within(&request, usize::MAX);
    let length = written.expect("permitted").len();
    assert!((length..=2 * length).contains(&asked), "{asked} of {length}");
    for permitted in [0, 1000, length - 1, asked - 1] {
        assert_eq!(within(&request, permitted).0, Err(WriteError::Refused), "{permitted}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_permitted_is_written_whole_or_not_at_all(
        request in crate::testing::traces(),
        permitted in 0usize..20_000,
    ) {
        let request = request.encode_to_vec();
        let whole = json(Signal::Traces, &request);
        let (written, asked) = within(&request, permitted);
        match written {
            Ok(text) => {
                prop_assert!(whole.len() <= asked && asked <= permitted);
                prop_assert_eq!(text, whole);
            }
            Err(error) => prop_assert!(asked > permitted && error == WriteError::Refused),
        }
    }

    #[test]
    fn traces_read_back(request in crate::testing::traces()) {
        let text = json(Signal::Traces, &request.encode_to_vec());
        let read: ExportTraceServiceRequest = serde_json::from_str(&text).expect(&text);
        prop_assert_eq!(read, request, "{}", text);
    }

    #[test]
    fn logs_read_back(request in crate::testing::logs()) {
        let text = json(Signal::Logs, &request.encode_to_vec());
        let read: ExportLogsServiceRequest = serde_json::from_str(&text).expect(&text);
        prop_assert_eq!(read, request, "{}", text);
    }

    #[test]
    fn metrics_read_back(request in crate::testing::metrics()) {
        let text = json(Signal::Metrics, &request.encode_to_vec());
        let read: ExportMetricsServiceRequest = serde_json::from_str(&text).expect(&text);
        prop_assert_eq!(read, request, "{}", text);
    }

    #[test]
    fn what_prost_writes_is_sound_and_a_cut_never_panics(
        request in crate::testing::traces(),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = request.encode_to_vec();
        let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len());
        let records = spans.sum::<usize>() as u64;
        prop_assert_eq!(crate::check_deep(Signal::Traces, &bytes), Ok(crate::Tally { records }));
        let torn = &bytes[..cut.index(bytes.len() + 1)];
        let ours = crate::check_deep(Signal::Traces, torn).is_ok();
        // prost refuses whatever we refuse of a cut message, and the other way round.
        prop_assert_eq!(ours, ExportTraceServiceRequest::decode(torn).is_ok());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for signal in Signal::ALL {
            let _ = crate::check_deep(signal, &bytes);
            let _ = write_request(signal, &bytes, &mut Vec::new());
        }
    }
}
