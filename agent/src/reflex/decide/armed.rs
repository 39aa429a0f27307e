//! Rules that the kernel judges: what it may do by itself, and what becomes of what it did.
//!
//! The kernel begins a lease without asking, also while this process is stopped. So what it may do is told
//! beforehand, as [`Terms`]: how often in any hour, at what rate, how long it rests, and whether at all. The
//! host's budget is split: what is left of it is shared out among the rules that are armed, the higher
//! priority first, so that all of them together never exceed it. What the kernel did counts like any
//! other action, from when it is heard of.

use std::time::Duration;

use super::event::Refusal;
use super::run::{Firing, Live};
use super::steps::{IMPROVED, STRIKES_MAX, Steps};
use super::{BREAKER_OPEN, Core, Effect, Facts, Host, Kind, Moment, Outcome, Seen, lowered};
use crate::reflex::policy::{Action, Mode};

/// What the kernel has done.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A lease began.
    Began {
        /// What is left of it.
        left: Duration,
        /// How it came to it.
        how: String,
    },
    /// A lease is over.
    Ended,
    /// Somebody took it away.
    Withdrawn(String),
}

/// What the kernel may do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Nothing at all.
    pub vetoed: bool,
    /// Leases besides those that were heard of.
    pub more: u16,
    /// The limit, units per hour.
    pub rate_per_hour: u64,
    /// The rest after a lease.
    pub cooldown: Duration,
}

/// How a rule that is armed stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Armed {
    /// Why it may not act, if so; the outer is empty before the first look.
    vetoed: Option<Option<Refusal>>,
    /// The lease that runs, in any mode.
    lease: Option<Lease>,
    /// Leases in a row that did no good.
    pub(super) strikes: u32,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    heard: Moment,
    until: Moment,
    worst: f64,
}

impl Core {
    /// Whether the kernel judges a rule.
    pub fn is_armed(&self, rule: usize) -> bool {
        self.policy.rules[rule].breach.is_some()
    }

    /// Whether a lease that the kernel began is known.
    pub fn knows_lease(&self, rule: usize) -> bool {
        self.rules[rule].armed.lease.is_some()
    }

