//! Any bytes as a request made flat and grouped again: no panic, no record lost, and attributes that an index finds
//! are those that a scan finds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otlp::edit::fields::attribute;
use otlp::edit::index::{Index, Wanted};
use otlp::flat::{flat_bytes, flatten, regroup};
use otlp::{Signal, check};

const AT_MOST: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    grouped(input);
    indexed(input);
});

fn grouped(request: &[u8]) {
    let Ok(tally) = check(Signal::Logs, request) else { return };
    let bytes = flat_bytes(request).expect("the framing is sound");
    if bytes > AT_MOST {
        return;
    }
    let flat = flatten(request).expect("so it is here");
    assert_eq!(flat.len(), bytes);
    assert_eq!(check(Signal::Logs, &flat), Ok(tally));
    // What is around the records may be no message.
    if let Ok(grouped) = regroup(&flat) {
        assert_eq!(check(Signal::Logs, &grouped), Ok(tally));
    }
}

fn indexed(message: &[u8]) {
    let mut index = Index::default();
    let mut wanted = Wanted::default();
    [&b"k"[..], b""].iter().for_each(|key| wanted.add(key));
    for (number, key) in [(1, &b"k"[..]), (1, b""), (6, b"k"), (6, b"")] {
        let slot = wanted.slot(key).expect("it is wanted");
        let Ok(found) = index.find(message, number, &wanted, slot) else { continue };
        let scanned = attribute(message, number, key);
        assert_eq!(found.map(|place| place.value(message)).transpose(), scanned);
    }
}
