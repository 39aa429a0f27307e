//! What peers write, row by row, and our reading against opentelemetry-proto's.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;

use super::*;
use crate::json::write_request;
use crate::testing;

const MAX_BYTES: usize = 1 << 20;

fn read(signal: Signal, json: &str) -> Result<Vec<u8>, ReadError> {
    let mut out = Vec::new();
    read_request(signal, json.as_bytes(), MAX_BYTES, &mut out).map(|()| out)
}

/// `json` read, and written again.
fn again(signal: Signal, json: &str) -> Result<String, String> {
    let bytes = read(signal, json).map_err(|error| error.to_string())?;
    crate::check_deep(signal, &bytes).expect("what we read is sound");
    let mut out = Vec::new();
    write_request(signal, &bytes, &mut out).expect("what we read can be written");
    Ok(String::from_utf8(out).expect("JSON is UTF-8"))
}

/// The same for what stands between `head` and `tail` in a request.
fn inside(signal: Signal, [head, tail]: [&str; 2], json: &str) -> Result<String, String> {
    let text = again(signal, &format!("{head}{json}{tail}"))?;
    let inner = text.strip_prefix(head).and_then(|text| text.strip_suffix(tail));
    Ok(inner.unwrap_or_else(|| panic!("{text} frames {json}")).to_owned())
}

