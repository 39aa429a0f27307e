//! The counters behind our own telemetry, and the books that make the conservation law checkable.
//!
//! At rest, per signal and exporter (contract.md, names of our own telemetry):
//! accepted + delivered after refusal = sent + queued + dropped.
//!
//! Counters are plain atomics in ledgers that components hold; nobody looks anything up by name
//! while records pass. A ledger stays registered while a component holds it or its counts are not
//! zero, so that a reload loses no number. Label sets are bounded by the configuration.

mod reason;
mod source;
mod text;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use otlp::Signal;
use tokio::time::Instant;

pub use reason::{DropReason, RefuseReason};
pub use source::Source;

use reason::{DROPS, Drops, REFUSALS};

/// How a sample behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One value of our own telemetry.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name without `_total`.
    pub name: String,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// Label names and values, in a fixed order per name.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// What one receiver read of one signal.
#[derive(Debug)]
pub struct ReceiverLedger {
    receiver: String,
    transport: &'static str,
    signal: Signal,
    accepted: AtomicU64,
    refused: AtomicU64,
    requests_refused: [AtomicU64; REFUSALS.len()],
}

impl ReceiverLedger {
    /// Counts records by what their sender heard.
    pub fn count(&self, accepted: u64, refused: u64) {
        self.accepted.fetch_add(accepted, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
    }

    /// Counts a request refused whole, before or after its records were counted.
    pub fn refuse_request(&self, reason: RefuseReason) {
        self.requests_refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Records accepted so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Records refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn collect(&self, out: &mut Vec<Sample>) {
        let noun = self.signal.records_noun();
        let labels =
            || vec![("receiver", self.receiver.clone()), ("transport", self.transport.into())];
        let count = |name: &str, help, value| {
            counter(format!("otelcol_receiver_{name}_{noun}"), help, labels(), value)
        };
        out.push(count("accepted", "Records whose sender heard success.", self.accepted()));
        out.push(count("refused", "Records whose sender heard a refusal.", self.refused()));
        for ((_, reason), value) in REFUSALS.iter().zip(&self.requests_refused) {
            let labels = vec![
                ("signal", self.signal.name().into()),
                ("receiver", self.receiver.clone()),
                ("transport", self.transport.into()),
                ("reason", (*reason).into()),
            ];
            let value = value.load(Ordering::Relaxed);
            out.push(counter("medulla_refused_requests", "Requests refused whole.", labels, value));
        }
    }
}

/// What one processor did with one signal.
#[derive(Debug)]
pub struct ProcessorLedger {
    processor: String,
    signal: Signal,
    incoming: AtomicU64,
    outgoing: AtomicU64,
    dropped: Drops,
}

impl ProcessorLedger {
    /// Counts records that came in.
    pub fn take(&self, records: u64) {
        self.incoming.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts records that went on.
    pub fn pass(&self, records: u64) {
        self.outgoing.fetch_add(records, Ordering::Relaxed);
    }

    /// Accepted records that end here; see [`Ack::lose`](crate::Ack::lose).
    pub fn drop_accepted(&self, reason: DropReason, records: u64) {
        self.dropped[reason as usize].fetch_add(records, Ordering::Relaxed);
    }

    /// Accepted records that ended here for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize].load(Ordering::Relaxed)
    }

    fn collect(&self, out: &mut Vec<Sample>) {
        let labels = || {
            vec![
                ("processor", self.processor.clone()),
                ("otel_signal", self.signal.name().to_owned()),
            ]
        };
        let incoming = self.incoming.load(Ordering::Relaxed);
        let outgoing = self.outgoing.load(Ordering::Relaxed);
        let name = "otelcol_processor_incoming_items";
        out.push(counter(name, "Records that entered the processor.", labels(), incoming));
        let name = "otelcol_processor_outgoing_items";
        out.push(counter(name, "Records that left the processor.", labels(), outgoing));
        collect_drops(&self.dropped, self.signal, &self.processor, out);
    }
}

/// What one exporter did with one signal.
#[derive(Debug)]
pub struct ExporterLedger {
    exporter: String,
    signal: Signal,
    sent: AtomicU64,
    send_failed: AtomicU64,
    enqueue_failed: AtomicU64,
    put_off: AtomicU64,
    delivered_after_refusal: AtomicU64,
    dropped: Drops,
    queued: AtomicI64,
    in_flight: AtomicI64,
    queued_batches: AtomicI64,
    capacity: AtomicU64,
    /// What is in a queue that counts no requests; negative where it counts them.
    level: AtomicI64,
    failing_since: Mutex<Option<Instant>>,
}

impl ExporterLedger {
    /// Records delivered.
    pub fn send(&self, records: u64) {
        self.sent.fetch_add(records, Ordering::Relaxed);
    }

    /// Records in attempts that failed.
    pub fn fail(&self, records: u64) {
        self.send_failed.fetch_add(records, Ordering::Relaxed);
    }

    /// Records the queue had no place for.
    pub fn fail_enqueue(&self, records: u64) {
        self.enqueue_failed.fetch_add(records, Ordering::Relaxed);
    }

    /// An attempt that was not made: the budget had no room for what it would have written.
    pub fn put_off(&self) {
        self.put_off.fetch_add(1, Ordering::Relaxed);
    }

    /// Records delivered although their sender had heard a refusal.
    pub fn deliver_after_refusal(&self, records: u64) {
        self.delivered_after_refusal.fetch_add(records, Ordering::Relaxed);
    }

    /// Accepted records that end here.
    pub fn drop_accepted(&self, reason: DropReason, records: u64) {
        self.dropped[reason as usize].fetch_add(records, Ordering::Relaxed);
    }

    /// Records and batches that entered (positive) or left (negative) the queue or an attempt.
    pub fn hold(&self, records: i64, batches: i64) {
        self.queued.fetch_add(records, Ordering::Relaxed);
        self.queued_batches.fetch_add(batches, Ordering::Relaxed);
    }

    /// Requests in an attempt right now, more or less by `change`.
    pub fn attempt(&self, change: i64) {
        self.in_flight.fetch_add(change, Ordering::Relaxed);
    }

    /// How much the queue may hold, in the unit of its sizer.
    pub fn set_capacity(&self, size: u64) {
        self.capacity.store(size, Ordering::Relaxed);
    }

    /// How much is in a queue that counts records or bytes; `None` where it counts requests.
    pub fn set_level(&self, size: Option<u64>) {
        let size = size.map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX));
        self.level.store(size, Ordering::Relaxed);
    }

