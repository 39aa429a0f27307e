//! How often: starts within any hour, and the rest after them.

use std::collections::VecDeque;
use std::time::Duration;

use super::Moment;

/// What budgets count in.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// Longest rest that doubling leads to.
const COOLDOWN_MAX: Duration = Duration::from_secs(600);
/// A repeat within this time of the last end doubles the rest.
const REPEAT_WITHIN: Duration = Duration::from_secs(1800);

/// Starts of the last hour; never more of them than the budget.
#[derive(Clone, Debug, Default)]
pub(super) struct Starts(VecDeque<Moment>);

impl Starts {
    /// Whether one more fits into `per_hour`.
    pub(super) fn allow(&mut self, now: Moment, per_hour: u32) -> bool {
        while self.0.front().is_some_and(|start| *start + HOUR <= now) {
            self.0.pop_front();
        }
        self.0.len() < per_hour as usize
    }

    /// How many there were in the last hour, as of the last look.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Counts one.
    pub(super) fn count(&mut self, now: Moment) {
        self.0.push_back(now);
    }
}

/// The rest after a rule has acted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cooldown {
    doublings: u32,
    ended: Option<Moment>,
    until: Option<Moment>,
}

impl Cooldown {
    /// What is left of the rest.
    pub(super) fn left(&self, now: Moment) -> Option<Duration> {
        self.until.map(|until| until.saturating_sub(now)).filter(|left| !left.is_zero())
    }

    /// The rule begins to act.
    pub(super) fn begin(&mut self, now: Moment) {
        let repeats = self.ended.is_some_and(|ended| ended + REPEAT_WITHIN > now);
        self.doublings = if repeats { (self.doublings + 1).min(16) } else { 0 };
    }

    /// The last of its actions has ended.
    pub(super) fn end(&mut self, now: Moment, base: Duration) {
        self.ended = Some(now);
        self.until = Some(now + self.rest(base));
    }

    /// The rest after a run that begins now.
    pub(super) fn next(&self, now: Moment, base: Duration) -> Duration {
        let mut begun = *self;
        begun.begin(now);
        begun.rest(base)
    }

    fn rest(&self, base: Duration) -> Duration {
        base.saturating_mul(1 << self.doublings).min(COOLDOWN_MAX.max(base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_hour_slides() {
        let mut starts = Starts::default();
        for second in 0..3 {
            assert!(starts.allow(s(second), 3));
            starts.count(s(second));
        }
        assert!(!starts.allow(s(3599), 3));
        assert!(starts.allow(s(3600), 3));
    }

    #[test]
    fn repeats_double_up_to_ten_minutes_and_a_quiet_half_hour_forgets() {
        let mut cooldown = Cooldown::default();
        let mut now = s(0);
        for expect in [60, 120, 240, 480, 600, 600] {
            cooldown.begin(now);
            cooldown.end(now, s(60));
            assert_eq!(cooldown.left(now), Some(s(expect)));
            now += s(expect);
            assert_eq!(cooldown.left(now), None);
        }
        cooldown.begin(now + s(1800));
        cooldown.end(now + s(1800), s(60));
        assert_eq!(cooldown.left(now + s(1800)), Some(s(60)));
    }
}
