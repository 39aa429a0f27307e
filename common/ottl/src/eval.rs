//! Evaluation of compiled texts.
//!
//! Everything borrows from the request, the arena or the plan, all of which outlive the record; so values
//! pass by without being copied. Only a function that evaluates arguments itself (a lambda, `Coalesce`) has
//! its result copied into the arena, because its arguments borrow the frame.

use std::borrow::Cow;
use std::cell::Cell;

use bumpalo::Bump;

use crate::context::Context;
use crate::plan::{CompareExpr, Cond, Expr, KeyExpr, LocalExpr, PathExpr};
use crate::value::{Any, Map, Time};
use crate::{RunError, Value, bound, compare, index, math};

mod call;
mod edit;
mod keys;

pub(crate) use keys::Keys;

/// Says how much memory a record may take.
pub(crate) trait Ration {
    /// The bytes that it may have without asking.
    fn free_bytes(&self) -> usize;

    /// Whether it may have so many bytes in all.
    fn allows(&self, bytes: usize) -> bool;
}

/// What all versions of a record's messages, and its cache, may have.
const MADE_MAX_BYTES: usize = 2 * bound::RECORD_MAX_BYTES;

/// A record while texts run over it.
pub struct Frame<'a, C: Context> {
    /// The record.
    pub record: C::Record<'a>,
    pub(crate) cache: Map,
    pub(crate) arena: &'a Bump,
    pub(crate) now: Option<&'a Time>,
    /// The bytes that have been set so far, and those of them that went into the cache.
    pub(crate) made_bytes: usize,
    pub(crate) cached_bytes: usize,
    /// Without one memory has no bound but those of the language.
    ration: Option<&'a dyn Ration>,
    /// What of it needs no asking.
    free_bytes: usize,
    /// The calls of lambdas so far.
    lambda_calls: Cell<u32>,
}

impl<'a, C: Context> Frame<'a, C> {
    /// Takes note of a call of a lambda.
    fn count_lambda(&self) -> Result<(), RunError> {
        let calls = self.lambda_calls.get().saturating_add(1);
        self.lambda_calls.set(calls);
        if calls > bound::LAMBDA_CALLS_MAX {
            let message = format!("more than {} calls of lambdas", bound::LAMBDA_CALLS_MAX);
            return Err(RunError::new(message));
        }
        self.check_memory(0)
    }

    /// Refuses to go on where what the record has, and so many bytes more, are too much.
    #[inline]
    pub(crate) fn check_memory(&self, more_bytes: usize) -> Result<(), RunError> {
        let made = self.arena.allocated_bytes() + self.cached_bytes;
        if made + more_bytes <= self.free_bytes { Ok(()) } else { self.ask(made, more_bytes) }
    }

    #[cold]
    fn ask(&self, made: usize, more_bytes: usize) -> Result<(), RunError> {
        if made > MADE_MAX_BYTES {
            return Err(RunError::new(format!("more than {MADE_MAX_BYTES} bytes for one record")));
        }
        match self.ration {
            Some(ration) if !ration.allows(made + more_bytes) => {
                Err(RunError::new("no memory for what it makes"))
            }
            _ => Ok(()),
        }
    }

    /// Takes note of a value that is about to be set below so many keys, and says how many bytes it has.
    #[inline]
    fn spend(&mut self, value: &Value<'_>, keys: usize) -> Result<usize, RunError> {
        let bytes = bound::weigh(value, keys)?;
        self.made_bytes += bytes;
        if self.made_bytes > bound::RECORD_MAX_BYTES {
            return Err(bound::record_is_full());
        }
        self.check_memory(bytes).map(|()| bytes)
    }

    /// What may still be set on the record.
    fn bytes_left(&self) -> usize {
        bound::RECORD_MAX_BYTES.saturating_sub(self.made_bytes)
    }

    /// A frame with an empty cache; `now` is the clock, if there is one.
    #[inline(always)]
    pub fn new(record: C::Record<'a>, arena: &'a Bump, now: Option<&'a Time>) -> Self {
        Self {
            record,
            cache: Map::new(),
            arena,
            now,
            made_bytes: 0,
            cached_bytes: 0,
            ration: None,
            free_bytes: MADE_MAX_BYTES,
            lambda_calls: Cell::new(0),
        }
    }

    /// The same with a bound of its memory.
    #[inline(always)]
    pub(crate) fn rationed(self, ration: &'a dyn Ration) -> Self {
        let free_bytes = ration.free_bytes().min(MADE_MAX_BYTES);
        Self { ration: Some(ration), free_bytes, ..self }
    }
}

/// Where an expression is evaluated.
pub(crate) struct Env<'f, 'a, C: Context> {
    pub(crate) frame: &'f Frame<'a, C>,
    pub(crate) scope: Option<&'f Scope<'f, 'a>>,
}

impl<C: Context> Clone for Env<'_, '_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Context> Copy for Env<'_, '_, C> {}

/// The formals of a lambda while its body is evaluated.
pub(crate) struct Scope<'s, 'a> {
    pub(crate) values: &'s [Value<'a>],
    pub(crate) outer: Option<&'s Scope<'s, 'a>>,
}

