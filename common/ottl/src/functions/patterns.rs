//! Regular expressions, globs and grok.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
