//! Reflexes: rules over signals that act within bounds (contract.md, `reflex`).
//!
//! [`decide`] is the judgement: pure, time as an argument, every guardrail of the contract in it and
//! nothing else. What surrounds it observes and acts.

pub mod decide;
pub mod policy;
pub mod rules;
pub mod settings;
pub mod signals;
