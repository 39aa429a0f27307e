//! Receivers, processors, connectors and exporters that both binaries use, their configuration,
//! and the service that runs them.
//!
//! A configuration is read by [`config`], turned into running parts by [`service`], and the parts
//! themselves live in [`receivers`], [`processors`], [`connectors`], [`exporters`] and [`extensions`]. A binary is a
//! [`process::Program`]: a catalog, a default configuration and the builders of its own parts.

#![forbid(unsafe_code)]

pub mod builders;
pub mod component;
pub mod config;
pub mod connectors;
pub mod exporters;
pub mod extensions;
mod histogram;
pub mod logging;
pub mod playground;
mod points;
pub mod ports;
pub mod process;
pub mod processors;
pub mod receivers;
pub mod red;
mod request;
pub mod service;
#[cfg(test)]
mod testing;
pub mod time;
