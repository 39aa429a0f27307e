//! The contexts of OTLP: resource, scope, span, span event, span link, metric, data point, exemplar
//! and log record.
//!
//! A path is resolved at load to a level, a field number and a way to read it; the tables stand in
//! `tables`. Reading one attribute is one scan of its message that ends at the key, or, where many texts look into
//! a record, of an index of its attributes; setting and removing one is a splice. Only a map or list that
//! is read as a whole is decoded.
//!
//! | where we differ from the reference on purpose | |
//! |---|---|
//! | a write that fails | changes nothing; there it can leave an empty attribute |
//! | the children of a message around the record (`span.events` from an event) | are as they were when the walk came to them, and read-only |
//! | an empty list of whole numbers, set where doubles belong, or the other way round | is an empty list; there it is a wrong type |
//!
//! Profiles have no context: they pass through raw.

use bumpalo::Bump;
use otlp::Signal;
use otlp::edit::{Data, Level};

use crate::ast::Comparison;
use crate::context::{Context, Found, Keep, Key, Purpose, Rewrite, Segment};
use crate::function::{Changed, Definition};
use crate::functions::special;
use crate::{RunError, Value};

pub mod any;
mod ids;
mod paths;
mod puts;
mod read;
mod record;
mod request;
mod symbols;
mod tables;
mod trace_state;
mod write;

pub use paths::Path;
pub use record::{Record, Scratch};
pub use request::{Headers, Request};

/// A context of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Otlp {
    Resource,
    Scope,
    Span,
    SpanEvent,
    SpanLink,
    Metric,
    DataPoint,
    Exemplar,
    Log,
}

impl Otlp {
    /// All contexts.
    pub const ALL: [Self; 9] = [
        Self::Resource,
        Self::Scope,
        Self::Span,
        Self::SpanEvent,
        Self::SpanLink,
        Self::Metric,
        Self::DataPoint,
        Self::Exemplar,
        Self::Log,
    ];

    /// The context of that name; `instrumentation_scope` is another one for `scope`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "instrumentation_scope" => Some(Self::Scope),
            _ => Self::ALL.into_iter().find(|context| context.title() == name),
        }
    }

    /// Its name in paths.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::Span => "span",
            Self::SpanEvent => "spanevent",
            Self::SpanLink => "spanlink",
            Self::Metric => "metric",
            Self::DataPoint => "datapoint",
            Self::Exemplar => "exemplar",
            Self::Log => "log",
        }
    }

    /// The level of its records in a request.
    pub const fn level(self) -> Level {
        match self {
            Self::Resource => Level::Resource,
            Self::Scope => Level::Scope,
            Self::Span | Self::Metric | Self::Log => Level::Record,
            Self::SpanEvent | Self::SpanLink | Self::DataPoint => Level::Child,
            Self::Exemplar => Level::Leaf,
        }
    }

    /// The names of its records and of what is around them, the outermost first.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Resource => &["resource"],
            Self::Scope => &["resource", "scope"],
            Self::Span => &["resource", "scope", "span"],
            Self::SpanEvent => &["resource", "scope", "span", "spanevent"],
            Self::SpanLink => &["resource", "scope", "span", "spanlink"],
            Self::Metric => &["resource", "scope", "metric"],
            Self::DataPoint => &["resource", "scope", "metric", "datapoint"],
            Self::Exemplar => &["resource", "scope", "metric", "datapoint", "exemplar"],
            Self::Log => &["resource", "scope", "log"],
        }
    }

    /// Whether requests of `signal` have such records.
    pub fn is_in(self, signal: Signal) -> bool {
        match self {
            Self::Resource | Self::Scope => {
                matches!(signal, Signal::Traces | Signal::Metrics | Signal::Logs)
            }
            Self::Span | Self::SpanEvent | Self::SpanLink => signal == Signal::Traces,
            Self::Metric | Self::DataPoint | Self::Exemplar => signal == Signal::Metrics,
            Self::Log => signal == Signal::Logs,
        }
    }

    /// The context around it.
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Resource => None,
            Self::Scope => Some(Self::Resource),
            Self::Span | Self::Metric | Self::Log => Some(Self::Scope),
            Self::SpanEvent | Self::SpanLink => Some(Self::Span),
            Self::DataPoint => Some(Self::Metric),
            Self::Exemplar => Some(Self::DataPoint),
        }
    }

    /// Itself and the contexts around it, from within.
    pub fn chain(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |context| context.parent())
    }
}

