//! Times from 1970 on: as OTLP counts them, and as people and contracts write them (RFC 3339).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 24 * 3600;
const SECOND_NS: u64 = 1_000_000_000;

/// A time in nanoseconds since 1970; what lies before is 1970.
pub fn unix_ns(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A time as text, in UTC with milliseconds.
pub fn rfc3339(time: SystemTime) -> String {
    format(unix_ns(time))
}

/// Parses what [`rfc3339`] writes, and everything else that [`parse`] does.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    parse(text).map(|time_ns| UNIX_EPOCH + Duration::from_nanos(time_ns))
}

/// Parses a time, in nanoseconds since 1970. What lies before 1970 reads as 1970, what is too late as the last time there is.
pub fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', 't', ' '])?;
    let (clock, zone_s) = split_zone(time)?;
    let days = parse_date(date)?;
    let (seconds, fraction_ns) = parse_clock(clock)?;
    let seconds = days * DAY_S.cast_signed() + seconds - zone_s;
    let nanoseconds = i128::from(seconds) * i128::from(SECOND_NS) + i128::from(fraction_ns);
    Some(u64::try_from(nanoseconds.max(0)).unwrap_or(u64::MAX))
}

/// The time with milliseconds, in UTC.
pub fn format(time_ns: u64) -> String {
    let (seconds, milliseconds) = (time_ns / SECOND_NS, time_ns % SECOND_NS / 1_000_000);
    let (year, month, day) = civil(seconds / DAY_S);
    let clock = seconds % DAY_S;
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Splits the zone off, as seconds east of Greenwich.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let (clock, zone) = time.split_at_checked(time.rfind(['+', '-'])?)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone[1..].split_once(':')?;
    Some((clock, sign * (number(hours, 2, 0..=23)? * 3600 + number(minutes, 2, 0..=59)? * 60)))
}

/// Days since 1970.
fn parse_date(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4, 0..=9999)?;
    let month = number(parts.next()?, 2, 1..=12)?;
    let day = number(parts.next()?, 2, 1..=days_in(year, month))?;
    parts.next().is_none().then(|| days(year, month, day))
}

/// Seconds since midnight and the fraction. A leap second is the first of the next minute.
fn parse_clock(clock: &str) -> Option<(i64, u64)> {
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2, 0..=23)?;
    let minute = number(parts.next()?, 2, 0..=59)?;
    let second = number(parts.next()?, 2, 0..=60)?;
    let fraction_ns = match fraction {
        Some(digits) => parse_fraction(digits)?,
        None => 0,
    };
    parts.next().is_none().then_some((hour * 3600 + minute * 60 + second, fraction_ns))
}

fn parse_fraction(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nine = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(nine.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn number(text: &str, digits: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && range.contains(number))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970 to a date of the Gregorian calendar, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date so many days after 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(parse(text), expect, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-23T12:34:56.789Z", Some(1_795_437_296_789_000_000));
        check("2026-11-23t14:34:56.789000001+02:00", Some(1_795_437_296_789_000_001));
        check("2026-11-23 07:04:56.7890000019-05:30", Some(1_795_437_296_789_000_001));
        check("2000-02-29T00:00:00Z", Some(951_782_400_000_000_000));
        check("1960-01-01T00:00:00Z", Some(0));
        check("9999-12-31T23:59:59Z", Some(u64::MAX));
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T12:34:56",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T12:34:56.Z",
            "2026-11-23T12:34Z",
            "-026-11-23T00:00:00Z",
            "2026-11-23T12:34:56+2:00",
            "2026-11-23T12:34:56\u{e9}",
            "1795437296",
            "2026-11-23T1\u{e9}:34:56Z",
        ] {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn hostile_texts_never_panic(text in "[0-9TZtz:.+ -]{0,40}", any in ".{0,40}") {
            for text in [&text, &any] {
                if let Some(time_ns) = parse(text) {
                    prop_assert_eq!(parse(&format(time_ns)), Some(time_ns / 1_000_000 * 1_000_000));
                }
            }
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let step = 86_399_123_000_000;
        for time_ns in (0..20_000).map(|index| index * step) {
            assert_eq!(parse(&format(time_ns)), Some(time_ns), "{}", format(time_ns));
        }
        assert_eq!(format(1_795_437_296_789_999_999), "2026-11-23T12:34:56.789Z");
    }
}
