//! What is to be done: rules' states in, effects out.
//!
//! Pure and bounded: time is an argument, the world is asked through [`Facts`], nothing is read or
//! written. The guardrails of contract.md are all here and only here, so that a property test over
//! random inputs can hold them to the table:
//!
//! * a rule *fires* once `when` has held for `for`, until `clear` has held for `clear_for`;
//! * it *acts* if its mode, the host's guards, its cooldown, its breaker and the budgets allow; what is
//!   refused is written down once per reason, and tried again while the state holds;
//! * everything done ends by itself: limits and features are leases that are renewed only while the
//!   state holds and no guard speaks;
//! * a run (from a rule's first live action to the end of its last) counts once in its budget and is
//!   followed by its cooldown.
//!
//! What it leaves out: which limit wins on a port (`limits`), and how things are done (`actions`).

mod armed;
mod budget;
mod event;
mod past;
mod run;
mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::reflex::policy::{Action, Mode, Policy};
use budget::{Cooldown, Starts};
use event::Refusal;
use run::{Firing, Live};
use steps::Load;

pub use armed::{News, Terms};
pub use event::{ActionId, Effect, Event, EventNo, Kind, Outcome};
use past::OfRule;
pub use past::Past;

/// Time since some fixed moment, never going back.
pub type Moment = Duration;

/// After a clock jump nothing is begun or renewed for this long.
pub const CLOCK_SETTLE: Duration = Duration::from_secs(10);
/// How long a rule that did no good stays still.
pub const BREAKER_OPEN: Duration = Duration::from_secs(1800);
/// One restart of a target in this time.
pub const RESTART_EVERY: Duration = Duration::from_secs(600);
/// A restart that has not reported by then has failed.
pub const RESTART_PATIENCE: Duration = Duration::from_secs(60);
/// An approval waits this long.
pub const APPROVAL_WAITS: Duration = Duration::from_secs(900);

/// What the core asks about ports.
pub trait Facts {
    /// Units admitted per second on the target of an action over the last 10 s, if measured.
    fn admitted_per_s(&self, action: &Action) -> Option<f64>;

    /// Units that limits dropped on the target of an action so far.
    fn dropped(&self, action: &Action) -> u64;

    /// Why the target of an action must be left alone, if so.
    fn protected(&self, action: &Action) -> Option<String>;
}

/// The host at one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Windows and detectors are not full yet.
    pub warming_up: bool,
    /// Wall and monotonic clock have parted, or the host slept.
    pub clock_jumped: bool,
    /// More than 1 % of the samples were lost.
    pub samples_lost: bool,
    /// `pause` holds.
    pub paused: bool,
    /// The kill switch is on, or its file exists.
    pub killed: bool,
    /// A configured gateway has been lost for 60 s.
    pub gateway_lost: bool,
}

/// A rule's conditions at one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// `when` holds.
    pub when: bool,
    /// `clear` holds.
    pub clear: bool,
    /// How many sources of evidence of `when` have data.
    pub sources: u32,
    /// How far the signals are beyond what `when` says; 1 is just there.
    pub pressure: f64,
}

/// News about an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// It is done.
    Done(String),
    /// It is not, and why.
    Failed(String),
    /// It was not tried, and why.
    Refused(String),
    /// Somebody took it away.
    Withdrawn(String),
}

/// Everything new at one tick.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The host.
    pub host: Host,
    /// One per rule.
    pub seen: Vec<Seen>,
    /// What executors report.
    pub reports: Vec<(ActionId, Report)>,
    /// Rules whose suggestion was approved.
    pub approved: Vec<usize>,
    /// What the kernel did for rules that it judges.
    pub kernel: Vec<(usize, News)>,
}

/// A rule as `top` shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// Since when it fires.
    pub firing: Option<Moment>,
    /// How many of its actions are live.
    pub live: usize,
    /// What is left of its cooldown.
    pub cooldown: Option<Duration>,
    /// Whether its breaker is open.
    pub breaker_open: bool,
}

