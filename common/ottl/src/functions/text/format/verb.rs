//! One value under one verb.

use super::{Spec, number, quote};
use crate::value::{Any, Map};
use crate::{Time, Value, json};

/// Appends the value.
pub(super) fn print(out: &mut String, value: &Value<'_>, verb: char, mut spec: Spec) {
    // Of `%+v` the sign asks for names of fields, which nothing here has.
    spec.plus &= verb != 'v';
    if verb == 'T' {
        return text(out, kind(value), 's', spec);
    }
    if !printed(out, value, verb, spec) {
        out.push_str(&format!("%!{verb}("));
        typed(out, value, spec);
        out.push(')');
    }
}

/// `type=value`, for what does not fit.
pub(super) fn typed(out: &mut String, value: &Value<'_>, spec: Spec) {
    if value.is_nil() {
        return out.push_str("<nil>");
    }
    out.push_str(kind(value));
    out.push('=');
    printed(out, value, 'v', spec);
}

/// Whether the verb is one for the value; then it is appended.
fn printed(out: &mut String, value: &Value<'_>, verb: char, spec: Spec) -> bool {
    match value {
        Value::Nil if verb == 'v' => spec.pad(out, "<nil>"),
        Value::Bool(value) if matches!(verb, 't' | 'v') => spec.pad(out, &value.to_string()),
        Value::Int(number) => return number::int(out, *number, verb, spec),
        Value::Double(number) => return number::double(out, *number, verb, spec),
        Value::Str(content) if is_textual(verb) => text(out, content, verb, spec),
        Value::Bytes(bytes) if matches!(verb, 'v' | 'd') => numbers(out, bytes, spec),
        Value::Bytes(bytes) if matches!(verb, 'x' | 'X') => hex(out, bytes, verb, spec),
        Value::Bytes(bytes) if is_textual(verb) => {
            text(out, &crate::functions::text::repaired(bytes), verb, spec);
        }
        Value::Map(map) => map_of(out, map, verb, spec),
        Value::Slice(items) => list(out, items.iter().map(Any::value), verb, spec),
        Value::List(items) => list(out, items.iter().map(Value::by_ref), verb, spec),
        Value::Duration(nanoseconds) if !is_textual(verb) => {
            return number::int(out, *nanoseconds, verb, spec);
        }
        Value::TraceId(id) | Value::ProfileId(id) if verb == 'd' => numbers(out, id, spec),
        Value::SpanId(id) if verb == 'd' => numbers(out, id, spec),
        other if is_textual(verb) => match shown(other) {
            Some(shown) => text(out, &shown, verb, spec),
            None => return false,
        },
        _ => return false,
    }
    true
}

fn is_textual(verb: char) -> bool {
    matches!(verb, 'v' | 's' | 'q' | 'x' | 'X')
}

/// Values that have a text of their own.
fn shown(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Time(time) => Some(time_text(time)),
        Value::Duration(nanoseconds) => Some(duration_text(*nanoseconds)),
        Value::TraceId(id) | Value::ProfileId(id) => Some(json::hex(id)),
        Value::SpanId(id) => Some(json::hex(id)),
        Value::Opaque(_) => Some(json::like(value).unwrap_or_default()),
        _ => None,
    }
}

/// The type's name in the reference.
fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Double(_) => "float64",
        Value::Str(_) => "string",
        Value::Bytes(_) => "[]uint8",
        Value::Map(_) => "pcommon.Map",
        Value::Slice(_) => "pcommon.Slice",
        Value::List(_) => "[]interface {}",
        Value::Time(_) => "time.Time",
        Value::Duration(_) => "time.Duration",
        Value::TraceId(_) => "pcommon.TraceID",
        Value::SpanId(_) => "pcommon.SpanID",
        Value::ProfileId(_) => "pprofile.ProfileID",
        Value::Opaque(_) => "message",
    }
}

fn text(out: &mut String, content: &str, verb: char, spec: Spec) {
    if matches!(verb, 'x' | 'X') {
        return hex(out, content.as_bytes(), verb, spec);
    }
    let end = spec.precision.and_then(|limit| content.char_indices().nth(limit));
    let content = end.map_or(content, |(end, _)| &content[..end]);
    match verb {
        'q' => spec.pad(out, &quote::text(content, spec.sharp, spec.plus)),
        'v' if spec.sharp => spec.pad(out, &quote::text(content, false, false)),
        _ => spec.pad(out, content),
    }
}

/// Hexadecimal bytes: `#` puts `0x` in front, a space between them.
fn hex(out: &mut String, bytes: &[u8], verb: char, spec: Spec) {
    let bytes = &bytes[..spec.precision.unwrap_or(bytes.len()).min(bytes.len())];
    let prefix = if spec.sharp { "0x" } else { "" };
    let mut made = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && spec.space {
            made.push(' ');
        }
        if index == 0 || spec.space {
            made.push_str(prefix);
        }
        made.push_str(&format!("{byte:02x}"));
    }
    spec.pad(out, &if verb == 'X' { made.to_uppercase() } else { made });
}

/// `[1 2]`.
fn numbers(out: &mut String, bytes: &[u8], spec: Spec) {
    list(out, bytes.iter().map(|byte| Value::Int(i64::from(*byte))), 'd', spec);
}

/// `[a b]`: each item under the same verb.
fn list<'v>(out: &mut String, items: impl Iterator<Item = Value<'v>>, verb: char, spec: Spec) {
    out.push('[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(' ');
        }
        inner(out, &item, verb, spec);
    }
    out.push(']');
}

/// `map[a:1 b:2]`, sorted by key.
fn map_of(out: &mut String, map: &Map, verb: char, spec: Spec) {
    let mut entries: Vec<_> = map.entries.iter().collect();
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    out.push_str("map[");
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        inner(out, &Value::text(key), verb, spec);
        out.push(':');
        inner(out, &value.value(), verb, spec);
    }
    out.push(']');
}

/// Inside of something nil is always `<nil>`.
fn inner(out: &mut String, value: &Value<'_>, verb: char, spec: Spec) {
    if value.is_nil() { out.push_str("<nil>") } else { print(out, value, verb, spec) }
}

/// As Go's `time.Time` prints itself.
fn time_text(time: &Time) -> String {
    crate::functions::time::in_layout(time, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// As Go's `time.Duration` prints itself: `1h2m3.5s`, `1.5ms`.
fn duration_text(nanoseconds: i64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let unit = |unit: u64, name: &str| format!("{sign}{}{name}", fraction(size, unit));
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => unit(1_000, "\u{b5}s"),
        1_000_000..SECOND => unit(1_000_000, "ms"),
        _ => {
            let (minutes, rest) = (size / (60 * SECOND), size % (60 * SECOND));
            let hours = match minutes / 60 {
                0 => String::new(),
                hours => format!("{hours}h"),
            };
            let minutes = match minutes {
                0 => String::new(),
                minutes => format!("{}m", minutes % 60),
            };
            format!("{sign}{hours}{minutes}{}s", fraction(rest, SECOND))
        }
    }
}

/// `size` in units, without zeros at the end.
fn fraction(size: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let digits = format!("{}.{:0width$}", size / unit, size % unit);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}
