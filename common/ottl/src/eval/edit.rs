//! What statements do to a record.

use std::borrow::Cow;

use super::call::arguments;
use super::{Env, Frame, Keys};
use crate::context::{Add, Context, Entry, Keep, Key, Rewrite};
use crate::function::{Args, Target};
use crate::plan::{Action, EditBody, Place};
use crate::value::Any;
use crate::{RunError, Value, bound, index};

impl<C: Context> Action<C> {
    /// Edits the record. A failure leaves it as it was.
    pub(crate) fn run<'a>(&'a self, frame: &mut Frame<'a, C>) -> Result<(), RunError> {
        let mut args = Args::empty(frame.now);
        match self {
            Self::Edit { target, given, body, .. } => {
                arguments(given, Env::new(frame), &mut args)?;
                target.edit(frame, body, &args)
            }
            Self::Change { given, change, .. } => {
                arguments(given, Env::new(frame), &mut args)?;
                let whole = C::whole(&frame.record);
                let whole = whole.ok_or_else(|| RunError::new("there is no record here"))?;
                let changed = change(whole, &args)?;
                C::change(&mut frame.record, frame.arena, changed)
            }
            Self::ChangePoint { given, change, .. } => {
                arguments(given, Env::new(frame), &mut args)?;
                let Some(point) = C::histogram_point(&frame.record) else { return Ok(()) };
                let changed = change(point, &args)?;
                C::change(&mut frame.record, frame.arena, changed)
            }
        }
    }
}

impl<C: Context> Place<C> {
    fn edit<'a>(
        &'a self,
        frame: &mut Frame<'a, C>,
        body: &EditBody,
        args: &Args<'a>,
    ) -> Result<(), RunError> {
        match self {
            Self::Path(path) => {
                let keys = Keys::eval(&path.keys, Env::new(frame))?;
                let keys = keys.as_slice();
                body.run(&mut PathTarget::<C> { frame, path: &path.path, keys }, args)
            }
            Self::Cache(keys) => {
                let keys = Keys::eval(keys, Env::new(frame))?;
                body.run(&mut CacheTarget { frame, keys: keys.as_slice() }, args)
            }
            Self::Nothing => body.run(&mut NoTarget, args),
        }
    }
}

impl EditBody {
    fn run<'a>(&self, target: &mut dyn Target<'a>, args: &Args<'a>) -> Result<(), RunError> {
        match self {
            Self::Plain(body) => body(target, args),
            Self::Prepared(body) => body(target, args),
        }
    }
}

struct PathTarget<'f, 'a, C: Context> {
    frame: &'f mut Frame<'a, C>,
    path: &'a C::Path,
    keys: &'f [Key<'a>],
}

impl<'a, C: Context> Target<'a> for PathTarget<'_, 'a, C> {
    fn get(&self) -> Result<Value<'a>, RunError> {
        C::get(&self.frame.record, self.path, self.keys)
    }

    fn set(&mut self, value: &Value<'_>) -> Result<(), RunError> {
        let arena = self.frame.arena;
        self.frame.spend(value, self.keys.len())?;
        C::set(&mut self.frame.record, arena, self.path, self.keys, value)
    }

    fn retain(&mut self, keep: Keep<'_>) -> Result<(), RunError> {
        let arena = self.frame.arena;
        C::retain(&mut self.frame.record, arena, self.path, self.keys, keep)
    }

    fn rewrite(&mut self, rewrite: &mut dyn Rewrite) -> Result<(), RunError> {
        let arena = self.frame.arena;
        let mut weighed = Weighed::new(rewrite, self.frame, self.keys.len());
        C::rewrite(&mut self.frame.record, arena, self.path, self.keys, &mut weighed)?;
        self.frame.made_bytes += weighed.bytes;
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<(), RunError> {
        let arena = self.frame.arena;
        C::remove(&mut self.frame.record, arena, self.path, self.keys, key)
    }
}

struct CacheTarget<'f, 'a, C: Context> {
    frame: &'f mut Frame<'a, C>,
    keys: &'f [Key<'a>],
}

impl<'a, C: Context> Target<'a> for CacheTarget<'_, 'a, C> {
    fn get(&self) -> Result<Value<'a>, RunError> {
        let cache = Value::Map(Cow::Borrowed(&self.frame.cache));
        let found = index::find(cache, self.keys)?;
        Ok(found.stored_in(self.frame.arena))
    }

    fn set(&mut self, value: &Value<'_>) -> Result<(), RunError> {
        self.frame.cached_bytes += self.frame.spend(value, self.keys.len())?;
        let value = value.clone().into_any().map_err(super::unsupported)?;
        let cache = &mut self.frame.cache;
        match (self.keys, value) {
            ([], Any::Map(map)) => *cache = map,
            ([], Any::Empty) => cache.entries.clear(),
            ([], other) => return Err(RunError::of_type("map", other.value().kind())),
            (keys, value) => index::put_in_map(cache, keys, value)?,
        }
        Ok(())
    }

    fn rewrite(&mut self, rewrite: &mut dyn Rewrite) -> Result<(), RunError> {
        if !self.keys.is_empty() {
            return self.rewrite_whole(rewrite);
        }
        let mut weighed = Weighed::new(rewrite, self.frame, 0);
        self.frame.cache.rewrite(&mut weighed)?;
        self.frame.made_bytes += weighed.bytes;
        self.frame.cached_bytes += weighed.bytes;
        Ok(())
    }
}

/// A rewriting whose new values count as set.
struct Weighed<'w> {
    inner: &'w mut dyn Rewrite,
    /// How many keys are above the values.
    keys: usize,
    bytes: usize,
    /// What may still be set on the record.
    left_bytes: usize,
}

impl<'w> Weighed<'w> {
    fn new<C: Context>(inner: &'w mut dyn Rewrite, frame: &Frame<'_, C>, keys: usize) -> Self {
        Self { inner, keys: keys + 1, bytes: 0, left_bytes: frame.bytes_left() }
    }
}

/// Adds up what values weigh.
fn weigh(any: &Any, keys: usize, bytes: &mut usize, left_bytes: usize) -> Result<(), RunError> {
    *bytes += bound::weigh(&any.value(), keys)?;
    match *bytes {
        bytes if bound::is_over(bytes) => Err(bound::too_large()),
        bytes if bytes > left_bytes => Err(bound::record_is_full()),
        _ => Ok(()),
    }
}

impl Rewrite for Weighed<'_> {
    fn replace(&mut self, entry: &Entry<'_>) -> Result<Option<Cow<'_, Any>>, RunError> {
        let new = self.inner.replace(entry)?;
        if let Some(any) = &new {
            weigh(any, self.keys, &mut self.bytes, self.left_bytes)?;
        }
        Ok(new)
    }

    fn add(&mut self, add: &mut Add<'_>) -> Result<(), RunError> {
        let Self { inner, keys, bytes, left_bytes } = self;
        inner.add(&mut |key, any| {
            *bytes += key.len();
            weigh(any, *keys, bytes, *left_bytes)?;
            add(key, any)
        })
    }
}

/// For editors without a target.
struct NoTarget;

impl<'a> Target<'a> for NoTarget {
    fn get(&self) -> Result<Value<'a>, RunError> {
        Ok(Value::Nil)
    }

    fn set(&mut self, _: &Value<'_>) -> Result<(), RunError> {
        Err(RunError::new("there is no target"))
    }
}
