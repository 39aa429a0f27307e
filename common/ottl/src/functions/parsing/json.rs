//! JSON into maps and lists.
//!
//! All numbers are doubles, as in the reference. Of a key that repeats, the last value counts. Control characters
//! inside texts are let through; half a surrogate pair becomes U+FFFD.

use super::entries::Entries;
use crate::RunError;
use crate::function::Args;
use crate::value::{Any, Value};

/// Deepest nesting of lists and maps.
const DEPTH_MAX: usize = 128;

/// `ParseJSON(text)`: an object or a list.
pub(super) fn call<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    match parse(args.str(0)?)? {
        any @ (Any::Map(_) | Any::Slice(_)) => Ok(any.into()),
        _ => Err(RunError::new("JSON that is neither an object nor an array")),
    }
}

pub(super) fn parse(text: &str) -> Result<Any, RunError> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.error("the end"));
    }
    Ok(value)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Any, RunError> {
        if depth > DEPTH_MAX {
            return Err(RunError::new(format!("JSON nested deeper than {DEPTH_MAX}")));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Any::Str(self.string()?)),
            Some(b't') => self.word("true", Any::Bool(true)),
            Some(b'f') => self.word("false", Any::Bool(false)),
            Some(b'n') => self.word("null", Any::Empty),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Any, RunError> {
        self.at += 1;
        let mut entries = Entries::default();
        if self.takes_next(b'}') {
            return Ok(Any::Map(entries.finish()));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.expect(b':', "':'")?;
            entries.put(key, self.value(depth + 1)?);
            if self.takes_next(b'}') {
                return Ok(Any::Map(entries.finish()));
            }
            self.expect(b',', "',' or '}'")?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Any, RunError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.takes_next(b']') {
            return Ok(Any::Slice(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.takes_next(b']') {
                return Ok(Any::Slice(items));
            }
            self.expect(b',', "',' or ']'")?;
        }
    }

    fn string(&mut self) -> Result<String, RunError> {
        self.expect(b'"', "a text")?;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = memchr::memchr2(b'"', b'\\', rest.as_bytes());
            let Some(len) = end else { return Err(self.error("'\"'")) };
            self.at += len + 1;
            if rest.as_bytes()[len] == b'"' && out.is_empty() {
                return Ok(rest[..len].to_owned());
            }
            out.push_str(&rest[..len]);
            if rest.as_bytes()[len] == b'"' {
                return Ok(out);
            }
            self.escape(&mut out)?;
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), RunError> {
        let Some(escape) = self.peek() else { return Err(self.error("an escape")) };
        let char = match escape {
            b'"' | b'\\' | b'/' => escape.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(out),
            _ => return Err(self.error("an escape")),
        };
        self.at += 1;
        out.push(char);
        Ok(())
    }

    fn unicode(&mut self, out: &mut String) -> Result<(), RunError> {
        self.at += 1;
        let high = self.hex()?;
        let mut code = u32::from(high);
        if (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let low = self.hex()?;
            if (0xdc00..0xe000).contains(&low) {
                code = 0x10000 + ((code - 0xd800) << 10) + (u32::from(low) - 0xdc00);
            } else {
                self.at = before;
            }
        }
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(())
    }

    fn hex(&mut self) -> Result<u16, RunError> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.error("four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<Any, RunError> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let len = self.text.as_bytes()[self.at..].iter().take_while(|byte| is_part(byte)).count();
        let digits = &self.text[self.at..self.at + len];
        if let Some(number) = small_whole(digits) {
            self.at += len;
            return Ok(Any::Double(number));
        }
        let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
        match number.filter(|_| is_json_number(digits)) {
            Some(number) => {
                self.at += len;
                Ok(Any::Double(number))
            }
            None => Err(self.error("a value")),
        }
    }

    fn word(&mut self, word: &str, value: Any) -> Result<Any, RunError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn skip_space(&mut self) {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.text.as_bytes()[self.at..].iter().take_while(|byte| is_space(byte)).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes_next(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), RunError> {
        if self.takes_next(byte) { Ok(()) } else { Err(self.error(what)) }
    }

    fn error(&self, expected: &str) -> RunError {
        let found = self.text[self.at..].chars().next();
        let found = found.map_or_else(|| "the end".to_owned(), |char| format!("{char:?}"));
        RunError::new(format!("JSON at byte {}: expected {expected}, found {found}", self.at))
    }
}

/// Most numbers: a few digits and nothing else, which a double holds exactly.
fn small_whole(digits: &str) -> Option<f64> {
    let is_small = matches!(digits.len(), 1..=9) && (digits.len() == 1 || !digits.starts_with('0'));
    if !is_small || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.bytes().fold(0, |number, digit| 10 * number + u32::from(digit - b'0'));
    Some(f64::from(number))
}

/// Rust reads more texts as numbers than JSON has: `+1`, `01`, `.5`, `1.`.
fn is_json_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_at(digits.bytes().take_while(u8::is_ascii_digit).count());
    let fraction = rest.strip_prefix('.');
    let fraction_is_whole =
        fraction.is_none_or(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    !whole.is_empty() && (whole == "0" || !whole.starts_with('0')) && fraction_is_whole
}
