//! JSON's grammar (RFC 8259) over a text that is known to be UTF-8, without a tree.
//!
//! The caller drives: it says what it expects next. The scanner knows only whether a comma is due,
//! which is whether the last token was an opening bracket.

use std::borrow::Cow;

use super::error::{Fault, Reason};

/// How deep a value may nest that nobody reads.
pub(super) const MAX_SKIP_DEPTH: u32 = 128;

/// How much of an unexpected value an error shows, in characters.
const SHOWN_MAX: usize = 40;

/// A place in a JSON text.
pub(super) struct Scanner<'a> {
    json: &'a [u8],
    at: usize,
    /// The last token opened a list or an object.
    is_open: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        // Some editors begin a file with a byte order mark; RFC 8259 lets readers ignore it.
        let at = if json.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { json, at, is_open: false }
    }

    /// A fault at this place.
    pub(super) fn fault(&self, reason: Reason) -> Fault {
        Fault::new(self.at, reason)
    }

    /// Something else than `expected` stands at `offset`.
    #[cold]
    pub(super) fn unexpected(&self, offset: usize, expected: &'static str) -> Fault {
        // The offset is between tokens and so between characters.
        let rest = std::str::from_utf8(&self.json[offset..]).unwrap_or_default();
        let ends = |letter: char| letter.is_whitespace() || ",:]}".contains(letter);
        let length = match rest.strip_prefix('"') {
            Some(text) => text.find('"').map_or(rest.len(), |end| end + 2),
            None => rest.find(ends).unwrap_or(rest.len()),
        };
        // At least one character: that which should not be here.
        let shown = rest.char_indices().take_while(|&(at, _)| at == 0 || at < length);
        let shown = shown.take(SHOWN_MAX).map(|(_, letter)| letter);
        let found = shown.flat_map(printable).collect();
        Fault::new(offset, Reason::Expected { expected, found })
    }

    /// Skips white space; the next byte, 0 at the end.
    #[inline]
    fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.json.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// The offset of the next token.
    pub(super) fn start(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Whether a text begins at `offset`.
    pub(super) fn is_text_at(&self, offset: usize) -> bool {
        self.json.get(offset) == Some(&b'"')
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == wanted;
        self.at += usize::from(is_there);
        is_there
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        self.peek();
        if self.at == self.json.len() { Ok(()) } else { Err(self.unexpected(self.at, "the end")) }
    }

    /// Enters an object or a list.
    #[inline]
    pub(super) fn open(&mut self, bracket: u8, expected: &'static str) -> Result<(), Fault> {
        if !self.take(bracket) {
            return Err(self.unexpected(self.at, expected));
        }
        self.is_open = true;
        Ok(())
    }

    /// The next key of the object, up to its value; `None` after the object's end.
    #[inline]
    pub(super) fn next_key(&mut self) -> Result<Option<Cow<'a, [u8]>>, Fault> {
        if !self.advance(b'}', "a comma or the end of the object")? {
            return Ok(None);
        }
        let key = self.text("a key")?;
        if !self.take(b':') {
            return Err(self.unexpected(self.at, "a colon"));
        }
        Ok(Some(key))
    }

    /// Whether another item of the list follows.
    #[inline]
    pub(super) fn next_item(&mut self) -> Result<bool, Fault> {
        self.advance(b']', "a comma or the end of the list")
    }

    /// Past the comma to the next member, or past the closing bracket.
    #[inline]
    fn advance(&mut self, closing: u8, expected: &'static str) -> Result<bool, Fault> {
        let is_first = std::mem::take(&mut self.is_open);
        if self.take(closing) {
            return Ok(false);
        }
        if !is_first && !self.take(b',') {
            return Err(self.unexpected(self.at, expected));
        }
        Ok(true)
    }

    /// Takes `null`, if it is next.
    #[inline]
    pub(super) fn take_null(&mut self) -> Result<bool, Fault> {
        if self.peek() != b'n' {
            return Ok(false);
        }
        self.word(b"null", "null").map(|()| true)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.peek() {
            b't' => self.word(b"true", "true or false").map(|()| true),
            _ => self.word(b"false", "true or false").map(|()| false),
        }
    }

    fn word(&mut self, word: &[u8], expected: &'static str) -> Result<(), Fault> {
        if !self.json[self.at..].starts_with(word) {
            return Err(self.unexpected(self.at, expected));
        }
        self.at += word.len();
        Ok(())
    }

    /// The text of a number, in quotes or not, and the offset where it began.
    #[inline]
    pub(super) fn number(
        &mut self,
        expected: &'static str,
    ) -> Result<(Cow<'a, [u8]>, usize), Fault> {
        let is_text = self.peek() == b'"';
        let start = self.at;
        let number = if is_text {
            self.text(expected)?
        } else {
            let rest = &self.json[self.at..];
            let is_part =
                |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
            let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
            self.at += length;
            Cow::Borrowed(&rest[..length])
        };
        Ok((number, start))
    }

    /// The contents of a text; owned only when there are escapes in it.
    #[inline]
    pub(super) fn text(&mut self, expected: &'static str) -> Result<Cow<'a, [u8]>, Fault> {
        if !self.take(b'"') {
            return Err(self.unexpected(self.at, expected));
        }
        let rest = &self.json[self.at..];
        let plain = plain_length(rest);
        if rest.get(plain) == Some(&b'"') {
            self.at += plain + 1;
            return Ok(Cow::Borrowed(&rest[..plain]));
        }
        self.escaped_text(plain).map(Cow::Owned)
    }

    /// The same from inside a text whose first `plain` bytes are as they are.
    fn escaped_text(&mut self, mut plain: usize) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        loop {
            text.extend_from_slice(&self.json[self.at..self.at + plain]);
            self.at += plain;
            match self.json.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.escape(&mut text)?,
                _ => return Err(self.unexpected(self.at, "a text's end or an escape")),
            }
            plain = plain_length(&self.json[self.at..]);
        }
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Fault> {
        let start = self.at;
        let letter = self.json.get(start + 1).copied().unwrap_or_default();
        self.at += 2;
        match letter {
            b'"' | b'\\' | b'/' => text.push(letter),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let unit = self.hex4(self.at).ok_or_else(|| self.bad_escape(start))?;
                self.at += 4;
                let letter = self.code_point(unit);
                text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(self.bad_escape(start)),
        }
        Ok(())
    }

    fn bad_escape(&self, start: usize) -> Fault {
        self.unexpected(start.min(self.json.len()), "an escape")
    }

    /// The character of a UTF-16 unit and, if that is the first half of a pair, the one after it.
    fn code_point(&mut self, unit: u32) -> char {
        if let Some(letter) = char::from_u32(unit) {
            return letter;
        }
        let follows = self.json[self.at..].starts_with(b"\\u");
        let second = if follows { self.hex4(self.at + 2) } else { None };
        match (unit, second) {
            (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) => {
                self.at += 6;
                let value = 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
                char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => char::REPLACEMENT_CHARACTER,
        }
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.json.get(at..at + 4)?;
        digits
            .iter()
            .try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
    }

    /// Skips a value of any kind.
    pub(super) fn skip_value(&mut self) -> Result<(), Fault> {
        // Bit n says whether the n-th open bracket is an object's.
        let (mut depth, mut objects) = (0u32, 0u128);
        loop {
            match self.peek() {
                bracket @ (b'{' | b'[') => {
                    if depth == MAX_SKIP_DEPTH {
                        return Err(self.fault(Reason::TooDeep));
                    }
                    self.open(bracket, "")?;
                    objects = objects << 1 | u128::from(bracket == b'{');
                    depth += 1;
                }
                _ => self.skip_scalar()?,
            }
            while depth > 0 {
                let is_object = objects & 1 == 1;
                let goes_on =
                    if is_object { self.next_key()?.is_some() } else { self.next_item()? };
                if goes_on {
                    break;
                }
                objects >>= 1;
                depth -= 1;
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn skip_scalar(&mut self) -> Result<(), Fault> {
        match self.peek() {
            b'"' => self.text("a text").map(|_| ()),
            b't' | b'f' => self.boolean().map(|_| ()),
            b'n' => self.word(b"null", "null"),
            _ => {
                let (number, start) = self.number("a value")?;
                let is_number = super::number::is_number(&number);
                if is_number { Ok(()) } else { Err(self.unexpected(start, "a value")) }
            }
        }
    }
}

/// A character for people: control characters as escapes.
fn printable(letter: char) -> impl Iterator<Item = char> {
    let escape = letter.is_control().then(|| letter.escape_default());
    let plain = (!letter.is_control()).then_some(letter);
    escape.into_iter().flatten().chain(plain)
}

/// How many bytes from the beginning stand for themselves in a text.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Eight bytes at a time, each bit trick true for a byte below 0x80 only.
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        if has_special(u64::from_le_bytes(*chunk)) {
            break;
        }
        at += 8;
    }
    let is_special = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    bytes[at..].iter().position(is_special).map_or(bytes.len(), |length| at + length)
}

/// Whether one of eight bytes is a control character, a quote or a backslash.
#[inline]
fn has_special(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, 0x20) | equal(b'"') | equal(b'\\') != 0
}
