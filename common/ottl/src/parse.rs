//! Tokens into a tree, by recursive descent.
//!
//! The grammar of reference/ottl.md section 2 needs to look ahead in one place: a parenthesis in a
//! condition opens arithmetic or a condition. Both are tried, in that order, and the error that
//! came furthest is the one reported. Depth and effort are bounded, so that hostile text ends in an
//! error too.

use crate::ast::{Comparison, Condition, Expr, Operator, Statement};
use crate::lex::{Spanned, Token, lex};
use crate::{Class, LoadError};

mod call;
pub(crate) mod habit;
mod value;

/// How deep expressions may nest.
const MAX_DEPTH: usize = 96;
/// How many tokens may be read in all, again and again, per token of the text.
const MAX_EFFORT_PER_TOKEN: usize = 64;

/// Words that name no path.
const RESERVED: &[&str] = &["not", "or", "and", "true", "false", "nil"];

/// Parses `editor(...) [where condition]`.
pub fn statement(text: &str) -> Result<Statement, LoadError> {
    whole(text, |parser| parser.statement())
}

/// Parses a condition.
pub fn condition(text: &str) -> Result<Condition, LoadError> {
    whole(text, |parser| parser.condition())
}

/// Parses a value expression.
pub fn value(text: &str) -> Result<Expr, LoadError> {
    whole(text, |parser| parser.value())
}

/// No tree from here; the parser keeps the error.
#[derive(Clone, Copy, Debug)]
struct Failed;

type Parsed<T> = Result<T, Failed>;

struct Parser<'t> {
    tokens: &'t [Spanned],
    /// The index of the token to read.
    next: usize,
    text_bytes: usize,
    depth: usize,
    effort: usize,
    /// Whether a bound was reached: then nothing else is tried.
    is_stopped: bool,
    /// The error that came furthest.
    error: Option<LoadError>,
}

fn whole<T>(
    text: &str,
    parse: impl for<'t> FnOnce(&mut Parser<'t>) -> Parsed<T>,
) -> Result<T, LoadError> {
    let tokens = lex(text)?;
    let effort = (tokens.len() + 16) * MAX_EFFORT_PER_TOKEN;
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        text_bytes: text.len(),
        depth: 0,
        effort,
        is_stopped: false,
        error: None,
    };
    let parsed = parse(&mut parser).and_then(|tree| parser.end().map(|()| tree));
    let unknown = || LoadError::new(Class::Parse, 0, "not in the language");
    parsed.map_err(|Failed| parser.error.unwrap_or_else(unknown))
}

impl<'t> Parser<'t> {
    fn statement(&mut self) -> Parsed<Statement> {
        let editor = self.editor()?;
        let condition = if self.takes_word("where") { Some(self.condition()?) } else { None };
        Ok(Statement { editor, condition })
    }

    fn condition(&mut self) -> Parsed<Condition> {
        self.nested(Self::any_of)
    }

    fn any_of(&mut self) -> Parsed<Condition> {
        let mut terms = vec![self.all_of()?];
        while self.takes_word("or") {
            terms.push(self.all_of()?);
        }
        Ok(one_or(terms, Condition::Or))
    }

    fn all_of(&mut self) -> Parsed<Condition> {
        let mut terms = vec![self.term()?];
        while self.takes_word("and") {
            terms.push(self.term()?);
        }
        Ok(one_or(terms, Condition::And))
    }

    fn term(&mut self) -> Parsed<Condition> {
        if self.takes_word("not") {
            return self.operand().map(|operand| Condition::Not(Box::new(operand)));
        }
        self.operand()
    }

