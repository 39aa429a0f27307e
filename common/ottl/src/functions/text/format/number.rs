//! Numbers under their verbs.

use super::{Spec, quote};

/// Whether the verb is one for whole numbers; then the number is appended.
pub(super) fn int(out: &mut String, number: i64, verb: char, spec: Spec) -> bool {
    let size = number.unsigned_abs();
    let digits = match verb {
        'd' | 'v' => size.to_string(),
        'b' => format!("{size:b}"),
        'o' | 'O' => format!("{size:o}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        'c' => {
            spec.pad(out, character(number).encode_utf8(&mut [0; 4]));
            return true;
        }
        'q' => {
            spec.pad(out, &quote::character(character(number), spec.plus));
            return true;
        }
        'U' => {
            spec.pad(out, &code_point(number, spec));
            return true;
        }
        _ => return false,
    };
    whole(out, number < 0, digits, verb, spec);
    true
}

/// Sign, prefix and zeros around digits.
fn whole(out: &mut String, is_negative: bool, digits: String, verb: char, mut spec: Spec) {
    let sign = sign(is_negative, spec);
    let is_padded = spec.zero && spec.width.is_some() && spec.precision.is_none();
    let least = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if is_padded => width.saturating_sub(sign.len()),
        _ => 0,
    };
    spec.zero = false;
    if spec.precision == Some(0) && digits == "0" {
        return spec.pad(out, "");
    }
    let digits = format!("{digits:0>least$}");
    let prefix = match verb {
        'O' => "0o",
        'b' if spec.sharp => "0b",
        'o' if spec.sharp && !digits.starts_with('0') => "0",
        'x' if spec.sharp => "0x",
        'X' if spec.sharp => "0X",
        _ => "",
    };
    spec.pad(out, &format!("{sign}{prefix}{digits}"));
}

fn sign(is_negative: bool, spec: Spec) -> &'static str {
    match (is_negative, spec.plus, spec.space) {
        (true, _, _) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
}

/// The character of that number, if there is one.
fn character(number: i64) -> char {
    let code = u32::try_from(number).ok();
    code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// `U+20AC`, with `#` also the character.
fn code_point(number: i64, spec: Spec) -> String {
    let least = spec.precision.unwrap_or(4).max(4);
    let code = format!("U+{:0>least$}", format!("{:X}", number.cast_unsigned()));
    if spec.sharp { format!("{code} '{}'", character(number)) } else { code }
}

/// Whether the verb is one for doubles; then the number is appended.
pub(super) fn double(out: &mut String, number: f64, verb: char, spec: Spec) -> bool {
    let size = number.abs();
    let digits = match verb {
        _ if !matches!(verb, 'v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F' | 'x' | 'X' | 'b') => {
            return false;
        }
        _ if number.is_nan() => "NaN".to_owned(),
        _ if number.is_infinite() => "Inf".to_owned(),
        'f' | 'F' => format!("{size:.*}", spec.precision.unwrap_or(6)),
        'e' | 'E' => exponential(&format!("{size:.*e}", spec.precision.unwrap_or(6))),
        'x' | 'X' => hexadecimal(size),
        'b' => binary(size),
        _ => general(size, spec.precision),
    };
    let digits = if matches!(verb, 'E' | 'G' | 'X') { digits.to_uppercase() } else { digits };
    let mut spec = spec;
    let sign = sign(number.is_sign_negative() && !number.is_nan(), spec);
    if spec.zero && number.is_finite() {
        // Zeros stand behind the sign.
        out.push_str(sign);
        spec.width = spec.width.map(|width| width.saturating_sub(sign.len()));
        spec.pad(out, &digits);
    } else {
        spec.zero = false;
        // Infinity always shows its sign.
        let sign = if number.is_infinite() && sign.is_empty() { "+" } else { sign };
        spec.pad(out, &format!("{sign}{digits}"));
    }
    true
}

/// Rust's `1.5e-7` with Go's exponent of a sign and two digits.
fn exponential(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// The shorter of both forms: with an exponent below 1e-4, and where there are more digits than precision.
fn general(size: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{size:.*e}", precision.max(1) - 1),
        None => format!("{size:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let count = mantissa.bytes().filter(u8::is_ascii_digit).count() as i64;
    let most = match precision {
        None => 6,
        Some(precision) => {
            let precision = precision.max(1) as i64;
            if precision > count && count > exponent { count } else { precision }
        }
    };
    // The shortest digits of a number that has them all before the point need no exponent below 21 of them.
    if exponent < -4 || exponent >= most {
        return exponential(&format!("{mantissa}e{exponent}"));
    }
    let decimals = usize::try_from(count - 1 - exponent).unwrap_or(0);
    format!("{size:.decimals$}")
}

/// `0x1.8p+01`.
fn hexadecimal(size: f64) -> String {
    let (mantissa, exponent) = parts(size);
    if mantissa == 0 {
        return "0x0p+00".to_owned();
    }
    let shift = mantissa.leading_zeros() - 11;
    let exponent = exponent + 52 - i64::from(shift);
    let fraction = format!("{:013x}", (mantissa << shift) & ((1 << 52) - 1));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x1{point}{fraction}p{sign}{:02}", exponent.abs())
}

/// `4503599627370496p-52`.
fn binary(size: f64) -> String {
    let (mantissa, exponent) = parts(size);
    format!("{mantissa}p{exponent:+}")
}

/// The number as a whole number times a power of two.
fn parts(size: f64) -> (u64, i64) {
    let bits = size.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) & 0x7ff {
        0 => (fraction, -1074),
        exponent => (fraction | (1 << 52), exponent as i64 - 1075),
    }
}
