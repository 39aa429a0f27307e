//! From the queue to the backend: attempts, backoff, and what each part's sender hears.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::{
    Backoff, Batch, Cause, DropReason, Exhausted, Exporter, ExporterLedger, Limit, Outcome, Part,
    QueueSettings, Refusal, RefusalKind,
};

use super::ceiling::Ceiling;

/// How often the pieces of one batch that its backend finds too large are cut in halves. One record
/// that is too large among a million costs twenty; a backend that refuses everything ends here.
const MAX_CUTS: usize = 64;

/// How long an attempt is put off for want of memory: that comes back as others end, and the backend has not
/// asked for a pause.
const PUT_OFF: Duration = Duration::from_millis(200);
/// How often that is mentioned in the log.
const MENTION_EVERY: Duration = Duration::from_secs(60);

/// What the consumers of one queue share.
pub(super) struct Delivery {
    pub(super) exporter: Arc<dyn Exporter>,
    pub(super) settings: QueueSettings,
    pub(super) ledger: Arc<ExporterLedger>,
    /// Signalled when a sender was answered before its parts were settled.
    pub(super) answered: watch::Sender<()>,
    /// When it was last said that an attempt was put off.
    put_off_at: Mutex<Option<Instant>>,
    /// What the backend is known not to take.
    ceiling: Ceiling,
}

/// What the pieces of one batch have met with.
struct Trial {
    cuts_left: usize,
    /// Size of the smallest that its backend found too large.
    refused: Option<usize>,
}

/// A batch the queue answers for. Dropped, it gives up what is left: the process is stopping.
pub(super) struct Held {
    pub(super) batch: Batch,
    delivery: Arc<Delivery>,
    /// The senders have heard success: what is lost from here on counts as dropped.
    accepted: bool,
}

impl Delivery {
    pub(super) fn new(
        exporter: Arc<dyn Exporter>,
        settings: QueueSettings,
        ledger: Arc<ExporterLedger>,
    ) -> Self {
        let (answered, _) = watch::channel(());
        Self {
            exporter,
            settings,
            ledger,
            answered,
            put_off_at: Mutex::default(),
            ceiling: Ceiling::default(),
        }
    }

    /// Whether senders wait for the delivery.
    pub(super) fn waits(&self) -> bool {
        self.settings.wait_for_result || !self.settings.enabled
    }

    /// Sends until settled, given up, or answered behind its back.
    pub(super) async fn run(&self, held: Held) {
        let started = Instant::now();
        let mut backoff = Backoff::new(&self.settings.retry, seed(&held.batch));
        let mut work = vec![held];
        let mut trial = Trial { cuts_left: MAX_CUTS, refused: None };
        while let Some(mut held) = work.pop() {
            held.forget_answered();
            if held.batch.parts.is_empty() {
                continue;
            }
            let (mut held, outcome) = match self.send(held, &mut trial).await {
                Sent::Smaller(smaller) => {
                    work.extend(smaller);
                    continue;
                }
                Sent::Whole(held, outcome) => (held, outcome),
            };
            match outcome {
                Outcome::Retry { after, cause } => {
                    let delay = if cause == Cause::Budget {
                        self.note_put_off();
                        PUT_OFF
                    } else {
                        backoff.next(&self.settings.retry, after)
                    };
                    if self.is_hopeless(started, delay) {
                        held.end(&Outcome::Retry { after: Some(delay), cause });
                    } else {
                        self.pause(delay, &mut held).await;
                        work.push(held);
                    }
                }
                outcome => held.end(&outcome),
            }
        }
    }

    /// Sends a batch and says what it met with, or what to send in its place, the first last. A merged batch that
    /// is refused for good is sent once more part by part, so that each sender hears its own answer; what its
    /// backend finds too large is sent in halves, a record that is too large alone is refused alone, and what it
    /// is known not to take is cut beforehand.
    async fn send(&self, held: Held, trial: &mut Trial) -> Sent {
        let bytes = held.batch.body_bytes();
        let held = match held.within(self.ceiling.bytes(Instant::now())) {
            Ok(pieces) => return Sent::Smaller(pieces),
            Err(whole) => whole,
        };
        match self.attempt(&held.batch).await {
            Outcome::Refused(refusal) => {
                if refusal.kind == RefusalKind::TooLarge {
                    trial.refused = Some(trial.refused.map_or(bytes, |known| known.min(bytes)));
                }
                held.smaller(refusal, &mut trial.cuts_left)
            }
            outcome => {
                if shows_life(&outcome) {
                    self.note_taken(bytes, trial);
                }
                Sent::Whole(held, outcome)
            }
        }
    }

    /// Learns from a piece that was taken where more was too much.
    fn note_taken(&self, bytes: usize, trial: &Trial) {
        let Some(refused) = trial.refused.filter(|refused| bytes < *refused) else { return };
        if self.ceiling.learn(refused, Instant::now()) {
            let exporter = self.ledger.exporter();
            let taken = bytes;
            tracing::info!(
                exporter,
                refused,
                taken,
                "the backend limits requests; larger ones are cut"
            );
        }
    }

