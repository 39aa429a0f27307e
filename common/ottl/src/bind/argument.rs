//! One argument against its parameter.

use super::Binder;
use crate::ast::{self, Argument, Body, Call, Given as Written, Lambda};
use crate::coerce::convert;
use crate::context::Context;
use crate::function::{Kind, Param};
use crate::plan::{Expr, FunctionRef, Given, LambdaBody, LambdaExpr};
use crate::{Class, LoadError, Value};

impl<C: Context> Binder<'_, C> {
    pub(super) fn argument(
        &mut self,
        param: &'static Param,
        argument: Option<&Argument>,
    ) -> Result<Given<C>, LoadError> {
        let Some(argument) = argument else { return Ok(Given::Absent) };
        let offset = argument.value_offset;
        let wrong = |found: &str| mismatch(param.kind.name(), found, offset);
        match (&param.kind, &argument.given) {
            (Kind::Lambda(arity), Written::Lambda(lambda)) => self.lambda(lambda, *arity, offset),
            (Kind::Function, Written::Function(name)) => self.named(name, offset),
            // A name without a small letter looks like a symbol.
            (Kind::Function, Written::Value(ast::Expr::Enum(name, offset))) => {
                self.named(name, *offset)
            }
            (Kind::Lambda(_) | Kind::Function, Written::Value(_)) => Err(wrong("a value")),
            (kind, Written::Value(tree)) => self.value(kind, tree, offset),
            (_, Written::Function(name)) => {
                Err(wrong(&format!("the name {name}; a call has parentheses")))
            }
            (_, Written::Lambda(_)) => Err(wrong("a lambda")),
        }
    }

    fn value(
        &mut self,
        kind: &'static Kind,
        tree: &ast::Expr,
        offset: usize,
    ) -> Result<Given<C>, LoadError> {
        check_literal(kind, tree, offset)?;
        match (kind, tree) {
            (Kind::Lazy, tree) => Ok(Given::Lazy(vec![self.expr(tree)?])),
            // The function can refuse it when it is loaded.
            (Kind::LazyItems, ast::Expr::List(items)) if items.is_empty() => {
                Ok(Given::Const(Value::List(Vec::new())))
            }
            (Kind::LazyItems, ast::Expr::List(items)) => {
                let items = items.iter().map(|item| self.expr(&item.value));
                items.collect::<Result<_, _>>().map(Given::Lazy)
            }
            (Kind::Items(inner), ast::Expr::List(items)) => self.items(kind, inner, items),
            _ => {
                let expr = self.expr(tree)?;
                converted(kind, tree, expr, offset)
            }
        }
    }

    /// The items of a list literal, each against the inner kind.
    fn items(
        &mut self,
        kind: &'static Kind,
        inner: &'static Kind,
        trees: &[ast::Item],
    ) -> Result<Given<C>, LoadError> {
        let (mut items, mut is_literal, mut is_constant) = (Vec::new(), true, true);
        for tree in trees {
            let given = self.value(inner, &tree.value, tree.offset)?;
            is_literal &= matches!(given, Given::Const(_));
            is_constant &= matches!(given, Given::Const(_) | Given::Folded(_));
            match given {
                Given::Const(value) | Given::Folded(value) => items.push(Expr::Const(value)),
                Given::Value(expr, _) => items.push(expr),
                _ => return Err(mismatch(inner.name(), "something else", tree.offset)),
            }
        }
        let list = Expr::List(items);
        Ok(match if is_constant { super::folded(list) } else { list } {
            Expr::Const(value) if is_literal => Given::Const(value),
            Expr::Const(value) => Given::Folded(value),
            list => Given::Value(list, kind),
        })
    }

    fn lambda(
        &mut self,
        lambda: &Lambda,
        arity: usize,
        offset: usize,
    ) -> Result<Given<C>, LoadError> {
        if !self.functions.lambdas {
            let message = "lambdas are off; the gate ottl.functions.enableLambda turns them on";
            return Err(LoadError::new(Class::Type, offset, message));
        }
        if lambda.formals.len() != arity {
            let message = format!("expected {arity} formals, found {}", lambda.formals.len());
            return Err(LoadError::new(Class::Arity, offset, message));
        }
        // Formals are the record's own business: what reads one depends on what it was called with.
        self.uses.is_bound = true;
        self.scopes.push(lambda.formals.clone());
        let body = match &lambda.body {
            Body::Value(value) => self.expr(value).map(LambdaBody::Value),
            Body::Condition(condition) => self.condition(condition).map(LambdaBody::Test),
        };
        self.scopes.pop();
        Ok(Given::Lambda(LambdaExpr { arity, body: body? }))
    }

    /// A converter of one argument, by its name.
    fn named(&mut self, name: &str, offset: usize) -> Result<Given<C>, LoadError> {
        let call = Call { name: name.to_owned(), arguments: Vec::new(), keys: Vec::new(), offset };
        let Some(definition) = self.functions.get(name) else {
            let message = format!("{name} is no function");
            return Err(LoadError::new(Class::UnknownFunction, offset, message));
        };
        let [first, rest @ ..] = definition.params else {
            let message = format!("{name} takes no argument");
            return Err(LoadError::new(Class::Arity, offset, message));
        };
        if let Some(other) = rest.iter().find(|param| !param.optional) {
            let message = format!("{name} needs the argument {}, too", other.name);
            return Err(LoadError::new(Class::Arity, offset, message));
        }
        let body = self.callable(definition, &[], &call, &[])?;
        Ok(Given::Function(FunctionRef { name: definition.name, body, kind: &first.kind }))
    }
}

