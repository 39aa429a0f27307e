//! Promise: a day of healthy traffic, quiet or noisy, is left alone, and every fault of that day is acted on.
//!
//! The day is simulated at the agent's 50 ms tick: two services ([`service`]) answer their customers; the
//! agent's own windows, detectors, rules and judgement look on; their limits shape who comes in.

mod random;
mod service;

use std::time::{Duration, SystemTime};

use kernel_abi::layout::{Protocol, Unit};
use medulla_agent::kernel::Target;
use medulla_agent::reflex::decide::{Effect, Facts, Host, Moment};
use medulla_agent::reflex::mind::Mind;
use medulla_agent::reflex::policy::{Action, HostBudget, Mode, Policy, RateLimit, Rule};
use medulla_agent::reflex::rules::Conditions;
use medulla_agent::reflex::signals::Snapshot;
use medulla_agent::reflex::traffic::Traffic;

use random::Random;
use service::{Fault, Habit, Service};

const TICK: Duration = Duration::from_millis(50);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const WARM_UP: Duration = Duration::from_secs(10);
const PORTS: [u16; 2] = [8080, 8081];
const FAULTS: u32 = 20;
/// From the end of a fault until its limit is gone: steps of a quarter of the rule's rate, one per lease, from
/// that rate to the 80/s of the busiest hour.
const RELAX: Duration = Duration::from_secs(300);

/// What a fault has left behind is worked off within this.
const AFTERMATH: Duration = Duration::from_secs(10);

/// A fault and what became of it.
struct Injected {
    fault: Fault,
    place: usize,
    at: Moment,
    until: Moment,
    acted: Option<Moment>,
    /// When its limit was gone.
    relaxed: Option<Moment>,
}

/// The services, what watches them, and what went wrong.
struct Day {
    services: Vec<Service>,
    ports: Vec<Traffic>,
    mind: Mind,
    limited: [bool; PORTS.len()],
    faults: Vec<Injected>,
    false_actions: Vec<String>,
}

/// What decisions ask for.
struct World<'a>(&'a [Service], &'a [Traffic]);

impl World<'_> {
    fn place(action: &Action) -> Option<usize> {
        let Action::RateLimit(limit) = action else { return None };
        PORTS.iter().position(|port| *port == limit.target.port)
    }
}

impl Facts for World<'_> {
    fn admitted_per_s(&self, action: &Action) -> Option<f64> {
        Self::place(action).map(|place| self.1[place].admitted_per_s())
    }

    fn dropped(&self, action: &Action) -> u64 {
        Self::place(action).map_or(0, |place| self.0[place].dropped())
    }

    fn protected(&self, _: &Action) -> Option<String> {
        None
    }
}

impl Day {
    fn new(faults: Vec<Injected>) -> Self {
        let habits = PORTS.into_iter().zip([Habit::QUIET, Habit::NOISY]);
        let services: Vec<Service> =
            habits.map(|(port, habit)| Service::new(Random::new(u64::from(port)), habit)).collect();
        let begin = |(port, service): (u16, &Service)| {
            Traffic::of_port(port, Moment::ZERO, *service.totals())
        };
        let ports = PORTS.into_iter().zip(&services).map(begin).collect();
        let (rules, conditions) = PORTS.map(rule).into_iter().unzip();
        let budget = HostBudget { per_hour: 6, per_target: 1 };
        let mind = Mind::new(Policy { budget, rules }, conditions);
        let (limited, false_actions) = Default::default();
        Self { services, ports, mind, limited, faults, false_actions }
    }

    /// The fault of a place between two moments.
    fn fault(&mut self, place: usize, from: Moment, to: Moment) -> Option<&mut Injected> {
        let mut faults = self.faults.iter_mut().filter(|fault| fault.place == place);
        faults.find(|fault| fault.at <= to && from < fault.until)
    }

