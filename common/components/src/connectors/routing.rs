//! The connector `routing`: each record into the pipelines of the first row whose condition holds.
//!
//! A row that moves takes what it matches away from the rows behind it; one that copies does not. What
//! no row takes goes to the default pipelines, or is dropped and counted as `no_route`. A request goes to
//! one place as it is; to several it is divided by slices, and its sender hears once all have
//! arrived. The conditions of neighbouring rows of one context are evaluated in one walk. A statement may take
//! attributes out of what its row takes (`delete_key`, `delete_matching_keys`); rows behind one that copies see it so.

mod divide;
mod table;

use std::sync::{Arc, RwLock};

use ottl::value::Time;
use pipeline::{
    Batch, Cause, DropReason, Inlet, Outcome, Part, Pipeline, ProcessorLedger, RefusalKind, Signal,
    Sink,
};
use tokio::time::Instant;

use self::divide::{Divided, divide};
use self::table::{Place, Table};
use crate::component::{BoxFuture, BuildError, Connector, Context};
use crate::config::ComponentConfig;
use crate::config::routing::Routing as Settings;
use crate::request::request_of;
use crate::time::unix_ns;

/// Builds the connector.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Arc<dyn Connector>, BuildError> {
    let settings = config.read(Settings::read);
    let ledger = |signal| context.stats.processor(config.id.as_str(), signal);
    let lanes = Signal::ALL.into_iter().filter_map(|signal| {
        let table = Table::compile(&settings, signal)?;
        Some(Lane { table, ledger: ledger(signal), doors: RwLock::default() })
    });
    Ok(Arc::new(Routing { lanes: lanes.collect() }))
}

struct Routing {
    lanes: Vec<Lane>,
}

/// What it does with one signal.
struct Lane {
    table: Table,
    ledger: Arc<ProcessorLedger>,
    /// The pipelines of each place, swapped as a whole.
    doors: RwLock<Vec<Arc<Inlet>>>,
}

impl Sink for Routing {
    fn push(&self, batch: Batch, now: Instant) {
        match self.lanes.iter().find(|lane| lane.table.signal() == batch.signal) {
            Some(lane) => lane.push(batch, now),
            None => refuse(batch, "the routing table has no row for this signal"),
        }
    }
}

impl Connector for Routing {
    fn connect(&self, pipelines: &[Arc<Pipeline>]) {
        for lane in &self.lanes {
            let doors = lane.table.places().iter().map(|place| door(place, pipelines)).collect();
            *lane.doors.write().expect("nothing panics while it swaps doors") = doors;
        }
    }

    fn stop(&self, _deadline: Instant) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn door(place: &Place, pipelines: &[Arc<Pipeline>]) -> Arc<Inlet> {
    let inlet = Inlet::default();
    let named = pipelines.iter().filter(|pipeline| place.iter().any(|name| name == pipeline.id()));
    inlet.connect(named.cloned().collect());
    Arc::new(inlet)
}

impl Lane {
    fn push(&self, mut batch: Batch, now: Instant) {
        self.ledger.take(batch.records());
        let doors = self.doors.read().expect("nothing panics while it swaps doors").clone();
        let request = request_of(&batch.sender);
        let clock = Time::from_unix_nano(unix_ns(batch.received_at));
        let mut lots: Vec<Vec<Part>> = doors.iter().map(|_| Vec::new()).collect();
        for part in std::mem::take(&mut batch.parts) {
            match divide(&self.table, &part.body, &request, &clock) {
                Ok(divided) => self.sort(part, divided, &mut lots),
                Err(message) => {
                    part.ack.settle(Outcome::refused(RefusalKind::Rejected, message), None);
                }
            }
        }
        for (parts, door) in lots.into_iter().zip(&doors).filter(|(parts, _)| !parts.is_empty()) {
            let lot = Batch { parts, sender: batch.sender.clone(), ..batch };
            self.ledger.pass(lot.records());
            door.arrive().push(lot, now);
        }
    }

    /// Puts the pieces of a part to the lots of their places.
    fn sort(&self, mut part: Part, divided: Divided, lots: &mut [Vec<Part>]) {
        if divided.lost > 0 {
            part.ack.lose(&self.ledger, DropReason::NoRoute, divided.lost);
        }
        if divided.pieces.is_empty() {
            return part.ack.settle(Outcome::ACCEPTED, None);
        }
        let (places, bodies): (Vec<usize>, Vec<_>) = divided
            .pieces
            .into_iter()
            .map(|piece| (piece.place, (piece.body, piece.records)))
            .unzip();
        let Ok(slices) = part.charge(bodies) else {
            return part.ack.settle(Outcome::retry(Cause::Budget), None);
        };
        for (place, part) in places.into_iter().zip(part.divide(slices)) {
            match lots.get_mut(place) {
                Some(lot) => lot.push(part),
                // Not connected yet, or not any more.
                None => part.ack.settle(Outcome::retry(Cause::Shutdown), None),
            }
        }
    }
}

fn refuse(batch: Batch, message: &'static str) {
    for part in batch.parts {
        part.ack.settle(Outcome::refused(RefusalKind::Unimplemented, message), None);
    }
}

#[cfg(test)]
mod tests;
