//! The desk's side of the reflexes: their limits, and commands to them.

use std::time::Duration;

use super::protocol::{Answer, Reflex};
use super::serve::Desk;
use crate::kernel::Target;
use crate::limits::{Now, Request, Source};
use crate::reflex::engine::Handle;

/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);

impl Desk {
    /// The reflexes run.
    pub(crate) fn attend(&self, handle: Handle) {
        // There is one engine per process.
        let _ = self.reflex.set(handle);
    }

    /// Writes or renews a rule's limit.
    pub(crate) fn renew(&self, source: &Source, request: Request) -> Result<(), String> {
        if let Some(reason) = self.protected(request.limit.target.port) {
            return Err(format!("the port is protected: {reason}"));
        }
        let max_lease = self.facts().max_lease;
        let renewed = self.limits().renew(source, request, max_lease, Now::read());
        self.changed();
        renewed.map_err(|refused| refused.to_string())
    }

    /// Takes a rule's limit away.
    pub(crate) fn take_away(&self, source: &Source, target: Target) -> Result<bool, String> {
        let taken = self.limits().take_away(source, target, Now::read());
        taken.map_err(|error| error.to_string())
    }

    /// Whether an operator or the fleet holds a limit on a target, which overrules rules.
    pub(crate) fn is_overruled(&self, target: Target) -> bool {
        self.limits().is_overruled(target, Now::read())
    }

    /// Whether a rule's limit is live.
    pub(crate) fn holds(&self, source: &Source, target: Target) -> bool {
        self.limits().holds(source, target, Now::read())
    }

    /// Units dropped on a target.
    pub(crate) fn dropped(&self, target: Target) -> u64 {
        self.limits().dropped(target)
    }

    /// Why a port is never limited, if so.
    pub(crate) fn protected(&self, port: u16) -> Option<&'static str> {
        (self.facts().protected)().reason(port)
    }

    /// Whether the kill switch is on.
    pub(crate) fn is_killed(&self) -> bool {
        self.limits().is_killed()
    }

    pub(super) fn answer_reflex(&self, request: Reflex) -> Answer {
        let Some(handle) = self.reflex.get() else {
            return Answer::failed("the reflexes do not run yet".to_owned());
        };
        match request {
            Reflex::Kill { on } => self.kill(on, handle),
            Reflex::Pause { time_ms, reason } => pause(handle, time_ms, reason),
            Reflex::Resume {} => {
                handle.pause(None);
                note("reflexes act again as their rules say")
            }
            Reflex::Approve { id } => match handle.approve(id) {
                Ok(text) => note(&text),
                Err(error) => Answer::failed(error),
            },
            Reflex::Top {} => shown(handle.view()),
            Reflex::Report { since_unix_ns } => shown(handle.journal(since_unix_ns)),
        }
    }

    fn kill(&self, on: bool, handle: &Handle) -> Answer {
        handle.kill(on);
        // Without a kernel there is nothing to suspend, and rules can do nothing to it either.
        let outcome = self.limits().set_kill(on);
        match (outcome, on) {
            (Err(error), _) => note(&format!("rules: done; limits: {error}")),
            (Ok(()), true) => {
                note("every limit is suspended, no rule acts; lift it with kill --undo")
            }
            (Ok(()), false) => note("limits hold again, rules act as they say"),
        }
    }
}

fn pause(handle: &Handle, time_ms: u64, reason: String) -> Answer {
    let time = Duration::from_millis(time_ms);
    if time.is_zero() || time > PAUSE_MAX {
        return Answer::usage(format!("a pause of {time:?}, expected at most {PAUSE_MAX:?}"));
    }
    handle.pause(Some((time, reason)));
    note(&format!("no rule acts for {time:?}; what is live ends with its lease"))
}

fn note(text: &str) -> Answer {
    Answer { notes: vec![text.to_owned()], ..Answer::default() }
}

fn shown(reflex: Option<serde_json::Value>) -> Answer {
    match reflex {
        Some(reflex) => Answer { reflex: Some(reflex), ..Answer::default() },
        None => Answer::failed("the reflexes do not answer".to_owned()),
    }
}
