//! A time as text.

use std::fmt::Write as _;

use super::layout::{Chunk, Offset, Pad};
use super::zone;
use crate::value::{Time, Told};

/// English names of months, from January.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// English names of days, from Sunday.
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The time as the layout writes it.
pub(super) fn write(time: &Time, layout: &[Chunk]) -> String {
    let at = time.told();
    let mut out = String::new();
    for chunk in layout {
        if write_chunk(&mut out, time, &at, chunk).is_err() {
            unreachable!("a string takes what is written to it");
        }
    }
    out
}

fn write_chunk(out: &mut String, time: &Time, at: &Told, chunk: &Chunk) -> std::fmt::Result {
    match chunk {
        Chunk::Text(text) => out.write_str(text),
        Chunk::Year => year(out, at.year),
        Chunk::ShortYear => write!(out, "{:02}", at.year.rem_euclid(100)),
        Chunk::MonthName { long } => out.write_str(name(MONTHS[at.month as usize - 1], *long)),
        Chunk::Month { zero } => padded(out, at.month, 2, pad(*zero)),
        Chunk::DayName { long } => out.write_str(name(DAYS[at.weekday as usize], *long)),
        Chunk::Day(pad) => padded(out, at.day, 2, *pad),
        Chunk::DayOfYear(pad) => padded(out, at.day_of_year, 3, *pad),
        Chunk::Hour => write!(out, "{:02}", at.hour),
        Chunk::Hour12 { zero } => padded(out, (at.hour + 11) % 12 + 1, 2, pad(*zero)),
        Chunk::Minute { zero } => padded(out, at.minute, 2, pad(*zero)),
        Chunk::Second { zero } => padded(out, at.second, 2, pad(*zero)),
        Chunk::HalfDay { upper } => out.write_str(half_day(at.hour >= 12, *upper)),
        Chunk::Fraction { mark, digits, exact } => fraction(out, at, *mark, *digits, *exact),
        Chunk::ZoneName => out.write_str(&zone::name(time)),
        Chunk::Offset(style) => offset(out, at.offset_s, *style),
    }
}

/// At least four digits.
fn year(out: &mut String, year: i64) -> std::fmt::Result {
    let sign = if year < 0 { "-" } else { "" };
    write!(out, "{sign}{:04}", year.unsigned_abs())
}

fn name(long_name: &str, long: bool) -> &str {
    if long { long_name } else { &long_name[..3] }
}

fn pad(zero: bool) -> Pad {
    if zero { Pad::Zero } else { Pad::None }
}

fn half_day(after_noon: bool, upper: bool) -> &'static str {
    match (after_noon, upper) {
        (false, true) => "AM",
        (true, true) => "PM",
        (false, false) => "am",
        (true, false) => "pm",
    }
}

fn padded(out: &mut String, number: impl Into<u16>, width: usize, pad: Pad) -> std::fmt::Result {
    let number = number.into();
    match pad {
        Pad::None => write!(out, "{number}"),
        Pad::Space => write!(out, "{number:width$}"),
        Pad::Zero => write!(out, "{number:0width$}"),
    }
}

fn fraction(
    out: &mut String,
    at: &Told,
    mark: char,
    digits: usize,
    exact: bool,
) -> std::fmt::Result {
    let all = format!("{:09}", at.nanosecond);
    let mut shown = &all[..digits.min(all.len())];
    if !exact {
        shown = shown.trim_end_matches('0');
    }
    if shown.is_empty() { Ok(()) } else { write!(out, "{mark}{shown}") }
}

/// An offset from UTC; also what stands for the name of a zone without one.
pub(super) fn offset(out: &mut String, seconds: i32, style: Offset) -> std::fmt::Result {
    if style.z && seconds == 0 {
        return out.write_char('Z');
    }
    out.write_char(if seconds < 0 { '-' } else { '+' })?;
    let size = seconds.unsigned_abs();
    let parts = [size / 3600, size / 60 % 60, size % 60];
    for (index, part) in parts.iter().take(style.parts).enumerate() {
        if index > 0 && style.colons {
            out.write_char(':')?;
        }
        write!(out, "{part:02}")?;
    }
    Ok(())
}
