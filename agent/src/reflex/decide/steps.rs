//! A rule's limit while it lives: steps down while the state holds, up while it is clear, and an end.
//!
//! Rates are units per hour, so that a step is exact in integers.

use std::time::Duration;

use super::Moment;
use crate::reflex::policy::RateLimit;
use crate::reflex::signals::window::WINDOW;

const RATE_MAX_PER_HOUR: u64 = kernel_abi::limit::RATE_PER_HOUR_MAX;
/// Leases without improvement before a limit is taken back.
pub(super) const STRIKES_MAX: u32 = 2;
/// Signals look back this far: before that much time has passed no limit can have improved them.
const JUDGED_AFTER: Duration = WINDOW;
/// A value this much better than the worst one counts as improvement.
pub(super) const IMPROVED: f64 = 0.95;

/// A limit that a rule has set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    /// What is written now, units per hour.
    pub(super) rate_per_hour: u64,
    /// When the kernel ends it unless it is renewed.
    pub(super) until: Moment,
    renew_at: Moment,
    step_at: Moment,
    /// What the limit had dropped when this lease began.
    dropped: u64,
    worst: f64,
    judged_at: Moment,
    strikes: u32,
    recovering: bool,
}

/// What is to be done with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing now.
    Wait,
    /// The same again.
    Renew,
    /// Another rate.
    Step,
    /// It has done its work.
    Relaxed,
    /// It did not help.
    Useless,
}

/// What is known of the port and the rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Units admitted per second over the last 10 s, if that is measured.
    pub(super) admitted_per_s: Option<f64>,
    /// Units dropped by the limit so far.
    pub(super) dropped: u64,
    /// How far the rule's signals are beyond what it says.
    pub(super) pressure: f64,
}

impl Steps {
    /// The first writing.
    pub(super) fn begin(plan: &RateLimit, now: Moment, load: Load) -> Self {
        let goal = goal(plan);
        let before = load.admitted_per_s.map_or(goal, per_hour);
        let first = before / 5 * 4 + before % 5 * 4 / 5;
        let rate_per_hour = if plan.immediate { goal } else { first.max(goal) };
        Self {
            rate_per_hour,
            until: now + plan.lease,
            renew_at: now + plan.lease / 3,
            step_at: now + plan.lease,
            dropped: load.dropped,
            worst: load.pressure,
            judged_at: now,
            strikes: 0,
            recovering: false,
        }
    }

    /// The state has cleared, or is back.
    pub(super) fn turn(&mut self, recovering: bool, plan: &RateLimit, now: Moment, load: Load) {
        if self.recovering == recovering {
            return;
        }
        self.recovering = recovering;
        (self.strikes, self.worst, self.dropped) = (0, load.pressure, load.dropped);
        (self.step_at, self.judged_at) = (now + plan.lease, now);
        if !recovering && plan.immediate {
            self.rate_per_hour = goal(plan);
            self.renew_at = now;
        }
    }

    /// What is due; `renew` starts the next lease.
    pub(super) fn next(&mut self, plan: &RateLimit, now: Moment, load: Load) -> Next {
        self.worst = self.worst.max(if self.strikes == 0 { load.pressure } else { 0.0 });
        let next = match (now >= self.step_at, self.recovering) {
            (true, true) => self.relax(plan, load),
            (true, false) => self.tighten(plan, now, load),
            (false, _) if now >= self.renew_at => Next::Renew,
            (false, _) => Next::Wait,
        };
        if now >= self.step_at {
            self.step_at = now + plan.lease;
            self.dropped = load.dropped;
        }
        next
    }

    /// A new lease has been written.
    pub(super) fn renewed(&mut self, plan: &RateLimit, now: Moment) {
        self.until = now + plan.lease;
        self.renew_at = now + plan.lease / 3;
    }

    fn tighten(&mut self, plan: &RateLimit, now: Moment, load: Load) -> Next {
        if now >= self.judged_at + JUDGED_AFTER {
            let improved = load.pressure < self.worst * IMPROVED;
            self.strikes = if improved { 0 } else { self.strikes + 1 };
            self.judged_at = now;
        }
        if self.strikes >= STRIKES_MAX {
            return Next::Useless;
        }
        let lower = self.rate_per_hour - self.rate_per_hour / 5;
        self.rate_per_hour = lower.max(goal(plan)).min(self.rate_per_hour);
        Next::Step
    }

