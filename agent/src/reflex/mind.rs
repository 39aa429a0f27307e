//! A tick's thought: a snapshot of signals in, effects out. Free of IO, time is an argument.
//!
//! It puts the [`Conditions`] of the rules before the [`Core`] that judges them, with what has become
//! known since the last tick.

use bumpalo::Bump;

use super::decide::{
    ActionId, Core, Effect, EventNo, Facts, Host, Inputs, Moment, News, Past, Report, Terms,
};
use super::policy::{Policy, Rule};
use super::rules::Conditions;
use super::signals::Snapshot;

/// Rules and how they stand.
pub struct Mind {
    core: Core,
    conditions: Vec<Conditions>,
    inputs: Inputs,
    /// The last anomaly that opened.
    cause: Option<EventNo>,
    arena: Bump,
}

impl Mind {
    /// Rules at rest: what they do and, for each, when.
    pub fn new(policy: Policy, conditions: Vec<Conditions>) -> Self {
        let (inputs, cause, arena) = Default::default();
        Self { core: Core::new(policy), conditions, inputs, cause, arena }
    }

    /// The rules that stay as they are: for each of these, its place among those that run.
    pub fn same(&self, policy: &Policy, conditions: &[Conditions]) -> Vec<Option<usize>> {
        let running = self.core.policy().rules.iter().zip(&self.conditions);
        let place = |(rule, conditions): (&Rule, &Conditions)| {
            let is_same = |(one, of): (&Rule, &Conditions)| one == rule && of.is_same(conditions);
            running.clone().position(is_same)
        };
        policy.rules.iter().zip(conditions).map(place).collect()
    }

    /// Ends what rules do that are not among the `same`.
    pub fn retire(&mut self, same: &[Option<usize>], reason: &str) -> Vec<Effect> {
        self.core.retire(|rule| same.contains(&Some(rule)), reason)
    }

    /// Other rules; the `same` go on, and what all have done still counts.
    pub fn follow(&mut self, policy: Policy, conditions: Vec<Conditions>, same: &[Option<usize>]) {
        let mut old = std::mem::replace(self, Self::new(policy, conditions));
        self.core.follow(old.core, same);
        self.cause = old.cause;
        let moved = |rule: usize| same.iter().position(|place| *place == Some(rule));
        let reports = old.inputs.reports.drain(..);
        self.inputs.reports =
            reports.filter_map(|((rule, action), r)| Some(((moved(rule)?, action), r))).collect();
        let news = old.inputs.kernel.drain(..);
        self.inputs.kernel = news.filter_map(|(rule, news)| Some((moved(rule)?, news))).collect();
    }

    /// Goes on where another process ended.
    pub fn resume(&mut self, past: &Past) {
        self.core.resume(past);
    }

    /// Nothing restarts this target before then.
    pub fn spare(&mut self, target: String, until: Moment) {
        self.core.spare(target, until);
    }

    /// The judgement.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The conditions, one per rule.
    pub fn conditions(&self) -> &[Conditions] {
        &self.conditions
    }

    /// A rule's signals and their values, for the record.
    pub fn show(&self, rule: usize, snapshot: &Snapshot) -> String {
        self.conditions.get(rule).map_or_else(String::new, |rule| rule.show(snapshot))
    }

    /// The number of an event that begins outside.
    pub fn take_event_no(&mut self) -> EventNo {
        self.core.take_event_no()
    }

    /// An anomaly opened: it is the cause of what is decided from now on.
    pub fn blame(&mut self, event: EventNo) {
        self.cause = Some(event);
    }

    /// What an executor says.
    pub fn hear(&mut self, action: ActionId, report: Report) {
        self.inputs.reports.push((action, report));
    }

    /// What the kernel did for a rule that it judges.
    pub fn hear_kernel(&mut self, rule: usize, news: News) {
        self.inputs.kernel.push((rule, news));
    }

    /// Whether the next tick hears something of the kernel about a rule.
    pub fn has_news_of(&self, rule: usize) -> bool {
        self.inputs.kernel.iter().any(|(other, _)| *other == rule)
    }

    /// What the kernel may do from now on; `None` for a rule that it does not judge.
    pub fn terms(&mut self, rule: usize, facts: &dyn Facts) -> Option<Terms> {
        self.core.terms(rule, self.inputs.host, facts)
    }

    /// Lets a rule's suggestion act.
    pub fn approve(&mut self, rule: usize) {
        self.inputs.approved.push(rule);
    }

    /// One tick.
    pub fn think(
        &mut self,
        now: Moment,
        host: Host,
        snapshot: &Snapshot,
        facts: &dyn Facts,
    ) -> Vec<Effect> {
        self.arena.reset();
        self.inputs.host = host;
        self.inputs.seen.clear();
        let seen = self.conditions.iter().map(|rule| rule.see(snapshot, &self.arena));
        self.inputs.seen.extend(seen);
        let effects = self.core.tick(now, &self.inputs, self.cause, facts);
        self.inputs.reports.clear();
        self.inputs.approved.clear();
        self.inputs.kernel.clear();
        effects
    }

    /// Ends everything, in an orderly stop.
    pub fn stop(&mut self, reason: &str) -> Vec<Effect> {
        self.core.stop(reason)
    }
}
