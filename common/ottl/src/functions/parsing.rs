//! Texts into values: JSON, CSV, pairs, URLs, user agents, severities, whole numbers, patterns.

use crate::function::Kind::{Any, Int, List, LiteralBool, LiteralStr, LiteralStrs, Map, Str};
use crate::function::{Body, Definition, Param, optional, required};

pub(super) mod entries;

mod csv;
mod grok;
mod groups;
mod integer;
mod json;
mod pairs;
mod severity;
mod slice_to_map;
mod url;
mod user_agent;

const OF_TEXT: &[Param] = &[required("target", Str)];

/// The family.
pub const ALL: &[Definition] = &[
    define("ParseJSON", OF_TEXT, Body::Plain(json::call)),
    define(
        "ParseCSV",
        &[
            required("target", Str),
            required("header", Str),
            optional("delimiter", LiteralStr),
            optional("header_delimiter", LiteralStr),
            optional("mode", LiteralStr),
        ],
        Body::Prepared(csv::prepare),
    ),
    define(
        "ParseKeyValue",
        &[
            required("target", Str),
            optional("delimiter", LiteralStr),
            optional("pair_delimiter", LiteralStr),
        ],
        Body::Prepared(pairs::prepare_parse),
    ),
    define(
        "ToKeyValueString",
        &[
            required("target", Map),
            optional("delimiter", LiteralStr),
            optional("pair_delimiter", LiteralStr),
            optional("sort_output", LiteralBool),
        ],
        Body::Prepared(pairs::prepare_write),
    ),
    define(
        "ParseInt",
        &[required("target", Str), required("base", Int)],
        Body::Plain(integer::call),
    ),
    define(
        "ParseSeverity",
        &[required("target", Any), required("mapping", Map)],
        Body::Prepared(severity::prepare),
    ),
    define(
        "ExtractPatterns",
        &[required("target", Str), required("pattern", Str)],
        Body::Prepared(groups::prepare),
    ),
    define(
        "ExtractGrokPatterns",
        &[
            required("target", Str),
            required("pattern", Str),
            optional("named_captures_only", LiteralBool),
            optional("pattern_definitions", LiteralStrs),
        ],
        Body::Prepared(grok::prepare),
    ),
    define("UserAgent", &[required("user_agent", Str)], Body::Prepared(user_agent::prepare)),
    define("URL", &[required("url", Str)], Body::Plain(url::call)),
    define(
        "SliceToMap",
        &[
            required("target", List),
            optional("key_path", LiteralStrs),
            optional("value_path", LiteralStrs),
        ],
        Body::Prepared(slice_to_map::prepare),
    ),
];

const fn define(name: &'static str, params: &'static [Param], body: Body) -> Definition {
    Definition { name, params, body }
}

#[cfg(test)]
mod tests;
