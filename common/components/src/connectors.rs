//! What ends one pipeline and begins others.

pub(crate) mod forward;
pub(crate) mod routing;