    /// Notes whether the backend takes data, for readiness.
    pub fn note_backend(&self, works: bool, now: Instant) {
        let mut since = self.failing_since.lock().expect("a plain assignment cannot panic");
        match (works, &*since) {
            (true, _) => *since = None,
            (false, None) => *since = Some(now),
            (false, Some(_)) => {}
        }
    }

    /// Since when the backend has taken nothing, if it is failing.
    pub fn failing_since(&self) -> Option<Instant> {
        *self.failing_since.lock().expect("a plain assignment cannot panic")
    }

    /// The exporter's id.
    pub fn exporter(&self) -> &str {
        &self.exporter
    }

    /// Records delivered so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Attempts put off so far for want of memory.
    pub fn attempts_put_off(&self) -> u64 {
        self.put_off.load(Ordering::Relaxed)
    }

    /// Records delivered so far although their sender had heard a refusal.
    pub fn delivered_after_refusal(&self) -> u64 {
        self.delivered_after_refusal.load(Ordering::Relaxed)
    }

    /// Records held in the queue and in attempts.
    pub fn queued(&self) -> u64 {
        u64::try_from(self.queued.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Accepted records that ended here for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize].load(Ordering::Relaxed)
    }

    fn collect(&self, out: &mut Vec<Sample>) {
        let noun = self.signal.records_noun();
        let own = || vec![("exporter", self.exporter.clone())];
        let both =
            || vec![("exporter", self.exporter.clone()), ("data_type", self.signal.name().into())];
        let ours =
            || vec![("signal", self.signal.name().into()), ("exporter", self.exporter.clone())];
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let count = |name: &str, help, value| {
            counter(format!("otelcol_exporter_{name}_{noun}"), help, own(), load(value))
        };
        out.push(count("sent", "Records delivered.", &self.sent));
        out.push(count("send_failed", "Records in attempts that failed.", &self.send_failed));
        out.push(count("enqueue_failed", "Records the queue refused.", &self.enqueue_failed));
        let name = "medulla_exporter_attempts_put_off";
        let help = "Attempts put off because the memory budget had no room for what they write.";
        out.push(counter(name, help, ours(), load(&self.put_off)));
        let name = "medulla_delivered_after_refusal_items";
        let help = "Records delivered although their sender had heard a refusal.";
        out.push(counter(name, help, ours(), load(&self.delivered_after_refusal)));
        let level = |value: &AtomicI64| value.load(Ordering::Relaxed).max(0) as f64;
        let name = "medulla_queued_items";
        out.push(gauge(name, "Records in the queue and in attempts.", ours(), level(&self.queued)));
        let name = "otelcol_exporter_queue_size";
        let counts_requests = self.level.load(Ordering::Relaxed) < 0;
        let size = if counts_requests { &self.queued_batches } else { &self.level };
        out.push(gauge(name, "What is in the queue, as its sizer counts.", both(), level(size)));
        let name = "otelcol_exporter_queue_capacity";
        let help = "What the queue may hold, as its sizer counts.";
        out.push(gauge(name, help, both(), load(&self.capacity) as f64));
        let name = "otelcol_exporter_in_flight_requests";
        out.push(gauge(name, "Requests being sent.", both(), level(&self.in_flight)));
        collect_drops(&self.dropped, self.signal, &self.exporter, out);
    }
}

/// Further sources of samples (process, budget, kernel).
type Probe = Box<dyn Fn(&mut Vec<Sample>) + Send + Sync>;

/// All ledgers of a process.
#[derive(Default)]
pub struct Stats {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    receivers: Vec<Arc<ReceiverLedger>>,
    processors: Vec<Arc<ProcessorLedger>>,
    exporters: Vec<Arc<ExporterLedger>>,
    probes: Vec<Probe>,
    sources: Vec<Weak<dyn Source>>,
}

