//! The only writer of the kernel's limit table.
//!
//! Desired limits are keyed by target and source. Enforced is the strictest live one of the highest
//! class that is present; when it ends the next one shows. Every limit is a lease that the kernel
//! ends by itself; what is kept here follows it, survives a restart in `limits.json`, and is
//! compared with the pinned table at the start (`adopt`).
//!
//! Time is an argument: [`Now`] carries the monotonic clock, which decides, and the wall clock,
//! which is shown.

mod adopt;
mod file;
mod of_rules;
pub mod parse;
pub mod protect;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use kernel_abi::layout::{Protocol, Unit, Verdicts};
use kernel_abi::limit::{
    BURST_BYTES_MAX, BURST_MAX, BYTES_PER_HOUR_MAX, RATE_PER_HOUR_MAX, RATE_PER_HOUR_MIN,
};

use crate::kernel::{self, Limit, LimitTable, Target};

pub use parse::{protocol_name, unit_name};

/// Most limits at a time: the kernel's slots but the one that means none.
pub const MAX: usize = kernel_abi::layout::LIMITS_MAX as usize - 1;
/// Longest lease there is, whatever the configuration says.
pub const LEASE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Longest reason that is kept, in bytes.
pub const REASON_MAX_BYTES: usize = 512;

/// Who wants a limit, weakest class first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A rule of the configuration.
    Rule(String),
    /// A rule armed in the kernel.
    Kernel(String),
    /// The fleet.
    Order,
    /// A person on this host.
    Operator,
}

impl Source {
    /// The rank among sources; the highest that is present wins.
    fn class(&self) -> u8 {
        match self {
            Self::Rule(_) | Self::Kernel(_) => 0,
            Self::Order => 1,
            Self::Operator => 2,
        }
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("rule", name)) => Some(Self::Rule(name.to_owned())),
            Some(("kernel", name)) => Some(Self::Kernel(name.to_owned())),
            None if text == "order" => Some(Self::Order),
            None if text == "operator" => Some(Self::Operator),
            _ => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(name) => write!(f, "rule:{name}"),
            Self::Kernel(name) => write!(f, "kernel:{name}"),
            Self::Order => f.write_str("order"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// One desired limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// What; its generation tells it from every other limit this host had.
    pub limit: Limit,
    /// Who wants it.
    pub source: Source,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// When it was asked for.
    pub since: SystemTime,
    /// When it ends, as shown.
    pub expires: SystemTime,
    /// When it ends, as decided.
    pub ends: Instant,
}

/// A reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The clock that decides.
    pub instant: Instant,
    /// The clock that is shown.
    pub wall: SystemTime,
}

impl Now {
    /// Reads both.
    pub fn read() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now() }
    }
}

/// A limit that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What; the engine chooses the generation.
    pub limit: Limit,
    /// For how long.
    pub lease: Duration,
    /// Why.
    pub reason: String,
}

/// Why a limit was not set.
#[derive(Debug)]
pub enum Refused {
    /// Asked for something that cannot be.
    Usage(String),
    /// There is no kernel to enforce it, and why.
    NoKernel(String),
    /// The kernel did not take it.
    Failed(kernel::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::NoKernel(text) => f.write_str(text),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// A desired limit and how it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The limit.
    pub desired: Desired,
    /// Whether the kernel enforces this one.
    pub enforced: bool,
    /// What the kernel has counted for it; zero while another one is enforced.
    pub verdicts: Verdicts,
}

/// The kernel's table, as the engine owns it.
pub type Table = Box<dyn LimitTable + Send>;

/// All limits of this host.
pub struct Limits {
    /// The kernel's table, or why there is none.
    table: Result<Table, String>,
    desired: Vec<Desired>,
    file: PathBuf,
    next_generation: u64,
    /// Whether another process writes table and file now.
    given_up: bool,
}

impl Limits {
    /// The limits that a previous process left, by the rules of adoption.
    pub fn open(table: Result<Table, String>, file: PathBuf, now: Now) -> Self {
        let (desired, next_generation, given_up) = (Vec::new(), 1, false);
        let mut limits = Self { table, desired, file, next_generation, given_up };
        limits.adopt(now);
        limits
    }

