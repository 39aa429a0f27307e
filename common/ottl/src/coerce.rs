//! Arguments converted as the parameters say (reference/ottl.md section 5).

use std::borrow::Cow;

use crate::function::Kind;
use crate::number::{parse_double, truncated};
use crate::{RunError, Value, bound, json};

/// `value` as a parameter of that kind takes it.
pub fn convert<'a>(kind: &Kind, value: Value<'a>) -> Result<Value<'a>, RunError> {
    match (kind, value) {
        (Kind::StrLike, value) => str_like(value),
        (Kind::IntLike, value) => int_like(value),
        (Kind::DoubleLike, value) => double_like(value),
        (Kind::BoolLike, value) => bool_like(value),
        (Kind::BytesLike, value) => bytes_like(value),
        (Kind::Items(inner), Value::List(items)) => {
            let items = items.into_iter().map(|item| convert(inner, item));
            items.collect::<Result<_, _>>().map(Value::List)
        }
        (kind, value) if accepts(kind, &value) => Ok(value),
        (kind, value) => Err(RunError::of_type(kind.name(), value.kind())),
    }
}

/// Whether a kind that converts nothing takes the value.
fn accepts(kind: &Kind, value: &Value<'_>) -> bool {
    match kind {
        Kind::Str | Kind::LiteralStr => matches!(value, Value::Str(_)),
        Kind::Int | Kind::LiteralInt | Kind::Enum => matches!(value, Value::Int(_)),
        Kind::Double | Kind::LiteralDouble => matches!(value, Value::Double(_)),
        Kind::Bool | Kind::LiteralBool => matches!(value, Value::Bool(_)),
        Kind::Time => matches!(value, Value::Time(_)),
        Kind::Duration => matches!(value, Value::Duration(_)),
        Kind::Map | Kind::LiteralMap => matches!(value, Value::Map(_)),
        Kind::List => matches!(value, Value::Slice(_) | Value::List(_)),
        _ => true,
    }
}

impl Kind {
    /// Its name in errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Str | Self::StrLike => "string",
            Self::Int | Self::IntLike => "int",
            Self::Double | Self::DoubleLike => "double",
            Self::Bool | Self::BoolLike => "bool",
            Self::LiteralStr => "a literal string",
            Self::LiteralInt => "a literal int without a sign",
            Self::LiteralDouble => "a literal double, with a point and without a sign",
            Self::LiteralBool => "`true` or `false`",
            Self::BytesLike => "bytes",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Map => "map",
            Self::List => "list",
            Self::LiteralStrs => "a list of literal strings",
            Self::LiteralDoubles => "a list of literal doubles",
            Self::LiteralMap => "a map literal",
            Self::Items(_) | Self::LazyItems => "a list literal",
            Self::Enum => "an enum symbol",
            Self::Function => "a converter's name",
            Self::Target => "a path",
            Self::MapTarget => "the path of a map",
            Self::Lambda(_) => "a lambda",
            Self::Any | Self::Lazy => "a value",
        }
    }
}

fn str_like(value: Value<'_>) -> Result<Value<'_>, RunError> {
    match value {
        Value::Nil | Value::Str(_) => Ok(value),
        Value::Bytes(bytes) => Ok(Value::text(json::hex(&bytes))),
        other => {
            bound::check_all(&other)?;
            json::like(&other).map(Value::text)
        }
    }
}

fn int_like(value: Value<'_>) -> Result<Value<'_>, RunError> {
    match value {
        Value::Nil | Value::Int(_) => Ok(value),
        Value::Double(value) => Ok(Value::Int(truncated(value))),
        Value::Bool(value) => Ok(Value::Int(i64::from(value))),
        Value::Str(text) => text
            .parse()
            .map(Value::Int)
            .map_err(|_| RunError::new(format!("{text:?} is no whole number"))),
        other => Err(RunError::of_type("int", other.kind())),
    }
}

fn double_like(value: Value<'_>) -> Result<Value<'_>, RunError> {
    match value {
        Value::Nil | Value::Double(_) => Ok(value),
        Value::Int(value) => Ok(Value::Double(value as f64)),
        Value::Bool(value) => Ok(Value::Double(f64::from(u8::from(value)))),
        Value::Str(text) => parse_double(&text)
            .map(Value::Double)
            .ok_or_else(|| RunError::new(format!("{text:?} is no number"))),
        other => Err(RunError::of_type("double", other.kind())),
    }
}

fn bool_like(value: Value<'_>) -> Result<Value<'_>, RunError> {
    match value {
        Value::Nil | Value::Bool(_) => Ok(value),
        Value::Int(value) => Ok(Value::Bool(value != 0)),
        Value::Double(value) => Ok(Value::Bool(value != 0.0)),
        Value::Str(text) => bool_text(&text)
            .map(Value::Bool)
            .ok_or_else(|| RunError::new(format!("{text:?} is no bool"))),
        other => Err(RunError::of_type("bool", other.kind())),
    }
}

/// The words that Go takes for bools.
pub(crate) fn bool_text(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

fn bytes_like(value: Value<'_>) -> Result<Value<'_>, RunError> {
    Ok(Value::Bytes(match value {
        Value::Nil => Cow::Borrowed(&[]),
        Value::Bytes(bytes) => bytes,
        Value::Str(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
        Value::Str(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        Value::Int(value) => Cow::Owned(value.to_be_bytes().to_vec()),
        Value::Double(value) => Cow::Owned(value.to_be_bytes().to_vec()),
        Value::Bool(value) => Cow::Owned(vec![u8::from(value)]),
        other => return Err(RunError::of_type("bytes", other.kind())),
    }))
}
