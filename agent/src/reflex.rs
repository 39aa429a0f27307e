//! Reflexes: rules over signals that act within bounds (contract.md, `reflex`).
//!
//! [`decide`] is the judgement: pure, time as an argument, every guardrail of the contract in it and
//! nothing else. What surrounds it observes and acts.

pub(crate) mod absent;
pub mod actions;
pub mod decide;
pub(crate) mod engine;
pub mod journal;
pub mod mind;
pub mod policy;
pub mod record;
pub mod rules;
pub mod settings;
pub mod signals;
pub mod traffic;
