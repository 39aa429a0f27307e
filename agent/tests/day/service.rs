//! A service with a few workers and a queue, its customers, and what can go wrong with it.
//!
//! Customers come as a Poisson process whose rate follows the hour of the day and, where the habit says so,
//! bursts and pauses; each brings one connection with one request. Work takes a log-normal time with
//! a rare long tail. The kernel's part is played exactly: totals grow by the kernel's own buckets, and a limit is GCRA.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use kernel_abi::gcra;
use kernel_abi::histogram;
use kernel_abi::layout::Latency;
use kernel_abi::limit::{cost, default_burst, interval, window};

use super::random::Random;

/// How customers and workers behave on a healthy day.
#[derive(Clone, Copy)]
pub(crate) struct Habit {
    /// Customers per second at noon.
    pub(crate) arrivals_per_s: f64,
    /// Workers.
    pub(crate) workers: usize,
    /// Median time of work.
    pub(crate) work_s: f64,
    /// Its spread: sigma of the logarithm.
    pub(crate) spread: f64,
    /// How often a request takes twenty times as long.
    pub(crate) tail: f64,
    /// Customers come this many times as often in a burst (1 to 20 s, every minute or two).
    pub(crate) burst: f64,
    /// Work takes this many times as long for the first seconds of each minute and of each hour.
    pub(crate) chores: f64,
}

impl Habit {
    /// Little happens, and always the same.
    pub(crate) const QUIET: Self = Self {
        arrivals_per_s: 25.0,
        workers: 32,
        work_s: 0.004,
        spread: 0.25,
        tail: 0.0,
        burst: 1.0,
        chores: 1.0,
    };
    /// Bursts, chores, a long tail: healthy all the same.
    pub(crate) const NOISY: Self = Self {
        arrivals_per_s: 45.0,
        workers: 32,
        work_s: 0.015,
        spread: 0.7,
        tail: 0.01,
        burst: 2.0,
        chores: 1.5,
    };
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Everything takes 400 ms longer.
    Step,
    /// Every second it grows by 10 ms, up to a second.
    Ramp,
    /// Workers hang for a second each time.
    Stall,
    /// Customers come ten times as often, and work takes twenty times as long under their weight.
    Flood,
}

impl Fault {
    /// Every kind.
    pub(crate) const ALL: [Self; 4] = [Self::Step, Self::Ramp, Self::Stall, Self::Flood];
}

/// Customers who wait for a worker; one more is turned away, as a full listen queue does.
const BACKLOG: usize = 128;

/// The service.
pub(crate) struct Service {
    habit: Habit,
    random: Random,
    totals: Latency,
    /// When each worker is free, the soonest first.
    free: BinaryHeap<Reverse<Duration>>,
    /// Requests that are in work: when they are answered, and how long that took.
    open: BinaryHeap<Reverse<(Duration, Duration)>>,
    next_arrival: Duration,
    burst_ends: Duration,
    burst_begins: Duration,
    fault_began: Option<Duration>,
    limit: Option<(u64, Duration)>,
    tat: u64,
    dropped: u64,
}

impl Service {
    /// A service at rest.
    pub(crate) fn new(random: Random, habit: Habit) -> Self {
        Self {
            habit,
            random,
            totals: Latency::default(),
            free: (0..habit.workers).map(|_| Reverse(Duration::ZERO)).collect(),
            open: BinaryHeap::new(),
            next_arrival: Duration::ZERO,
            burst_ends: Duration::ZERO,
            burst_begins: Duration::from_secs(60),
            fault_began: None,
            limit: None,
            tat: 0,
            dropped: 0,
        }
    }

    /// What the kernel has counted.
    pub(crate) fn totals(&self) -> &Latency {
        &self.totals
    }

    /// Connections refused by the limit.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A limit until its lease ends.
    pub(crate) fn limit(&mut self, rate_per_hour: u64, until: Duration) {
        self.limit = Some((rate_per_hour, until));
    }

