//! The processor `batch`: many small requests become few larger ones.
//!
//! Merging is concatenation of bytes, and the senders' acks travel along (contract: deliberate
//! difference 2). A request of `send_batch_size` or more records passes as it is. A held batch
//! leaves when it has that many records, when every request in progress on its pipeline's receivers
//! has joined it, or after `timeout`.
//!
//! With `metadata_keys` batches are kept apart by those headers, in at most
//! `metadata_cardinality_limit` groups at a time; a request beyond that is refused retryably. Other
//! headers end here, since a merged batch has many senders.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pipeline::{Batch, Cause, Metadata, Outcome, Processor, ProcessorLedger, Signal};
use tokio::time::Instant;

use crate::component::{BuildError, Context};
use crate::config::ComponentConfig;
use crate::config::batch::Batch as Settings;

/// Builds the processor for one pipeline.
pub(crate) fn build(
    config: &ComponentConfig,
    signal: Signal,
    context: &Context,
) -> Result<Arc<dyn Processor>, BuildError> {
    let ledger = context.stats.processor(config.id.as_str(), signal);
    Ok(Arc::new(Batcher::new(config.read(Settings::read), ledger)))
}

struct Batcher {
    settings: Settings,
    groups: Mutex<HashMap<Metadata, Group>>,
    ledger: Arc<ProcessorLedger>,
}

/// Requests that wait for more of their kind.
struct Group {
    batch: Batch,
    records: u64,
    deadline: Instant,
}

impl Batcher {
    fn new(settings: Settings, ledger: Arc<ProcessorLedger>) -> Self {
        Self { settings, groups: Mutex::default(), ledger }
    }

    fn hold(&self, key: Metadata, batch: Batch, now: Instant, out: &mut Vec<Batch>) {
        let mut groups = self.groups();
        let records = batch.records();
        if let Some(group) = groups.get_mut(&key) {
            group.batch.merge(batch);
            group.records += records;
            if self.is_full(group.records) {
                let group = groups.remove(&key).expect("it was just found");
                self.emit(group.batch, out);
            }
            return;
        }
        if self.has_too_many(groups.len()) {
            drop(groups);
            return refuse(batch);
        }
        let deadline = now + self.settings.timeout;
        groups.insert(key, Group { batch, records, deadline });
    }

    fn is_full(&self, records: u64) -> bool {
        self.settings.send_batch_size > 0 && records >= self.settings.send_batch_size
    }

    fn has_too_many(&self, groups: usize) -> bool {
        let limit = self.settings.metadata_cardinality_limit;
        !self.settings.metadata_keys.is_empty() && limit > 0 && groups as u64 >= limit
    }

    /// The headers that keep this batch apart from others, in the order of the settings.
    fn key(&self, batch: &Batch) -> Metadata {
        let Some(metadata) = &batch.metadata else { return Vec::new() };
        let keys = self.settings.metadata_keys.iter();
        keys.flat_map(|key| metadata.iter().filter(move |(name, _)| name == key)).cloned().collect()
    }

    fn release(&self, due: impl Fn(&Group) -> bool, out: &mut Vec<Batch>) {
        let due = self.groups().extract_if(|_, group| due(group)).collect::<Vec<_>>();
        due.into_iter().for_each(|(_, group)| self.emit(group.batch, out));
    }

    fn emit(&self, batch: Batch, out: &mut Vec<Batch>) {
        self.ledger.pass(batch.records());
        out.push(batch);
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<Metadata, Group>> {
        self.groups.lock().expect("no code path panics while it holds the groups")
    }
}

impl Processor for Batcher {
    fn process(&self, mut batch: Batch, now: Instant, out: &mut Vec<Batch>) {
        let records = batch.records();
        self.ledger.take(records);
        let key = self.key(&batch);
        batch.metadata = (!key.is_empty()).then(|| Arc::new(key.clone()));
        if self.is_full(records) || self.settings.timeout.is_zero() {
            return self.emit(batch, out);
        }
        self.hold(key, batch, now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.groups().values().map(|group| group.deadline).min()
    }

    fn tick(&self, now: Instant, out: &mut Vec<Batch>) {
        self.release(|group| group.deadline <= now, out);
    }

    fn idle(&self, out: &mut Vec<Batch>) {
        self.release(|_| true, out);
    }

    fn drain(&self, out: &mut Vec<Batch>) {
        self.release(|_| true, out);
    }
}

fn refuse(batch: Batch) {
    for part in batch.parts {
        part.ack.settle(Outcome::retry(Cause::Budget), None);
    }
}

#[cfg(test)]
mod tests;
