//! The loop: every tick reads signals, runs rules, decides, and has it done.
//!
//! A thread of its own, since a busy runtime must not delay it; it sleeps until the next tick or the next
//! message, whichever comes first. Whatever takes time (webhooks, restarts) is done elsewhere and
//! reports back. Bounds: one window per port and service, one set of conditions per rule, what the journal and the
//! outbox hold.

mod armed;
mod budgets;
mod hands;
mod host;
mod memory;
mod meters;
mod pause;
mod ports;
mod services;
mod view;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use components::red::services::Services as Counted;
use serde_json::Value;

use super::decide::{ActionId, Effect, Event, EventNo, Moment, News, Report};
use super::mind::Mind;
use super::policy::{Action, Policy};
use super::record::{Record, Recorder};
use super::settings::Settings;
use super::signals::Snapshot;
use super::traffic::Anomaly;
use crate::admin::Desk;
use crate::keeper::link::Restarts;
use crate::kernel::shared::SharedMaps;
use crate::limits::Standing;
pub(crate) use armed::Held;
use armed::Watchdogs;
use budgets::BudgetFile;
use hands::Hands;
use host::HostWatch;
pub(crate) use host::Outage;
use meters::Meters;
use ports::Ports;
use services::Services;

/// How long an answer to a command may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the engine is told.
enum Message {
    Apply(Box<Settings>),
    Report(u64, ActionId, Report),
    Kill(bool),
    Pause(Option<(Duration, String)>),
    Approve(String, Sender<Result<String, String>>),
    View(Sender<Value>),
    Journal(u64, Sender<Value>),
    Explain(u16, Sender<Vec<String>>),
    Lift(Option<u16>, Sender<usize>),
    Stop(Sender<()>),
    Leave(Sender<()>),
}

/// A way to talk to the engine.
#[derive(Clone, Debug)]
pub(crate) struct Handle(Sender<Message>, Held);

/// What the engine works with.
pub(crate) struct World {
    /// The kernel's samples, unless there is no kernel.
    pub(crate) samples: Option<SharedMaps>,
    /// The limits.
    pub(crate) desk: Arc<Desk>,
    /// Where executors run.
    pub(crate) runtime: tokio::runtime::Handle,
    /// The keeper's ear for restarts, if there is a keeper.
    pub(crate) restarts: Option<Arc<Restarts>>,
    /// Ports whose first exchange is a TLS handshake.
    pub(crate) tls_ports: Vec<u16>,
    /// What spans say of services.
    pub(crate) services: Arc<Counted>,
    /// Where blind rules are shown.
    pub(crate) blind: Blind,
}

/// What the host's guards look at.
pub(crate) struct Outlook {
    /// Where a pause is written down.
    pub(crate) pause_file: PathBuf,
    /// Where it is written down how often rules have acted.
    pub(crate) budget_file: PathBuf,
    /// How long gateways have been lost.
    pub(crate) outage: Outage,
    /// What the run before has written down.
    pub(crate) written: Vec<Record>,
}

/// Each rule and whether it is blind.
pub(crate) type Blind = Arc<Mutex<Vec<(String, bool)>>>;

/// A rule without data for this long is blind.
const BLIND_AFTER: Duration = Duration::from_secs(60);

/// Starts the loop.
pub(crate) fn start(
    settings: Settings,
    world: World,
    outlook: Outlook,
    recorder: Recorder,
) -> Handle {
    let (sender, receiver) = channel();
    let handle = Handle(sender, Held::default());
    let own = handle.clone();
    let run = move || Engine::new(settings, world, outlook, recorder, own).run(&receiver);
    let thread = std::thread::Builder::new().name("reflex".to_owned());
    if let Err(error) = thread.spawn(run) {
        tracing::error!("no reflexes: cannot start a thread: {error}");
    }
    handle
}

impl Handle {
    /// Other rules from now on.
    pub(crate) fn apply(&self, settings: Settings) {
        self.tell(Message::Apply(Box::new(settings)));
    }

    /// The kill switch.
    pub(crate) fn kill(&self, on: bool) {
        self.tell(Message::Kill(on));
    }

    /// A pause, or its end.
    pub(crate) fn pause(&self, pause: Option<(Duration, String)>) {
        self.tell(Message::Pause(pause));
    }

