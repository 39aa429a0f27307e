//! What statements run over: a trait, so that others can add contexts of their own.
//!
//! The language knows expressions, functions, lambdas and the cache; a [`Context`] knows paths. A path
//! is resolved once, when its statement is loaded, into whatever form reads fastest
//! ([`Context::Path`]); at run time only its keys are evaluated. Records borrow: a record of OTLP is
//! slices of the request, and setting a field puts a new version of the message into the arena and
//! points the record there. So values read before stay valid, and nothing is copied that nobody sets.
//!
//! The path `cache` belongs to the language (see [`Context::HAS_CACHE`]); contexts never see it.

use bumpalo::Bump;

use crate::ast::Comparison;
use crate::function::{Changed, Definition};
use crate::{Map, RunError, Value};

pub use crate::keep::{Keep, KeySet};
pub use crate::rewrite::{Add, Entry, Rewrite};

/// A kind of record and its paths.
pub trait Context: Send + Sync + 'static {
    /// A path, resolved.
    type Path: std::fmt::Debug + Send + Sync + 'static;

    /// A record with what it stands in (its scope, its resource).
    type Record<'a>;

    /// Whether records have a `cache`, a map of their own while statements run.
    const HAS_CACHE: bool = true;

    /// Its name, which paths may start with: `log`.
    fn name(&self) -> &'static str;

    /// Whether `name` may stand before the dot of a path: its own name, those of the contexts around it,
    /// and aliases of both.
    fn has_prefix(&self, name: &str) -> bool {
        name == self.name()
    }

    /// Whether a prefix means the context itself and not one around it.
    fn is_own(&self, prefix: &str) -> bool {
        prefix == self.name()
    }

    /// The level of nesting of the records themselves, 0 for the outermost; see [`Found::level`].
    fn level(&self) -> u8 {
        0
    }

    /// What the levels are called, from the outermost one to that of the records; for people.
    fn levels(&self) -> &'static [&'static str] {
        &["record"]
    }

    /// Resolves a path. `prefix` is what stands before the dot, or the own name if nothing does. The message of an
    /// error says what is not known, and what is.
    fn resolve(&self, prefix: &str, segments: &[Segment<'_>]) -> Result<Found<Self::Path>, String>;

    /// The number of an enum symbol.
    fn symbol(&self, _name: &str) -> Option<i64> {
        None
    }

    /// The names of its enum symbols, for hints.
    fn symbols(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Functions that this context has beyond the common ones.
    fn special(&self, _purpose: Purpose) -> &'static [&'static [Definition]] {
        &[]
    }

    /// Reads a path. `keys` are all keys of the path in order, evaluated; an absent value is nil.
    fn get<'a>(
        record: &Self::Record<'a>,
        path: &Self::Path,
        keys: &[Key<'_>],
    ) -> Result<Value<'a>, RunError>;

    /// Whether a path with this one key compares with a value, as [`get`](Self::get) and [`holds`](crate::compare::holds)
    /// together say it; nothing where they are to be asked. For contexts that need not make a value for it.
    fn compare(
        _record: &Self::Record<'_>,
        _path: &Self::Path,
        _key: &str,
        _op: Comparison,
        _right: &Value<'_>,
    ) -> Option<Result<bool, RunError>> {
        None
    }

    /// Writes a path. A failure leaves the record as it was.
    fn set<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        path: &Self::Path,
        keys: &[Key<'_>],
        value: &Value<'_>,
    ) -> Result<(), RunError>;

    /// Keeps some entries of the map at a path, in order. Anything but a map is a type error. Contexts over bytes do it
    /// without decoding the map, and without looking at what the keys are.
    fn retain<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        path: &Self::Path,
        keys: &[Key<'_>],
        keep: Keep<'_>,
    ) -> Result<(), RunError> {
        change_map::<Self>(record, arena, path, keys, |map| map.retain(keep))
    }

    /// Rewrites the map at a path, in order. Anything but a map is a type error. Contexts over bytes decode only the
    /// values that are asked for.
    fn rewrite<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        path: &Self::Path,
        keys: &[Key<'_>],
        rewrite: &mut dyn Rewrite,
    ) -> Result<(), RunError> {
        change_map::<Self>(record, arena, path, keys, |map| map.rewrite(rewrite))
    }

    /// Takes the first entry under `key` out of the map at a path. Anything but a map is a type error.
    fn remove<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        path: &Self::Path,
        keys: &[Key<'_>],
        key: &str,
    ) -> Result<(), RunError> {
        let mut is_gone = false;
        let mut is_other = |name: &[u8]| {
            let is_it = !is_gone && name == key.as_bytes();
            is_gone |= is_it;
            Ok(!is_it)
        };
        Self::retain(record, arena, path, keys, Keep::Test(&mut is_other))
    }

    /// The bytes of the span, log record or metric that the record is or stands in, for functions over it as a
    /// whole.
    fn whole<'a>(_record: &Self::Record<'a>) -> Option<&'a [u8]> {
        None
    }

    /// The histogram point that the record is, if it is one.
    fn histogram_point<'a>(_record: &Self::Record<'a>) -> Option<&'a [u8]> {
        None
    }

    /// Replaces the record and appends siblings to the span or metric it is or is in.
    fn change<'a>(
        _record: &mut Self::Record<'a>,
        _arena: &'a Bump,
        _changed: Changed,
    ) -> Result<(), RunError> {
        Err(RunError::new("this record cannot be changed as a whole"))
    }
}

