//! Acknowledgements: the promise made to a sender, settled once by whoever ends its records.
//!
//! A receiver makes a pair: the [`Ack`] travels with the part, the [`Waiter`] stays with the
//! request. A fan-out turns one ack into one per branch. The last branch to settle decides, by the
//! rules of the contract: any retryable refusal makes the whole retryable; otherwise one success
//! makes it a success and refusals elsewhere are counted as `branch_refused`.
//!
//! The sender's patience ends in the waiter: it answers a retryable refusal at the earliest
//! deadline an open branch has set, and wakes the queues so that the parts leave them. A branch
//! that still delivers afterwards is counted in `medulla_delivered_after_refusal_items`.
//!
//! Records that a processor takes out on purpose ([`Ack::lose`]) belong to the promise too: they count
//! as accepted and dropped when the sender hears success, and not at all when it hears a refusal.
//!
//! Cost: one allocation and one short lock per request and branch, nothing per record.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::{
    Cause, DropReason, ExporterLedger, Message, Outcome, ProcessorLedger, ReceiverLedger, Refusal,
};

/// What a sender hears, and how many of its records count as accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The verdict to encode.
    pub outcome: Outcome,
    /// Records whose sender heard success.
    pub accepted: u64,
}

/// A promise that travels with the records. Dropping it unsettled is a retryable refusal.
#[derive(Debug)]
pub struct Ack {
    shared: Option<Arc<Shared>>,
    /// Records that this branch still carries.
    records: u64,
    /// It carries some of the records that only its siblings carry the rest of.
    is_piece: bool,
}

/// The sender's end. Dropping it (the sender went away) answers a retryable refusal.
#[derive(Debug)]
pub struct Waiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    records: u64,
    ledger: Arc<ReceiverLedger>,
    own_deadline: Option<Instant>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    settled: Vec<Branch>,
    losses: Vec<Loss>,
    deadline: Option<Instant>,
    wakes: Vec<watch::Sender<()>>,
    answer: Option<Answer>,
}

#[derive(Debug)]
struct Branch {
    outcome: Outcome,
    ledger: Option<Arc<ExporterLedger>>,
    /// Records it carried to its end.
    records: u64,
    is_piece: bool,
}

/// Records that a processor took out.
#[derive(Debug)]
struct Loss {
    ledger: Arc<ProcessorLedger>,
    reason: DropReason,
    records: u64,
}

impl Ack {
    /// A promise for `records` records read by the receiver that `ledger` counts for, to a sender
    /// that has announced how long it will wait, or has not.
    pub fn channel(
        records: u64,
        ledger: Arc<ReceiverLedger>,
        own_deadline: Option<Instant>,
    ) -> (Self, Waiter) {
        let state = Mutex::new(State { open: 1, ..State::default() });
        let shared =
            Arc::new(Shared { records, ledger, own_deadline, state, changed: Notify::new() });
        (Self { shared: Some(shared.clone()), records, is_piece: false }, Waiter { shared })
    }

    /// An ack for records nobody waits for: settling it does nothing.
    pub const fn settled() -> Self {
        Self { shared: None, records: 0, is_piece: false }
    }

    /// One ack per branch, each for all records; the sender hears once all are settled.
    pub fn fan_out(self, branches: usize) -> Vec<Self> {
        let records = self.records;
        self.split(&vec![records; branches])
    }

    /// One ack per branch, each for as many records as named; the sender hears once all are settled.
    /// Splitting into nothing is dropping.
    pub fn split(self, records: &[u64]) -> Vec<Self> {
        self.branch(records, false)
    }

    /// One ack per piece; the pieces hold each record once. Where a request went in nothing but pieces, its
    /// sender hears how many records were refused for good, as of one that went whole.
    pub fn cut(self, records: &[u64]) -> Vec<Self> {
        self.branch(records, true)
    }

    fn branch(mut self, records: &[u64], is_piece: bool) -> Vec<Self> {
        if records.is_empty() {
            return Vec::new();
        }
        let shared = self.shared.take();
        if let Some(shared) = &shared {
            shared.lock().open += records.len() - 1;
        }
        // Alone it is what it was.
        let is_piece = if records.len() == 1 { self.is_piece } else { is_piece };
        let one = |&records| Self { shared: shared.clone(), records, is_piece };
        records.iter().map(one).collect()
    }

    /// A processor takes records out on purpose. They count as dropped if the sender hears success,
    /// and at once if nobody waits.
    pub fn lose(&mut self, ledger: &Arc<ProcessorLedger>, reason: DropReason, records: u64) {
        self.records = self.records.saturating_sub(records);
        let loss = Loss { ledger: ledger.clone(), reason, records };
        match &self.shared {
            Some(shared) => shared.lose(loss),
            None => loss.count(),
        }
    }

    /// The sender waits for this branch until its own deadline, or until `deadline` if it announced
    /// none; `wake` is signalled when it has been answered before the branch was settled.
    pub fn bound(&self, deadline: Instant, wake: &watch::Sender<()>) {
        let Some(shared) = &self.shared else { return };
        let deadline = shared.own_deadline.unwrap_or(deadline);
        let mut state = shared.lock();
        state.deadline = Some(state.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        state.wakes.push(wake.clone());
        drop(state);
        shared.changed.notify_one();
    }

    /// Whether the sender has been answered already, so that delivery would come too late.
    pub fn is_answered(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.lock().answer.is_some())
    }