impl std::fmt::Debug for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stats").finish_non_exhaustive()
    }
}

impl Stats {
    /// The ledger of a receiver; the same one for the same arguments, across reloads.
    pub fn receiver(
        &self,
        receiver: &str,
        transport: &'static str,
        signal: Signal,
    ) -> Arc<ReceiverLedger> {
        let books = &mut self.lock().receivers;
        let same = |ledger: &ReceiverLedger| {
            ledger.receiver == receiver && ledger.transport == transport && ledger.signal == signal
        };
        find_or_add(books, same, || ReceiverLedger {
            receiver: receiver.into(),
            transport,
            signal,
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            requests_refused: Default::default(),
        })
    }

    /// The ledger of a processor.
    pub fn processor(&self, processor: &str, signal: Signal) -> Arc<ProcessorLedger> {
        let books = &mut self.lock().processors;
        let same =
            |ledger: &ProcessorLedger| ledger.processor == processor && ledger.signal == signal;
        find_or_add(books, same, || ProcessorLedger {
            processor: processor.into(),
            signal,
            incoming: AtomicU64::new(0),
            outgoing: AtomicU64::new(0),
            dropped: Default::default(),
        })
    }

    /// The ledger of an exporter.
    pub fn exporter(&self, exporter: &str, signal: Signal) -> Arc<ExporterLedger> {
        let books = &mut self.lock().exporters;
        let same = |ledger: &ExporterLedger| ledger.exporter == exporter && ledger.signal == signal;
        find_or_add(books, same, || ExporterLedger {
            exporter: exporter.into(),
            signal,
            sent: AtomicU64::new(0),
            send_failed: AtomicU64::new(0),
            enqueue_failed: AtomicU64::new(0),
            put_off: AtomicU64::new(0),
            delivered_after_refusal: AtomicU64::new(0),
            dropped: Default::default(),
            queued: AtomicI64::new(0),
            in_flight: AtomicI64::new(0),
            queued_batches: AtomicI64::new(0),
            capacity: AtomicU64::new(0),
            level: AtomicI64::new(-1),
            failing_since: Mutex::new(None),
        })
    }

    /// Adds a source of further samples.
    pub fn probe(&self, probe: impl Fn(&mut Vec<Sample>) + Send + Sync + 'static) {
        self.lock().probes.push(Box::new(probe));
    }

    /// Adds a source of samples until it is dropped.
    pub fn watch(&self, source: &Arc<dyn Source>) {
        let mut books = self.lock();
        source::add(&mut books.sources, source);
    }

    /// Every value now, grouped by name.
    pub fn collect(&self) -> Vec<Sample> {
        let mut out = Vec::new();
        let books = self.lock();
        books.receivers.iter().for_each(|ledger| ledger.collect(&mut out));
        books.processors.iter().for_each(|ledger| ledger.collect(&mut out));
        books.exporters.iter().for_each(|ledger| ledger.collect(&mut out));
        books.probes.iter().for_each(|probe| probe(&mut out));
        source::collect(&books.sources, &mut out);
        out.sort_by(|a, b| a.name.cmp(&b.name));
        out
    }

    /// Exporters whose backend has taken nothing, and since when.
    pub fn failing_backends(&self) -> Vec<(String, Instant)> {
        let failing = |ledger: &Arc<ExporterLedger>| {
            ledger.failing_since().map(|since| (ledger.exporter.clone(), since))
        };
        self.lock().exporters.iter().filter_map(failing).collect()
    }

    /// Every value now, in Prometheus' text format 0.0.4; counters end in `_total`.
    pub fn prometheus(&self) -> String {
        text::write(&self.collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().expect("no probe or ledger panics")
    }
}

fn find_or_add<T>(
    books: &mut Vec<Arc<T>>,
    same: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> Arc<T> {
    if let Some(found) = books.iter().find(|ledger| same(ledger)) {
        return found.clone();
    }
    let ledger = Arc::new(new());
    books.push(ledger.clone());
    ledger
}

/// What a component dropped, by reason.
fn collect_drops(drops: &Drops, signal: Signal, component: &str, out: &mut Vec<Sample>) {
    for ((_, reason), value) in DROPS.iter().zip(drops) {
        let labels = vec![
            ("signal", signal.name().into()),
            ("component", component.to_owned()),
            ("reason", (*reason).into()),
        ];
        let help = "Accepted records that did not arrive.";
        out.push(counter("medulla_dropped_items", help, labels, value.load(Ordering::Relaxed)));
    }
}

fn counter(
    name: impl Into<String>,
    help: &'static str,
    labels: Vec<(&'static str, String)>,
    value: u64,
) -> Sample {
    Sample { name: name.into(), help, kind: Kind::Counter, labels, value: value as f64 }
}

fn gauge(
    name: impl Into<String>,
    help: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
) -> Sample {
    Sample { name: name.into(), help, kind: Kind::Gauge, labels, value }
}

#[cfg(test)]
mod tests;
