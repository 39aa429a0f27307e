//! What a firing rule does: begins, keeps, undoes.

use super::event::Refusal;
use super::steps::{Next, Steps};
use super::{
    APPROVAL_WAITS, ActionId, BREAKER_OPEN, Core, Effect, EventNo, Facts, Host, Kind, Moment,
    Outcome, RESTART_EVERY, RESTART_PATIENCE, Report, Seen,
};
use crate::reflex::policy::{Action, RateLimit};

/// A rule that fires.
#[derive(Clone, Debug)]
pub(super) struct Firing {
    pub(super) since: Moment,
    pub(super) decision: EventNo,
    pub(super) approved: bool,
    /// Whether anything was begun.
    pub(super) acted: bool,
    /// What was refused last, the rule as a whole and each action.
    refused: Vec<(Option<usize>, Refusal)>,
}

/// An action that has begun and not ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Live {
    Limit(Steps),
    Degrade {
        until: Moment,
        renew_at: Moment,
    },
    Restart {
        deadline: Moment,
    },
    /// A limit that the kernel began; its lease is known to [`super::armed`].
    Kernel,
    Alert,
}

impl Firing {
    pub(super) fn new(since: Moment, decision: EventNo, acted: bool) -> Self {
        Self { since, decision, approved: false, acted, refused: Vec::new() }
    }

    /// Whether an approval holds.
    pub(super) fn may_act(&self, now: Moment) -> bool {
        self.approved && now < self.since + APPROVAL_WAITS
    }
}

impl Core {
    /// Begins what is wanted and not live, while the condition holds: a rule that still fires only because it
    /// has not been clear for long enough, or rested until now, begins nothing.
    pub(super) fn act(&mut self, rule: usize, seen: Seen, host: Host, facts: &dyn Facts) {
        if self.rules[rule].firing.is_none() || !seen.when {
            return;
        }
        let idle: Vec<usize> = (0..self.rules[rule].live.len())
            .filter(|i| self.rules[rule].live[*i].is_none())
            .collect();
        if idle.is_empty() {
            return;
        }
        if let Some(refusal) = self.rule_guard(rule, seen, host) {
            return self.refuse(rule, None, refusal, facts);
        }
        for action in idle {
            self.take_over((rule, action));
            match self.action_guard((rule, action), host, facts) {
                Some(refusal) => self.refuse(rule, Some(action), refusal, facts),
                None => self.begin((rule, action), seen, facts),
            }
        }
    }

    /// A rule of lower priority lets go of a target that this one wants.
    fn take_over(&mut self, id: ActionId) {
        let plan = &self.policy.rules[id.0];
        let (priority, target) = (plan.priority, plan.actions[id.1].target());
        if !plan.actions[id.1].acts() {
            return;
        }
        let lower = |rule: &usize| self.policy.rules[*rule].priority < priority;
        let others: Vec<usize> = (0..self.rules.len()).filter(lower).collect();
        for other in others {
            for action in 0..self.rules[other].live.len() {
                let there = &self.policy.rules[other].actions[action];
                if self.rules[other].live[action].is_some() && there.target() == target {
                    let reason = "a rule of higher priority takes over";
                    self.end_lease(other, Outcome::Undone, reason);
                    self.end((other, action), Outcome::Undone, reason);
                }
            }
        }
    }

    /// Writes a refusal down, once per reason.
    fn refuse(&mut self, rule: usize, action: Option<usize>, refusal: Refusal, facts: &dyn Facts) {
        let Some(firing) = &mut self.rules[rule].firing else { return };
        if firing.refused.contains(&(action, refusal)) {
            return;
        }
        firing.refused.retain(|(other, _)| *other != action);
        firing.refused.push((action, refusal));
        if refusal == Refusal::Observe {
            return;
        }
        let cause = Some(firing.decision);
        let action_plan = action.map(|action| &self.policy.rules[rule].actions[action]);
        let protected = action_plan.and_then(|action| facts.protected(action));
        let reason = match protected {
            Some(why) if refusal == Refusal::Protected => format!("protected: {why}"),
            _ => refusal.as_str().to_owned(),
        };
        let kind = if action.is_some() { Kind::Action } else { Kind::Decision };
        self.say(rule, action, kind, Some(Outcome::Refused), reason, None, cause);
    }

