//! The time functions, called as the evaluator calls them.

use super::*;
use crate::functions::testing::{call, int, text};

fn at(seconds: i64, nanoseconds: i64) -> Value<'static> {
    Value::Time(Time::utc(i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)))
}

fn rfc3339(value: &Value<'_>) -> String {
    match value {
        Value::Time(time) => {
            write::write(time, &layout::chunks("2006-01-02T15:04:05.999999999Z07:00"))
        }
        other => panic!("not a time: {other:?}"),
    }
}

#[test]
fn texts_are_times() {
    for (time, format, location, expect) in [
        ("2024-01-02 03:04:05", "%Y-%m-%d %H:%M:%S", "Europe/Berlin", "2024-01-02T03:04:05+01:00"),
        (
            "2024-03-10 02:30:00",
            "%Y-%m-%d %H:%M:%S",
            "America/New_York",
            "2024-03-10T01:30:00-05:00",
        ),
        (
            "2024-11-03 01:30:00",
            "%Y-%m-%d %H:%M:%S",
            "America/New_York",
            "2024-11-03T01:30:00-04:00",
        ),
        ("2024-01-02 03:04:05 EST", "%Y-%m-%d %H:%M:%S %Z", "UTC", "2024-01-02T03:04:05-05:00"),
        ("10/Oct/2000:13:55:36 -0700", "%d/%b/%Y:%H:%M:%S %z", "UTC", "2000-10-10T13:55:36-07:00"),
        ("Tue Jan  2 03:04:05 2024", "%c", "UTC", "2024-01-02T03:04:05Z"),
        ("2024-1-2", "%Y-%o-%g", "UTC", "2024-01-02T00:00:00Z"),
        ("2024-01-02T03:04:05,123", "%Y-%m-%dT%H:%M:%S,%L", "UTC", "2024-01-02T03:04:05.123Z"),
        ("01/02/69", "%m/%d/%y", "UTC", "1969-01-02T00:00:00Z"),
        ("12:05 am 2024", "%I:%M %P %Y", "UTC", "2024-01-01T00:05:00Z"),
    ] {
        let value = call(ALL, "Time", vec![text(time), text(format), text(location)]).unwrap();
        assert_eq!(rfc3339(&value), expect, "{time} {format}");
    }
}

#[test]
fn texts_that_are_no_times_are_errors() {
    for (time, format) in [
        ("2023-02-29", "%Y-%m-%d"),
        ("2024-01-02T03:04:05 +02:00", "%Y-%m-%dT%H:%M:%S %i"),
        ("2024-01-02 4", "%Y-%m-%d %k"),
        ("25", "%H"),
        ("\u{e9}", "%Y"),
    ] {
        assert!(call(ALL, "Time", vec![text(time), text(format)]).is_err(), "{time} {format}");
    }
}

#[test]
fn a_time_without_a_year_is_recent() {
    let value = call(ALL, "Time", vec![text("Dec 31"), text("%b %d"), text("UTC")]).unwrap();
    assert_eq!(rfc3339(&value), "2023-12-31T00:00:00Z", "the tests' clock is in June 2024");
}

#[test]
fn locales_name_months_and_days() {
    let locale = |text_: &str, format: &str, locale: &str| {
        call(ALL, "Time", vec![text(text_), text(format), text("UTC"), text(locale)])
    };
    let value = locale("martes 02 enero 2024", "%A %d %B %Y", "es").unwrap();
    assert_eq!(rfc3339(&value), "2024-01-02T00:00:00Z");
    let value = locale("2024 M\u{e4}rz 05", "%Y %B %d", "de").unwrap();
    assert_eq!(rfc3339(&value), "2024-03-05T00:00:00Z");
    assert!(locale("J\u{e4}nner", "%B", "de").is_err());
    assert!(locale("x", "%B", "xx-XX").is_err());
}

#[test]
fn formats_write_as_go_does() {
    for (format, expect) in [
        ("%Y-%m-%dT%H:%M:%S.%LZ", "2024-01-02T03:04:05.007Z"),
        ("%f", "999999"),
        ("%e|%l|%k|%w|%i|%r", " 2|3|+00:00:00|+000000|+00|03:04:05 am"),
        ("%A %d %B %Y", "Tuesday 02 January 2024"),
        ("%z %Z", "Z UTC"),
        ("\u{e9} %Y \u{2713}%%", "\u{e9} 2024 \u{2713}%"),
        ("%c", "Tue Jan 02 03:04:05 2024"),
        ("%y-%o-%q %", "24-_1-1 %"),
    ] {
        let value = call(ALL, "FormatTime", vec![at(1_704_164_645, 7_008_009), text(format)]);
        assert_eq!(format!("{:?}", value.unwrap()), format!("{:?}", text(expect)), "{format}");
    }
    for format in ["", "2006", "%u", "%!"] {
        assert!(call(ALL, "FormatTime", vec![at(0, 0), text(format)]).is_err(), "{format}");
    }
}

#[test]
fn durations_are_those_of_go() {
    for (duration, expect) in [
        ("1h2m", Some(3_720_000_000_000)),
        ("1.1ns", Some(1)),
        ("1\u{3bc}s", Some(1000)),
        ("2540400h10m10s", Some(9_145_440_610_000_000_000)),
        ("+5s", Some(5_000_000_000)),
        ("-.5s", Some(-500_000_000)),
        ("0", Some(0)),
        ("1.s", Some(1_000_000_000)),
        ("9999999h", None),
        ("1", None),
        ("", None),
        (".s", None),
        (" 1s", None),
    ] {
        assert_eq!(duration::parse(duration).ok(), expect, "{duration}");
    }
}

#[test]
fn times_are_cut_from_year_one() {
    for (duration_ns, expect) in [
        (7_000_000_000, "2024-01-02T03:04:00Z"),
        (36_000_000_000_000_000, "2023-08-19T00:00:00Z"),
        (-1, "2024-01-02T03:04:05.123456789Z"),
    ] {
        let args = vec![at(1_704_164_645, 123_456_789), Value::Duration(duration_ns)];
        assert_eq!(rfc3339(&call(ALL, "TruncateTime", args).unwrap()), expect);
    }
}

#[test]
fn parts_and_units() {
    let ns = |value: i64| vec![Value::Duration(value)];
    assert!(
        matches!(call(ALL, "Hours", ns(5_400_000_000_000)), Ok(Value::Double(hours)) if hours == 1.5)
    );
    assert!(matches!(call(ALL, "Milliseconds", ns(1_500_000)), Ok(Value::Int(1))));
    assert!(matches!(call(ALL, "Weekday", vec![at(-1, 0)]), Ok(Value::Int(3))));
    assert!(matches!(
        call(ALL, "UnixSeconds", vec![at(-62_135_596_801, 0)]),
        Ok(Value::Int(-62_135_596_801))
    ));
    let latest = call(ALL, "Unix", vec![int(i64::MAX)]).unwrap();
    assert!(matches!(call(ALL, "UnixSeconds", vec![latest]), Ok(Value::Int(i64::MAX))));
}
