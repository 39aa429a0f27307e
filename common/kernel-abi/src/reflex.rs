//! The kernel reflex: a rule that the program itself judges and enforces.
//!
//! User space writes a [`Rule`] beforehand: a limit, and when to begin it. The program feeds every
//! latency sample of the port to [`observe`]; when enough of the last samples are too slow, on more
//! than one connection and under load, it starts the lease of that limit. It can neither invent a
//! limit nor prolong one: a lease ends at a jiffy, a cool-down follows, and arms are counted by the
//! hour. User space can veto at any time.
//!
//! What "too slow" means is learned from the samples: an exponentially weighted mean and absolute
//! deviation, clamped against outliers and never fed with breaches. The breach is judged over raw
//! samples, k of n, because a smoothed value remembers one outlier for many samples. A level that
//! stays high is therefore not learned; user space writes the rule anew when it accepts it.
//!
//! [`Watchdog`] is changed by one CPU at a time (`busy` is a lock that is tried once; who does not get
//! it skips the sample). Loops have constant bounds, and nothing divides.

use crate::layout::Unit;

/// Samples that a watchdog remembers: `of` is at most this.
pub const RING: usize = 16;
/// Samples before a baseline counts, at the least.
pub const SAMPLES_MIN: u32 = 64;
/// A longer latency is learned as this, 13 days.
const VALUE_MAX_NS: u64 = 1 << 50;

/// A rule as user space writes it, and the limit that it may begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Rule {
    /// Time per unit in 2^-16 ns, see [`crate::limit::interval`].
    pub interval: u64,
    /// Burst as time in 1/16 ns.
    pub window: u64,
    /// The rate that `interval` was made from.
    pub rate_per_hour: u64,
    /// Chosen by user space; it stands in the events.
    pub generation: u64,
    /// How long a lease lasts, in jiffies.
    pub lease_ticks: u64,
    /// How long after its end none begins, in jiffies.
    pub cooldown_ticks: u64,
    /// Jiffies in an hour.
    pub hour_ticks: u64,
    /// Jiffies in a second.
    pub second_ticks: u64,
    /// A sample below this is never too slow.
    pub floor_ns: u64,
    /// The burst that `window` was made from.
    pub burst: u32,
    /// Open requests that count as load.
    pub in_flight_min: u32,
    /// Answers in a second that count as load.
    pub requests_per_s_min: u32,
    /// Samples before the baseline counts.
    pub samples_min: u32,
    /// Leases that may begin before an hour without any.
    pub arms_per_hour_max: u16,
    /// The TCP port.
    pub port: u16,
    /// Deviations above the mean that are too slow.
    pub deviations: u8,
    /// So many breaches ...
    pub need: u8,
    /// ... among so many samples.
    pub of: u8,
    /// [`Rule::VETO`], [`Rule::DRY_RUN`], [`Rule::PACKETS`].
    pub flags: u8,
}

impl Rule {
    /// User space forbids it: no lease begins, and one that has begun is not enforced.
    pub const VETO: u8 = 1;
    /// Count what would be dropped, and drop nothing.
    pub const DRY_RUN: u8 = 2;
    /// The unit is packets instead of connections.
    pub const PACKETS: u8 = 4;

    /// What the limit counts.
    #[inline(always)]
    #[must_use]
    pub const fn unit(&self) -> Unit {
        if self.flags & Self::PACKETS != 0 { Unit::Packets } else { Unit::Connections }
    }
}

/// What the program remembers of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Watchdog {
    /// Theoretical arrival time of the limit.
    pub tat: u64,
    /// Jiffies at which the lease ends; 0 for none.
    pub lease_end: u64,
    /// Open requests, changed by atomic addition; user space gives the first value.
    pub open: u64,
    /// Fills the cache line.
    pub reserved: [u64; 5],
    /// 1 while a CPU changes what follows.
    pub busy: u64,
    /// Mean of the samples that were no breach.
    pub mean_ns: u64,
    /// Their mean absolute deviation.
    pub deviation_ns: u64,
    /// How many there were.
    pub samples: u64,
    /// Until when no lease begins.
    pub cool_until: u64,
    /// When `hour_arms` begins anew.
    pub hour_end: u64,
    /// When `second_count` begins anew.
    pub second_end: u64,
    /// Leases begun since an hour without any.
    pub hour_arms: u32,
    /// Leases begun.
    pub arms: u32,
    /// Answers in this second so far.
    pub second_count: u32,
    /// Answers in the second before.
    pub previous_count: u32,
    /// Where the next sample goes in `ring`.
    pub position: u32,
    /// Zero.
    pub reserved_too: u32,
    /// The last samples: 0 if it was no breach, else what tells its connection from others.
    pub ring: [u32; RING],
    /// Fills the cache line.
    pub reserved_last: [u64; 6],
}

