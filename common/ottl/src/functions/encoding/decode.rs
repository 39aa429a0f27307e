//! `Decode`: base64 in four variants, and character sets by their IANA names.
//!
//! The sets are those of the encoding standard plus what Go's IANA index has besides: UTF-16 in little
//! endian when nothing says otherwise, and ASCII. Bytes that a set does not have become replacement characters.

use base64::Engine;
use base64::engine::GeneralPurpose;
use encoding_rs::Encoding;

use crate::function::{Args, Call};
use crate::functions::text::repaired;
use crate::{RunError, Value};

/// How bytes are read.
enum Decoder {
    Base64(&'static GeneralPurpose),
    Latin1,
    Utf8,
    Charset(&'static Encoding),
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
            // In the index without a decoder.
            "gb2312" | "replacement" => return Err(unknown()),
            label => Self::Charset(Encoding::for_label(label.as_bytes()).ok_or_else(unknown)?),
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, RunError> {
        match self {
            Self::Base64(engine) => engine
                .decode(bytes)
                .map(|bytes| repaired(&bytes))
                .map_err(|error| RunError::new(format!("could not decode: {error}"))),
            Self::Latin1 => Ok(bytes.iter().copied().map(char::from).collect()),
            Self::Utf8 => Ok(repaired(bytes)),
            Self::Charset(charset) => Ok(charset.decode_without_bom_handling(bytes).0.into_owned()),
        }
    }
}

/// An encoding that is constant is looked up when the statement is loaded.
pub(super) fn decode(args: &Args<'_>) -> Result<Call, String> {
    let constant = args.opt_str(1).map(Decoder::named).transpose()?;
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
