//! Digests and hashes.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
