//! Rules that the kernel judges: arming, keeping the terms current, hearing what it did.
//!
//! What is written is the rule's own (who is slow, under which load) and what the core allows
//! ([`Terms`]): it is looked at every tick, a veto goes in at once, the rest once a second. The generation is made of
//! the rule's text, so that a restarted agent finds its own rule armed and keeps what was learned. Events come
//! by a ring and may be lost when it is full; the leases are looked at besides, so that none goes
//! unheard.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use kernel_abi::limit::default_burst;
use serde_json::{Value, json};

use super::hands::PortFacts;
use super::ports::Ports;
use crate::kernel::Limit;
use crate::kernel::reflex::{Arm, Armed, Event, Happened};
use crate::kernel::shared::SharedMaps;
use crate::limits::{Desired, Source, Standing};
use crate::reflex::decide::{Moment, News, Terms};
use crate::reflex::mind::Mind;
use crate::reflex::policy::{Breach, Mode, Policy, RateLimit, Rule};

/// Limits that the kernel has begun by itself, as they stand.
pub(crate) type Held = Arc<Mutex<Vec<Standing>>>;

/// How often rates and floors are brought up to date.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// Rates and floors that differ by less than one in so many stay as they are.
const WORTH_WRITING: u64 = 20;
/// Mean absolute deviations above the mean that are too slow.
const DEVIATIONS: u8 = 6;
/// What is unusual takes at least so many times what nine in ten answers take.
const UNUSUAL: f64 = 2.0;
/// A kernel that takes the new normal for slow is told to learn afresh, at most once in this time.
const RELEARN_EVERY: Duration = Duration::from_secs(60);
/// A lease with less left than this is as good as over.
const LEAST_LEFT: Duration = Duration::from_millis(50);
/// Events that are heard in one tick.
const EVENTS_MAX: usize = 256;
/// The hour of the kernel's budget.
const HOUR: Duration = Duration::from_secs(3600);

/// All rules that are armed.
pub(super) struct Watchdogs {
    samples: Option<SharedMaps>,
    dogs: Vec<Dog>,
    held: Held,
}

/// One rule in the kernel.
struct Dog {
    rule: usize,
    name: String,
    breach: Breach,
    limit: RateLimit,
    dry_run: bool,
    generation: u64,
    written: Option<(Arm, Moment)>,
    relearned: Moment,
    /// When leases began, as far as this arming has counted them in the last hour.
    begun: VecDeque<Moment>,
    /// How the kernel came to the lease that runs, and when.
    how: (String, SystemTime),
    /// As last looked at.
    armed: Option<Armed>,
    trouble: Option<String>,
}

impl Watchdogs {
    pub(super) fn new(samples: Option<SharedMaps>, held: Held) -> Self {
        Self { samples, dogs: Vec::new(), held }
    }

    /// Other rules; those that are the same as before go on.
    pub(super) fn follow(&mut self, policy: &Policy) {
        let mut old = std::mem::take(&mut self.dogs);
        let rules = policy.rules.iter().enumerate();
        self.dogs = rules.filter_map(|(index, rule)| Dog::of(index, rule, &mut old)).collect();
        let Some(samples) = &self.samples else { return };
        for port in samples.armed_ports() {
            if !self.dogs.iter().any(|dog| dog.breach.port == port) {
                disarm(samples, port);
            }
        }
    }

    /// What the kernel has done since the last tick.
    pub(super) fn hear(&mut self, mind: &mut Mind, now: Moment) {
        let Some(samples) = self.samples.clone() else { return };
        if self.dogs.is_empty() {
            return;
        }
        for _ in 0..EVENTS_MAX {
            let Some(event) = samples.next_event() else { break };
            let mut dogs = self.dogs.iter_mut();
            match dogs.find(|dog| dog.is_meant(&event)) {
                Some(dog) => dog.hear(&event, mind, now),
                None => tracing::info!("an event of a rule that is gone, on port {}", event.port),
            }
        }
        self.dogs.iter_mut().for_each(|dog| dog.look(&samples, mind, now));
    }

    /// Writes what the kernel may do from now on.
    pub(super) fn write(&mut self, mind: &mut Mind, now: Moment, facts: &PortFacts<'_>) {
        let Some(samples) = &self.samples else { return };
        for dog in &mut self.dogs {
            if let Some(terms) = mind.terms(dog.rule, facts) {
                dog.relearn(facts.ports, now);
                let live = mind.core().knows_lease(dog.rule);
                dog.write(samples, terms, live, facts.ports, now);
            }
        }
    }