    async fn attempt(&self, batch: &Batch) -> Outcome {
        let timeout = self.settings.timeout;
        self.ledger.attempt(1);
        let sending = self.exporter.send(batch, timeout);
        let outcome = match tokio::time::timeout(timeout, sending).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::retry(Cause::Backend),
        };
        self.ledger.attempt(-1);
        if !matches!(outcome, Outcome::Retry { cause: Cause::Budget, .. }) {
            self.ledger.fail(batch.records() - outcome.delivered(batch.records()));
            self.ledger.note_backend(shows_life(&outcome), Instant::now());
        }
        outcome
    }

    /// Counts an attempt that the budget had no room for, which says nothing of the backend.
    fn note_put_off(&self) {
        self.ledger.put_off();
        let mut said = self.put_off_at.lock().expect("a plain assignment cannot panic");
        if said.is_none_or(|at| at.elapsed() >= MENTION_EVERY) {
            *said = Some(Instant::now());
            let exporter = self.ledger.exporter();
            tracing::warn!(exporter, "the memory budget has no room for what it writes; put off");
        }
    }

    /// Whether another attempt after `delay` is ruled out by the settings.
    fn is_hopeless(&self, started: Instant, delay: Duration) -> bool {
        let retry = &self.settings.retry;
        let bounded = !self.waits() && !retry.max_elapsed_time.is_zero();
        !retry.enabled || (bounded && started.elapsed() + delay > retry.max_elapsed_time)
    }

    /// Waits out the backoff, or until no sender of the batch waits any more.
    async fn pause(&self, delay: Duration, held: &mut Held) {
        let mut answered = self.answered.subscribe();
        let until = Instant::now() + delay;
        while !held.batch.parts.is_empty() {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                _ = answered.changed() => held.forget_answered(),
            }
        }
    }
}

/// What became of an attempt, or of a batch that has no need of one.
pub(super) enum Sent {
    /// These are to be sent in its place, the first last.
    Smaller(Vec<Held>),
    /// What it met with.
    Whole(Held, Outcome),
}

impl Held {
    /// Takes `batch` into the queue's care.
    pub(super) fn new(batch: Batch, delivery: Arc<Delivery>) -> Self {
        delivery.ledger.hold(signed(batch.records()), 1);
        Self { batch, delivery, accepted: false }
    }

    /// Lets go of parts whose sender has heard a refusal already.
    pub(super) fn forget_answered(&mut self) {
        let before = self.batch.records();
        self.batch.parts.retain(|part| !part.ack.is_answered());
        self.delivery.ledger.hold(signed(self.batch.records()) - signed(before), 0);
    }

    /// Tells the senders that their records are in bounded memory; nobody waits from here on.
    pub(super) fn accept(&mut self) {
        self.accepted = true;
        for part in &mut self.batch.parts {
            let ack = std::mem::replace(&mut part.ack, crate::Ack::settled());
            ack.settle(Outcome::ACCEPTED, Some(&self.delivery.ledger));
        }
    }

    /// Settles every part with the verdict on the batch.
    pub(super) fn end(mut self, outcome: &Outcome) {
        self.settle_all(outcome);
    }

    /// Refuses a batch that could not be queued.
    pub(super) fn reject(mut self, outcome: &Outcome) {
        self.delivery.ledger.fail_enqueue(self.batch.records());
        self.settle_all(outcome);
    }

    fn settle_all(&mut self, outcome: &Outcome) {
        let records = self.batch.records();
        let delivery = &self.delivery;
        let delivered = outcome.delivered(records);
        delivery.ledger.send(delivered);
        delivery.ledger.hold(-signed(records), 0);
        let merged = self.batch.parts.len() > 1;
        let lost = loss(outcome, merged, self.accepted).filter(|_| delivered < records);
        if let Some(reason) = lost {
            delivery.ledger.drop_accepted(reason, records - delivered);
        }
        let verdict = verdict_for_a_part(outcome, merged);
        for part in self.batch.parts.drain(..) {
            part.ack.settle(verdict.clone(), Some(&delivery.ledger));
        }
    }

    /// What to try after a refusal for good, the first to try last: the parts of a merged batch one by one, or
    /// halves of what is too large. Itself with its verdict, if there is nothing smaller.
    pub(super) fn smaller(self, refusal: Refusal, cuts_left: &mut usize) -> Sent {
        let is_too_large = refusal.kind == RefusalKind::TooLarge;
        let refused = Outcome::Refused(refusal);
        if self.batch.parts.len() > 1 {
            let lot = if is_too_large { self.batch.parts.len().div_ceil(2) } else { 1 };
            return Sent::Smaller(self.in_lots_of(lot));
        }
        let records = self.batch.records();
        if !is_too_large || records < 2 || *cuts_left == 0 {
            return Sent::Whole(self, refused);
        }
        *cuts_left -= 1;
        match self.cut([Limit::records(records / 2)]) {
            Ok(pieces) => Sent::Smaller(pieces),
            Err((whole, None)) => Sent::Whole(whole, refused),
            Err((whole, Some(Exhausted))) => Sent::Whole(whole, Outcome::retry(Cause::Budget)),
        }
    }

