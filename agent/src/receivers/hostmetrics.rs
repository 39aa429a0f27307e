//! The receiver `hostmetrics`: the host as metrics, with the names, units, attributes and keys of the
//! Collector's receiver.
//!
//! A [`worker`] thread looks at `/proc` and `/sys` below `root_path`; what it sees enters the graph as
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
use tokio::time::{Instant, MissedTickBehavior};

use super::source::Source;
use root::Root;
pub(crate) use settings::Settings;
use worker::{Ask, Books, Chunk, Worker};

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
        id: id.clone(),
        interval: settings.collection_interval,
        initial_delay: settings.initial_delay,
        timeout: Some(settings.timeout).filter(|timeout| !timeout.is_zero()),
        way_in: Source::new(config, context, "hostmetrics", Signal::Metrics),
    };
    let worker = Worker { receiver: id, root, scrapers: settings.scrapers, books };
    let path = config.path();
    let worker = Mutex::new(Some(worker));
    Ok(Arc::new(HostMetrics { path, worker, state: Arc::new(state) }))
}

struct HostMetrics {
    path: String,
    /// Until it is started.
    worker: Mutex<Option<Worker>>,
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
        let worker = self.worker.lock().expect("a plain assignment cannot panic").take();
        let Some(worker) = worker else { return Ok(()) };
        let failed = |error| {
            let message = format!("cannot start a thread: {error}");
            BuildError { path: self.path.clone(), message }
        };
        let asks = worker.start().map_err(failed)?;
        self.state.way_in.run(collect(self.state.clone(), asks));
        Ok(())
    }

    fn stop(&self, _: Instant) -> BoxFuture<'_, ()> {
        self.state.way_in.stop()
    }
}

async fn collect(state: Arc<State>, asks: mpsc::Sender<Ask>) {
    let first = Instant::now() + state.initial_delay;
    let mut ticks = tokio::time::interval_at(first, state.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        state.look(&asks).await;
    }
}

impl State {
    /// One look; it ends when all of it was handed over or the next part takes too long.
    async fn look(&self, asks: &mpsc::Sender<Ask>) {
        let (chunks, mut seen) = mpsc::channel(1);
        if asks.try_send(chunks).is_err() {
            tracing::warn!("receiver {}: the look before this one still hangs", self.id);
            return;
        }
        while let Some(Chunk { request, points }) = self.next(&mut seen).await {
            // Sums are cumulative: what is refused now is part of what comes next.
            self.way_in.push(request, points).await;
        }
    }

    async fn next(&self, seen: &mut mpsc::Receiver<Chunk>) -> Option<Chunk> {
        let Some(timeout) = self.timeout else { return seen.recv().await };
        match tokio::time::timeout(timeout, seen.recv()).await {
            Ok(chunk) => chunk,
            Err(_) => {
                tracing::warn!("receiver {}: a look took more than {timeout:?}", self.id);
                None
            }
        }
    }
}
