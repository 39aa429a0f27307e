//! Rate, errors and duration of what spans tell: one state with two users.
//!
//! The connector `spanmetrics` counts every span of its pipeline by the dimensions of its section;
//! [`services`] counts, right behind the receiver and before any sampler, the requests of the services
//! that somebody watches.

pub(crate) mod observe;
pub(crate) mod series;
pub mod services;
pub(crate) mod state;
