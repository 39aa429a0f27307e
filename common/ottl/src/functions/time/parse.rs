//! A text as a time.

use jiff::civil::{Date, Time as Clock};
use jiff::tz::TimeZone;

use super::layout::{self, Chunk, Offset, Pad};
use super::locale::Names;
use super::strptime::Use;
use super::{write, zone};
use crate::RunError;
use crate::function::{Args, Blame, Unfit};
use crate::value::Time;

/// A time without a year is of this year, unless that is more than so many days ahead.
const DAYS_AHEAD_MAX: i64 = 7;

/// Reads texts of one format.
pub(super) struct Reader {
    layout: Vec<Chunk>,
    zone: TimeZone,
    names: Option<Names>,
}

/// What was read so far.
#[derive(Default)]
struct Fields {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    after_noon: Option<bool>,
    offset_s: Option<i32>,
    zone_name: Option<String>,
}

impl Reader {
    /// From the arguments format, location and locale, which are 1 to 3. The default zone is UTC where the format ends
    /// in `Z`, else the host's.
    pub(super) fn new(args: &Args<'_>) -> Result<Self, Unfit> {
        let layout = layout::chunks(&super::strptime_layout(args, Use::Read)?);
        let zone = match args.opt_str(2) {
            Some(name) => zone::named(name).of_argument(2)?,
            None if args.opt_str(1).is_some_and(|format| format.ends_with('Z')) => TimeZone::UTC,
            None => TimeZone::system(),
        };
        let names = args.opt_str(3).map(Names::of).transpose().of_argument(3)?;
        Ok(Self { layout, zone, names })
    }

    /// The time that `text` tells.
    pub(super) fn read(&self, text: &str, args: &Args<'_>) -> Result<Time, RunError> {
        let failed = || RunError::new(format!("{text:?} is not a time of this format"));
        let fields = self.fields(text.trim()).ok_or_else(failed)?;
        let clock = fields.clock().ok_or_else(failed)?;
        let date = match fields.year {
            Some(year) => fields.date(year).ok_or_else(failed)?,
            None => fields.date_near(&args.now()?).ok_or_else(failed)?,
        };
        self.place(&fields, &zone::in_utc(date.to_datetime(clock)))
    }

    fn fields(&self, mut text: &str) -> Option<Fields> {
        let mut fields = Fields::default();
        for (index, chunk) in self.layout.iter().enumerate() {
            text = fields.take(text, chunk, self.names.as_ref())?;
            let fraction_follows =
                matches!(self.layout.get(index + 1), Some(Chunk::Fraction { .. }));
            if matches!(chunk, Chunk::Second { .. }) && !fraction_follows {
                text = fields.take_fraction(text);
            }
        }
        text.is_empty().then_some(fields)
    }

    /// The time of clocks into an instant: by its offset, by the name of its zone, or in the zone of the reader.
    fn place(&self, fields: &Fields, as_utc: &Time) -> Result<Time, RunError> {
        if let Some(offset_s) = fields.offset_s {
            let at = zone::shifted(as_utc, offset_s, TimeZone::UTC);
            let zone = zone::of_offset(offset_s, &at, &self.zone);
            let zone = zone.ok_or_else(|| RunError::new("an offset of more than a day"))?;
            return Ok(Time { zone, ..at });
        }
        let zone = match &fields.zone_name {
            Some(name) => named_in(name, as_utc, &self.zone)?,
            None => self.zone.clone(),
        };
        Ok(zone::instant(as_utc, zone))
    }
}

/// A name may be an abbreviation of the reader's zone, `GMT` with hours, or a zone's own name.
fn named_in(name: &str, at: &Time, local: &TimeZone) -> Result<TimeZone, RunError> {
    if local.to_offset_info(at.nearest()).abbreviation() == name {
        return Ok(local.clone());
    }
    if let Some(hours) = name.strip_prefix("GMT").and_then(|hours| hours.parse::<i8>().ok()) {
        let offset = jiff::tz::Offset::from_hours(hours);
        return offset.map(TimeZone::fixed).map_err(|error| RunError::new(error.to_string()));
    }
    zone::named(name).map_err(RunError::new)
}

