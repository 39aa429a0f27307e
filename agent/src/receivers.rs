//! Where the host's own data enters.

mod attribute;
pub(crate) mod hostmetrics;
pub(crate) mod kernel;
pub(crate) mod reflex;
mod source;
