//! The processor `resource`: the actions of the processor `attributes`, on resources.
//!
//! A resource is edited once, whatever stands below it.

use std::borrow::Cow;
use std::sync::Arc;

use otlp::Malformed;
use otlp::edit::{At, Changes, Level, Levels, Route, Verdict, Visitor, fields};
use otlp::wire::put_bytes;
use pipeline::{Batch, DropReason, Processor, ProcessorLedger, Sender, Signal};
use tokio::time::Instant;

use super::attributes::apply;
use super::rewrite::rewrite;
use crate::component::{BuildError, Context};
use crate::config::ComponentConfig;
use crate::config::attributes::{Action, read_resource};

/// OTLP: the resource in `ResourceSpans` and its siblings.
const RESOURCE: u32 = 1;
/// OTLP: the attributes in `Resource`.
const ATTRIBUTES: u32 = 1;

/// Builds the processor for one pipeline.
pub(crate) fn build(
    config: &ComponentConfig,
    signal: Signal,
    context: &Context,
) -> Result<Arc<dyn Processor>, BuildError> {
    let writes = Levels::of(&[Level::Resource]);
    Ok(Arc::new(Resource {
        actions: config.read(read_resource),
        route: Route { writes, ..Route::visiting(signal, &[Level::Resource]) },
        ledger: context.stats.processor(config.id.as_str(), signal),
    }))
}

struct Resource {
    actions: Vec<Action>,
    route: Route,
    ledger: Arc<ProcessorLedger>,
}

impl Processor for Resource {
    fn process(&self, batch: Batch, _now: Instant, out: &mut Vec<Batch>) {
        let sender = batch.sender.clone();
        let mut visitor = Resources { actions: &self.actions, sender: &sender };
        let reason = DropReason::Error;
        out.extend(rewrite(batch, &self.route, &mut visitor, &self.ledger, reason));
    }
}

struct Resources<'p> {
    actions: &'p [Action],
    sender: &'p Sender,
}

impl Visitor for Resources<'_> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        let message = at.message();
        let resource = fields::nested(message, RESOURCE)?.unwrap_or_default();
        if let Cow::Owned(edited) = apply(self.actions, &resource, ATTRIBUTES, self.sender)? {
            let (mut field, mut out) = (Vec::new(), Vec::new());
            put_bytes(&mut field, RESOURCE, &edited);
            fields::replace(message, &[RESOURCE], &field, &mut out)?;
            changes.replace(Level::Resource, &out);
        }
        Ok(Verdict::Keep)
    }
}