    /// Sets a limit of `source`, in place of the one it had on this target.
    pub fn set(
        &mut self,
        source: Source,
        request: Request,
        max_lease: Duration,
        now: Now,
    ) -> Result<Standing, Refused> {
        self.check(&request, max_lease)?;
        let target = request.limit.target;
        let is_old = |desired: &Desired| desired.limit.target == target && desired.source == source;
        let known = self.desired.iter().any(is_old);
        if !known && self.desired.len() >= MAX {
            return Err(Refused::Usage(format!("there are {MAX} limits already")));
        }
        let previous = self.desired.clone();
        self.desired.retain(|desired| !is_old(desired));
        let limit = Limit { generation: self.take_generation(), ..request.limit };
        self.desired.push(Desired {
            limit,
            source,
            reason: request.reason,
            since: now.wall,
            expires: now.wall + request.lease,
            ends: now.instant + request.lease,
        });
        if let Err(error) = self.enforce(target, now) {
            self.desired = previous;
            return Err(Refused::Failed(error));
        }
        self.save();
        let mut standing = self.list(now).into_iter();
        let set = standing.find(|s| s.desired.limit.generation == limit.generation);
        Ok(set.expect("it was just put there"))
    }

    /// Takes away every source's limit on one target, or on all; returns how many there were.
    pub fn clear(&mut self, target: Option<Target>, now: Now) -> Result<usize, kernel::Error> {
        let meant = |desired: &Desired| target.is_none_or(|target| desired.limit.target == target);
        let mut targets: Vec<Target> =
            self.desired.iter().filter(|desired| meant(desired)).map(|d| d.limit.target).collect();
        let before = self.desired.len();
        self.desired.retain(|desired| !meant(desired));
        let cleared = before - self.desired.len();
        targets.sort_unstable();
        targets.dedup();
        let mut outcome = Ok(());
        for target in targets {
            outcome = outcome.and(self.enforce(target, now));
        }
        self.save();
        outcome.map(|()| cleared)
    }

    /// Every desired limit that is live, by target and then strongest first.
    pub fn list(&self, now: Now) -> Vec<Standing> {
        let mut live: Vec<&Desired> =
            self.desired.iter().filter(|d| d.ends > now.instant).collect();
        live.sort_by(|a, b| {
            a.limit.target.cmp(&b.limit.target).then_with(|| strength(b).cmp(&strength(a)))
        });
        let standing = |desired: &Desired| {
            let winner = self.winner(desired.limit.target, now);
            let wins = winner.is_some_and(|winner| winner.limit == desired.limit);
            let enforced = wins && self.table.is_ok();
            let verdicts = match &self.table {
                Ok(table) if enforced => table.verdicts(desired.limit.target).unwrap_or_default(),
                _ => Verdicts::default(),
            };
            Standing { desired: desired.clone(), enforced, verdicts }
        };
        live.into_iter().map(standing).collect()
    }

