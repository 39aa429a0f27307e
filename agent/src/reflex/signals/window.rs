//! The last ten seconds of a port or a service: counts and latency, from totals that only grow.
//!
//! Twenty slots of half a second and the sum of them: adding a reading costs one pass over the buckets,
//! a quantile another. It takes 21 KiB. Quantiles are the upper bound of their bucket
//! (at most 9 % above the true value, never below) and need [`SAMPLES_MIN`] samples.

use std::time::Duration;

use kernel_abi::histogram::{OFFSET, ZERO_NS};
use kernel_abi::layout::{BUCKETS, Latency, STATUS_CLASSES};

use super::{Snapshot, Subject};

/// How far back it reaches.
pub const WINDOW: Duration = Duration::from_secs(10);
/// Fewest samples that say anything about a quantile.
pub const SAMPLES_MIN: u64 = 20;

/// Fewest samples that say something about the median of half a second.
const SLOT_SAMPLES_MIN: u64 = 5;
const SLOTS: usize = 20;
const SLOT: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
struct Counts {
    requests: u64,
    connections: u64,
    answered: u64,
    lost: u64,
    zeros: u64,
    /// Answers by the class of their status, where they are looked into.
    statuses: [u64; STATUS_CLASSES],
    buckets: [u32; BUCKETS],
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: 0,
            connections: 0,
            answered: 0,
            lost: 0,
            zeros: 0,
            statuses: [0; STATUS_CLASSES],
            buckets: [0; BUCKETS],
        }
    }
}

/// The window of one port or service.
#[derive(Clone, Debug)]
pub struct Window {
    slots: Vec<Counts>,
    current: usize,
    slot_ends: Duration,
    began: Duration,
    sum: Counts,
    last: Latency,
    in_flight: u64,
    read_at: Duration,
    /// What has come since the newest tail value.
    tail: Counts,
    finished: Option<Slot>,
}

/// Half a second that is over: what detectors are fed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// The median of the latency in nanoseconds, from a few samples on.
    pub median_ns: Option<f64>,
    /// The 90th percentile in nanoseconds, as soon as [`SAMPLES_MIN`] samples have come since the last one:
    /// of fewer it would be about their largest, which on a healthy day may be anything.
    pub tail_ns: Option<f64>,
    /// Requests begun.
    pub requests: u64,
}

impl Window {
    /// Begins at a reading; what was counted before is not in it. Its first half second is shorter by `phase`,
    /// so that those of many windows do not end at once.
    pub fn new(now: Duration, phase: Duration, totals: Latency) -> Self {
        Self {
            slots: vec![Counts::default(); SLOTS],
            current: 0,
            slot_ends: now + SLOT.saturating_sub(phase),
            began: now,
            sum: Counts::default(),
            last: totals,
            in_flight: 0,
            read_at: now,
            tail: Counts::default(),
            finished: None,
        }
    }

    /// Adds a reading.
    pub fn add(&mut self, now: Duration, totals: &Latency) {
        self.turn(now);
        let slot = &mut self.slots[self.current];
        for counts in [slot, &mut self.sum] {
            counts.grow(totals, &self.last);
        }
        self.last = *totals;
        self.read_at = now;
        let open = totals.requests.wrapping_sub(totals.answered.wrapping_add(totals.abandoned));
        // Counters of several CPUs are not read at one moment.
        self.in_flight = u64::try_from(open.cast_signed()).unwrap_or(0);
    }

    /// The half second that has just ended, once.
    pub fn take_slot(&mut self) -> Option<Slot> {
        self.finished.take()
    }

    /// Samples in the window, and those that were lost.
    pub fn samples(&self) -> (u64, u64) {
        (self.sum.answered, self.sum.lost)
    }

    /// Connections admitted per second.
    pub fn connections_per_s(&self) -> f64 {
        self.sum.connections as f64 / self.span_s()
    }

    /// Quantiles of the latency in nanoseconds, the lower ones first.
    pub fn quantiles_ns<const N: usize>(&self, quantiles: [f64; N]) -> [Option<f64>; N] {
        self.sum.quantiles_ns(quantiles, SAMPLES_MIN)
    }

