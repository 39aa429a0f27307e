//! Documents in a form in which equal ones are equal.

use serde_json::{Map, Value as Json};

/// Lists whose order means nothing.
const UNORDERED: &[&str] = &["attributes", "filteredAttributes", "metadata"];

/// Fields that are there or not, whatever their value.
const PRESENT: &[&str] = &[
    "stringValue",
    "boolValue",
    "intValue",
    "doubleValue",
    "bytesValue",
    "arrayValue",
    "kvlistValue",
    "asInt",
    "asDouble",
    "gauge",
    "sum",
    "histogram",
    "exponentialHistogram",
    "summary",
    "min",
    "max",
    "time",
    "durationNanos",
    "traceId",
    "spanId",
    "profileId",
    "opaque",
    "error",
];

/// Fields of doubles.
const DOUBLES: &[&str] = &[
    "doubleValue",
    "asDouble",
    "sum",
    "min",
    "max",
    "value",
    "quantile",
    "explicitBounds",
    "zeroThreshold",
];

/// The canonical form of a document or value. `unordered` names more lists without order.
pub(crate) fn canonical(json: &Json, unordered: &[String]) -> Json {
    form("", json, unordered, false)
}

fn form(key: &str, json: &Json, unordered: &[String], in_kvlist: bool) -> Json {
    match json {
        Json::Object(entries) => {
            let mut sorted: Vec<(&String, Json)> = entries
                .iter()
                .map(|(name, value)| (name, form(name, value, unordered, key == "kvlistValue")))
                .filter(|(name, value)| {
                    PRESENT.contains(&name.as_str()) && key != "span" || !is_default(value)
                })
                .collect();
            sorted.sort_by(|one, other| one.0.cmp(other.0));
            Json::Object(
                sorted
                    .into_iter()
                    .map(|(name, value)| (name.clone(), value))
                    .collect::<Map<_, _>>(),
            )
        }
        Json::Array(items) => {
            let mut items: Vec<Json> =
                items.iter().map(|item| form(key, item, unordered, false)).collect();
            let free = UNORDERED.contains(&key) || in_kvlist && key == "values";
            if free || unordered.iter().any(|name| name == key) {
                items.sort_by_key(Json::to_string);
            }
            Json::Array(items)
        }
        Json::Number(number) if DOUBLES.contains(&key) => {
            double(number.as_f64().unwrap_or(f64::NAN))
        }
        Json::String(text) if DOUBLES.contains(&key) => {
            text.parse().map_or_else(|_| json.clone(), double)
        }
        Json::Number(number) => Json::String(number.to_string()),
        Json::String(text) => Json::String(one_replacement(text)),
        other => other.clone(),
    }
}

fn double(value: f64) -> Json {
    // -0 equals 0.
    Json::String(format!("{:?}", if value == 0.0 { 0.0 } else { value }))
}

/// Each run of bytes that are no UTF-8 is one U+FFFD.
fn one_replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\u{fffd}' || !out.ends_with('\u{fffd}') {
            out.push(character);
        }
    }
    out
}

fn is_default(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::String(text) => text.is_empty() || text == "0" || text == "0.0",
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        Json::Number(_) => false,
    }
}
