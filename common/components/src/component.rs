//! What the service knows of a component: how it is built, what it is given, how it ends.
//!
//! A binary writes its builders down as a plain table ([`Builders`]); there is no registration.
//! Building may bind ports and open files and must leave nothing behind when it fails.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use pipeline::{Budget, Exporter, Inlet, Processor, QueueSettings, Signal, Stats};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::config::{Class, ComponentConfig};
use crate::service::Ports;

/// A future that a trait object returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What every component is built from besides its section.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where it counts.
    pub stats: Arc<Stats>,
    /// Where it asks for memory.
    pub budget: Arc<Budget>,
    /// Where it listens.
    pub ports: Arc<Ports>,
    /// The process's limit on connections.
    pub connections: Arc<Semaphore>,
}

/// Takes data in and pushes it through its inlets.
pub trait Receiver: Send + Sync {
    /// The door for a signal; the service puts pipelines behind it.
    fn inlet(&self, signal: Signal) -> &Inlet;

    /// Begins to take data, after the pipelines stand.
    fn start(&self) -> Result<(), BuildError>;

    /// Takes no more; returns when requests in progress are answered, or at `deadline`.
    fn stop(&self, deadline: Instant) -> BoxFuture<'_, ()>;
}

/// Serves the process rather than the data. Dropping it after `stop` ends it.
pub trait Extension: Send + Sync {
    /// Ends it; returns at `deadline` at the latest.
    fn stop(&self, deadline: Instant) -> BoxFuture<'_, ()>;
}

/// An exporter and the queue that stands before it.
pub struct Queued {
    /// Makes the attempts.
    pub exporter: Arc<dyn Exporter>,
    /// Decides when.
    pub settings: QueueSettings,
}

/// Why a component could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// Where in the configuration: `receivers.otlp.protocols.grpc.endpoint`.
    pub path: String,
    /// What went wrong.
    pub message: String,
}

impl BuildError {
    /// An error at a key of a component's section; an empty key means the section.
    pub fn at(component: &ComponentConfig, key: &str, message: impl fmt::Display) -> Self {
        let path = match key {
            "" => component.path(),
            key => format!("{}.{key}", component.path()),
        };
        Self { path, message: message.to_string() }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for BuildError {}

/// Builds a part of kind `T` from its section.
pub type Build<T> = Box<dyn Fn(&ComponentConfig, &Context) -> Result<T, BuildError> + Send + Sync>;
/// Builds a processor for one pipeline's signal.
pub type BuildProcessor = Box<
    dyn Fn(&ComponentConfig, Signal, &Context) -> Result<Arc<dyn Processor>, BuildError>
        + Send
        + Sync,
>;

/// The builders of a binary, by the name of the kind.
#[derive(Default)]
pub struct Builders {
    receivers: Vec<(&'static str, Build<Arc<dyn Receiver>>)>,
    processors: Vec<(&'static str, BuildProcessor)>,
    exporters: Vec<(&'static str, Build<Queued>)>,
    extensions: Vec<(&'static str, Build<Arc<dyn Extension>>)>,
}

impl Builders {
    /// Those of the components in this crate.
    pub fn shared() -> Self {
        use crate::{exporters, extensions, processors, receivers};
        Self::default()
            .receiver("otlp", receivers::otlp::build)
            .processor("batch", processors::batch::build)
            .exporter("otlp_grpc", exporters::otlp::build_grpc)
            .exporter("otlp_http", exporters::otlp::build_http)
            .exporter("debug", exporters::debug::build)
            .exporter("file", exporters::file::build)
            .extension("health_check", extensions::health_check::build)
    }

    /// Adds a receiver.
    pub fn receiver(
        mut self,
        name: &'static str,
        build: impl Fn(&ComponentConfig, &Context) -> Result<Arc<dyn Receiver>, BuildError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.receivers.push((name, Box::new(build)));
        self
    }

    /// Adds a processor.
    pub fn processor(
        mut self,
        name: &'static str,
        build: impl Fn(&ComponentConfig, Signal, &Context) -> Result<Arc<dyn Processor>, BuildError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.processors.push((name, Box::new(build)));
        self
    }

    /// Adds an exporter.
    pub fn exporter(
        mut self,
        name: &'static str,
        build: impl Fn(&ComponentConfig, &Context) -> Result<Queued, BuildError> + Send + Sync + 'static,
    ) -> Self {
        self.exporters.push((name, Box::new(build)));
        self
    }

    /// Adds an extension.
    pub fn extension(
        mut self,
        name: &'static str,
        build: impl Fn(&ComponentConfig, &Context) -> Result<Arc<dyn Extension>, BuildError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.extensions.push((name, Box::new(build)));
        self
    }

    pub(crate) fn build_receiver(
        &self,
        config: &ComponentConfig,
        context: &Context,
    ) -> Result<Arc<dyn Receiver>, BuildError> {
        find(&self.receivers, config, Class::Receiver)(config, context)
    }

    pub(crate) fn build_processor(
        &self,
        config: &ComponentConfig,
        signal: Signal,
        context: &Context,
    ) -> Result<Arc<dyn Processor>, BuildError> {
        find(&self.processors, config, Class::Processor)(config, signal, context)
    }

    pub(crate) fn build_exporter(
        &self,
        config: &ComponentConfig,
        context: &Context,
    ) -> Result<Queued, BuildError> {
        find(&self.exporters, config, Class::Exporter)(config, context)
    }

    pub(crate) fn build_extension(
        &self,
        config: &ComponentConfig,
        context: &Context,
    ) -> Result<Arc<dyn Extension>, BuildError> {
        find(&self.extensions, config, Class::Extension)(config, context)
    }
}

/// The builder of a kind; the catalog lets no kind through that has none.
fn find<'a, B>(builders: &'a [(&'static str, B)], config: &ComponentConfig, class: Class) -> &'a B {
    let found = builders.iter().find(|(name, _)| *name == config.kind.name);
    let Some((_, build)) = found else {
        unreachable!("{} {} is in the catalog without a builder", class.as_str(), config.kind.name)
    };
    build
}
