//! Any bytes as a message between keeper and agent: no panic, nothing but whole messages, names
//! that are names, and what was read survives writing.

#![no_main]

use agent::keeper::orders::{BYTES, NAME_BYTES, Order, Report};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut whole = [0; BYTES];
    let length = bytes.len().min(BYTES);
    whole[..length].copy_from_slice(&bytes[..length]);
    check(&whole);
});

fn check(bytes: &[u8]) {
    if let Some(order) = Order::decode(bytes) {
        assert_eq!(bytes.len(), BYTES);
        if let Order::Follow(name) = &order {
            assert!((1..=NAME_BYTES).contains(&name.len()) && !name.contains(['/', ' ', '\0']));
        }
        assert_eq!(Order::decode(&order.encode()), Some(order));
    }
    // A text that is not UTF-8 grows by replacement and may be cut when it is written again.
    if let Some(report) = Report::decode(bytes) {
        assert!(Report::decode(&report.encode()).is_some());
    }
}
