//! What a backend's refusals tell of the largest request that it takes.
//!
//! A request that was refused as too large, and a part of which was then taken, is over the backend's limit: from
//! then on requests that come near its size are cut before they are sent. It is forgotten slowly, so
//! that a limit that was raised is found out, at the price of a refused attempt now and then. Where
//! nothing is taken nothing is learnt, and never a size below [`LEAST_BYTES`]: one odd answer must not make a
//! request of every record. Sizes are those of requests as protobuf, uncompressed; a backend that counts
//! compressed bytes or JSON is met by its smallest refusal.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Requests up to this size are not cut before they are sent.
const LEAST_BYTES: usize = 64 << 10;
/// In so much time the size that is tried doubles.
const DOUBLES_IN: Duration = Duration::from_secs(600);

/// The largest request that is sent whole.
#[derive(Debug, Default)]
pub(super) struct Ceiling(Mutex<Option<Learnt>>);

#[derive(Clone, Copy, Debug)]
struct Learnt {
    bytes: usize,
    at: Instant,
}

impl Ceiling {
    /// Size up to which requests are sent whole.
    pub(super) fn bytes(&self, now: Instant) -> usize {
        let learnt = *self.0.lock().expect("a plain copy cannot panic");
        learnt.map_or(usize::MAX, |learnt| learnt.bytes(now))
    }

    /// Learns that `refused` bytes were too many where fewer were taken. Whether it is the first time.
    pub(super) fn learn(&self, refused: usize, now: Instant) -> bool {
        // More than half, so that halves of it go whole, although they differ a little.
        let bytes = (refused / 8 * 5).max(LEAST_BYTES);
        let mut learnt = self.0.lock().expect("plain assignments cannot panic");
        let is_first = learnt.is_none();
        if learnt.is_none_or(|learnt| bytes < learnt.bytes(now)) {
            *learnt = Some(Learnt { bytes, at: now });
        }
        is_first
    }
}

impl Learnt {
    fn bytes(&self, now: Instant) -> usize {
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        // Fractions of a byte do not matter, and what is too large for a number is no limit.
        (self.bytes as f64 * (age / DOUBLES_IN.as_secs_f64()).exp2()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_downwards_and_forgets_by_and_by() {
        let ceiling = Ceiling::default();
        let start = Instant::now();
        let after = |minutes: u64| start + Duration::from_secs(60 * minutes);
        assert_eq!(ceiling.bytes(start), usize::MAX);
        assert!(ceiling.learn(8_000_000, start));
        assert_eq!(ceiling.bytes(start), 5_000_000);
        assert!(!ceiling.learn(9_000_000, start), "not the first time");
        assert_eq!(ceiling.bytes(start), 5_000_000, "a larger refusal is nothing new");
        let thousands = [5, 10, 20].map(|minutes| ceiling.bytes(after(minutes)) / 1000);
        assert_eq!(thousands, [7071, 10_000, 20_000]);
        ceiling.learn(8_000_000, after(10));
        assert_eq!(ceiling.bytes(after(10)), 5_000_000);
        ceiling.learn(100, after(10));
        assert_eq!(ceiling.bytes(after(10)), LEAST_BYTES);
        assert_eq!(ceiling.bytes(after(1 << 20)), usize::MAX);
    }
}