fn mismatch(expected: &str, found: &str, offset: usize) -> LoadError {
    let message = format!("expected {expected}, found {found}");
    LoadError::new(Class::Type, offset, message)
}

/// What the parameter wants to see in the text itself, which starts at `offset`.
fn check_literal(kind: &Kind, tree: &ast::Expr, offset: usize) -> Result<(), LoadError> {
    use ast::Expr::{Bool, Double, Enum, Int, List, Map, Str};
    let fits = match kind {
        Kind::LiteralStr => matches!(tree, Str(_)),
        Kind::LiteralInt => matches!(tree, Int(_)),
        Kind::LiteralDouble => matches!(tree, Double(_)),
        Kind::LiteralBool => matches!(tree, Bool(_)),
        Kind::LiteralMap => matches!(tree, Map(_)),
        Kind::LiteralStrs | Kind::LiteralDoubles | Kind::Items(_) | Kind::LazyItems => {
            matches!(tree, List(_))
        }
        Kind::Enum => matches!(tree, Enum(..)),
        _ => true,
    };
    if !fits {
        return Err(mismatch(kind.name(), written(tree), offset));
    }
    match (kind, tree) {
        (Kind::LiteralStrs, List(items)) => check_items(&Kind::LiteralStr, items),
        (Kind::LiteralDoubles, List(items)) => check_items(&Kind::LiteralDouble, items),
        _ => Ok(()),
    }
}

fn check_items(kind: &Kind, items: &[ast::Item]) -> Result<(), LoadError> {
    items.iter().try_for_each(|item| check_literal(kind, &item.value, item.offset))
}

/// What a text shows, for errors.
fn written(tree: &ast::Expr) -> &'static str {
    match tree {
        ast::Expr::Nil => "nil",
        ast::Expr::Bool(_) => "a bool",
        ast::Expr::Int(_) => "an int",
        ast::Expr::Double(_) => "a double",
        ast::Expr::Str(_) => "a string",
        ast::Expr::Bytes(_) => "bytes",
        ast::Expr::Enum(..) => "an enum symbol",
        ast::Expr::Path(_) => "a path",
        ast::Expr::Call(_) => "a call",
        ast::Expr::List(_) => "a list",
        ast::Expr::Map(_) => "a map",
        ast::Expr::Math(..) | ast::Expr::Negate(_) | ast::Expr::Group(_) => "arithmetic",
    }
}

/// A literal is converted once and for all; what is none, for each record.
fn converted<C: Context>(
    kind: &'static Kind,
    tree: &ast::Expr,
    expr: Expr<C>,
    offset: usize,
) -> Result<Given<C>, LoadError> {
    let refused = |error: crate::RunError| {
        let class = if error.is_type() { Class::Type } else { Class::Literal };
        LoadError::new(class, offset, error.to_string())
    };
    match expr {
        Expr::Const(value) if ast::is_literal(tree) => match value {
            Value::Nil if !takes_nil(kind) => Err(mismatch(kind.name(), "nil", offset)),
            value => convert(kind, value).map(Given::Const).map_err(refused),
        },
        expr => Ok(computed(kind, expr)),
    }
}

/// What is no literal and yet may be constant. It may fail to convert, which is then the record's failure.
fn computed<C: Context>(kind: &'static Kind, expr: Expr<C>) -> Given<C> {
    match expr {
        Expr::Const(value) => match convert(kind, value.clone()) {
            Ok(value) => Given::Folded(value),
            Err(_) => Given::Value(Expr::Const(value), kind),
        },
        expr => Given::Value(expr, kind),
    }
}

/// Whether a literal nil can be meant.
fn takes_nil(kind: &Kind) -> bool {
    use Kind::{Any, BoolLike, BytesLike, DoubleLike, IntLike, StrLike};
    matches!(kind, Any | StrLike | IntLike | DoubleLike | BoolLike | BytesLike)
}