    /// Shows the leases that run.
    pub(super) fn show(&self, mind: &Mind, overruled: impl Fn(&RateLimit) -> bool) {
        let live = self.dogs.iter().filter(|dog| mind.core().knows_lease(dog.rule));
        let standing = live.filter_map(|dog| dog.standing(overruled(&dog.limit))).collect();
        *self.held.lock().expect("a plain assignment cannot panic") = standing;
    }

    /// Takes a lease out of the kernel. The rule is armed anew with the next tick, and learns anew.
    pub(super) fn lift(&mut self, rule: usize) {
        let Some(samples) = &self.samples else { return };
        for dog in self.dogs.iter_mut().filter(|dog| dog.rule == rule) {
            disarm(samples, dog.breach.port);
            dog.afresh();
        }
    }

    /// Takes every rule out of the kernel.
    pub(super) fn stop(&mut self) {
        let Some(samples) = &self.samples else { return };
        self.dogs.drain(..).for_each(|dog| disarm(samples, dog.breach.port));
        self.held.lock().expect("a plain assignment cannot panic").clear();
    }

    /// Rules with a lease on a port, on any when none is said.
    pub(super) fn on(&self, port: Option<u16>, mind: &Mind) -> Vec<usize> {
        let meant = |dog: &&Dog| port.is_none_or(|port| port == dog.breach.port);
        let rules = self.dogs.iter().filter(meant).map(|dog| dog.rule);
        rules.filter(|rule| mind.core().knows_lease(*rule)).collect()
    }

    /// How a rule stands in the kernel, for `top`; null for one that is not for it.
    pub(super) fn view(&self, rule: usize, mind: &Mind) -> Value {
        let Some(dog) = self.dogs.iter().find(|dog| dog.rule == rule) else { return Value::Null };
        let armed = dog.armed.as_ref();
        json!({
            "armed": armed.is_some(),
            "vetoed": mind.core().vetoed(rule),
            "trouble": self.trouble(dog),
            "lease_s": armed.and_then(|armed| armed.lease).map(|left| left.as_secs_f64()),
            "arms": armed.map(|armed| armed.arms),
            "samples": armed.map(|armed| armed.samples),
            "mean_s": armed.map(|armed| armed.mean.as_secs_f64()),
            "threshold_s": armed.map(|armed| armed.threshold.as_secs_f64()),
        })
    }

    /// A sentence about a rule for `limit explain`.
    pub(super) fn sentence(&self, rule: usize, mind: &Mind) -> Option<String> {
        let dog = self.dogs.iter().find(|dog| dog.rule == rule)?;
        let (name, Breach { need, of, .. }) = (&dog.name, dog.breach);
        let verb = if dog.dry_run { "would limit" } else { "limits" };
        let rate = dog.limit.rate_per_hour as f64 / 3600.0;
        let judged = format!("rule {name} is judged by the kernel: {need} slow of {of} answers");
        let state = match (self.trouble(dog), mind.core().vetoed(rule), &dog.armed) {
            (Some(trouble), ..) => format!("not armed: {trouble}"),
            (None, Some(why), _) => format!("it may not act now: {why}"),
            (None, None, Some(armed)) => match armed.lease {
                Some(left) => format!(
                    "holds for another {:.0} s since {}; to lift it: limit clear --port, or kill",
                    left.as_secs_f64(),
                    dog.how.0
                ),
                None => format!("slow is above {:?}, {} learned", armed.threshold, armed.samples),
            },
            (None, None, None) => "not armed yet".to_owned(),
        };
        Some(format!("{judged}, then {verb} to {rate:.1}/s for {:?}; {state}", dog.limit.lease))
    }

    fn trouble<'d>(&self, dog: &'d Dog) -> Option<&'d str> {
        let missing = self.samples.is_none().then_some("there is no kernel to judge it");
        missing.or(dog.trouble.as_deref())
    }
}

