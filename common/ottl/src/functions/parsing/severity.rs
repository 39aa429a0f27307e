//! Values into the names of severities, by a table in the statement.
//!
//! A level lists what belongs to it: `{"equals": ["err"]}` for texts, `{"range": {"min": 1, "max": 9}}` or
//! `{"range": "4xx"}` for whole numbers, ends included. Levels are tried in the order of the table (the reference's
//! order is random). A mistake anywhere in the table shows on every record, whatever its value.

use crate::RunError;
use crate::function::{Args, Call, Unfit};
use crate::value::{Any, Map, Value};

struct Level {
    name: String,
    criteria: Vec<Criterion>,
}

enum Criterion {
    Equals(Vec<String>),
    Range(i64, i64),
}

/// `ParseSeverity(value, mapping)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Call, Unfit> {
    if !args.has(1) {
        return Ok(Box::new(|args| find(&levels(args.map(1)?)?, args.peek(0))));
    }
    let levels = args.map(1).and_then(levels);
    Ok(Box::new(move |args| find(levels.as_ref().map_err(Clone::clone)?, args.peek(0))))
}

fn find<'a>(levels: &[Level], value: &Value<'_>) -> Result<Value<'a>, RunError> {
    if !matches!(value, Value::Str(_) | Value::Int(_)) {
        return Err(RunError::of_type("string or int", value.kind()));
    }
    let level = levels.iter().find(|level| level.criteria.iter().any(|one| one.matches(value)));
    let level = level.ok_or_else(|| RunError::new("the value belongs to no level"))?;
    Ok(Value::text(level.name.clone()))
}

impl Criterion {
    fn matches(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Equals(texts), Value::Str(text)) => texts.iter().any(|one| one == text),
            (Self::Range(min, max), Value::Int(number)) => (min..=max).contains(&number),
            _ => false,
        }
    }
}

fn levels(mapping: &Map) -> Result<Vec<Level>, RunError> {
    mapping
        .entries
        .iter()
        .map(|(name, criteria)| {
            let Any::Slice(items) = criteria else {
                return Err(RunError::new(format!("level {name:?} is not a list of criteria")));
            };
            let criteria = items.iter().map(criteria_of).collect::<Result<Vec<_>, _>>()?;
            Ok(Level { name: name.clone(), criteria: criteria.into_iter().flatten().collect() })
        })
        .collect()
}

fn criteria_of(item: &Any) -> Result<Vec<Criterion>, RunError> {
    let Any::Map(item) = item else { return Err(RunError::new("a criterion is not a map")) };
    let criterion = |(name, value): &(String, Any)| match name.as_str() {
        "equals" => equals(value),
        "range" => range(value),
        other => Err(RunError::new(format!("unknown criterion {other:?}: equals or range"))),
    };
    item.entries.iter().map(criterion).collect()
}

fn equals(value: &Any) -> Result<Criterion, RunError> {
    let Any::Slice(items) = value else { return Err(RunError::new("equals is not a list")) };
    let text = |item: &Any| match item {
        Any::Str(text) => Ok(text.clone()),
        _ => Err(RunError::new("equals holds what is no text")),
    };
    Ok(Criterion::Equals(items.iter().map(text).collect::<Result<_, _>>()?))
}

fn range(value: &Any) -> Result<Criterion, RunError> {
    match value {
        Any::Str(class) => {
            let hundreds = ["2xx", "3xx", "4xx", "5xx"].iter().position(|name| name == class);
            let hundreds = hundreds.ok_or_else(|| {
                RunError::new(format!("unknown range {class:?}: 2xx, 3xx, 4xx or 5xx"))
            })?;
            let min = 200 + 100 * hundreds as i64;
            Ok(Criterion::Range(min, min + 99))
        }
        Any::Map(ends) => Ok(Criterion::Range(end(ends, "min")?, end(ends, "max")?)),
        _ => Err(RunError::new("range is neither a map nor a text")),
    }
}

fn end(ends: &Map, name: &str) -> Result<i64, RunError> {
    match ends.get(name) {
        Some(Any::Int(number)) => Ok(*number),
        _ => Err(RunError::new(format!("the {name} of a range is not a whole number"))),
    }
}
