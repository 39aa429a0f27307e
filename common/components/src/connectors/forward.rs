//! The connector `forward`: what comes in goes on into every pipeline that names it as a receiver.
//!
//! It has no keys, holds nothing, and copies nothing: pipelines share the bytes of a batch.

use std::sync::Arc;

use pipeline::{Batch, Inlets, Pipeline, Sink};
use tokio::time::Instant;

use crate::component::{BoxFuture, BuildError, Connector, Context};
use crate::config::ComponentConfig;

/// Builds the connector.
pub(crate) fn build(
    _config: &ComponentConfig,
    _context: &Context,
) -> Result<Arc<dyn Connector>, BuildError> {
    Ok(Arc::new(Forward::default()))
}

#[derive(Default)]
struct Forward {
    inlets: Inlets,
}

impl Sink for Forward {
    fn push(&self, batch: Batch, now: Instant) {
        self.inlets.of(batch.signal).arrive().push(batch, now);
    }
}

impl Connector for Forward {
    fn connect(&self, pipelines: &[Arc<Pipeline>]) {
        self.inlets.connect(pipelines);
    }

    fn stop(&self, _deadline: Instant) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
