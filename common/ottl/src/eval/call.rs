//! Calls of converters.

use super::{Env, Keys, Scope};
use crate::coerce::convert;
use crate::context::Context;
use crate::function::{Args, Argument, LambdaFn, LazyFn};
use crate::plan::{CallExpr, Callable, Expr, FunctionRef, Given, LambdaBody, LambdaExpr};
use crate::value::Time;
use crate::{RunError, Value, bound, index};

impl<C: Context> CallExpr<C> {
    pub(crate) fn eval<'a>(&'a self, env: Env<'_, 'a, C>) -> Result<Value<'a>, RunError> {
        let value = if self.calls_back {
            self.call_back(env)?.stored_in(env.frame.arena)
        } else {
            let mut args = Args::empty(env.frame.now);
            arguments(&self.given, env, &mut args)?;
            self.run(&args, env)?
        };
        bound::check(&value)?;
        if self.keys.is_empty() {
            return Ok(value);
        }
        index::pick(value, Keys::eval(&self.keys, env)?.as_slice())
    }

    /// A call whose arguments borrow the frame, and so does its result.
    fn call_back<'f, 'a: 'f>(&'a self, env: Env<'f, 'a, C>) -> Result<Value<'f>, RunError> {
        let mut args: Args<'f> = Args::empty(env.frame.now);
        for given in &self.given {
            args.push(match given {
                Given::Lambda(lambda) => Argument::Lambda(lambda.bound(env)),
                Given::Lazy(items) => Argument::Lazy(lazy(items, env)),
                given => argument(given, env)?,
            });
        }
        self.run(&args, env)
    }

    fn run<'x>(&self, args: &Args<'x>, env: Env<'_, '_, C>) -> Result<Value<'x>, RunError> {
        match &self.body {
            Callable::OfRecord(body) => {
                let whole = C::whole(&env.frame.record);
                body(whole.ok_or_else(|| RunError::new("there is no record here"))?, args)
            }
            body => body.run(args),
        }
    }
}

impl Callable {
    /// The value for arguments alone.
    pub(crate) fn run<'x>(&self, args: &Args<'x>) -> Result<Value<'x>, RunError> {
        match self {
            Self::Plain(body) => body(args),
            Self::Prepared(body) => body(args),
            Self::OfRecord(_) => Err(RunError::new("it needs a record")),
        }
    }
}

/// The arguments of a call that evaluates none of them itself, filled in where they stay: they are large.
#[inline]
pub(super) fn arguments<'a, C: Context>(
    given: &'a [Given<C>],
    env: Env<'_, 'a, C>,
    args: &mut Args<'a>,
) -> Result<(), RunError> {
    for given in given {
        match given {
            // Most are, and these need not pass through a result first.
            Given::Const(value) | Given::Folded(value) => args.push(Argument::Const(value)),
            given => args.push(argument(given, env)?),
        }
    }
    Ok(())
}

#[inline]
fn argument<'x, 'a: 'x, C: Context>(
    given: &'a Given<C>,
    env: Env<'_, 'a, C>,
) -> Result<Argument<'x>, RunError> {
    Ok(match given {
        Given::Const(value) | Given::Folded(value) => Argument::Const(value),
        Given::Value(expr, kind) => Argument::Value(convert(kind, expr.eval(env)?)?),
        Given::Function(function) => {
            let now = env.frame.now;
            Argument::Function(env.frame.arena.alloc(move |value| function.apply(value, now)))
        }
        Given::Absent | Given::Lambda(_) | Given::Lazy(_) => Argument::Absent,
    })
}

impl FunctionRef {
    fn apply<'x>(&self, value: Value<'x>, now: Option<&'x Time>) -> Result<Value<'x>, RunError> {
        let value = Argument::Value(convert(self.kind, value)?);
        self.body.run(&Args::new([value], now))
    }
}

impl<C: Context> LambdaExpr<C> {
    /// The lambda with what stands around it.
    fn bound<'f, 'a: 'f>(&'a self, env: Env<'f, 'a, C>) -> &'f LambdaFn<'f> {
        let arena = env.frame.arena;
        arena.alloc(move |values: &[Value<'_>]| {
            if values.len() != self.arity {
                return Err(RunError::new("a lambda was called with another number of values"));
            }
            env.frame.count_lambda()?;
            let stored = values.iter().map(|value| value.by_ref().stored_in(arena));
            let values: Vec<Value<'a>> = stored.collect();
            let scope = Scope { values: &values, outer: env.scope };
            self.body.eval(Env { frame: env.frame, scope: Some(&scope) })
        })
    }
}

impl<C: Context> LambdaBody<C> {
    fn eval<'a>(&'a self, env: Env<'_, 'a, C>) -> Result<Value<'a>, RunError> {
        match self {
            Self::Value(expr) => expr.eval(env),
            Self::Test(condition) => condition.eval(env).map(Value::Bool),
        }
    }
}

fn lazy<'f, 'a: 'f, C: Context>(items: &'a [Expr<C>], env: Env<'f, 'a, C>) -> &'f LazyFn<'f> {
    env.frame.arena.alloc(move |nth: usize| -> Option<Result<Value<'f>, RunError>> {
        Some(items.get(nth)?.eval(env))
    })
}