    /// Up by a quarter of the rule's rate; over once nothing was dropped for a lease. What was admitted before the
    /// limit says nothing here: a crowd that is still at the door would be let in at once.
    fn relax(&mut self, plan: &RateLimit, load: Load) -> Next {
        let higher = self.rate_per_hour.saturating_add((plan.rate_per_hour / 4).max(1));
        if load.dropped <= self.dropped || higher > RATE_MAX_PER_HOUR {
            return Next::Relaxed;
        }
        self.rate_per_hour = higher;
        Next::Step
    }
}

/// Where the steps lead.
fn goal(plan: &RateLimit) -> u64 {
    plan.rate_per_hour.max(plan.floor_per_hour)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what a limit can say"
)]
fn per_hour(per_s: f64) -> u64 {
    (per_s * 3600.0).clamp(0.0, RATE_MAX_PER_HOUR as f64) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kernel_abi::layout::{Protocol, Unit};

    use super::*;
    use crate::kernel::Target;

    const PLAN: RateLimit = RateLimit {
        target: Target { protocol: Protocol::Tcp, port: 8080 },
        unit: Unit::Connections,
        rate_per_hour: 200 * 3600,
        floor_per_hour: 50 * 3600,
        lease: Duration::from_secs(30),
        immediate: false,
        per_source: false,
    };

    fn load(per_s: f64, dropped: u64, pressure: f64) -> Load {
        Load { admitted_per_s: Some(per_s), dropped, pressure }
    }

    fn at(second: u64) -> Moment {
        Duration::from_secs(second)
    }

    #[test]
    fn first_step_is_four_fifths_of_what_was_admitted() {
        let first = |per_s| Steps::begin(&PLAN, at(0), load(per_s, 0, 2.0)).rate_per_hour / 3600;
        assert_eq!(first(1000.0), 800);
        assert_eq!(first(200.0), 200);
        assert_eq!(first(10.0), 200);
        let immediate = RateLimit { immediate: true, ..PLAN };
        assert_eq!(Steps::begin(&immediate, at(0), load(1000.0, 0, 2.0)).rate_per_hour, 720_000);
    }

    #[test]
    fn a_fifth_down_per_lease_then_a_quarter_of_the_rate_up() {
        let mut steps = Steps::begin(&PLAN, at(0), load(500.0, 0, 10.0));
        let mut rates = vec![steps.rate_per_hour / 3600];
        for lease in 1..4 {
            let pressure = 10.0 - lease as f64;
            assert_eq!(steps.next(&PLAN, at(30 * lease), load(500.0, 0, pressure)), Next::Step);
            rates.push(steps.rate_per_hour / 3600);
        }
        assert_eq!(rates, [400, 320, 256, 204]);
        steps.turn(true, &PLAN, at(100), load(500.0, 0, 0.5));
        for lease in 1..=10 {
            let dropped = load(500.0, 9 * lease, 0.5);
            assert_eq!(steps.next(&PLAN, at(100 + 30 * lease), dropped), Next::Step);
            assert_eq!(steps.rate_per_hour / 3600, 204 + 50 * lease);
        }
        assert_eq!(steps.next(&PLAN, at(430), load(500.0, 90, 0.5)), Next::Relaxed);
    }

    /// A lease shorter than the signals' window is not judged by what was before it.
    #[test]
    fn improvement_is_given_time_to_show() {
        let plan = RateLimit { lease: Duration::from_secs(5), ..PLAN };
        let mut steps = Steps::begin(&plan, at(0), load(500.0, 0, 2.0));
        let next = |second| steps.next(&plan, at(second), load(500.0, 0, 2.0));
        let judged = [5, 10, 15, 20].map(next);
        assert_eq!(judged, [Next::Step, Next::Step, Next::Step, Next::Useless]);
    }

    #[test]
    fn two_leases_without_improvement_are_enough() {
        let mut steps = Steps::begin(&PLAN, at(0), load(500.0, 0, 2.0));
        assert_eq!(steps.next(&PLAN, at(10), load(500.0, 0, 3.0)), Next::Renew);
        assert_eq!(steps.next(&PLAN, at(30), load(500.0, 0, 2.9)), Next::Step);
        assert_eq!(steps.next(&PLAN, at(60), load(500.0, 0, 2.9)), Next::Useless);
    }
}