/// The judgement.
#[derive(Debug)]
pub struct Core {
    policy: Policy,
    /// Rules, highest priority first.
    order: Vec<usize>,
    rules: Vec<RuleState>,
    starts: Starts,
    /// Live acting actions per target.
    busy: BTreeMap<String, u32>,
    /// Until when what was restarted is left alone.
    spared: BTreeMap<String, Moment>,
    /// What rules have done that are there no more, and since when they are not.
    gone: BTreeMap<String, (Moment, OfRule)>,
    now: Moment,
    settles_at: Moment,
    next_event: EventNo,
    effects: Vec<Effect>,
}

#[derive(Clone, Debug, Default)]
struct RuleState {
    /// Since when `when` has held without a break.
    held: Option<Moment>,
    /// Since when `clear` has held without a break, while firing.
    cleared: Option<Moment>,
    firing: Option<Firing>,
    live: Vec<Option<Live>>,
    starts: Starts,
    cooldown: Cooldown,
    breaker: Option<Moment>,
    /// Of a rule that the kernel judges.
    armed: armed::Armed,
    /// Whether a run has begun and not ended.
    running: bool,
    /// Until when a run of another process may be gone on with.
    resumes_until: Option<Moment>,
    /// It has nothing but alerts; then those make a run.
    only_speaks: bool,
}

impl Core {
    /// A host at rest.
    pub fn new(policy: Policy) -> Self {
        let mut order: Vec<usize> = (0..policy.rules.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(policy.rules[*index].priority));
        let rules = policy.rules.iter().map(|rule| RuleState {
            live: vec![None; rule.actions.len()],
            only_speaks: !rule.actions.iter().any(Action::acts),
            ..RuleState::default()
        });
        let rules = rules.collect();
        Self {
            policy,
            order,
            rules,
            starts: Starts::default(),
            busy: BTreeMap::new(),
            spared: BTreeMap::new(),
            gone: BTreeMap::new(),
            now: Moment::ZERO,
            settles_at: Moment::ZERO,
            next_event: 1,
            effects: Vec::new(),
        }
    }

    /// Nothing restarts this target before then.
    pub fn spare(&mut self, target: String, until: Moment) {
        self.spared.insert(target, until);
    }

    /// What the core decides by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The number for an event from outside, such as an anomaly.
    pub fn take_event_no(&mut self) -> EventNo {
        self.next_event += 1;
        self.next_event - 1
    }

    /// How a rule stands.
    pub fn status(&self, rule: usize) -> Status {
        let state = &self.rules[rule];
        Status {
            firing: state.firing.as_ref().map(|firing| firing.since),
            live: state.live.iter().flatten().count(),
            cooldown: state.cooldown.left(self.now),
            breaker_open: state.breaker.is_some_and(|until| until > self.now),
        }
    }

    /// Actions whose limit is live.
    pub fn limits(&self) -> Vec<ActionId> {
        let rules = self.rules.iter().enumerate();
        let ids = rules.flat_map(|(rule, state)| {
            let live = state.live.iter().enumerate();
            live.filter(|(_, live)| matches!(live, Some(Live::Limit(_))))
                .map(move |(action, _)| (rule, action))
        });
        ids.collect()
    }

    /// A live limit: units per hour, and when its lease ends.
    pub fn limit(&self, id: ActionId) -> Option<(u64, Moment)> {
        match self.rules.get(id.0)?.live.get(id.1)? {
            Some(Live::Limit(steps)) => Some((steps.rate_per_hour, steps.until)),
            _ => None,
        }
    }

    /// The suggestion of a rule that waits for approval.
    pub fn suggestion(&self, rule: usize) -> Option<EventNo> {
        let firing = self.rules[rule].firing.as_ref()?;
        let waits = self.policy.rules[rule].mode == Mode::Suggest && !firing.may_act(self.now);
        waits.then_some(firing.decision)
    }

