//! One record of CSV into a map.
//!
//! Lines behind the first go on in its last field, as a quoted line break would. A record with a mistake is an
//! error as a whole; the reference keeps the fields before the mistake.

use super::entries::Entries;
use crate::RunError;
use crate::function::{Args, Blame, Call, Unfit};
use crate::value::Value;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Strict,
    LazyQuotes,
    IgnoreQuotes,
}

/// `ParseCSV(text, header, delimiter, header_delimiter, mode)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Call, Unfit> {
    let delimiter = single(args.opt_str(2).unwrap_or(","), "delimiter").of_argument(2)?;
    let header_delimiter = match args.opt_str(3) {
        Some(text) => single(text, "header delimiter").of_argument(3)?,
        None => delimiter,
    };
    let mode = mode(args.opt_str(4).unwrap_or("strict")).of_argument(4)?;
    Ok(Box::new(move |args| {
        let header = args.str(1)?;
        if header.is_empty() {
            return Err(RunError::new("the header is empty"));
        }
        let names: Vec<&str> = header.split(header_delimiter).collect();
        let fields = fields(args.str(0)?, delimiter, mode)?;
        if names.len() != fields.len() {
            let (expected, found) = (names.len(), fields.len());
            return Err(RunError::new(format!("expected {expected} fields of CSV, found {found}")));
        }
        let mut entries = Entries::default();
        for (name, field) in names.into_iter().zip(fields) {
            entries.put(name, field);
        }
        Ok(Value::map(entries.finish()))
    }))
}

fn single(text: &str, what: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(char), None) => Ok(char),
        _ => Err(format!("the {what} must be one character, not {text:?}")),
    }
}

fn mode(name: &str) -> Result<Mode, String> {
    match name {
        "strict" => Ok(Mode::Strict),
        "lazyQuotes" => Ok(Mode::LazyQuotes),
        "ignoreQuotes" => Ok(Mode::IgnoreQuotes),
        _ => Err(format!("unknown mode {name:?}: strict, lazyQuotes or ignoreQuotes")),
    }
}

fn fields(text: &str, delimiter: char, mode: Mode) -> Result<Vec<String>, RunError> {
    if mode == Mode::IgnoreQuotes {
        return Ok(text.split(delimiter).map(str::to_owned).collect());
    }
    if matches!(delimiter, '"' | '\r' | '\n' | char::REPLACEMENT_CHARACTER) {
        return Err(RunError::new(format!("{delimiter:?} cannot delimit fields of CSV")));
    }
    let mut reader = Reader { rest: text, delimiter, lazy: mode == Mode::LazyQuotes };
    let mut fields: Vec<String> = Vec::new();
    while let Some(line) = reader.line()? {
        let mut line = line.into_iter();
        if let (Some(last), Some(first)) = (fields.last_mut(), line.as_slice().first()) {
            last.push('\n');
            last.push_str(first);
            line.next();
        }
        fields.extend(line);
    }
    if fields.is_empty() { Err(RunError::new("no line of CSV")) } else { Ok(fields) }
}

struct Reader<'t> {
    rest: &'t str,
    delimiter: char,
    lazy: bool,
}

/// What stands behind a field.
enum End {
    Field,
    Line,
}

impl Reader<'_> {
    /// The fields of the next line that is not empty.
    fn line(&mut self) -> Result<Option<Vec<String>>, RunError> {
        while let Some(rest) =
            self.rest.strip_prefix('\n').or_else(|| self.rest.strip_prefix("\r\n"))
        {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            let (field, end) = match self.rest.strip_prefix('"') {
                Some(rest) => {
                    self.rest = rest;
                    self.quoted()?
                }
                None => self.plain()?,
            };
            fields.push(field);
            if let End::Line = end {
                return Ok(Some(fields));
            }
        }
    }

    fn plain(&mut self) -> Result<(String, End), RunError> {
        let len = self.rest.find([self.delimiter, '\n']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(len);
        let ends_line = !rest.starts_with(self.delimiter);
        self.rest = rest.get(if ends_line { 1 } else { self.delimiter.len_utf8() }..).unwrap_or("");
        let field = if ends_line { field.strip_suffix('\r').unwrap_or(field) } else { field };
        if field.contains('"') && !self.lazy {
            return Err(RunError::new("a bare quote in a field of CSV"));
        }
        Ok((field.to_owned(), if ends_line { End::Line } else { End::Field }))
    }

    fn quoted(&mut self) -> Result<(String, End), RunError> {
        let mut field = String::new();
        loop {
            let Some(len) = self.rest.find('"') else {
                if !self.lazy {
                    return Err(RunError::new("a quoted field of CSV has no end"));
                }
                field.push_str(std::mem::take(&mut self.rest));
                return Ok((normalized(&field), End::Line));
            };
            field.push_str(&self.rest[..len]);
            self.rest = &self.rest[len + 1..];
            if let Some(rest) = self.rest.strip_prefix('"') {
                field.push('"');
                self.rest = rest;
            } else if let Some(end) = self.end() {
                return Ok((normalized(&field), end));
            } else if self.lazy {
                field.push('"');
            } else {
                return Err(RunError::new("a quote inside a quoted field of CSV"));
            }
        }
    }

    /// What ends a quoted field right here, if anything.
    fn end(&mut self) -> Option<End> {
        if let Some(rest) = self.rest.strip_prefix(self.delimiter) {
            self.rest = rest;
            return Some(End::Field);
        }
        let rest = self.rest.strip_prefix('\n').or_else(|| self.rest.strip_prefix("\r\n"));
        if let Some(rest) = rest {
            self.rest = rest;
            return Some(End::Line);
        }
        self.rest.is_empty().then_some(End::Line)
    }
}

fn normalized(field: &str) -> String {
    field.replace("\r\n", "\n")
}