const SPAN: [&str; 2] = [r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#, "]}]}]}"];
const VALUE: [&str; 2] =
    [r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":"#, "}]}}]}"];
const GAUGE: [&str; 2] =
    [r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":["#, "]}}]}]}]}"];
const HISTOGRAM: [&str; 2] = [
    r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":["#,
    "]}}]}]}]}",
];

#[track_caller]
fn check(signal: Signal, frame: [&str; 2], table: &[(&str, &str)]) {
    for (json, expect) in table {
        assert_eq!(inside(signal, frame, json).as_deref(), Ok(*expect), "{json}");
    }
}

#[track_caller]
fn check_refused(signal: Signal, frame: [&str; 2], table: &[(&str, &str)]) {
    for (json, expect) in table {
        let error = inside(signal, frame, json).expect_err(json);
        assert!(error.ends_with(expect), "{json}: {error}");
    }
}

#[test]
fn values_of_every_spelling() {
    check(
        Signal::Traces,
        VALUE,
        &[
            (r#"{"intValue":5}"#, r#"{"intValue":"5"}"#),
            (r#"{"intValue":"-9223372036854775808"}"#, r#"{"intValue":"-9223372036854775808"}"#),
            (r#"{"intValue":1e3}"#, r#"{"intValue":"1000"}"#),
            (r#"{"intValue":"12.50e1"}"#, r#"{"intValue":"125"}"#),
            (r#"{"intValue":-0}"#, r#"{"intValue":"0"}"#),
            (r#"{"int_value":"\u0037"}"#, r#"{"intValue":"7"}"#),
            (r#"{"doubleValue":"NaN"}"#, r#"{"doubleValue":"NaN"}"#),
            (r#"{"doubleValue":"-Infinity"}"#, r#"{"doubleValue":"-Infinity"}"#),
            (r#"{"doubleValue":"1.5"}"#, r#"{"doubleValue":1.5}"#),
            (r#"{"doubleValue":3}"#, r#"{"doubleValue":3.0}"#),
            (r#"{"arrayValue":{}}"#, r#"{"arrayValue":{}}"#),
            (r#"{"arrayValue":{"values":[]}}"#, r#"{"arrayValue":{}}"#),
            (r#"{"kvlistValue":{}}"#, r#"{"kvlistValue":{}}"#),
            (r#"{"arrayValue":{"values":[{},null]}}"#, r#"{"arrayValue":{"values":[{},{}]}}"#),
            (r#"{"bytesValue":"-_-_"}"#, r#"{"bytesValue":"+/+/"}"#),
            (r#"{"bytesValue":"AQI"}"#, r#"{"bytesValue":"AQI="}"#),
            (r#"{"bytesValue":"AQI="}"#, r#"{"bytesValue":"AQI="}"#),
            (r#"{"bytesValue":"AQ"}"#, r#"{"bytesValue":"AQ=="}"#),
            (r#"{"bytesValue":""}"#, r#"{"bytesValue":""}"#),
            (r#"{"boolValue":false}"#, r#"{"boolValue":false}"#),
            (r#"{"stringValue":"","nope":[{"a":[1,{}]},null,"x",-1e-7]}"#, r#"{"stringValue":""}"#),
            (r#"{"stringValue":"x","intValue":null}"#, r#"{"stringValue":"x"}"#),
            (r#"{"stringValue":"x","intValue":"1"}"#, r#"{"intValue":"1"}"#),
            (
                r#"{"stringValue":"\ud83d\ude00 \/\b\f\n"}"#,
                "{\"stringValue\":\"\u{1f600} /\\u0008\\u000c\\n\"}",
            ),
            (r#"{"stringValue":"\ud83d"}"#, "{\"stringValue\":\"\u{fffd}\"}"),
            (r#"{"stringValue":"\ude00\ud83d\u0041"}"#, "{\"stringValue\":\"\u{fffd}\u{fffd}A\"}"),
            (" {\n\t} ", "{}"),
        ],
    );
}

#[test]
fn spans_of_every_spelling() {
    check(
        Signal::Traces,
        SPAN,
        &[
            (r#"{"traceId":"0AFf"}"#, r#"{"traceId":"0aff"}"#),
            (
                r#"{"trace_id":"0a","start_time_unix_nano":7}"#,
                r#"{"traceId":"0a","startTimeUnixNano":"7"}"#,
            ),
            (r#"{"parentSpanId":null,"attributes":null,"status":null,"name":null}"#, "{}"),
            (
                r#"{"droppedAttributesCount":"1","flags":"4294967295"}"#,
                r#"{"flags":4294967295,"droppedAttributesCount":1}"#,
            ),
            (
                r#"{"endTimeUnixNano":"18446744073709551615"}"#,
                r#"{"endTimeUnixNano":"18446744073709551615"}"#,
            ),
            (r#"{"name":"a","name":""}"#, "{}"),
            (r#"{"name":"a","name":null,"kind":-1}"#, r#"{"name":"a","kind":-1}"#),
            (r#"{"status":{},"kind":0,"name":""}"#, r#"{"status":{}}"#),
            (r#"{"n\u0061me":"a","traceid":"zz","Name":1}"#, r#"{"name":"a"}"#),
        ],
    );
}

#[test]
fn numbers_of_metrics() {
    check(
        Signal::Metrics,
        GAUGE,
        &[
            (r#"{"asDouble":"NaN"}"#, r#"{"asDouble":"NaN"}"#),
            (r#"{"asInt":-3,"timeUnixNano":1}"#, r#"{"timeUnixNano":"1","asInt":"-3"}"#),
        ],
    );
    check(
        Signal::Metrics,
        HISTOGRAM,
        &[
            (
                r#"{"bucketCounts":["1",2],"explicitBounds":[0,"Infinity"]}"#,
                r#"{"bucketCounts":["1","2"],"explicitBounds":[0.0,"Infinity"]}"#,
            ),
            (r#"{"sum":0,"min":null,"bucketCounts":[]}"#, r#"{"sum":0.0}"#),
        ],
    );
}

#[test]
fn what_is_not_otlp_is_refused() {
    let whole = "expected a whole number of 64 bits, found ";
    check_refused(
        Signal::Traces,
        VALUE,
        &[
            (r#"{"intValue":1.5}"#, &format!("{whole}1.5")),
            (r#"{"intValue":"9223372036854775808"}"#, &format!("{whole}\"9223372036854775808\"")),
            (r#"{"intValue":"x"}"#, &format!("{whole}\"x\"")),
            (r#"{"intValue":1e999999999999999999999}"#, "found 1e999999999999999999999"),
            (r#"{"intValue":01}"#, &format!("{whole}01")),
            (r#"{"doubleValue":1e999}"#, "expected a number, found 1e999"),
            (r#"{"doubleValue":"nan"}"#, "expected a number, found \"nan\""),
            (r#"{"bytesValue":"A"}"#, "expected base64, found \"A\""),
            (r#"{"bytesValue":"A==="}"#, "expected base64, found \"A===\""),
            (r#"{"bytesValue":"AQI=="}"#, "expected base64, found \"AQI==\""),
            (r#"{"boolValue":"true"}"#, "expected true or false, found \"true\""),
            (r#"{"stringValue":5}"#, "expected a text, found 5"),
            (r#"{"stringValue":"\x"}"#, "expected an escape, found \\x\""),
            ("{\"stringValue\":\"a\nb\"}", "found \\n"),
            (r#"{"arrayValue":[]}"#, "attributes[0].value.arrayValue: expected an object, found ["),
            (r#"{"a":[1}"#, "expected a comma or the end of the list, found }"),
            (r#"{"a":nul}"#, "expected null, found nul"),
            (r#"{"a":+1}"#, "expected a value, found +1"),
            (r#"{,}"#, "expected a key, found ,"),
            (r#"{"a":1,}"#, "expected a key, found }"),
        ],
    );
    check_refused(
        Signal::Traces,
        SPAN,
        &[
            (
                r#"{"kind":"SPAN_KIND_SERVER"}"#,
                "expected the number of an enum's value, found \"SPAN_KIND_SERVER\"",
            ),
            (r#"{"flags":-1}"#, "expected a whole number from 0 to 4294967295, found -1"),
            (r#"{"traceId":"abc"}"#, "spans[0].traceId: expected hexadecimal, found \"abc\""),
            (r#"{"traceId":"0g"}"#, "expected hexadecimal, found \"0g\""),
            ("null", "spans[0]: expected an object, found null"),
            ("{}{}", "expected a comma or the end of the list, found {"),
        ],
    );
}

#[test]
fn errors_name_the_place() {
    let json = "{\"resourceLogs\": [\n  {\"schemaUrl\": \"\u{e9}\", \"scopeLogs\": 5}]}";
    let error = read(Signal::Logs, json).expect_err("no list");
    assert_eq!((error.line, error.column), (2, 35));
    assert_eq!(error.path, "resourceLogs[0].scopeLogs");
    assert_eq!(
        error.to_string(),
        "line 2 column 35: resourceLogs[0].scopeLogs: expected a list, found 5"
    );
    let error = |json| read(Signal::Logs, json).expect_err(json).to_string();
    assert_eq!(error(""), "line 1 column 1: expected an object, found the end");
    assert_eq!(error("{} x"), "line 1 column 4: expected the end, found x");
    assert_eq!(error("{"), "line 1 column 2: expected a key, found the end");
    let profiles = read_request(Signal::Profiles, b"{}", 10, &mut Vec::new());
    assert_eq!(profiles.expect_err("no form").reason, Reason::NoForm);
    let bad = read_request(Signal::Logs, b"{\"\xff\":1}", 10, &mut Vec::new());
    assert_eq!(bad.expect_err("no text").reason, Reason::NotUtf8);
    assert_eq!(read(Signal::Logs, "\u{feff}{}"), Ok(Vec::new()));
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |open: &str, close: &str, levels| {
        let value = format!("{}{{}}{}", open.repeat(levels), close.repeat(levels));
        read(Signal::Traces, &format!("{}{value}{}", VALUE[0], VALUE[1]))
    };
    let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
    assert!(nested(open, close, 29).is_ok());
    assert_eq!(nested(open, close, 30).expect_err("deep").reason, Reason::TooDeep);
    let (open, close) = (r#"{"nope":"#, "}");
    assert!(nested(open, close, 1).is_ok());
    assert_eq!(nested(open, close, 1000).expect_err("deep").reason, Reason::TooDeep);
    let bounds =
        format!(r#"{}{{"explicitBounds":[0{}]}}{}"#, HISTOGRAM[0], ",0".repeat(99), HISTOGRAM[1]);
    let read = |max| read_request(Signal::Metrics, bounds.as_bytes(), max, &mut Vec::new());
    assert_eq!(read(800).expect_err("large").reason, Reason::TooLarge);
    assert!(read(900).is_ok());
}

/// Reads what they wrote in three ways: their JSON, our JSON, our JSON with the proto files' names.
fn check_message<M>(signal: Signal, message: &M)
where
    M: prost::Message + Default + PartialEq + std::fmt::Debug + serde::Serialize,
{
    let theirs = serde_json::to_string(message).expect("can be written");
    let mut ours = Vec::new();
    write_request(signal, &message.encode_to_vec(), &mut ours).expect("sound");
    let ours = String::from_utf8(ours).expect("JSON is UTF-8");
    let spelled = snake_keys(serde_json::from_str(&ours).expect("JSON")).to_string();
    for json in [&theirs, &ours, &spelled] {
        let bytes = read(signal, json).unwrap_or_else(|error| panic!("{json}: {error}"));
        let read = M::decode(&bytes[..]).expect("what we write is sound");
        assert!(read == *message, "{json} became {read:?}");
    }
}

fn snake_keys(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    let snake = |key: String| {
        key.chars().fold(String::new(), |mut key, letter| {
            if letter.is_ascii_uppercase() {
                key.push('_');
            }
            key.push(letter.to_ascii_lowercase());
            key
        })
    };
    match value {
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (snake(key), snake_keys(value))).collect()
        }
        Value::Array(list) => list.into_iter().map(snake_keys).collect(),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn traces(request in testing::traces()) {
        check_message::<ExportTraceServiceRequest>(Signal::Traces, &request);
    }

    #[test]
    fn logs(request in testing::logs()) {
        check_message::<ExportLogsServiceRequest>(Signal::Logs, &request);
    }

    #[test]
    fn metrics(request in testing::metrics()) {
        check_message::<ExportMetricsServiceRequest>(Signal::Metrics, &request);
    }

    #[test]
    fn torn_and_twisted_texts_never_panic(
        request in testing::traces(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut text = serde_json::to_vec(&request).expect("can be written");
        let at = at.index(text.len());
        let _ = read_request(Signal::Traces, &text[..at], MAX_BYTES, &mut Vec::new());
        text[at] = byte;
        let mut out = Vec::new();
        if read_request(Signal::Traces, &text, MAX_BYTES, &mut out).is_ok() {
            crate::check_deep(Signal::Traces, &out).expect("what we read is sound");
        }
    }

    #[test]
    fn texts_are_read_as_serde_reads_them(text in ".{0,40}") {
        let json = serde_json::to_vec(&text).expect("can be written");
        let read = Scanner::new(&json).text("a text").expect("a text");
        prop_assert_eq!(&read[..], text.as_bytes());
        let ascii = text.chars().fold(String::from("\""), |mut escaped, letter| {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                escaped.push_str(&format!("\\u{unit:04X}"));
            });
            escaped
        }) + "\"";
        let read = Scanner::new(ascii.as_bytes()).text("a text").expect("a text");
        prop_assert_eq!(&read[..], text.as_bytes());
    }

    #[test]
    fn doubles_are_read_as_serde_reads_them(text in "-?[0-9]{1,3}(\\.[0-9]{0,3})?([eE][+-]?[0-9]{0,2})?") {
        let ours = number::double(&mut Scanner::new(text.as_bytes())).ok();
        // serde_json says what is a number, and is a unit in the last place off with some.
        let theirs = serde_json::from_str::<f64>(&text).ok();
        prop_assert_eq!(ours, theirs.and_then(|_| text.parse().ok()));
    }

    #[test]
    fn whole_numbers_may_have_points_and_exponents(mantissa in 0u32..100_000, exponent in -6i32..6, point in 0usize..6) {
        let mut digits = mantissa.to_string();
        let mut fraction = 0;
        if point > 0 && point < digits.len() {
            fraction = digits.len() - point;
            digits.insert(point, '.');
        }
        let text = format!("-{digits}e{exponent}");
        let ours = number::integer(&mut Scanner::new(text.as_bytes()), Kind::Int64).ok();
        // The digits as a whole number, moved by what exponent and fraction leave.
        let moved = exponent - i32::try_from(fraction).expect("few digits");
        let scale = 10i128.pow(moved.unsigned_abs());
        let mantissa = i128::from(mantissa);
        let whole = match moved >= 0 {
            true => Some(mantissa * scale),
            false => (mantissa % scale == 0).then_some(mantissa / scale),
        };
        prop_assert_eq!(ours, whole.map(|value| -value), "{}", text);
    }
}
