//! The values that statements compute with.
//!
//! A [`Value`] is borrowed from the record where it can be, so that reading an attribute allocates
//! nothing. What OTLP can hold is [`Any`], owned; a [`Map`] keeps the order and the repeated keys of
//! the wire. A [`Value::List`] is a list that the language made: it may hold what OTLP cannot (nil,
//! times, ids), which shows when it is written to a record.

use std::borrow::Cow;

use crate::RunError;
use crate::context::Keep;

mod time;

pub(crate) use time::since_1970;
pub use time::{Time, Told};

/// A value of an expression.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Nothing: an absent attribute, an empty `AnyValue`, `nil`.
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// IEEE 754.
    Double(f64),
    /// A text.
    Str(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A map as OTLP has it.
    Map(Cow<'a, Map>),
    /// A list as OTLP has it.
    Slice(Cow<'a, [Any]>),
    /// A list that the language made (a literal, `Split`).
    List(Vec<Value<'a>>),
    /// A point in time and the zone it is told in.
    Time(Time),
    /// Nanoseconds.
    Duration(i64),
    /// A trace id.
    TraceId([u8; 16]),
    /// A span id.
    SpanId([u8; 8]),
    /// A profile id.
    ProfileId([u8; 16]),
    /// A message or a list of messages that only paths read and write.
    Opaque(Opaque<'a>),
}

/// A message, or the messages of a repeated field, as they stand on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Opaque<'a> {
    /// What it is.
    pub kind: OpaqueKind,
    /// The messages, without tags and lengths.
    pub messages: Vec<Cow<'a, [u8]>>,
}

/// What an [`Opaque`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpaqueKind {
    /// One span status.
    Status,
    /// The events of a span.
    Events,
    /// The links of a span.
    Links,
    /// The points of a gauge or sum.
    NumberPoints,
    /// The points of a histogram.
    HistogramPoints,
    /// The points of an exponential histogram.
    ExponentialHistogramPoints,
    /// The points of a summary.
    SummaryPoints,
    /// The exemplars of a point.
    Exemplars,
    /// The quantiles of a summary's point.
    Quantiles,
    /// One set of exponential buckets.
    Buckets,
    /// One resource, scope, span, metric or other record as a whole.
    Record,
}

impl OpaqueKind {
    /// Whether it is one message and not a list.
    pub fn is_single(self) -> bool {
        matches!(self, Self::Status | Self::Buckets | Self::Record)
    }
}

/// An owned `AnyValue`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Any {
    /// No value; reads as nil.
    #[default]
    Empty,
    /// A text.
    Str(String),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// IEEE 754.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    Slice(Vec<Any>),
    /// A map.
    Map(Map),
}

/// Keys and values in the order of the wire. Keys may repeat: the first one is found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// The entries.
    pub entries: Vec<(String, Any)>,
}

impl Map {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value under `key`.
    pub fn get(&self, key: &str) -> Option<&Any> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The first value under `key`, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Any> {
        self.entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Replaces the first value under `key`, or adds one at the end.
    pub fn put(&mut self, key: impl Into<String> + AsRef<str>, value: impl Into<Any>) {
        match self.get_mut(key.as_ref()) {
            Some(slot) => *slot = value.into(),
            None => self.entries.push((key.into(), value.into())),
        }
    }

    /// Takes the first entry under `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Any> {
        let index = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(index).1)
    }

    /// Keeps some entries, and says whether any went. After an error some may be gone.
    pub fn retain(&mut self, mut keep: Keep<'_>) -> Result<bool, RunError> {
        let before = self.len();
        let mut failed = None;
        self.entries.retain(|(key, _)| {
            keep.keeps(key.as_bytes()).unwrap_or_else(|error| {
                failed = Some(error);
                true
            })
        });
        failed.map_or(Ok(self.len() != before), Err)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K: Into<String>, V: Into<Any>> FromIterator<(K, V)> for Map {
    /// Keeps repeated keys.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value.into()));
        Self { entries: entries.collect() }
    }
}

