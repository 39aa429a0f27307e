//! The connector `detect`: metrics in, a log record per opened alarm out.
//!
//! Every point of a watched metric goes through the detector of its series, the same that
//! `medulla-agent detect` replays files through. Gauges are judged as they are, cumulative sums by their growth
//! per second, histograms by their mean. Metrics end here, settled at once; records go to the
//! pipelines of logs behind the connector. At most [`series::SERIES_MAX`] series are watched, within the byte
//! budget; points of others are counted in `medulla_detect_unwatched_points`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use pipeline::{
    Ack, Batch, Budget, Inlets, Kind, Outcome, Part, Pipeline, Sample, Sender, Signal, Sink,
};
use tokio::time::Instant;
use uuid::Uuid;

use self::points::Point;
use self::record::Alarm;
use self::series::Table;
use crate::component::{BoxFuture, BuildError, Connector, Context};
use crate::config::ComponentConfig;
use crate::config::detect::Detect as Settings;
use crate::time::unix_ns;

mod points;
mod record;
mod series;
#[cfg(test)]
mod tests;

/// Builds the connector.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Arc<dyn Connector>, BuildError> {
    let settings = config.read(Settings::read);
    let detect = Arc::new(Detect::new(settings, context.budget.clone(), node_id()));
    let (id, watched) = (config.id.as_str().to_owned(), Arc::downgrade(&detect));
    context.stats.probe(move |out| {
        if let Some(detect) = watched.upgrade() {
            detect.sample(&id, out);
        }
    });
    Ok(detect)
}

/// The host's name; events of one host carry the same.
fn node_id() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

struct Detect {
    settings: Settings,
    table: Mutex<Table>,
    inlets: Inlets,
    budget: Arc<Budget>,
    node: String,
    sequence: AtomicU64,
}

impl Detect {
    fn new(settings: Settings, budget: Arc<Budget>, node: String) -> Self {
        Self {
            table: Mutex::new(Table::new(settings.detector, budget.permit(None))),
            settings,
            inlets: Inlets::default(),
            budget,
            node,
            sequence: AtomicU64::new(0),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sample(&self, id: &str, out: &mut Vec<Sample>) {
        let (series, unwatched) = self.table().counts();
        let sample = |name: &str, help, kind, value| Sample {
            name: name.to_owned(),
            help,
            kind,
            labels: vec![("connector", id.to_owned())],
            value,
        };
        let help = "Series under watch.";
        out.push(sample("medulla_detect_series", help, Kind::Gauge, series as f64));
        let help = "Points of series beyond the bound or the byte budget.";
        let name = "medulla_detect_unwatched_points";
        out.push(sample(name, help, Kind::Counter, unwatched as f64));
    }

    /// The records of the alarms that a request opens, and how many there are.
    fn judge(&self, request: &[u8], received_at: SystemTime) -> (Vec<u8>, u64) {
        let (mut body, mut records) = (Vec::new(), 0);
        let mut table = self.table();
        let walked = points::walk(
            request,
            |name| self.settings.watches(name),
            |point| {
                let Some((verdict, value)) = table.push(point) else { return };
                if verdict.opened {
                    self.write(&mut body, point, verdict, value, received_at);
                    records += 1;
                }
            },
        );
        if walked.is_err() {
            tracing::debug!(
                "connector detect met a malformed metric; the rest of its request is not judged"
            );
        }
        (body, records)
    }

    fn write(
        &self,
        body: &mut Vec<u8>,
        point: &Point<'_>,
        verdict: detect::Verdict,
        value: f64,
        received_at: SystemTime,
    ) {
        let alarm = Alarm {
            series: point.name,
            resource: point.resource,
            time_ns: point.time_ns,
            observed_ns: unix_ns(received_at),
            value,
            verdict,
            id: &Uuid::now_v7().to_string(),
            node: &self.node,
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed) + 1,
        };
        record::put(body, &alarm);
    }

    fn emit(&self, body: Vec<u8>, records: u64, received_at: SystemTime, now: Instant) {
        let mut permit = self.budget.permit(None);
        if permit.grow(body.len()).is_err() {
            tracing::warn!("{records} anomalies are not reported: the byte budget is used up");
            return;
        }
        let part = Part {
            body: Bytes::from(body),
            packed: None,
            records,
            permit: Arc::new(permit),
            ack: Ack::settled(),
        };
        let (signal, parts) = (Signal::Logs, vec![part]);
        let batch = Batch { signal, parts, received_at, sender: Sender::default() };
        self.inlets.of(Signal::Logs).arrive().push(batch, now);
    }
}

impl Sink for Detect {
    fn push(&self, batch: Batch, now: Instant) {
        for part in batch.parts {
            let (body, records) = self.judge(&part.body, batch.received_at);
            if records > 0 {
                self.emit(body, records, batch.received_at, now);
            }
            part.ack.settle(Outcome::ACCEPTED, None);
        }
    }
}

impl Connector for Detect {
    fn connect(&self, pipelines: &[Arc<Pipeline>]) {
        self.inlets.connect(pipelines);
    }

    fn stop(&self, _deadline: Instant) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
