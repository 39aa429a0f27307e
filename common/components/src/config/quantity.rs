//! Quantities with a unit: durations, sizes, rates and addresses, as texts.
//!
//! Durations are Go's (`1h30m`, `200ms`, `1.5s`, `0`), sizes take `KiB MiB GiB TiB` and their
//! decimal cousins, rates are `N/s`, `N/m` or `N/h`. Addresses are split and checked, not
//! resolved: a name is looked up by who listens or connects. All arithmetic is checked; a value
//! that does not fit is an error, never a wrap.

use std::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

/// Host and port as written, the host without brackets. An empty host means every interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Name or IP address.
    pub host: String,
    /// Port; 0 takes a free one where it is listened on.
    pub port: u16,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Events per second.
    pub per_s: f64,
}

/// What is wrong with a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The text does not have the form.
    Syntax,
    /// A number without a unit.
    NoUnit,
    /// Below zero.
    Negative,
    /// Beyond what the type holds.
    TooLarge,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Parses a Go duration of at most [`u64::MAX`] nanoseconds (584 years).
pub fn duration(text: &str) -> Result<Duration, Malformed> {
    let text = match text.strip_prefix('-') {
        Some(rest) => {
            return duration(rest.trim_start_matches(['-', '+'])).and(Err(Malformed::Negative));
        }
        None => text.strip_prefix('+').unwrap_or(text),
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(Malformed::Syntax);
    }
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let (term_ns, tail) = duration_term(rest)?;
        total = total.checked_add(term_ns).ok_or(Malformed::TooLarge)?;
        rest = tail;
    }
    Ok(Duration::from_nanos(total))
}

/// Parses a size in bytes: a whole number, with or without a unit.
pub fn bytes(text: &str) -> Result<u64, Malformed> {
    let (number, unit) = split_number(text);
    let scale = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1_u64 << 40,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(Malformed::Syntax),
    };
    let (units, fraction) = decimal(number)?;
    fixed(units, fraction, scale)
}

/// Parses `200/s`, `6/h`, `1.5/m`.
pub fn rate(text: &str) -> Result<Rate, Malformed> {
    let (number, per) = text.split_once('/').ok_or(Malformed::NoUnit)?;
    let seconds = match per {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(Malformed::Syntax),
    };
    decimal(number)?;
    let count: f64 = number.parse().map_err(|_| Malformed::Syntax)?;
    Ok(Rate { per_s: count / seconds })
}

/// Splits `host:port`, `[::1]:4317` or `:4317`.
pub fn address(text: &str) -> Result<Address, Malformed> {
    let (host, port) = text.rsplit_once(':').ok_or(Malformed::NoUnit)?;
    let host = host_of(host)?;
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        return Err(Malformed::Syntax);
    }
    let port = port.parse().map_err(|_| Malformed::TooLarge)?;
    Ok(Address { host: host.to_owned(), port })
}

/// The host of an address without brackets, checked for characters no host has.
pub fn host_of(host: &str) -> Result<&str, Malformed> {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let literal = inner.split('%').next().unwrap_or(inner);
        return literal.parse::<Ipv6Addr>().map(|_| inner).map_err(|_| Malformed::Syntax);
    }
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if host.bytes().all(valid) { Ok(host) } else { Err(Malformed::Syntax) }
}

fn duration_term(text: &str) -> Result<(u64, &str), Malformed> {
    let (number, rest) = split_number(text);
    let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let scale = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "" => return Err(Malformed::NoUnit),
        _ => return Err(Malformed::Syntax),
    };
    let (units, fraction) = decimal(number)?;
    Ok((fixed(units, fraction, scale)?, rest))
}

fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    text.split_at(end)
}

// Whole part and fraction of `12.5`; at least one digit in all.
fn decimal(number: &str) -> Result<(u64, &str), Malformed> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err(Malformed::Syntax);
    }
    let units = if whole.is_empty() { Ok(0) } else { whole.parse() };
    Ok((units.map_err(|_| Malformed::TooLarge)?, fraction))
}

// units.fraction * scale, digits below one unit of the result cut off, as Go does.
fn fixed(units: u64, fraction: &str, scale: u64) -> Result<u64, Malformed> {
    let whole = units.checked_mul(scale).ok_or(Malformed::TooLarge)?;
    let (mut part, mut unit) = (0_u128, u128::from(scale) * 1_000_000_000_000);
    for digit in fraction.bytes() {
        unit /= 10;
        part += u128::from(digit - b'0') * unit;
    }
    let part = u64::try_from(part / 1_000_000_000_000).map_err(|_| Malformed::TooLarge)?;
    whole.checked_add(part).ok_or(Malformed::TooLarge)
}

#[cfg(test)]
mod tests;
