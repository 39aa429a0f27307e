//! The keys of a path, evaluated; a few of them without allocating.

use std::borrow::Cow;

use super::Env;
use crate::context::{Context, Key};
use crate::plan::KeyExpr;
use crate::{RunError, Value};

/// How many keys stay on the stack.
const INLINE: usize = 4;

/// Evaluated keys.
pub(crate) enum Keys<'a> {
    None,
    One([Key<'a>; 1]),
    Few([Key<'a>; INLINE], usize),
    Many(Vec<Key<'a>>),
}

impl<'a> Keys<'a> {
    /// From left to right.
    #[inline]
    pub(crate) fn eval<C: Context>(
        keys: &'a [KeyExpr<C>],
        env: Env<'_, 'a, C>,
    ) -> Result<Self, RunError> {
        match keys {
            // As nearly all are: no slots are filled that nobody reads.
            [] => return Ok(Self::None),
            [KeyExpr::Str(key)] => return Ok(Self::One([Key::Str(key)])),
            [_, .., _] if keys.len() > INLINE => {
                let keys = keys.iter().map(|key| one(key, env));
                return keys.collect::<Result<_, _>>().map(Self::Many);
            }
            _ => {}
        }
        let mut few = [Key::Int(0); INLINE];
        for (slot, key) in few.iter_mut().zip(keys) {
            *slot = one(key, env)?;
        }
        Ok(Self::Few(few, keys.len()))
    }

    pub(crate) fn as_slice(&self) -> &[Key<'a>] {
        match self {
            Self::None => &[],
            Self::One(key) => key,
            Self::Few(keys, count) => &keys[..*count],
            Self::Many(keys) => keys,
        }
    }
}

fn one<'a, C: Context>(key: &'a KeyExpr<C>, env: Env<'_, 'a, C>) -> Result<Key<'a>, RunError> {
    Ok(match key {
        KeyExpr::Str(key) => Key::Str(key),
        KeyExpr::Int(index) => Key::Int(*index),
        KeyExpr::Dynamic(key) => match key.eval(env)? {
            Value::Str(Cow::Borrowed(key)) => Key::Str(key),
            Value::Str(Cow::Owned(key)) => Key::Str(env.frame.arena.alloc_str(&key)),
            Value::Int(index) => Key::Int(index),
            other => return Err(RunError::of_type("a string or int as key", other.kind())),
        },
    })
}
