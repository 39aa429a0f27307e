//! Texts: case, parts, joining, formatting.
//!
//! Lengths and positions are in bytes, as in the reference; where a cut would leave bytes that are no text,
//! each run of them becomes one replacement character.

use crate::function::{Args, Body, Call, Definition, Kind, Param, Unfit, optional, required};
use crate::{RunError, Value, bound, coerce};

mod case;
mod format;

pub(super) use format::sprintf;

const TARGET: &[Param] = &[required("target", Kind::Str)];

/// The family.
pub const ALL: &[Definition] = &[
    Definition {
        name: "HasPrefix",
        params: &[required("target", Kind::Str), required("prefix", Kind::Str)],
        body: Body::Plain(|args| Ok(Value::Bool(args.str(0)?.starts_with(args.str(1)?)))),
    },
    Definition {
        name: "HasSuffix",
        params: &[required("target", Kind::Str), required("suffix", Kind::Str)],
        body: Body::Plain(|args| Ok(Value::Bool(args.str(0)?.ends_with(args.str(1)?)))),
    },
    Definition {
        name: "Concat",
        params: &[required("vals", Kind::Any), required("delimiter", Kind::Str)],
        body: Body::Plain(concat),
    },
    Definition {
        name: "ConvertCase",
        params: &[required("target", Kind::Str), required("to_case", Kind::LiteralStr)],
        body: Body::Prepared(convert_case),
    },
    Definition {
        name: "ToLowerCase",
        params: TARGET,
        body: Body::Plain(|args| Ok(Value::text(case::lower(args.str(0)?)))),
    },
    Definition {
        name: "ToUpperCase",
        params: TARGET,
        body: Body::Plain(|args| Ok(Value::text(case::upper(args.str(0)?)))),
    },
    Definition {
        name: "ToSnakeCase",
        params: TARGET,
        body: Body::Plain(|args| Ok(Value::text(case::snake(args.str(0)?)))),
    },
    Definition {
        name: "ToCamelCase",
        params: TARGET,
        body: Body::Plain(|args| Ok(Value::text(case::camel(args.str(0)?)))),
    },
    Definition {
        name: "Split",
        params: &[required("target", Kind::Str), required("delimiter", Kind::Str)],
        body: Body::Plain(split),
    },
    Definition {
        name: "Substring",
        params: &[
            required("target", Kind::Str),
            required("start", Kind::Int),
            required("length", Kind::Int),
            optional("utf8_safe", Kind::LiteralBool),
        ],
        body: Body::Plain(substring),
    },
    Definition {
        name: "Trim",
        params: &[required("target", Kind::Str), optional("replacement", Kind::LiteralStr)],
        body: Body::Plain(trim),
    },
    Definition {
        name: "TrimPrefix",
        params: &[required("target", Kind::Str), required("prefix", Kind::Str)],
        body: Body::Plain(|args| part(args, args.str(0)?.strip_prefix(args.str(1)?))),
    },
    Definition {
        name: "TrimSuffix",
        params: &[required("target", Kind::Str), required("suffix", Kind::Str)],
        body: Body::Plain(|args| part(args, args.str(0)?.strip_suffix(args.str(1)?))),
    },
    Definition {
        name: "Format",
        params: &[required("format", Kind::LiteralStr), required("vals", Kind::Items(&Kind::Any))],
        body: Body::Plain(|args| {
            bound::check_all(args.peek(1))?;
            Ok(Value::text(sprintf(args.str(0)?, &args.items(1)?)))
        }),
    },
];

/// The bytes as text, each run of what is no UTF-8 as one replacement character.
pub(super) fn repaired(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut was_bad = false;
    for chunk in bytes.utf8_chunks() {
        was_bad &= chunk.valid().is_empty();
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() && !was_bad {
            out.push(char::REPLACEMENT_CHARACTER);
            was_bad = true;
        }
    }
    out
}

/// Items as texts, joined. Nil is `<nil>`, but nothing in a list of OTLP, and no list is an empty one. Bytes are a list of
/// numbers.
fn concat<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let made;
    let items = match args.peek(0) {
        Value::Nil => &[],
        Value::List(items) => &items[..],
        Value::Bytes(bytes) => {
            made = bytes.iter().map(|byte| Value::Int(i64::from(*byte))).collect::<Vec<_>>();
            &made
        }
        _ => {
            made = args.items(0)?.into_iter().map(Value::or_empty).collect();
            &made
        }
    };
    let delimiter = args.str(1)?;
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(delimiter);
        }
        match item {
            Value::Str(text) => out.push_str(text),
            item => match coerce::convert(&Kind::StrLike, item.by_ref())? {
                Value::Str(text) => out.push_str(&text),
                _ => out.push_str("<nil>"),
            },
        }
        if bound::is_over(out.len()) {
            break;
        }
    }
    Ok(Value::text(out))
}

fn convert_case(args: &Args<'_>) -> Result<Call, Unfit> {
    let convert = match args.opt_str(1).unwrap_or_default() {
        "lower" => case::lower,
        "upper" => case::upper,
        "snake" => case::snake,
        "camel" => case::camel,
        other => {
            let message = format!("the case is lower, upper, snake or camel, not {other:?}");
            return Err(Unfit::argument(1, message));
        }
    };
    Ok(Box::new(move |args| Ok(Value::text(convert(args.str(0)?)))))
}

/// At an empty delimiter, into characters.
fn split<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let (text, delimiter) = (args.str(0)?, args.str(1)?);
    if delimiter.is_empty() {
        return Ok(Value::texts(text.chars().map(String::from)));
    }
    Ok(Value::texts(text.split(delimiter).map(str::to_owned)))
}

fn substring<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let (text, start, length) = (args.str(0)?, args.int(1)?, args.int(2)?);
    let is_safe = args.has(3) && args.bool(3)?;
    let range = start.checked_add(length).filter(|_| start >= 0 && length > 0);
    let bounds =
        range.and_then(|end| Some((usize::try_from(start).ok()?, usize::try_from(end).ok()?)));
    let Some((start, end)) = bounds.filter(|(_, end)| *end <= text.len()) else {
        let message = format!("{length} bytes from {start} are no part of {} bytes", text.len());
        return Err(RunError::new(message));
    };
    if is_safe {
        let start = (start..).find(|index| text.is_char_boundary(*index)).unwrap_or(end);
        let end = text.floor_char_boundary(end);
        return Ok(Value::text(text.get(start..end).unwrap_or_default().to_owned()));
    }
    Ok(Value::text(repaired(&text.as_bytes()[start..end])))
}

/// Without the characters of a set at both ends.
fn trim<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let set = args.opt_str(1).unwrap_or(" ");
    part(args, Some(args.str(0)?.trim_matches(|character| set.contains(character))))
}

/// A part of the target as a value, or the target as it is.
fn part<'a>(args: &Args<'a>, part: Option<&str>) -> Result<Value<'a>, RunError> {
    match part {
        Some(part) if part.len() < args.str(0)?.len() => Ok(Value::text(part.to_owned())),
        _ => Ok(args.value(0)),
    }
}

#[cfg(test)]
mod tests;