impl Fields {
    fn take<'t>(&mut self, text: &'t str, chunk: &Chunk, names: Option<&Names>) -> Option<&'t str> {
        match chunk {
            Chunk::Text(expected) => skip(text, expected),
            Chunk::Year => self.take_year(text),
            Chunk::ShortYear => {
                let (year, rest) = fixed(text, 2)?;
                self.year = Some(if year >= 69 { 1900 + year as i16 } else { 2000 + year as i16 });
                Some(rest)
            }
            Chunk::MonthName { long } => {
                let (index, rest) = Names::month(names, text, *long)?;
                self.month = Some(index as i8 + 1);
                Some(rest)
            }
            Chunk::DayName { long } => Some(Names::day(names, text, *long)?.1),
            Chunk::Month { zero } => number(text, *zero, 1..=12, |n| self.month = Some(n)),
            Chunk::Day(pad) => {
                let text = match pad {
                    Pad::Space => text.strip_prefix(' ').unwrap_or(text),
                    _ => text,
                };
                number(text, false, 1..=31, |n| self.day = Some(n))
            }
            Chunk::DayOfYear(_) => {
                let (day, rest) = fixed(text.trim_start_matches(' '), 3)?;
                self.day_of_year = Some(day as i16);
                Some(rest)
            }
            Chunk::Hour => number(text, false, 0..=23, |n| self.hour = n),
            Chunk::Hour12 { zero } => number(text, *zero, 0..=12, |n| self.hour = n),
            Chunk::Minute { zero } => number(text, *zero, 0..=59, |n| self.minute = n),
            Chunk::Second { zero } => number(text, *zero, 0..=59, |n| self.second = n),
            Chunk::HalfDay { upper } => self.take_half_day(text, *upper),
            Chunk::Fraction { exact: false, .. } => Some(self.take_fraction(text)),
            Chunk::Fraction { digits, .. } => self.take_exact_fraction(text, *digits),
            Chunk::ZoneName => self.take_zone_name(text),
            Chunk::Offset(style) => self.take_offset(text, *style),
        }
    }

    fn take_year<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let (year, rest) = fixed(text, 4)?;
        self.year = Some(year as i16);
        Some(rest)
    }

    fn take_half_day<'t>(&mut self, text: &'t str, upper: bool) -> Option<&'t str> {
        let (am, pm) = if upper { ("AM", "PM") } else { ("am", "pm") };
        let rest = text.strip_prefix(pm).or_else(|| text.strip_prefix(am))?;
        self.after_noon = Some(text.starts_with(pm));
        Some(rest)
    }

    /// A mark and digits, if they are there. More than nine digits are cut.
    fn take_fraction<'t>(&mut self, text: &'t str) -> &'t str {
        let Some(digits) = text.strip_prefix(['.', ',']) else { return text };
        let len = digits.bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 {
            return text;
        }
        self.nanosecond = nanosecond(&digits[..len]);
        &digits[len..]
    }

    fn take_exact_fraction<'t>(&mut self, text: &'t str, digits: usize) -> Option<&'t str> {
        let after = text.strip_prefix(['.', ','])?;
        let (shown, rest) = after.split_at_checked(digits)?;
        self.nanosecond = nanosecond(shown);
        shown.bytes().all(|byte| byte.is_ascii_digit()).then_some(rest)
    }

    /// Three to five upper case letters, `GMT` with a signed hour, or a signed number of hours.
    fn take_zone_name<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
        let mut len = letters;
        if text.starts_with("GMT") || text.starts_with(['+', '-']) {
            let digits = &text[letters..];
            let signed = digits.starts_with(['+', '-']);
            let count = digits.bytes().skip(1).take_while(u8::is_ascii_digit).count();
            if signed && (1..=2).contains(&count) {
                len += 1 + count;
            }
        }
        let (name, rest) = text.split_at(len);
        if letters == 0 && len > 0 {
            self.offset_s = Some(name.parse::<i32>().ok()? * 3600);
            return Some(rest);
        }
        self.zone_name = Some(name.to_owned());
        (3..=5).contains(&letters).then_some(rest)
    }

    fn take_offset<'t>(&mut self, text: &'t str, style: Offset) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z').filter(|_| style.z) {
            self.offset_s = Some(0);
            return Some(rest);
        }
        let negative = text.starts_with('-');
        let mut rest = text.strip_prefix(['+', '-'])?;
        let mut seconds = 0;
        for (part, unit_s) in [3600, 60, 1].into_iter().take(style.parts).enumerate() {
            if part > 0 && style.colons {
                rest = rest.strip_prefix(':')?;
            }
            let (number, after) = fixed(rest, 2)?;
            if number > if part == 0 { 24 } else { 59 } {
                return None;
            }
            seconds += number * unit_s;
            rest = after;
        }
        self.offset_s = Some(if negative { -seconds } else { seconds });
        Some(rest)
    }

    fn clock(&self) -> Option<Clock> {
        let hour = match self.after_noon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        Clock::new(hour, self.minute, self.second, self.nanosecond).ok()
    }

    fn date(&self, year: i16) -> Option<Date> {
        match self.day_of_year {
            Some(day) => Date::new(year, 1, 1).ok()?.with().day_of_year(day).build().ok(),
            None => Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok(),
        }
    }

    /// The date without a year, in this year or the one before.
    fn date_near(&self, now: &Time) -> Option<Date> {
        let told = now.told();
        let (month, day) = (told.month.cast_signed(), told.day.cast_signed());
        let today = Date::new(i16::try_from(told.year).ok()?, month, day).ok()?;
        let date = self.date(today.year()).or_else(|| self.date(today.year() - 1))?;
        let latest = today.checked_add(jiff::Span::new().days(DAYS_AHEAD_MAX)).ok()?;
        if date > latest { self.date(today.year() - 1) } else { Some(date) }
    }
}

