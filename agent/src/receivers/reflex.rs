//! The receiver `reflex`: anomalies, decisions and actions as OTLP logs.
//!
//! Records wait in the outbox until they are delivered; a retryable refusal keeps them there. Bounds: a
//! request of [`RECORDS_MAX`], and what the outbox holds.

mod encode;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use components::component::{BoxFuture, BuildError, Context, Receiver};
use components::config::ComponentConfig;
use pipeline::{Ack, Batch, Budget, Inlet, Outcome, Part, ReceiverLedger, RefuseReason, Signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::reflex::record::Outbox;

/// Most records of one request.
const RECORDS_MAX: usize = 256;
/// How long to wait after a refusal.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the receiver takes from.
#[derive(Clone)]
pub(crate) struct Sources {
    /// The records.
    pub(crate) outbox: Arc<Outbox>,
    /// `medulla.node.id`.
    pub(crate) node: Arc<str>,
}

/// Builds the receiver.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
    sources: &Sources,
) -> Result<Arc<dyn Receiver>, BuildError> {
    let state = State {
        sources: sources.clone(),
        inlet: Inlet::default(),
        unused: Inlet::default(),
        ledger: context.stats.receiver(config.id.as_str(), "reflex", Signal::Logs),
        budget: context.budget.clone(),
    };
    Ok(Arc::new(ReflexReceiver { state: Arc::new(state), running: Mutex::default() }))
}

struct ReflexReceiver {
    state: Arc<State>,
    running: Mutex<Option<JoinHandle<()>>>,
}

struct State {
    sources: Sources,
    inlet: Inlet,
    /// For signals that the catalog does not let through.
    unused: Inlet,
    ledger: Arc<ReceiverLedger>,
    budget: Arc<Budget>,
}

impl Receiver for ReflexReceiver {
    fn inlet(&self, signal: Signal) -> &Inlet {
        match signal {
            Signal::Logs => &self.state.inlet,
            _ => &self.state.unused,
        }
    }

    fn start(&self) -> Result<(), BuildError> {
        let delivering = tokio::spawn(deliver(self.state.clone()));
        *self.running.lock().expect("a plain assignment cannot panic") = Some(delivering);
        Ok(())
    }

    fn stop(&self, _: Instant) -> BoxFuture<'_, ()> {
        let running = self.running.lock().expect("a plain assignment cannot panic").take();
        Box::pin(async move {
            if let Some(running) = running {
                running.abort();
                // Its end is what was asked for.
                let _ = running.await;
            }
        })
    }
}

async fn deliver(state: Arc<State>) {
    loop {
        let records = state.sources.outbox.next(RECORDS_MAX).await;
        let request = encode::request(&records, &state.sources.node);
        let last = records.last().map_or(0, |record| record.seq);
        if state.push(request, records.len() as u64).await {
            state.sources.outbox.forget(last);
        } else {
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

impl State {
    /// Hands the request over; true if it was taken.
    async fn push(&self, request: Bytes, records: u64) -> bool {
        let arrival = self.inlet.arrive();
        let mut permit = self.budget.permit(None);
        if permit.grow(request.len()).is_err() {
            self.ledger.refuse_request(RefuseReason::Budget);
            return false;
        }
        let (ack, waiter) = Ack::channel(records, self.ledger.clone(), None);
        let permit = Arc::new(permit);
        let part = Part { body: request, packed: None, records, permit, ack };
        let received_at = SystemTime::now();
        let batch = Batch { signal: Signal::Logs, parts: vec![part], received_at, metadata: None };
        arrival.push(batch, Instant::now());
        !matches!(waiter.wait().await.outcome, Outcome::Retry { .. })
    }
}