    /// A comparison, a bool, a converter, or a condition in parentheses.
    fn operand(&mut self) -> Parsed<Condition> {
        let start = self.next;
        if let Ok(left) = self.value() {
            if let Some(comparison) = self.comparison() {
                return Ok(Condition::Compare(left, comparison, self.value()?));
            }
            match left {
                Expr::Bool(value) => return Ok(Condition::Bool(value)),
                Expr::Call(call) => return Ok(Condition::Call(call)),
                // Only a formal of a lambda can hold a bool; the binder knows the formals.
                Expr::Path(path)
                    if path.segments.len() == 1 && path.segments[0].keys.is_empty() =>
                {
                    self.expected("a comparison, since a path alone is no condition");
                    return Ok(Condition::Path(path));
                }
                left => self.expected(&compared(&left)),
            };
        }
        self.next = start;
        self.sign("(")?;
        let inner = self.condition()?;
        self.sign(")")?;
        Ok(inner)
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let found = match self.peek() {
            Some(Token::Sign("==")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::NotEqual,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::LessOrEqual,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Sign(">=")) => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.next += 1;
        Some(found)
    }

    /// A value: arithmetic, or what takes no part in it.
    fn value(&mut self) -> Parsed<Expr> {
        self.nested(|parser| match parser.peek() {
            Some(Token::Str(_) | Token::Bytes(_) | Token::Sign("{" | "[")) => parser.plain(),
            Some(Token::Name(name)) if matches!(name.as_str(), "nil" | "true" | "false") => {
                parser.plain()
            }
            Some(Token::Name(name))
                if value::is_symbol(name) && !matches!(parser.ahead(1), Some(Token::Sign("("))) =>
            {
                parser.plain()
            }
            _ => parser.sum(),
        })
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let first = self.product()?;
        let mut rest = Vec::new();
        loop {
            let operator = match self.peek() {
                Some(Token::Sign("+")) => Operator::Add,
                Some(Token::Sign("-")) => Operator::Subtract,
                _ => return Ok(chain(first, rest)),
            };
            self.next += 1;
            rest.push((operator, self.product()?));
        }
    }

    fn product(&mut self) -> Parsed<Expr> {
        let first = self.signed()?;
        let mut rest = Vec::new();
        loop {
            let operator = match self.peek() {
                Some(Token::Sign("*")) => Operator::Multiply,
                Some(Token::Sign("/")) => Operator::Divide,
                _ => return Ok(chain(first, rest)),
            };
            self.next += 1;
            rest.push((operator, self.signed()?));
        }
    }

    fn signed(&mut self) -> Parsed<Expr> {
        if self.takes("-") {
            return self.factor().map(|value| Expr::Negate(Box::new(value)));
        }
        if self.takes("+") {
            return self.factor().map(|value| Expr::Group(Box::new(value)));
        }
        self.factor()
    }

    /// What arithmetic works on.
    fn factor(&mut self) -> Parsed<Expr> {
        match self.peek() {
            Some(Token::Sign("(")) => {
                self.next += 1;
                let inner = self.nested(Self::sum)?;
                self.sign(")")?;
                Ok(Expr::Group(Box::new(inner)))
            }
            Some(Token::Int(value)) => self.take(Expr::Int(*value)),
            Some(Token::Double(value)) => self.take(Expr::Double(*value)),
            Some(Token::Name(name)) if !RESERVED.contains(&name.as_str()) => self.named(name),
            _ => self.fail("a value"),
        }
    }
}

/// Whether a name can stand in a path: in lower case throughout.
fn is_path_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.contains(|any: char| any.is_ascii_uppercase())
}

fn chain(first: Expr, rest: Vec<(Operator, Expr)>) -> Expr {
    if rest.is_empty() { first } else { Expr::Math(Box::new(first), rest) }
}

/// What is expected behind the left side of a comparison.
fn compared(left: &Expr) -> String {
    match left {
        Expr::Path(_) => "a comparison, since a path alone is no condition".to_owned(),
        _ => "a comparison".to_owned(),
    }
}

fn one_or(mut terms: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    if terms.len() == 1 { terms.remove(0) } else { many(terms) }
}

/// Reading tokens and keeping errors.
impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.next).map(|spanned| &spanned.token)
    }

    fn ahead(&self, by: usize) -> Option<&'t Token> {
        self.tokens.get(self.next + by).map(|spanned| &spanned.token)
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text_bytes, |spanned| spanned.offset)
    }

    fn take<T>(&mut self, tree: T) -> Parsed<T> {
        self.next += 1;
        Ok(tree)
    }

    /// Takes the sign if it is next.
    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(name)) if name == word);
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { self.fail(&format!("`{sign}`")) }
    }

    fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fail("the end"),
        }
    }

    /// Parses one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.effort = self.effort.saturating_sub(1);
        if self.is_stopped {
            return Err(Failed);
        }
        if self.depth == MAX_DEPTH || self.effort == 0 {
            self.is_stopped = true;
            return self.stop("this nests too deep");
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn fail<T>(&mut self, expected: &str) -> Parsed<T> {
        self.expected(expected);
        Err(Failed)
    }

    fn expected(&mut self, expected: &str) {
        let found = match self.peek() {
            Some(token) => token.to_string(),
            None => "the end".to_owned(),
        };
        let hint = habit::hint(self.tokens, self.next);
        let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
        self.note(format!("found {found}, expected {expected}{hint}"));
    }

    fn stop<T>(&mut self, message: &str) -> Parsed<T> {
        self.note(message.to_owned());
        Err(Failed)
    }

    /// Keeps the error if nothing came further; at the same place the first one is the more general.
    fn note(&mut self, message: String) {
        let offset = self.offset();
        if self.error.as_ref().is_none_or(|error| error.offset < offset) {
            self.error = Some(LoadError::new(Class::Parse, offset, message));
        }
    }
}

#[cfg(test)]
mod tests;
