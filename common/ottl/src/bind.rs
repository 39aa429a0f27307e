//! Trees into plans: names are looked up, arguments matched, literals checked and converted.
//!
//! Whatever can be known to be wrong is refused here: a statement that can never work is a mistake in a
//! configuration, not a warning for each record. What is constant is computed here, too; conditions fold as in the
//! reference, so that `x or true` never reads `x`.

use std::collections::HashMap;

use crate::ast::{self, Comparison, Condition};
use crate::context::{Context, Purpose};
use crate::eval::constant;
use crate::function::{Body, Definition, Kind};
use crate::nearest::did_you_mean;
use crate::plan::{CompareExpr, Cond, Expr, LevelSet, MathExpr};
use crate::{Class, LoadError, compare, functions, math, parse};

mod argument;
mod call;
mod path;

/// The functions that texts of one purpose may call.
pub struct Functions {
    by_name: HashMap<&'static str, &'static Definition>,
    /// Whether lambdas are on.
    lambdas: bool,
}

impl Functions {
    /// Those of a context. `lambdas` turns on lambda arguments and the functions that take them (the reference's
    /// feature gate `ottl.functions.enableLambda`).
    pub fn new<C: Context>(context: &C, purpose: Purpose, lambdas: bool) -> Self {
        let special = context.special(purpose).iter().flat_map(|family| family.iter());
        let fits = |definition: &&'static Definition| {
            serves(definition, purpose) && (lambdas || !takes_lambdas(definition))
        };
        let route = (purpose == Purpose::Route).then_some(&ROUTE);
        let all = functions::common().chain(special).filter(fits).chain(route);
        Self { by_name: all.map(|definition| (definition.name, definition)).collect(), lambdas }
    }

    /// A function by its name.
    pub fn get(&self, name: &str) -> Option<&'static Definition> {
        self.by_name.get(name).copied()
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.by_name.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

/// Says that a record goes where its statement stands.
const ROUTE: Definition =
    Definition { name: "route", params: &[], body: Body::Editor(|_, _| Ok(())) };

fn serves(definition: &Definition, purpose: Purpose) -> bool {
    let is_converter = definition.name.starts_with(|first: char| first.is_ascii_uppercase());
    match purpose {
        Purpose::Transform => true,
        Purpose::Filter => is_converter,
        Purpose::Route => {
            is_converter || matches!(definition.name, "delete_key" | "delete_matching_keys")
        }
    }
}

fn takes_lambdas(definition: &Definition) -> bool {
    definition.params.iter().any(|param| matches!(param.kind, Kind::Lambda(_)))
}

/// What a text reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The levels whose paths it reads.
    pub reads: LevelSet,
    /// The levels it writes.
    pub writes: LevelSet,
    /// The levels of which it needs the messages with all that is in them.
    pub wholes: LevelSet,
    /// Whether it works on the record as a whole.
    pub whole_record: bool,
    /// Whether it depends on the record in another way: through the cache, or a function that has no path among its
    /// arguments and so may give another value each time.
    pub is_bound: bool,
}

impl Uses {
    /// What two texts use together.
    pub fn add(&mut self, other: Self) {
        self.reads.add_all(other.reads);
        self.writes.add_all(other.writes);
        self.wholes.add_all(other.wholes);
        self.whole_record |= other.whole_record;
        self.is_bound |= other.is_bound;
    }
}

/// A key under which a text looks into a map at a level.
pub(crate) type Lookup = (u8, Box<str>);

/// Makes plans of trees.
pub(crate) struct Binder<'b, C: Context> {
    pub(crate) context: &'b C,
    pub(crate) functions: &'b Functions,
    /// Whether each path must name its context.
    pub(crate) needs_prefix: bool,
    /// What the texts bound so far use.
    pub(crate) uses: Uses,
    /// The keys under which they look into maps: the level of the path and its first key, if it is a literal.
    pub(crate) lookups: Vec<Lookup>,
    /// The formals in scope, the innermost last.
    scopes: Vec<Vec<String>>,
}

impl<'b, C: Context> Binder<'b, C> {
    pub(crate) fn new(context: &'b C, functions: &'b Functions, needs_prefix: bool) -> Self {
        let (uses, lookups, scopes) = (Uses::default(), Vec::new(), Vec::new());
        Self { context, functions, needs_prefix, uses, lookups, scopes }
    }

    pub(crate) fn condition(&mut self, tree: &Condition) -> Result<Cond<C>, LoadError> {
        match tree {
            Condition::Bool(value) => Ok(Cond::Const(*value)),
            Condition::Call(call) => Ok(Cond::Truth(self.converter(call)?)),
            Condition::Path(path) => {
                if !self.is_local(path) {
                    return Err(not_a_condition(path));
                }
                self.path(path).map(Cond::Truth)
            }
            Condition::Not(inner) => Ok(match self.condition(inner)? {
                Cond::Const(value) => Cond::Const(!value),
                inner => Cond::Not(Box::new(inner)),
            }),
            Condition::Compare(left, op, right) => self.comparison(left, *op, right),
            Condition::And(terms) => self.terms(terms, false, Cond::And),
            Condition::Or(terms) => self.terms(terms, true, Cond::Or),
        }
    }

