//! Which context texts without one are for (reference/ottl.md section 9.2).
//!
//! The context named by the paths that has the highest priority; if it lacks a function or a symbol that the texts use, one
//! of the contexts within it that has all of them. Texts without any path name no context.

use std::collections::BTreeSet;

use crate::ast::{Argument, Body, Call, Condition, Expr, Given, Path, Statement};
use crate::bind::Functions;
use crate::context::Context;

/// The innermost first, but for the order among siblings.
const PRIORITY: &[&str] = &[
    "log",
    "exemplar",
    "datapoint",
    "metric",
    "spanevent",
    // Came later; texts that do without it mean what they meant before.
    "spanlink",
    "span",
    "profile",
    "scope",
    "instrumentation_scope",
    "resource",
];

/// What texts need of their context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    prefixes: Vec<String>,
    functions: BTreeSet<String>,
    symbols: BTreeSet<String>,
    scopes: Vec<Vec<String>>,
}

/// A context and what may be called in it.
pub(crate) struct Candidate<C: Context> {
    pub(crate) context: C,
    pub(crate) functions: Functions,
}

impl Needs {
    /// The index of the context among `candidates`, the outermost of which stands first.
    pub(crate) fn infer<C: Context>(&self, candidates: &[Candidate<C>]) -> Result<usize, String> {
        let named = self.named().ok_or_else(|| {
            let names: Vec<&str> = candidates.iter().map(|it| it.context.name()).collect();
            format!("no path names a context; paths start with one of {}", names.join(", "))
        })?;
        let position = candidates.iter().position(|it| it.context.name() == named);
        let index = position.ok_or_else(|| format!("there is no context {named} here"))?;
        if self.has_all(&candidates[index]) {
            return Ok(index);
        }
        let mut inner: Vec<usize> = (index + 1..candidates.len()).collect();
        inner.sort_by_key(|index| priority(candidates[*index].context.name()));
        let fits = |index: &usize| self.has_all(&candidates[*index]);
        // If none has all, binding says best what is missing, and where.
        Ok(inner.into_iter().find(fits).unwrap_or(index))
    }

    /// The prefix of the highest priority.
    fn named(&self) -> Option<&str> {
        self.prefixes.iter().map(String::as_str).min_by_key(|prefix| priority(prefix))
    }

    fn has_all<C: Context>(&self, candidate: &Candidate<C>) -> bool {
        self.functions.iter().all(|name| candidate.functions.get(name).is_some())
            && self.symbols.iter().all(|name| candidate.context.symbol(name).is_some())
    }

    pub(crate) fn statement(&mut self, statement: &Statement) {
        self.call(&statement.editor);
        statement.condition.iter().for_each(|condition| self.condition(condition));
    }

    pub(crate) fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::And(terms) | Condition::Or(terms) => {
                terms.iter().for_each(|term| self.condition(term));
            }
            Condition::Not(inner) => self.condition(inner),
            Condition::Compare(left, _, right) => {
                self.expr(left);
                self.expr(right);
            }
            Condition::Bool(_) => {}
            Condition::Call(call) => self.call(call),
            Condition::Path(path) => self.path(path),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Enum(name, _) => {
                self.symbols.insert(name.clone());
            }
            Expr::Path(path) => self.path(path),
            Expr::Call(call) => self.call(call),
            Expr::List(items) => items.iter().for_each(|item| self.expr(&item.value)),
            Expr::Map(entries) => entries.iter().for_each(|(_, value)| self.expr(value)),
            Expr::Math(first, rest) => {
                self.expr(first);
                rest.iter().for_each(|(_, term)| self.expr(term));
            }
            Expr::Negate(inner) | Expr::Group(inner) => self.expr(inner),
            _ => {}
        }
    }

    fn path(&mut self, path: &Path) {
        if let [first, _, ..] = &path.segments[..]
            && first.keys.is_empty()
            && !self.scopes.iter().flatten().any(|formal| *formal == first.name)
        {
            self.prefixes.push(first.name.clone());
        }
        path.segments.iter().flat_map(|segment| &segment.keys).for_each(|key| self.expr(key));
    }

    fn call(&mut self, call: &Call) {
        self.functions.insert(call.name.clone());
        call.arguments.iter().for_each(|argument| self.argument(argument));
        call.keys.iter().for_each(|key| self.expr(key));
    }

    fn argument(&mut self, argument: &Argument) {
        match &argument.given {
            // It may be the bare name of a function that looks like a symbol.
            Given::Value(Expr::Enum(name, _)) if !name.contains('_') => {}
            Given::Value(value) => self.expr(value),
            Given::Function(_) => {}
            Given::Lambda(lambda) => {
                self.scopes.push(lambda.formals.clone());
                match &lambda.body {
                    Body::Value(value) => self.expr(value),
                    Body::Condition(condition) => self.condition(condition),
                }
                self.scopes.pop();
            }
        }
    }
}

/// Low is high; what is unknown comes last.
fn priority(name: &str) -> usize {
    PRIORITY.iter().position(|known| *known == name).unwrap_or(PRIORITY.len())
}