    /// No limit.
    pub(crate) fn unlimit(&mut self) {
        self.limit = None;
    }

    /// What happens in the tick that ends now.
    pub(crate) fn run(&mut self, now: Duration, tick: Duration, fault: Option<Fault>) {
        if fault.is_none() {
            self.fault_began = None;
        } else {
            self.fault_began.get_or_insert(now);
        }
        self.next_arrival = self.next_arrival.max(now.saturating_sub(tick));
        while self.next_arrival < now {
            let at = self.next_arrival;
            if self.admits(at) {
                self.serve(at, fault);
            }
            let gap = self.random.exponential() / self.arrivals_per_s(at, fault);
            self.next_arrival += Duration::from_secs_f64(gap);
        }
        while let Some(Reverse((_, took))) =
            self.open.peek().copied().filter(|open| open.0.0 <= now)
        {
            self.open.pop();
            self.answer(took);
        }
    }

    fn admits(&mut self, at: Duration) -> bool {
        let Some((rate, _)) = self.limit.filter(|(_, until)| at < *until) else { return true };
        let now = u64::try_from(at.as_nanos()).expect("a day") << 4;
        let full = window(rate, default_burst(rate));
        match gcra::admit(self.tat, now, cost(1, interval(rate)), full) {
            Some(tat) => {
                self.tat = tat;
                true
            }
            None => {
                self.dropped += 1;
                false
            }
        }
    }

    fn serve(&mut self, at: Duration, fault: Option<Fault>) {
        if self.open.len() >= self.habit.workers + BACKLOG {
            return;
        }
        self.totals.connections += 1;
        self.totals.requests += 1;
        let work = self.work(at, fault);
        let Reverse(free) = self.free.pop().expect("there is a worker");
        let done = free.max(at) + work;
        self.free.push(Reverse(done));
        self.open.push(Reverse((done, done - at)));
    }

    fn answer(&mut self, took: Duration) {
        self.totals.answered += 1;
        let ns = u64::try_from(took.as_nanos()).expect("less than a day");
        self.totals.sum_ns += ns;
        match histogram::slot(ns) {
            Some(slot) => self.totals.buckets[slot] += 1,
            None => self.totals.zeros += 1,
        }
    }

    fn work(&mut self, at: Duration, fault: Option<Fault>) -> Duration {
        let habit = self.habit;
        let mut work_s = habit.work_s * (habit.spread * self.random.normal()).exp();
        if self.random.unit() < habit.tail {
            work_s *= 20.0;
        }
        let second = at.as_secs();
        if second % 60 < 3 || second % 3600 < 20 {
            work_s *= habit.chores;
        }
        let since_s = self.fault_began.map_or(0.0, |began| at.saturating_sub(began).as_secs_f64());
        work_s += match fault {
            None => 0.0,
            Some(Fault::Step) => 0.4,
            Some(Fault::Ramp) => (since_s * 0.01).min(1.0),
            Some(Fault::Stall) => 1.0,
            Some(Fault::Flood) => work_s * 19.0,
        };
        Duration::from_secs_f64(work_s)
    }

    fn arrivals_per_s(&mut self, at: Duration, fault: Option<Fault>) -> f64 {
        let hour = at.as_secs_f64() / 3600.0;
        let by_day = 0.7 - 0.3 * (std::f64::consts::TAU * hour / 24.0).cos();
        if at >= self.burst_begins {
            self.burst_ends = at + Duration::from_secs(1 + self.random.below(20));
            self.burst_begins = self.burst_ends + Duration::from_secs(20 + self.random.below(120));
        }
        let burst = if at < self.burst_ends { self.habit.burst } else { 1.0 };
        let flood = if fault == Some(Fault::Flood) { 10.0 } else { 1.0 };
        self.habit.arrivals_per_s * by_day * burst * flood
    }
}
