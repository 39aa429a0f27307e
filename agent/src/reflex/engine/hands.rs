//! What carries decisions out, and what it knows of the world that decisions ask for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kernel_abi::layout::Unit;
use kernel_abi::limit::default_burst_of;
use tokio::task::JoinHandle;

use super::ports::Ports;
use super::{Handle, World};
use crate::admin::Desk;
use crate::keeper::link::Restarts;
use crate::keeper::orders::{Answer, Order};
use crate::kernel::{Limit, Target};
use crate::limits::{Request, Source};
use crate::reflex::actions::alert::{Message, Webhook};
use crate::reflex::actions::degrade::FlagFile;
use crate::reflex::decide::{ActionId, Effect, Facts, Report};
use crate::reflex::mind::Mind;
use crate::reflex::policy::{Action, Policy, Restart, Restartable, Severity};
use crate::reflex::settings::{Protected, Settings};

/// Executors and what they hold.
pub(super) struct Hands {
    desk: Arc<Desk>,
    runtime: tokio::runtime::Handle,
    restarts: Option<Arc<Restarts>>,
    handle: Handle,
    epoch: u64,
    webhook: Option<Webhook>,
    flags: FlagFile,
    protected: Protected,
    firing: BTreeMap<ActionId, (Message, JoinHandle<()>)>,
    /// Which action an order's id stands for.
    ordered: BTreeMap<u16, ActionId>,
    next_order: u16,
    host: String,
}

impl Hands {
    pub(super) fn new(world: World, handle: Handle) -> Self {
        let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        Self {
            desk: world.desk,
            runtime: world.runtime,
            restarts: world.restarts,
            handle,
            epoch: 0,
            webhook: None,
            flags: FlagFile::default(),
            protected: Protected::default(),
            firing: BTreeMap::new(),
            ordered: BTreeMap::new(),
            next_order: 0,
            host: host.unwrap_or_default(),
        }
    }

    /// Other settings from now on; `moved` says where a rule is that goes on.
    pub(super) fn follow(
        &mut self,
        settings: &Settings,
        epoch: u64,
        moved: impl Fn(usize) -> Option<usize>,
    ) {
        self.epoch = epoch;
        self.webhook = settings.webhook.clone();
        let actions = settings.policy.rules.iter().flat_map(|rule| &rule.actions);
        self.flags.follow(&settings.flags, actions);
        self.protected = settings.protected.clone();
        let place = |id: ActionId| Some((moved(id.0)?, id.1));
        let firing = std::mem::take(&mut self.firing).into_iter();
        self.firing = firing.filter_map(|(id, alert)| Some((place(id)?, alert))).collect();
        let ordered = std::mem::take(&mut self.ordered).into_iter();
        self.ordered = ordered.filter_map(|(order, id)| Some((order, place(id)?))).collect();
    }

    /// Does one thing. What fails is reported at the next tick.
    pub(super) fn carry_out(
        &mut self,
        effect: &Effect,
        policy: &Policy,
        show: impl Fn(usize) -> String,
    ) {
        match effect {
            Effect::Limit { action, rate_per_hour, lease } => {
                let inputs = show(action.0);
                self.limit(*action, *rate_per_hour, *lease, policy, &inputs);
            }
            Effect::Unlimit(action) => self.unlimit(*action, policy),
            Effect::Restart(action) => self.restart(*action, policy),
            Effect::Alert(action) => {
                if let Action::Alert(alert) = &policy.rules[action.0].actions[action.1] {
                    let inputs = show(action.0);
                    self.alert(*action, policy, alert.severity, &alert.message, inputs);
                }
            }
            Effect::Resolve(action) => self.resolve(*action),
            Effect::Degrade(action, lease) => self.degrade(*action, *lease, policy),
            Effect::Restore(action) => self.restore(*action, policy),
            Effect::Trouble(rule) => {
                let text = "the rule did no good: rolled back, it rests for 30 min";
                let id = (*rule, usize::MAX);
                self.resolve(id);
                self.alert(id, policy, Severity::Critical, text, show(*rule));
            }
            Effect::Event(_) => {}
        }
    }

    /// What the keeper has said.
    pub(super) fn hear(&mut self, mind: &mut Mind) {
        let Some(restarts) = &self.restarts else { return };
        for (order, answer) in restarts.take() {
            if let Some(action) = self.ordered.remove(&order) {
                let report = match answer {
                    Answer::Done(text) => Report::Done(text),
                    Answer::Failed(error) => Report::Failed(error),
                    Answer::Refused(reason) => Report::Refused(reason),
                };
                mind.hear(action, report);
            }
        }
    }

    /// Notices limits that somebody else took away, and other flags in the base.
    pub(super) fn look_after(&mut self, mind: &mut Mind) {
        self.flags.look(Instant::now());
        for id in mind.core().limits() {
            let policy = mind.core().policy();
            let Action::RateLimit(plan) = policy.rules[id.0].actions[id.1] else { continue };
            if !self.desk.holds(&source(policy, id), plan.target) {
                mind.hear(id, Report::Withdrawn("taken away by an operator".to_owned()));
            }
        }
    }

