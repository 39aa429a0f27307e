//! Go's time layouts, cut into chunks.
//!
//! A layout shows how the reference time (Mon Jan 2 15:04:05 MST 2006) would be written. Chunks are found from left
//! to right, the longest first, as Go finds them.

/// A piece of a layout.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Chunk {
    /// What stands there as it is.
    Text(String),
    /// `2006`
    Year,
    /// `06`
    ShortYear,
    /// `January`, `Jan`
    MonthName { long: bool },
    /// `01`, `1`
    Month { zero: bool },
    /// `Monday`, `Mon`
    DayName { long: bool },
    /// `02`, `_2`, `2`
    Day(Pad),
    /// `002`, `__2`
    DayOfYear(Pad),
    /// `15`
    Hour,
    /// `03`, `3`
    Hour12 { zero: bool },
    /// `04`, `4`
    Minute { zero: bool },
    /// `05`, `5`
    Second { zero: bool },
    /// `PM`, `pm`
    HalfDay { upper: bool },
    /// `.000` (exactly that many digits) or `.999` (trailing zeros dropped), behind `.` or `,`
    Fraction { mark: char, digits: usize, exact: bool },
    /// `MST`
    ZoneName,
    /// `-0700` and its kin
    Offset(Offset),
}

/// How a number is filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    None,
    Space,
    Zero,
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// UTC itself is `Z`.
    pub(super) z: bool,
    /// With colons between its parts.
    pub(super) colons: bool,
    /// 1 for hours, 2 with minutes, 3 with seconds.
    pub(super) parts: usize,
}

const fn offset(z: bool, colons: bool, parts: usize) -> Chunk {
    Chunk::Offset(Offset { z, colons, parts })
}

/// What acts, the longer before its own beginnings.
const WORDS: &[(&str, Chunk)] = &[
    ("January", Chunk::MonthName { long: true }),
    ("Jan", Chunk::MonthName { long: false }),
    ("Monday", Chunk::DayName { long: true }),
    ("Mon", Chunk::DayName { long: false }),
    ("MST", Chunk::ZoneName),
    ("002", Chunk::DayOfYear(Pad::Zero)),
    ("01", Chunk::Month { zero: true }),
    ("02", Chunk::Day(Pad::Zero)),
    ("03", Chunk::Hour12 { zero: true }),
    ("04", Chunk::Minute { zero: true }),
    ("05", Chunk::Second { zero: true }),
    ("06", Chunk::ShortYear),
    ("15", Chunk::Hour),
    ("1", Chunk::Month { zero: false }),
    ("2006", Chunk::Year),
    ("2", Chunk::Day(Pad::None)),
    ("__2", Chunk::DayOfYear(Pad::Space)),
    ("_2", Chunk::Day(Pad::Space)),
    ("3", Chunk::Hour12 { zero: false }),
    ("4", Chunk::Minute { zero: false }),
    ("5", Chunk::Second { zero: false }),
    ("PM", Chunk::HalfDay { upper: true }),
    ("pm", Chunk::HalfDay { upper: false }),
    ("-070000", offset(false, false, 3)),
    ("-07:00:00", offset(false, true, 3)),
    ("-0700", offset(false, false, 2)),
    ("-07:00", offset(false, true, 2)),
    ("-07", offset(false, false, 1)),
    ("Z070000", offset(true, false, 3)),
    ("Z07:00:00", offset(true, true, 3)),
    ("Z0700", offset(true, false, 2)),
    ("Z07:00", offset(true, true, 2)),
    ("Z07", offset(true, false, 1)),
];

/// The chunks of a layout.
pub(super) fn chunks(layout: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut text = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        let Some((chunk, len)) = chunk(rest) else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        if !text.is_empty() {
            chunks.push(Chunk::Text(std::mem::take(&mut text)));
        }
        chunks.push(chunk);
        rest = &rest[len..];
    }
    if !text.is_empty() {
        chunks.push(Chunk::Text(text));
    }
    chunks
}

/// The chunk that `layout` begins with, and how long it is.
fn chunk(layout: &str) -> Option<(Chunk, usize)> {
    // An underscore before a year is only an underscore.
    if layout.starts_with("_2006") {
        return None;
    }
    if let Some(found) = fraction(layout) {
        return Some(found);
    }
    let (word, chunk) = WORDS.iter().find(|(word, _)| layout.starts_with(word))?;
    // `Janet` is a name and no month.
    let is_name = *word == "Jan" || *word == "Mon";
    let goes_on = layout[word.len()..].starts_with(|c: char| c.is_ascii_lowercase());
    (!(is_name && goes_on)).then(|| (chunk.clone(), word.len()))
}

fn fraction(layout: &str) -> Option<(Chunk, usize)> {
    let mark = layout.chars().next().filter(|mark| matches!(mark, '.' | ','))?;
    let digit = layout.as_bytes().get(1).copied().filter(|digit| matches!(digit, b'0' | b'9'))?;
    let digits = layout.bytes().skip(1).take_while(|byte| *byte == digit).count();
    let ends = !layout.as_bytes().get(1 + digits).is_some_and(u8::is_ascii_digit);
    ends.then_some((Chunk::Fraction { mark, digits, exact: digit == b'0' }, 1 + digits))
}
