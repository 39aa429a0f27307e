//! Zones: by name, by abbreviation, and what they are called.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::layout;
use super::write;

/// The zone of that name; `Local` and nothing are names too.
pub(super) fn named(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        _ => TimeZone::get(name).map_err(|_| format!("unknown time zone {name:?}")),
    }
}

/// What the zone is called at that time; its offset where it has no name.
pub(super) fn name(at: &Zoned) -> String {
    if *at.time_zone() == TimeZone::UTC {
        return "UTC".to_owned();
    }
    if at.time_zone().to_fixed_offset().is_ok() && at.time_zone().iana_name().is_none() {
        let seconds = at.offset().seconds();
        let mut text = String::new();
        let parts = if seconds % 3600 == 0 { 1 } else { 2 };
        let style = layout::Offset { z: false, colons: false, parts };
        write::offset(&mut text, seconds, style).expect("a string takes what is written to it");
        return text;
    }
    at.time_zone().to_offset_info(at.timestamp()).abbreviation().to_owned()
}

/// The instant at which clocks of `zone` show `local`. In a gap or a fold the choice is Go's: the offset of the
/// moment that `local` would be in UTC is tried first.
pub(super) fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let as_utc = Offset::UTC.to_timestamp(local).ok()?;
    let first = zone.to_offset(as_utc);
    if first == Offset::UTC {
        return Some(as_utc);
    }
    let second = zone.to_offset(first.to_timestamp(local).ok()?);
    second.to_timestamp(local).ok()
}

/// The zone to tell a time in that was written with this offset: `local` where the offset is in force there.
pub(super) fn of_offset(seconds: i32, at: Timestamp, local: &TimeZone) -> Option<TimeZone> {
    let offset = Offset::from_seconds(seconds).ok()?;
    if local.to_offset(at) == offset {
        return Some(local.clone());
    }
    Some(TimeZone::fixed(offset))
}