    fn begin(&mut self, id: ActionId, seen: Seen, facts: &dyn Facts) {
        let (rule, index) = id;
        let action = self.policy.rules[rule].actions[index].clone();
        self.count(rule, &action);
        let now = self.now;
        let (live, effect, lease) = match &action {
            Action::RateLimit(plan) => {
                let steps = Steps::begin(plan, now, self.load(id, seen, facts));
                (Live::Limit(steps), limit(id, plan, &steps), Some(plan.lease))
            }
            Action::Restart(restart) => {
                let deadline = now + RESTART_PATIENCE + restart.grace;
                (Live::Restart { deadline }, Effect::Restart(id), None)
            }
            Action::Alert(_) => (Live::Alert, Effect::Alert(id), None),
            Action::Degrade(plan) => {
                let (until, renew_at) = (now + plan.lease, now + plan.lease / 3);
                let live = Live::Degrade { until, renew_at };
                (live, Effect::Degrade(id, plan.lease), Some(plan.lease))
            }
        };
        self.rules[rule].live[index] = Some(live);
        self.effects.push(effect);
        let cause = self.mark_acted(rule, index);
        let reason = match live {
            Live::Limit(steps) => {
                format!("{action}, first step {:.1}/s", steps.rate_per_hour as f64 / 3600.0)
            }
            _ => action.to_string(),
        };
        // A restart is done when it has been verified.
        let outcome = (!matches!(live, Live::Restart { .. })).then_some(Outcome::Done);
        self.say(rule, Some(index), Kind::Action, outcome, reason, lease, cause);
    }

    /// Counts a start in every budget.
    pub(super) fn count(&mut self, rule: usize, action: &Action) {
        let (now, state) = (self.now, &mut self.rules[rule]);
        if !state.running && (action.acts() || state.only_speaks) {
            state.running = true;
            state.starts.count(now);
            state.cooldown.begin(now);
        }
        if !action.acts() {
            return;
        }
        self.starts.count(now);
        *self.busy.entry(action.target()).or_default() += 1;
        if matches!(action, Action::Restart(_)) {
            self.spared.insert(action.target(), now + RESTART_EVERY);
        }
    }

    pub(super) fn mark_acted(&mut self, rule: usize, action: usize) -> Option<EventNo> {
        let acts = self.policy.rules[rule].actions[action].acts();
        let firing = self.rules[rule].firing.as_mut()?;
        firing.acted |= acts;
        firing.refused.retain(|(other, _)| *other != Some(action));
        Some(firing.decision)
    }

    /// Renews, steps, and ends what is live.
    pub(super) fn keep(&mut self, rule: usize, seen: Seen, host: Host, facts: &dyn Facts) {
        if host.killed {
            return self.undo(rule, Outcome::Undone, "the kill switch is on");
        }
        let guarded = self.guard(host).is_some();
        for index in 0..self.rules[rule].live.len() {
            let id = (rule, index);
            match self.rules[rule].live[index] {
                Some(Live::Limit(steps)) => self.keep_limit(id, steps, guarded, seen, facts),
                Some(Live::Degrade { until, renew_at }) => {
                    self.keep_degraded(id, until, renew_at, guarded);
                }
                Some(Live::Restart { deadline }) if self.now >= deadline => {
                    self.end(id, Outcome::Failed, "no answer in time");
                }
                _ => {}
            }
        }
    }

    fn keep_limit(
        &mut self,
        id: ActionId,
        mut steps: Steps,
        guarded: bool,
        seen: Seen,
        facts: &dyn Facts,
    ) {
        let Action::RateLimit(plan) = self.policy.rules[id.0].actions[id.1] else { return };
        if self.now >= steps.until {
            return self.end(id, Outcome::Expired, "its lease ended");
        }
        if guarded {
            return;
        }
        let load = self.load(id, seen, facts);
        steps.turn(self.rules[id.0].firing.is_none(), &plan, self.now, load);
        match steps.next(&plan, self.now, load) {
            Next::Wait => {}
            Next::Renew | Next::Step => {
                steps.renewed(&plan, self.now);
                self.effects.push(limit(id, &plan, &steps));
            }
            Next::Relaxed => return self.end(id, Outcome::Undone, "relaxed: the state is clear"),
            Next::Useless => return self.give_up(id.0),
        }
        self.rules[id.0].live[id.1] = Some(Live::Limit(steps));
    }

    fn keep_degraded(&mut self, id: ActionId, until: Moment, renew_at: Moment, guarded: bool) {
        let Action::Degrade(plan) = &self.policy.rules[id.0].actions[id.1] else { return };
        let lease = plan.lease;
        if self.now >= until {
            return self.end(id, Outcome::Expired, "its lease ended");
        }
        if !guarded && self.rules[id.0].firing.is_some() && self.now >= renew_at {
            let (until, renew_at) = (self.now + lease, self.now + lease / 3);
            self.rules[id.0].live[id.1] = Some(Live::Degrade { until, renew_at });
            self.effects.push(Effect::Degrade(id, lease));
        }
    }