impl<'f, 'a, C: Context> Env<'f, 'a, C> {
    pub(crate) fn new(frame: &'f Frame<'a, C>) -> Self {
        Self { frame, scope: None }
    }
}

impl<C: Context> Expr<C> {
    /// The value.
    pub(crate) fn eval<'a>(&'a self, env: Env<'_, 'a, C>) -> Result<Value<'a>, RunError> {
        match self {
            Self::Const(value) => Ok(value.by_ref()),
            Self::Path(path) => path.eval(env),
            Self::Local(local) => local.eval(env),
            Self::Cache(keys) => {
                let keys = Keys::eval(keys, env)?;
                let cache = Value::Map(Cow::Borrowed(&env.frame.cache));
                index::find(cache, keys.as_slice()).map(|value| value.stored_in(env.frame.arena))
            }
            Self::Call(call) => call.eval(env),
            Self::List(items) => {
                let items = items.iter().map(|item| item.eval(env));
                items.collect::<Result<_, _>>().map(Value::List)
            }
            Self::Map(entries) => map(entries, env),
            Self::Math(math) => {
                let mut value = math.first.eval(env)?;
                for (op, term) in &math.rest {
                    value = math::compute(&value, *op, &term.eval(env)?)?;
                }
                Ok(value)
            }
            Self::Negate(inner) => math::negate(&inner.eval(env)?),
        }
    }
}

/// The value of an expression of constants, if it has one.
pub(crate) fn constant<C: Context>(expr: &Expr<C>) -> Option<Value<'static>> {
    let value = |expr: &Expr<C>| match expr {
        Expr::Const(value) => Some(value.clone()),
        _ => None,
    };
    match expr {
        Expr::List(items) => items.iter().map(value).collect::<Option<_>>().map(Value::List),
        Expr::Map(entries) => {
            let mut map = Map::new();
            for (key, entry) in entries {
                map.put(&**key, value(entry)?.into_any().ok()?);
            }
            Some(Value::map(map))
        }
        Expr::Negate(inner) => math::negate(&value(inner)?).ok(),
        _ => None,
    }
}

/// A map literal. A key that repeats has its last value.
fn map<'a, C: Context>(
    entries: &'a [(Box<str>, Expr<C>)],
    env: Env<'_, 'a, C>,
) -> Result<Value<'a>, RunError> {
    let mut map = Map::new();
    for (key, value) in entries {
        let value: Any = value.eval(env)?.into_any().map_err(unsupported)?;
        map.put(&**key, value);
    }
    Ok(Value::map(map))
}

fn unsupported(kind: &str) -> RunError {
    RunError::of_type("a value of OTLP", kind)
}

impl<C: Context> PathExpr<C> {
    #[inline]
    fn eval<'a>(&'a self, env: Env<'_, 'a, C>) -> Result<Value<'a>, RunError> {
        C::get(&env.frame.record, &self.path, Keys::eval(&self.keys, env)?.as_slice())
    }
}

impl<C: Context> CompareExpr<C> {
    /// Whether it holds, where a path of one literal key is compared with a constant and the context can say so without
    /// making a value.
    #[inline]
    fn in_place<'a>(&'a self, env: Env<'_, 'a, C>) -> Option<Result<bool, RunError>> {
        let (Expr::Path(path), Expr::Const(right)) = (&self.left, &self.right) else { return None };
        let [KeyExpr::Str(key)] = &path.keys[..] else { return None };
        C::compare(&env.frame.record, &path.path, key, self.op, right)
    }
}

impl<C: Context> LocalExpr<C> {
    fn eval<'a>(&'a self, env: Env<'_, 'a, C>) -> Result<Value<'a>, RunError> {
        let mut scope = env.scope;
        for _ in 0..self.depth {
            scope = scope.and_then(|scope| scope.outer);
        }
        let value = scope.and_then(|scope| scope.values.get(self.index));
        let value = value.ok_or_else(|| RunError::new("a formal without a value"))?;
        index::pick(value.clone(), Keys::eval(&self.keys, env)?.as_slice())
    }
}

impl<C: Context> Cond<C> {
    /// Whether it holds. From left to right, and no further than needed.
    pub(crate) fn eval<'a>(&'a self, env: Env<'_, 'a, C>) -> Result<bool, RunError> {
        match self {
            Self::Const(value) => Ok(*value),
            Self::And(terms) => {
                for term in terms {
                    if !term.eval(env)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(terms) => {
                for term in terms {
                    if term.eval(env)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(inner) => inner.eval(env).map(|holds| !holds),
            Self::Compare(compare) => {
                if let Some(holds) = compare.in_place(env) {
                    return holds;
                }
                let left = compare.left.eval(env)?;
                // A constant is compared where it is.
                let Expr::Const(right) = &compare.right else {
                    return Ok(compare::holds(&left, compare.op, &compare.right.eval(env)?));
                };
                Ok(compare::holds(&left, compare.op, right))
            }
            Self::Truth(value) => match value.eval(env)? {
                Value::Bool(value) => Ok(value),
                other => Err(RunError::of_type("bool", other.kind())),
            },
        }
    }
}