fn nanosecond(digits: &str) -> i32 {
    let shown = &digits[..digits.len().min(9)];
    shown.parse::<i32>().unwrap_or(0) * 10i32.pow(9 - shown.len() as u32)
}

/// Exactly so many digits.
fn fixed(text: &str, digits: usize) -> Option<(i32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let all_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| all_digits)?, rest))
}

/// One or two digits, two when they must be.
fn number(
    text: &str,
    two: bool,
    range: std::ops::RangeInclusive<i32>,
    put: impl FnOnce(i8),
) -> Option<&str> {
    let (number, rest) = match fixed(text, 2) {
        Some(found) => found,
        None if two => return None,
        None => fixed(text, 1)?,
    };
    range.contains(&number).then(|| put(number as i8))?;
    Some(rest)
}

/// What stands in the layout must stand in the text; a run of spaces matches any run of spaces.
fn skip<'t>(mut text: &'t str, mut expected: &str) -> Option<&'t str> {
    while let Some(first) = expected.chars().next() {
        if first == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            expected = expected.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        text = text.strip_prefix(first)?;
        expected = &expected[first.len_utf8()..];
    }
    Some(text)
}

/// The name of English that `text` begins with, in any case.
pub(super) fn english(text: &str, days: bool, long: bool) -> Option<(usize, &str)> {
    let names: &[&str] = if days { &write::DAYS } else { &write::MONTHS };
    let found = names.iter().position(|name| {
        let name = if long { name } else { &name[..3] };
        text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
    })?;
    let len = if long { names[found].len() } else { 3 };
    Some((found, &text[len..]))
}