    /// Terms of which one that is `decisive` decides; constants among them are folded.
    fn terms(
        &mut self,
        trees: &[Condition],
        decisive: bool,
        many: fn(Vec<Cond<C>>) -> Cond<C>,
    ) -> Result<Cond<C>, LoadError> {
        let mut terms = Vec::new();
        let mut decided = false;
        for tree in trees {
            match self.condition(tree)? {
                Cond::Const(value) => decided |= value == decisive,
                term => terms.push(term),
            }
        }
        Ok(match terms.len() {
            _ if decided => Cond::Const(decisive),
            0 => Cond::Const(!decisive),
            1 => terms.remove(0),
            _ => many(terms),
        })
    }

    fn comparison(
        &mut self,
        left: &ast::Expr,
        op: Comparison,
        right: &ast::Expr,
    ) -> Result<Cond<C>, LoadError> {
        // As in the reference what is computed does not decide for the terms beside it, which may fail.
        let is_literal = ast::is_literal(left) && ast::is_literal(right);
        let left = self.expr(left)?;
        let right = self.expr(right)?;
        if let (Expr::Const(left), Expr::Const(right), true) = (&left, &right, is_literal) {
            return Ok(Cond::Const(compare::holds(left, op, right)));
        }
        Ok(Cond::Compare(Box::new(CompareExpr { left, op, right })))
    }

    pub(crate) fn expr(&mut self, tree: &ast::Expr) -> Result<Expr<C>, LoadError> {
        use crate::Value;
        Ok(match tree {
            ast::Expr::Nil => Expr::Const(Value::Nil),
            ast::Expr::Bool(value) => Expr::Const(Value::Bool(*value)),
            ast::Expr::Int(value) => Expr::Const(Value::Int(*value)),
            ast::Expr::Double(value) => Expr::Const(Value::Double(*value)),
            ast::Expr::Str(text) => Expr::Const(Value::text(text.clone())),
            ast::Expr::Bytes(bytes) => Expr::Const(Value::Bytes(bytes.clone().into())),
            ast::Expr::Enum(name, offset) => Expr::Const(Value::Int(self.symbol(name, *offset)?)),
            ast::Expr::Path(path) => self.path(path)?,
            ast::Expr::Call(call) => self.converter(call)?,
            ast::Expr::Group(inner) => self.expr(inner)?,
            ast::Expr::List(items) => {
                let items = items.iter().map(|item| self.expr(&item.value));
                folded(Expr::List(items.collect::<Result<_, _>>()?))
            }
            ast::Expr::Map(entries) => {
                let entry = |(key, value): &(String, ast::Expr)| {
                    Ok((key.as_str().into(), self.expr(value)?))
                };
                folded(Expr::Map(entries.iter().map(entry).collect::<Result<_, _>>()?))
            }
            ast::Expr::Negate(inner) => folded(Expr::Negate(Box::new(self.expr(inner)?))),
            ast::Expr::Math(first, rest) => self.math(first, rest)?,
        })
    }

    /// Arithmetic; the constants that it begins with are computed, as far as that goes.
    fn math(
        &mut self,
        first: &ast::Expr,
        rest: &[(ast::Operator, ast::Expr)],
    ) -> Result<Expr<C>, LoadError> {
        let mut first = self.expr(first)?;
        let mut terms = Vec::new();
        for (op, term) in rest {
            let term = self.expr(term)?;
            match (&first, &term) {
                (Expr::Const(left), Expr::Const(right)) if terms.is_empty() => {
                    match math::compute(left, *op, right) {
                        Ok(value) => first = Expr::Const(value),
                        Err(_) => terms.push((*op, term)),
                    }
                }
                _ => terms.push((*op, term)),
            }
        }
        if terms.is_empty() {
            return Ok(first);
        }
        Ok(Expr::Math(Box::new(MathExpr { first, rest: terms })))
    }

    pub(crate) fn symbol(&self, name: &str, offset: usize) -> Result<i64, LoadError> {
        self.context.symbol(name).ok_or_else(|| {
            let context = self.context.name();
            let hint = match (parse::habit::word(name), self.functions.get(name)) {
                (Some(form), _) => format!("; write {form}"),
                (None, Some(_)) => format!("; {name} is a function and is called: {name}(...)"),
                (None, None) => did_you_mean(name, &self.context.symbols()),
            };
            let message = format!("the context {context} has no enum symbol {name}{hint}");
            LoadError::new(Class::UnknownEnum, offset, message)
        })
    }
}

/// The value itself if all its parts are constant and it can be computed; what fails does so for each record.
fn folded<C: Context>(expr: Expr<C>) -> Expr<C> {
    let is_const = |part: &Expr<C>| matches!(part, Expr::Const(_));
    let ready = match &expr {
        Expr::List(items) => items.iter().all(is_const),
        Expr::Map(entries) => entries.iter().all(|(_, value)| is_const(value)),
        Expr::Negate(inner) => is_const(inner),
        _ => false,
    };
    if !ready {
        return expr;
    }
    match constant(&expr) {
        Some(value) => Expr::Const(value),
        None => expr,
    }
}

fn not_a_condition(path: &ast::Path) -> LoadError {
    let text = path.dotted();
    let message = format!("found the path {text}, expected a comparison such as `{text} == true`");
    LoadError::new(Class::Parse, path.offset, message)
}
