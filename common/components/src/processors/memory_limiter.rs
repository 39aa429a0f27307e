//! The processor `memory_limiter`: the Collector's memory bound, kept by our byte budget.
//!
//! The Collector looks at its heap now and then and refuses what has already been read. Here memory is
//! permitted before it is used, so that the limiter has nothing to do while records pass: it sets
//! the budget (`budget_bytes`) such that the whole process stays below the soft limit, and who comes
//! when the budget is used up is refused retryably before its body is read. A `memory.budget` that is
//! written and smaller stays.

use std::sync::Arc;

use pipeline::{Batch, Processor, ProcessorLedger, Signal};
use tokio::time::Instant;

use crate::component::{BuildError, Context};
use crate::config::memory_limiter::MemoryLimiter;
use crate::config::{ComponentConfig, Config};

/// Below this a process could take no request of usual size.
const BUDGET_MIN_BYTES: u64 = 4 << 20;

/// Builds the processor for one pipeline.
pub(crate) fn build(
    config: &ComponentConfig,
    signal: Signal,
    context: &Context,
) -> Result<Arc<dyn Processor>, BuildError> {
    Ok(Arc::new(Limiter { ledger: context.stats.processor(config.id.as_str(), signal) }))
}

/// The budget of a configuration. `fixed_bytes` is what the process needs besides bodies, each of
/// which may be in memory twice; `total_bytes` is what it may use at most.
pub(crate) fn budget_bytes(config: &Config, fixed_bytes: u64, total_bytes: u64) -> u64 {
    let limiters = config.processors.iter().filter(|section| {
        section.kind.name == "memory_limiter"
            && config.pipelines.iter().any(|pipeline| pipeline.processors.contains(&section.id))
    });
    let soft =
        limiters.map(|section| section.read(MemoryLimiter::read).soft_limit_bytes(total_bytes));
    let Some(soft) = soft.min() else { return config.memory.budget_bytes };
    let budget = (soft.saturating_sub(fixed_bytes) / 2).max(BUDGET_MIN_BYTES);
    match config.memory.budget_is_written {
        true => budget.min(config.memory.budget_bytes),
        false => budget,
    }
}

struct Limiter {
    ledger: Arc<ProcessorLedger>,
}

impl Processor for Limiter {
    fn process(&self, batch: Batch, _now: Instant, out: &mut Vec<Batch>) {
        self.ledger.take(batch.records());
        self.ledger.pass(batch.records());
        out.push(batch);
    }
}
