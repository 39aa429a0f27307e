//! What only spans have.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
