//! A point in time, and the zone in which its parts are told.
//!
//! Years 1 to 9999, nanoseconds: what `jiff` covers. Two times are equal when the instants are.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A point in time with a zone.
#[derive(Clone, Debug)]
pub struct Time {
    /// The instant.
    pub at: Timestamp,
    /// Where year, month, hour and so on are read.
    pub zone: TimeZone,
}

impl Time {
    /// An instant told in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self { at, zone: TimeZone::UTC }
    }

    /// OTLP's `*_time_unix_nano`, told in UTC. Every `u64` is a time (up to the year 2554).
    pub fn from_unix_nano(nanoseconds: u64) -> Self {
        let at = Timestamp::from_nanosecond(i128::from(nanoseconds));
        Self::utc(at.expect("584 years after 1970 are within the range of a timestamp"))
    }

    /// Nanoseconds since 1970, wrapped into 64 bits as Go does it.
    pub fn unix_nano(&self) -> i64 {
        self.at.as_nanosecond() as i64
    }

    /// RFC 3339 with as many digits of the second as it needs.
    pub fn rfc3339(&self) -> String {
        let told = self.at.to_zoned(self.zone.clone());
        let mut text = told.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        if told.subsec_nanosecond() != 0 {
            let fraction = format!(".{:09}", told.subsec_nanosecond());
            text.push_str(fraction.trim_end_matches('0'));
        }
        let offset = if told.offset() == jiff::tz::Offset::UTC { "Z" } else { "%:z" };
        text + &told.strftime(offset).to_string()
    }
}