    /// Batches of at most so many bytes, but for records that are larger alone, the first ones last. Itself, if it
    /// fits, cannot be cut, or there is no room for the pieces: then its backend has the say.
    fn within(mut self, bytes: usize) -> Result<Vec<Self>, Self> {
        if self.batch.body_bytes() <= bytes || self.batch.records() < 2 {
            return Err(self);
        }
        if self.batch.parts.len() > 1 {
            let lots = lots_within(std::mem::take(&mut self.batch.parts), bytes);
            return Ok(self.regroup(lots));
        }
        self.cut(std::iter::repeat(Limit::bytes(bytes))).map_err(|(whole, _)| whole)
    }

    /// The pieces of its only part under these limits, the first ones last; itself, if there is but one piece or
    /// no room for them.
    fn cut(
        mut self,
        limits: impl IntoIterator<Item = Limit>,
    ) -> Result<Vec<Self>, (Self, Option<Exhausted>)> {
        let part = self.batch.parts.pop().expect("a batch has a part");
        match part.pieces(self.batch.signal, limits) {
            Ok(pieces) if pieces.len() > 1 => {
                let lots = part.cut(pieces).into_iter().rev().map(|piece| vec![piece]);
                Ok(self.regroup(lots.collect()))
            }
            made => {
                self.batch.parts.push(part);
                Err((self, made.err()))
            }
        }
    }

    /// Batches of at most so many of its parts, the first ones last.
    fn in_lots_of(mut self, size: usize) -> Vec<Self> {
        let parts = &mut self.batch.parts;
        let mut lots: Vec<Vec<Part>> = Vec::new();
        while !parts.is_empty() {
            lots.push(parts.drain(parts.len().saturating_sub(size)..).collect());
        }
        self.regroup(lots)
    }

    /// One batch per lot of its parts.
    fn regroup(self, lots: Vec<Vec<Part>>) -> Vec<Self> {
        let alone = |parts| Batch {
            signal: self.batch.signal,
            parts,
            received_at: self.batch.received_at,
            sender: self.batch.sender.clone(),
        };
        // The queue already answers for these records; only the number of batches grows.
        let hold = |batch: Batch| {
            self.delivery.ledger.hold(0, 1);
            Self { batch, delivery: self.delivery.clone(), accepted: self.accepted }
        };
        lots.into_iter().map(alone).map(hold).collect()
    }
}

/// Parts in as few lots as hold at most so many bytes each, the last ones first; a part that is larger is alone.
fn lots_within(parts: Vec<Part>, bytes: usize) -> Vec<Vec<Part>> {
    let mut lots: Vec<Vec<Part>> = Vec::new();
    let mut room = 0;
    for part in parts {
        let size = part.body.len();
        match lots.last_mut() {
            Some(lot) if size <= room => lot.push(part),
            _ => {
                room = bytes;
                lots.push(vec![part]);
            }
        }
        room = room.saturating_sub(size);
    }
    lots.reverse();
    lots
}

impl Drop for Held {
    fn drop(&mut self) {
        self.delivery.ledger.hold(0, -1);
        if !self.batch.parts.is_empty() {
            self.settle_all(&Outcome::retry(Cause::Shutdown));
        }
    }
}

/// What one part's sender hears. A partial success of a merged batch cannot be told apart by
/// sender, so each hears success with the backend's message as a warning.
fn verdict_for_a_part(outcome: &Outcome, merged: bool) -> Outcome {
    match outcome {
        Outcome::Partial { message, .. } if merged => {
            Outcome::Accepted { warning: Some(message.clone()) }
        }
        other => other.clone(),
    }
}

/// Under which reason undelivered records count as dropped, if their sender heard success.
fn loss(outcome: &Outcome, merged: bool, accepted: bool) -> Option<DropReason> {
    match outcome {
        Outcome::Accepted { .. } => None,
        Outcome::Partial { .. } => (merged || accepted).then_some(DropReason::RejectedByBackend),
        Outcome::Refused(refusal) => accepted.then_some(match refusal.kind {
            RefusalKind::TooLarge => DropReason::TooLarge,
            _ => DropReason::RejectedByBackend,
        }),
        Outcome::Retry { cause, .. } if accepted => Some(match cause {
            Cause::Shutdown => DropReason::Shutdown,
            Cause::Lost => DropReason::Error,
            _ => DropReason::RetryExhausted,
        }),
        Outcome::Retry { .. } => None,
    }
}

/// Whether the backend takes data at all; bad data in one batch does not speak against it.
fn shows_life(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Accepted { .. } | Outcome::Partial { .. } => true,
        Outcome::Retry { .. } => false,
        Outcome::Refused(refusal) => {
            matches!(refusal.kind, RefusalKind::Malformed | RefusalKind::TooLarge)
        }
    }
}

/// Spreads retries of different batches; the exact value does not matter.
fn seed(batch: &Batch) -> u64 {
    let since = batch.received_at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ ((batch.body_bytes() as u64) << 32)
}

fn signed(records: u64) -> i64 {
    i64::try_from(records).unwrap_or(i64::MAX)
}
