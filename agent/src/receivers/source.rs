//! What the host's receivers share: one inlet, one ledger, the task that collects, and the way in.
//!
//! A request enters with a permit for its bytes and waits for its outcome, so a receiver never has
//! more than one request in the pipelines and hears whether it has to come again.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use components::component::{BoxFuture, Context};
use components::config::ComponentConfig;
use pipeline::{
    Ack, Batch, Budget, Inlet, Outcome, Part, ReceiverLedger, RefuseReason, Sender, Signal,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A receiver's place in the graph.
pub(super) struct Source {
    signal: Signal,
    inlet: Inlet,
    /// For signals that the catalog does not let through.
    unused: Inlet,
    ledger: Arc<ReceiverLedger>,
    budget: Arc<Budget>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Source {
    /// A source of one signal; `kind` is what its data came by.
    pub(super) fn new(
        config: &ComponentConfig,
        context: &Context,
        kind: &'static str,
        signal: Signal,
    ) -> Self {
        Self {
            signal,
            inlet: Inlet::default(),
            unused: Inlet::default(),
            ledger: context.stats.receiver(config.id.as_str(), kind, signal),
            budget: context.budget.clone(),
            running: Mutex::default(),
        }
    }

    /// The door for a signal.
    pub(super) fn inlet(&self, signal: Signal) -> &Inlet {
        if signal == self.signal { &self.inlet } else { &self.unused }
    }

    /// Runs the task that collects, until [`stop`](Self::stop).
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let running = tokio::spawn(task);
        *self.running.lock().expect("a plain assignment cannot panic") = Some(running);
    }

    /// Ends that task.
    pub(super) fn stop(&self) -> BoxFuture<'_, ()> {
        let running = self.running.lock().expect("a plain assignment cannot panic").take();
        Box::pin(async move {
            if let Some(running) = running {
                running.abort();
                // Its end is what was asked for.
                let _ = running.await;
            }
        })
    }

    /// Hands a request over; true if it was taken.
    pub(super) async fn push(&self, request: Bytes, records: u64) -> bool {
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
        let (signal, parts) = (self.signal, vec![part]);
        let batch = Batch { signal, parts, received_at, sender: Sender::default() };
        arrival.push(batch, Instant::now());
        !matches!(waiter.wait().await.outcome, Outcome::Retry { .. })
    }
}
