//! What of a rule the kernel can judge (`arm: kernel`), taken from its condition and its actions.
//!
//! The kernel sees single answers of one port: it counts the slow ones among the last few and asks for two
//! connections and for load. A condition that says something else is refused here, with what it may say.
//! A quantile becomes a count: the median 9 of 16, higher ones 5 of 8, since a single late answer proves
//! nothing. A condition without load gets the kernel's own floor of it.

use std::time::Duration;

use kernel_abi::layout::Unit;

use super::analysis::{Analysis, Least};
use crate::reflex::policy::{Action, Breach, Mode, RateLimit, Rule};
use crate::reflex::signals::{Signal, Subject};

/// Slow answers that prove a slow median.
const HALF: (u8, u8) = (9, 16);
/// Slow answers that prove more than a chance.
const SOME: (u8, u8) = (5, 8);
/// Open requests that are load, where the rule does not say.
const IN_FLIGHT_MIN: u32 = 10;
/// Answers in a second that are load, where the rule does not say.
const REQUESTS_PER_S_MIN: u32 = 20;
/// Where a rule asks for what is unusual, no answer below this is.
const UNUSUAL_MIN: Duration = Duration::from_millis(1);
/// No load is enough: the other kind of it decides.
const NEVER: u32 = u32::MAX;

const CONDITION: &str = "the kernel cannot judge this, expected of one port \
    port[N].latency_p50|p90|p99 > Duration(\"250ms\") or port[N].anomaly >= 1, joined by `and` with at \
    most one of port[N].in_flight > 50 and port[N].requests_per_s > 100";

/// What the kernel judges a rule by, or why it cannot be armed.
pub(in crate::reflex) fn breach(
    rule: &Rule,
    analysis: &Analysis,
    clears: bool,
) -> Result<Breach, String> {
    check_rule(rule, clears)?;
    let leasts = analysis.leasts().ok_or(CONDITION)?;
    let breach = of(&leasts).ok_or(CONDITION)?;
    let limit = limit(rule)?;
    if limit.target.port != breach.port {
        return Err(format!(
            "the kernel judges port {} and would limit port {}, expected one port",
            breach.port, limit.target.port
        ));
    }
    Ok(breach)
}

fn check_rule(rule: &Rule, clears: bool) -> Result<(), String> {
    let said = |said: bool, why: &str| if said { Err(why.to_owned()) } else { Ok(()) };
    said(
        rule.mode == Mode::Suggest,
        "the kernel does not wait for approval, expected mode observe or act",
    )?;
    said(!rule.hold.is_zero(), "the kernel judges answer by answer, expected no `for`")?;
    said(clears, "what the kernel began ends with its lease, expected no `clear`")
}

/// The one limit; beside it people may be told.
fn limit(rule: &Rule) -> Result<&RateLimit, String> {
    let speaks = |action: &&Action| !matches!(action, Action::RateLimit(_));
    if let Some(other) = rule.actions.iter().filter(speaks).find(|action| action.acts()) {
        return Err(format!("the kernel cannot {other}, expected rate_limit, and alert besides"));
    }
    let (_, limit) = rule.limit().ok_or("the kernel can only limit, expected a rate_limit")?;
    if limit.unit == Unit::Bytes || limit.per_source {
        let text = "a limit that the kernel begins counts connections or packets of all sources";
        return Err(text.to_owned());
    }
    Ok(limit)
}

fn of(leasts: &[Least]) -> Option<Breach> {
    let [(first, ..), ..] = leasts else { return None };
    let Subject::Port(port) = first.subject else { return None };
    if leasts.iter().any(|(signal, ..)| signal.subject != first.subject) {
        return None;
    }
    let (latency, load): (Vec<&Least>, Vec<&Least>) =
        leasts.iter().partition(|(signal, ..)| is_latency(signal));
    let [latency] = latency.as_slice() else { return None };
    let slow = slow(latency)?;
    let (in_flight_min, requests_per_s_min) = match load.as_slice() {
        [] => (IN_FLIGHT_MIN, REQUESTS_PER_S_MIN),
        [least] => loaded(least)?,
        _ => return None,
    };
    let Slow { floor, follows, count: (need, of) } = slow;
    Some(Breach { port, floor, follows, need, of, in_flight_min, requests_per_s_min })
}

fn is_latency(signal: &Signal) -> bool {
    matches!(signal.field.row().name, "latency_p50" | "latency_p90" | "latency_p99" | "anomaly")
}