impl Dog {
    /// Of a rule that is armed; the same one as before is found in `old`.
    fn of(index: usize, rule: &Rule, old: &mut Vec<Dog>) -> Option<Self> {
        let (breach, (_, limit)) = (rule.breach?, rule.limit()?);
        let dry_run = rule.mode != Mode::Act;
        let text = format!("{} {breach:?} {limit:?} {dry_run} {}", rule.name, rule.per_hour);
        let generation = fnv(text.as_bytes());
        let is_same = |dog: &Dog| dog.name == rule.name && dog.text_generation() == generation;
        if let Some(place) = old.iter().position(is_same) {
            return Some(Self { rule: index, ..old.swap_remove(place) });
        }
        let (relearned, begun, armed, trouble) = Default::default();
        let how = (String::new(), SystemTime::UNIX_EPOCH);
        Some(Self {
            rule: index,
            name: rule.name.clone(),
            breach,
            limit: *limit,
            dry_run,
            generation,
            written: None,
            relearned,
            begun,
            how,
            armed,
            trouble,
        })
    }

    /// The generation that the rule's text gives; lessons count in the low bits.
    fn text_generation(&self) -> u64 {
        self.generation & !LESSONS
    }

    fn is_meant(&self, event: &Event) -> bool {
        let text = event.generation & !LESSONS;
        self.breach.port == event.port && self.text_generation() == text
    }

    /// From now on the kernel learns anew and counts anew.
    fn afresh(&mut self) {
        let lesson = (self.generation + 1) & LESSONS;
        self.generation = self.text_generation() | lesson;
        self.written = None;
        self.begun.clear();
    }

    fn hear(&mut self, event: &Event, mind: &mut Mind, now: Moment) {
        match event.happened {
            Happened::Armed => {
                let left = self.limit.lease.saturating_sub(event.age);
                self.begin(left, event.age, tale(event, self.breach.of), mind, now);
            }
            Happened::Ended => mind.hear_kernel(self.rule, News::Ended),
        }
    }

    fn begin(&mut self, left: Duration, age: Duration, how: String, mind: &mut Mind, now: Moment) {
        let began = SystemTime::now().checked_sub(age);
        self.how = (how.clone(), began.unwrap_or(SystemTime::UNIX_EPOCH));
        self.begun.push_back(now);
        mind.hear_kernel(self.rule, News::Began { left, how });
    }

    /// Finds a lease that no event has told of: the ring was full, or another process heard it.
    fn look(&mut self, samples: &SharedMaps, mind: &mut Mind, now: Moment) {
        self.armed = samples.armed(self.breach.port).unwrap_or_default();
        if let Some(armed) = self.armed.filter(|_| self.written.is_none()) {
            self.adopt(armed.generation);
        }
        let Some(armed) = self.armed.filter(|armed| armed.generation == self.generation) else {
            return;
        };
        let unheard = !mind.core().knows_lease(self.rule) && !mind.has_news_of(self.rule);
        if let Some(left) = armed.lease.filter(|left| unheard && *left > LEAST_LEFT) {
            let age = self.limit.lease.saturating_sub(left);
            let how = "its lease was found, how it began was not heard".to_owned();
            self.begin(left, age, how, mind, now);
        }
    }

    /// The same rule, armed by another process: what it learned and began goes on.
    fn adopt(&mut self, generation: u64) {
        if generation & !LESSONS == self.text_generation() {
            self.generation = generation;
        }
    }

    /// What the kernel has learned may be out of date: then the new normal is slow to it, and never learned.
    fn relearn(&mut self, ports: &Ports, now: Moment) {
        let usual = ports.usual(self.breach.port).0;
        let (Some(armed), Some(usual_ns)) = (self.armed, usual) else { return };
        let due = now >= self.relearned + RELEARN_EVERY;
        let outdated = usual_ns > armed.threshold.as_nanos() as f64 && armed.lease.is_none();
        // Above its own floor the rule's word stands, whatever is usual.
        let by_floor = !self.breach.follows && usual_ns > self.breach.floor.as_nanos() as f64;
        if due && outdated && !by_floor {
            self.relearned = now;
            self.afresh();
        }
    }

