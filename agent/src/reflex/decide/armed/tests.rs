//! A kernel that arms whenever its terms let it, and the core that set them.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::tests::{Bench, alert, limit, rule, word};
use super::super::{Inputs, Moment};
use super::*;
use crate::reflex::policy::{Breach, HostBudget, Policy, Rule};

const LEASE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

fn armed(port: u16, mode: Mode) -> Rule {
    let breach = Breach {
        port,
        floor: Duration::from_millis(100),
        follows: false,
        need: 5,
        of: 8,
        in_flight_min: 10,
        requests_per_s_min: 20,
    };
    Rule {
        breach: Some(breach),
        name: format!("r{port}"),
        ..rule(mode, vec![limit(port), alert()])
    }
}

fn began() -> News {
    News::Began { left: LEASE, how: "slow".to_owned() }
}

/// Hears of one thing; what happened, as words.
fn hear(bench: &mut Bench, news: News, when: bool) -> Vec<String> {
    let inputs = Inputs { kernel: vec![(0, news)], ..bench.inputs(when) };
    bench.tick(&inputs).iter().map(word).collect()
}

fn terms(bench: &mut Bench) -> Terms {
    let (host, world) = (bench.host, bench.world.clone());
    bench.core.terms(0, host, &world).expect("it is armed")
}

#[test]
fn nothing_is_allowed_before_the_first_look() {
    let mut bench = Bench::new(vec![armed(8080, Mode::Act)]);
    assert!(terms(&mut bench).vetoed);
    assert_eq!(bench.run(1, true), ["done: armed: the kernel judges by itself"]);
    let allowed = terms(&mut bench);
    assert_eq!((allowed.vetoed, allowed.more, allowed.rate_per_hour / 3600), (false, 6, 800));
    assert_eq!(bench.run(60, true), [""; 0], "user space begins nothing for it");
}

#[test]
fn what_the_kernel_began_is_an_action_with_an_end_and_a_rest() {
    let mut bench = Bench::new(vec![armed(8080, Mode::Act)]);
    bench.run(1, false);
    let begun = hear(&mut bench, began(), true);
    assert_eq!(
        begun,
        [
            "-: the kernel began to limit tcp/8080 to 200/s: slow",
            "done: limit tcp/8080 to 200/s, begun by the kernel",
            "Alert((0, 1))",
        ]
    );
    assert!(!terms(&mut bench).vetoed, "what runs goes on");
    let end = bench.run(31, false);
    assert_eq!(end[0], "expired: its lease ended in the kernel");
    assert_eq!(end[1], "Resolve((0, 1))");
    assert!(end[2].starts_with("done: over 30.0 s after it was heard"), "{end:?}");
    assert!(terms(&mut bench).vetoed && bench.core.vetoed(0) == Some("the rule is cooling down"));
    assert_eq!(terms(&mut bench).cooldown, Duration::from_secs(120), "the next rest is longer");
    bench.run(60, false);
    assert_eq!((terms(&mut bench).vetoed, terms(&mut bench).more), (false, 5));
}

#[test]
fn an_observing_rule_counts_nothing_and_says_what_would_be() {
    let mut bench = Bench::new(vec![armed(8080, Mode::Observe)]);
    bench.run(1, false);
    let begun = hear(&mut bench, began(), true);
    assert_eq!(begun, ["-: the kernel would limit tcp/8080 to 200/s: slow"]);
    let end = hear(&mut bench, News::Ended, false);
    assert!(end[0].starts_with("done: the lease would be over"), "{end:?}");
    assert_eq!(end.len(), 1);
}

#[test]
fn guards_veto_and_the_kill_switch_takes_a_lease_away() {
    let check = |set: &dyn Fn(&mut Bench), expect: &str| {
        let mut bench = Bench::new(vec![armed(8080, Mode::Act)]);
        bench.run(1, false);
        set(&mut bench);
        let said = bench.run(1, false);
        assert_eq!(said, [format!("refused: the kernel may not act: {expect}")]);
        assert!(terms(&mut bench).vetoed);
    };
    check(&|bench| bench.host.paused = true, "reflexes are paused");
    check(&|bench| bench.host.killed = true, "the kill switch is on");
    check(&|bench| bench.host.samples_lost = true, "more than 1 % of the samples were lost");
    check(&|bench| bench.host.clock_jumped = true, "the clock jumped");
    check(&|bench| bench.world.protected = true, "the test says so");
    let mut bench = Bench::new(vec![armed(8080, Mode::Act)]);
    bench.run(1, false);
    hear(&mut bench, began(), true);
    bench.host.paused = true;
    let paused = bench.run(1, true);
    assert!(!paused.contains(&"Unlimit((0, 0))".to_owned()), "a pause lets leases end: {paused:?}");
    assert_eq!((terms(&mut bench).vetoed, terms(&mut bench).more), (false, 0));
    bench.host.killed = true;
    let killed = bench.run(1, true);
    assert_eq!(killed[0], "Unlimit((0, 0))");
    assert!(!bench.core.knows_lease(0));
}