    /// Why the kernel may not act on a rule now, if so.
    pub fn vetoed(&self, rule: usize) -> Option<&'static str> {
        self.rules[rule].armed.vetoed.flatten().map(Refusal::as_str)
    }

    /// What the kernel may do; `None` for a rule that it does not judge.
    pub fn terms(&mut self, rule: usize, host: Host, facts: &dyn Facts) -> Option<Terms> {
        self.policy.rules[rule].breach?;
        let (index, plan) = self.policy.rules[rule].limit().map(|(index, plan)| (index, *plan))?;
        let guarded = self.rules[rule].armed.vetoed.is_none_or(|refusal| refusal.is_some());
        let live = self.knows_lease(rule);
        let load = self.load((rule, index), Seen::default(), facts);
        let state = &self.rules[rule];
        let cooldown = state.cooldown.next(self.now, self.policy.rules[rule].cooldown);
        Some(Terms {
            // What runs goes on to its end, as the leases of other rules do.
            vetoed: guarded && !live,
            more: if guarded { 0 } else { self.allowance(rule, host) },
            rate_per_hour: Steps::begin(&plan, self.now, load).rate_per_hour,
            cooldown,
        })
    }

    /// How often the kernel may begin before it is heard again: what is left to the rule, and of that no more
    /// than its share of what is left to the host.
    fn allowance(&mut self, rule: usize, host: Host) -> u16 {
        let (now, per_hour) =
            (self.now, lowered(self.policy.rules[rule].per_hour, host.gateway_lost));
        self.rules[rule].starts.allow(now, per_hour);
        let own = per_hour.saturating_sub(self.rules[rule].starts.len());
        let more = if self.acts(rule) { own.min(self.share(rule, host)) } else { own };
        u16::try_from(more).unwrap_or(u16::MAX)
    }

    /// A rule's part of what is left of the host's budget.
    fn share(&mut self, rule: usize, host: Host) -> u32 {
        let (now, per_hour) = (self.now, lowered(self.policy.budget.per_hour, host.gateway_lost));
        self.starts.allow(now, per_hour);
        let left = per_hour.saturating_sub(self.starts.len());
        let armed = self.order.iter().filter(|rule| self.is_armed(**rule) && self.acts(**rule));
        let (mut count, mut rank) = (0, 0);
        for other in armed {
            rank = if *other == rule { count } else { rank };
            count += 1;
        }
        left / count.max(1) + u32::from(rank < left % count.max(1))
    }

    fn acts(&self, rule: usize) -> bool {
        self.policy.rules[rule].mode == Mode::Act
    }

    /// Watches over one rule for a tick.
    pub(super) fn supervise(&mut self, rule: usize, seen: Seen, host: Host, facts: &dyn Facts) {
        if let Some(lease) = &mut self.rules[rule].armed.lease {
            lease.worst = lease.worst.max(seen.pressure);
            if host.killed {
                self.end_lease(rule, Outcome::Undone, "the kill switch is on");
            } else if self.now >= lease.until {
                self.over(rule, seen);
            }
        }
        let refusal = self.veto(rule, host, facts);
        let before = self.rules[rule].armed.vetoed.replace(refusal);
        if before != Some(refusal) {
            self.say_veto(rule, before.flatten(), refusal, facts);
        }
    }

    /// Why the kernel may not begin anything, if so.
    fn veto(&mut self, rule: usize, host: Host, facts: &dyn Facts) -> Option<Refusal> {
        if let Some(refusal) = self.guard(host) {
            return Some(refusal);
        }
        let now = self.now;
        let (index, _) = self.policy.rules[rule].limit()?;
        let action = &self.policy.rules[rule].actions[index];
        let is_protected = facts.protected(action).is_some();
        let target = action.target();
        let state = &self.rules[rule];
        let own = u32::from(state.live[index].is_some());
        let busy = self.busy.get(&target).copied().unwrap_or(0).saturating_sub(own);
        let guards = [
            (host.warming_up, Refusal::WarmUp),
            (is_protected, Refusal::Protected),
            (state.breaker.is_some_and(|until| until > now), Refusal::Breaker),
            (!state.running && state.cooldown.left(now).is_some(), Refusal::Cooldown),
            (busy >= self.policy.budget.per_target, Refusal::TargetBusy),
        ];
        let spoken = guards.into_iter().find(|(speaks, _)| *speaks).map(|(_, refusal)| refusal);
        spoken.or_else(|| self.spent(rule, host))
    }

    fn spent(&mut self, rule: usize, host: Host) -> Option<Refusal> {
        let per_hour = lowered(self.policy.rules[rule].per_hour, host.gateway_lost);
        if !self.rules[rule].starts.allow(self.now, per_hour) {
            return Some(Refusal::RuleBudget);
        }
        (self.acts(rule) && self.share(rule, host) == 0).then_some(Refusal::HostBudget)
    }

    /// Writes down that the kernel may act, or why it may not. Rests are no news.
    fn say_veto(
        &mut self,
        rule: usize,
        before: Option<Refusal>,
        refusal: Option<Refusal>,
        facts: &dyn Facts,
    ) {
        let is_news = |refusal: &Refusal| {
            !matches!(refusal, Refusal::WarmUp | Refusal::Cooldown | Refusal::TargetBusy)
        };
        let (outcome, reason) = match (before, refusal) {
            (_, Some(refusal)) if is_news(&refusal) => {
                let plan = &self.policy.rules[rule];
                let why = plan.limit().and_then(|(index, _)| facts.protected(&plan.actions[index]));
                let why = why.filter(|_| refusal == Refusal::Protected);
                let why = why.unwrap_or_else(|| refusal.as_str().to_owned());
                (Outcome::Refused, format!("the kernel may not act: {why}"))
            }
            (Some(before), None) if is_news(&before) => {
                (Outcome::Done, "the kernel may act again".to_owned())
            }
            (Some(Refusal::WarmUp) | None, None) => {
                (Outcome::Done, "armed: the kernel judges by itself".to_owned())
            }
            _ => return,
        };
        self.say(rule, None, Kind::Decision, Some(outcome), reason, None, None);
    }

    /// What the kernel says.
    pub(super) fn hear_kernel(&mut self, rule: usize, news: &News) {
        if rule >= self.rules.len() || !self.is_armed(rule) {
            return;
        }
        match news {
            News::Began { left, how } => {
                self.end_lease(rule, Outcome::Expired, "its lease ended in the kernel");
                self.begin_lease(rule, *left, how);
            }
            News::Ended => self.end_lease(rule, Outcome::Expired, "its lease ended in the kernel"),
            News::Withdrawn(who) => self.end_lease(rule, Outcome::Undone, who),
        }
    }

    fn begin_lease(&mut self, rule: usize, left: Duration, how: &str) {
        let Some((index, plan)) = self.policy.rules[rule].limit().map(|(i, plan)| (i, *plan))
        else {
            return;
        };
        let (now, acts) = (self.now, self.acts(rule));
        let action = self.policy.rules[rule].actions[index].clone();
        let verb = if acts { "began to" } else { "would" };
        let reason = format!("the kernel {verb} {action}: {how}");
        let decision = self.say(rule, None, Kind::Decision, None, reason, None, None);
        let state = &mut self.rules[rule];
        state.firing = Some(Firing::new(now, decision, false));
        state.armed.lease = Some(Lease { heard: now, until: now + left, worst: 0.0 });
        if !acts {
            // It counts nothing, but what it would do it would do no more often.
            state.starts.count(now);
            return;
        }
        self.count(rule, &action);
        self.rules[rule].live[index] = Some(Live::Kernel);
        let cause = self.mark_acted(rule, index);
        let reason = format!("{action}, begun by the kernel");
        let (kind, outcome) = (Kind::Action, Some(Outcome::Done));
        self.say(rule, Some(index), kind, outcome, reason, Some(plan.lease), cause);
        self.tell_people(rule);
    }

    fn tell_people(&mut self, rule: usize) {
        for index in 0..self.rules[rule].live.len() {
            if matches!(self.policy.rules[rule].actions[index], Action::Alert(_))
                && self.rules[rule].live[index].is_none()
            {
                self.rules[rule].live[index] = Some(Live::Alert);
                self.effects.push(Effect::Alert((rule, index)));
            }
        }
    }

    /// The lease has run out: did it do any good? Only what was watched for half of it can say.
    fn over(&mut self, rule: usize, seen: Seen) {
        let Some(lease) = self.rules[rule].armed.lease else { return };
        let Some((_, plan)) = self.policy.rules[rule].limit() else { return };
        let watched = self.now.saturating_sub(lease.heard) >= plan.lease / 2;
        let helped = !seen.when || seen.pressure < lease.worst * IMPROVED;
        let state = &mut self.rules[rule].armed;
        match (watched, helped) {
            (true, true) => state.strikes = 0,
            (true, false) => state.strikes += 1,
            (false, _) => {}
        }
        let useless = state.strikes >= STRIKES_MAX;
        self.end_lease(rule, Outcome::Expired, "its lease ended in the kernel");
        if useless && self.acts(rule) {
            self.rules[rule].armed.strikes = 0;
            self.rules[rule].breaker = Some(self.now + BREAKER_OPEN);
            self.effects.push(Effect::Trouble(rule));
        }
    }

    /// Ends what is known of a lease; one that did not run out is taken out of the kernel.
    pub(super) fn end_lease(&mut self, rule: usize, outcome: Outcome, reason: &str) {
        let Some(lease) = self.rules[rule].armed.lease.take() else { return };
        let ran_out = outcome == Outcome::Expired;
        for index in 0..self.rules[rule].live.len() {
            if matches!(self.rules[rule].live[index], Some(Live::Kernel)) {
                self.end((rule, index), outcome, reason);
            }
        }
        self.recover(rule);
        if !self.acts(rule)
            && !ran_out
            && let Some((index, _)) = self.policy.rules[rule].limit()
        {
            self.effects.push(Effect::Unlimit((rule, index)));
        }
        let Some(firing) = self.rules[rule].firing.take() else { return };
        let lasted = self.now.saturating_sub(lease.heard).as_secs_f64();
        let reason = match self.acts(rule) {
            true => format!("over {lasted:.1} s after it was heard: {reason}"),
            false => format!("the lease would be over, {lasted:.1} s after it was heard"),
        };
        let (kind, done) = (Kind::Decision, Some(Outcome::Done));
        self.say(rule, None, kind, done, reason, None, Some(firing.decision));
    }
}

#[cfg(test)]
mod tests;
