//! Every form of a body against the request itself, and against a budget that is full.

use std::sync::Arc;
use std::time::SystemTime;

use otlp::wire::{put_bytes, put_message};
use pipeline::{Ack, Budget, Part, Sender, Signal, Stats};
use transport::coding::inflate;

use super::*;

/// A batch of two log requests with bodies of this length that hardly compress.
fn batch(body_bytes: u32) -> Batch {
    let noise = |seed: u32| -> Vec<u8> {
        let letter =
            |n: u32| (n ^ seed).wrapping_mul(0x9e37_79b9).rotate_left(n % 31).to_le_bytes()[2];
        (0..body_bytes).map(|n| b'a' + letter(n) % 26).collect()
    };
    let part = |seed| {
        let mut body = Vec::new();
        put_message(&mut body, 1, |resource| {
            put_message(resource, 2, |scope| {
                put_message(scope, 2, |log| {
                    put_message(log, 5, |value| put_bytes(value, 1, &noise(seed)));
                });
            });
        });
        let ledger = Stats::default().receiver("otlp", "http", Signal::Logs);
        let (ack, _) = Ack::channel(1, ledger, None);
        let permit = Arc::new(Budget::new(1 << 20, 1.0).permit(None));
        Part { body: Bytes::from(body), packed: None, records: 1, permit, ack }
    };
    let (signal, received_at) = (Signal::Logs, SystemTime::UNIX_EPOCH);
    Batch { signal, parts: vec![part(1), part(2)], received_at, sender: Sender::default() }
}

/// Every form that is written here: encoding and compression.
const FORMS: [(Encoding, Coding); 8] = [
    (Encoding::Proto, Coding::Gzip),
    (Encoding::Proto, Coding::Zstd),
    (Encoding::Proto, Coding::Deflate),
    (Encoding::Proto, Coding::Snappy),
    (Encoding::Proto, Coding::Lz4),
    (Encoding::Json, Coding::Identity),
    (Encoding::Json, Coding::Gzip),
    (Encoding::Json, Coding::Zstd),
];

fn writer((encoding, compression): (Encoding, Coding), budget: &Arc<Budget>) -> Writer {
    Writer { encoding, compression, level: None, outputs: Outputs::new(budget.clone()) }
}

/// Permits everything.
struct Anything;

impl Grow for Anything {
    fn grow(&mut self, _: usize) -> Result<(), Refused> {
        Ok(())
    }
}

/// The request that was written, as protobuf.
fn read((coding, pieces): (Coding, Vec<Bytes>), encoding: Encoding) -> Vec<u8> {
    let body = Bytes::from(pieces.concat());
    let body = inflate(coding, &body, 1 << 24, &mut Anything).expect("sound");
    let mut request = Vec::new();
    match encoding {
        Encoding::Proto => request.extend_from_slice(&body),
        Encoding::Json => {
            otlp::json::read_request(Signal::Logs, &body, 1 << 24, &mut request).expect("JSON");
        }
    }
    request
}

#[test]
fn what_is_written_is_the_request_and_is_charged_while_it_is_there() {
    let batch = batch(20_000);
    let request: Vec<u8> = batch.bodies().flatten().copied().collect();
    for form in FORMS {
        let budget = Budget::new(1 << 20, 1.0);
        let written = writer(form, &budget).write(&batch).expect("room");
        let bytes: usize = written.1.iter().map(Bytes::len).sum();
        assert_eq!(budget.used_bytes(), bytes, "{form:?}");
        assert_eq!(read(written, form.0), request, "{form:?}");
        assert_eq!(budget.used_bytes(), 0, "{form:?}");
    }
}

#[test]
fn a_body_as_it_stands_costs_nothing() {
    let budget = Budget::new(0, 1.0);
    let written = writer((Encoding::Proto, Coding::Identity), &budget).write(&batch(1000));
    assert_eq!(written.expect("nothing to ask for").1.len(), 2);
    let mut arrived = batch(1000);
    arrived.parts.truncate(1);
    let bytes = Bytes::from_static(b"as it came");
    arrived.parts[0].packed = Some(pipeline::Packed { coding: PackedCoding::Zstd, bytes });
    let written = writer((Encoding::Proto, Coding::Zstd), &budget).write(&arrived);
    assert_eq!(written.expect("nothing to ask for").1, ["as it came"]);
    assert_eq!(budget.used_bytes(), 0);
}

#[test]
fn of_a_full_budget_one_at_a_time_is_written() {
    let batch = batch(20_000);
    for form in FORMS {
        let budget = Budget::new(100_000, 1.0);
        let mut records = budget.permit(None);
        records.grow(100_000).expect("room");
        let writer = writer(form, &budget);
        let first = writer.write(&batch).expect("one goes over");
        let full = budget.used_bytes();
        assert!(full > 100_000, "{form:?}");
        assert_eq!(writer.write(&batch).err(), Some(Unwritten::NoRoom), "{form:?}");
        assert_eq!(budget.used_bytes(), full, "{form:?}: nothing stays of what was not written");
        drop(first);
        let second = writer.write(&batch);
        assert!(second.is_ok(), "{form:?}");
        drop((second, records));
        assert_eq!(budget.used_bytes(), 0, "{form:?}");
    }
}

#[test]
fn what_cannot_be_read_has_no_json_form() {
    let budget = Budget::new(1 << 20, 1.0);
    let mut torn = batch(10);
    torn.parts[0].body = Bytes::from_static(&[0x0a, 0xff]);
    torn.parts.truncate(1);
    let written = writer((Encoding::Json, Coding::Gzip), &budget).write(&torn);
    assert_eq!(written.err(), Some(Unwritten::Malformed));
    assert_eq!(budget.used_bytes(), 0);
}
