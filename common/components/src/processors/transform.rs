//! The processor `transform`: OTTL statements over every record; see [`texts`](super::texts).

use std::sync::Arc;

use pipeline::{Processor, Signal};

use super::texts::{Stage, Texts};
use crate::component::{BuildError, Context};
use crate::config::ComponentConfig;
use crate::config::transform::Transform;

/// Builds the processor for one pipeline.
pub(crate) fn build(
    config: &ComponentConfig,
    signal: Signal,
    context: &Context,
) -> Result<Arc<dyn Processor>, BuildError> {
    let settings = config.read(Transform::read);
    Ok(Texts::start(Stage::new(config, signal, context, settings.program(signal), false), context))
}
