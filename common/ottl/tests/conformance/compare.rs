//! What came out of a case against what it expects: documents in a form in which equal ones are equal.
//!
//! Shared with the test of `ottl --cases`, in `components`, which reads configurations as the processors do.

use serde_json::{Map, Value as Json, json};

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

/// Whether what came out of a case is what it expects; the error says how it differs. `input` is its fixture.
pub(crate) fn compare(case: &Json, got: &Json, input: &str) -> Result<(), String> {
    let expect = &case["expect"];
    let differs = |what: &str| Err(format!("{what}\n  expected {expect}\n  got      {got}"));
    let refused = expect.get("parse_error").or_else(|| expect.get("config_error")).is_some();
    const REFUSALS: [&str; 3] = ["load_error", "parse_error", "config_error"];
    if refused != REFUSALS.iter().any(|key| got.get(key).is_some()) {
        return differs("load");
    }
    if refused {
        return Ok(());
    }
    if expect.get("consume_error").is_some() != got.get("consume_error").is_some() {
        return differs("refusal");
    }
    if expect.get("consume_error").is_some() {
        return Ok(());
    }
    if (expect["dropped"] == json!(true)) != (got["dropped"] == json!(true)) {
        return differs("dropped");
    }
    if places(&expect["runtime_errors"]) != places(&got["runtime_errors"])
        && case["kind"] == "statement"
    {
        return differs("errors");
    }
    let unordered: Vec<String> = case["unordered"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect();
    let same =
        |one: &Json, other: &Json| canonical(one, &unordered) == canonical(other, &unordered);
    let fixture: Json = serde_json::from_str(input).expect("a fixture is JSON");
    if let Some(shape) = expect.get("value_shape").and_then(Json::as_str) {
        let shape = regex::Regex::new(shape).expect("a shape is a pattern");
        let texts = got["values"].as_array().into_iter().flatten();
        let mut fits = texts
            .map(|value| value["stringValue"].as_str().is_some_and(|text| shape.is_match(text)));
        return if fits.all(|fits| fits) { Ok(()) } else { differs("shape") };
    }
    if let Some(conditions) = expect.get("conditions") {
        return if *conditions == got["conditions"] { Ok(()) } else { differs("conditions") };
    }
    if let Some(values) = expect.get("values") {
        let got = without_why(&got["values"]);
        return if same(values, &got) { Ok(()) } else { differs("values") };
    }
    if expect["dropped"] == json!(true) {
        return Ok(());
    }
    let wanted = if expect["unchanged"] == json!(true) { &fixture } else { &expect["result"] };
    let is_as_good = expect["partial"] == json!(true) && same(&fixture, &got["result"]);
    if same(wanted, &got["result"]) || is_as_good { Ok(()) } else { differs("result") }
}

fn without_why(values: &Json) -> Json {
    let mut values = values.clone();
    for value in values.as_array_mut().into_iter().flatten() {
        if let Some(entries) = value.as_object_mut() {
            entries.remove("why");
        }
    }
    values
}

/// Which statement failed on which record.
fn places(errors: &Json) -> Vec<(u64, u64)> {
    let place = |error: &Json| {
        (error["record"].as_u64().unwrap_or(0), error["statement"].as_u64().unwrap_or(0))
    };
    errors.as_array().into_iter().flatten().map(place).collect()
}

/// The canonical form of a document or value. `unordered` names more lists without order.
fn canonical(json: &Json, unordered: &[String]) -> Json {
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
