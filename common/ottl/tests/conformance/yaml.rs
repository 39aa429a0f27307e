//! Just enough YAML for the configurations of the cases: blocks, flows, quoted and plain scalars.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value as Json};

enum Open {
    List(Vec<Json>),
    Map(Map<String, Json>, Option<String>),
}

/// The document as JSON; null if it is empty.
pub(crate) fn parse(text: &str) -> Result<Json, String> {
    let mut stack: Vec<Open> = Vec::new();
    let mut root = Json::Null;
    let parser: Parser<'_, granit_parser::StrInput<'_>> = Parser::new_from_str(text);
    for event in parser {
        let (event, _) = event.map_err(|error| error.to_string())?;
        let done = match event {
            Event::SequenceStart(..) => {
                stack.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                stack.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Open::List(items)) => Json::Array(items),
                Some(Open::Map(entries, _)) => Json::Object(entries),
                None => return Err("an end without a start".to_owned()),
            },
            Event::Scalar(text, style, ..) => scalar(&text, style == ScalarStyle::Plain),
            _ => continue,
        };
        match stack.last_mut() {
            None => root = done,
            Some(Open::List(items)) => items.push(done),
            Some(Open::Map(entries, key)) => match key.take() {
                None => *key = Some(done.as_str().map_or_else(|| done.to_string(), str::to_owned)),
                Some(key) => {
                    entries.insert(key, done);
                }
            },
        }
    }
    Ok(root)
}

/// The Collector's `$$` is OTTL's `$`.
fn scalar(text: &str, is_plain: bool) -> Json {
    let text = text.replace("$$", "$");
    if !is_plain {
        return Json::String(text);
    }
    match text.as_str() {
        "" | "~" | "null" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => text.parse::<i64>().map_or(Json::String(text), Json::from),
    }
}
