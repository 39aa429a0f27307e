//! Whole numbers of any base, as Go's `strconv.ParseInt` reads them.

use crate::RunError;
use crate::function::Args;
use crate::value::Value;

/// `ParseInt(text, base)`.
pub(super) fn call<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let (text, base) = (args.str(0)?, args.int(1)?);
    if !(base == 0 || (2..=36).contains(&base)) {
        return Err(RunError::new(format!("no base: {base} is neither 0 nor from 2 to 36")));
    }
    let number = parse(text, base as u32);
    number
        .map(Value::Int)
        .ok_or_else(|| RunError::new(format!("{text:?} is no number of base {base}")))
}

fn parse(text: &str, base: u32) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    if base != 0 {
        return i64::from_str_radix(&format!("{sign}{digits}"), base).ok();
    }
    let (base, digits) = prefixed(digits)?;
    i64::from_str_radix(&format!("{sign}{digits}"), base).ok()
}

/// The base that a prefix tells, and the digits without `_`, which must stand between digits.
fn prefixed(digits: &str) -> Option<(u32, String)> {
    let lower = digits.to_ascii_lowercase();
    let (base, body, prefix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..], true),
        [b'0', b'b', ..] => (2, &lower[2..], true),
        [b'0', b'o', ..] => (8, &lower[2..], true),
        [b'0', _, ..] => (8, &lower[1..], true),
        _ => (10, &lower[..], false),
    };
    let body = if prefix { body.strip_prefix('_').unwrap_or(body) } else { body };
    let misplaced = body.starts_with('_') || body.ends_with('_') || body.contains("__");
    (!misplaced && !body.is_empty()).then(|| (base, body.replace('_', "")))
}
