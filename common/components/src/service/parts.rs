//! The parts of a running configuration, each beside the section it was built from.

use std::sync::Arc;

use pipeline::{Pipeline, Processor, Queue, Signal, Sink};
use tokio::time::Instant;

use crate::builders::Builders;
use crate::component::{BuildError, Connector, Context, Extension, Queued, Receiver};
use crate::config::quantity::Address;
use crate::config::{Class, ComponentConfig, ComponentId, Config, PipelineConfig};
use crate::extensions::self_metrics::Metrics;
use crate::extensions::serve::Serving;
use crate::processors::batch::Batcher;

/// A part that runs and the section it was built from.
struct Built<T: ?Sized> {
    config: ComponentConfig,
    part: Arc<T>,
}

impl<T: ?Sized> Clone for Built<T> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone(), part: self.part.clone() }
    }
}

/// An exporter's queues, one per signal that reaches it.
struct Outlet {
    config: ComponentConfig,
    queues: Vec<Way>,
}

/// The way of one signal into an exporter.
struct Way {
    signal: Signal,
    queue: Arc<Queue>,
    /// What merges and cuts requests before they are queued, as a pipeline of its own: it has to hear
    /// when no more are coming.
    front: Option<Arc<Pipeline>>,
}

impl Way {
    fn start(section: &ComponentConfig, built: &Queued, signal: Signal, context: &Context) -> Self {
        let id = section.id.as_str();
        let ledger = context.stats.exporter(id, signal);
        let queue = Queue::start(built.exporter.clone(), built.settings.clone(), ledger);
        let front = built.batch.clone().map(|batch| {
            let ledger = context.stats.processor(&format!("{id}/sending_queue"), signal);
            let batcher: Arc<dyn Processor> = Arc::new(Batcher::new(batch, ledger));
            Pipeline::start(id.to_owned(), signal, vec![batcher], vec![queue.clone()], Vec::new())
        });
        Self { signal, queue, front }
    }

    fn sink(&self) -> Arc<dyn Sink> {
        match &self.front {
            Some(front) => front.clone(),
            None => self.queue.clone(),
        }
    }

    async fn drain(&self, deadline: Instant) {
        if let Some(front) = &self.front {
            front.drain(Instant::now());
        }
        self.queue.drain(deadline).await;
    }
}

#[derive(Clone)]
struct MetricsPort {
    address: Address,
    serving: Arc<Serving>,
}

/// A pipeline and what it was built from.
struct Running {
    config: PipelineConfig,
    pipeline: Arc<Pipeline>,
}

/// Everything that runs.
#[derive(Default)]
pub(super) struct Parts {
    receivers: Vec<Built<dyn Receiver>>,
    /// Each before those that its connectors lead to.
    pipelines: Vec<Running>,
    connectors: Vec<Built<dyn Connector>>,
    outlets: Vec<Arc<Outlet>>,
    extensions: Vec<Built<dyn Extension>>,
    metrics: Vec<MetricsPort>,
}

impl Parts {
    /// Builds what `config` wants, taking over from `old` what did not change.
    pub(super) fn build(
        config: &Config,
        old: &Self,
        builders: &Builders,
        context: &Context,
    ) -> Result<Self, BuildError> {
        context.ports.begin(|owner| old.keeps(owner, config));
        let outlets = outlets(config, old, builders, context)?;
        let connectors = connectors(config, old, builders, context)?;
        let pipelines = pipelines(config, &outlets, &connectors, builders, context)?;
        let receivers = used(config, Class::Receiver).map(|section| match old.receiver(section) {
            Some(kept) => Ok(kept.clone()),
            None => {
                let part = builders.build_receiver(section, context)?;
                Ok(Built { config: section.clone(), part })
            }
        });
        let receivers = receivers.collect::<Result<_, _>>()?;
        let extensions = extensions(config, old, builders, context)?;
        let metrics = metrics(config, old, context);
        Ok(Self { receivers, pipelines, connectors, outlets, extensions, metrics })
    }

    /// Puts the pipelines behind the inlets of connectors and receivers.
    pub(super) fn connect(&self) {
        for connector in &self.connectors {
            connector.part.connect(&self.behind(&connector.config.id));
        }
        for receiver in &self.receivers {
            let behind = self.behind(&receiver.config.id);
            for signal in Signal::ALL {
                let of_signal = behind.iter().filter(|pipeline| pipeline.signal() == signal);
                receiver.part.inlet(signal).connect(of_signal.cloned().collect());
            }
        }
    }

    /// The pipelines that name a receiver or connector as where their data comes from.
    fn behind(&self, id: &ComponentId) -> Vec<Arc<Pipeline>> {
        let named = self.pipelines.iter().filter(|running| running.config.receivers.contains(id));
        named.map(|running| running.pipeline.clone()).collect()
    }

    /// Starts the receivers that `old` did not have.
    pub(super) fn start(&self, old: &Self) -> Result<(), BuildError> {
        let mut new = self.receivers.iter().filter(|built| old.receiver(&built.config).is_none());
        new.try_for_each(|built| built.part.start())
    }

