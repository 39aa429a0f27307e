//! What changes a record: set, clear, append, the editors of maps and of texts.
//!
//! Editors of a map's keys go through [`Target::retain`], which copies nothing when nothing changes; the
//! others read the map, change it and write it back only if it changed.

use crate::function::{Args, Body, Definition, Kind, Target, optional, required};
use crate::{RunError, Value};

mod flatten;
mod keys;
mod list;
mod merge;
mod replace;
mod texts;

use replace::{ALL_MATCHES, ALL_PATTERNS, ONE};

/// The family.
pub const ALL: &[Definition] = &[
    Definition {
        name: "set",
        params: &[required("target", Kind::Target), required("value", Kind::Any)],
        body: Body::Editor(|target, args| target.set(args.peek(0))),
    },
    Definition {
        name: "clear",
        params: &[required("target", Kind::Target)],
        body: Body::Editor(clear),
    },
    Definition {
        name: "append",
        params: &[
            required("target", Kind::Target),
            optional("value", Kind::Any),
            optional("values", Kind::Items(&Kind::Any)),
        ],
        body: Body::PreparedEditor(list::append),
    },
    Definition {
        name: "delete_index",
        params: &[
            required("target", Kind::Target),
            required("start_index", Kind::Int),
            optional("end_index", Kind::Int),
        ],
        body: Body::Editor(list::delete_index),
    },
    Definition {
        name: "delete_key",
        params: &[required("target", Kind::MapTarget), required("key", Kind::Str)],
        body: Body::Editor(keys::delete_key),
    },
    Definition {
        name: "delete_matching_keys",
        params: &[required("target", Kind::MapTarget), required("pattern", Kind::Str)],
        body: Body::PreparedEditor(|args| keys::matching(args, false)),
    },
    Definition {
        name: "keep_matching_keys",
        params: &[required("target", Kind::MapTarget), required("pattern", Kind::Str)],
        body: Body::PreparedEditor(|args| keys::matching(args, true)),
    },
    Definition {
        name: "keep_keys",
        params: &[required("target", Kind::MapTarget), required("keys", Kind::Items(&Kind::Str))],
        body: Body::PreparedEditor(keys::keep_keys),
    },
    Definition {
        name: "flatten",
        params: &[
            required("target", Kind::MapTarget),
            optional("prefix", Kind::LiteralStr),
            optional("depth", Kind::LiteralInt),
            optional("resolve_conflicts", Kind::LiteralBool),
        ],
        body: Body::PreparedEditor(flatten::flatten),
    },
    Definition {
        name: "limit",
        params: &[
            required("target", Kind::MapTarget),
            required("limit", Kind::LiteralInt),
            required("priority_keys", Kind::LiteralStrs),
        ],
        body: Body::PreparedEditor(keys::limit),
    },
    Definition {
        name: "merge_maps",
        params: &[
            required("target", Kind::MapTarget),
            required("source", Kind::Map),
            required("strategy", Kind::LiteralStr),
        ],
        body: Body::PreparedEditor(merge::merge_maps),
    },
    Definition {
        name: "replace_all_matches",
        params: ALL_MATCHES,
        body: Body::PreparedEditor(replace::replace_all_matches),
    },
    Definition {
        name: "replace_all_patterns",
        params: ALL_PATTERNS,
        body: Body::PreparedEditor(replace::replace_all_patterns),
    },
    Definition {
        name: "replace_match",
        params: ONE,
        body: Body::PreparedEditor(replace::replace_match),
    },
    Definition {
        name: "replace_pattern",
        params: ONE,
        body: Body::PreparedEditor(replace::replace_pattern),
    },
    Definition {
        name: "stringify_all",
        params: &[required("target", Kind::MapTarget)],
        body: Body::Editor(texts::stringify_all),
    },
    Definition {
        name: "truncate_all",
        params: &[
            required("target", Kind::MapTarget),
            required("limit", Kind::LiteralInt),
            optional("utf8_safe", Kind::LiteralBool),
            optional("truncation_marker", Kind::LiteralStr),
        ],
        body: Body::PreparedEditor(texts::truncate_all),
    },
];

/// Sets the zero of the type that stands there.
fn clear<'a>(target: &mut dyn Target<'a>, _: &Args<'a>) -> Result<(), RunError> {
    let zero = match target.get()? {
        Value::Str(_) => Value::text(""),
        Value::Int(_) => Value::Int(0),
        Value::Double(_) => Value::Double(0.0),
        Value::Bool(_) => Value::Bool(false),
        Value::Bytes(_) => Value::Bytes(Vec::new().into()),
        Value::Map(_) => Value::map(crate::Map::new()),
        Value::Slice(_) | Value::List(_) => Value::slice(Vec::new()),
        Value::Duration(_) => Value::Duration(0),
        Value::TraceId(_) => Value::TraceId([0; 16]),
        Value::SpanId(_) => Value::SpanId([0; 8]),
        Value::ProfileId(_) => Value::ProfileId([0; 16]),
        Value::Time(_) => Value::Time(crate::Time::utc(YEAR_1_NS)),
        // As in the reference these stay as they are.
        Value::Opaque(opaque) if opaque.kind.is_single() => return Ok(()),
        Value::Opaque(mut opaque) => {
            opaque.messages.clear();
            Value::Opaque(opaque)
        }
        Value::Nil => Value::Nil,
    };
    target.set(&zero)
}

/// Go's zero time: the beginning of the year 1.
const YEAR_1_NS: i128 = -62_135_596_800_000_000_000;

#[cfg(test)]
mod tests;
