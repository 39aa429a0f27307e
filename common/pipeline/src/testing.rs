//! What the tests of this crate share: a batch by its size, and sinks and exporters that do as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use otlp::wire::{put_bytes, put_message};

use crate::{
    Ack, Batch, Budget, Exporter, Outcome, Part, SendFuture, Sender, Signal, Sink, Stats, Waiter,
};

/// A batch of one part with `records` records of one byte each.
pub(crate) fn batch(stats: &Stats, records: u64) -> (Batch, Waiter) {
    let ledger = stats.receiver("otlp", "grpc", Signal::Traces);
    let (ack, waiter) = Ack::channel(records, ledger, None);
    let permit = Arc::new(Budget::new(1 << 20, 1.0).permit(None));
    let body = Bytes::from(vec![0; usize::try_from(records).expect("small")]);
    let part = Part { body, packed: None, records, permit, ack };
    let parts = vec![part];
    let received_at = SystemTime::UNIX_EPOCH;
    (Batch { signal: Signal::Traces, parts, received_at, sender: Sender::default() }, waiter)
}

/// A batch of one request with a span for each name, of this length.
pub(crate) fn spans(stats: &Stats, names: &[usize]) -> (Batch, Waiter) {
    let (mut batch, _) = batch(stats, 0);
    let records = names.len() as u64;
    let ledger = stats.receiver("otlp", "grpc", Signal::Traces);
    let (ack, waiter) = Ack::channel(records, ledger, None);
    let mut body = Vec::new();
    put_message(&mut body, 1, |resource| {
        put_message(resource, 2, |scope| {
            for &name in names {
                put_message(scope, 2, |span| put_bytes(span, 5, &vec![b'n'; name]));
            }
        });
    });
    let mut permit = Budget::new(1 << 20, 1.0).permit(None);
    permit.grow(body.len()).expect("small");
    let (body, permit) = (Bytes::from(body), Arc::new(permit));
    batch.parts = vec![Part { body, packed: None, records, permit, ack }];
    (batch, waiter)
}

/// Keeps what it is given, unsettled.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) Mutex<Vec<Batch>>);

impl Sink for Shelf {
    fn push(&self, batch: Batch, _now: tokio::time::Instant) {
        self.0.lock().expect("not poisoned").push(batch);
    }
}

/// Answers from a script (then the last answer for ever), each after `delay`, and notes how many
/// parts each attempt had.
pub(crate) struct Scripted {
    script: Mutex<VecDeque<Outcome>>,
    delay: Duration,
    pub(crate) attempts: Mutex<Vec<usize>>,
}

impl Scripted {
    pub(crate) fn new(script: &[Outcome], delay: Duration) -> Arc<Self> {
        let script = Mutex::new(script.iter().cloned().collect());
        Arc::new(Self { script, delay, attempts: Mutex::default() })
    }

    fn next(&self) -> Outcome {
        let mut script = self.script.lock().expect("not poisoned");
        match script.len() {
            0 => Outcome::ACCEPTED,
            1 => script[0].clone(),
            _ => script.pop_front().expect("not empty"),
        }
    }
}

impl Exporter for Scripted {
    fn send<'a>(&'a self, batch: &'a Batch, _timeout: Duration) -> SendFuture<'a> {
        Box::pin(async move {
            self.attempts.lock().expect("not poisoned").push(batch.parts.len());
            tokio::time::sleep(self.delay).await;
            self.next()
        })
    }
}
