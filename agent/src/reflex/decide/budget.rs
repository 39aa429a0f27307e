//! How often: starts within any hour, and the rest after them.

use std::collections::VecDeque;
use std::time::Duration;

use super::Moment;

/// What budgets count in.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// Longest rest that doubling leads to.
const COOLDOWN_MAX: Duration = Duration::from_secs(600);
/// Longest rest that is taken up from another process.
const REST_MAX: Duration = Duration::from_secs(24 * 3600);
const DOUBLINGS_MAX: u32 = 16;
/// A repeat within this time of the last end doubles the rest.
const REPEAT_WITHIN: Duration = Duration::from_secs(1800);

/// Starts of the last hour, each as the moment from which it counts no more; never more of them than the budget.
#[derive(Clone, Debug, Default)]
pub(super) struct Starts(VecDeque<Moment>);

impl Starts {
    /// Whether one more fits into `per_hour`.
    pub(super) fn allow(&mut self, now: Moment, per_hour: u32) -> bool {
        while self.0.front().is_some_and(|end| *end <= now) {
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
        self.0.push_back(now + HOUR);
    }

    /// How long each still counts.
    pub(super) fn left(&self, now: Moment) -> Vec<Duration> {
        self.0.iter().map(|end| end.saturating_sub(now)).filter(|left| !left.is_zero()).collect()
    }

    /// What [`left`](Self::left) said, in any order.
    pub(super) fn resumed(mut left: Vec<Duration>, now: Moment) -> Self {
        left.sort_unstable();
        Self(left.into_iter().map(|left| now + left.min(HOUR)).collect())
    }
}

/// The rest after a rule has acted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cooldown {
    doublings: u32,
    /// A run that begins before then is a repeat.
    repeats_until: Moment,
    until: Moment,
}

impl Cooldown {
    /// What is left of the rest.
    pub(super) fn left(&self, now: Moment) -> Option<Duration> {
        Some(self.until.saturating_sub(now)).filter(|left| !left.is_zero())
    }

    /// The rule begins to act.
    pub(super) fn begin(&mut self, now: Moment) {
        let repeats = self.repeats_until > now;
        self.doublings = if repeats { (self.doublings + 1).min(DOUBLINGS_MAX) } else { 0 };
    }

    /// The last of its actions has ended.
    pub(super) fn end(&mut self, now: Moment, base: Duration) {
        self.repeats_until = now + REPEAT_WITHIN;
        self.until = now + self.rest(base);
    }

    /// The rest after a run that begins now.
    pub(super) fn next(&self, now: Moment, base: Duration) -> Duration {
        let mut begun = *self;
        begun.begin(now);
        begun.rest(base)
    }

    /// Doublings, how long a run is a repeat, and what is left of the rest.
    pub(super) fn standing(&self, now: Moment) -> (u32, Duration, Duration) {
        let left = |until: Moment| until.saturating_sub(now);
        (self.doublings, left(self.repeats_until), left(self.until))
    }

    /// What [`standing`](Self::standing) said.
    pub(super) fn resumed(
        (doublings, repeats, rest): (u32, Duration, Duration),
        now: Moment,
    ) -> Self {
        let (repeats, rest) = (repeats.min(REPEAT_WITHIN), rest.min(REST_MAX));
        let doublings = doublings.min(DOUBLINGS_MAX);
        Self { doublings, repeats_until: now + repeats, until: now + rest }
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
