//! The configurations of the transform and filter processors, as the Collector reads them.

use medulla_ottl::Program;
use medulla_ottl::program::{Entry, ErrorMode, Group, Mistake, filter, transform};
use otlp::Signal;
use serde_json::{Map, Value as Json};

type Checked<T> = Result<T, String>;

const SIGNALS: [(&str, &str, Signal); 3] = [
    ("trace", "traces", Signal::Traces),
    ("metric", "metrics", Signal::Metrics),
    ("log", "logs", Signal::Logs),
];

/// The program for `signal` of a transform processor.
pub(crate) fn transform_of(config: &Json, signal: Signal) -> Checked<Option<Program>> {
    let config = object(config)?;
    const KEYS: &[&str] =
        &["error_mode", "trace_statements", "metric_statements", "log_statements", "flatten_data"];
    known(config, KEYS)?;
    let flattened = config.get("flatten_data") == Some(&Json::Bool(true));
    let mode = error_mode(config.get("error_mode"), ErrorMode::Ignore)?;
    let mut found = None;
    for (name, _, of) in SIGNALS {
        let Some(list) = config.get(&format!("{name}_statements")) else { continue };
        let mut groups = groups(list, mode)?;
        groups.iter_mut().for_each(|group| group.flattened = flattened);
        let program = transform(of, &groups, false).map_err(texts)?;
        found = if of == signal { Some(program) } else { found };
    }
    Ok(found)
}

/// A flat list is one group; else each object is one.
fn groups(list: &Json, mode: ErrorMode) -> Checked<Vec<Group>> {
    let items = list_of(list)?;
    if items.is_empty() {
        return Ok(Vec::new());
    }
    if items.iter().all(Json::is_string) {
        let statements = strings(Some(list))?;
        return Ok(vec![Group { statements, error_mode: mode, ..Group::default() }]);
    }
    let group = |item: &Json| {
        let item = object(item)?;
        known(item, &["context", "conditions", "statements", "error_mode", "shared_cache"])?;
        if item.is_empty() {
            return Err("an empty item".to_owned());
        }
        Ok(Group {
            context: context(item.get("context"))?,
            conditions: strings(item.get("conditions"))?,
            statements: strings(item.get("statements"))?,
            error_mode: error_mode(item.get("error_mode"), mode)?,
            shared_cache: item.get("shared_cache") == Some(&Json::Bool(true)),
            flattened: false,
        })
    };
    if items.iter().any(|item| !item.is_object()) {
        return Err("strings and objects in one list, or neither".to_owned());
    }
    items.iter().map(group).collect()
}

/// The program for `signal` of a filter processor.
pub(crate) fn filter_of(config: &Json, signal: Signal) -> Checked<Option<Program>> {
    let config = object(config)?;
    const KEYS: &[&str] = &[
        "error_mode",
        "traces",
        "metrics",
        "logs",
        "trace_conditions",
        "metric_conditions",
        "log_conditions",
    ];
    known(config, KEYS)?;
    let mode = error_mode(config.get("error_mode"), ErrorMode::Ignore)?;
    let mut found = None;
    for (name, section, of) in SIGNALS {
        let entries = match (config.get(section), config.get(&format!("{name}_conditions"))) {
            (Some(_), Some(_)) => return Err("two styles of conditions".to_owned()),
            (Some(section), None) => legacy(section, of, mode)?,
            (None, Some(list)) => entries(list, mode)?,
            (None, None) => continue,
        };
        let program = filter(of, &entries, false).map_err(texts)?;
        found = if of == signal { Some(program) } else { found };
    }
    Ok(found)
}

fn legacy(section: &Json, signal: Signal, mode: ErrorMode) -> Checked<Vec<Entry>> {
    let levels: &[(&str, &str)] = match signal {
        Signal::Traces => &[("resource", "resource"), ("span", "span"), ("spanevent", "spanevent")],
        Signal::Metrics => {
            &[("resource", "resource"), ("metric", "metric"), ("datapoint", "datapoint")]
        }
        _ => &[("resource", "resource"), ("log_record", "log")],
    };
    let section = object(section)?;
    known(section, &levels.iter().map(|(key, _)| *key).collect::<Vec<_>>())?;
    let levels = levels.iter().filter(|(key, _)| section.contains_key(*key));
    let entry = |(key, context): &(&str, &str)| {
        let conditions = strings(section.get(*key))?;
        Ok(Entry { context: Some((*context).to_owned()), conditions, error_mode: mode })
    };
    levels.map(entry).collect()
}

fn entries(list: &Json, mode: ErrorMode) -> Checked<Vec<Entry>> {
    let items = list_of(list)?;
    if items.iter().any(Json::is_string) && items.iter().any(Json::is_object) {
        return Err("strings and objects in one list".to_owned());
    }
    if items.iter().any(Json::is_string) {
        let conditions = strings(Some(list))?;
        return Ok(vec![Entry { context: None, conditions, error_mode: mode }]);
    }
    let entry = |item: &Json| {
        let Json::Object(item) = item else { return Err("no condition".to_owned()) };
        known(item, &["context", "conditions", "error_mode"])?;
        Ok(Entry {
            context: context(item.get("context"))?,
            conditions: strings(item.get("conditions"))?,
            error_mode: error_mode(item.get("error_mode"), mode)?,
        })
    };
    items.iter().map(entry).collect()
}

fn texts(mistakes: Vec<Mistake>) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn object(config: &Json) -> Checked<&Map<String, Json>> {
    static EMPTY: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);
    match config {
        Json::Null => Ok(&EMPTY),
        Json::Object(entries) => Ok(entries),
        other => Err(format!("{other} is no map")),
    }
}

fn list_of(list: &Json) -> Checked<&[Json]> {
    match list {
        Json::Null => Ok(&[]),
        Json::Array(items) => Ok(items),
        other => Err(format!("{other} is no list")),
    }
}

fn known(entries: &Map<String, Json>, keys: &[&str]) -> Checked<()> {
    match entries.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key {key}")),
        None => Ok(()),
    }
}

fn strings(list: Option<&Json>) -> Checked<Vec<String>> {
    let text = |item: &Json| match item {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(value) => Ok(value.to_string()),
        Json::Null => Err("an empty text".to_owned()),
        other => Ok(other.to_string()),
    };
    list_of(list.unwrap_or(&Json::Null))?.iter().map(text).collect()
}

fn context(name: Option<&Json>) -> Checked<Option<String>> {
    match name {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(name)) if name.is_empty() => Ok(None),
        Some(Json::String(name)) => Ok(Some(name.clone())),
        Some(other) => Err(format!("{other} is no context")),
    }
}

fn error_mode(name: Option<&Json>, default: ErrorMode) -> Checked<ErrorMode> {
    match name {
        None | Some(Json::Null) => Ok(default),
        Some(Json::String(name)) if name.is_empty() => Ok(default),
        Some(name) => {
            let mode = name.as_str().and_then(ErrorMode::from_name);
            mode.ok_or_else(|| format!("{name} is no error mode"))
        }
    }
}
