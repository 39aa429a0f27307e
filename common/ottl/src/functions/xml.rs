//! XML documents and XPath.

use crate::function::Definition;

/// The family.
pub const ALL: &[Definition] = &[];
