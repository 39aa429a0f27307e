//! OTTL: the OpenTelemetry Transformation Language, parsed, type-checked and run over OTLP bytes.
//!
//! Semantics are those of the reference implementation at 0.161/0.162; where ours differ on purpose, the
//! table in the crate's documentation of each module says so.
#![forbid(unsafe_code)]

pub mod ast;
mod bind;
pub mod coerce;
pub mod compare;
pub mod compile;
pub mod context;
pub mod contexts;
pub mod error;
mod eval;
mod explain;
pub mod function;
pub mod functions;
pub mod glob;
pub mod index;
mod infer;
pub mod json;
mod lex;
pub mod math;
pub mod number;
pub mod parse;
pub mod pattern;
mod plan;
pub mod playground;
pub mod program;
pub mod value;

pub use bind::{Functions, Uses};
pub use compile::{Compiler, Condition, Expression, Statement};
pub use context::{Context, Key, Purpose};
pub use error::{Class, LoadError, RunError};
pub use eval::Frame;
pub use plan::LevelSet;
pub use program::Program;
pub use value::{Any, Map, Time, Value};
