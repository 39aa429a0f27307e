//! Zones: by name, by abbreviation, and what they are called.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::layout;
use super::write;
use crate::value::{Time, since_1970};

/// The zone of that name; `Local` and nothing are names too.
pub(super) fn named(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        _ => {
            // As files of the reference's system, names are told apart by their case.
            let found = TimeZone::get(name).ok().filter(|zone| zone.iana_name() == Some(name));
            found.ok_or_else(|| format!("unknown time zone {name:?}"))
        }
    }
}

/// What the zone is called at that time; its offset where it has no name.
pub(super) fn name(time: &Time) -> String {
    if time.zone == TimeZone::UTC {
        return "UTC".to_owned();
    }
    let info = time.zone.to_offset_info(time.nearest());
    if time.zone.to_fixed_offset().is_ok() && time.zone.iana_name().is_none() {
        let seconds = info.offset().seconds();
        let mut text = String::new();
        let parts = if seconds % 3600 == 0 { 1 } else { 2 };
        let style = layout::Offset { z: false, colons: false, parts };
        write::offset(&mut text, seconds, style).expect("a string takes what is written to it");
        return text;
    }
    info.abbreviation().to_owned()
}

/// The instant at which clocks of UTC show `local`.
pub(super) fn in_utc(local: DateTime) -> Time {
    let clock = local.time();
    let second = i64::from(clock.hour()) * 3600 + i64::from(clock.minute()) * 60;
    let second = second + i64::from(clock.second());
    let of_day_ns = i128::from(second) * 1_000_000_000 + i128::from(clock.subsec_nanosecond());
    let (month, day) = (local.month().unsigned_abs(), local.day().unsigned_abs());
    Time::utc(since_1970(local.year().into(), month, day, of_day_ns))
}

/// The time at which clocks of `zone` show what those of UTC show at `as_utc`. In a gap or a fold the choice is
/// Go's: the offset of the moment that it would be in UTC is tried first.
pub(super) fn instant(as_utc: &Time, zone: TimeZone) -> Time {
    let first = earlier(as_utc, zone.to_offset(as_utc.nearest()), &zone);
    earlier(as_utc, zone.to_offset(first.nearest()), &zone)
}

/// As many seconds earlier as the offset is ahead of UTC.
fn earlier(as_utc: &Time, offset: Offset, zone: &TimeZone) -> Time {
    shifted(as_utc, offset.seconds(), zone.clone())
}

/// The time told in `zone` at which clocks that are ahead of UTC by so much show what those of UTC show at `as_utc`.
pub(super) fn shifted(as_utc: &Time, offset_s: i32, zone: TimeZone) -> Time {
    Time { at_ns: as_utc.at_ns - i128::from(offset_s) * 1_000_000_000, zone }
}

/// The zone to tell a time in that was written with this offset: `local` where the offset is in force there.
pub(super) fn of_offset(seconds: i32, at: &Time, local: &TimeZone) -> Option<TimeZone> {
    let offset = Offset::from_seconds(seconds).ok()?;
    if local.to_offset(at.nearest()) == offset {
        return Some(local.clone());
    }
    Some(TimeZone::fixed(offset))
}
