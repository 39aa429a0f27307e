//! What a tick of the reflex loop costs once the kernel's totals are in hand: windows, detectors, rules,
//! judgement. `cargo xtask bench` runs it; one JSON object per line on stdout.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant, SystemTime};

use kernel_abi::histogram;
use kernel_abi::layout::{Latency, Protocol, Unit};
use medulla_agent::kernel::Target;
use medulla_agent::reflex::decide::{Facts, Host, Moment};
use medulla_agent::reflex::mind::Mind;
use medulla_agent::reflex::policy::{Action, HostBudget, Mode, Policy, RateLimit, Rule};
use medulla_agent::reflex::rules::Conditions;
use medulla_agent::reflex::signals::Snapshot;
use medulla_agent::reflex::traffic::Traffic;

const TICK: Duration = Duration::from_millis(50);
/// Two minutes: the detectors have an opinion for the second half.
const TICKS: u32 = 2400;
/// Series of a port: the latency's median and tail, requests.
const SERIES: u16 = 3;
const P99_AT_MOST_MS: f64 = 5.0;

/// Nothing is known of the ports: limits begin at the rule's rate.
struct Nothing;

impl Facts for Nothing {
    fn admitted_per_s(&self, _: &Action) -> Option<f64> {
        None
    }

    fn dropped(&self, _: &Action) -> u64 {
        0
    }

    fn protected(&self, _: &Action) -> Option<String> {
        None
    }
}

fn main() {
    measure("reflex: decision over 2,000 series, p99", 2000 / SERIES + 1, Some(P99_AT_MOST_MS));
    measure("reflex: decision over 10,000 signals, p99", 1024, None);
}

/// One rule over each port, every tenth of which fails for a while.
fn measure(name: &str, count: u16, at_most: Option<f64>) {
    let (rules, conditions) = (1..=count).map(rule).unzip();
    let budget = HostBudget { per_hour: 3600, per_target: 1 };
    let mut mind = Mind::new(Policy { budget, rules }, conditions);
    let mut totals = vec![Latency::default(); usize::from(count)];
    let port = |number| Traffic::of_port(number, Moment::ZERO, Latency::default());
    let mut ports: Vec<Traffic> = (1..=count).map(port).collect();
    let mut costs = Vec::new();
    let mut effects = 0;
    for tick in 1..=TICKS {
        let now = TICK * tick;
        for (index, totals) in totals.iter_mut().enumerate() {
            answer(totals, is_faulty(index, tick), tick);
        }
        let begun = Instant::now();
        let (mut snapshot, mut opened) = (Snapshot::default(), Vec::new());
        let wall = SystemTime::UNIX_EPOCH + now;
        for (port, totals) in ports.iter_mut().zip(&totals) {
            port.read(now, wall, totals, false, &mut snapshot, &mut opened);
        }
        effects += mind.think(now, Host::default(), &snapshot, &Nothing).len();
        costs.push(begun.elapsed());
    }
    assert!(effects > usize::from(count) / 10, "nothing was decided");
    costs.sort();
    let p99_ms = costs[costs.len() * 99 / 100].as_secs_f64() * 1e3;
    let mut line = serde_json::json!({ "name": name, "value": p99_ms, "unit": "ms" });
    if let Some(at_most) = at_most {
        line["at_most"] = at_most.into();
    }
    println!("{line}");
}

fn rule(port: u16) -> (Rule, Conditions) {
    let when =
        format!("port[{port}].latency_p99 > Duration(\"250ms\") and port[{port}].in_flight >= 2");
    let (conditions, _) = Conditions::compile(&when).expect("it makes sense");
    let limit = RateLimit {
        target: Target { protocol: Protocol::Tcp, port },
        unit: Unit::Connections,
        rate_per_hour: 10 * 3600,
        floor_per_hour: 5 * 3600,
        lease: Duration::from_secs(10),
        immediate: false,
        per_source: false,
    };
    let actions = vec![Action::RateLimit(limit)];
    (Rule::new(format!("shed-{port}"), Mode::Act, actions), conditions)
}

fn is_faulty(index: usize, tick: u32) -> bool {
    index.is_multiple_of(10) && tick > TICKS * 3 / 4
}

/// Two requests of some milliseconds a tick; with a fault they take half a second, and pile up.
fn answer(totals: &mut Latency, is_faulty: bool, tick: u32) {
    for step in 0..2 {
        let healthy_ns = 3_000_000 + u64::from((tick * 7 + step * 13) % 11) * 500_000;
        let ns = if is_faulty { 500_000_000 } else { healthy_ns };
        totals.connections += 1;
        totals.requests += if is_faulty { 2 } else { 1 };
        totals.answered += 1;
        totals.sum_ns += ns;
        totals.buckets[histogram::slot(ns).expect("above the zero count")] += 1;
    }
}
