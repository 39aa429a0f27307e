//! Who answers requests: the limits engine, behind the checks that need the rest of the agent.

use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use components::ports::Ports;
use kernel_abi::limit::default_burst_of;
use tokio::sync::Notify;

use super::protocol::{Answer, Listed, Request, Status};
use crate::kernel::{Limit, Target};
use crate::limits::protect::Protected;
use crate::limits::{Limits, Now, Refused, Request as Wanted, Source, parse};
use crate::reflex::engine::Handle;

/// Answers requests.
pub(crate) struct Desk {
    limits: Mutex<Limits>,
    /// Wakes who waits for the next lease to end.
    changed: Notify,
    facts: Facts,
    /// Whether another agent takes over.
    pub(super) leaving: AtomicBool,
    /// Wakes who stops listening then.
    pub(super) left: Notify,
    /// Where commands come in.
    pub(super) control: Mutex<Option<UnixListener>>,
    /// The reflexes, once they run.
    pub(super) reflex: OnceLock<Handle>,
}

/// What the agent knows of itself.
pub(crate) struct Facts {
    /// Ports that must stay open; asked anew each time, since listeners change with a reload.
    pub(crate) protected: Box<dyn Fn() -> Protected + Send + Sync>,
    /// Interfaces that are covered.
    pub(crate) interfaces: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    /// Interfaces with an address that are not.
    pub(crate) uncovered: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    /// `limits.max_lease`.
    pub(crate) max_lease: Duration,
    /// The keeper's process id; it is our parent for as long as it lives.
    pub(crate) keeper_pid: Option<u32>,
    /// The ports, which another agent may take over.
    pub(crate) ports: Arc<Ports>,
    /// Leaves the kernel's maps to another agent.
    pub(crate) give_up: Box<dyn Fn() + Send + Sync>,
}

impl Desk {
    pub(crate) fn new(limits: Limits, facts: Facts) -> Arc<Self> {
        let (changed, leaving, left, control, reflex) = Default::default();
        let limits = Mutex::new(limits);
        Arc::new(Self { limits, changed, facts, leaving, left, control, reflex })
    }

    pub(crate) fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Status {} => Answer { process: Some(self.status()), ..Answer::default() },
            // They need to know who asks.
            Request::HandOver {} | Request::Leave {} => Answer::usage("not here".to_owned()),
            Request::LimitList {} => self.list(|_| true),
            Request::LimitExplain { port } => self.explain(port),
            Request::LimitClear { port } => self.clear(port),
            Request::Reflex(request) => self.answer_reflex(request),
            Request::LimitSet {
                proto,
                port,
                unit,
                rate_per_hour,
                burst,
                lease_ms,
                dry_run,
                per_source,
                reason,
            } => {
                let Some(protocol) = parse::protocol(&proto) else {
                    return Answer::usage(format!("proto {proto}, expected tcp or udp"));
                };
                let Some(unit) = parse::unit(&unit) else {
                    return Answer::usage(format!(
                        "unit {unit}, expected connections, packets or bytes"
                    ));
                };
                let burst = burst.unwrap_or_else(|| default_burst_of(unit, rate_per_hour));
                let target = Target { protocol, port };
                self.set(Wanted {
                    limit: Limit {
                        target,
                        unit,
                        rate_per_hour,
                        burst,
                        dry_run,
                        per_source,
                        generation: 0,
                    },
                    lease: Duration::from_millis(lease_ms),
                    reason,
                })
            }
        }
    }

    /// Lets limits end when their lease does, for ever.
    pub(crate) async fn keep_time(&self) {
        while !self.is_leaving() {
            let changed = self.changed.notified();
            let next = self.limits().next_end();
            match next {
                Some(end) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(end.into()) => self.expire(),
                        () = changed => {}
                    }
                }
                None => changed.await,
            }
        }
    }

    fn expire(&self) {
        if !self.is_leaving() {
            self.limits().expire(Now::read());
        }
    }

    /// Whether another agent takes over, so that limits go on.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// The orderly end.
    pub(crate) fn withdraw(&self) {
        self.limits().withdraw(Now::read());
    }

    /// Every live limit, also those that the kernel has begun by itself.
    pub(crate) fn standing(&self) -> Vec<crate::limits::Standing> {
        let mut standing = self.limits().list(Now::read());
        standing.extend(self.reflex.get().map(Handle::held).unwrap_or_default());
        standing
    }

    fn set(&self, wanted: Wanted) -> Answer {
        let target = wanted.limit.target;
        if let Some(reason) = (self.facts.protected)().reason(target.port) {
            return Answer::usage(format!("port {} is protected: {reason}", target.port));
        }
        let set = self.limits().set(Source::Operator, wanted, self.facts.max_lease, Now::read());
        match set {
            Ok(standing) => {
                self.changed.notify_one();
                let desired = &standing.desired;
                tracing::info!("limit set on {target} by {}: {}", desired.source, desired.reason);
                let uncovered = (self.facts.uncovered)();
                let note = |name: &String| format!("interface {name} is not covered");
                let notes = uncovered.iter().map(note).collect();
                Answer { limits: vec![Listed::from(&standing)], notes, ..Answer::default() }
            }
            Err(Refused::Usage(error)) => Answer::usage(error),
            Err(refused) => Answer::failed(refused.to_string()),
        }
    }

    fn list(&self, wanted: impl Fn(&Listed) -> bool) -> Answer {
        let limits = self.standing().iter().map(Listed::from).filter(wanted).collect();
        Answer { limits, ..Answer::default() }
    }

    fn explain(&self, port: u16) -> Answer {
        let mut answer = self.list(|listed| listed.target.port == port);
        if let Some(reason) = (self.facts.protected)().reason(port) {
            answer.notes.push(format!("port {port} is protected: {reason}"));
        }
        if let Some(missing) = self.limits().kernel_missing() {
            answer.notes.push(format!("nothing is enforced: {missing}"));
        }
        for name in (self.facts.uncovered)() {
            answer.notes.push(format!("interface {name} is not covered"));
        }
        if let Some(reflex) = self.reflex.get() {
            answer.notes.extend(reflex.explain(port));
        }
        answer
    }

    fn clear(&self, port: Option<u16>) -> Answer {
        let targets = match port {
            None => vec![None],
            Some(port) => parse::PROTOCOLS.map(|protocol| Some(Target { protocol, port })).to_vec(),
        };
        let mut cleared = 0;
        for target in targets {
            match self.limits().clear(target, Now::read()) {
                Ok(count) => cleared += count,
                Err(error) => return Answer::failed(error.to_string()),
            }
        }
        cleared += self.reflex.get().map_or(0, |reflex| reflex.lift(port));
        if let (0, Some(port)) = (cleared, port) {
            return Answer::failed(format!("there is no limit on port {port}"));
        }
        Answer { notes: vec![format!("{cleared} cleared")], ..Answer::default() }
    }

    pub(super) fn status(&self) -> Status {
        Status {
            pid: std::process::id(),
            keeper_pid: self.facts.keeper_pid.filter(|pid| is_parent(*pid)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel_missing: self.limits().kernel_missing().map(str::to_owned),
            interfaces: (self.facts.interfaces)(),
        }
    }

    /// Wakes who follows the ends of leases.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().expect("no code path panics while it holds the limits")
    }
}

fn is_parent(pid: u32) -> bool {
    u32::try_from(nix::unistd::getppid().as_raw()) == Ok(pid)
}
