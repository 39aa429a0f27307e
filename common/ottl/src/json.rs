//! Values as text: JSON as the reference's two encoders write it, and OTLP's own text form.
//!
//! [`like`] is what converters take for the text of a value: map keys sorted, `<`, `>`, `&` escaped,
//! exponents of two digits. [`as_string`] is the text of an OTLP value: a text as it is, JSON otherwise, without
//! the escapes of HTML. In both, bytes inside are base64 and a key that repeats shows its last value.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::RunError;
use crate::value::{Any, Map, Value};

/// How a text is written.
#[derive(Clone, Copy)]
struct Style {
    /// `<`, `>` and `&` as `\u003c` and so on.
    html: bool,
    /// `1e-07` rather than `1e-7`.
    wide_exponent: bool,
}

const LIKE: Style = Style { html: true, wide_exponent: true };
const OTLP: Style = Style { html: false, wide_exponent: false };

/// The JSON of a value that is no text.
pub fn like(value: &Value<'_>) -> Result<String, RunError> {
    let mut out = String::new();
    write_value(&mut out, value, LIKE)?;
    Ok(out)
}

/// The text of an OTLP value; empty for what JSON cannot say.
pub fn as_string(any: &Any) -> String {
    match any {
        Any::Empty => String::new(),
        Any::Str(text) => text.clone(),
        Any::Bool(value) => value.to_string(),
        Any::Int(value) => value.to_string(),
        Any::Double(value) => double_text(*value),
        Any::Bytes(bytes) => base64(bytes),
        Any::Slice(_) | Any::Map(_) => {
            let mut out = String::new();
            write_any(&mut out, any, OTLP).map_or_else(|_| String::new(), |()| out)
        }
    }
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_text(&mut out, text, OTLP);
    out
}

/// A double as text; NaN and infinity are words.
pub fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let mut out = String::new();
    write_double(&mut out, value, OTLP);
    out
}

fn write_value(out: &mut String, value: &Value<'_>, style: Style) -> Result<(), RunError> {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) | Value::Duration(value) => put(out, format_args!("{value}")),
        Value::Double(value) => return finite(out, *value, style),
        Value::Str(text) => write_text(out, text, style),
        Value::Bytes(bytes) => put(out, format_args!("\"{}\"", base64(bytes))),
        Value::Map(map) => return write_map(out, map, style),
        Value::Slice(items) => {
            return write_list(out, items, |out, item| write_any(out, item, style));
        }
        Value::List(items) => {
            return write_list(out, items, |out, item| write_value(out, item, style));
        }
        Value::Time(time) => put(out, format_args!("\"{}\"", time.rfc3339())),
        // Go's encoder takes them for the arrays that they are.
        Value::TraceId(id) | Value::ProfileId(id) => return write_numbers(out, id),
        Value::SpanId(id) => return write_numbers(out, id),
        Value::Opaque(_) => out.push_str("{}"),
    }
    Ok(())
}

fn write_any(out: &mut String, any: &Any, style: Style) -> Result<(), RunError> {
    write_value(out, &any.value(), style)
}

fn write_map(out: &mut String, map: &Map, style: Style) -> Result<(), RunError> {
    let sorted: BTreeMap<&str, &Any> =
        map.entries.iter().map(|(key, value)| (key.as_str(), value)).collect();
    out.push('{');
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(out, key, style);
        out.push(':');
        write_any(out, value, style)?;
    }
    out.push('}');
    Ok(())
}

fn write_list<T>(
    out: &mut String,
    items: &[T],
    mut write: impl FnMut(&mut String, &T) -> Result<(), RunError>,
) -> Result<(), RunError> {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item)?;
    }
    out.push(']');
    Ok(())
}

fn write_numbers(out: &mut String, bytes: &[u8]) -> Result<(), RunError> {
    write_list(out, bytes, |out, byte| {
        put(out, format_args!("{byte}"));
        Ok(())
    })
}

fn write_text(out: &mut String, text: &str, style: Style) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' if !style.html => out.push_str("\\b"),
            '\u{c}' if !style.html => out.push_str("\\f"),
            '<' | '>' | '&' if style.html => put(out, format_args!("\\u{:04x}", character as u32)),
            '\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                put(out, format_args!("\\u{:04x}", character as u32));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn finite(out: &mut String, value: f64, style: Style) -> Result<(), RunError> {
    if !value.is_finite() {
        return Err(RunError::new(format!("JSON has no {value}")));
    }
    write_double(out, value, style);
    Ok(())
}

/// The shortest digits that read back the same; with an exponent below 1e-6 and from 1e21.
fn write_double(out: &mut String, value: f64, style: Style) {
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return put(out, format_args!("{value}"));
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let width = if style.wide_exponent { 2 } else { 1 };
    put(out, format_args!("{digits}e{sign}{exponent:0>width$}"));
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    bytes.iter().for_each(|byte| put(&mut out, format_args!("{byte:02x}")));
    out
}

/// Standard base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (group >> (18 - 6 * digit)) & 63;
            let shown = digit <= chunk.len();
            out.push(if shown { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    out
}

/// Writing to a text cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a text takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_ecmascript_does() {
        for (value, expect) in [
            (3.0, "3"),
            (-0.5, "-0.5"),
            (1e21, "1e+21"),
            (123456789012345680000.0, "123456789012345680000"),
            (1.5e-7, "1.5e-7"),
            (0.000001, "0.000001"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(value), expect);
        }
        assert_eq!(like(&Value::Double(1e-7)).unwrap(), "1e-07");
        assert!(like(&Value::Double(f64::NAN)).is_err());
    }

    #[test]
    fn maps_are_sorted_and_texts_escaped() {
        let map: Map =
            [("b", Any::from("<\"\n")), ("a", Any::Bytes(vec![1, 2]))].into_iter().collect();
        assert_eq!(like(&Value::map(map.clone())).unwrap(), r#"{"a":"AQI=","b":"\u003c\"\n"}"#);
        assert_eq!(as_string(&Any::Map(map)), r#"{"a":"AQI=","b":"<\"\n"}"#);
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"abc"), "YWJj");
    }
}
