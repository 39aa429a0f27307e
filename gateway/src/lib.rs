//! The gateway: aggregates many agents, stores or forwards what they send, answers queries.

#![forbid(unsafe_code)]

mod assemble;
pub mod cli;
pub mod config;
pub mod exporters;
pub mod query;
pub mod store;
