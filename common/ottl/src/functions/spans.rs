//! What only spans have.

use otlp::view::{SpanView, View};

use crate::RunError;
use crate::function::Kind::LiteralStr;
use crate::function::{Args, Body, Definition, optional, required};
use crate::value::Value;

mod name;

/// The family.
pub const ALL: &[Definition] = &[
    Definition { name: "IsRootSpan", params: &[], body: Body::OfRecord(is_root) },
    Definition {
        name: "set_semconv_span_name",
        params: &[
            required("semconv_version", LiteralStr),
            optional("original_span_name_attribute", LiteralStr),
        ],
        body: Body::Record(name::prepare),
    },
];

/// Whether the parent's id is missing or all zero.
fn is_root<'a>(bytes: &[u8], _: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::Bool(SpanView::view(bytes)?.parent_span_id.iter().all(|byte| *byte == 0)))
}

#[cfg(test)]
mod tests;
