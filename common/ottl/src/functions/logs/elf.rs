//! W3C Extended Log Format: directives (`#Version`, `#Fields`, ...) and entries.
//!
//! Values are texts as they stand; one in quotes may hold spaces, and `""` in it is a quote.

use crate::RunError;
use crate::function::Args;
use crate::functions::parsing::entries::Entries;
use crate::value::{Any, Map, Value};

/// `ParseELF(text)`.
pub(super) fn call<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let mut log = Log::default();
    let text = args.str(0)?;
    if text.trim().is_empty() {
        return Err(RunError::new("the text is empty"));
    }
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('#') {
            Some(directive) => log.direct(directive),
            None => log.enter(line)?,
        }
    }
    log.finish().map(Value::map)
}

#[derive(Default)]
struct Log {
    fields: Option<Vec<String>>,
    version: Option<String>,
    directives: Map,
    entries: Vec<Any>,
}

impl Log {
    fn direct(&mut self, directive: &str) {
        let (name, value) = directive.split_once(':').unwrap_or((directive, ""));
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "fields" => self.fields = Some(value.split_whitespace().map(str::to_owned).collect()),
            "version" => self.version = Some(value.to_owned()),
            other => self.directives.put(format!("elf.{}", other.replace('-', "_")), value),
        }
    }

    fn enter(&mut self, line: &str) -> Result<(), RunError> {
        let Some(fields) = &self.fields else {
            return Err(RunError::new("an entry of ELF stands before #Fields"));
        };
        let values = values(line)?;
        if values.len() != fields.len() {
            let (expected, found) = (fields.len(), values.len());
            return Err(RunError::new(format!("expected {expected} fields of ELF, found {found}")));
        }
        let mut entry = Entries::default();
        for (field, value) in fields.iter().zip(values) {
            entry.put(field.as_str(), value);
        }
        self.entries.push(entry.finish().into());
        Ok(())
    }

    fn finish(self) -> Result<Map, RunError> {
        let version = self.version.ok_or_else(|| RunError::new("ELF lacks #Version"))?;
        let fields = self.fields.ok_or_else(|| RunError::new("ELF lacks #Fields"))?;
        let mut map = Map::new();
        map.put("elf.version", version);
        map.put("elf.fields", Any::Slice(fields.into_iter().map(Any::Str).collect()));
        map.put("elf.entries", Any::Slice(self.entries));
        map.entries.extend(self.directives.entries);
        Ok(map)
    }
}

fn values(line: &str) -> Result<Vec<String>, RunError> {
    let mut values = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (value, after) = match rest.strip_prefix('"') {
            Some(inner) => quoted(inner)?,
            None => {
                let (value, after) =
                    rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                (value.to_owned(), after)
            }
        };
        values.push(value);
        rest = after.trim_start();
    }
    Ok(values)
}

fn quoted(mut rest: &str) -> Result<(String, &str), RunError> {
    let mut value = String::new();
    loop {
        let (part, after) = rest
            .split_once('"')
            .ok_or_else(|| RunError::new("a quoted value of ELF has no end"))?;
        value.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                value.push('"');
                rest = after;
            }
            None => return Ok((value, after)),
        }
    }
}
