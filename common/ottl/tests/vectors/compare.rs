//! OTLP/JSON made comparable: defaults gone, numbers in one form, unordered lists sorted.

use serde_json::{Map, Value as Json};

/// Fields whose default is not the same as their absence.
const KEPT: &[&str] = &[
    "stringValue",
    "intValue",
    "boolValue",
    "doubleValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
    "asInt",
    "asDouble",
    "sum",
    "min",
    "max",
    "gauge",
    "histogram",
    "exponentialHistogram",
    "summary",
];

const DOUBLES: &[&str] = &[
    "doubleValue",
    "asDouble",
    "sum",
    "min",
    "max",
    "quantile",
    "value",
    "zeroThreshold",
    "explicitBounds",
];

const UNORDERED: &[&str] = &["attributes", "filteredAttributes", "metadata"];

/// The comparable form.
pub(crate) fn normal(json: &Json, unordered: &[String]) -> Json {
    value("", json, unordered)
}

fn value(key: &str, json: &Json, unordered: &[String]) -> Json {
    match json {
        Json::Object(map) => object(map, unordered),
        Json::Array(items) => {
            let mut items: Vec<_> = items.iter().map(|it| value(key, it, unordered)).collect();
            if UNORDERED.contains(&key) || unordered.iter().any(|name| name == key) {
                items.sort_by_key(ToString::to_string);
            }
            items.into()
        }
        scalar => self::scalar(key, scalar),
    }
}

fn object(map: &Map<String, Json>, unordered: &[String]) -> Json {
    let mut out = Map::new();
    for (key, inner) in map {
        let mut inner = value(key, inner, unordered);
        if key == "kvlistValue"
            && let Some(Json::Array(entries)) = inner.get_mut("values")
        {
            entries.sort_by_key(ToString::to_string);
        }
        let is_kept = KEPT.contains(&key.as_str()) && !inner.is_null();
        if is_kept || !is_default(&inner) {
            out.insert(key.clone(), inner);
        }
    }
    out.sort_keys();
    Json::Object(out)
}

fn scalar(key: &str, json: &Json) -> Json {
    match json {
        Json::Number(number) if DOUBLES.contains(&key) => double(number.as_f64().unwrap_or(0.0)),
        Json::String(text) if DOUBLES.contains(&key) => double(match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            text => text.parse().unwrap_or(f64::NAN),
        }),
        // Whole numbers of 64 bits are texts.
        Json::Number(number) => Json::String(number.to_string()),
        other => other.clone(),
    }
}

fn double(value: f64) -> Json {
    let value = if value == 0.0 { 0.0 } else { value };
    Json::String(format!("{value:?}"))
}

fn is_default(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.is_empty() || text == "0" || text == "0.0",
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        _ => false,
    }
}