    /// Approves the suggestion of this id.
    pub(crate) fn approve(&self, id: String) -> Result<String, String> {
        let (sender, receiver) = channel();
        self.tell(Message::Approve(id, sender));
        receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| Err("no answer".to_owned()))
    }

    /// Signals, rules and the host at this moment.
    pub(crate) fn view(&self) -> Option<Value> {
        let (sender, receiver) = channel();
        self.tell(Message::View(sender));
        receiver.recv_timeout(PATIENCE).ok()
    }

    /// Records since a moment in nanoseconds since 1970.
    pub(crate) fn journal(&self, since_unix_ns: u64) -> Option<Value> {
        let (sender, receiver) = channel();
        self.tell(Message::Journal(since_unix_ns, sender));
        receiver.recv_timeout(PATIENCE).ok()
    }

    /// What rules say about a port.
    pub(crate) fn explain(&self, port: u16) -> Vec<String> {
        let (sender, receiver) = channel();
        self.tell(Message::Explain(port, sender));
        receiver.recv_timeout(PATIENCE).unwrap_or_default()
    }

    /// Limits that the kernel has begun by itself, as of the last tick.
    pub(crate) fn held(&self) -> Vec<Standing> {
        self.1.lock().expect("a plain assignment cannot panic").clone()
    }

    /// Ends what the kernel has begun on a port, or on all; how many leases there were.
    pub(crate) fn lift(&self, port: Option<u16>) -> usize {
        let (sender, receiver) = channel();
        self.tell(Message::Lift(port, sender));
        receiver.recv_timeout(PATIENCE).unwrap_or(0)
    }

    /// Ends everything that rules have done, and the loop.
    pub(crate) fn stop(&self) {
        let (sender, receiver) = channel();
        self.tell(Message::Stop(sender));
        // Without an answer the loop is gone, and what it did ends with its leases.
        let _ = receiver.recv_timeout(PATIENCE);
    }

    /// Ends the loop and leaves everything to another process, as it stands.
    pub(crate) fn leave(&self) {
        let (sender, receiver) = channel();
        self.tell(Message::Leave(sender));
        // As with `stop`.
        let _ = receiver.recv_timeout(PATIENCE);
    }

    fn report(&self, epoch: u64, action: ActionId, report: Report) {
        self.tell(Message::Report(epoch, action, report));
    }

    fn tell(&self, message: Message) {
        // The loop ends only when the process does.
        let _ = self.0.send(message);
    }
}

struct Engine {
    mind: Mind,
    tick: Duration,
    begun: Instant,
    /// Grows with each change of the rules; reports about old ones are not heard.
    epoch: u64,
    snapshot: Snapshot,
    blind_since: Vec<Option<Moment>>,
    /// What is shown of blindness outside.
    blind: Blind,
    ports: Ports,
    services: Services,
    meters: Meters,
    /// Rules in the kernel.
    dogs: Watchdogs,
    host: HostWatch,
    hands: Hands,
    recorder: Recorder,
    budgets: BudgetFile,
}

impl Engine {
    fn new(
        settings: Settings,
        world: World,
        outlook: Outlook,
        recorder: Recorder,
        handle: Handle,
    ) -> Self {
        let ports = Ports::new(world.samples.clone(), world.tls_ports.clone());
        let Outlook { pause_file, budget_file, outage, written } = outlook;
        let budgets = BudgetFile::new(budget_file);
        let past = budgets.past(SystemTime::now());
        let mut engine = Self {
            mind: Mind::new(Policy::default(), Vec::new()),
            tick: settings.tick,
            begun: Instant::now(),
            epoch: 0,
            snapshot: Snapshot::default(),
            blind_since: Vec::new(),
            ports,
            services: Services::new(world.services.clone()),
            meters: Meters::new(),
            dogs: Watchdogs::new(world.samples.clone(), handle.1.clone()),
            blind: world.blind.clone(),
            host: HostWatch::new(world.desk.is_killed(), pause_file, outage, SystemTime::now()),
            hands: Hands::new(world, handle),
            recorder,
            budgets,
        };
        engine.remember(&written);
        engine.mind.resume(&past);
        engine.apply(settings);
        engine
    }