/// Takes the map at a path out and, if `change` says that it changed, sets it again.
pub(crate) fn change_map<'a, C: Context + ?Sized>(
    record: &mut C::Record<'a>,
    arena: &'a Bump,
    path: &C::Path,
    keys: &[Key<'_>],
    change: impl FnOnce(&mut Map) -> Result<bool, RunError>,
) -> Result<(), RunError> {
    let mut map = match C::get(record, path, keys)? {
        Value::Map(map) => map.into_owned(),
        other => return Err(RunError::of_type("map", other.kind())),
    };
    if change(&mut map)? { C::set(record, arena, path, keys, &Value::map(map)) } else { Ok(()) }
}

/// What a text is for. It decides which functions it may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Statements and values: all functions.
    Transform,
    /// Conditions that drop records: converters only, and those of the filter processor.
    Filter,
    /// Statements that route: converters and those of the context, `route`, `delete_key` and `delete_matching_keys`.
    Route,
}

/// A name of a path with its keys, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment<'t> {
    /// The name.
    pub name: &'t str,
    /// What is known of the keys in brackets behind it.
    pub keys: Vec<KeyText<'t>>,
}

/// A key of a path when its statement is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyText<'t> {
    /// A literal text.
    Str(&'t str),
    /// A literal whole number.
    Int(i64),
    /// An expression, evaluated for each record.
    Dynamic,
}

/// A key of a path, evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// Into a map.
    Str(&'a str),
    /// Into a list, from 0. Never in range when negative.
    Int(i64),
}

/// What [`Context::resolve`] found.
#[derive(Clone, Debug)]
pub struct Found<P> {
    /// The path in the context's form.
    pub path: P,
    /// The level of nesting that the path reads, 0 for the outermost (a resource) and growing inwards. A condition
    /// runs once for each message of the innermost level it reads.
    pub level: u8,
    /// Whether it reads the messages within its message, too (the events of a span): with them a walk is slower.
    pub with_children: bool,
    /// Whether it can be set at all; a statement that sets it otherwise is refused when it is loaded.
    pub writable: bool,
}

impl<P> Found<P> {
    /// A path that can be set.
    pub fn new(path: P, level: u8) -> Self {
        Self { path, level, with_children: false, writable: true }
    }

    /// A path that can only be read.
    pub fn read_only(path: P, level: u8) -> Self {
        Self { path, level, with_children: false, writable: false }
    }
}
