//! A kernel for tests: the same decision on the same integers, on a clock that the test moves.
//!
//! Leases end at the same jiffies as in the kernel, counters count the same, and the table is as
//! bounded. It has no packets; a test offers units.

use super::{Error, Limit, LimitTable, Target, Unit, Verdicts, Written};
use kernel_abi::gcra;
use kernel_abi::layout::{Clock, LIMITS_MAX};
use kernel_abi::limit::{Ticks, cost, interval, window, window_of_bytes};
use std::collections::BTreeMap;
use std::time::Duration;

/// A jiffy, as with HZ=250.
const TICK_NS: u64 = 4_000_000;

/// The fake.
#[derive(Debug)]
pub struct FakeKernel {
    now_ns: u64,
    killed: bool,
    limits: BTreeMap<Target, Entry>,
}

#[derive(Debug)]
struct Entry {
    limit: Limit,
    lease_end: u64,
    overrules: bool,
    /// By source; all are 0 unless the limit counts by source.
    tats: BTreeMap<u32, u64>,
    verdicts: Verdicts,
}

impl Default for FakeKernel {
    fn default() -> Self {
        // Long after boot, as kernels are.
        Self { now_ns: 1_000_000_000_000, killed: false, limits: BTreeMap::new() }
    }
}

impl FakeKernel {
    /// Lets time pass.
    pub fn advance(&mut self, time: Duration) {
        self.now_ns += u64::try_from(time.as_nanos()).expect("tests last less than 500 years");
    }

    /// Offers units that came as one packet; whether they pass.
    pub fn offer(&mut self, target: Target, units: u32) -> bool {
        self.offer_from(target, 0, units)
    }

    /// The same from a source address.
    pub fn offer_from(&mut self, target: Target, source: u32, units: u32) -> bool {
        let (now_ns, jiffies) = (self.now_ns, self.now_ns / TICK_NS);
        match self.limits.get_mut(&target) {
            Some(entry) if !self.killed => entry.offer(source, units, now_ns, jiffies),
            _ => true,
        }
    }

    fn ticks() -> Ticks {
        Ticks::new(Clock { jiffies: 0, monotonic_ns: 0 }, TICK_NS)
    }
}

impl Entry {
    fn offer(&mut self, source: u32, units: u32, now_ns: u64, jiffies: u64) -> bool {
        if jiffies >= self.lease_end {
            self.verdicts.expired += u64::from(units);
            return true;
        }
        let Limit { rate_per_hour, burst, dry_run, unit, per_source, .. } = self.limit;
        let cost = cost(units, interval(rate_per_hour));
        let window = match unit {
            Unit::Bytes => window_of_bytes(rate_per_hour, burst),
            Unit::Connections | Unit::Packets => window(rate_per_hour, burst),
        };
        let tat = self.tats.entry(if per_source { source } else { 0 }).or_default();
        match gcra::admit(*tat, now_ns << 4, cost, window) {
            Some(next) => {
                *tat = next;
                self.verdicts.passed += u64::from(units);
                true
            }
            None => {
                self.verdicts.dropped += u64::from(units);
                dry_run
            }
        }
    }
}

impl LimitTable for FakeKernel {
    fn write(&mut self, limit: &Limit, lease: Duration, overrules: bool) -> Result<(), Error> {
        let slots = LIMITS_MAX as usize - 1;
        if !self.limits.contains_key(&limit.target) && self.limits.len() == slots {
            return Err(Error::Full(LIMITS_MAX - 1, "limit"));
        }
        let lease_ns = u64::try_from(lease.as_nanos()).unwrap_or(u64::MAX);
        let lease_end = Self::ticks().lease_end(self.now_ns, lease_ns);
        let pace = |limit: &Limit| (limit.rate_per_hour, limit.burst, limit.unit, limit.per_source);
        let entry = self.limits.entry(limit.target).or_insert(Entry {
            limit: *limit,
            lease_end,
            overrules,
            tats: BTreeMap::new(),
            verdicts: Verdicts::default(),
        });
        if pace(&entry.limit) != pace(limit) {
            entry.tats.clear();
        }
        (entry.limit, entry.lease_end, entry.overrules) = (*limit, lease_end, overrules);
        Ok(())
    }

    fn clear(&mut self, target: Target) -> Result<bool, Error> {
        Ok(self.limits.remove(&target).is_some())
    }

    fn read(&self, target: Target) -> Result<Option<Written>, Error> {
        let written = |entry: &Entry| Written {
            limit: entry.limit,
            remaining: Duration::from_nanos(
                Self::ticks().remaining_ns(entry.lease_end, self.now_ns),
            ),
        };
        Ok(self.limits.get(&target).map(written))
    }

    fn written(&self) -> Result<Vec<Written>, Error> {
        self.limits.keys().filter_map(|target| self.read(*target).transpose()).collect()
    }

    fn verdicts(&self, target: Target) -> Result<Verdicts, Error> {
        Ok(self.limits.get(&target).map(|entry| entry.verdicts).unwrap_or_default())
    }

    fn set_kill(&mut self, on: bool) -> Result<(), Error> {
        self.killed = on;
        Ok(())
    }

    fn is_killed(&self) -> Result<bool, Error> {
        Ok(self.killed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Protocol;

    const WEB: Target = Target { protocol: Protocol::Tcp, port: 8080 };

    fn limit(per_second: u64, dry_run: bool) -> Limit {
        let rate_per_hour = per_second * 3600;
        let (unit, burst) = (Unit::Connections, 5);
        Limit { target: WEB, unit, rate_per_hour, burst, dry_run, per_source: false, generation: 1 }
    }

    /// Offers 1000 units in a second; how many pass.
    fn overload(kernel: &mut FakeKernel) -> usize {
        let mut step = || {
            kernel.advance(Duration::from_millis(1));
            kernel.offer(WEB, 1)
        };
        (0..1000).filter(|_| step()).count()
    }

    #[test]
    fn limits_for_its_lease_and_renews_without_a_new_burst() {
        let mut kernel = FakeKernel::default();
        kernel.write(&limit(100, false), Duration::from_secs(2), true).unwrap();
        assert_eq!(overload(&mut kernel), 104);
        kernel.write(&limit(100, false), Duration::from_secs(2), true).unwrap();
        assert_eq!(overload(&mut kernel), 100);
        let remaining = kernel.read(WEB).unwrap().unwrap().remaining;
        assert!((1.0..1.01).contains(&remaining.as_secs_f64()), "{remaining:?}");
        kernel.advance(Duration::from_millis(1010));
        assert_eq!(overload(&mut kernel), 1000);
        let verdicts = kernel.verdicts(WEB).unwrap();
        assert_eq!((verdicts.passed, verdicts.dropped, verdicts.expired), (204, 1796, 1000));
        assert!(kernel.clear(WEB).unwrap());
        assert!(!kernel.clear(WEB).unwrap());
    }

    #[test]
    fn dry_runs_and_the_kill_switch_drop_nothing() {
        let mut kernel = FakeKernel::default();
        kernel.write(&limit(100, true), Duration::from_secs(60), true).unwrap();
        assert_eq!(overload(&mut kernel), 1000);
        assert_eq!(kernel.verdicts(WEB).unwrap().dropped, 896);
        kernel.set_kill(true).unwrap();
        kernel.write(&limit(100, false), Duration::from_secs(60), true).unwrap();
        assert_eq!(overload(&mut kernel), 1000);
        assert_eq!(kernel.verdicts(WEB).unwrap().dropped, 896);
    }
}