#[test]
fn leases_that_do_no_good_open_the_breaker() {
    let mut bench = Bench::new(vec![armed(8080, Mode::Act)]);
    bench.run(1, false);
    hear(&mut bench, began(), true);
    assert!(!bench.run(31, true).contains(&"Trouble(0)".to_owned()), "one may fail");
    bench.run(61, true);
    hear(&mut bench, began(), true);
    assert!(bench.run(31, true).contains(&"Trouble(0)".to_owned()));
    bench.run(600, false);
    let rests = bench.core.vetoed(0);
    assert_eq!(rests, Some("the rule did no good lately, its breaker is open"));
}

#[test]
fn a_lease_of_the_kernel_keeps_other_rules_off_the_target() {
    let low = armed(8080, Mode::Act);
    let high = Rule { priority: 9, name: "high".to_owned(), ..rule(Mode::Act, vec![limit(8080)]) };
    let mut bench = Bench::new(vec![low, high]);
    bench.run(1, false);
    hear(&mut bench, began(), false);
    let taken = bench.run(1, true);
    assert!(
        taken.contains(&"undone: a rule of higher priority takes over".to_owned()),
        "{taken:?}"
    );
    assert!(taken.contains(&"limit 800".to_owned()), "{taken:?}");
    assert!(terms(&mut bench).vetoed, "the target is taken");
}

/// A kernel that is eager: it begins whenever it may, heard or not.
struct Eager {
    terms: Terms,
    /// Begun since the terms were told.
    begun: u16,
    lease_end: Moment,
    rests_until: Moment,
}

impl Eager {
    fn may(&self, now: Moment) -> bool {
        !self.terms.vetoed
            && self.begun < self.terms.more
            && now >= self.lease_end
            && now >= self.rests_until
    }
}

proptest! {
    /// Whatever happens, with the agent stopped for a while now and then: all that begins, in the kernel and
    /// outside, fits into the budgets of any hour.
    #[test]
    fn budgets_hold_while_nobody_watches(
        steps in prop::collection::vec((0..40u8, any::<[bool; 3]>(), 1..400u64), 50..300),
        (per_host, per_rule, others) in (1..8u32, 1..8u32, 0..3u16),
    ) {
        let mut rules: Vec<Rule> = (0..3).map(|n| armed(8080 + n, Mode::Act)).collect();
        rules.extend((0..others).map(|n| rule(Mode::Act, vec![limit(9000 + n)])));
        rules.iter_mut().for_each(|rule| rule.per_hour = per_rule);
        let count = rules.len();
        let budget = HostBudget { per_hour: per_host, per_target: 1 };
        let mut bench = Bench::new(Vec::new());
        bench.core = Core::new(Policy { budget, rules });
        let none = Terms { vetoed: true, more: 0, rate_per_hour: 0, cooldown: HOUR };
        let mut eager: Vec<Eager> = (0..3)
            .map(|_| Eager { terms: none, begun: 0, lease_end: Moment::ZERO, rests_until: Moment::ZERO })
            .collect();
        let mut all: VecDeque<(Moment, usize)> = VecDeque::new();
        let mut unheard = Vec::new();
        for (kind, [when, paused, frozen], seconds) in steps {
            bench.now += Duration::from_secs(seconds);
            for (rule, kernel) in eager.iter_mut().enumerate().filter(|(_, kernel)| kernel.may(bench.now)) {
                kernel.begun += 1;
                kernel.lease_end = bench.now + LEASE;
                kernel.rests_until = kernel.lease_end + kernel.terms.cooldown;
                all.push_back((bench.now, rule));
                unheard.push((rule, began()));
            }
            if frozen {
                continue;
            }
            bench.host.paused = paused && kind < 10;
            let kernel = std::mem::take(&mut unheard);
            let inputs = Inputs { kernel, ..bench.inputs(when) };
            for effect in bench.tick(&inputs) {
                if let Effect::Event(event) = effect
                    && event.outcome == Some(Outcome::Done)
                    && event.reason.contains("first step")
                {
                    all.push_back((bench.now, event.rule));
                }
            }
            let (host, world) = (bench.host, bench.world.clone());
            for (rule, kernel) in eager.iter_mut().enumerate() {
                kernel.terms = bench.core.terms(rule, host, &world).expect("it is armed");
                kernel.begun = 0;
            }
            while all.front().is_some_and(|(at, _)| *at + HOUR <= bench.now) {
                all.pop_front();
            }
            prop_assert!(all.len() <= per_host as usize, "{} in an hour of {per_host}", all.len());
            for rule in 0..count {
                let own = all.iter().filter(|(_, other)| *other == rule).count();
                prop_assert!(own <= per_rule as usize, "rule {rule}: {own} in an hour of {per_rule}");
            }
        }
    }
}
