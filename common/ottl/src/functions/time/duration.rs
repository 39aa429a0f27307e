//! Durations as Go writes them: `1h2m`, `-1.5s`, `100us`.

use crate::RunError;

/// Nanoseconds of `text`. A fraction of a nanosecond is cut off; what 64 bits cannot hold is an error.
pub(super) fn parse(text: &str) -> Result<i64, RunError> {
    nanoseconds(text).ok_or_else(|| RunError::new(format!("invalid duration {text:?}")))
}

fn nanoseconds(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total_ns = 0i128;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (part_ns, after) = part(rest)?;
        total_ns = total_ns.checked_add(part_ns)?;
        rest = after;
    }
    i64::try_from(if negative { -total_ns } else { total_ns }).ok()
}

/// One number with its unit, and what follows it.
fn part(text: &str) -> Option<(i128, &str)> {
    let whole_len = digits_len(text);
    let (whole, mut rest) = text.split_at(whole_len);
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        (fraction, rest) = after.split_at(digits_len(after));
    }
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_len = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_len);
    let unit_ns = unit_ns(unit)?;
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.into() };
    Some((whole * unit_ns + fraction_ns(fraction, unit_ns), rest))
}

fn digits_len(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The first eighteen digits decide; more cannot move a nanosecond.
fn fraction_ns(digits: &str, unit_ns: i128) -> i128 {
    let digits = &digits[..digits.len().min(18)];
    let scale = 10i128.pow(digits.len() as u32);
    digits.parse::<i128>().unwrap_or(0) * unit_ns / scale
}

fn unit_ns(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}
