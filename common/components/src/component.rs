//! What the service knows of a component: what it is given, what it promises, how it ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pipeline::{Budget, Exporter, Inlet, Pipeline, QueueSettings, Signal, Sink, Stats};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::config::ComponentConfig;
use crate::config::batch::Batch;
use crate::ports::Ports;
use crate::red::services::Services;

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
    /// The services whose spans are counted as they arrive.
    pub services: Arc<Services>,
    /// Whether the configuration looks at the headers of gRPC calls as such; a reload may change it.
    pub looks_at_calls: Arc<AtomicBool>,
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

/// Ends pipelines, as a sink, and begins others. One part serves all pipelines that name it, and goes
/// on through a reload that leaves its section as it was.
pub trait Connector: Sink {
    /// Puts the pipelines that it leads to behind it, in the order of the configuration; those it had
    /// before get nothing more.
    fn connect(&self, pipelines: &[Arc<Pipeline>]);

    /// Gives out what it still holds; its pipelines end after it. Returns at `deadline` at the latest.
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
    /// Merges and cuts requests before they are queued.
    pub batch: Option<Batch>,
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
