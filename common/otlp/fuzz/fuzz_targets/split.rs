//! Any bytes cut into pieces: no panic, no record lost, every limit kept.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otlp::split::{Limit, Piece, by_resource, split};
use otlp::{Malformed, Signal, check};

fuzz_target!(|input: &[u8]| {
    let [records, bytes, request @ ..] = input else { return };
    let request = bytes::Bytes::copy_from_slice(request);
    let limit = Limit { records: u64::from(*records), bytes: usize::from(*bytes) * 8 };
    for signal in Signal::ALL {
        let Ok(tally) = check(signal, &request) else { continue };
        let mut seen = 0;
        let mut count = |piece: Piece| {
            assert_eq!(check(signal, &piece.body).expect("sound").records, piece.records);
            seen += piece.records;
            Ok::<(), Malformed>(())
        };
        by_resource(signal, &request, &mut count).expect("sound");
        assert_eq!(std::mem::take(&mut seen), tally.records);
        split(signal, &request, std::iter::repeat(limit), |piece| {
            assert!(piece.records <= limit.records.max(1));
            assert!(piece.records <= 1 || piece.body.len() <= limit.bytes);
            seen += piece.records;
            assert_eq!(check(signal, &piece.body).expect("sound").records, piece.records);
            Ok::<(), Malformed>(())
        })
        .expect("the framing is sound");
        assert_eq!(seen, tally.records);
    }
});
