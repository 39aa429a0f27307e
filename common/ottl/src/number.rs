//! Numbers as Go has them: in texts as `strconv` reads them, and one made of the other.

/// A double as a whole number, as amd64 converts it: what does not fit becomes the smallest one.
pub fn truncated(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) { value as i64 } else { i64::MIN }
}

use std::borrow::Cow;

/// A double: decimal or hexadecimal, with `_` between digits or behind a base prefix, infinity and NaN as words.
pub fn parse_double(text: &str) -> Option<f64> {
    let (negative, body) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let size = match body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        Some(digits) => hexadecimal(digits)?,
        None => decimal(body)?,
    };
    Some(if negative { -size } else { size })
}

fn decimal(body: &str) -> Option<f64> {
    let is_word = ["inf", "infinity", "nan"].iter().any(|word| body.eq_ignore_ascii_case(word));
    if !is_word && !body.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let value: f64 = joined(body)?.parse().ok()?;
    // Go refuses what is out of range; Rust makes it infinite.
    (value.is_finite() || is_word).then_some(value)
}

/// The digits without the `_` between them; nothing where one stands elsewhere.
fn joined(body: &str) -> Option<Cow<'_, str>> {
    if !body.contains('_') {
        return Some(Cow::Borrowed(body));
    }
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = body.as_bytes();
    let mut places = (0..bytes.len()).filter(|at| bytes[*at] == b'_');
    let between = |at: usize| at > 0 && is_digit(bytes.get(at - 1)) && is_digit(bytes.get(at + 1));
    places.all(between).then(|| Cow::Owned(body.replace('_', "")))
}

/// `1.8p3`: hexadecimal digits and a binary exponent, which must be there.
fn hexadecimal(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0f64;
    for digit in whole.chars().chain(fraction.chars()).filter(|digit| *digit != '_') {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let value = value * 2f64.powi(exponent.checked_sub(places.checked_mul(4)?)?);
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::parse_double;

    #[test]
    fn numbers_are_those_of_go() {
        for (text, expect) in [
            ("1.5", Some(1.5)),
            ("-.5e1", Some(-5.0)),
            ("+Inf", Some(f64::INFINITY)),
            ("0x1.8p1", Some(3.0)),
            ("1e999", None),
            ("", None),
            ("-", None),
            (" 1", None),
            ("1_000.5", Some(1000.5)),
            ("1e1_0", Some(1e10)),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("1_.5", None),
            ("0x1", None),
        ] {
            assert_eq!(parse_double(text), expect, "{text}");
        }
    }
}