    fn tick(&mut self, now: Moment) {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_028_800) + now;
        let mut snapshot = Snapshot::default();
        let mut opened = Vec::new();
        for place in 0..PORTS.len() {
            let fault = self.fault(place, now, now).map(|injected| injected.fault);
            self.services[place].run(now, TICK, fault);
            let (totals, limited) = (*self.services[place].totals(), self.limited[place]);
            self.ports[place].read(now, wall, &totals, limited, &mut snapshot, &mut opened);
        }
        for _ in opened {
            let event = self.mind.take_event_no();
            self.mind.blame(event);
        }
        let host = Host { warming_up: now < WARM_UP, ..Host::default() };
        let world = World(&self.services, &self.ports);
        for effect in self.mind.think(now, host, &snapshot, &world) {
            self.carry_out(&effect, now, &snapshot);
        }
    }

    fn carry_out(&mut self, effect: &Effect, now: Moment, snapshot: &Snapshot) {
        match effect {
            Effect::Limit { action: (place, _), rate_per_hour, lease } => {
                self.services[*place].limit(*rate_per_hour, now + *lease);
                if !std::mem::replace(&mut self.limited[*place], true) {
                    self.begun(*place, now, snapshot);
                }
            }
            Effect::Unlimit((place, _)) => {
                self.services[*place].unlimit();
                self.limited[*place] = false;
                let mine = |fault: &&mut Injected| fault.place == *place && fault.acted.is_some();
                if let Some(fault) = self.faults.iter_mut().rfind(mine) {
                    fault.relaxed = Some(now);
                }
            }
            _ => {}
        }
    }

    fn begun(&mut self, place: usize, now: Moment, snapshot: &Snapshot) {
        let why = self.mind.show(place, snapshot);
        match self.fault(place, now.saturating_sub(AFTERMATH), now) {
            Some(fault) => fault.acted = fault.acted.or(Some(now)),
            None => self.false_actions.push(format!("at {:.1} s: {why}", now.as_secs_f64())),
        }
    }
}

/// A rule relative to what is normal there: no threshold knows its service.
fn rule(port: u16) -> (Rule, Conditions) {
    let when = format!("port[{port}].anomaly >= 1 and port[{port}].in_flight >= 10");
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

/// Faults of one to three minutes at moments that nobody could guess, from the second hour on.
fn faults() -> Vec<Injected> {
    let mut random = Random::new(7);
    let share = (DAY - HOUR) / FAULTS;
    let one = |no: u32| {
        let at = HOUR + share * no + share.mul_f64(0.7 * random.unit());
        let until = at + Duration::from_secs(60 + random.below(120));
        let fault = Fault::ALL[no as usize % Fault::ALL.len()];
        let place = usize::from(random.unit() > 0.5);
        Injected { fault, place, at, until, acted: None, relaxed: None }
    };
    (0..FAULTS).map(one).collect()
}

#[test]
fn no_false_action_in_a_day_and_every_fault_is_acted_on() {
    let mut day = Day::new(faults());
    let ticks = u32::try_from(DAY.as_millis() / TICK.as_millis()).expect("two million");
    (1..=ticks).for_each(|tick| day.tick(TICK * tick));
    for fault in &day.faults {
        let after = |moment: Option<Moment>, since: Moment| {
            moment.map_or("never".to_owned(), |at| {
                format!("{:.1} s", at.saturating_sub(since).as_secs_f64())
            })
        };
        println!(
            "{:?} on {} at {:.0} s: limited after {}, relaxed {} after its end",
            fault.fault,
            PORTS[fault.place],
            fault.at.as_secs_f64(),
            after(fault.acted, fault.at),
            after(fault.relaxed, fault.until),
        );
    }
    println!("false actions: {:?}", day.false_actions);
    assert!(day.false_actions.is_empty());
    assert!(day.faults.iter().all(|fault| fault.acted.is_some()));
    assert!(
        day.faults.iter().all(|fault| fault.relaxed.is_some_and(|at| at < fault.until + RELAX))
    );
}
