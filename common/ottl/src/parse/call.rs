//! Calls and their arguments.

use super::{Parsed, Parser};
use crate::ast::{Argument, Body, Call, Condition, Expr, Given, Lambda};
use crate::lex::Token;

impl Parser<'_> {
    /// `name(...)` at the start of a statement.
    pub(super) fn editor(&mut self) -> Parsed<Call> {
        let offset = self.offset();
        let Some(Token::Name(name)) = self.peek() else { return self.fail("an editor") };
        if !matches!(self.ahead(1), Some(Token::Sign("("))) {
            let hint = super::habit::beginning(self.tokens)
                .unwrap_or("a statement is `editor(...) where condition`");
            return self.fail(&format!("an editor: {hint}"));
        }
        if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            let hint = "an editor, whose name starts in lower case; a converter alone does nothing";
            return self.fail(hint);
        }
        self.next += 1;
        let arguments = self.arguments()?;
        if matches!(self.peek(), Some(Token::Sign("["))) {
            return self.fail("no key: an editor returns nothing");
        }
        Ok(Call { name: name.clone(), arguments, keys: Vec::new(), offset })
    }

    /// `Name(...)[key]`, the name being next.
    pub(super) fn converter(&mut self, name: &str) -> Parsed<Expr> {
        let offset = self.offset();
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
            let expected = match crate::functions::converter_like(name) {
                Some(near) => {
                    format!("a converter, whose name starts in upper case, such as {near}")
                }
                None => "a converter, whose name starts in upper case; an editor has no value"
                    .to_owned(),
            };
            return self.fail(&expected);
        }
        self.next += 1;
        let arguments = self.arguments()?;
        let keys = self.keys()?;
        Ok(Expr::Call(Call { name: name.to_owned(), arguments, keys, offset }))
    }

    fn arguments(&mut self) -> Parsed<Vec<Argument>> {
        self.sign("(")?;
        let mut arguments = Vec::new();
        if self.takes(")") {
            return Ok(arguments);
        }
        loop {
            let argument = self.argument()?;
            let before: Option<&Argument> = arguments.last();
            if argument.name.is_none() && before.is_some_and(|before| before.name.is_some()) {
                return self.fail("a name: positional arguments stand before named ones");
            }
            arguments.push(argument);
            if self.takes(")") {
                return Ok(arguments);
            }
            self.sign(",")?;
        }
    }

    fn argument(&mut self) -> Parsed<Argument> {
        let offset = self.offset();
        let name = match (self.peek(), self.ahead(1)) {
            (Some(Token::Name(name)), Some(Token::Sign("=")))
                if name.starts_with(|first: char| first.is_ascii_lowercase()) =>
            {
                Some(name.clone())
            }
            _ => None,
        };
        self.next += if name.is_some() { 2 } else { 0 };
        let value_offset = self.offset();
        Ok(Argument { name, given: self.given()?, offset, value_offset })
    }

    fn given(&mut self) -> Parsed<Given> {
        if let Some(formals) = self.formals() {
            return self.lambda(formals).map(Given::Lambda);
        }
        if let Some(name) = self.function_name() {
            return self.take(Given::Function(name));
        }
        self.value().map(Given::Value)
    }

    /// A converter's bare name: with a lower case letter, or else an enum symbol looks the same.
    fn function_name(&self) -> Option<String> {
        let Some(Token::Name(name)) = self.peek() else { return None };
        let ends = matches!(self.ahead(1), Some(Token::Sign("," | ")")));
        let upper = name.starts_with(|first: char| first.is_ascii_uppercase());
        let mixed = name.contains(|any: char| any.is_ascii_lowercase());
        (ends && upper && mixed).then(|| name.clone())
    }

    /// The formals of a lambda, if one starts here: only then is anything read.
    fn formals(&mut self) -> Option<Vec<String>> {
        let start = self.next;
        let formals = self.try_formals();
        if formals.is_none() {
            self.next = start;
        }
        formals
    }

    fn try_formals(&mut self) -> Option<Vec<String>> {
        if !self.takes("(") {
            return None;
        }
        let mut formals = Vec::new();
        while !self.takes(")") {
            if !formals.is_empty() && !self.takes(",") {
                return None;
            }
            formals.push(self.formal()?);
        }
        self.takes("=>").then_some(formals)
    }

    fn formal(&mut self) -> Option<String> {
        let name = match self.peek()? {
            Token::Sign("_") => "_",
            Token::Name(name)
                if super::is_path_name(name) && !super::RESERVED.contains(&name.as_str()) =>
            {
                name
            }
            _ => return None,
        };
        self.next += 1;
        Some(name.to_owned())
    }

    /// The body is a value if one ends where the argument does, and otherwise a condition.
    fn lambda(&mut self, formals: Vec<String>) -> Parsed<Lambda> {
        let start = self.next;
        let value = self.value();
        let ends = matches!(self.peek(), Some(Token::Sign("," | ")")));
        let body = match value {
            Ok(Expr::Bool(value)) if ends => Body::Condition(Box::new(Condition::Bool(value))),
            Ok(value) if ends => Body::Value(Box::new(value)),
            _ => {
                self.next = start;
                Body::Condition(Box::new(self.condition()?))
            }
        };
        Ok(Lambda { formals, body })
    }
}
