//! The processor `batch`: many small requests become few larger ones, and none larger than allowed.
//!
//! Merging is concatenation of bytes, and the senders' acks travel along (contract: deliberate
//! difference 2). A request of `send_batch_size` or more records passes as it is. A held batch
//! leaves when it has that many records, when every request in progress on its pipeline's receivers
//! has joined it, or after `timeout`. Beyond `send_batch_max_size` requests are cut (`otlp::split`), and
//! what is left below `send_batch_size` waits for more. The section `batch` of an exporter's queue does the
//! same, in bytes too. Profiles are cut but never merged: requests with them are no plain lists.
//!
//! With `metadata_keys` batches are kept apart by those headers, in at most
//! `metadata_cardinality_limit` groups at a time; a request beyond that is refused retryably. Other
//! headers end here, and so does the sender's address, since a merged batch has many senders.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pipeline::{
    Batch, Cause, Limit, Metadata, Outcome, Part, Processor, ProcessorLedger, Sender, Signal,
};
use tokio::time::Instant;

use crate::component::{BuildError, Context};
use crate::config::ComponentConfig;
use crate::config::batch::{Batch as Settings, Sizer};

/// Builds the processor for one pipeline.
pub(crate) fn build(
    config: &ComponentConfig,
    signal: Signal,
    context: &Context,
) -> Result<Arc<dyn Processor>, BuildError> {
    let ledger = context.stats.processor(config.id.as_str(), signal);
    Ok(Arc::new(Batcher::new(config.read(Settings::read), ledger)))
}

pub(crate) struct Batcher {
    settings: Settings,
    groups: Mutex<HashMap<Metadata, Group>>,
    ledger: Arc<ProcessorLedger>,
}

/// Requests that wait for more of their kind.
struct Group {
    batch: Batch,
    size: u64,
    deadline: Instant,
}

impl Batcher {
    pub(crate) fn new(settings: Settings, ledger: Arc<ProcessorLedger>) -> Self {
        Self { settings, groups: Mutex::default(), ledger }
    }

    /// Joins the batch to those of its group; what is large enough leaves, and the rest waits on.
    fn hold(&self, key: Metadata, batch: Batch, now: Instant, out: &mut Vec<Batch>) {
        let mut groups = self.groups();
        let deadline = now + self.settings.timeout;
        let group = match groups.remove(&key) {
            Some(mut group) => {
                group.size += self.size(&batch);
                group.batch.merge(batch);
                group
            }
            None => Group { size: self.size(&batch), batch, deadline },
        };
        let (group, is_rest) = match self.is_full(group.size) {
            true => (self.cut_full(group, deadline, out), true),
            false => (Some(group), false),
        };
        let Some(group) = group else { return };
        if !self.has_too_many(groups.len()) {
            groups.insert(key, group);
        } else if is_rest {
            self.emit(group.batch, out);
        } else {
            drop(groups);
            refuse(group.batch.parts);
        }
    }

    /// Emits what is large enough; what is left may wait until `deadline`.
    fn cut_full(&self, group: Group, deadline: Instant, out: &mut Vec<Batch>) -> Option<Group> {
        let mut lots = self.cut(group.batch);
        let last = lots.pop_if(|lot| !self.is_full(self.size(lot)));
        lots.into_iter().for_each(|lot| self.emit(lot, out));
        last.map(|batch| Group { size: self.size(&batch), batch, deadline })
    }

    fn is_full(&self, size: u64) -> bool {
        size >= self.settings.min_size
    }

    fn is_too_large(&self, size: u64) -> bool {
        self.settings.max_size > 0 && size > self.settings.max_size
    }

    fn size(&self, batch: &Batch) -> u64 {
        batch.parts.iter().map(|part| self.size_of(part)).sum()
    }

    fn size_of(&self, part: &Part) -> u64 {
        match self.settings.sizer {
            Sizer::Items => part.records,
            Sizer::Bytes => part.body.len() as u64,
        }
    }

    /// Batches of the largest size, the last one excepted, in order; a part that does not fit whole is cut.
    fn cut(&self, batch: Batch) -> Vec<Batch> {
        let Batch { signal, parts, received_at, sender } = batch;
        let lots = match self.is_too_large(parts.iter().map(|part| self.size_of(part)).sum()) {
            true => self.lots(signal, parts),
            false => vec![parts],
        };
        let batch = |parts| Batch { signal, parts, received_at, sender: sender.clone() };
        lots.into_iter().map(batch).collect()
    }

    fn lots(&self, signal: Signal, parts: Vec<Part>) -> Vec<Vec<Part>> {
        let max = self.settings.max_size;
        let (mut lots, mut lot, mut room) = (Vec::new(), Vec::new(), max);
        for part in parts {
            for piece in self.pieces(signal, part, room) {
                let size = self.size_of(&piece);
                // A record larger than what is left, or than everything, begins a lot.
                if size > room && !lot.is_empty() {
                    lots.push(std::mem::take(&mut lot));
                    room = max;
                }
                room = room.saturating_sub(size);
                lot.push(piece);
                if room == 0 {
                    lots.push(std::mem::take(&mut lot));
                    room = max;
                }
            }
        }
        if !lot.is_empty() {
            lots.push(lot);
        }
        lots
    }

    /// The part in pieces, the first no larger than `room`; refused if there is no memory for them.
    fn pieces(&self, signal: Signal, part: Part, room: u64) -> Vec<Part> {
        if self.size_of(&part) <= room {
            return vec![part];
        }
        let rooms = std::iter::once(room).chain(std::iter::repeat(self.settings.max_size));
        let limits = rooms.map(|room| match self.settings.sizer {
            Sizer::Items => Limit::records(room),
            Sizer::Bytes => Limit::bytes(usize::try_from(room).unwrap_or(usize::MAX)),
        });
        match part.pieces(signal, limits) {
            Ok(pieces) => part.cut(pieces),
            Err(_) => {
                refuse(vec![part]);
                Vec::new()
            }
        }
    }

    fn has_too_many(&self, groups: usize) -> bool {
        let limit = self.settings.metadata_cardinality_limit;
        !self.settings.metadata_keys.is_empty() && limit > 0 && groups as u64 >= limit
    }

    /// The headers that keep this batch apart from others, in the order of the settings.
    fn key(&self, batch: &Batch) -> Metadata {
        let Some(metadata) = &batch.sender.metadata else { return Vec::new() };
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
        self.ledger.take(batch.records());
        let key = self.key(&batch);
        let metadata = (!key.is_empty()).then(|| Arc::new(key.clone()));
        batch.sender = Sender { metadata, ..Sender::default() };
        let size = self.size(&batch);
        // Merged, the tables of two requests with profiles would be one that neither points into.
        let passes = self.settings.timeout.is_zero() || batch.signal == Signal::Profiles;
        if passes || (self.is_full(size) && !self.is_too_large(size)) {
            let lots = self.cut(batch);
            return lots.into_iter().for_each(|lot| self.emit(lot, out));
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

fn refuse(parts: Vec<Part>) {
    for part in parts {
        part.ack.settle(Outcome::retry(Cause::Budget), None);
    }
}

#[cfg(test)]
mod tests;
