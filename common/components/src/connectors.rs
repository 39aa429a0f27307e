//! What ends one pipeline and begins others.

pub(crate) mod detect;
pub(crate) mod forward;
pub(crate) mod routing;
pub(crate) mod spanmetrics;
