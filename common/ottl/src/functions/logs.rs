//! Log formats that only logs have: CEF, CLF, ELF, LEEF.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