    /// What of this is not part of `next`.
    pub(super) fn without(mut self, next: &Self) -> Self {
        self.receivers.retain(|built| next.receiver(&built.config).is_none());
        self.connectors.retain(|built| next.connector(&built.config).is_none());
        self.outlets.retain(|outlet| !next.outlets.iter().any(|other| Arc::ptr_eq(outlet, other)));
        self.extensions.retain(|built| next.extension(&built.config).is_none());
        self.metrics.retain(|port| next.metrics(&port.address).is_none());
        self
    }

    /// Ends all of it by `deadline`, in the order of the data.
    pub(super) async fn retire(self, deadline: Instant) {
        all(self.receivers.iter().map(|built| built.part.stop(deadline))).await;
        for (index, running) in self.pipelines.iter().enumerate() {
            // Requests still on their way at the deadline hear a retryable refusal.
            let _ = tokio::time::timeout_at(deadline, running.pipeline.quiesce()).await;
            running.pipeline.drain(Instant::now());
            let fed_last =
                self.connectors.iter().filter(|built| self.ends(index, &built.config.id));
            all(fed_last.map(|built| built.part.stop(deadline))).await;
        }
        let ways = self.outlets.iter().flat_map(|outlet| &outlet.queues);
        all(ways.map(|way| way.drain(deadline))).await;
        self.close_pages(deadline).await;
    }

    /// Ends extensions and self-metrics.
    pub(super) async fn close_pages(&self, deadline: Instant) {
        all(self.extensions.iter().map(|built| built.part.stop(deadline))).await;
        all(self.metrics.iter().map(|port| port.serving.stop(deadline))).await;
    }

    /// Whether the pipeline at `index` is the last one that feeds a connector.
    fn ends(&self, index: usize, connector: &ComponentId) -> bool {
        let feeds = |running: &Running| running.config.exporters.contains(connector);
        self.pipelines.iter().rposition(feeds) == Some(index)
    }

    /// Whether the component that owns a port (`otlp/grpc`) goes on unchanged.
    fn keeps(&self, owner: &str, config: &Config) -> bool {
        let id = |built: &ComponentConfig| {
            owner == built.id.as_str()
                || owner.rsplit_once('/').is_some_and(|(id, _)| id == built.id.as_str())
        };
        let receivers = self.receivers.iter().map(|built| &built.config);
        let extensions = self.extensions.iter().map(|built| &built.config);
        let same = |mine: &&ComponentConfig| {
            config.find(mine.kind.class, &mine.id).is_some_and(|theirs| theirs == *mine)
        };
        let metrics = owner == METRICS
            && self
                .metrics
                .iter()
                .any(|port| config.telemetry.metrics_addresses.contains(&port.address));
        metrics || receivers.chain(extensions).filter(same).any(id)
    }

    fn receiver(&self, section: &ComponentConfig) -> Option<&Built<dyn Receiver>> {
        self.receivers.iter().find(|built| built.config == *section)
    }

    fn connector(&self, section: &ComponentConfig) -> Option<&Built<dyn Connector>> {
        self.connectors.iter().find(|built| built.config == *section)
    }

    fn extension(&self, section: &ComponentConfig) -> Option<&Built<dyn Extension>> {
        self.extensions.iter().find(|built| built.config == *section)
    }

    fn metrics(&self, address: &Address) -> Option<&MetricsPort> {
        self.metrics.iter().find(|port| port.address == *address)
    }
}

/// The owner of the self-metrics ports.
const METRICS: &str = "metrics";

/// The sections of a class that a pipeline uses.
fn used(config: &Config, class: Class) -> impl Iterator<Item = &ComponentConfig> {
    let names = move |pipeline: &PipelineConfig, id: &ComponentId| match class {
        Class::Receiver => pipeline.receivers.contains(id),
        Class::Exporter | Class::Connector => pipeline.exporters.contains(id),
        _ => pipeline.processors.contains(id),
    };
    let components = config.components(class).iter();
    components.filter(move |section| config.pipelines.iter().any(|p| names(p, &section.id)))
}

/// The signals that reach an exporter.
fn signals(config: &Config, exporter: &ComponentId) -> Vec<Signal> {
    let reaches = |signal: &Signal| {
        let mut pipelines = config.pipelines.iter();
        pipelines.any(|p| p.signal == *signal && p.exporters.contains(exporter))
    };
    Signal::ALL.into_iter().filter(reaches).collect()
}

fn outlets(
    config: &Config,
    old: &Parts,
    builders: &Builders,
    context: &Context,
) -> Result<Vec<Arc<Outlet>>, BuildError> {
    let build = |section: &ComponentConfig| {
        let signals = signals(config, &section.id);
        let serves = |outlet: &&Arc<Outlet>| {
            outlet.config == *section
                && outlet.queues.iter().map(|way| way.signal).eq(signals.iter().copied())
        };
        if let Some(kept) = old.outlets.iter().find(serves) {
            return Ok(kept.clone());
        }
        let built = builders.build_exporter(section, context)?;
        let way = |signal| Way::start(section, &built, signal, context);
        let queues = signals.iter().copied().map(way).collect();
        Ok(Arc::new(Outlet { config: section.clone(), queues }))
    };
    used(config, Class::Exporter).map(build).collect()
}

