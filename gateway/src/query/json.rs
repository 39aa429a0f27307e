//! OTLP/JSON as it is read here: what is missing is empty or zero.

use serde_json::Value;

/// Keys and values of a list of attributes, values as [`value_text`] writes them.
pub(super) fn attributes(json: &Value) -> Vec<(String, String)> {
    let pair = |json: &Value| (text(&json["key"]), value_text(&json["value"]));
    list(json).iter().map(pair).collect()
}

/// An `AnyValue` in short: scalars as they are, lists and maps as JSON.
pub(super) fn value_text(json: &Value) -> String {
    let value = json.as_object().and_then(|object| object.values().next());
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The elements of a list.
pub(super) fn list(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

/// A text.
pub(super) fn text(json: &Value) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

/// A number, or a text that spells one.
pub(super) fn number(json: &Value) -> u64 {
    let text = json.as_str().and_then(|text| text.parse().ok());
    json.as_u64().or(text).unwrap_or_default()
}