    /// Ends this branch. `ledger` is the exporter that ended it, if one did.
    pub fn settle(mut self, outcome: Outcome, ledger: Option<&Arc<ExporterLedger>>) {
        if let Some(shared) = self.shared.take() {
            let (ledger, records, is_piece) = (ledger.cloned(), self.records, self.is_piece);
            shared.settle(Branch { outcome, ledger, records, is_piece });
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let outcome = Outcome::retry(Cause::Lost);
            let (records, is_piece) = (self.records, self.is_piece);
            shared.settle(Branch { outcome, ledger: None, records, is_piece });
        }
    }
}

impl Waiter {
    /// Waits for the verdict, or for the earliest deadline that an open branch has set.
    pub async fn wait(self) -> Answer {
        loop {
            let changed = self.shared.changed.notified();
            let deadline = {
                let state = self.shared.lock();
                if let Some(answer) = &state.answer {
                    return answer.clone();
                }
                state.deadline
            };
            let Some(deadline) = deadline else {
                changed.await;
                continue;
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(deadline) => self.shared.give_up(Cause::Deadline),
            }
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.shared.give_up(Cause::Deadline);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code path panics while it holds an ack")
    }

    fn settle(&self, branch: Branch) {
        let mut state = self.lock();
        state.open -= 1;
        if state.answer.is_some() {
            count_late(&branch);
            return;
        }
        state.settled.push(branch);
        if state.open == 0 {
            let answer = resolve(&state.settled, self.records);
            self.answer(&mut state, answer);
        }
    }

    /// Answers a retryable refusal now; open branches learn of it through their wakes.
    fn give_up(&self, cause: Cause) {
        let mut state = self.lock();
        if state.answer.is_some() {
            return;
        }
        for branch in &state.settled {
            count_late(branch);
        }
        let answer = Answer { outcome: Outcome::retry(cause), accepted: 0 };
        self.answer(&mut state, answer);
        for wake in state.wakes.drain(..) {
            wake.send_replace(());
        }
    }

    /// What is lost after the answer was a success is counted at once; after a refusal, never.
    fn lose(&self, loss: Loss) {
        let mut state = self.lock();
        match &state.answer {
            None => state.losses.push(loss),
            Some(answer) if answer.accepted > 0 => loss.count(),
            Some(_) => {}
        }
    }

    fn answer(&self, state: &mut State, answer: Answer) {
        self.ledger.count(answer.accepted, self.records - answer.accepted);
        let losses = std::mem::take(&mut state.losses);
        if answer.accepted > 0 {
            losses.iter().for_each(Loss::count);
        }
        state.answer = Some(answer);
        self.changed.notify_one();
    }
}

impl Loss {
    fn count(&self) {
        self.ledger.drop_accepted(self.reason, self.records);
    }
}

/// The verdict of all branches together.
fn resolve(branches: &[Branch], records: u64) -> Answer {
    if let Some(retry) = find(branches, |outcome| matches!(outcome, Outcome::Retry { .. })) {
        branches.iter().for_each(count_late);
        return Answer { outcome: retry.clone(), accepted: 0 };
    }
    if let [only] = branches {
        let accepted = only.outcome.delivered(records);
        return Answer { outcome: only.outcome.clone(), accepted };
    }
    if branches.iter().all(|branch| matches!(branch.outcome, Outcome::Refused(_))) {
        return Answer { outcome: branches[0].outcome.clone(), accepted: 0 };
    }
    if branches.iter().all(|branch| branch.is_piece) {
        return joined(branches, records);
    }
    let warnings: Vec<Message> = branches.iter().filter_map(concede).collect();
    let warning = warnings.into_iter().next_back();
    Answer { outcome: Outcome::Accepted { warning }, accepted: records }
}

/// The verdict on pieces that were not all refused.
fn joined(branches: &[Branch], records: u64) -> Answer {
    let mut rejected = 0;
    let mut said = None;
    for branch in branches {
        let (lost, message) = match &branch.outcome {
            Outcome::Partial { rejected, message } => (*rejected, Some(message)),
            Outcome::Refused(refusal) => (branch.records, Some(&refusal.message)),
            Outcome::Accepted { warning } => (0, warning.as_ref()),
            Outcome::Retry { .. } => (0, None),
        };
        rejected += lost;
        // What says why records are lost is worth more than a warning.
        said = if lost > 0 { message.or(said) } else { said.or(message) };
    }
    let outcome = match said.cloned() {
        Some(message) if rejected > 0 => Outcome::Partial { rejected, message },
        warning => Outcome::Accepted { warning },
    };
    let accepted = outcome.delivered(records);
    Answer { outcome, accepted }
}

/// Counts what one branch lost while another succeeded; returns what to tell the sender.
fn concede(branch: &Branch) -> Option<Message> {
    let (lost, reason, message) = match &branch.outcome {
        Outcome::Accepted { warning } => return warning.clone(),
        Outcome::Partial { rejected, message } => {
            (*rejected, DropReason::RejectedByBackend, message)
        }
        Outcome::Refused(Refusal { message, .. }) => {
            (branch.records, DropReason::BranchRefused, message)
        }
        Outcome::Retry { .. } => return None,
    };
    if let Some(ledger) = &branch.ledger {
        ledger.drop_accepted(reason, lost);
    }
    Some(message.clone())
}

/// Counts what a branch delivered although its sender hears, or has heard, a refusal.
fn count_late(branch: &Branch) {
    let delivered = branch.outcome.delivered(branch.records);
    if let Some(ledger) = &branch.ledger
        && delivered > 0
    {
        ledger.deliver_after_refusal(delivered);
    }
}

fn find(branches: &[Branch], wanted: fn(&Outcome) -> bool) -> Option<&Outcome> {
    branches.iter().map(|branch| &branch.outcome).find(|outcome| wanted(outcome))
}

#[cfg(test)]
mod tests;
