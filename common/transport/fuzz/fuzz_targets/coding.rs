//! Any bytes as a compressed body: no panic, never more out or more memory asked for than the cap,
//! and what was packed comes out as it was, unless its bytes were damaged on the way.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use transport::coding::{Coding, InflateError, gzip, inflate};
use transport::read::{Grow, Refused};

/// Permits so many bytes.
struct Purse(usize);

impl Grow for Purse {
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.0 = self.0.checked_sub(bytes).ok_or(Refused)?;
        Ok(())
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(([cap_low, cap_high, mode, place], rest)) = input.split_first_chunk::<4>() else {
        return;
    };
    let cap = usize::from(u16::from_le_bytes([*cap_low, *cap_high])) * 4;
    let _ = Coding::parse(rest);
    let body = Bytes::copy_from_slice(rest);
    match mode % 4 {
        0 => bounded(&body, cap),
        1 => round_trip(&body),
        2 => bounded(&damaged(&body, usize::from(*place), *cap_low), cap),
        // Zeros pack a thousandfold: a small input reaches any cap.
        _ => bounded(&gzip([&Bytes::from(vec![0; usize::from(*place) << 12]), &body]), cap),
    }
});

fn bounded(packed: &Bytes, cap: usize) {
    let inflated = inflate(Coding::Gzip, packed, cap, &mut Purse(cap + 1));
    assert_ne!(inflated, Err(InflateError::Refused), "it asks for no more than the cap");
    if let Ok(body) = &inflated {
        assert!(body.len() <= cap);
    }
    let poor = inflate(Coding::Gzip, packed, cap, &mut Purse(cap / 2));
    assert!(poor == inflated || poor == Err(InflateError::Refused));
}

fn round_trip(body: &Bytes) {
    let packed = gzip([body, body]);
    let twice = Bytes::from([&body[..], &body[..]].concat());
    let cap = twice.len();
    assert_eq!(inflate(Coding::Gzip, &packed, cap, &mut Purse(cap + 1)), Ok(twice));
}

/// A sound stream with one byte changed.
fn damaged(body: &Bytes, place: usize, with: u8) -> Bytes {
    let mut packed = gzip([body]).to_vec();
    let place = place % packed.len();
    packed[place] ^= with;
    Bytes::from(packed)
}
