//! Any bytes as OTLP/JSON: no panic, bounded output; what was read is sound protobuf, survives
//! writing and reading again, and where serde reads it as OTLP, too, both read the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest as Logs;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as Metrics;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Traces;
use otlp::{Signal, check_deep, json};
use prost::Message;

const MAX_BYTES: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((&first, text)) = input.split_first() else { return };
    let signal = Signal::ALL[usize::from(first) % Signal::ALL.len()];
    let mut bytes = Vec::new();
    if let Err(error) = json::read_request(signal, text, MAX_BYTES, &mut bytes) {
        assert!(error.line > 0 && error.column > 0 && error.to_string().len() < 4096);
        return;
    }
    // One text, one escape or one number at most stands over the bound before it is seen.
    assert!(bytes.len() <= MAX_BYTES);
    check_deep(signal, &bytes).expect("what was read is sound");
    let written = write(signal, &bytes);
    let mut again = Vec::new();
    json::read_request(signal, &written, usize::MAX, &mut again).expect("ours reads ours");
    assert_eq!(written, write(signal, &again));
    match signal {
        Signal::Traces => beside::<Traces>(signal, text, &bytes),
        Signal::Metrics => beside::<Metrics>(signal, text, &bytes),
        Signal::Logs => beside::<Logs>(signal, text, &bytes),
        _ => {}
    }
});

fn write(signal: Signal, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    json::write_request(signal, bytes, &mut out).expect("what was read can be written");
    out
}

fn beside<M: Message + Default + serde::de::DeserializeOwned>(
    signal: Signal,
    text: &[u8],
    bytes: &[u8],
) {
    // Where opentelemetry-proto loses values (NaN and the infinities as texts, indices of profiles).
    let lossy = [&b"NaN"[..], b"Infinity", b"index", b"Index"];
    if lossy.iter().any(|word| text.windows(word.len()).any(|window| window == *word)) {
        return;
    }
    let Ok(theirs) = serde_json::from_slice::<M>(text) else { return };
    let ours = M::decode(bytes).expect("what was read is sound");
    let theirs = write(signal, &theirs.encode_to_vec());
    let ours = write(signal, &ours.encode_to_vec());
    assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
}
