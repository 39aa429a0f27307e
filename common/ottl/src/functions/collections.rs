//! Lists and maps: Keys, Values, Sort, Index, Len, ContainsValue, SliceToMap.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
