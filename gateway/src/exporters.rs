//! Exporters that only the gateway has.

pub mod store;
