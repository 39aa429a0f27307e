//! `Decode`: base64 in four variants, and character sets by their IANA names.
//!
//! The sets are those of the encoding standard plus what Go's IANA index has besides: UTF-16 in little
//! endian when nothing says otherwise, ASCII, and the code pages of IBM ([`Page`]). Bytes that a set does not have become replacement characters.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::GeneralPurpose;
use encoding_rs::Encoding;

use super::pages::Page;
use crate::function::{Args, Blame, Call, Unfit};
use crate::functions::text::repaired;
use crate::{RunError, Value};

/// How bytes are read.
enum Decoder {
    Base64(&'static GeneralPurpose),
    Latin1,
    Utf8,
    /// The Turkish set without Windows's additions.
    Latin5,
    Charset(&'static Encoding),
    Page(Page),
}

impl Decoder {
    fn named(name: &str) -> Result<Self, String> {
        if let Some(engine) = super::variant(name) {
            return Ok(Self::Base64(engine));
        }
        let unknown = || format!("{name:?} is no encoding");
        Ok(match name.to_ascii_lowercase().as_str() {
            "" | "utf-8" | "utf8" | "us-ascii" | "ascii" => Self::Utf8,
            "iso-8859-1" | "iso8859-1" | "latin1" => Self::Latin1,
            "utf-16be" => Self::Charset(encoding_rs::UTF_16BE),
            "utf-16" | "utf-16le" => Self::Charset(encoding_rs::UTF_16LE),
            // Go's index names it without a decoder.
            "gb2312" => return Err(unknown()),
            "iso-8859-9" | "iso_8859-9" | "iso_8859-9:1989" | "iso-ir-148" | "latin5" | "l5"
            | "csisolatin5" => Self::Latin5,
            label => match charset(label) {
                Some(charset) => Self::Charset(charset),
                None => Self::Page(Page::named(label).ok_or_else(unknown)?),
            },
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, RunError> {
        match self {
            Self::Base64(engine) => Ok(repaired(&from_base64(engine, bytes)?)),
            Self::Latin1 => Ok(bytes.iter().copied().map(char::from).collect()),
            Self::Latin5 => Ok(bytes
                .chunk_by(|left, right| is_control(left) == is_control(right))
                .map(|run| match run.iter().all(is_control) {
                    true => run.iter().copied().map(char::from).collect(),
                    false => encoding_rs::WINDOWS_1254.decode_without_bom_handling(run).0,
                })
                .collect()),
            Self::Utf8 => Ok(repaired(bytes)),
            Self::Page(page) => Ok(page.decode(bytes)),
            Self::Charset(charset) => Ok(charset.decode_without_bom_handling(bytes).0.into_owned()),
        }
    }
}

/// Whether a byte is a control character in the sets of ISO.
fn is_control(byte: &u8) -> bool {
    (0x80..0xa0).contains(byte)
}

/// A set that the encoding standard has, and not only to refuse it.
fn charset(label: &str) -> Option<&'static Encoding> {
    let found = Encoding::for_label(label.as_bytes())?;
    (found != encoding_rs::REPLACEMENT).then_some(found)
}

/// Base64 as Go reads it: line ends do not count.
fn from_base64(engine: &GeneralPurpose, bytes: &[u8]) -> Result<Vec<u8>, RunError> {
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let joined: Cow<'_, [u8]> = match bytes.iter().any(is_line_end) {
        true => bytes.iter().copied().filter(|byte| !is_line_end(byte)).collect(),
        false => Cow::Borrowed(bytes),
    };
    engine.decode(joined).map_err(|error| RunError::new(format!("could not decode: {error}")))
}

/// An encoding that is constant is looked up when the statement is loaded.
pub(super) fn decode(args: &Args<'_>) -> Result<Call, Unfit> {
    let constant = args.opt_str(1).map(Decoder::named).transpose().of_argument(1)?;
    Ok(Box::new(move |args| {
        let bytes = match args.peek(0) {
            Value::Str(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            other => return Err(RunError::of_type("string or bytes", other.kind())),
        };
        let text = match &constant {
            Some(decoder) => decoder.decode(bytes),
            None => Decoder::named(args.str(1)?).map_err(RunError::new)?.decode(bytes),
        };
        text.map(Value::text)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_texts() {
        let decoded = |name: &str, bytes: &[u8]| {
            let decoder = Decoder::named(name).map_err(|_| "unknown")?;
            decoder.decode(bytes).map_err(|_| "bad")
        };
        for (name, bytes, expect) in [
            ("base64", &b"YW\nJj"[..], Ok("abc")),
            ("base64", b"YWI", Err("bad")),
            ("base64-raw", b"YWI", Ok("ab")),
            ("base64-raw", b"YWJ", Ok("ab")),
            ("base64-url", b"/+8=", Err("bad")),
            ("UTF-8", b"\xc3\xa9\xff\xff", Ok("\u{e9}\u{fffd}")),
            ("utf-16le", b"A\0B\0", Ok("AB")),
            ("iso-8859-1", b"\xe9\x80", Ok("\u{e9}\u{80}")),
            ("windows-1252", b"\x80", Ok("\u{20ac}")),
            ("iso-8859-9", b"\xfd\x80a\x9f", Ok("\u{131}\u{80}a\u{9f}")),
            ("IBM437", b"\x81a", Ok("\u{fc}a")),
            ("cp850", b"\xd5", Ok("\u{131}")),
            ("IBM00858", b"\xd5", Ok("\u{20ac}")),
            ("862", b"\x80", Ok("\u{5d0}")),
            ("IBM866", b"\x80", Ok("\u{410}")),
            ("IBM037", b"\xc8\x85\x93\x93\x96\xba\x5f", Ok("Hello[\u{ac}")),
            ("IBM1047", b"\xc8\xad\x5f", Ok("H[^")),
            ("IBM01140", b"\x9f", Ok("\u{20ac}")),
            ("37", b"a", Err("unknown")),
            ("cp99999", b"a", Err("unknown")),
            ("gb2312", b"a", Err("unknown")),
            ("iso-2022-kr", b"a", Err("unknown")),
            ("BASE64", b"a", Err("unknown")),
        ] {
            assert_eq!(decoded(name, bytes), expect.map(str::to_owned), "{name}");
        }
    }
}
