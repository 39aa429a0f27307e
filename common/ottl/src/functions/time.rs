//! Times and durations.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
