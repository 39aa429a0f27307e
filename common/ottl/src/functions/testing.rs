//! Calls functions as the evaluator does, for the tables of tests beside them.

use std::sync::LazyLock;

use crate::function::{Args, Argument, Body, Definition};
use crate::value::{Map, Time, Value};

/// The clock of tests: noon of the first of June 2024.
static NOW: LazyLock<Time> = LazyLock::new(|| Time::from_unix_nano(1_717_243_200_000_000_000));

/// The arguments, all of them constant; nil is absent.
pub(super) fn args<'a>(values: &[Value<'a>]) -> Args<'a> {
    let arguments = values.iter().map(|value| match value {
        Value::Nil => Argument::Absent,
        value => Argument::Value(value.clone()),
    });
    Args::new(arguments, Some(&NOW))
}

/// What the converter of that name makes of the arguments.
pub(super) fn call<'a>(
    family: &[Definition],
    name: &str,
    values: Vec<Value<'a>>,
) -> Result<Value<'a>, String> {
    let definition = family.iter().find(|definition| definition.name == name).expect("a function");
    let args = args(&values);
    let value = match definition.body {
        Body::Plain(plain) => plain(&args),
        Body::Prepared(prepare) => prepare(&args)?(&args),
        _ => panic!("{name} is no converter"),
    };
    value.map_err(|error| error.to_string())
}

/// A text.
pub(super) fn text(text: &str) -> Value<'static> {
    Value::Str(text.to_owned().into())
}

/// A whole number.
pub(super) fn int(number: i64) -> Value<'static> {
    Value::Int(number)
}

/// JSON as a value; numbers without a point are whole.
pub(super) fn json(source: &str) -> Value<'static> {
    any(&serde_json::from_str(source).expect("JSON")).into()
}

fn any(json: &serde_json::Value) -> crate::Any {
    use crate::Any;
    match json {
        serde_json::Value::Null => Any::Empty,
        serde_json::Value::Bool(value) => Any::Bool(*value),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Any::Double(number.as_f64().expect("a number")), Any::Int),
        serde_json::Value::String(text) => Any::Str(text.clone()),
        serde_json::Value::Array(items) => Any::Slice(items.iter().map(any).collect()),
        serde_json::Value::Object(entries) => {
            Any::Map(entries.iter().map(|(key, value)| (key.clone(), any(value))).collect::<Map>())
        }
    }
}

/// Checks a converter over texts: the outcome as JSON, or `None` for an error.
pub(super) fn check(family: &[Definition], name: &str, texts: &[&str], expect: Option<&str>) {
    let values = texts.iter().map(|argument| text(argument)).collect();
    match (call(family, name, values), expect) {
        (Ok(value), Some(expect)) => {
            let found = value.into_any().expect("a value of OTLP");
            assert_eq!(found, json(expect).into_any().expect("a value of OTLP"), "{name}{texts:?}");
        }
        (Err(_), None) => {}
        (outcome, expect) => panic!("{name}{texts:?}: {outcome:?} instead of {expect:?}"),
    }
}