/// A sample as the program sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The latency.
    pub value_ns: u64,
    /// Tells its connection from others.
    pub flow: u32,
    /// Open requests now.
    pub in_flight: u64,
    /// Jiffies now.
    pub now: u64,
}

/// What a sample led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Quiet,
    /// A lease that was over was noticed.
    Ended,
    /// A lease begins.
    Armed,
}

/// Something that happened to a rule, as it stands in the ring of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// When, on the monotonic clock.
    pub at_ns: u64,
    /// The rule's.
    pub generation: u64,
    /// The deciding sample.
    pub sample_ns: u64,
    /// What it was compared with.
    pub threshold_ns: u64,
    /// The mean of what was learned.
    pub mean_ns: u64,
    /// Open requests.
    pub in_flight: u64,
    /// Breaches among the last samples.
    pub breaches: u32,
    /// Answers in a second.
    pub requests_per_s: u32,
    /// Leases begun since the rule was written.
    pub arms: u32,
    /// The TCP port.
    pub port: u16,
    /// [`Event::ARMED`], [`Event::ENDED`].
    pub kind: u8,
    /// The rule's flags.
    pub flags: u8,
}

impl Event {
    /// A lease has begun.
    pub const ARMED: u8 = 1;
    /// A lease that had begun is over. Noticed with the first sample after it.
    pub const ENDED: u8 = 2;
}

/// Judges one sample. Called by one CPU at a time.
#[inline(always)]
pub fn observe(dog: &mut Watchdog, rule: &Rule, sample: &Sample) -> Verdict {
    let live = sample.now < dog.lease_end;
    let ended = !live && dog.lease_end != 0;
    if ended {
        dog.lease_end = 0;
    }
    count(dog, rule, sample.now);
    let is_breach = is_warm(dog, rule) && sample.value_ns > threshold_ns(dog, rule);
    remember(dog, if is_breach { sample.flow | 1 } else { 0 });
    if !is_breach && !live {
        learn(dog, sample.value_ns);
    }
    if is_breach && !live && is_proven(dog, rule, sample) && is_allowed(dog, rule, sample.now) {
        arm(dog, rule, sample.now);
        return Verdict::Armed;
    }
    if ended { Verdict::Ended } else { Verdict::Quiet }
}

/// Above this a sample is a breach.
#[inline(always)]
#[must_use]
pub const fn threshold_ns(dog: &Watchdog, rule: &Rule) -> u64 {
    // Below 2^50 * 2^8. A multiplication that saturates would need 128 bits.
    let spread = dog.deviation_ns.wrapping_mul(rule.deviations as u64);
    let half = dog.mean_ns >> 1;
    let learned = dog.mean_ns.saturating_add(if spread > half { spread } else { half });
    if learned > rule.floor_ns { learned } else { rule.floor_ns }
}

/// Answers in the fuller of this second and the one before.
#[inline(always)]
#[must_use]
pub const fn requests_per_s(dog: &Watchdog) -> u32 {
    if dog.second_count > dog.previous_count { dog.second_count } else { dog.previous_count }
}

/// How many of the last `of` samples were breaches, and whether on more than one connection.
#[inline(always)]
#[must_use]
pub fn breaches(dog: &Watchdog, rule: &Rule) -> (u32, bool) {
    let (mut count, mut first, mut distinct) = (0, 0, false);
    let newest = dog.position.wrapping_sub(1);
    for (place, flow) in dog.ring.iter().enumerate() {
        let age = newest.wrapping_sub(place as u32) & (RING as u32 - 1);
        if *flow == 0 || age >= u32::from(rule.of) {
            continue;
        }
        count += 1;
        distinct |= first != 0 && first != *flow;
        first = *flow;
    }
    (count, distinct)
}

#[inline(always)]
fn is_warm(dog: &Watchdog, rule: &Rule) -> bool {
    dog.samples
        >= u64::from(if rule.samples_min > SAMPLES_MIN { rule.samples_min } else { SAMPLES_MIN })
}

/// Enough breaches, on two connections, under load.
#[inline(always)]
fn is_proven(dog: &Watchdog, rule: &Rule, sample: &Sample) -> bool {
    let (count, distinct) = breaches(dog, rule);
    let loaded = sample.in_flight >= u64::from(rule.in_flight_min)
        || requests_per_s(dog) >= rule.requests_per_s_min;
    rule.need > 0 && count >= u32::from(rule.need) && distinct && loaded
}

