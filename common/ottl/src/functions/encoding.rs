//! Base64, hexadecimal, character sets, ids, UUIDs.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{NO_PAD, PAD};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use crate::function::{Args, Body, Definition, Kind, Param, optional, required};
use crate::{RunError, Value, json};

mod decode;
mod ids;
mod pages;

const ID: &[Param] = &[required("target", Kind::BytesLike)];

/// The family.
pub const ALL: &[Definition] = &[
    Definition {
        name: "Base64Encode",
        params: &[required("target", Kind::Str), optional("variant", Kind::Str)],
        body: Body::Plain(base64_encode),
    },
    Definition {
        name: "Decode",
        params: &[required("target", Kind::Any), required("encoding", Kind::Str)],
        body: Body::Prepared(decode::decode),
    },
    Definition {
        name: "Hex",
        params: &[required("target", Kind::BytesLike)],
        body: Body::Plain(|args| Ok(Value::text(json::hex(args.bytes(0)?)))),
    },
    Definition { name: "TraceID", params: ID, body: Body::Prepared(ids::trace_id) },
    Definition { name: "SpanID", params: ID, body: Body::Prepared(ids::span_id) },
    Definition { name: "ProfileID", params: ID, body: Body::Prepared(ids::profile_id) },
    Definition { name: "UUID", params: &[], body: Body::Plain(ids::uuid) },
    Definition { name: "UUIDv7", params: &[], body: Body::Plain(ids::uuid_v7) },
];

/// As in Go, bits behind the last byte do not count.
const PADDED: GeneralPurposeConfig = PAD.with_decode_allow_trailing_bits(true);
const RAW: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);

static BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PADDED);
static BASE64_RAW: GeneralPurpose = GeneralPurpose::new(&STANDARD, RAW);
static BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, PADDED);
static BASE64_RAW_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, RAW);

/// A variant of base64 by its name.
fn variant(name: &str) -> Option<&'static GeneralPurpose> {
    match name {
        "base64" => Some(&BASE64),
        "base64-raw" => Some(&BASE64_RAW),
        "base64-url" => Some(&BASE64_URL),
        "base64-raw-url" => Some(&BASE64_RAW_URL),
        _ => None,
    }
}

fn base64_encode<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let name = if args.has(1) { args.str(1)? } else { "base64" };
    let engine =
        variant(name).ok_or_else(|| RunError::new(format!("{name:?} is no variant of base64")))?;
    Ok(Value::text(engine.encode(args.str(0)?)))
}
