//! The host process: kernel limits and samples, OTLP in and out.
//!
//! It is two processes of one binary. The [`keeper`] holds privilege and sees no outside byte; the
//! agent proper (`assemble`) holds sockets, parsers and rules and has no capability in any thread.
//! Without privilege there is no keeper and the agent is a plain OTLP agent.

pub mod admin;
mod assemble;
pub mod cli;
pub mod config;
mod cri;
mod descriptors;
mod folders;
pub mod host;
mod https;
pub mod keeper;
pub mod kernel;
mod kubernetes;
pub mod limits;
mod privilege;
mod protected;
mod receivers;
pub mod reflex;
mod takeover;
mod whole_file;
