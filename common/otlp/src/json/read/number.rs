//! Numbers of JSON, in quotes or not, as the kinds of protobuf.

use super::error::Fault;
use super::scan::Scanner;
use crate::schema::Kind;

/// A double: a number, or the names of those that JSON lacks. Out of range is an error.
pub(super) fn double(scan: &mut Scanner<'_>) -> Result<f64, Fault> {
    const EXPECTED: &str = "a number";
    let (text, start) = scan.number(EXPECTED)?;
    let value = match &text[..] {
        b"NaN" => Some(f64::NAN),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        text if is_number(text) => {
            let text = std::str::from_utf8(text).unwrap_or_default();
            text.parse().ok().filter(|value: &f64| value.is_finite())
        }
        _ => None,
    };
    value.ok_or_else(|| scan.unexpected(start, EXPECTED))
}

/// A whole number in the range of `kind`.
pub(super) fn integer(scan: &mut Scanner<'_>, kind: Kind) -> Result<i128, Fault> {
    let (min, max, expected) = range(kind);
    // OTLP: enums are numbers, never their names, so a text is none.
    let offset = scan.start();
    let is_text = scan.is_text_at(offset);
    let (text, start) = scan.number(expected)?;
    let value = whole(&text).filter(|value| (min..=max).contains(value));
    let value = value.filter(|_| !(is_text && matches!(kind, Kind::Enum)));
    value.ok_or_else(|| scan.unexpected(start, expected))
}

fn range(kind: Kind) -> (i128, i128, &'static str) {
    match kind {
        Kind::Uint32 | Kind::Fixed32 => (0, u32::MAX.into(), "a whole number from 0 to 4294967295"),
        Kind::Sint32 => (i32::MIN.into(), i32::MAX.into(), "a whole number of 32 bits"),
        Kind::Enum => (i32::MIN.into(), i32::MAX.into(), "the number of an enum's value"),
        Kind::Uint64 | Kind::Fixed64 => {
            (0, u64::MAX.into(), "a whole number from 0 to 18446744073709551615")
        }
        _ => (i64::MIN.into(), i64::MAX.into(), "a whole number of 64 bits"),
    }
}

/// Whether `text` is a number by JSON's grammar.
pub(super) fn is_number(text: &[u8]) -> bool {
    parts(text).is_some()
}

/// A number as it is written.
struct Parts<'a> {
    is_negative: bool,
    digits: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

fn parts(text: &[u8]) -> Option<Parts<'_>> {
    let (is_negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (digits, mut rest) = split_digits(text);
    if digits.is_empty() || (digits.len() > 1 && digits[0] == b'0') {
        return None;
    }
    let mut fraction = &[][..];
    if let [b'.', after @ ..] = rest {
        (fraction, rest) = split_digits(after);
        if fraction.is_empty() {
            return None;
        }
    }
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => exponent(rest)?,
        _ => return None,
    };
    Some(Parts { is_negative, digits, fraction, exponent })
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// An exponent; one without end is as good as a very large one.
fn exponent(text: &[u8]) -> Option<i64> {
    let (sign, text) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    let (digits, rest) = split_digits(text);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let value = digits.iter().fold(0i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(1 << 40)
    });
    Some(sign * value)
}

/// The value of a whole number; `None` if it has a fraction or more digits than any kind takes.
fn whole(text: &[u8]) -> Option<i128> {
    let parts = parts(text)?;
    let significant = || parts.digits.iter().chain(parts.fraction);
    // Digits before the decimal point, once the exponent has moved it.
    let point = parts.exponent.checked_add(i64::try_from(parts.digits.len()).ok()?)?;
    let mut value = 0i128;
    let mut place = 0i64;
    for digit in significant() {
        let digit = i128::from(digit - b'0');
        if place < point {
            value = value.checked_mul(10)?.checked_add(digit)?;
        } else if digit != 0 {
            return None;
        }
        place += 1;
    }
    while place < point && value != 0 {
        value = value.checked_mul(10)?;
        place += 1;
    }
    Some(if parts.is_negative { -value } else { value })
}