    /// One tick. `cause` is the event that the signals brought, for the record.
    pub fn tick(
        &mut self,
        now: Moment,
        inputs: &Inputs,
        cause: Option<EventNo>,
        facts: &dyn Facts,
    ) -> Vec<Effect> {
        self.now = self.now.max(now);
        if inputs.host.clock_jumped {
            self.settles_at = self.now + CLOCK_SETTLE;
        }
        for ((rule, action), report) in &inputs.reports {
            self.hear((*rule, *action), report);
        }
        for rule in &inputs.approved {
            self.approve(*rule);
        }
        for (rule, news) in &inputs.kernel {
            self.hear_kernel(*rule, news);
        }
        for rule in self.order.clone() {
            let seen = inputs.seen.get(rule).copied().unwrap_or_default();
            if self.is_armed(rule) {
                self.supervise(rule, seen, inputs.host, facts);
                continue;
            }
            self.watch(rule, seen, cause);
            self.keep(rule, seen, inputs.host, facts);
            self.act(rule, seen, inputs.host, facts);
            self.close(rule);
        }
        std::mem::take(&mut self.effects)
    }

    /// Ends everything, in an orderly stop.
    pub fn stop(&mut self, reason: &str) -> Vec<Effect> {
        self.retire(|_| false, reason)
    }

    /// Ends what rules do that are not to go on.
    pub fn retire(&mut self, goes_on: impl Fn(usize) -> bool, reason: &str) -> Vec<Effect> {
        for rule in (0..self.rules.len()).filter(|rule| !goes_on(*rule)) {
            self.end_lease(rule, Outcome::Undone, reason);
            self.end_all(rule, Outcome::Undone, reason);
            self.close(rule);
        }
        std::mem::take(&mut self.effects)
    }

    /// Hysteresis: when the rule begins and ends to fire.
    fn watch(&mut self, rule: usize, seen: Seen, cause: Option<EventNo>) {
        let (now, plan) = (self.now, &self.policy.rules[rule]);
        let (hold, clear_for) = (plan.hold, plan.clear_for);
        let state = &mut self.rules[rule];
        state.held = seen.when.then(|| state.held.unwrap_or(now));
        let clear = seen.clear && state.firing.is_some();
        state.cleared = clear.then(|| state.cleared.unwrap_or(now));
        if state.firing.is_none() && state.held.is_some_and(|held| now >= held + hold) {
            self.fire(rule, cause);
        } else if state.cleared.is_some_and(|cleared| now >= cleared + clear_for) && !seen.when {
            self.clear(rule);
        }
    }

    fn fire(&mut self, rule: usize, cause: Option<EventNo>) {
        let mode = self.policy.rules[rule].mode;
        let actions = self.policy.rules[rule].actions.iter();
        let wanted = actions.map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let reason = match mode {
            Mode::Observe => format!("the condition holds; would {wanted}"),
            Mode::Suggest => format!("the condition holds; suggests to {wanted}"),
            Mode::Act => format!("the condition holds; wants to {wanted}"),
        };
        let decision = self.say(rule, None, Kind::Decision, None, reason, None, cause);
        let state = &mut self.rules[rule];
        // What is still there from the last time is at work again.
        let acted = state.live.iter().flatten().any(|live| !matches!(live, Live::Alert));
        state.firing = Some(Firing::new(self.now, decision, acted));
        state.cleared = None;
    }

    fn clear(&mut self, rule: usize) {
        let Some(firing) = self.rules[rule].firing.take() else { return };
        self.rules[rule].cleared = None;
        let lasted = (self.now - firing.since).as_secs_f64();
        let how = if firing.acted { "after it acted" } else { "by itself" };
        let reason = format!("cleared {how} after {lasted:.1} s");
        let outcome = Some(Outcome::Done);
        self.say(rule, None, Kind::Decision, outcome, reason, None, Some(firing.decision));
        self.recover(rule);
    }

