//! Times and durations.
//!
//! A time carries the zone it is told in; its parts (`Hour`, `Day`) are read there. Formats are strptime-like and
//! act through `layout`, as in the reference. Every number of seconds is a time.

use jiff::tz::TimeZone;

use crate::RunError;
use crate::function::Kind::{Duration, Int, LiteralStr, Str, Time as Instant};
use crate::function::{Args, Blame, Body, Call, Definition, Param, Unfit, optional, required};
use crate::value::{Time, Told, Value};

mod duration;
mod layout;
mod locale;
mod parse;
mod strptime;
mod write;
mod zone;

use strptime::Use;

const NS_PER_S: i64 = 1_000_000_000;
/// From the first of January of year 1, where Go counts from, to 1970.
const S_BEFORE_1970: i128 = 62_135_596_800;

const OF_TIME: &[Param] = &[required("time", Instant)];
const OF_DURATION: &[Param] = &[required("duration", Duration)];

/// The family.
pub const ALL: &[Definition] = &[
    define("Now", &[], Body::Plain(|args| Ok(Value::Time(args.now()?)))),
    define(
        "Time",
        &[
            required("time", Str),
            required("format", LiteralStr),
            optional("location", LiteralStr),
            optional("locale", LiteralStr),
        ],
        Body::Prepared(time),
    ),
    define(
        "FormatTime",
        &[required("time", Instant), required("format", LiteralStr)],
        Body::Prepared(format_time),
    ),
    define("Duration", &[required("duration", Str)], Body::Plain(duration_of)),
    define("Hours", OF_DURATION, Body::Plain(|args| fractional(args, 3600 * NS_PER_S))),
    define("Minutes", OF_DURATION, Body::Plain(|args| fractional(args, 60 * NS_PER_S))),
    define("Seconds", OF_DURATION, Body::Plain(|args| fractional(args, NS_PER_S))),
    define("Milliseconds", OF_DURATION, Body::Plain(|args| whole(args, 1_000_000))),
    define("Microseconds", OF_DURATION, Body::Plain(|args| whole(args, 1000))),
    define("Nanoseconds", OF_DURATION, Body::Plain(|args| whole(args, 1))),
    define("Year", OF_TIME, Body::Plain(|args| part(args, |at| at.year))),
    define("Month", OF_TIME, Body::Plain(|args| part(args, |at| at.month.into()))),
    define("Day", OF_TIME, Body::Plain(|args| part(args, |at| at.day.into()))),
    define("Hour", OF_TIME, Body::Plain(|args| part(args, |at| at.hour.into()))),
    define("Minute", OF_TIME, Body::Plain(|args| part(args, |at| at.minute.into()))),
    define("Second", OF_TIME, Body::Plain(|args| part(args, |at| at.second.into()))),
    define("Nanosecond", OF_TIME, Body::Plain(|args| part(args, |at| at.nanosecond.into()))),
    define("Weekday", OF_TIME, Body::Plain(|args| part(args, |at| at.weekday.into()))),
    define("Unix", &[required("seconds", Int), optional("nanoseconds", Int)], Body::Plain(unix)),
    define("UnixNano", OF_TIME, Body::Plain(|args| since_1970(args, 1))),
    define("UnixMicro", OF_TIME, Body::Plain(|args| since_1970(args, 1000))),
    define("UnixMilli", OF_TIME, Body::Plain(|args| since_1970(args, 1_000_000))),
    define("UnixSeconds", OF_TIME, Body::Plain(|args| since_1970(args, NS_PER_S))),
    define(
        "TruncateTime",
        &[required("time", Instant), required("duration", Duration)],
        Body::Plain(truncate),
    ),
];

const fn define(name: &'static str, params: &'static [Param], body: Body) -> Definition {
    Definition { name, params, body }
}

/// `Time(text, format, location, locale)`.
fn time(args: &Args<'_>) -> Result<Call, Unfit> {
    let reader = parse::Reader::new(args)?;
    Ok(Box::new(move |args| reader.read(args.str(0)?, args).map(Value::Time)))
}

fn format_time(args: &Args<'_>) -> Result<Call, Unfit> {
    let layout = layout::chunks(&strptime_layout(args, Use::Write)?);
    Ok(Box::new(move |args| Ok(Value::text(write::write(args.time(0)?, &layout)))))
}

/// The Go layout of the format in argument 1.
fn strptime_layout(args: &Args<'_>, purpose: Use) -> Result<String, Unfit> {
    strptime::layout(args.str(1).of_argument(1)?, purpose).of_argument(1)
}

/// The time as one of Go's layouts writes it.
pub(crate) fn in_layout(time: &Time, layout: &str) -> String {
    write::write(time, &layout::chunks(layout))
}

fn duration_of<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    duration::parse(args.str(0)?).map(Value::Duration)
}

/// How often the unit fits, with its fraction; divided as Go does it, so that the last bit agrees.
fn fractional<'a>(args: &Args<'a>, unit_ns: i64) -> Result<Value<'a>, RunError> {
    let duration_ns = args.duration(0)?;
    let (units, rest_ns) = (duration_ns / unit_ns, duration_ns % unit_ns);
    Ok(Value::Double(units as f64 + rest_ns as f64 / unit_ns as f64))
}

fn whole<'a>(args: &Args<'a>, unit_ns: i64) -> Result<Value<'a>, RunError> {
    Ok(Value::Int(args.duration(0)? / unit_ns))
}

fn part<'a>(args: &Args<'a>, read: fn(Told) -> i64) -> Result<Value<'a>, RunError> {
    Ok(Value::Int(read(args.time(0)?.told())))
}

fn unix<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let nanoseconds = if args.has(1) { args.int(1)? } else { 0 };
    let at_ns = i128::from(args.int(0)?) * i128::from(NS_PER_S) + i128::from(nanoseconds);
    Ok(Value::Time(Time { at_ns, zone: TimeZone::system() }))
}

fn since_1970<'a>(args: &Args<'a>, unit_ns: i64) -> Result<Value<'a>, RunError> {
    let units = args.time(0)?.at_ns.div_euclid(i128::from(unit_ns));
    Ok(Value::Int(units as i64))
}

/// Down to a multiple of the duration since year 1; a duration that is not positive changes nothing.
fn truncate<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let (time, duration_ns) = (args.time(0)?, i128::from(args.duration(1)?));
    if duration_ns <= 0 {
        return Ok(Value::Time(time.clone()));
    }
    let rest = (time.at_ns + S_BEFORE_1970 * i128::from(NS_PER_S)).rem_euclid(duration_ns);
    Ok(Value::Time(Time { at_ns: time.at_ns - rest, zone: time.zone.clone() }))
}

#[cfg(test)]
mod tests;
