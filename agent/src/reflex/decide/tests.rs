//! The core against the guardrail table: examples that say what a row means, and random worlds that no
//! row may be broken in.

use std::collections::BTreeMap;

use kernel_abi::layout::{Protocol, Unit};
use proptest::prelude::*;

use super::*;
use crate::kernel::Target;
use crate::reflex::policy::{
    Alert, Degrade, HostBudget, RateLimit, Restart, Restartable, Rule, Severity,
};

pub(super) const TICK: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub(in crate::reflex) struct World {
    pub(super) admitted_per_s: Option<f64>,
    pub(super) dropped: u64,
    pub(super) protected: bool,
}

impl Facts for World {
    fn admitted_per_s(&self, _: &Action) -> Option<f64> {
        self.admitted_per_s
    }

    fn dropped(&self, _: &Action) -> u64 {
        self.dropped
    }

    fn protected(&self, _: &Action) -> Option<String> {
        self.protected.then(|| "the test says so".to_owned())
    }
}

pub(super) const QUIET: World =
    World { admitted_per_s: Some(1000.0), dropped: 0, protected: false };

pub(super) fn limit(port: u16) -> Action {
    Action::RateLimit(RateLimit {
        target: Target { protocol: Protocol::Tcp, port },
        unit: Unit::Connections,
        rate_per_hour: 200 * 3600,
        floor_per_hour: 50 * 3600,
        lease: Duration::from_secs(30),
        immediate: false,
        per_source: false,
    })
}

fn restart() -> Action {
    let what = Restartable::Unit("shop.service".to_owned());
    Action::Restart(Restart { what, grace: Duration::from_secs(10) })
}

pub(super) fn alert() -> Action {
    Action::Alert(Alert { severity: Severity::Warning, message: "slow".to_owned() })
}

fn degrade() -> Action {
    let (feature, variant) = ("recommendations".to_owned(), "off".to_owned());
    Action::Degrade(Degrade { feature, variant, lease: Duration::from_secs(300) })
}

pub(super) fn rule(mode: Mode, actions: Vec<Action>) -> Rule {
    Rule::new("shed-load", mode, actions)
}

/// What a rule leaves that has acted a second ago.
pub(in crate::reflex) fn acted() -> Past {
    let mut bench = Bench::new(vec![rule(Mode::Act, vec![limit(8080)])]);
    bench.run(1, true);
    bench.core.past()
}

/// A core and its clock.
pub(super) struct Bench {
    pub(super) core: Core,
    pub(super) now: Moment,
    pub(super) host: Host,
    pub(super) world: World,
}

impl Bench {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        let core = Core::new(Policy { budget: HostBudget::default(), rules });
        Self { core, now: Duration::from_secs(100), host: Host::default(), world: QUIET }
    }

    pub(super) fn inputs(&self, when: bool) -> Inputs {
        let pressure = if when { 2.0 } else { 0.5 };
        let seen = Seen { when, clear: !when, sources: 2, pressure };
        Inputs { host: self.host, seen: vec![seen; self.core.rules.len()], ..Inputs::default() }
    }

    pub(super) fn tick(&mut self, inputs: &Inputs) -> Vec<Effect> {
        self.now += TICK;
        self.core.tick(self.now, inputs, None, &self.world)
    }

    /// Ticks for so long; what happened, as words.
    pub(super) fn run(&mut self, seconds: u64, when: bool) -> Vec<String> {
        let ticks = Duration::from_secs(seconds).as_millis() / TICK.as_millis();
        let inputs = self.inputs(when);
        (0..ticks).flat_map(|_| self.tick(&inputs)).map(|effect| word(&effect)).collect()
    }
}