    /// The rule has done no good: undo it, keep it still, tell people.
    fn give_up(&mut self, rule: usize) {
        let reason = "no improvement after 2 leases: rolled back, the rule rests for 30 min";
        self.undo(rule, Outcome::Undone, reason);
        self.rules[rule].breaker = Some(self.now + BREAKER_OPEN);
        self.effects.push(Effect::Trouble(rule));
    }

    /// The state has cleared: limits begin to relax at their next tick, people hear of it.
    pub(super) fn recover(&mut self, rule: usize) {
        for index in 0..self.rules[rule].live.len() {
            if matches!(self.rules[rule].live[index], Some(Live::Alert)) {
                self.rules[rule].live[index] = None;
                self.effects.push(Effect::Resolve((rule, index)));
            }
        }
    }

    /// What executors say.
    pub(super) fn hear(&mut self, id: ActionId, report: &Report) {
        let live = self.rules.get(id.0).and_then(|state| state.live.get(id.1)).copied().flatten();
        match (live, report) {
            (None, _) => {}
            (Some(Live::Restart { .. }), Report::Done(how)) => self.end(id, Outcome::Done, how),
            (Some(_), Report::Done(_)) => {}
            (Some(Live::Alert), Report::Failed(why)) => {
                // It is still live: the state is, and people are told again when it changes.
                let cause = self.decision(id.0);
                let outcome = Some(Outcome::Failed);
                self.say(id.0, Some(id.1), Kind::Action, outcome, why.clone(), None, cause);
            }
            (Some(_), Report::Failed(why)) => self.end(id, Outcome::Failed, why),
            (Some(_), Report::Refused(why)) => self.end(id, Outcome::Refused, why),
            (Some(_), Report::Withdrawn(who)) => self.end(id, Outcome::Undone, who),
        }
    }

    /// Ends what changes the host; what speaks goes on.
    fn undo(&mut self, rule: usize, outcome: Outcome, reason: &str) {
        for index in 0..self.rules[rule].live.len() {
            if self.policy.rules[rule].actions[index].acts() {
                self.end((rule, index), outcome, reason);
            }
        }
    }

    pub(super) fn end_all(&mut self, rule: usize, outcome: Outcome, reason: &str) {
        for index in 0..self.rules[rule].live.len() {
            self.end((rule, index), outcome, reason);
        }
    }

    /// Ends one action, undoing what is left of it.
    pub(super) fn end(&mut self, id: ActionId, outcome: Outcome, reason: &str) {
        let Some(live) = self.rules[id.0].live[id.1].take() else { return };
        match live {
            Live::Limit(_) => self.effects.push(Effect::Unlimit(id)),
            // What ran out is gone by itself; the rest is taken out of the kernel.
            Live::Kernel if outcome == Outcome::Expired => {}
            Live::Kernel => self.effects.push(Effect::Unlimit(id)),
            Live::Degrade { .. } => self.effects.push(Effect::Restore(id)),
            Live::Alert => self.effects.push(Effect::Resolve(id)),
            Live::Restart { .. } => {}
        }
        let action = &self.policy.rules[id.0].actions[id.1];
        if action.acts()
            && let Some(busy) = self.busy.get_mut(&action.target())
        {
            *busy -= 1;
        }
        let cause = self.decision(id.0);
        self.say(id.0, Some(id.1), Kind::Action, Some(outcome), reason.to_owned(), None, cause);
        self.close(id.0);
    }

    /// The end of a run is the beginning of the rest.
    pub(super) fn close(&mut self, rule: usize) {
        let (now, base) = (self.now, self.policy.rules[rule].cooldown);
        let state = &mut self.rules[rule];
        let only_speaks = state.only_speaks;
        let acting = |live: &Live| only_speaks || !matches!(live, Live::Alert);
        let is_live = state.live.iter().flatten().any(acting);
        let resumes = state.resumes_until.is_some_and(|until| now < until);
        if is_live {
            state.resumes_until = None;
        } else if state.running && !resumes {
            state.running = false;
            state.cooldown.end(now, base);
        }
    }

    fn decision(&self, rule: usize) -> Option<EventNo> {
        self.rules[rule].firing.as_ref().map(|firing| firing.decision)
    }
}

fn limit(id: ActionId, plan: &RateLimit, steps: &Steps) -> Effect {
    Effect::Limit { action: id, rate_per_hour: steps.rate_per_hour, lease: plan.lease }
}