    fn run(mut self, messages: &Receiver<Message>) {
        let mut next = Instant::now();
        loop {
            match messages.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Message::Stop(done)) => {
                    self.stop();
                    // Whoever asked may have given up waiting.
                    let _ = done.send(());
                    return;
                }
                Ok(Message::Leave(done)) => {
                    // As above; the end of the channel says as much.
                    let _ = done.send(());
                    return;
                }
                Ok(message) => self.hear(message),
                Err(RecvTimeoutError::Timeout) => {
                    self.tick();
                    // Late ticks are left out, not made up for.
                    next = (next + self.tick).max(Instant::now());
                }
                Err(RecvTimeoutError::Disconnected) => return self.stop(),
            }
        }
    }

    /// What was restarted before this process began is left alone as if it had done it.
    fn remember(&mut self, written: &[Record]) {
        for (target, left) in memory::spared(written, SystemTime::now()) {
            self.mind.spare(target, self.now() + left);
        }
    }

    fn now(&self) -> Moment {
        self.begun.elapsed()
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Apply(settings) => self.apply(*settings),
            Message::Report(epoch, action, report) if epoch == self.epoch => {
                self.mind.hear(action, report);
            }
            Message::Kill(on) => self.host.kill(on),
            Message::Pause(pause) => self.pause(pause),
            // Whoever asked may have given up waiting.
            Message::Approve(id, to) => drop(to.send(self.approve(&id))),
            Message::View(to) => drop(to.send(self.view())),
            Message::Journal(since, to) => drop(to.send(self.journal(since))),
            Message::Explain(port, to) => drop(to.send(self.explain(port))),
            Message::Lift(port, to) => drop(to.send(self.lift(port))),
            Message::Report(..) | Message::Stop(_) | Message::Leave(_) => {}
        }
    }

    /// An operator takes away what the kernel has begun.
    fn lift(&mut self, port: Option<u16>) -> usize {
        let rules = self.dogs.on(port, &self.mind);
        for rule in &rules {
            let news = News::Withdrawn("taken away by an operator".to_owned());
            self.mind.hear_kernel(*rule, news);
            self.dogs.lift(*rule);
        }
        rules.len()
    }

    /// Other rules: those that are the same go on, what the others did is undone first.
    fn apply(&mut self, settings: Settings) {
        let same = self.mind.same(&settings.policy, &settings.conditions);
        let undone = self.mind.retire(&same, "the rules have changed");
        self.carry_out(undone);
        let moved = |rule: usize| same.iter().position(|place| *place == Some(rule));
        self.epoch += 1;
        self.tick = settings.tick;
        self.host.follow(settings.kill_file.clone());
        self.ports.follow(&settings, self.begun.elapsed());
        self.services.follow(&settings);
        self.meters.follow(&settings);
        self.hands.follow(&settings, self.epoch, moved);
        let blind = same.iter().map(|place| place.and_then(|place| self.blind_since[place]));
        self.blind_since = blind.collect();
        self.dogs.follow(&settings.policy);
        self.mind.follow(settings.policy, settings.conditions, &same);
        self.budgets.keep(&self.mind.core().past(), SystemTime::now());
    }

    fn tick(&mut self) {
        let now = self.now();
        self.snapshot = Snapshot::default();
        let wall = SystemTime::now();
        let limited = self.limited();
        let mut opened = self.ports.read(now, wall, &limited, &mut self.snapshot);
        opened.extend(self.services.read(now, wall, !limited.is_empty(), &mut self.snapshot));
        opened.extend(self.meters.read(now, wall, &mut self.snapshot));
        for anomaly in &opened {
            let event = self.open(anomaly);
            self.mind.blame(event);
        }
        self.note_blind(now);
        self.hands.hear(&mut self.mind);
        self.hands.look_after(&mut self.mind);
        self.dogs.hear(&mut self.mind, now);
        let host = self.host.look(now, wall, self.ports.lose_samples());
        let facts = hands::PortFacts { ports: &self.ports, hands: &self.hands };
        let effects = self.mind.think(now, host, &self.snapshot, &facts);
        self.carry_out(effects);
        let facts = hands::PortFacts { ports: &self.ports, hands: &self.hands };
        self.dogs.write(&mut self.mind, now, &facts);
        self.dogs.show(&self.mind, |limit| self.hands.is_overruled(limit.target));
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let counts = effects.iter().any(Effect::counts);
        for effect in effects {
            match effect {
                Effect::Event(event) => self.write(event),
                Effect::Unlimit((rule, _)) if self.mind.core().is_armed(rule) => {
                    self.dogs.lift(rule)
                }
                other => {
                    let show = |rule| self.mind.show(rule, &self.snapshot);
                    self.hands.carry_out(&other, self.mind.core().policy(), show);
                }
            }
        }
        if counts {
            self.budgets.keep(&self.mind.core().past(), SystemTime::now());
        }
    }

    fn write(&mut self, event: Event) {
        let rule = &self.mind.core().policy().rules[event.rule];
        let action = event.action.map(|action| &rule.actions[action]);
        let record = Record {
            kind: match event.kind {
                super::decide::Kind::Decision => "decision",
                super::decide::Kind::Action => "action",
            }
            .to_owned(),
            reason: event.reason,
            inputs: self.mind.show(event.rule, &self.snapshot),
            rule: Some(rule.name.clone()),
            target: action.map(Action::target),
            mode: Some(event.mode.as_str().to_owned()),
            outcome: event.outcome.map(|outcome| outcome.as_str().to_owned()),
            lease_s: event.lease.map(|lease| lease.as_secs_f64()),
            ..Record::default()
        };
        let record = self.recorder.write(event.no, event.cause, record);
        tracing::info!("{}", view::sentence(&record));
    }

    fn is_blind(&self, rule: usize, now: Moment) -> bool {
        self.blind_since[rule].is_some_and(|since| now >= since + BLIND_AFTER)
    }

    /// Notices which rules have no data, and shows those that have had none for long.
    fn note_blind(&mut self, now: Moment) {
        let conditions = self.mind.conditions().iter();
        for (since, conditions) in self.blind_since.iter_mut().zip(conditions) {
            let blind = conditions.is_blind(&self.snapshot);
            *since = blind.then_some(since.unwrap_or(now));
        }
        let rules = self.mind.core().policy().rules.iter().enumerate();
        let blind = rules.map(|(index, rule)| (rule.name.clone(), self.is_blind(index, now)));
        let mut shown = self.blind.lock().expect("a plain assignment cannot panic");
        shown.clear();
        shown.extend(blind);
    }

    /// Ports under a rule's limit now.
    fn limited(&self) -> BTreeSet<u16> {
        let rules = &self.mind.core().policy().rules;
        let live = self.mind.core().limits().into_iter();
        let ports = live.filter_map(|(rule, action)| match &rules[rule].actions[action] {
            Action::RateLimit(plan) => Some(plan.target.port),
            _ => None,
        });
        let begun =
            rules.iter().enumerate().filter(|(index, _)| self.mind.core().knows_lease(*index));
        let begun = begun.filter_map(|(_, rule)| rule.breach.map(|breach| breach.port));
        ports.chain(begun).collect()
    }

    /// Writes an anomaly down.
    fn open(&mut self, anomaly: &Anomaly) -> EventNo {
        let no = self.mind.take_event_no();
        let record = Record {
            kind: "anomaly".to_owned(),
            reason: format!("{:.6} where {:.6} is normal", anomaly.value, anomaly.baseline),
            series: Some(anomaly.series.clone()),
            score: Some(anomaly.score),
            baseline: Some(anomaly.baseline),
            ..Record::default()
        };
        let record = self.recorder.write(no, None, record);
        tracing::info!("{}", view::sentence(&record));
        no
    }

    fn pause(&mut self, pause: Option<(Duration, String)>) {
        let reason = match &pause {
            Some((time, reason)) if reason.is_empty() => format!("paused for {time:?}"),
            Some((time, reason)) => format!("paused for {time:?}: {reason}"),
            None => "resumed".to_owned(),
        };
        let now = self.now();
        self.host.pause(pause.map(|(time, _)| time), now, SystemTime::now());
        let no = self.mind.take_event_no();
        let record = Record { kind: "decision".to_owned(), reason, ..Record::default() };
        self.recorder.write(no, None, record);
    }

    fn approve(&mut self, id: &str) -> Result<String, String> {
        let no = self.recorder.event_of(id).ok_or_else(|| format!("nothing is known of {id}"))?;
        let rule = self.waiting(no).ok_or_else(|| format!("{id} waits for no approval"))?;
        self.mind.approve(rule);
        Ok(format!("{} may act", self.mind.core().policy().rules[rule].name))
    }

    /// The rule whose suggestion an event is.
    fn waiting(&self, no: EventNo) -> Option<usize> {
        (0..self.blind_since.len()).find(|rule| self.mind.core().suggestion(*rule) == Some(no))
    }

    fn stop(&mut self) {
        let undone = self.mind.stop("the agent stops");
        self.carry_out(undone);
        self.dogs.stop();
    }
}
