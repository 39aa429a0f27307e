//! Log Event Extended Format 1.0 and 2.0: `LEEF:1.0|vendor|product|version|event|key=value<tab>...`
//!
//! Version 2.0 has one more field, the delimiter of its attributes: one character, or `0x` and its code.

use crate::RunError;
use crate::function::Args;
use crate::functions::parsing::entries::Entries;
use crate::value::{Map, Value};

const HEADER: [&str; 4] =
    ["leef.vendor", "leef.product.name", "leef.product.version", "leef.event.id"];

/// `ParseLEEF(text)`.
pub(super) fn call<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let text = args.str(0)?;
    // Syslog may stand in front.
    let at = text.find("LEEF:").ok_or_else(|| RunError::new("no LEEF: in the text"))?;
    let (version, rest) = split(&text[at + "LEEF:".len()..])?;
    let has_delimiter = match version {
        "1.0" => false,
        "2.0" => true,
        other => {
            return Err(RunError::new(format!("unknown version {other:?} of LEEF: 1.0 or 2.0")));
        }
    };
    let fields: Vec<&str> = rest.splitn(if has_delimiter { 6 } else { 5 }, '|').collect();
    if fields.len() < HEADER.len() {
        return Err(RunError::new("LEEF lacks fields of its header"));
    }
    let mut map = Map::new();
    map.put("leef.version", version);
    for (name, field) in HEADER.into_iter().zip(&fields) {
        map.put(name, *field);
    }
    let (delimiter, attributes) = match fields[HEADER.len()..] {
        [delimiter, attributes] => (delimiter_of(delimiter)?, attributes),
        [attributes] => ('\t', attributes),
        _ => ('\t', ""),
    };
    map.put("leef.attributes", attributes_of(attributes, delimiter));
    Ok(Value::map(map))
}

fn split(text: &str) -> Result<(&str, &str), RunError> {
    text.split_once('|').ok_or_else(|| RunError::new("LEEF lacks its header"))
}

fn delimiter_of(text: &str) -> Result<char, RunError> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (None, _) => return Ok('\t'),
        (Some(char), None) => return Ok(char),
        _ => {}
    }
    let code = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    code.and_then(char::from_u32)
        .ok_or_else(|| RunError::new(format!("{text:?} is no delimiter of LEEF")))
}

fn attributes_of(text: &str, delimiter: char) -> Map {
    let mut entries = Entries::default();
    for (key, value) in text.split(delimiter).filter_map(|pair| pair.split_once('=')) {
        if !key.trim().is_empty() {
            entries.put(key.trim(), value.trim());
        }
    }
    entries.finish()
}
