//! A point in time, and the zone in which its parts are told.
//!
//! Nanoseconds since 1970 in 128 bits, so that every number of seconds is a time, as in Go. Offsets are those of
//! `jiff`, which knows zones in the years -9999 to 9999; a time outside of them has the offset of their nearest end.
//! Dates are of the Gregorian calendar, also before it was made. Two times are equal when the instants are.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const NS_PER_S: i128 = 1_000_000_000;
const S_PER_DAY: i128 = 86_400;
/// 400 years have this many days; then the calendar begins anew.
const DAYS_PER_ERA: i128 = 146_097;
/// From the first of March of year 0, where counting is easiest, to 1970.
const DAYS_BEFORE_1970: i128 = 719_468;

/// A point in time with a zone.
#[derive(Clone, Debug)]
pub struct Time {
    /// Nanoseconds since the beginning of 1970 in UTC.
    pub at_ns: i128,
    /// Where year, month, hour and so on are read.
    pub zone: TimeZone,
}

/// A time as calendars and clocks of its zone tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Before year 1 comes year 0.
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// Of the month, from 1.
    pub day: u8,
    /// From 1.
    pub day_of_year: u16,
    /// Sunday is 0.
    pub weekday: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Of the second.
    pub nanosecond: u32,
    /// How far the zone is ahead of UTC.
    pub offset_s: i32,
}

impl Time {
    /// An instant told in UTC.
    pub fn utc(at_ns: i128) -> Self {
        Self { at_ns, zone: TimeZone::UTC }
    }

    /// OTLP's `*_time_unix_nano`, told in UTC.
    pub fn from_unix_nano(nanoseconds: u64) -> Self {
        Self::utc(nanoseconds.into())
    }

    /// Nanoseconds since 1970, wrapped into 64 bits as Go does it.
    pub fn unix_nano(&self) -> i64 {
        self.at_ns as i64
    }

    /// Its parts.
    pub fn told(&self) -> Told {
        let offset_s = self.zone.to_offset(self.nearest()).seconds();
        let local_ns = self.at_ns + i128::from(offset_s) * NS_PER_S;
        let (seconds, nanosecond) = (local_ns.div_euclid(NS_PER_S), local_ns.rem_euclid(NS_PER_S));
        let (days, second) = (seconds.div_euclid(S_PER_DAY), seconds.rem_euclid(S_PER_DAY));
        let (year, month, day) = date(days);
        Told {
            year: year as i64,
            month,
            day,
            day_of_year: (days - days_before(year, 1, 1) + 1) as u16,
            // The first of January 1970 was a Thursday.
            weekday: (days + 4).rem_euclid(7) as u8,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            nanosecond: nanosecond as u32,
            offset_s,
        }
    }

    /// The instant as `jiff` has it, or the nearest that it has.
    pub fn nearest(&self) -> Timestamp {
        let nearest = if self.at_ns < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_nanosecond(self.at_ns).unwrap_or(nearest)
    }

    /// RFC 3339 with as many digits of the second as it needs.
    pub fn rfc3339(&self) -> String {
        let told = self.told();
        let Told { year, month, day, hour, minute, second, .. } = told;
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if told.nanosecond != 0 {
            let fraction = format!(".{:09}", told.nanosecond);
            text.push_str(fraction.trim_end_matches('0'));
        }
        let sign = if told.offset_s < 0 { '-' } else { '+' };
        let minutes = told.offset_s.unsigned_abs() / 60;
        match told.offset_s {
            0 => text + "Z",
            _ => text + &format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        }
    }
}

/// Nanoseconds from 1970 to a date and a clock's time, in UTC.
pub(crate) fn since_1970(year: i64, month: u8, day: u8, of_day_ns: i128) -> i128 {
    days_before(year.into(), month, day) * S_PER_DAY * NS_PER_S + of_day_ns
}

/// Days from 1970 to a date. Years are counted from March, so that a leap day is the last one.
fn days_before(year: i128, month: u8, day: u8) -> i128 {
    let (year, month) = (year - i128::from(month < 3), i128::from((month + 9) % 12));
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + i128::from(day) - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    year.div_euclid(400) * DAYS_PER_ERA + days - DAYS_BEFORE_1970
}

/// The date so many days after 1970 began.
fn date(days: i128) -> (i128, u8, u8) {
    let days = days + DAYS_BEFORE_1970;
    let (era, day) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    // Every 4, but not every 100, but every 400 years there is a day more.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, is_next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + is_next, month as u8, of_month as u8)
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, Weekday};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_beyond_the_calendar_of_others() {
        for (seconds, expect) in [
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "10000-01-01T00:00:00Z"),
            (-62_135_596_800, "0001-01-01T00:00:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (i64::MAX, "292277026596-12-04T15:30:07Z"),
        ] {
            assert_eq!(Time::utc(i128::from(seconds) * NS_PER_S).rfc3339(), expect);
        }
    }

    proptest! {
        #[test]
        fn dates_are_those_of_jiff(year in -9999_i16..=9999, day in 1_i16..=365, ns in 0..86_400_000_000_000_i128) {
            let date = Date::new(year, 1, 1).unwrap().with().day_of_year(day).build().unwrap();
            let (month, of_month) = (date.month() as u8, date.day() as u8);
            let time = Time::utc(since_1970(year.into(), month, of_month, ns));
            let told = time.told();
            prop_assert_eq!((told.year, told.month, told.day), (year.into(), month, of_month));
            prop_assert_eq!(told.day_of_year, day as u16);
            let weekday = Weekday::from_sunday_zero_offset(told.weekday as i8).unwrap();
            prop_assert_eq!(weekday, date.weekday());
            let of_day = i128::from(told.hour) * 3600 + i128::from(told.minute) * 60 + i128::from(told.second);
            prop_assert_eq!(of_day * NS_PER_S + i128::from(told.nanosecond), ns);
        }

        #[test]
        fn days_lead_to_dates_and_back(days in -200_000_000_000_000_i128..200_000_000_000_000) {
            let (year, month, day) = date(days);
            prop_assert_eq!(days_before(year, month, day), days);
        }
    }
}