impl Context for Otlp {
    type Path = Path;
    type Record<'a> = Record<'a>;

    fn name(&self) -> &'static str {
        self.title()
    }

    fn has_prefix(&self, name: &str) -> bool {
        // As in the reference the alias means the scope around a record only.
        let is_around = |named| self.chain().any(|around| around == named);
        name == request::PREFIX
            || Self::from_name(name).is_some_and(is_around)
                && (*self != Self::Scope || name != "instrumentation_scope")
    }

    fn is_own(&self, prefix: &str) -> bool {
        Self::from_name(prefix) == Some(*self)
    }

    fn level(&self) -> u8 {
        Self::level(*self) as u8
    }

    fn levels(&self) -> &'static [&'static str] {
        self.names()
    }

    fn resolve(&self, prefix: &str, segments: &[Segment<'_>]) -> Result<Found<Path>, String> {
        paths::resolve(*self, prefix, segments)
    }

    fn symbols(&self) -> Vec<&'static str> {
        symbols::names(*self)
    }

    fn symbol(&self, name: &str) -> Option<i64> {
        symbols::number(*self, name)
    }

    fn special(&self, purpose: Purpose) -> &'static [&'static [Definition]] {
        match (self, purpose) {
            (Self::Span, _) => &[special::SPANS],
            (Self::Metric, Purpose::Transform) => &[special::METRIC],
            (Self::Metric, Purpose::Filter) => &[special::METRIC_FILTER],
            (Self::DataPoint, Purpose::Transform) => &[special::DATAPOINT],
            (Self::Log, Purpose::Transform) => &[special::LOGS],
            _ => &[],
        }
    }

    fn get<'a>(
        record: &Self::Record<'a>,
        path: &Path,
        keys: &[Key<'_>],
    ) -> Result<Value<'a>, RunError> {
        read::get(record, path, keys)
    }

    #[inline]
    fn compare(
        record: &Self::Record<'_>,
        path: &Path,
        key: &str,
        op: Comparison,
        right: &Value<'_>,
    ) -> Option<Result<bool, RunError>> {
        read::compare(record, path, key, op, right)
    }

    fn set<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        path: &Path,
        keys: &[Key<'_>],
        value: &Value<'_>,
    ) -> Result<(), RunError> {
        write::set(record, arena, path, keys, value)
    }

    fn retain<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        path: &Path,
        keys: &[Key<'_>],
        keep: Keep<'_>,
    ) -> Result<(), RunError> {
        write::retain(record, arena, path, keys, keep)
    }

    fn rewrite<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        path: &Path,
        keys: &[Key<'_>],
        rewrite: &mut dyn Rewrite,
    ) -> Result<(), RunError> {
        write::rewrite(record, arena, path, keys, rewrite)
    }

    fn remove<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        path: &Path,
        keys: &[Key<'_>],
        key: &str,
    ) -> Result<(), RunError> {
        write::remove(record, arena, path, keys, key)
    }

    fn whole<'a>(record: &Self::Record<'a>) -> Option<&'a [u8]> {
        (record.level() >= Level::Record).then(|| record.whole(Level::Record))
    }

    fn histogram_point<'a>(record: &Self::Record<'a>) -> Option<&'a [u8]> {
        let is_one = record.level() == Level::Child && record.data() == Some(Data::Histogram);
        is_one.then(|| record.message(Level::Child))
    }

    fn change<'a>(
        record: &mut Self::Record<'a>,
        arena: &'a Bump,
        changed: Changed,
    ) -> Result<(), RunError> {
        record.change(arena, changed)
    }
}

#[cfg(test)]
mod tests;
