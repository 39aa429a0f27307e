//! The levels at which messages stand in a request, whatever the signal.

/// How deep a message stands in a request, the outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `ResourceSpans`, `ResourceMetrics`, `ResourceLogs`.
    Resource,
    /// `ScopeSpans`, `ScopeMetrics`, `ScopeLogs`.
    Scope,
    /// A span, a metric, a log record.
    Record,
    /// An event of a span, a point of a metric.
    Child,
    /// An exemplar of a point.
    Leaf,
}

/// How many levels there are.
pub const LEVELS: usize = 5;

impl Level {
    /// All, the outermost first.
    pub const ALL: [Self; LEVELS] =
        [Self::Resource, Self::Scope, Self::Record, Self::Child, Self::Leaf];
}