impl<'a> Value<'a> {
    /// A text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Str(text.into())
    }

    /// A map that was made.
    pub fn map(map: Map) -> Value<'static> {
        Value::Map(Cow::Owned(map))
    }

    /// A list of OTLP values that was made.
    pub fn slice(items: Vec<Any>) -> Value<'static> {
        Value::Slice(Cow::Owned(items))
    }

    /// A list of texts that was made.
    pub fn texts<T: Into<Cow<'a, str>>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Its type, as errors name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Double(_) => "double",
            Self::Str(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Map(_) => "map",
            Self::Slice(_) => "slice",
            Self::List(_) => "list",
            Self::Time(_) => "time",
            Self::Duration(_) => "duration",
            Self::TraceId(_) => "trace id",
            Self::SpanId(_) => "span id",
            Self::ProfileId(_) => "profile id",
            Self::Opaque(_) => "message",
        }
    }

    /// The same value, borrowed from this one.
    pub fn by_ref(&self) -> Value<'_> {
        match self {
            Self::Str(text) => Value::Str(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Self::Map(map) => Value::Map(Cow::Borrowed(map)),
            Self::Slice(items) => Value::Slice(Cow::Borrowed(items)),
            Self::List(items) => Value::List(items.iter().map(Value::by_ref).collect()),
            other => other.clone(),
        }
    }

    /// The same value with its texts and bytes in `arena`.
    pub fn stored_in(self, arena: &bumpalo::Bump) -> Value<'_> {
        match self {
            Self::Str(text) => Value::Str(Cow::Borrowed(arena.alloc_str(&text))),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(arena.alloc_slice_copy(&bytes))),
            Self::List(items) => {
                Value::List(items.into_iter().map(|item| item.stored_in(arena)).collect())
            }
            other => other.into_owned(),
        }
    }

    /// The value, or an empty text for nil.
    pub(crate) fn or_empty(self) -> Self {
        if self.is_nil() { Value::Str(Cow::Borrowed("")) } else { self }
    }

    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Double(value) => Value::Double(value),
            Self::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Map(map) => Value::Map(Cow::Owned(map.into_owned())),
            Self::Slice(items) => Value::Slice(Cow::Owned(items.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Time(time) => Value::Time(time),
            Self::Duration(nanoseconds) => Value::Duration(nanoseconds),
            Self::TraceId(id) => Value::TraceId(id),
            Self::SpanId(id) => Value::SpanId(id),
            Self::ProfileId(id) => Value::ProfileId(id),
            Self::Opaque(opaque) => Value::Opaque(opaque.into_owned()),
        }
    }

    /// The value as OTLP can hold it; the kind of what it cannot hold.
    pub fn into_any(self) -> Result<Any, &'static str> {
        Ok(match self {
            Self::Nil => Any::Empty,
            Self::Bool(value) => Any::Bool(value),
            Self::Int(value) => Any::Int(value),
            Self::Double(value) => Any::Double(value),
            Self::Str(text) => Any::Str(text.into_owned()),
            Self::Bytes(bytes) => Any::Bytes(bytes.into_owned()),
            Self::Map(map) => Any::Map(map.into_owned()),
            Self::Slice(items) => Any::Slice(items.into_owned()),
            Self::List(items) => {
                Any::Slice(items.into_iter().map(Self::into_any).collect::<Result<_, _>>()?)
            }
            other => return Err(other.kind()),
        })
    }
}

impl Opaque<'_> {
    pub(crate) fn into_owned(self) -> Opaque<'static> {
        let messages = self.messages.into_iter().map(|message| Cow::Owned(message.into_owned()));
        Opaque { kind: self.kind, messages: messages.collect() }
    }
}

impl Any {
    /// The value, borrowed; empty reads as nil.
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Empty => Value::Nil,
            Self::Str(text) => Value::Str(Cow::Borrowed(text)),
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Double(value) => Value::Double(*value),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Self::Slice(items) => Value::Slice(Cow::Borrowed(items)),
            Self::Map(map) => Value::Map(Cow::Borrowed(map)),
        }
    }
}

impl From<Any> for Value<'_> {
    fn from(any: Any) -> Self {
        match any {
            Any::Empty => Self::Nil,
            Any::Str(text) => Self::Str(Cow::Owned(text)),
            Any::Bool(value) => Self::Bool(value),
            Any::Int(value) => Self::Int(value),
            Any::Double(value) => Self::Double(value),
            Any::Bytes(bytes) => Self::Bytes(Cow::Owned(bytes)),
            Any::Slice(items) => Self::Slice(Cow::Owned(items)),
            Any::Map(map) => Self::Map(Cow::Owned(map)),
        }
    }
}

macro_rules! any_from {
    ($($from:ty => $variant:ident),*) => {
        $(impl From<$from> for Any {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

any_from!(String => Str, &str => Str, bool => Bool, i64 => Int, f64 => Double, Vec<u8> => Bytes,
    Vec<Any> => Slice, Map => Map);
