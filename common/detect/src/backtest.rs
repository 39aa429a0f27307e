//! Replays a CSV of `timestamp,value` through a [`Detector`]: one output row per input row, in the same
//! order, timestamps as read. What is not a number or not in order gets score 0 and changes nothing.

use std::fmt;
use std::io::{self, BufRead, Write};

use crate::{Config, Detector};

/// The header of the output.
pub const HEADER: &str = "timestamp,value,anomaly_score,label,open";

/// Why a file could not be replayed.
#[derive(Debug)]
pub enum Error {
    /// Reading or writing failed.
    Io(io::Error),
    /// The first line is not `timestamp,value`.
    Header(String),
    /// A row has no comma.
    Row(usize),
    /// A timestamp has none of the accepted forms.
    Timestamp(usize, String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Header(found) => {
                write!(f, "the header is {found:?}, expected \"timestamp,value\"")
            }
            Self::Row(line) => write!(f, "line {line}: expected timestamp,value"),
            Self::Timestamp(line, found) => write!(
                f,
                "line {line}: {found:?} is no timestamp (RFC 3339, YYYY-MM-DD HH:MM:SS or unix seconds)"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a replay saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Rows read.
    pub rows: usize,
    /// Rows that did not count.
    pub rejected: usize,
    /// Alarms opened.
    pub opened: usize,
    /// Seconds between the first and the last row that counted.
    pub seconds: f64,
}

/// Replays `input` into `output`.
///
/// # Errors
/// Fails on the first line that is not in the form, and on input and output errors.
pub fn replay(
    input: impl BufRead,
    output: &mut impl Write,
    config: Config,
) -> Result<Summary, Error> {
    let mut lines = input.lines();
    let header = lines.next().transpose()?.unwrap_or_default();
    if !is_header(&header) {
        return Err(Error::Header(header.trim().chars().take(80).collect()));
    }
    writeln!(output, "{HEADER}")?;
    let mut replay = Replay::new(config);
    for (index, line) in lines.enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            replay.row(index + 2, &line, output)?;
        }
    }
    Ok(replay.summary)
}

fn is_header(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim();
    let mut names = line.split(',').map(str::trim);
    names.next() == Some("timestamp") && names.next() == Some("value")
}

struct Replay {
    detector: Detector,
    summary: Summary,
    first_ns: Option<i64>,
}

impl Replay {
    fn new(config: Config) -> Self {
        Self { detector: Detector::new(config), summary: Summary::default(), first_ns: None }
    }

    fn row(&mut self, line: usize, text: &str, output: &mut impl Write) -> Result<(), Error> {
        let (time, value) = text.trim_end().split_once(',').ok_or(Error::Row(line))?;
        let value = value.split(',').next().unwrap_or(value);
        let t_ns = timestamp_ns(time.trim())
            .ok_or_else(|| Error::Timestamp(line, time.chars().take(40).collect()))?;
        let number = value.trim().parse().unwrap_or(f64::NAN);
        let verdict = self.detector.push(t_ns, number);
        self.count(t_ns, &verdict);
        if verdict.score == 0.0 {
            write!(output, "{time},{value},0,")?;
        } else {
            write!(output, "{time},{value},{:.4},", verdict.score)?;
        }
        writeln!(output, "{},{}", u8::from(verdict.opened), u8::from(verdict.open))?;
        Ok(())
    }

    fn count(&mut self, t_ns: i64, verdict: &crate::Verdict) {
        self.summary.rows += 1;
        self.summary.opened += usize::from(verdict.opened);
        if verdict.rejected {
            self.summary.rejected += 1;
            return;
        }
        let first_ns = *self.first_ns.get_or_insert(t_ns);
        self.summary.seconds = (i128::from(t_ns) - i128::from(first_ns)) as f64 / 1e9;
    }
}

/// Nanoseconds since 1970 of a timestamp: RFC 3339, `YYYY-MM-DD HH:MM:SS[.f]` (UTC) or unix seconds.
pub fn timestamp_ns(text: &str) -> Option<i64> {
    if let Some(nanoseconds) = unix_seconds_ns(text) {
        return Some(nanoseconds);
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return i64::try_from(moment.as_nanosecond()).ok();
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    let moment = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    i64::try_from(moment.as_nanosecond()).ok()
}

/// Decimal seconds, exactly: a float would lose the nanoseconds.
fn unix_seconds_ns(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_decimal(whole) || !is_decimal(fraction) {
        return scientific_ns(text);
    }
    let fraction_ns = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let fraction_ns = fraction_ns.fold(0_i64, |ns, digit| ns * 10 + i64::from(digit - b'0'));
    let whole_ns = whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?;
    Some(sign * whole_ns.checked_add(fraction_ns)?)
}

fn scientific_ns(text: &str) -> Option<i64> {
    let seconds = text.parse::<f64>().ok()?;
    (seconds.is_finite() && seconds.abs() < 9e9).then_some((seconds * 1e9) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(input: &str) -> Result<String, Error> {
        let mut output = Vec::new();
        replay(input.as_bytes(), &mut output, Config::default())?;
        Ok(String::from_utf8(output).expect("rows of text"))
    }

    #[test]
    fn each_row_has_one_row_as_it_was_read() {
        let input = "timestamp,value\n2014-02-14 14:30:00,1.5\n2014-02-14 14:30:00,7\n\
                     2014-02-14T14:29:00Z,nan\n1392388500.25,\n";
        let expect = "timestamp,value,anomaly_score,label,open\n2014-02-14 14:30:00,1.5,0,0,0\n\
                      2014-02-14 14:30:00,7,0,0,0\n2014-02-14T14:29:00Z,nan,0,0,0\n\
                      1392388500.25,,0,0,0\n";
        assert_eq!(replayed(input).expect("a valid file"), expect);
    }

    #[test]
    fn errors_name_the_line() {
        let check = |input: &str, expect: &str| {
            assert_eq!(replayed(input).expect_err("a bad file").to_string(), expect);
        };
        check("time,x\n", "the header is \"time,x\", expected \"timestamp,value\"");
        check("timestamp,value\n1,2\nno comma\n", "line 3: expected timestamp,value");
        check(
            "timestamp,value\nyesterday,2\n",
            "line 2: \"yesterday\" is no timestamp (RFC 3339, YYYY-MM-DD HH:MM:SS or unix seconds)",
        );
    }

    #[test]
    fn timestamps_are_exact() {
        for (text, expect) in [
            ("1767571200.123456789", 1_767_571_200_123_456_789),
            ("1767571200", 1_767_571_200_000_000_000),
            ("-1.5", -1_500_000_000),
            ("1e3", 1_000_000_000_000),
            ("2026-01-05 00:00:00.5", 1_767_571_200_500_000_000),
            ("2026-01-05T01:00:00+01:00", 1_767_571_200_000_000_000),
        ] {
            assert_eq!(timestamp_ns(text), Some(expect), "{text}");
        }
        for text in ["", "-", "yesterday", "nan", "1e30", "99999999999999999999"] {
            assert_eq!(timestamp_ns(text), None, "{text}");
        }
    }
}
