//! How components are built: a plain table by the name of the kind; there is no registration.
//!
//! Building may bind ports and open files and must leave nothing behind when it fails.

use std::sync::Arc;

use pipeline::{Processor, Signal};

use crate::component::{BuildError, Connector, Context, Extension, Queued, Receiver};
use crate::config::{Class, ComponentConfig};
use crate::{connectors, exporters, extensions, processors, receivers};

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
    connectors: Vec<(&'static str, Build<Arc<dyn Connector>>)>,
    exporters: Vec<(&'static str, Build<Queued>)>,
    extensions: Vec<(&'static str, Build<Arc<dyn Extension>>)>,
}

impl Builders {
    /// Those of the components in this crate.
    pub fn shared() -> Self {
        Self::default()
            .receiver("otlp", receivers::otlp::build)
            .processor("batch", processors::batch::build)
            .processor("attributes", processors::attributes::build)
            .processor("resource", processors::resource::build)
            .processor("probabilistic_sampler", processors::probabilistic_sampler::build)
            .processor("memory_limiter", processors::memory_limiter::build)
            .processor("transform", processors::transform::build)
            .processor("filter", processors::filter::build)
            .connector("forward", connectors::forward::build)
            .connector("routing", connectors::routing::build)
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

    /// Adds a connector.
    pub fn connector(
        mut self,
        name: &'static str,
        build: impl Fn(&ComponentConfig, &Context) -> Result<Arc<dyn Connector>, BuildError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.connectors.push((name, Box::new(build)));
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

    pub(crate) fn build_connector(
        &self,
        config: &ComponentConfig,
        context: &Context,
    ) -> Result<Arc<dyn Connector>, BuildError> {
        find(&self.connectors, config, Class::Connector)(config, context)
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