pub(super) fn word(effect: &Effect) -> String {
    match effect {
        Effect::Limit { rate_per_hour, .. } => format!("limit {}", rate_per_hour / 3600),
        Effect::Event(Event { outcome, reason, .. }) => {
            let outcome = outcome.map_or("-", Outcome::as_str);
            format!("{outcome}: {reason}")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn a_limit_steps_renews_relaxes_and_is_gone() {
    let mut bench = Bench::new(vec![rule(Mode::Act, vec![limit(8080)])]);
    let begun = bench.run(1, true);
    assert_eq!(
        begun,
        [
            "-: the condition holds; wants to limit tcp/8080 to 200/s",
            "limit 800",
            "done: limit tcp/8080 to 200/s, first step 800.0/s",
        ]
    );
    assert_eq!(bench.run(29, true), ["limit 800"; 2]);
    assert_eq!(bench.run(12, false)[..1], ["limit 640"]);
    let end = bench.run(60, false);
    assert!(end.contains(&"Unlimit((0, 0))".to_owned()), "{end:?}");
    assert!(end.contains(&"undone: relaxed: the state is clear".to_owned()), "{end:?}");
    assert_eq!(bench.run(600, false), Vec::<String>::new());
}

#[test]
fn what_does_not_help_is_rolled_back_and_stays_so() {
    let mut bench = Bench::new(vec![rule(Mode::Act, vec![limit(8080), alert()])]);
    let words = bench.run(70, true);
    assert!(words.contains(&"Trouble(0)".to_owned()), "{words:?}");
    assert!(words.contains(&"Unlimit((0, 0))".to_owned()), "{words:?}");
    let later = bench.run(1700, true);
    assert!(!later.iter().any(|word| word.starts_with("limit")), "{later:?}");
    assert!(bench.core.status(0).breaker_open);
    assert!(bench.run(120, true).iter().any(|word| word.starts_with("limit")));
}

#[test]
fn guards_refuse_and_say_why_once() {
    let check = |host: Host, expect: &str| {
        let mut bench = Bench::new(vec![rule(Mode::Act, vec![limit(8080)])]);
        bench.host = host;
        let words = bench.run(20, true);
        assert_eq!(words.len(), 2, "{words:?}");
        assert_eq!(words[1], format!("refused: {expect}"));
    };
    let host = Host::default();
    check(Host { warming_up: true, ..host }, "still warming up");
    check(Host { clock_jumped: true, ..host }, "the clock jumped");
    check(Host { samples_lost: true, ..host }, "more than 1 % of the samples were lost");
    check(Host { paused: true, ..host }, "reflexes are paused");
    check(Host { killed: true, ..host }, "the kill switch is on");
    let mut bench = Bench::new(vec![rule(Mode::Act, vec![limit(8080)])]);
    bench.world.protected = true;
    assert_eq!(bench.run(9, true)[1], "refused: protected: the test says so");
}

#[test]
fn a_guard_in_the_middle_lets_the_lease_run_out_and_the_kill_switch_ends_it() {
    let mut bench = Bench::new(vec![rule(Mode::Act, vec![limit(8080), degrade()])]);
    bench.run(1, true);
    bench.host.paused = true;
    let words = bench.run(40, true);
    assert_eq!(words[..2], ["Unlimit((0, 0))", "expired: its lease ended"]);
    bench.host = Host { killed: true, ..Host::default() };
    let words = bench.run(1, true);
    assert_eq!(words[0], "Restore((0, 1))");
}

#[test]
fn observing_does_nothing_and_says_what_it_would() {
    let mut bench = Bench::new(vec![rule(Mode::Observe, vec![limit(8080), alert()])]);
    let words = bench.run(60, true);
    assert_eq!(words, ["-: the condition holds; would limit tcp/8080 to 200/s, alert (warning)"]);
    assert_eq!(bench.run(60, false), ["done: cleared by itself after 70.0 s"]);
}

#[test]
fn a_suggestion_waits_for_approval() {
    let mut bench = Bench::new(vec![rule(Mode::Suggest, vec![limit(8080)])]);
    assert_eq!(bench.run(60, true)[1], "refused: mode suggest: waits for approval");
    let inputs = Inputs { approved: vec![0], ..bench.inputs(true) };
    assert_eq!(word(&bench.tick(&inputs)[0]), "limit 800");
}

#[test]
fn one_source_is_not_enough_unless_allowed() {
    let inputs = |bench: &Bench| {
        let mut inputs = bench.inputs(true);
        inputs.seen[0].sources = 1;
        inputs
    };
    let mut bench = Bench::new(vec![rule(Mode::Act, vec![limit(8080)])]);
    let seen = inputs(&bench);
    let words: Vec<String> = bench.tick(&seen).iter().map(word).collect();
    assert_eq!(words[1], "refused: only one source of evidence has data");
    let alone = Rule { single_signal: true, ..rule(Mode::Act, vec![limit(8080)]) };
    let mut bench = Bench::new(vec![alone]);
    let seen = inputs(&bench);
    assert_eq!(word(&bench.tick(&seen)[1]), "limit 800");
}

#[test]
fn restarts_are_verified_rare_and_failed_ones_rest() {
    let mut bench = Bench::new(vec![rule(Mode::Act, vec![restart()])]);
    assert_eq!(bench.run(1, true)[1], "Restart((0, 0))");
    let mut inputs = bench.inputs(true);
    inputs.reports = vec![((0, 0), Report::Refused(KEEPERS_REFUSAL.to_owned()))];
    let words: Vec<String> = bench.tick(&inputs).iter().map(word).collect();
    assert_eq!(words, ["refused: 2 containers match", "refused: the rule is cooling down"]);
    let words = bench.run(590, true);
    assert!(!words.iter().any(|word| word.starts_with("Restart")), "{words:?}");
    assert!(words.contains(&"refused: it was restarted within 10 minutes".to_owned()));
    assert!(bench.run(20, true).contains(&"Restart((0, 0))".to_owned()));
}

#[test]
fn the_higher_priority_takes_a_target_over() {
    let low = Rule { hold: Duration::ZERO, ..rule(Mode::Act, vec![limit(8080)]) };
    let high =
        Rule { priority: 9, hold: Duration::from_secs(5), ..rule(Mode::Act, vec![limit(8080)]) };
    let mut bench = Bench::new(vec![low, high]);
    let words = bench.run(6, true);
    let taken = words.iter().position(|word| word == "Unlimit((0, 0))").expect("taken over");
    assert_eq!(words[taken + 1], "undone: a rule of higher priority takes over");
    assert_eq!(bench.core.status(0).live, 0);
    assert_eq!(bench.core.status(1).live, 1);
}

#[test]
fn alerts_resolve() {
    let mut bench = Bench::new(vec![rule(Mode::Act, vec![alert()])]);
    assert_eq!(bench.run(1, true)[1], "Alert((0, 0))");
    assert!(bench.run(12, false).contains(&"Resolve((0, 0))".to_owned()));
}

/// What only the keeper can see.
const KEEPERS_REFUSAL: &str = "2 containers match";

/// What an observer of effects knows, from which each row of the table is checked.
#[derive(Default)]
struct Observer {
    /// When each live action ends by itself, and its rate.
    live: BTreeMap<ActionId, (Moment, u64)>,
    starts: Vec<Moment>,
    runs: BTreeMap<usize, Vec<Moment>>,
    restarts: Vec<Moment>,
    troubled: BTreeMap<usize, Moment>,
    /// Rules that were at work when a process ended: they may go on.
    gone: Vec<usize>,
}

impl Observer {
    fn see(&mut self, effects: &[Effect], at: &At<'_>) {
        for effect in effects {
            match effect {
                Effect::Limit { action, rate_per_hour, lease } => {
                    self.limited(*action, *rate_per_hour, *lease, at);
                }
                Effect::Degrade(action, lease) => self.written(*action, *lease, 0, at),
                Effect::Restart(action) => {
                    self.written(*action, RESTART_PATIENCE + Duration::from_secs(10), 0, at);
                    let last = self.restarts.last();
                    assert!(last.is_none_or(|last| *last + RESTART_EVERY <= at.now));
                    self.restarts.push(at.now);
                }
                Effect::Unlimit(action) | Effect::Restore(action) => {
                    assert!(self.live.remove(action).is_some(), "undone what was not there");
                }
                Effect::Event(event) => self.heard(event),
                Effect::Trouble(rule) => {
                    self.troubled.insert(*rule, at.now);
                }
                Effect::Alert(_) | Effect::Resolve(_) => {}
            }
        }
        // The tick after a lease's end has taken it away.
        assert!(self.live.values().all(|(until, _)| *until > at.now), "left after its lease");
        assert!(!at.host.killed || self.live.is_empty(), "live under the kill switch");
    }

    /// What was live ends by itself.
    fn crash(&mut self) {
        self.gone.extend(self.live.keys().map(|id| id.0));
        self.live.clear();
    }

    fn heard(&mut self, event: &Event) {
        // Refused by the core it has not begun; refused by the keeper it is over.
        let by_keeper = event.reason == KEEPERS_REFUSAL;
        let over = by_keeper || !matches!(event.outcome, None | Some(Outcome::Refused));
        if let (Some(action), true) = (event.action, over) {
            let is_restart = event.rule == 1 && action == 1;
            if is_restart {
                self.live.remove(&(event.rule, action));
            }
        }
    }

    fn limited(&mut self, id: ActionId, rate_per_hour: u64, lease: Duration, at: &At<'_>) {
        let Action::RateLimit(plan) = &at.policy.rules[id.0].actions[id.1] else {
            panic!("a limit of something else");
        };
        assert!(rate_per_hour >= plan.floor_per_hour.max(plan.rate_per_hour), "below the floor");
        assert!(lease <= Duration::from_secs(300), "too long a lease");
        match self.live.get(&id) {
            None if !plan.immediate => {
                let admitted = at.world.admitted_per_s.unwrap_or(0.0) * 3600.0;
                let least = (admitted * 0.8).floor() - 1.0;
                assert!(rate_per_hour as f64 >= least, "too hard a first step");
            }
            Some((_, before)) if !plan.immediate => {
                assert!(rate_per_hour + 1 >= before / 5 * 4, "too hard a step");
            }
            _ => {}
        }
        self.written(id, lease, rate_per_hour, at);
    }

    fn written(&mut self, id: ActionId, lease: Duration, rate: u64, at: &At<'_>) {
        let host = at.host;
        assert!(!host.paused && !host.killed && !host.samples_lost && !host.clock_jumped);
        if self.live.insert(id, (at.now + lease, rate)).is_none() {
            self.started(id, at);
        }
    }

    fn started(&mut self, id: ActionId, at: &At<'_>) {
        let plan = &at.policy.rules[id.0];
        assert!(plan.mode != Mode::Observe, "acted without leave");
        assert!(!at.host.warming_up && !at.world.protected);
        assert!(at.sources >= 2 || plan.single_signal);
        let halved = if at.host.gateway_lost { 2 } else { 1 };
        let within_hour = |starts: &[Moment]| {
            starts.iter().filter(|start| **start + budget::HOUR > at.now).count() as u32
        };
        assert!(within_hour(&self.starts) < (at.policy.budget.per_hour / halved).max(1));
        self.starts.push(at.now);
        let others = self.live.keys().filter(|other| other.0 == id.0).count();
        let goes_on = self.gone.contains(&id.0);
        self.gone.retain(|rule| *rule != id.0);
        if others == 1 && !goes_on {
            let runs = self.runs.entry(id.0).or_default();
            assert!(within_hour(runs) < (plan.per_hour / halved).max(1));
            runs.push(at.now);
        }
        let rests = self.troubled.get(&id.0);
        assert!(rests.is_none_or(|since| *since + BREAKER_OPEN <= at.now), "the breaker is open");
        let target = |id: &ActionId| at.policy.rules[id.0].actions[id.1].target();
        let here = self.live.keys().filter(|other| target(other) == target(&id)).count();
        assert!(here <= at.policy.budget.per_target as usize, "two on one target");
    }
}

/// A moment of a random world.
struct At<'a> {
    now: Moment,
    host: Host,
    world: &'a World,
    sources: u32,
    policy: &'a Policy,
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let mode = prop::sample::select(vec![Mode::Observe, Mode::Suggest, Mode::Act, Mode::Act]);
    let one = (mode, 0u64..20, 0i64..3, 1u32..8, any::<[bool; 2]>(), 5u64..300);
    proptest::collection::vec(one, 3).prop_map(|plans| {
        let actions = [
            vec![limit(8080), alert()],
            vec![limit(8080), restart(), degrade()],
            vec![degrade(), limit(9090)],
        ];
        let plans = plans.into_iter().zip(actions).enumerate();
        let made = plans.map(|(index, (plan, mut actions))| {
            let (mode, hold, priority, per_hour, flags, lease) = plan;
            for action in &mut actions {
                if let Action::RateLimit(plan) = action {
                    plan.immediate = flags[1];
                    plan.lease = Duration::from_secs(lease);
                }
            }
            Rule {
                name: format!("rule-{index}"),
                hold: Duration::from_secs(hold),
                priority,
                per_hour,
                single_signal: flags[0],
                breach: None,
                ..rule(mode, actions)
            }
        });
        made.collect()
    })
}

/// Seconds that pass, truths, guards that speak, load, a report.
type Step = (u64, [bool; 3], u8, [u32; 2], f64, u8);

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![4 => 0u64..3, 3 => 5u64..60, 1 => 300u64..2000];
    let guards = prop_oneof![6 => Just(0u8), 1 => any::<u8>()];
    (seconds, any::<[bool; 3]>(), guards, [0u32..5000, 0u32..3], 0.0f64..10.0, any::<u8>())
}

fn host(bits: u8) -> Host {
    let bit = |index: u8| bits & (1 << index) != 0;
    Host {
        warming_up: bit(0) && bit(1),
        clock_jumped: bit(2) && bit(1),
        samples_lost: bit(3) && bit(1),
        paused: bit(4),
        killed: bit(5),
        gateway_lost: bit(6),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_sequence_of_inputs_breaks_a_guardrail(
        rules in rules(),
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let policy = Policy { budget: HostBudget::default(), rules };
        let mut core = Core::new(policy.clone());
        let mut observer = Observer::default();
        let mut now = Duration::from_secs(1000);
        let mut dropped = 0;
        for (seconds, truths, guards, [admitted, sources], pressure, report) in steps {
            now += Duration::from_secs(seconds);
            dropped += u64::from(admitted % 3);
            let admitted_per_s = (admitted > 100).then(|| f64::from(admitted));
            let world = World { admitted_per_s, dropped, protected: guards == 0x80 };
            let seen =
                truths.map(|when| Seen { when, clear: !when, sources, pressure }).to_vec();
            let id = (usize::from(report % 3), usize::from(report / 3 % 3));
            let news = match report % 16 {
                0 => vec![(id, Report::Failed("no".to_owned()))],
                1 => vec![(id, Report::Withdrawn("an operator".to_owned()))],
                2 => vec![(id, Report::Done("yes".to_owned()))],
                3 => vec![(id, Report::Refused(KEEPERS_REFUSAL.to_owned()))],
                _ => Vec::new(),
            };
            let approved = if report % 7 == 0 { vec![0, 1, 2] } else { Vec::new() };
            let host = host(guards);
            let inputs = Inputs { host, seen, reports: news, approved, ..Inputs::default() };
            let effects = core.tick(now, &inputs, None, &world);
            let at = At { now, host, world: &world, sources, policy: &policy };
            observer.see(&effects, &at);
            match report % 32 {
                5 => {
                    let same = [(report & 64 > 0).then_some(0), Some(1), None];
                    let undone = core.retire(|rule| same.contains(&Some(rule)), "others");
                    observer.see(&undone, &at);
                    let old = std::mem::replace(&mut core, Core::new(policy.clone()));
                    core.follow(old, &same[..policy.rules.len()]);
                }
                6 => {
                    let spared = core.spared.clone();
                    let past = core.past();
                    core = Core::new(policy.clone());
                    (core.now, core.spared) = (now, spared);
                    core.resume(&past);
                    observer.crash();
                }
                _ => {}
            }
        }
        let last = core.stop("the end");
        let world = QUIET;
        let host = Host::default();
        observer.see(&last, &At { now, host, world: &world, sources: 0, policy: &policy });
        prop_assert!(observer.live.is_empty(), "something is left");
        prop_assert!(core.busy.values().all(|busy| *busy == 0));
    }
}
