//! XPath 1.0 as a tree: location paths with all axes but `namespace`, predicates, operators, calls.

use super::test::{Axis, Test};
use super::token::{Token, tokens};

/// Deepest nesting of predicates, brackets and calls.
const NESTING_MAX: usize = 32;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Path { from: From, steps: Vec<Step> },
    Union(Vec<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
    Text(String),
    Number(f64),
    Call(String, Vec<Expr>),
}

/// Where a path starts.
#[derive(Clone, Debug)]
pub(super) enum From {
    Root,
    Context,
    /// What a bracketed expression or a call gives, filtered.
    Expr(Box<Expr>, Vec<Expr>),
}

/// A step of a path.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Expr>,
}

/// The expression that a text is.
pub(super) fn parse(source: &str) -> Result<Expr, String> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, nesting: 0 };
    let expr = parser.binary(0)?;
    if parser.at < parser.tokens.len() {
        return Err(format!("unexpected {:?} in the XPath {source:?}", parser.tokens[parser.at]));
    }
    Ok(expr)
}

/// Operators, the loosest first.
const LEVELS: &[&[&str]] =
    &[&["or"], &["and"], &["=", "!="], &["<", "<=", ">", ">="], &["+", "-"], &["*", "div", "mod"]];

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
}

impl Parser {
    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(sign) = signs.iter().find(|sign| self.is_sign(sign)) {
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = Expr::Binary(sign, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        let mut negative = false;
        while self.takes("-") {
            negative = !negative;
        }
        let mut paths = vec![self.path()?];
        while self.takes("|") {
            paths.push(self.path()?);
        }
        let expr = if paths.len() == 1 { paths.remove(0) } else { Expr::Union(paths) };
        Ok(if negative { Expr::Negative(Box::new(expr)) } else { expr })
    }

    fn path(&mut self) -> Result<Expr, String> {
        if self.takes("//") {
            let mut steps = vec![Step::anywhere()];
            self.steps(&mut steps)?;
            return Ok(Expr::Path { from: From::Root, steps });
        }
        if self.takes("/") {
            let mut steps = Vec::new();
            if self.begins_step() {
                self.steps(&mut steps)?;
            } else if self.is_sign("/") || self.is_sign("//") {
                return Err("a step is missing behind /".to_owned());
            }
            return Ok(Expr::Path { from: From::Root, steps });
        }
        let Some(primary) = self.primary()? else {
            let mut steps = Vec::new();
            self.steps(&mut steps)?;
            return Ok(Expr::Path { from: From::Context, steps });
        };
        let predicates = self.predicates()?;
        let mut steps = Vec::new();
        if self.takes("//") {
            steps.push(Step::anywhere());
            self.steps(&mut steps)?;
        } else if self.takes("/") {
            self.steps(&mut steps)?;
        }
        if predicates.is_empty() && steps.is_empty() {
            return Ok(primary);
        }
        Ok(Expr::Path { from: From::Expr(Box::new(primary), predicates), steps })
    }

    /// A text, a number, a call or brackets; nothing where a step stands.
    fn primary(&mut self) -> Result<Option<Expr>, String> {
        match self.tokens.get(self.at).cloned() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(Some(Expr::Text(text)))
            }
            Some(Token::Number(number)) => {
                self.at += 1;
                Ok(Some(Expr::Number(number)))
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let inner = self.nested()?;
                self.expect(")")?;
                Ok(Some(inner))
            }
            Some(Token::Name(name)) if self.is_call(&name) => {
                self.at += 2;
                self.call(name).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn is_call(&self, name: &str) -> bool {
        self.tokens.get(self.at + 1) == Some(&Token::Sign("(")) && !Test::is_type(name)
    }

    fn call(&mut self, name: String) -> Result<Expr, String> {
        let mut args = Vec::new();
        if !self.takes(")") {
            loop {
                args.push(self.nested()?);
                if self.takes(")") {
                    break;
                }
                self.expect(",")?;
            }
        }
        super::select::check_call(&name, args.len())?;
        Ok(Expr::Call(name, args))
    }

    fn nested(&mut self) -> Result<Expr, String> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(format!("an XPath nested deeper than {NESTING_MAX}"));
        }
        let expr = self.binary(0);
        self.nesting -= 1;
        expr
    }

    fn begins_step(&self) -> bool {
        match self.tokens.get(self.at) {
            Some(Token::Name(_)) => true,
            Some(Token::Sign(sign)) => matches!(*sign, "." | ".." | "@"),
            _ => false,
        }
    }

    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        loop {
            steps.push(self.step()?);
            if self.takes("//") {
                steps.push(Step::anywhere());
            } else if !self.takes("/") {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<Step, String> {
        if self.takes(".") {
            return Ok(Step {
                axis: Axis::Itself,
                test: Test::Any,
                predicates: self.predicates()?,
            });
        }
        if self.takes("..") {
            return Ok(Step {
                axis: Axis::Parent,
                test: Test::Any,
                predicates: self.predicates()?,
            });
        }
        let axis = self.axis()?;
        let Some(Token::Name(name)) = self.tokens.get(self.at).cloned() else {
            return Err("a step of an XPath is missing".to_owned());
        };
        self.at += 1;
        let test = if Test::is_type(&name) && self.takes("(") {
            if let Some(Token::Text(_)) = self.tokens.get(self.at) {
                self.at += 1;
            }
            self.expect(")")?;
            Test::of_type(&name)
        } else {
            Test::of_name(name)
        };
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn axis(&mut self) -> Result<Axis, String> {
        if self.takes("@") {
            return Ok(Axis::Attribute);
        }
        if self.tokens.get(self.at + 1) != Some(&Token::Sign("::")) {
            return Ok(Axis::Child);
        }
        let Some(Token::Name(name)) = self.tokens.get(self.at) else {
            return Err("the name of an axis is missing".to_owned());
        };
        let axis = Axis::named(name).ok_or_else(|| format!("unknown axis {name:?}"))?;
        self.at += 2;
        Ok(axis)
    }

    fn predicates(&mut self) -> Result<Vec<Expr>, String> {
        let mut predicates = Vec::new();
        while self.takes("[") {
            predicates.push(self.nested()?);
            self.expect("]")?;
        }
        Ok(predicates)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("{sign} is missing in the XPath")) }
    }
}

impl Step {
    /// What `//` means.
    fn anywhere() -> Self {
        Self { axis: Axis::DescendantOrSelf, test: Test::Any, predicates: Vec::new() }
    }
}
