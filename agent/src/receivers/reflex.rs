//! The receiver `reflex`: anomalies, decisions and actions as OTLP logs.
//!
//! Records wait in the outbox until they are delivered; a retryable refusal keeps them there. Bounds: a
//! request of [`RECORDS_MAX`], and what the outbox holds.

mod encode;

use std::sync::Arc;
use std::time::Duration;

use components::component::{BoxFuture, BuildError, Context, Receiver};
use components::config::ComponentConfig;
use pipeline::{Inlet, Signal};
use tokio::time::Instant;

use super::source::Source;
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
    let way_in = Source::new(config, context, "reflex", Signal::Logs);
    Ok(Arc::new(ReflexReceiver { state: Arc::new(State { sources: sources.clone(), way_in }) }))
}

struct ReflexReceiver {
    state: Arc<State>,
}

struct State {
    sources: Sources,
    way_in: Source,
}

impl Receiver for ReflexReceiver {
    fn inlet(&self, signal: Signal) -> &Inlet {
        self.state.way_in.inlet(signal)
    }

    fn start(&self) -> Result<(), BuildError> {
        self.state.way_in.run(deliver(self.state.clone()));
        Ok(())
    }

    fn stop(&self, _: Instant) -> BoxFuture<'_, ()> {
        self.state.way_in.stop()
    }
}

async fn deliver(state: Arc<State>) {
    loop {
        let records = state.sources.outbox.next(RECORDS_MAX).await;
        let request = encode::request(&records, &state.sources.node);
        let last = records.last().map_or(0, |record| record.seq);
        if state.way_in.push(request, records.len() as u64).await {
            state.sources.outbox.forget(last);
        } else {
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}
