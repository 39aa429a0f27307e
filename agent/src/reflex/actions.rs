//! How decisions are done. Limits go to `limits`, restarts to the keeper; what speaks and what degrades is here.

pub mod alert;
pub mod degrade;
