//! When to time the run queue: while the host is busy, in windows, with pauses between them.
//!
//! Timing costs 1 to 2 % of a CPU at ten thousand switches a second, so it is not for always. A window
//! begins when CPUs are busy or tasks wait for them, and at most once a minute.

use std::time::{Duration, Instant};

use crate::host::{Host, HostMeter};

/// Busy is so much of all CPUs ...
const UTILIZATION: f64 = 0.8;
/// ... or so much of the time with somebody waiting.
const PRESSURE: f64 = 0.2;
/// No window begins sooner after the last one.
const PAUSE: Duration = Duration::from_secs(60);

/// Watches for reasons to investigate.
pub(super) struct Busy {
    meter: HostMeter,
    last: Option<Instant>,
}

impl Busy {
    pub(super) fn new() -> Self {
        Self { meter: HostMeter::new(Host::of_system()), last: None }
    }

    /// Whether a window should begin now.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        let sample = self.meter.sample(now);
        let above = |share: Option<f64>, limit| share.is_some_and(|share| share >= limit);
        let busy =
            above(sample.cpu_utilization, UTILIZATION) || above(sample.cpu_pressure, PRESSURE);
        self.decide(busy, now)
    }

    fn decide(&mut self, busy: bool, now: Instant) -> bool {
        let rested = self.last.is_none_or(|last| now >= last + PAUSE);
        if busy && rested {
            self.last = Some(now);
        }
        busy && rested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_host_is_looked_into_once_a_minute() {
        let (mut busy, begun) = (Busy::new(), Instant::now());
        let mut at = |s, is_busy| busy.decide(is_busy, begun + Duration::from_secs(s));
        assert!(!at(0, false) && at(1, true) && !at(2, true) && !at(60, true) && at(61, true));
        assert!(!at(200, false) && at(201, true));
    }
}