    fn write(
        &mut self,
        samples: &SharedMaps,
        terms: Terms,
        live: bool,
        ports: &Ports,
        now: Moment,
    ) {
        while self.begun.front().is_some_and(|begun| *begun + HOUR <= now) {
            self.begun.pop_front();
        }
        let mut arm = self.arm(terms, ports);
        let Some((written, at)) = &self.written else {
            // A lease of another process runs on as that one began it.
            if !live {
                self.put(samples, arm, now);
            }
            return;
        };
        if live || is_near(arm.rate_per_hour, written.rate_per_hour) {
            (arm.rate_per_hour, arm.burst) = (written.rate_per_hour, written.burst);
        }
        if live || is_near(nanoseconds(arm.floor), nanoseconds(written.floor)) {
            arm.floor = written.floor;
        }
        let urgent =
            arm.vetoed != written.vetoed || arm.arms_per_hour_max < written.arms_per_hour_max;
        if arm != *written && (urgent || now >= *at + REFRESH_EVERY) {
            self.put(samples, arm, now);
        }
    }

    fn put(&mut self, samples: &SharedMaps, arm: Arm, now: Moment) {
        match samples.arm(&arm) {
            Ok(()) => {
                self.trouble = None;
                self.written = Some((arm, now));
            }
            Err(error) => {
                let text = error.to_string();
                if self.trouble.as_ref() != Some(&text) {
                    tracing::error!("rule {} cannot be armed: {text}", self.name);
                }
                self.trouble = Some(text);
            }
        }
    }

    fn arm(&self, terms: Terms, ports: &Ports) -> Arm {
        let begun = u16::try_from(self.begun.len()).unwrap_or(u16::MAX);
        let Breach { port, need, of, in_flight_min, requests_per_s_min, .. } = self.breach;
        Arm {
            port,
            unit: self.limit.unit,
            rate_per_hour: terms.rate_per_hour,
            burst: default_burst(terms.rate_per_hour),
            lease: self.limit.lease,
            floor: self.floor(ports),
            deviations: DEVIATIONS,
            need,
            of,
            samples_min: 0,
            in_flight_min,
            requests_per_s_min,
            cooldown: terms.cooldown,
            arms_per_hour_max: begun.saturating_add(terms.more),
            dry_run: self.dry_run,
            vetoed: terms.vetoed,
            generation: self.generation,
        }
    }

    /// The rule's own floor, or what is well above nine in ten answers of this port.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
    fn floor(&self, ports: &Ports) -> Duration {
        let usual_ns = ports.usual(self.breach.port).1.filter(|_| self.breach.follows);
        let unusual_ns = usual_ns.map_or(0, |usual_ns| (usual_ns * UNUSUAL) as u64);
        let before = self.written.as_ref().map(|(arm, _)| arm.floor).filter(|_| usual_ns.is_none());
        before.unwrap_or(self.breach.floor).max(Duration::from_nanos(unusual_ns))
    }

    fn standing(&self, overruled: bool) -> Option<Standing> {
        let armed = self.armed?;
        let left = armed.lease?;
        let limit = Limit {
            target: self.limit.target,
            unit: self.limit.unit,
            rate_per_hour: armed.rate_per_hour,
            burst: armed.burst,
            dry_run: self.dry_run,
            per_source: false,
            generation: self.generation,
        };
        Some(Standing {
            desired: Desired {
                limit,
                source: Source::Kernel(self.name.clone()),
                reason: format!("rule {}: {}", self.name, self.how.0),
                since: self.how.1,
                expires: SystemTime::now() + left,
                ends: Instant::now() + left,
            },
            enforced: !armed.vetoed && !overruled,
            verdicts: armed.verdicts,
        })
    }
}

/// How the kernel came to it.
fn tale(event: &Event, of: u8) -> String {
    let Event { breaches, sample, threshold, mean, in_flight, requests_per_s, age, .. } = event;
    let late = match age.as_secs() {
        0 => String::new(),
        seconds => format!(", {seconds} s before it was heard"),
    };
    format!(
        "{breaches} of the last {of} answers took longer than {threshold:?}, the deciding one {sample:?} \
         where {mean:?} is normal, {in_flight} open, {requests_per_s}/s{late}"
    )
}

fn disarm(samples: &SharedMaps, port: u16) {
    if let Err(error) = samples.disarm(port) {
        tracing::error!("cannot disarm port {port}: {error}; its lease ends by itself");
    }
}

/// Too little of a difference to be written.
fn is_near(new: u64, old: u64) -> bool {
    new.abs_diff(old) <= old / WORTH_WRITING
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Bits of a generation that count how often the rule was armed afresh.
const LESSONS: u64 = 0xff;

/// FNV-1a, which stays the same from build to build; its low bits are left to the lessons.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step) & !LESSONS
}
