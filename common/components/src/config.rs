//! The configuration dialect: the Collector's YAML, read with every error at once.
//!
//! The road is the same for start-up, reload, `validate` and a fleet push ([`load()`]):
//! texts -> [`value`] trees -> merged -> `${...}` expanded -> checked against a [`Catalog`] ->
//! [`Config`]. Nothing here opens a socket or reads the environment by itself: files and variables
//! come through [`Sources`], so every step is a function of its arguments.
//!
//! A component's own keys are read by a function beside its typed settings ([`otlp_receiver`] and
//! its siblings) from a [`Section`]; the catalog names the function, so that a configuration is
//! checked whole before anything is built. Building reads the same section again for the values.
//!
//! What it leaves out: `http:` and `https:` configuration sources, and map keys are not expanded.

pub mod attributes;
pub mod batch;
pub mod catalog;
pub mod client;
pub mod debug;
pub mod detect;
pub mod error;
mod expand;
pub mod file;
pub mod filter;
pub mod health_check;
pub mod load;
mod matching;
pub mod memory;
pub mod memory_limiter;
mod merge;
pub mod model;
pub mod otlp_exporter;
pub mod otlp_receiver;
mod ottl;
mod print;
pub mod probabilistic_sampler;
pub mod quantity;
pub mod routing;
pub mod section;
pub mod sending;
pub mod shared;
pub mod spanmetrics;
pub mod suggest;
pub mod telemetry;
pub mod transform;
pub mod value;

pub use catalog::{Catalog, Class, Kind, OwnSection, Stability};
pub use error::{Code, Error, Report};
pub use expand::{Sources, expand};
pub use load::{Loaded, System, load};
pub use merge::merge;
pub use model::{ComponentConfig, ComponentId, Config, PipelineConfig};
pub use print::{to_json, to_yaml};
pub use section::{Field, Section};
pub use value::Value;
