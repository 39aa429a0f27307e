//! The lines this program prints.

use serde_json::json;

/// What a value should be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    None,
    AtLeast(f64),
    AtMost(f64),
}

/// A measured value.
pub(crate) fn value(name: &str, value: f64, unit: &str, goal: Goal) {
    let mut line = json!({ "name": name, "value": value, "unit": unit });
    match goal {
        Goal::None => {}
        Goal::AtLeast(bound) => line["at_least"] = json!(bound),
        Goal::AtMost(bound) => line["at_most"] = json!(bound),
    }
    println!("{line}");
}

/// A value that could not be measured, and why.
pub(crate) fn missing(name: &str, why: &str) {
    println!("{}", json!({ "name": name, "missing": why }));
}

pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