struct Slow {
    floor: Duration,
    follows: bool,
    count: (u8, u8),
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
fn slow((signal, value, _): &Least) -> Option<Slow> {
    let floor = Duration::from_nanos(*value as u64);
    match signal.field.row().name {
        "latency_p50" => Some(Slow { floor, follows: false, count: HALF }),
        "latency_p90" | "latency_p99" => Some(Slow { floor, follows: false, count: SOME }),
        // The state is 0 or at least 1; how far above is not the kernel's to say.
        "anomaly" if *value <= 1.0 => Some(Slow { floor: UNUSUAL_MIN, follows: true, count: SOME }),
        _ => None,
    }
}

/// Load as the kernel counts it: open requests, and answers in a second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn loaded((signal, value, without): &Least) -> Option<(u32, u32)> {
    let next = if *without { value.floor() + 1.0 } else { value.ceil() };
    let count = next as u32;
    match signal.field.row().name {
        "in_flight" => Some((count, NEVER)),
        "requests_per_s" => Some((NEVER, count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kernel_abi::layout::Protocol;

    use super::*;
    use crate::kernel::Target;
    use crate::reflex::policy::{Alert, Degrade, Severity};
    use crate::reflex::rules::Conditions;

    fn rule() -> Rule {
        let limit = Action::RateLimit(RateLimit {
            target: Target { protocol: Protocol::Tcp, port: 80 },
            unit: Unit::Connections,
            rate_per_hour: 3600,
            floor_per_hour: 3600,
            lease: Duration::from_secs(5),
            immediate: true,
            per_source: false,
        });
        let alert = Action::Alert(Alert { severity: Severity::Info, message: String::new() });
        let (clear_for, cooldown) = (Duration::ZERO, Duration::ZERO);
        Rule { clear_for, cooldown, ..Rule::new("shed", Mode::Act, vec![limit, alert]) }
    }

    fn judged(when: &str, rule: &Rule) -> Result<Breach, String> {
        let (_, analysis) = Conditions::compile(when).expect(when);
        breach(rule, &analysis, false)
    }

    #[test]
    fn conditions_become_counts_of_slow_answers() {
        let check = |when: &str, ms: u64, follows, (need, of), (in_flight_min, per_s)| {
            let floor = Duration::from_millis(ms);
            let requests_per_s_min = per_s;
            let expect =
                Breach { port: 80, floor, follows, need, of, in_flight_min, requests_per_s_min };
            assert_eq!(judged(when, &rule()), Ok(expect), "{when}");
        };
        let own = (IN_FLIGHT_MIN, REQUESTS_PER_S_MIN);
        check("port[80].latency_p99 > Duration(\"250ms\")", 250, false, SOME, own);
        check("Duration(\"20ms\") <= port[80].latency_p50", 20, false, HALF, own);
        check("port[80].anomaly >= 1", 1, true, SOME, own);
        let and = "port[80].latency_p90 > Duration(\"9ms\") and ";
        check(&format!("{and}port[80].in_flight > 50"), 9, false, SOME, (51, NEVER));
        check(&format!("{and}port[80].in_flight >= 50"), 9, false, SOME, (50, NEVER));
        check(&format!("{and}port[80].requests_per_s > 99.5"), 9, false, SOME, (NEVER, 100));
        check(&format!("{and}not(port[80].in_flight <= 7)"), 9, false, SOME, (8, NEVER));
    }

    #[test]
    fn what_the_kernel_cannot_judge_is_refused() {
        for when in [
            "cpu.utilization > 0.9",
            "port[80].in_flight > 9",
            "port[80].oldest_open > Duration(\"1s\")",
            "port[80].anomaly > 3",
            "port[80].latency_p99 < Duration(\"1s\")",
            "port[80].latency_p99 != Duration(\"1s\")",
            "port[80].latency_p99 > Duration(\"1s\") or port[80].anomaly >= 1",
            "port[80].latency_p99 > Duration(\"1s\") and port[80].latency_p50 > Duration(\"1s\")",
            "port[80].latency_p99 > Duration(\"1s\") and port[81].in_flight > 9",
            "port[80].latency_p99 > Duration(\"1s\") and port[80].in_flight == 9",
            "port[80].latency_p99 > Duration(\"1s\") and cpu.utilization > 0.5",
            "port[80].latency_p99 > Duration(\"1s\") and port[80].in_flight > 9 and \
             port[80].requests_per_s > 9",
            "port[80].latency_p99 > port[80].latency_p50",
        ] {
            let error = judged(when, &rule()).expect_err(when);
            assert!(error.contains("cannot judge"), "{when}: {error}");
        }
    }

    #[test]
    fn rules_that_do_not_fit_say_why() {
        let check = |change: &dyn Fn(&mut Rule), expect: &str| {
            let mut changed = rule();
            change(&mut changed);
            let error = judged("port[80].anomaly >= 1", &changed).expect_err(expect);
            assert!(error.contains(expect), "{error}");
        };
        check(&|rule| rule.mode = Mode::Suggest, "approval");
        check(&|rule| rule.hold = Duration::from_secs(1), "no `for`");
        check(&|rule| drop(rule.actions.remove(0)), "expected a rate_limit");
        check(&|rule| change_limit(rule, |limit| limit.target.port = 81), "port 81");
        check(&|rule| change_limit(rule, |limit| limit.per_source = true), "all sources");
        check(&|rule| change_limit(rule, |limit| limit.unit = Unit::Bytes), "all sources");
        let feature = "x".to_owned();
        let off =
            Action::Degrade(Degrade { feature, variant: String::new(), lease: Duration::ZERO });
        check(&|rule| rule.actions.push(off.clone()), "the kernel cannot set x");
        let (_, analysis) = Conditions::compile("port[80].anomaly >= 1").expect("compiles");
        assert!(breach(&rule(), &analysis, true).is_err_and(|error| error.contains("no `clear`")));
    }

    fn change_limit(rule: &mut Rule, change: impl FnOnce(&mut RateLimit)) {
        if let Action::RateLimit(limit) = &mut rule.actions[0] {
            change(limit);
        }
    }
}
