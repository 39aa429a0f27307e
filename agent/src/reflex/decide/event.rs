//! What decisions lead to: effects for executors, and events for the record.

use std::time::Duration;

use crate::reflex::policy::Mode;

/// The number of an event in the order of happening; the first is 1.
pub type EventNo = u64;

/// A rule's action: which rule, which entry of its `then`.
pub type ActionId = (usize, usize);

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write a limit, or write it again.
    Limit {
        /// Whose.
        action: ActionId,
        /// Units per hour.
        rate_per_hour: u64,
        /// How long from now.
        lease: Duration,
    },
    /// Take the limit away.
    Unlimit(ActionId),
    /// Restart, and report.
    Restart(ActionId),
    /// Tell people, again and again until resolved.
    Alert(ActionId),
    /// Tell them that it is over.
    Resolve(ActionId),
    /// Switch a feature for so long from now.
    Degrade(ActionId, Duration),
    /// Switch it back.
    Restore(ActionId),
    /// Tell people that a rule was stopped for doing no good.
    Trouble(usize),
    /// Write down.
    Event(Event),
}

impl Effect {
    /// Whether something has begun or ended that budgets and rests go by.
    pub fn counts(&self) -> bool {
        let is_refused = |event: &Event| event.outcome == Some(Outcome::Refused);
        match self {
            Self::Event(event) => event.kind == Kind::Action && !is_refused(event),
            Self::Trouble(_) => true,
            _ => false,
        }
    }
}

/// A decision, or what became of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number.
    pub no: EventNo,
    /// What led to it.
    pub cause: Option<EventNo>,
    /// Decision or action.
    pub kind: Kind,
    /// The rule.
    pub rule: usize,
    /// The action.
    pub action: Option<usize>,
    /// The rule's mode.
    pub mode: Mode,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// Why.
    pub reason: String,
    /// For how long.
    pub lease: Option<Duration>,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Kind {
    Decision,
    Action,
}

/// `medulla.outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Outcome {
    Done,
    Refused,
    Failed,
    Undone,
    Expired,
}

impl Outcome {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::Expired => "expired",
        }
    }
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Observe,
    Unapproved,
    Killed,
    Paused,
    WarmUp,
    ClockJump,
    SampleLoss,
    SingleSource,
    Breaker,
    Cooldown,
    RuleBudget,
    HostBudget,
    TargetBusy,
    RestartedLately,
    Protected,
}

impl Refusal {
    /// For whoever reads the record.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "mode observe: nothing is done",
            Self::Unapproved => "mode suggest: waits for approval",
            Self::Killed => "the kill switch is on",
            Self::Paused => "reflexes are paused",
            Self::WarmUp => "still warming up",
            Self::ClockJump => "the clock jumped",
            Self::SampleLoss => "more than 1 % of the samples were lost",
            Self::SingleSource => "only one source of evidence has data",
            Self::Breaker => "the rule did no good lately, its breaker is open",
            Self::Cooldown => "the rule is cooling down",
            Self::RuleBudget => "the rule's budget is spent",
            Self::HostBudget => "the host's budget is spent",
            Self::TargetBusy => "another action is on this target",
            Self::RestartedLately => "it was restarted within 10 minutes",
            Self::Protected => "protected",
        }
    }
}
