//! The line of batches before the consumers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Batch, Cause};

use super::delivery::{Delivery, Held};

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
        match self.place(held) {
            Ok(()) => self.arrived.notify_one(),
            Err((held, cause)) => held.reject(cause),
        }
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
        let left = (std::mem::take(&mut inner.ready), std::mem::take(&mut inner.waiting));
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

    fn place(&self, mut held: Held) -> Result<(), (Held, Cause)> {
        let settings = &self.delivery.settings;
        let mut inner = self.lock();
        if inner.closed {
            return Err((held, Cause::Shutdown));
        }
        if settings.enabled && inner.ready.len() >= settings.queue_size {
            if !settings.block_on_overflow {
                return Err((held, Cause::QueueFull));
            }
            inner.waiting.push_back(held);
            return Ok(());
        }
        if !self.delivery.waits() {
            held.accept();
        }
        inner.ready.push_back(held);
        Ok(())
    }

    fn take(&self) -> Option<Held> {
        let mut inner = self.lock();
        let held = inner.ready.pop_front()?;
        inner.running += 1;
        self.refill(&mut inner);
        if !inner.ready.is_empty() {
            // One notification may stand for several batches: pass it on.
            self.arrived.notify_one();
        }
        Some(held)
    }

    /// Moves batches from the waiting line into free places of the queue.
    fn refill(&self, inner: &mut Inner) {
        while inner.ready.len() < self.delivery.settings.queue_size {
            let Some(mut next) = inner.waiting.pop_front() else {
                return;
            };
            if !self.delivery.waits() {
                next.accept();
            }
            inner.ready.push_back(next);
        }
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
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty() && self.running == 0
    }
}
