//! Where the host's own data enters.

pub(crate) mod kernel;
pub(crate) mod reflex;
