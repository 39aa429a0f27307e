//! The receiver `hostmetrics`: the host as metrics, with the names, units, attributes and keys of the
//! Collector's receiver.
//!
//! [`worker`] threads look at `/proc` and `/sys` below `root_path`; what they see enters the graph as
//! any other receiver's data. All sums are cumulative since the host (or process) started, so a look that
//! is refused or that came too late leaves nothing to make up for. A scraper that cannot read
//! something tells the rest, counts what is missing (`medulla_scraper_faults`) and says it once.

mod cpu;
mod disk;
mod filesystem;
mod filter;
mod load;
mod memory;
mod metric;
mod mounts;
mod network;
mod paging;
mod points;
mod process;
mod processes;
mod reading;
mod root;
mod settings;
mod system;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use components::component::{BoxFuture, BuildError, Context, Receiver};
use components::config::ComponentConfig;
use pipeline::{Inlet, Signal, Source as StatsSource};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::source::Source;
use root::Root;
pub(crate) use settings::Settings;
use worker::{Ask, Books, Chunk, Worker};

/// Without a `timeout`, a look that takes longer than this and the interval is told of.
const PATIENCE_MIN: Duration = Duration::from_secs(10);

/// Builds the receiver.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Arc<dyn Receiver>, BuildError> {
    let settings = config.read(Settings::read);
    let root = Root::new(&settings.root_path);
    if !root.at("").is_dir() {
        let message = format!("{} is not a folder", root.at("").display());
        return Err(BuildError::at(config, "root_path", message));
    }
    let id = config.id.as_str().to_owned();
    let books = Arc::new(Books::new(&id));
    let source: Arc<dyn StatsSource> = books.clone();
    context.stats.watch(&source);
    let state = State {
        id,
        interval: settings.collection_interval,
        initial_delay: settings.initial_delay,
        timeout: Some(settings.timeout).filter(|timeout| !timeout.is_zero()),
        way_in: Source::new(config, context, "hostmetrics", Signal::Metrics),
    };
    let root = Arc::new(root);
    let worker = |scrapers| Worker { root: root.clone(), scrapers, books: books.clone() };
    let workers = worker::groups(settings.scrapers).into_iter().map(worker).collect();
    let (path, workers) = (config.path(), Mutex::new(workers));
    Ok(Arc::new(HostMetrics { path, workers, state: Arc::new(state) }))
}

struct HostMetrics {
    path: String,
    /// Until they are started.
    workers: Mutex<Vec<Worker>>,
    state: Arc<State>,
}

struct State {
    id: String,
    interval: Duration,
    initial_delay: Duration,
    /// How long to wait for the next part of a look.
    timeout: Option<Duration>,
    way_in: Source,
}

impl Receiver for HostMetrics {
    fn inlet(&self, signal: Signal) -> &Inlet {
        self.state.way_in.inlet(signal)
    }

    fn start(&self) -> Result<(), BuildError> {
        let workers: Vec<Worker> =
            std::mem::take(&mut *self.workers.lock().expect("a plain assignment cannot panic"));
        let failed = |error| {
            let message = format!("cannot start a thread: {error}");
            BuildError { path: self.path.clone(), message }
        };
        let asks = workers.into_iter().map(Worker::start).collect::<Result<Vec<_>, _>>();
        self.state.way_in.run(collect_all(self.state.clone(), asks.map_err(failed)?));
        Ok(())
    }

    fn stop(&self, _: Instant) -> BoxFuture<'_, ()> {
        self.state.way_in.stop()
    }
}

/// Collects from every worker, each at its own pace.
async fn collect_all(state: Arc<State>, asks: Vec<mpsc::Sender<Ask>>) {
    let mut collecting = JoinSet::new();
    asks.into_iter().for_each(|asks| drop(collecting.spawn(collect(state.clone(), asks))));
    while collecting.join_next().await.is_some() {}
}

async fn collect(state: Arc<State>, asks: mpsc::Sender<Ask>) {
    let first = Instant::now() + state.initial_delay;
    let mut ticks = tokio::time::interval_at(first, state.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_late = false;
    while !asks.is_closed() {
        ticks.tick().await;
        was_late = !state.look(&asks, was_late).await;
    }
    tracing::error!("receiver {}: a thread has ended, its scrapers with it", state.id);
}

impl State {
    /// One look, over when all of it was handed over or the next part takes too long; whether it was
    /// in time. It says so if it was not, unless the one before it `was_late` already.
    async fn look(&self, asks: &mpsc::Sender<Ask>, was_late: bool) -> bool {
        let (chunks, mut seen) = mpsc::channel(1);
        if asks.try_send(chunks).is_err() {
            return false;
        }
        let mut late = was_late;
        while let Some(Chunk { request, points }) = self.next(&mut seen, &mut late).await {
            // Sums are cumulative: what is refused now is part of what comes next.
            self.way_in.push(request, points).await;
        }
        // It has all been seen, or the worker still holds the other end.
        seen.is_closed() && seen.is_empty()
    }

    async fn next(&self, seen: &mut mpsc::Receiver<Chunk>, late: &mut bool) -> Option<Chunk> {
        let patience = self.timeout.unwrap_or(self.interval.max(PATIENCE_MIN));
        if let Ok(chunk) = tokio::time::timeout(patience, seen.recv()).await {
            return chunk;
        }
        if !std::mem::replace(late, true) {
            tracing::warn!("receiver {}: a look takes more than {patience:?}", self.id);
        }
        if self.timeout.is_some() { None } else { seen.recv().await }
    }
}