#[inline(always)]
fn is_allowed(dog: &mut Watchdog, rule: &Rule, now: u64) -> bool {
    if now >= dog.hour_end {
        dog.hour_arms = 0;
    }
    rule.flags & Rule::VETO == 0
        && rule.lease_ticks > 0
        && now >= dog.cool_until
        && dog.hour_arms < u32::from(rule.arms_per_hour_max)
}

/// The hour begins anew with each lease, so that no hour at all has more than the maximum.
#[inline(always)]
fn arm(dog: &mut Watchdog, rule: &Rule, now: u64) {
    dog.lease_end = now.saturating_add(rule.lease_ticks);
    dog.cool_until = dog.lease_end.saturating_add(rule.cooldown_ticks);
    dog.hour_end = now.saturating_add(rule.hour_ticks);
    dog.hour_arms += 1;
    dog.arms = dog.arms.wrapping_add(1);
}

#[inline(always)]
fn count(dog: &mut Watchdog, rule: &Rule, now: u64) {
    if now >= dog.second_end {
        let follows = now < dog.second_end.saturating_add(rule.second_ticks);
        dog.previous_count = if follows { dog.second_count } else { 0 };
        dog.second_count = 0;
        dog.second_end = now.saturating_add(rule.second_ticks);
    }
    dog.second_count = dog.second_count.wrapping_add(1);
}

#[inline(always)]
fn remember(dog: &mut Watchdog, flow: u32) {
    if let Some(place) = dog.ring.get_mut(dog.position as usize & (RING - 1)) {
        *place = flow;
    }
    dog.position = dog.position.wrapping_add(1);
}

/// Moves mean and deviation by 1/128 of the difference, while they are young by 1/16. A sample counts
/// for at most eight times the mean.
#[inline(always)]
fn learn(dog: &mut Watchdog, value_ns: u64) {
    let value_ns = if value_ns > VALUE_MAX_NS { VALUE_MAX_NS } else { value_ns };
    if dog.samples == 0 {
        dog.mean_ns = value_ns;
        dog.deviation_ns = value_ns >> 1;
        dog.samples = 1;
        return;
    }
    let most = if dog.mean_ns > 0 { dog.mean_ns << 3 } else { VALUE_MAX_NS };
    let value_ns = if value_ns > most { most } else { value_ns };
    let shift = if dog.samples < SAMPLES_MIN as u64 { 4 } else { 7 };
    let off = value_ns.abs_diff(dog.mean_ns);
    dog.mean_ns = toward(dog.mean_ns, value_ns, shift);
    dog.deviation_ns = toward(dog.deviation_ns, off, shift);
    dog.samples = dog.samples.saturating_add(1);
}

#[inline(always)]
const fn toward(from: u64, to: u64, shift: u32) -> u64 {
    if to > from { from + ((to - from) >> shift) } else { from - ((from - to) >> shift) }
}

