//! Conversions and tests of types.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
