//! Base64, hexadecimal, character sets, ids, UUIDs.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
