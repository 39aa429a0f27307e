//! Limits of rules: written again and again, taken away one by one.

use std::time::Duration;

use super::{Limits, Now, Refused, Request, Source};
use crate::kernel::{self, Target};

impl Limits {
    /// Writes a limit of `source`, or renews it. What it is for stays what it was: the time it was first
    /// asked for, and as long as its pace stays, its generation.
    pub(crate) fn renew(
        &mut self,
        source: &Source,
        request: Request,
        max_lease: Duration,
        now: Now,
    ) -> Result<(), Refused> {
        let target = request.limit.target;
        let is_ours = |d: &super::Desired| d.limit.target == target && d.source == *source;
        let since =
            self.desired.iter().find(|d| is_ours(d) && d.ends > now.instant).map(|d| d.since);
        self.set(source.clone(), request, max_lease, now)?;
        if let (Some(since), Some(ours)) = (since, self.desired.iter_mut().find(|d| is_ours(d))) {
            ours.since = since;
        }
        Ok(())
    }

    /// Takes the limit of one source away; false if there was none.
    pub(crate) fn take_away(
        &mut self,
        source: &Source,
        target: Target,
        now: Now,
    ) -> Result<bool, kernel::Error> {
        let before = self.desired.len();
        self.desired.retain(|d| d.limit.target != target || d.source != *source);
        if self.desired.len() == before {
            return Ok(false);
        }
        let outcome = self.enforce(target, now);
        self.save();
        outcome.map(|()| true)
    }

    /// Whether a source has a live limit on a target.
    pub(crate) fn holds(&self, source: &Source, target: Target, now: Now) -> bool {
        let mut desired = self.desired.iter();
        desired.any(|d| d.limit.target == target && d.source == *source && d.ends > now.instant)
    }

    /// Whether a live limit of a higher class than rules is on a target.
    pub(crate) fn is_overruled(&self, target: Target, now: Now) -> bool {
        self.winner(target, now).is_some_and(|winner| winner.source.class() > 0)
    }

    /// Units that the kernel has dropped on a target since its limit was written.
    pub(crate) fn dropped(&self, target: Target) -> u64 {
        let table = self.table.as_ref().ok();
        table.and_then(|table| table.verdicts(target).ok()).map_or(0, |verdicts| verdicts.dropped)
    }

    /// Suspends or resumes every limit at once.
    pub(crate) fn set_kill(&mut self, on: bool) -> Result<(), String> {
        let table = self.table.as_mut().map_err(|missing| missing.clone())?;
        table.set_kill(on).map_err(|error| error.to_string())
    }

    /// Whether every limit is suspended.
    pub(crate) fn is_killed(&self) -> bool {
        self.table.as_ref().is_ok_and(|table| table.is_killed().unwrap_or(false))
    }
}