    fn limit(
        &self,
        id: ActionId,
        rate_per_hour: u64,
        lease: Duration,
        policy: &Policy,
        inputs: &str,
    ) {
        let Action::RateLimit(plan) = policy.rules[id.0].actions[id.1] else { return };
        let limit = Limit {
            target: plan.target,
            unit: plan.unit,
            rate_per_hour,
            burst: default_burst_of(plan.unit, rate_per_hour),
            dry_run: false,
            per_source: plan.per_source,
            generation: 0,
        };
        let mut reason = format!("rule {}: {inputs}", policy.rules[id.0].name);
        reason.truncate(reason.floor_char_boundary(crate::limits::REASON_MAX_BYTES));
        let request = Request { limit, lease, reason };
        if let Err(error) = self.desk.renew(&source(policy, id), request) {
            self.report(id, Report::Failed(error));
        }
    }

    fn unlimit(&self, id: ActionId, policy: &Policy) {
        let Action::RateLimit(plan) = policy.rules[id.0].actions[id.1] else { return };
        if let Err(error) = self.desk.take_away(&source(policy, id), plan.target) {
            tracing::error!("cannot take the limit on {} away: {error}", plan.target);
        }
    }

    fn restart(&mut self, id: ActionId, policy: &Policy) {
        let Action::Restart(restart) = &policy.rules[id.0].actions[id.1] else { return };
        let Some(restarts) = self.restarts.clone() else {
            return self.report(id, Report::Failed("there is no keeper to restart it".to_owned()));
        };
        self.next_order = self.next_order.wrapping_add(1);
        self.ordered.insert(self.next_order, id);
        let protects = self.protected.entries().into_iter().map(Order::Protect);
        let mut orders = protects.chain([order(self.next_order, restart)]);
        if let Err(error) = orders.try_for_each(|order| restarts.ask(&order)) {
            self.report(id, Report::Failed(error));
        }
    }

    fn alert(
        &mut self,
        id: ActionId,
        policy: &Policy,
        severity: Severity,
        text: &str,
        inputs: String,
    ) {
        let message = Message {
            rule: policy.rules[id.0].name.clone(),
            severity: severity.as_str(),
            summary: text.to_owned(),
            description: inputs,
            host: self.host.clone(),
            since: SystemTime::now(),
        };
        let Some(webhook) = self.webhook.clone() else { return };
        let (sent, handle, epoch) = (message.clone(), self.handle.clone(), self.epoch);
        let sending = self.runtime.spawn(async move {
            let failed = |error| handle.report(epoch, id, Report::Failed(error));
            webhook.fire(&sent, failed).await;
        });
        self.firing.insert(id, (message, sending));
    }

    fn resolve(&mut self, id: ActionId) {
        let Some((message, sending)) = self.firing.remove(&id) else { return };
        sending.abort();
        let Some(webhook) = self.webhook.clone() else { return };
        self.runtime.spawn(async move {
            if let Err(error) = webhook.resolve(&message).await {
                tracing::warn!("cannot resolve the alert of {}: {error}", message.rule);
            }
        });
    }

    fn degrade(&mut self, id: ActionId, lease: Duration, policy: &Policy) {
        let Action::Degrade(plan) = &policy.rules[id.0].actions[id.1] else { return };
        let until = SystemTime::now() + lease;
        let until_s = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Err(error) = self.flags.degrade(&plan.feature, &plan.variant, until_s) {
            self.report(id, Report::Failed(error));
        }
    }

    fn restore(&mut self, id: ActionId, policy: &Policy) {
        if let Action::Degrade(plan) = &policy.rules[id.0].actions[id.1] {
            self.flags.restore(&plan.feature);
        }
    }

    /// Whether an operator or the fleet holds a limit that a rule has to give way to.
    pub(super) fn is_overruled(&self, target: Target) -> bool {
        self.desk.is_overruled(target)
    }

    fn report(&self, id: ActionId, report: Report) {
        self.handle.report(self.epoch, id, report);
    }

    fn protected(&self, action: &Action) -> Option<String> {
        match action {
            Action::RateLimit(limit) => self.desk.protected(limit.target.port).map(str::to_owned),
            Action::Restart(Restart { what: Restartable::Unit(unit), .. }) => {
                let stem = unit.strip_suffix(".service").unwrap_or(unit);
                let named = self.protected.units.iter().any(|name| name == unit || name == stem);
                named.then(|| format!("reflex.protected.units names {unit}"))
            }
            _ => None,
        }
    }
}

fn source(policy: &Policy, id: ActionId) -> Source {
    Source::Rule(policy.rules[id.0].name.clone())
}

fn order(id: u16, restart: &Restart) -> Order {
    let grace_s = u8::try_from(restart.grace.as_secs()).unwrap_or(u8::MAX);
    match &restart.what {
        Restartable::Unit(unit) => Order::RestartUnit { id, unit: unit.clone() },
        Restartable::Pod { namespace, selector } => Order::RestartPod {
            id,
            grace_s,
            namespace: namespace.clone(),
            selector: selector.clone(),
        },
        Restartable::Container { socket, label } => {
            Order::RestartContainer { id, grace_s, socket: socket.clone(), label: label.clone() }
        }
    }
}

/// What decisions ask for, from who knows it.
pub(super) struct PortFacts<'a> {
    pub(super) ports: &'a Ports,
    pub(super) hands: &'a Hands,
}

impl Facts for PortFacts<'_> {
    fn admitted_per_s(&self, action: &Action) -> Option<f64> {
        match action {
            Action::RateLimit(plan) if plan.unit == Unit::Connections => {
                self.ports.admitted_per_s(plan.target.port)
            }
            _ => None,
        }
    }

    fn dropped(&self, action: &Action) -> u64 {
        match action {
            Action::RateLimit(plan) => self.hands.desk.dropped(plan.target),
            _ => 0,
        }
    }

    fn protected(&self, action: &Action) -> Option<String> {
        self.hands.protected(action)
    }
}
