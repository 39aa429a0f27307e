//! What a rule has done, by its name: it still counts after a reload and after a restart, whatever else the
//! configuration says of the rule by then. A rule that is taken out is remembered as long as
//! anything of it counts, so that taking it out and in again changes nothing.
//!
//! Times are what is left of them, so that another process with another clock can go on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::{Cooldown, Starts};
use super::{BREAKER_OPEN, Core, Moment, RuleState};
use crate::reflex::policy::RULES_MAX;

/// A run in whose middle a process ended is the next one's to go on with for so long: its warm-up, and some more.
const RESUME_WITHIN: Duration = Duration::from_secs(30);

/// What all rules have done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// How long each start still counts in the host's budget.
    starts: Vec<Duration>,
    rules: BTreeMap<String, OfRule>,
}

/// What one rule has done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfRule {
    /// How long each start still counts in its own budget.
    starts: Vec<Duration>,
    doublings: u32,
    /// How long a run is a repeat.
    repeats: Duration,
    /// What is left of its rest.
    rest: Duration,
    /// What is left of its breaker's.
    breaker: Duration,
    /// Leases of the kernel without improvement.
    strikes: u32,
    /// Whether it was at work.
    running: bool,
}

impl Past {
    /// The same so much later.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        less(&mut self.starts, time);
        self.rules.values_mut().for_each(|rule| rule.age(time));
        self
    }
}

/// Takes so much from each.
fn less<'a>(left: impl IntoIterator<Item = &'a mut Duration>, time: Duration) {
    left.into_iter().for_each(|left| *left = left.saturating_sub(time));
}

impl OfRule {
    fn age(&mut self, time: Duration) {
        let times = [&mut self.repeats, &mut self.rest, &mut self.breaker];
        less(self.starts.iter_mut().chain(times), time);
    }

    fn of(state: &RuleState, now: Moment) -> Self {
        let (doublings, repeats, rest) = state.cooldown.standing(now);
        Self {
            starts: state.starts.left(now),
            doublings,
            repeats,
            rest,
            breaker: state.breaker.map(|until| until.saturating_sub(now)).unwrap_or_default(),
            strikes: state.armed.strikes,
            running: state.running,
        }
    }

    /// Whether anything of it still counts.
    fn counts(&self) -> bool {
        let starts = self.starts.iter();
        let times = starts.chain([&self.repeats, &self.rest, &self.breaker]);
        self.running || self.strikes > 0 || times.into_iter().any(|left| !left.is_zero())
    }

    fn resume(&self, state: &mut RuleState, hold: Duration, now: Moment) {
        state.starts = Starts::resumed(self.starts.clone(), now);
        state.cooldown = Cooldown::resumed((self.doublings, self.repeats, self.rest), now);
        state.running = self.running;
        state.resumes_until = self.running.then(|| now + RESUME_WITHIN + hold);
        let breaker = self.breaker.min(BREAKER_OPEN);
        state.breaker = (!breaker.is_zero()).then(|| now + breaker);
        state.armed.strikes = self.strikes;
    }
}

impl Core {
    /// What was done and still counts.
    pub fn past(&self) -> Past {
        let now = self.now;
        let names = self.policy.rules.iter().map(|rule| rule.name.clone());
        let present = names.zip(self.rules.iter().map(|state| OfRule::of(state, now)));
        let gone = self.gone.iter().map(|(name, (at, past))| {
            let mut past = past.clone();
            past.age(now.saturating_sub(*at));
            (name.clone(), past)
        });
        let rules = present.chain(gone).filter(|(_, past)| past.counts()).collect();
        Past { starts: self.starts.left(now), rules }
    }

    /// Goes on where another core ended, in this process or one before.
    pub fn resume(&mut self, past: &Past) {
        let now = self.now;
        self.starts = Starts::resumed(past.starts.clone(), now);
        let mut left = past.rules.clone();
        for (rule, state) in self.policy.rules.iter().zip(&mut self.rules) {
            if let Some(past) = left.remove(&rule.name) {
                past.resume(state, rule.hold, now);
            }
        }
        self.gone =
            left.into_iter().take(RULES_MAX).map(|(name, past)| (name, (now, past))).collect();
    }

    /// Goes on as `old` in this process: each rule that is `same` (its place there, by its place here) as it stands,
    /// of the others what they have done. They were [retired](Self::retire) before.
    pub(in crate::reflex) fn follow(&mut self, mut old: Self, same: &[Option<usize>]) {
        (self.now, self.settles_at) = (old.now, old.settles_at);
        self.next_event = old.next_event;
        self.resume(&old.past());
        for (state, place) in self.rules.iter_mut().zip(same) {
            if let Some(place) = place {
                *state = std::mem::take(&mut old.rules[*place]);
            }
        }
        (self.spared, self.busy) = (old.spared, old.busy);
    }
}

#[cfg(test)]
mod tests;
