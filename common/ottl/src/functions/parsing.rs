//! Texts into values: JSON, CSV, pairs, URLs, user agents, severities, whole numbers.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