    /// Writes the signals of a port or a service.
    pub fn show(&self, subject: &Subject, snapshot: &mut Snapshot) {
        let quantiles = self.quantiles_ns([0.5, 0.9, 0.99]);
        for (name, ns) in ["latency_p50", "latency_p90", "latency_p99"].into_iter().zip(quantiles) {
            snapshot.set(subject, name, ns);
        }
        let requests_per_s = self.sum.requests as f64 / self.span_s();
        snapshot.set(subject, "requests_per_s", Some(requests_per_s));
        snapshot.set(subject, "error_ratio", self.sum.error_ratio());
        if let Subject::Port(_) = subject {
            snapshot.set(subject, "connections_per_s", Some(self.connections_per_s()));
            snapshot.set(subject, "in_flight", Some(self.in_flight as f64));
        }
    }

    /// Seconds that the sum stands for; at least a second, so that a young window does not shout.
    fn span_s(&self) -> f64 {
        let oldest = self.slot_ends.saturating_sub(SLOT * SLOTS as u32).max(self.began);
        self.read_at.saturating_sub(oldest).as_secs_f64().max(1.0)
    }

    /// What the slot that has just ended says.
    fn finish(&mut self) {
        let ended = &self.slots[self.current];
        self.tail.add(ended);
        let [tail_ns] = self.tail.quantiles_ns([0.9], SAMPLES_MIN);
        if tail_ns.is_some() {
            self.tail = Counts::default();
        }
        let [median_ns] = ended.quantiles_ns([0.5], SLOT_SAMPLES_MIN);
        self.finished = Some(Slot { median_ns, tail_ns, requests: ended.requests });
    }

    /// Moves on to the slot of `now`, forgetting what has become too old.
    fn turn(&mut self, now: Duration) {
        let mut turns = 0;
        while now >= self.slot_ends {
            turns += 1;
            if turns == 1 {
                self.finish();
            }
            if turns > SLOTS {
                self.tail = Counts::default();
                self.slot_ends = now + SLOT;
                return;
            }
            self.slot_ends += SLOT;
            self.current = (self.current + 1) % SLOTS;
            let old = std::mem::take(&mut self.slots[self.current]);
            self.sum.subtract(&old);
        }
    }
}

impl Counts {
    /// Quantiles in nanoseconds from `least` samples on, the lower ones first, in one pass over the buckets.
    fn quantiles_ns<const N: usize>(&self, quantiles: [f64; N], least: u64) -> [Option<f64>; N] {
        let mut found = [None; N];
        if self.answered < least {
            return found;
        }
        let total = self.zeros + self.buckets.iter().map(|count| u64::from(*count)).sum::<u64>();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let ranks = quantiles.map(|quantile| (quantile * total as f64).ceil() as u64);
        let (mut seen, mut next) = (self.zeros, 0);
        while next < N && ranks[next] <= seen {
            found[next] = Some(ZERO_NS as f64);
            next += 1;
        }
        for (slot, count) in self.buckets.iter().enumerate() {
            if next == N {
                break;
            }
            seen += u64::from(*count);
            while next < N && ranks[next] <= seen {
                found[next] = Some(upper_ns(slot));
                next += 1;
            }
        }
        found
    }

    /// The share of 5xx among the answers whose status is known, from [`SAMPLES_MIN`] on.
    fn error_ratio(&self) -> Option<f64> {
        let known: u64 = self.statuses.iter().sum();
        let [.., errors] = self.statuses;
        (known >= SAMPLES_MIN).then(|| errors as f64 / known as f64)
    }

    /// Adds what was counted between two readings.
    fn grow(&mut self, later: &Latency, earlier: &Latency) {
        self.requests += grown(later.requests, earlier.requests);
        self.connections += grown(later.connections, earlier.connections);
        self.answered += grown(later.answered, earlier.answered);
        self.lost += grown(later.lost, earlier.lost);
        self.zeros += grown(later.zeros, earlier.zeros);
        for (class, count) in self.statuses.iter_mut().enumerate() {
            *count += grown(later.statuses[class], earlier.statuses[class]);
        }
        let buckets = self.buckets.iter_mut().zip(later.buckets.iter().zip(&earlier.buckets));
        // Of the many buckets few have grown.
        for (mine, (later, earlier)) in buckets.filter(|(_, (later, earlier))| later != earlier) {
            let more = u32::try_from(grown(*later, *earlier)).unwrap_or(u32::MAX);
            *mine = mine.saturating_add(more);
        }
    }

    fn add(&mut self, other: &Self) {
        self.statuses.iter_mut().zip(other.statuses).for_each(|(mine, theirs)| *mine += theirs);
        self.requests += other.requests;
        self.connections += other.connections;
        self.answered += other.answered;
        self.lost += other.lost;
        self.zeros += other.zeros;
        let buckets = self.buckets.iter_mut().zip(&other.buckets);
        buckets.for_each(|(mine, theirs)| *mine = mine.saturating_add(*theirs));
    }

