//! Any bytes as a compressed body: no panic, never more out or more memory asked for than the cap,
//! and what was packed comes out as it was, unless its bytes were damaged on the way.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use transport::coding::{Coding, InflateError, inflate};
use transport::read::{Grow, Refused};

/// Permits so many bytes.
struct Purse(usize);

impl Grow for Purse {
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.0 = self.0.checked_sub(bytes).ok_or(Refused)?;
        Ok(())
    }
}

const CODINGS: [Coding; 6] = [
    Coding::Gzip,
    Coding::Zstd,
    Coding::Deflate,
    Coding::Snappy,
    Coding::SnappyFramed,
    Coding::Lz4,
];

fn pack<const N: usize>(coding: Coding, parts: [&Bytes; N]) -> Bytes {
    transport::coding::pack(coding, None, parts, &mut Purse(usize::MAX)).expect("permitted")
}

fuzz_target!(|input: &[u8]| {
    let Some(([cap_low, cap_high, mode, place], rest)) = input.split_first_chunk::<4>() else {
        return;
    };
    let cap = usize::from(u16::from_le_bytes([*cap_low, *cap_high])) * 4;
    let _ = (Coding::of_http(rest), Coding::of_grpc(rest));
    let body = Bytes::copy_from_slice(rest);
    let coding = CODINGS[usize::from(mode >> 2) % CODINGS.len()];
    match mode % 4 {
        0 => bounded(coding, &body, cap),
        1 => round_trip(coding, &body),
        2 => bounded(coding, &damaged(coding, &body, usize::from(*place), *cap_low), cap),
        // Zeros pack a thousandfold: a small input reaches any cap.
        _ => {
            let zeros = Bytes::from(vec![0; usize::from(*place) << 12]);
            bounded(coding, &pack(coding, [&zeros, &body]), cap);
        }
    }
});

/// What a decoder may ask for beside the body: Zstandard's window, or the blocks of LZ4.
const fn beside(coding: Coding) -> usize {
    match coding {
        Coding::Zstd => 8 << 20,
        Coding::Lz4 => 12 << 20,
        Coding::SnappyFramed => 160 << 10,
        _ => 0,
    }
}

fn bounded(coding: Coding, packed: &Bytes, cap: usize) {
    let inflated = inflate(coding, packed, cap, &mut Purse(cap + 1 + beside(coding)));
    assert_ne!(inflated, Err(InflateError::Refused), "it asks for no more than the cap");
    if let Ok(body) = &inflated {
        assert!(body.len() <= cap);
    }
    let poor = inflate(coding, packed, cap, &mut Purse(cap / 2));
    assert!(poor == inflated || poor == Err(InflateError::Refused));
}

fn round_trip(coding: Coding, body: &Bytes) {
    let packed = pack(coding, [body, body]);
    let twice = Bytes::from([&body[..], &body[..]].concat());
    let cap = twice.len();
    let mut purse = Purse(cap + 1 + beside(coding));
    assert_eq!(inflate(coding, &packed, cap, &mut purse), Ok(twice));
}

/// A sound stream with one byte changed.
fn damaged(coding: Coding, body: &Bytes, place: usize, with: u8) -> Bytes {
    let mut packed = pack(coding, [body]).to_vec();
    // Frames of nothing are no bytes.
    if let Some(place) = place.checked_rem(packed.len()) {
        packed[place] ^= with;
    }
    Bytes::from(packed)
}
