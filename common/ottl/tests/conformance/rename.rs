//! Users' statements are not the vectors: with other names and texts the results must follow.
//!
//! Each key and text of a case's fixture gets a prefix, in the fixture, in the literals of the source and in the
//! expectation alike. Cases whose functions look into texts are left out, and so are those that compare texts by
//! order.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

const PREFIX: &str = "Zq7_";

/// Fields that hold names and texts.
const FIELDS: &[&str] = &[
    "key",
    "stringValue",
    "name",
    "description",
    "unit",
    "severityText",
    "version",
    "schemaUrl",
    "eventName",
    "message",
];

/// Functions that move texts and never look into them.
const BLIND: &[&str] = &[
    "set",
    "delete_key",
    "keep_keys",
    "merge_maps",
    "append",
    "delete_index",
    "clear",
    "Coalesce",
    "IsMap",
    "IsString",
    "IsList",
    "IsInt",
    "IsBool",
    "IsDouble",
    "IsRootSpan",
    "Keys",
    "Values",
    "ContainsValue",
    "HasAttrKeyOnDatapoint",
    "HasAttrOnDatapoint",
    "copy_metric",
    "convert_sum_to_gauge",
    "convert_gauge_to_sum",
    "Index",
    "Any",
    "All",
    "Filter",
    "Find",
    "MapEach",
    "When",
    "SliceToMap",
    "limit",
    "aggregate_on_attributes",
    "scale_metric",
    "convert_exponential_histogram_to_histogram",
    "merge_histogram_buckets",
];

/// The case and its fixture under other names; nothing if the case cannot be renamed.
pub(crate) fn renamed(case: &Json, fixture: &Json) -> Option<(Json, Json)> {
    let sources = match (&case["source"], &case["sources"]) {
        (Json::String(source), _) => source.clone(),
        (_, Json::Array(sources)) => {
            sources.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("\n")
        }
        _ => return None,
    };
    if !is_blind(&sources) {
        return None;
    }
    let mut words = BTreeSet::new();
    collect(fixture, &mut words);
    // Words of the language that stand in quotes keep their meaning.
    ["insert", "update", "upsert", "cumulative", "delta", ""].iter().for_each(|word| {
        words.remove(*word);
    });
    let mut case = case.clone();
    for key in ["source", "sources"] {
        if let Some(source) = case.get_mut(key) {
            in_source(source, &words);
        }
    }
    let mut fixture = fixture.clone();
    in_values("", &mut fixture, &words);
    in_values("", &mut case["expect"], &words);
    Some((case, fixture))
}

/// Whether only functions are called that do not look into texts, and no order is asked for.
fn is_blind(source: &str) -> bool {
    static CALL: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"([A-Za-z_0-9]+)\(").expect("a pattern"));
    let all_blind = CALL.captures_iter(source).all(|found| {
        let name = &found[1];
        BLIND.contains(&name) || ["where", "and", "or", "not"].contains(&name)
    });
    let unsettling =
        ["<", ">", "trace_state", ".string", "0x", "deprecated_string", "\\\"", "body.string"];
    all_blind && !unsettling.iter().any(|part| source.contains(part))
}

fn collect(json: &Json, words: &mut BTreeSet<String>) {
    match json {
        Json::Object(entries) => {
            for (key, value) in entries {
                if let (Json::String(text), true) = (value, FIELDS.contains(&key.as_str())) {
                    words.insert(text.clone());
                }
                collect(value, words);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, words)),
        _ => {}
    }
}

/// Literals are whole words in double quotes.
fn in_source(source: &mut Json, words: &BTreeSet<String>) {
    match source {
        Json::String(text) => {
            let parts: Vec<String> = text
                .split('"')
                .enumerate()
                .map(|(index, part)| match index % 2 == 1 && words.contains(part) {
                    true => format!("{PREFIX}{part}"),
                    false => part.to_owned(),
                })
                .collect();
            *text = parts.join("\"");
        }
        Json::Array(items) => items.iter_mut().for_each(|item| in_source(item, words)),
        _ => {}
    }
}

fn in_values(key: &str, json: &mut Json, words: &BTreeSet<String>) {
    match json {
        Json::Object(entries) => {
            entries.iter_mut().for_each(|(key, value)| in_values(key, value, words));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| in_values(key, item, words)),
        Json::String(text) if FIELDS.contains(&key) && words.contains(text) => {
            text.insert_str(0, PREFIX);
        }
        _ => {}
    }
}