    /// Lets go of limits that have ended; the next in line shows.
    pub fn expire(&mut self, now: Now) {
        let over: Vec<Target> =
            self.desired.iter().filter(|d| d.ends <= now.instant).map(|d| d.limit.target).collect();
        if over.is_empty() {
            return;
        }
        for ended in self.desired.extract_if(.., |desired| desired.ends <= now.instant) {
            tracing::info!("the limit of {} on {} has ended", ended.source, ended.limit.target);
        }
        for target in over {
            if let Err(error) = self.enforce(target, now) {
                tracing::error!("cannot write the limit on {target}: {error}");
            }
        }
        self.save();
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub fn next_end(&self) -> Option<Instant> {
        self.desired.iter().map(|desired| desired.ends).min()
    }

    /// Ends every limit: an orderly stop leaves none behind.
    pub fn withdraw(&mut self, now: Now) {
        if let Err(error) = self.clear(None, now) {
            tracing::error!("cannot withdraw the limits: {error}");
        }
    }

    /// Another process is the writer from now on: nothing is written any more, nothing withdrawn.
    pub fn give_up(&mut self) {
        self.table = Err("another agent has taken over".to_owned());
        self.given_up = true;
    }

    /// Why nothing can be enforced, if so.
    pub fn kernel_missing(&self) -> Option<&str> {
        self.table.as_ref().err().map(String::as_str)
    }

    fn check(&self, request: &Request, max_lease: Duration) -> Result<(), Refused> {
        let usage = |text: String| Err(Refused::Usage(text));
        let longest = max_lease.min(LEASE_MAX);
        let limit = &request.limit;
        if let Err(missing) = &self.table {
            return Err(Refused::NoKernel(format!("no limit can be enforced: {missing}")));
        }
        if limit.target.port == 0 {
            return usage("port 0, expected 1 to 65535".to_owned());
        }
        if limit.unit == Unit::Connections && limit.target.protocol == Protocol::Udp {
            return usage("udp has no connections, expected --unit packets or bytes".to_owned());
        }
        let (rate_max, shown, burst_max) = match limit.unit {
            Unit::Bytes => (BYTES_PER_HOUR_MAX, "10GiB/s", BURST_BYTES_MAX),
            Unit::Connections | Unit::Packets => (RATE_PER_HOUR_MAX, "10000000/s", BURST_MAX),
        };
        if !(RATE_PER_HOUR_MIN..=rate_max).contains(&limit.rate_per_hour) {
            return usage(format!("the rate is out of range, expected 1/s to {shown}"));
        }
        if limit.burst == 0 || limit.burst > burst_max {
            return usage(format!("burst {}, expected 1 to {burst_max}", limit.burst));
        }
        if request.lease.is_zero() || request.lease > longest {
            return usage(format!("a lease of {:?}, expected at most {longest:?}", request.lease));
        }
        if request.reason.len() > REASON_MAX_BYTES {
            return usage(format!("a reason has at most {REASON_MAX_BYTES} bytes"));
        }
        Ok(())
    }

    /// The one limit on a target that should be enforced now.
    fn winner(&self, target: Target, now: Now) -> Option<&Desired> {
        let live = self.desired.iter().filter(|d| d.limit.target == target && d.ends > now.instant);
        live.max_by(|a, b| strength(a).cmp(&strength(b)))
    }

    /// Makes the kernel's table say what [`winner`](Self::winner) says.
    fn enforce(&mut self, target: Target, now: Now) -> Result<(), kernel::Error> {
        let of = |winner: &Desired| (winner.limit, winner.ends, winner.source.class() > 0);
        let winner = self.winner(target, now).map(of);
        let Ok(table) = &mut self.table else { return Ok(()) };
        match winner {
            Some((limit, ends, overrules)) => {
                table.write(&limit, ends.saturating_duration_since(now.instant), overrules)
            }
            None => table.clear(target).map(drop),
        }
    }

    fn take_generation(&mut self) -> u64 {
        self.next_generation += 1;
        self.next_generation - 1
    }

    fn save(&self) {
        if self.given_up {
            return;
        }
        if let Err(error) = file::write(&self.file, &self.desired, |d| self.is_winner(d)) {
            tracing::error!("{}: {error}; limits will not survive a restart", self.file.display());
        }
    }

    fn is_winner(&self, desired: &Desired) -> bool {
        let target = desired.limit.target;
        let others = self.desired.iter().filter(|other| other.limit.target == target);
        let strongest = others.max_by(|a, b| strength(a).cmp(&strength(b)));
        strongest.is_some_and(|strongest| strongest.limit == desired.limit)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("desired", &self.desired).finish_non_exhaustive()
    }
}

/// The strictest of the highest class: class, then enforcing before counting, then the lower rate,
/// then the newer.
fn strength(desired: &Desired) -> (u8, bool, std::cmp::Reverse<u64>, u64) {
    let limit = &desired.limit;
    let rate = std::cmp::Reverse(limit.rate_per_hour);
    (desired.source.class(), !limit.dry_run, rate, limit.generation)
}

#[cfg(test)]
mod tests;
