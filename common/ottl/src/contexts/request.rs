//! `otelcol.*`: what came with the request. Read-only.

use std::borrow::Cow;

use crate::context::Key;
use crate::value::{Any, Map};
use crate::{RunError, Value, index};

/// What stands before the dot.
pub(super) const PREFIX: &str = "otelcol";

/// What is known of the request around the records.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The sender's address.
    pub address: Option<String>,
    /// Headers by lower-case name; each value is a list of texts.
    pub metadata: Map,
    /// What an authenticator found out.
    pub auth: Map,
}

impl Request {
    /// A request with these headers, names in lower case.
    pub fn with_headers<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let mut metadata = Map::new();
        for (name, value) in headers {
            match metadata.get_mut(name) {
                Some(Any::Slice(values)) => values.push(value.into()),
                _ => metadata.put(name, vec![Any::from(value)]),
            }
        }
        Self { metadata, ..Self::default() }
    }
}

/// A path below `otelcol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestPath {
    Address,
    Metadata,
    Auth,
}

/// The paths, with whether they are maps.
pub(super) const PATHS: &[(&str, RequestPath)] = &[
    ("client.addr", RequestPath::Address),
    ("client.metadata", RequestPath::Metadata),
    ("client.auth.attributes", RequestPath::Auth),
    ("grpc.metadata", RequestPath::Metadata),
];

pub(super) fn get<'a>(
    request: &'a Request,
    path: RequestPath,
    keys: &[Key<'_>],
) -> Result<Value<'a>, RunError> {
    let map = match path {
        RequestPath::Address => {
            return Ok(request.address.as_deref().map_or(Value::Nil, Value::text));
        }
        RequestPath::Metadata => &request.metadata,
        RequestPath::Auth => &request.auth,
    };
    let lower;
    let keys = match keys {
        [Key::Str(name), rest @ ..] if path == RequestPath::Metadata => {
            let name = name.to_ascii_lowercase();
            lower = name;
            return get_in(map, &lower, rest);
        }
        keys => keys,
    };
    index::find(Value::Map(Cow::Borrowed(map)), keys)
}

fn get_in<'a>(map: &'a Map, name: &str, rest: &[Key<'_>]) -> Result<Value<'a>, RunError> {
    map.get(name).map_or(Ok(Value::Nil), |value| index::find(value.value(), rest))
}
