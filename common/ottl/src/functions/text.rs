//! Texts: case, slices, trimming, Concat, Split, Format.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