    fn approve(&mut self, rule: usize) {
        if let Some(firing) = self.rules.get_mut(rule).and_then(|state| state.firing.as_mut()) {
            firing.approved = true;
        }
    }

    /// What forbids to begin or renew anything.
    fn guard(&self, host: Host) -> Option<Refusal> {
        let guards = [
            (host.killed, Refusal::Killed),
            (host.paused, Refusal::Paused),
            (self.now < self.settles_at, Refusal::ClockJump),
            (host.samples_lost, Refusal::SampleLoss),
        ];
        guards.into_iter().find(|(speaks, _)| *speaks).map(|(_, refusal)| refusal)
    }

    /// What forbids this rule to begin anything new, besides what its actions run into.
    fn rule_guard(&mut self, rule: usize, seen: Seen, host: Host) -> Option<Refusal> {
        let (now, guard) = (self.now, self.guard(host));
        let plan = &self.policy.rules[rule];
        let state = &mut self.rules[rule];
        let approved = state.firing.as_ref().is_some_and(|firing| firing.may_act(now));
        let per_hour = lowered(plan.per_hour, host.gateway_lost);
        let resting = !state.running && state.cooldown.left(now).is_some();
        let guards = [
            (plan.mode == Mode::Observe, Refusal::Observe),
            (guard.is_some(), guard.unwrap_or(Refusal::Killed)),
            (host.warming_up, Refusal::WarmUp),
            (state.breaker.is_some_and(|until| until > now), Refusal::Breaker),
            (seen.sources < 2 && !plan.single_signal, Refusal::SingleSource),
            (resting, Refusal::Cooldown),
            (!state.running && !state.starts.allow(now, per_hour), Refusal::RuleBudget),
            (plan.mode == Mode::Suggest && !approved, Refusal::Unapproved),
        ];
        guards.into_iter().find(|(speaks, _)| *speaks).map(|(_, refusal)| refusal)
    }

    /// What forbids one action.
    fn action_guard(&mut self, id: ActionId, host: Host, facts: &dyn Facts) -> Option<Refusal> {
        let action = &self.policy.rules[id.0].actions[id.1];
        if !action.acts() {
            return None;
        }
        let (now, target) = (self.now, action.target());
        let restarts = matches!(action, Action::Restart(_));
        let lately = |until: &Moment| restarts && *until > now;
        if facts.protected(action).is_some() {
            return Some(Refusal::Protected);
        }
        if self.spared.get(&target).is_some_and(lately) {
            return Some(Refusal::RestartedLately);
        }
        if !self.starts.allow(now, lowered(self.policy.budget.per_hour, host.gateway_lost)) {
            return Some(Refusal::HostBudget);
        }
        let busy = self.busy.get(&target).copied().unwrap_or(0);
        (busy >= self.policy.budget.per_target).then_some(Refusal::TargetBusy)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a record")]
    fn say(
        &mut self,
        rule: usize,
        action: Option<usize>,
        kind: Kind,
        outcome: Option<Outcome>,
        reason: String,
        lease: Option<Duration>,
        cause: Option<EventNo>,
    ) -> EventNo {
        let (no, mode) = (self.take_event_no(), self.policy.rules[rule].mode);
        let event = Event { no, cause, kind, rule, action, mode, outcome, reason, lease };
        self.effects.push(Effect::Event(event));
        no
    }

    fn load(&self, id: ActionId, seen: Seen, facts: &dyn Facts) -> Load {
        let action = &self.policy.rules[id.0].actions[id.1];
        Load {
            admitted_per_s: facts.admitted_per_s(action),
            dropped: facts.dropped(action),
            pressure: seen.pressure,
        }
    }
}

/// A budget while a configured gateway is lost: half, but never none.
fn lowered(per_hour: u32, gateway_lost: bool) -> u32 {
    if gateway_lost { (per_hour / 2).max(per_hour.min(1)) } else { per_hour }
}

#[cfg(test)]
pub(super) mod tests;