fn connectors(
    config: &Config,
    old: &Parts,
    builders: &Builders,
    context: &Context,
) -> Result<Vec<Built<dyn Connector>>, BuildError> {
    let build = |section: &ComponentConfig| match old.connector(section) {
        Some(kept) => Ok(kept.clone()),
        None => {
            let part = builders.build_connector(section, context)?;
            Ok(Built { config: section.clone(), part })
        }
    };
    used(config, Class::Connector).map(build).collect()
}

/// Builds the pipelines from their ends, since each knows those that it leads to.
fn pipelines(
    config: &Config,
    outlets: &[Arc<Outlet>],
    connectors: &[Built<dyn Connector>],
    builders: &Builders,
    context: &Context,
) -> Result<Vec<Running>, BuildError> {
    let mut built: Vec<Running> = Vec::new();
    for (place, leads_to) in config.downstream().into_iter().rev() {
        let section = &config.pipelines[place];
        let processors = processors(section, config, builders, context)?;
        let ways = ways(section, outlets);
        let sinks = sinks(section, &ways, connectors);
        let leads = |running: &&Running| {
            leads_to.iter().any(|&place| config.pipelines[place].name == running.config.name)
        };
        let next = built.iter().filter(leads).map(|running| running.pipeline.clone());
        let fronts = ways.iter().filter_map(|(_, way)| way.front.clone());
        let next = next.chain(fronts).collect();
        let name = section.name.clone();
        let pipeline = Pipeline::start(name, section.signal, processors, sinks, next);
        built.push(Running { config: section.clone(), pipeline });
    }
    built.reverse();
    Ok(built)
}

fn processors(
    pipeline: &PipelineConfig,
    config: &Config,
    builders: &Builders,
    context: &Context,
) -> Result<Vec<Arc<dyn Processor>>, BuildError> {
    let sections = pipeline.processors.iter().filter_map(|id| config.find(Class::Processor, id));
    let mut built: Vec<Arc<dyn Processor>> = Vec::new();
    for section in sections {
        let next = builders.build_processor(section, pipeline.signal, context)?;
        match built.last().and_then(|last| last.fuse(&*next)) {
            Some(fused) => *built.last_mut().expect("it was just fused") = fused,
            None => built.push(next),
        }
    }
    Ok(built)
}

/// The ways into the exporters of a pipeline.
fn ways<'a>(
    pipeline: &PipelineConfig,
    outlets: &'a [Arc<Outlet>],
) -> Vec<(&'a ComponentId, &'a Way)> {
    let way = |id: &ComponentId| {
        let outlet = outlets.iter().find(|outlet| outlet.config.id == *id)?;
        let way = outlet.queues.iter().find(|way| way.signal == pipeline.signal)?;
        Some((&outlet.config.id, way))
    };
    pipeline.exporters.iter().filter_map(way).collect()
}

fn sinks(
    pipeline: &PipelineConfig,
    ways: &[(&ComponentId, &Way)],
    connectors: &[Built<dyn Connector>],
) -> Vec<Arc<dyn Sink>> {
    let sink = |id: &ComponentId| {
        if let Some(connector) = connectors.iter().find(|built| built.config.id == *id) {
            return Some(connector.part.clone() as Arc<dyn Sink>);
        }
        let (_, way) = ways.iter().find(|(known, _)| *known == id)?;
        Some(way.sink())
    };
    pipeline.exporters.iter().filter_map(sink).collect()
}

fn extensions(
    config: &Config,
    old: &Parts,
    builders: &Builders,
    context: &Context,
) -> Result<Vec<Built<dyn Extension>>, BuildError> {
    let started = config.started_extensions.iter();
    let sections = started.filter_map(|id| config.find(Class::Extension, id));
    let build = |section: &ComponentConfig| match old.extension(section) {
        Some(kept) => Ok(kept.clone()),
        None => {
            let part = builders.build_extension(section, context)?;
            Ok(Built { config: section.clone(), part })
        }
    };
    sections.map(build).collect()
}

/// Self-metrics are no reason not to run: a port that is taken is a warning (contract.md section 3).
fn metrics(config: &Config, old: &Parts, context: &Context) -> Vec<MetricsPort> {
    let serve = |address: &Address| {
        if let Some(kept) = old.metrics(address) {
            return Some(kept.clone());
        }
        let socket = context.ports.bind(METRICS, address);
        let serving = socket.and_then(|socket| {
            let serving = Serving::start(METRICS, socket, Metrics(context.stats.clone()));
            serving.map_err(|error| error.to_string())
        });
        let serving =
            serving.inspect_err(|error| tracing::warn!("no self-metrics: {error}")).ok()?;
        Some(MetricsPort { address: address.clone(), serving: Arc::new(serving) })
    };
    config.telemetry.metrics_addresses.iter().filter_map(serve).collect()
}

/// Waits for all futures at once.
async fn all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| future.as_mut().poll(context).is_pending());
        match pending.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}