const _: () = {
    assert!(size_of::<Rule>() == 96);
    assert!(size_of::<Watchdog>() == 256);
    assert!(size_of::<Event>() == 64);
    assert!(RING.is_power_of_two());
};

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const SECOND: u64 = 250;
    const MS: u64 = 1_000_000;

    fn rule() -> Rule {
        Rule {
            lease_ticks: 5 * SECOND,
            cooldown_ticks: 60 * SECOND,
            hour_ticks: 3600 * SECOND,
            second_ticks: SECOND,
            floor_ns: 5 * MS,
            in_flight_min: 10,
            requests_per_s_min: 1_000_000,
            arms_per_hour_max: 3,
            deviations: 6,
            need: 5,
            of: 8,
            ..Rule::default()
        }
    }

    fn sample(value_ns: u64, flow: u32, now: u64) -> Sample {
        Sample { value_ns, flow: flow << 1, in_flight: 20, now }
    }

    /// A watchdog that knows a service of about a millisecond.
    fn warm(rule: &Rule) -> Watchdog {
        let mut dog = Watchdog::default();
        for n in 0..200_u64 {
            let noise = (n * 7919 % 100) * 5000;
            assert_eq!(
                observe(&mut dog, rule, &sample(MS + noise, n as u32, 1000 + n)),
                Verdict::Quiet
            );
        }
        dog
    }

    fn arms_with(rule: &Rule, samples: &[(u64, u32)]) -> bool {
        let mut dog = warm(rule);
        samples.iter().any(|(value_ns, flow)| {
            observe(&mut dog, rule, &sample(*value_ns, *flow, 2000)) == Verdict::Armed
        })
    }

    #[test]
    fn k_of_n_slow_samples_on_two_flows_arm() {
        let slow = 30 * MS;
        assert!(arms_with(&rule(), &[(slow, 1), (slow, 2), (slow, 1), (slow, 1), (slow, 1)]));
        assert!(!arms_with(&rule(), &[(slow, 1), (slow, 2), (slow, 1), (slow, 1)]));
        // One connection only; below the floor; thinned out beyond n.
        assert!(!arms_with(&rule(), &[(slow, 1); 20]));
        assert!(!arms_with(&rule(), &(0..20).map(|n| (4 * MS, n)).collect::<Vec<_>>()));
        let thin: Vec<_> = (0..40).map(|n| (if n % 2 == 0 { slow } else { MS }, n)).collect();
        assert!(!arms_with(&rule(), &thin));
        assert!(arms_with(&Rule { need: 4, ..rule() }, &thin));
    }

    #[test]
    fn load_veto_and_warm_up_are_asked() {
        let slow: Vec<_> = (0..20).map(|n| (30 * MS, n)).collect();
        assert!(arms_with(&rule(), &slow));
        assert!(!arms_with(&Rule { in_flight_min: 21, ..rule() }, &slow));
        assert!(arms_with(&Rule { in_flight_min: 21, requests_per_s_min: 20, ..rule() }, &slow));
        assert!(!arms_with(&Rule { flags: Rule::VETO, ..rule() }, &slow));
        assert!(!arms_with(&Rule { samples_min: 500, ..rule() }, &slow));
        assert!(!arms_with(&Rule { need: 0, ..rule() }, &slow));
        assert!(!arms_with(&Rule { arms_per_hour_max: 0, ..rule() }, &slow));
    }

    #[test]
    fn a_lease_ends_and_a_cool_down_follows() {
        let rule = rule();
        let mut dog = warm(&rule);
        let mut armed = Vec::new();
        let mut ended = Vec::new();
        // Slow for two hours, a hundred samples a second.
        for n in 0..2 * 3600 * 100_u64 {
            let now = 2000 + n * SECOND / 100;
            match observe(&mut dog, &rule, &sample(30 * MS, n as u32, now)) {
                Verdict::Armed => armed.push(now),
                Verdict::Ended => ended.push(now),
                Verdict::Quiet => {}
            }
        }
        // Three, then the hour is over; and three more.
        assert_eq!((armed.len(), ended.len()), (6, 6));
        assert_eq!(ended[0], armed[0] + 5 * SECOND);
        assert_eq!(armed[1], armed[0] + 65 * SECOND);
        assert!(armed[3] >= armed[2] + 3600 * SECOND);
    }

    proptest! {
        // Whatever comes, the promises of a rule hold.
        #[test]
        fn no_sequence_breaks_a_bound(
            need in 0u8..20, of in 0u8..20, deviations in any::<u8>(), max in 0u16..5,
            lease in 0u64..2000, cooldown in 0u64..5000, flags in 0u8..8,
            steps in prop::collection::vec((any::<u64>(), any::<u32>(), 0u64..3000, any::<u64>()), 0..600),
        ) {
            let rule = Rule {
                need, of, deviations, flags, arms_per_hour_max: max,
                lease_ticks: lease, cooldown_ticks: cooldown, ..rule()
            };
            let mut dog = Watchdog::default();
            let (mut now, mut armed) = (0, Vec::<u64>::new());
            for (value, flow, gap, in_flight) in steps {
                now += gap;
                // Mostly plausible values, so that a baseline comes to be.
                let value_ns = if flow % 3 == 0 { value } else { MS + value % MS };
                let sample = Sample { value_ns, flow, in_flight, now };
                let verdict = observe(&mut dog, &rule, &sample);
                if verdict == Verdict::Armed {
                    prop_assert!(flags & Rule::VETO == 0 && lease > 0);
                    prop_assert!(value_ns > rule.floor_ns);
                    prop_assert_eq!(dog.lease_end, now + lease);
                    let last = armed.last().copied();
                    prop_assert!(last.is_none_or(|last| now >= last + lease + cooldown));
                    armed.push(now);
                    let hour = armed.iter().filter(|at| **at + rule.hour_ticks > now).count();
                    prop_assert!(hour <= usize::from(max));
                }
                prop_assert!(dog.lease_end <= now + lease);
            }
        }
    }
}
