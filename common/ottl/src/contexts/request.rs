//! `otelcol.*`: what came with the request. Read-only.

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::context::Key;
use crate::value::{Any, Map};
use crate::{RunError, Value, index};

/// What stands before the dot.
pub(super) const PREFIX: &str = "otelcol";

/// What is known of the request around the records.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The sender's address; port 0 where only the address is known.
    pub address: Option<SocketAddr>,
    /// The headers that were kept.
    pub metadata: Headers,
    /// Those of a gRPC call.
    pub grpc: Headers,
    /// What an authenticator found out.
    pub auth: Map,
}

/// Headers by lower-case name; each value is a list of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(Map);

impl Headers {
    /// These headers, names in lower case.
    pub fn of<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let mut map = Map::new();
        for (name, value) in headers {
            match map.get_mut(name) {
                Some(Any::Slice(values)) => values.push(value.into()),
                _ => map.put(name, vec![Any::from(value)]),
            }
        }
        Self(map)
    }

    /// The values of a header.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = match self.0.get(name) {
            Some(Any::Slice(values)) => values.as_slice(),
            _ => &[],
        };
        values.iter().filter_map(|value| match value {
            Any::Str(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// A path below `otelcol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestPath {
    Address,
    Metadata,
    Grpc,
    Auth,
}

/// The paths, with whether they are maps.
pub(super) const PATHS: &[(&str, RequestPath)] = &[
    ("client.addr", RequestPath::Address),
    ("client.metadata", RequestPath::Metadata),
    ("client.auth.attributes", RequestPath::Auth),
    ("grpc.metadata", RequestPath::Grpc),
];

pub(super) fn get<'a>(
    request: &'a Request,
    path: RequestPath,
    keys: &[Key<'_>],
) -> Result<Value<'a>, RunError> {
    let map = match path {
        RequestPath::Address => {
            return Ok(request
                .address
                .map_or(Value::Nil, |address| Value::Str(told(address).into())));
        }
        RequestPath::Metadata => &request.metadata.0,
        RequestPath::Grpc => &request.grpc.0,
        RequestPath::Auth => &request.auth,
    };
    let lower;
    let keys = match keys {
        [Key::Str(name), rest @ ..] if path != RequestPath::Auth => {
            let name = name.to_ascii_lowercase();
            lower = name;
            return get_in(map, &lower, rest);
        }
        keys => keys,
    };
    index::find(Value::Map(Cow::Borrowed(map)), keys)
}

/// As it is written, without a port that is not known.
fn told(address: SocketAddr) -> String {
    match address.port() {
        0 => address.ip().to_string(),
        _ => address.to_string(),
    }
}

fn get_in<'a>(map: &'a Map, name: &str, rest: &[Key<'_>]) -> Result<Value<'a>, RunError> {
    map.get(name).map_or(Ok(Value::Nil), |value| index::find(value.value(), rest))
}
