//! What survives what: reloads and processes.

use super::*;
use crate::reflex::decide::Effect;
use crate::reflex::decide::tests::{Bench, acted, limit, rule};
use crate::reflex::policy::{HostBudget, Mode, Policy, Rule};

/// The same rules or others, by a reload; what was undone, as words.
fn reload(bench: &mut Bench, rules: Vec<Rule>) -> Vec<String> {
    let running = &bench.core.policy().rules;
    let place = |rule: &Rule| running.iter().position(|other| other == rule);
    let same: Vec<Option<usize>> = rules.iter().map(place).collect();
    let undone = bench.core.retire(|rule| same.contains(&Some(rule)), "the rules have changed");
    let policy = Policy { budget: HostBudget::default(), rules };
    let old = std::mem::replace(&mut bench.core, Core::new(policy));
    bench.core.follow(old, &same);
    undone.iter().map(crate::reflex::decide::tests::word).collect()
}

/// Another process goes on, so much later by the wall clock.
fn restart(bench: &mut Bench, later: Duration) {
    let past = bench.core.past().after(later);
    let text = serde_json::to_string(&past).expect("written");
    let past = serde_json::from_str(&text).expect("read");
    *bench = Bench::new(bench.core.policy().rules.clone());
    bench.now = Duration::ZERO;
    bench.core.resume(&past);
}

fn shed(per_hour: u32) -> Rule {
    Rule { per_hour, ..rule(Mode::Act, vec![limit(8080)]) }
}

/// One run, to the end of its rest.
fn run(bench: &mut Bench) -> Vec<String> {
    let mut words = bench.run(1, true);
    words.extend(bench.run(700, false));
    words
}

fn begins(words: &[String]) -> usize {
    words.iter().filter(|word| word.contains("first step")).count()
}

#[test]
fn a_budget_outlives_reloads_restarts_and_a_leave() {
    let mut bench = Bench::new(vec![shed(2)]);
    assert_eq!(begins(&run(&mut bench)), 1);
    reload(&mut bench, vec![Rule { priority: 1, ..shed(2) }]);
    assert_eq!(begins(&run(&mut bench)), 1);
    let refused = "refused: the rule's budget is spent".to_owned();
    assert!(bench.run(1, true).contains(&refused), "after a reload");
    reload(&mut bench, Vec::new());
    assert!(bench.run(10, false).is_empty());
    reload(&mut bench, vec![shed(2)]);
    assert!(bench.run(1, true).contains(&refused), "taken out and in again");
    restart(&mut bench, Duration::from_secs(5));
    assert!(bench.run(1, true).contains(&refused), "after a restart");
    // The first start was 1,400 s ago; an hour after it there is room again.
    restart(&mut bench, Duration::from_secs(2200));
    assert_eq!(begins(&bench.run(1, true)), 1);
}

#[test]
fn a_rest_outlives_reloads_and_goes_on_doubling() {
    let mut bench = Bench::new(vec![shed(6)]);
    bench.run(1, true);
    let undone = reload(&mut bench, vec![Rule { priority: 1, ..shed(6) }]);
    assert_eq!(undone, ["Unlimit((0, 0))", "undone: the rules have changed"]);
    let rest = |bench: &Bench| bench.core.status(0).cooldown.map(|left| left.as_secs());
    assert_eq!(rest(&bench), Some(60));
    assert!(bench.run(1, true).contains(&"refused: the rule is cooling down".to_owned()));
    bench.run(60, false);
    bench.run(1, true);
    reload(&mut bench, vec![shed(6)]);
    assert_eq!(rest(&bench), Some(120));
    restart(&mut bench, Duration::from_secs(20));
    bench.run(1, false);
    assert_eq!(rest(&bench), Some(99));
}

#[test]
fn a_breaker_outlives_reloads_and_restarts() {
    let mut bench = Bench::new(vec![shed(6)]);
    bench.run(100, true);
    assert!(bench.core.status(0).breaker_open);
    reload(&mut bench, vec![Rule { priority: 1, ..shed(6) }]);
    assert!(bench.core.status(0).breaker_open);
    restart(&mut bench, Duration::from_secs(600));
    assert!(bench.core.status(0).breaker_open);
    restart(&mut bench, Duration::from_secs(1200));
    bench.run(1, false);
    assert!(!bench.core.status(0).breaker_open);
}

#[test]
fn rules_that_are_the_same_go_on_wherever_they_stand() {
    let other = |port| Rule { name: format!("other-{port}"), ..rule(Mode::Act, vec![limit(port)]) };
    let mut bench = Bench::new(vec![other(1), shed(6), other(2)]);
    bench.run(1, true);
    let undone = reload(&mut bench, vec![shed(6), Rule { priority: 1, ..other(1) }, other(2)]);
    assert_eq!(undone[0], "Unlimit((0, 0))");
    let live = |bench: &Bench| [0, 1, 2].map(|rule| bench.core.status(rule).live);
    assert_eq!(live(&bench), [1, 0, 1]);
    // Renewed where it stands now, and the target is still counted as busy.
    let effects: Vec<Effect> = (0..30).flat_map(|_| bench.tick(&bench.inputs(true))).collect();
    let renewed = |rule| {
        let is_meant = |effect: &&Effect| matches!(effect, Effect::Limit { action, .. } if *action == (rule, 0));
        effects.iter().filter(is_meant).count()
    };
    assert_eq!([renewed(0), renewed(1), renewed(2)], [1, 0, 1]);
    let ends =
        bench.core.stop("the end").iter().filter(|e| matches!(e, Effect::Unlimit(_))).count();
    assert_eq!(ends, 2);
    assert!(bench.core.busy.values().all(|busy| *busy == 0));
}

#[test]
fn a_run_in_whose_middle_a_process_ended_is_gone_on_with() {
    let mut bench = Bench::new(vec![shed(1)]);
    bench.run(1, true);
    restart(&mut bench, Duration::from_secs(1));
    assert_eq!(begins(&bench.run(5, true)), 1, "the same run, so no other start");
    bench.run(700, false);
    assert!(bench.run(1, true).contains(&"refused: the rule's budget is spent".to_owned()));
    // Or it is over, and followed by its rest.
    let mut bench = Bench::new(vec![shed(6)]);
    bench.run(1, true);
    restart(&mut bench, Duration::from_secs(1));
    bench.run(31, false);
    assert_eq!(bench.core.status(0).cooldown.map(|left| left.as_secs()), Some(59));
}

#[test]
fn nothing_that_is_written_is_more_than_can_be() {
    let text = serde_json::to_string(&acted()).expect("written");
    let far = text.replace("\"secs\":3599", "\"secs\":9999999999");
    assert_ne!(text, far);
    let past: Past = serde_json::from_str(&far).expect("read");
    let mut core = Core::new(Policy { budget: HostBudget::default(), rules: vec![shed(6)] });
    core.resume(&past);
    assert!(core.past().starts.iter().all(|left| *left <= crate::reflex::decide::budget::HOUR));
}
