//! Texts compiled for a context: what the users of the crate hold and run.

use crate::ast;
use crate::bind::{Binder, Functions, Lookup, Uses};
use crate::context::Context;
use crate::eval::{Env, Frame};
use crate::explain::LevelNames;
use crate::plan::{Action, Cond, Expr};
use crate::{LoadError, RunError, Value, parse};

/// Compiles texts for one context and purpose.
pub struct Compiler<'c, C: Context> {
    /// The context.
    pub context: &'c C,
    /// What the texts may call.
    pub functions: &'c Functions,
    /// Whether each path must start with the name of its context.
    pub needs_prefix: bool,
}

/// `editor(...) where condition`, compiled.
pub struct Statement<C: Context> {
    pub(crate) action: Action<C>,
    pub(crate) condition: Option<Cond<C>>,
    uses: Uses,
    condition_uses: Uses,
    lookups: Vec<Lookup>,
    text: Box<str>,
    pub(crate) levels: LevelNames,
}

/// A condition, compiled.
pub struct Condition<C: Context> {
    pub(crate) condition: Cond<C>,
    uses: Uses,
    lookups: Vec<Lookup>,
    text: Box<str>,
    pub(crate) levels: LevelNames,
}

/// A value expression, compiled.
pub struct Expression<C: Context> {
    pub(crate) expr: Expr<C>,
    uses: Uses,
    text: Box<str>,
    pub(crate) levels: LevelNames,
}

impl<C: Context> Compiler<'_, C> {
    /// Compiles a statement.
    pub fn statement(&self, text: &str) -> Result<Statement<C>, LoadError> {
        self.statement_of(&parse::statement(text)?, text)
    }

    pub(crate) fn statement_of(
        &self,
        tree: &ast::Statement,
        text: &str,
    ) -> Result<Statement<C>, LoadError> {
        let mut binder = self.binder();
        let action = binder.action(&tree.editor)?;
        let mut uses = std::mem::take(&mut binder.uses);
        let condition = tree.condition.as_ref().map(|tree| binder.condition(tree)).transpose()?;
        uses.add(binder.uses);
        let (condition_uses, lookups) = (binder.uses, binder.lookups);
        let (text, levels) = (text.into(), self.levels());
        Ok(Statement { action, condition, uses, condition_uses, lookups, text, levels })
    }

    /// Compiles a condition.
    pub fn condition(&self, text: &str) -> Result<Condition<C>, LoadError> {
        self.condition_of(&parse::condition(text)?, text)
    }

    pub(crate) fn condition_of(
        &self,
        tree: &ast::Condition,
        text: &str,
    ) -> Result<Condition<C>, LoadError> {
        let mut binder = self.binder();
        let condition = binder.condition(tree)?;
        let (uses, lookups) = (binder.uses, binder.lookups);
        Ok(Condition { condition, uses, lookups, text: text.into(), levels: self.levels() })
    }

    /// Compiles a value expression.
    pub fn expression(&self, text: &str) -> Result<Expression<C>, LoadError> {
        let tree = parse::value(text)?;
        let mut binder = self.binder();
        let expr = binder.expr(&tree)?;
        Ok(Expression { expr, uses: binder.uses, text: text.into(), levels: self.levels() })
    }

    fn levels(&self) -> LevelNames {
        LevelNames(self.context.levels())
    }

    fn binder(&self) -> Binder<'_, C> {
        Binder::new(self.context, self.functions, self.needs_prefix)
    }
}

impl<C: Context> Statement<C> {
    /// Runs it on a record and says whether its condition held. A failure leaves the record as it was.
    pub fn run<'a>(&'a self, frame: &mut Frame<'a, C>) -> Result<bool, RunError> {
        if !self.applies(frame)? {
            return Ok(false);
        }
        self.act(frame).map(|()| true)
    }

    /// Whether its condition holds, if it has one.
    pub(crate) fn applies<'a>(&'a self, frame: &Frame<'a, C>) -> Result<bool, RunError> {
        match &self.condition {
            Some(condition) => condition.eval(Env::new(frame)),
            None => Ok(true),
        }
    }

    /// What it does when it applies.
    pub(crate) fn act<'a>(&'a self, frame: &mut Frame<'a, C>) -> Result<(), RunError> {
        self.action.run(frame)
    }

    /// What its condition reads, if it has one.
    pub(crate) fn condition_uses(&self) -> Option<Uses> {
        self.condition.as_ref().map(|_| self.condition_uses)
    }

    /// Whether it works on the record as a whole, and so may append siblings.
    pub(crate) fn changes_record(&self) -> bool {
        matches!(self.action, Action::Change { .. })
    }

    /// The text it was made from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it reads and writes.
    pub fn uses(&self) -> Uses {
        self.uses
    }

    /// The keys under which it looks into maps.
    pub(crate) fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }
}

impl<C: Context> Condition<C> {
    /// Whether it holds for a record.
    pub fn holds<'a>(&'a self, frame: &Frame<'a, C>) -> Result<bool, RunError> {
        self.condition.eval(Env::new(frame))
    }

    /// Whether it is `true` or `false` for every record.
    pub fn constant(&self) -> Option<bool> {
        match self.condition {
            Cond::Const(value) => Some(value),
            _ => None,
        }
    }

    /// The text it was made from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it reads.
    pub fn uses(&self) -> Uses {
        self.uses
    }

    /// The keys under which it looks into maps.
    pub(crate) fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }
}

impl<C: Context> Expression<C> {
    /// The value for a record.
    pub fn value<'a>(&'a self, frame: &Frame<'a, C>) -> Result<Value<'a>, RunError> {
        self.expr.eval(Env::new(frame))
    }

    /// The text it was made from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it reads.
    pub fn uses(&self) -> Uses {
        self.uses
    }
}
