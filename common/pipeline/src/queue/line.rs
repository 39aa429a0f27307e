//! The line of batches before the consumers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Batch, Cause, Outcome, QueueSizer, Refusal, RefusalKind};

use super::delivery::{Delivery, Held, Sent};

/// What the sender of a request hears that no queue of this size can hold.
const LARGER_THAN_QUEUE: &str = "the request is larger than the exporter's sending_queue";

/// Batches in order of arrival.
pub(super) struct Line {
    inner: Mutex<Inner>,
    delivery: Arc<Delivery>,
    arrived: Notify,
    emptied: Notify,
}

#[derive(Default)]
struct Inner {
    /// At most `queue_size`; what a consumer takes next.
    ready: VecDeque<Held>,
    /// What is ready, as the settings count it.
    size: usize,
    /// Beyond `queue_size`, with `block_on_overflow`; bounded by the byte budget.
    waiting: VecDeque<Held>,
    /// Batches in the hands of consumers.
    running: usize,
    closed: bool,
}

impl Line {
    pub(super) fn new(delivery: Arc<Delivery>) -> Self {
        let inner = Mutex::default();
        Self { inner, delivery, arrived: Notify::new(), emptied: Notify::new() }
    }

    /// Queues the batch, or settles it at once.
    pub(super) fn push(&self, batch: Batch, now: Instant) {
        if self.delivery.waits() {
            let patience = now + self.delivery.settings.timeout;
            for part in &batch.parts {
                part.ack.bound(patience, &self.delivery.answered);
            }
        }
        let held = Held::new(batch, self.delivery.clone());
        if self.can_hold(&held) { self.put(held) } else { self.put_smaller(held) }
    }

    /// The next batch; `None` once the line is closed and empty.
    pub(super) async fn next(&self) -> Option<Held> {
        loop {
            let arrived = self.arrived.notified();
            if let Some(held) = self.take() {
                return Some(held);
            }
            if self.lock().closed {
                return None;
            }
            arrived.await;
        }
    }

    /// Delivers a batch taken with [`next`](Self::next).
    pub(super) async fn deliver(&self, held: Held) {
        // The count must fall even where a shutdown cuts the delivery off.
        struct Done<'a>(&'a Line);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.lock().running -= 1;
                self.0.note_emptied();
            }
        }
        let _done = Done(self);
        self.delivery.run(held).await;
    }

    /// Lets go of parts whose sender has been answered, and of batches that are empty then.
    pub(super) fn sweep(&self) {
        let mut inner = self.lock();
        let Inner { ready, waiting, .. } = &mut *inner;
        ready.iter_mut().chain(waiting.iter_mut()).for_each(Held::forget_answered);
        ready.retain(|held| !held.batch.parts.is_empty());
        waiting.retain(|held| !held.batch.parts.is_empty());
        inner.size = inner.ready.iter().map(|held| self.size(held)).sum();
        self.refill(&mut inner);
        drop(inner);
        self.note_emptied();
    }

    /// Takes no more batches.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_waiters();
    }

    /// Gives up everything not in a consumer's hands.
    pub(super) fn abandon(&self) {
        let mut inner = self.lock();
        let left = std::mem::take(&mut *inner);
        (inner.running, inner.closed) = (left.running, left.closed);
        self.note_level(&inner);
        drop(inner);
        drop(left);
        self.note_emptied();
    }

    /// Returns once no batch is queued or being delivered.
    pub(super) async fn wait_until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn put(&self, held: Held) {
        match self.place(held) {
            Ok(()) => self.arrived.notify_one(),
            Err((held, cause)) => held.reject(&Outcome::retry(cause)),
        }
    }

    /// Queues the requests of a batch that is larger than the queue; refuses those that are larger alone.
    fn put_smaller(&self, held: Held) {
        let mut work = vec![held];
        while let Some(held) = work.pop() {
            if self.can_hold(&held) {
                self.put(held);
                continue;
            }
            let refusal =
                Refusal { kind: RefusalKind::TooLarge, message: LARGER_THAN_QUEUE.into() };
            match held.smaller(refusal, &mut 0) {
                Sent::Smaller(smaller) => work.extend(smaller),
                Sent::Whole(held, outcome) => held.reject(&outcome),
            }
        }
    }

    fn size(&self, held: &Held) -> usize {
        self.delivery.settings.sizer.size(&held.batch)
    }

    /// Whether the queue could hold it, were it empty.
    fn can_hold(&self, held: &Held) -> bool {
        let settings = &self.delivery.settings;
        !settings.enabled || self.size(held) <= settings.queue_size
    }

    fn note_level(&self, inner: &Inner) {
        if self.delivery.settings.sizer != QueueSizer::Requests {
            self.delivery.ledger.set_level(Some(inner.size as u64));
        }
    }

    fn place(&self, mut held: Held) -> Result<(), (Held, Cause)> {
        let settings = &self.delivery.settings;
        let mut inner = self.lock();
        if inner.closed {
            return Err((held, Cause::Shutdown));
        }
        let has_room = inner.has_room(self.size(&held), settings.queue_size);
        if settings.enabled && !(has_room && inner.waiting.is_empty()) {
            if !settings.block_on_overflow {
                return Err((held, Cause::QueueFull));
            }
            inner.waiting.push_back(held);
            return Ok(());
        }
        if !self.delivery.waits() {
            held.accept();
        }
        self.admit(&mut inner, held);
        self.note_level(&inner);
        Ok(())
    }

    fn take(&self) -> Option<Held> {
        let mut inner = self.lock();
        let held = inner.ready.pop_front()?;
        inner.running += 1;
        inner.size = inner.size.saturating_sub(self.size(&held));
        self.refill(&mut inner);
        if !inner.ready.is_empty() {
            // One notification may stand for several batches: pass it on.
            self.arrived.notify_one();
        }
        Some(held)
    }

    /// Moves batches from the waiting line into free places of the queue.
    fn refill(&self, inner: &mut Inner) {
        let capacity = self.delivery.settings.queue_size;
        while let Some(next) = inner.waiting.front()
            && inner.has_room(self.size(next), capacity)
            && let Some(mut next) = inner.waiting.pop_front()
        {
            if !self.delivery.waits() {
                next.accept();
            }
            self.admit(inner, next);
        }
        self.note_level(inner);
    }

    fn admit(&self, inner: &mut Inner, held: Held) {
        inner.size += self.size(&held);
        inner.ready.push_back(held);
    }

    fn note_emptied(&self) {
        if self.lock().is_empty() {
            self.emptied.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no code path panics while it holds the line")
    }
}

impl Inner {
    fn has_room(&self, size: usize, capacity: usize) -> bool {
        self.size.checked_add(size).is_some_and(|sum| sum <= capacity)
    }

    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty() && self.running == 0
    }
}
