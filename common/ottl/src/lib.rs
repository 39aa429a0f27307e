//! OTTL: the OpenTelemetry Transformation Language, parsed, type-checked and run over OTLP bytes.
//!
//! Semantics are those of the reference implementation at 0.161/0.162. Where ours differ, it is on purpose:
//!
//! | what | the reference | ours, and why |
//! |---|---|---|
//! | a map literal in a list literal | cannot be converted: an error, or unequal to the same list of a record | is a value like any other |
//! | `attributes["x"] == Split(..)` | never: what `Split` gives has a Go type of its own | holds if the texts are the same |
//! | `IsList(bucket_counts)` | false: they have a Go type that it does not know | true |
//! | `set(bucket_counts, explicit_bounds)` | fails always, by the Go type | fails for numbers that are no counts; lists carry no type, so an empty one is an empty one |
//! | `set` of what OTLP cannot hold | fails and leaves an empty attribute behind | fails and leaves the record as it was |
//! | `set` of a map into itself | empties the source while it is being copied | copies what was there |
//! | `Log` of a subnormal number | wrong in the first digits: Go's assembly for amd64 | the logarithm |
//! | `replace_*` with a converter that has further, optional parameters | fails for every match, though its documentation allows any converter of one text | the defaults apply |
//! | `replace_*` with a converter that needs further parameters | loads, and fails for every match | a configuration error: what can never work is refused when it is loaded |
//! | `?` of a glob | does not match a character of several bytes next to others: it cuts bytes | matches any character |
//! | the context `spanlink` | came after 0.161 | is there |
//!
//! What a statement makes is bounded, see [`bound`], and what becomes of a request may be
//! ([`Program::run_within`]); the reference has no such bounds. `%{IPV6}` ends its zone with the
//! word, where the reference's goes on to the end of the line.
//!
//! The conformance test has the same table as data, with the cases that show each row.
#![forbid(unsafe_code)]

pub mod ast;
mod bind;
pub mod bound;
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
mod keep;
mod lex;
pub mod math;
mod nearest;
pub mod number;
pub mod parse;
pub mod pattern;
mod plan;
pub mod playground;
pub mod program;
mod rewrite;
pub mod value;

pub use bind::{Functions, Uses};
pub use compile::{Compiler, Condition, Expression, Statement};
pub use context::{Context, Key, Purpose};
pub use error::{Class, LoadError, RunError};
pub use eval::Frame;
pub use plan::LevelSet;
pub use program::Program;
pub use value::{Any, Map, Time, Value};