    fn subtract(&mut self, other: &Self) {
        self.statuses.iter_mut().zip(other.statuses).for_each(|(mine, theirs)| *mine -= theirs);
        self.requests -= other.requests;
        self.connections -= other.connections;
        self.answered -= other.answered;
        self.lost -= other.lost;
        self.zeros -= other.zeros;
        let buckets = self.buckets.iter_mut().zip(&other.buckets);
        buckets.for_each(|(mine, theirs)| *mine = mine.saturating_sub(*theirs));
    }
}

/// Where buckets end: the zero count and then all but the last, which is open.
pub fn bounds_ns() -> Vec<f64> {
    std::iter::once(ZERO_NS as f64).chain((0..BUCKETS - 1).map(upper_ns)).collect()
}

/// Where a bucket ends.
fn upper_ns(slot: usize) -> f64 {
    let exponent = slot as f64 + f64::from(OFFSET + 1);
    1e9 * (exponent / 8.0).exp2()
}

/// What was counted between two readings; a counter that went back counts as nothing.
fn grown(later: u64, earlier: u64) -> u64 {
    u64::try_from(later.wrapping_sub(earlier).cast_signed()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ms: u64) -> Duration {
        Duration::from_millis(1_000_000 + ms)
    }

    fn answer(totals: &mut Latency, ns: u64) {
        totals.requests += 1;
        totals.connections += 1;
        totals.answered += 1;
        let slot = kernel_abi::histogram::slot(ns).expect("above the zero count");
        totals.buckets[slot] += 1;
    }

    #[test]
    fn quantiles_follow_and_forget() {
        let mut totals = Latency::default();
        let mut window = Window::new(after(0), Duration::ZERO, totals);
        for tick in 1..=400u64 {
            answer(&mut totals, if tick > 200 { 300_000_000 } else { 1_000_000 });
            window.add(after(tick * 50), &totals);
            let [p99] = window.quantiles_ns([0.99]);
            match tick {
                ..20 => assert_eq!(p99, None),
                20..=200 => assert!(p99.is_some_and(|p99| (1e6..1.1e6).contains(&p99))),
                205.. => assert!(p99.is_some_and(|p99| (3e8..3.3e8).contains(&p99)), "{tick}"),
                _ => {}
            }
        }
        assert!((19.0..21.0).contains(&window.connections_per_s()));
        assert!(window.quantiles_ns([0.5])[0].is_some_and(|p50| p50 > 1e8));
        window.add(after(60_000), &totals);
        assert_eq!(window.quantiles_ns([0.5]), [None]);
        assert!(window.connections_per_s() < 0.1);
    }

    #[test]
    fn half_seconds_of_windows_with_a_phase_each_end_one_by_one() {
        let ticks = |number| Duration::from_millis(50) * number;
        let new = |phase| Window::new(Duration::ZERO, ticks(phase), Latency::default());
        let mut windows: Vec<Window> = (0..10).map(new).collect();
        for tick in 1..=100 {
            let ended = windows.iter_mut().filter_map(|window| {
                window.add(ticks(tick), &Latency::default());
                window.take_slot()
            });
            assert_eq!(ended.count(), 1, "tick {tick}");
        }
    }

    #[test]
    fn errors_are_a_share_of_the_known_statuses() {
        let mut totals = Latency::default();
        let mut window = Window::new(after(0), Duration::ZERO, totals);
        assert_eq!(window.sum.error_ratio(), None);
        totals.statuses = [0, 12, 1, 2, 5];
        window.add(after(50), &totals);
        assert_eq!(window.sum.error_ratio(), Some(0.25));
        totals.statuses[1] += 20;
        window.add(after(9000), &totals);
        assert_eq!(window.sum.error_ratio(), Some(0.125));
        window.add(after(60_000), &totals);
        assert_eq!(window.sum.error_ratio(), None);
    }

    #[test]
    fn counters_that_go_back_count_as_nothing() {
        let mut totals = Latency::default();
        (0..100).for_each(|_| answer(&mut totals, 1_000_000));
        let mut window = Window::new(after(0), Duration::ZERO, totals);
        window.add(after(50), &Latency::default());
        assert_eq!(window.connections_per_s(), 0.0);
        assert_eq!(window.quantiles_ns([0.5]), [None]);
    }
}
