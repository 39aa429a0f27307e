//! What changes a record: set, clear, append, the map editors.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
