//! The functions of the language, a family a file. Each family is a table of [`Definition`]s.

use crate::function::Definition;

pub mod collections;
pub mod editors;
pub mod encoding;
pub mod hashing;
pub mod logs;
pub mod metrics;
mod numbers;
pub mod parsing;
pub mod patterns;
pub mod spans;
#[cfg(test)]
mod testing;
pub mod text;
pub mod time;
pub mod types;
pub mod xml;

/// The functions of every context: all that need no special form in the language.
pub fn common() -> impl Iterator<Item = &'static Definition> {
    const FAMILIES: &[&[Definition]] = &[
        collections::ALL,
        editors::ALL,
        encoding::ALL,
        hashing::ALL,
        numbers::ALL,
        parsing::ALL,
        patterns::ALL,
        text::ALL,
        time::ALL,
        types::ALL,
        xml::ALL,
    ];
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The converter that differs from a name in case only.
pub(crate) fn converter_like(name: &str) -> Option<&'static str> {
    let special = [special::LOGS, special::SPANS, special::METRIC_FILTER];
    let all = common().chain(special.into_iter().flatten());
    let mut names = all.map(|definition| definition.name);
    names.find(|known| known.starts_with(char::is_uppercase) && known.eq_ignore_ascii_case(name))
}

/// The functions that only one signal has.
pub mod special {
    pub use super::logs::ALL as LOGS;
    pub use super::metrics::{DATAPOINT, FILTER as METRIC_FILTER, METRIC};
    pub use super::spans::ALL as SPANS;
}
