//! Literals, lists, maps, paths and keys.

use super::{Parsed, Parser, RESERVED};
use crate::ast::{Expr, Item, Path, Segment};
use crate::lex::Token;

impl Parser<'_> {
    /// A value that takes no part in arithmetic.
    pub(super) fn plain(&mut self) -> Parsed<Expr> {
        match self.peek() {
            Some(Token::Str(text)) => self.take(Expr::Str(text.clone())),
            Some(Token::Bytes(bytes)) => self.take(Expr::Bytes(bytes.clone())),
            Some(Token::Sign("{")) => self.map(),
            Some(Token::Sign("[")) => self.list(),
            Some(Token::Name(name)) if name == "true" => self.take(Expr::Bool(true)),
            Some(Token::Name(name)) if name == "false" => self.take(Expr::Bool(false)),
            Some(Token::Name(name)) if name == "nil" => self.take(Expr::Nil),
            Some(Token::Name(name)) if is_symbol(name) => {
                let offset = self.offset();
                self.take(Expr::Enum(name.clone(), offset))
            }
            _ => self.fail("a value"),
        }
    }

    /// A converter's call or a path, its first name being next.
    pub(super) fn named(&mut self, name: &str) -> Parsed<Expr> {
        if matches!(self.ahead(1), Some(Token::Sign("("))) {
            return self.converter(name);
        }
        if super::is_path_name(name) {
            return self.path().map(Expr::Path);
        }
        self.fail(
            "a path in lower case or a converter's call; enum symbols take no part in arithmetic",
        )
    }

    fn path(&mut self) -> Parsed<Path> {
        let offset = self.offset();
        let mut segments = vec![self.segment()?];
        while self.takes(".") {
            segments.push(self.segment()?);
        }
        Ok(Path { segments, offset })
    }

    fn segment(&mut self) -> Parsed<Segment> {
        match self.peek() {
            Some(Token::Name(name))
                if super::is_path_name(name) && !RESERVED.contains(&name.as_str()) =>
            {
                self.next += 1;
                Ok(Segment { name: name.clone(), keys: self.keys()? })
            }
            _ => self.fail("a field's name in lower case"),
        }
    }

    /// Any number of `[key]`.
    pub(super) fn keys(&mut self) -> Parsed<Vec<Expr>> {
        let mut keys = Vec::new();
        while self.takes("[") {
            keys.push(self.key()?);
            self.sign("]")?;
        }
        Ok(keys)
    }

    /// A text, a whole number alone, or a path, converter or arithmetic that starts with neither.
    fn key(&mut self) -> Parsed<Expr> {
        match self.peek() {
            Some(Token::Str(_)) => self.plain(),
            Some(Token::Int(value)) => self.take(Expr::Int(*value)),
            _ => self.nested(Self::sum),
        }
    }

    fn list(&mut self) -> Parsed<Expr> {
        self.sign("[")?;
        let mut items = Vec::new();
        if self.takes("]") {
            return Ok(Expr::List(items));
        }
        loop {
            let offset = self.offset();
            items.push(Item { value: self.value()?, offset });
            if self.takes("]") {
                return Ok(Expr::List(items));
            }
            self.sign(",")?;
        }
    }

    /// Commas between the entries are optional.
    fn map(&mut self) -> Parsed<Expr> {
        self.sign("{")?;
        let mut entries = Vec::new();
        while !self.takes("}") {
            let Some(Token::Str(key)) = self.peek() else {
                return self.fail("a key in double quotes or `}`");
            };
            self.next += 1;
            self.sign(":")?;
            entries.push((key.clone(), self.value()?));
            self.takes(",");
        }
        Ok(Expr::Map(entries))
    }
}

/// `SPAN_KIND_SERVER`
pub(super) fn is_symbol(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}
