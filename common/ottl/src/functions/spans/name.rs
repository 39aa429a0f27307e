//! Names of spans as the semantic conventions form them.
//!
//! They are of low cardinality: method and route, operation and target, service and method. The conventions from 1.37
//! to 1.43 agree in this. A span that they say nothing about keeps its name.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use prost::Message;

use super::decode;
use crate::function::{Args, Change, Changed};
use crate::json;

/// The conventions that are known, as major and minor version.
const VERSIONS: std::ops::RangeInclusive<(u32, u32)> = (1, 37)..=(1, 43);
/// The fields of a span that change.
const NAME: u32 = 5;
const ATTRIBUTES: u32 = 9;

/// `set_semconv_span_name(version, original_attribute)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Change, String> {
    let version = args.opt_str(0).unwrap_or("");
    let parsed = parse(version).ok_or_else(|| format!("{version:?} is no version"))?;
    if !VERSIONS.contains(&parsed) {
        return Err(format!("version {version} is not from 1.37.0 to 1.43.0"));
    }
    let original = args.opt_str(1).filter(|key| !key.is_empty()).map(str::to_owned);
    Ok(Box::new(move |bytes, _| {
        let span = decode(bytes)?;
        match conventional(&span).filter(|name| *name != span.name) {
            Some(name) => Ok(renamed(span, bytes, name, original.as_deref())),
            None => Ok(Changed::default()),
        }
    }))
}

/// `1.37` and `1.37.0`, with or without a `v` in front; patches do not matter.
fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    parts.all(|part| part.parse::<u32>().is_ok()).then_some((major, minor))
}

/// Written behind the span's bytes: of a field that repeats the last one counts, and what nobody knows stays.
fn renamed(mut span: Span, bytes: &[u8], name: String, original: Option<&str>) -> Changed {
    let old = original.map(|key| (key, text(std::mem::take(&mut span.name))));
    let known =
        old.as_ref().and_then(|(key, _)| span.attributes.iter().position(|one| one.key == *key));
    let record = match (old, known) {
        (Some((_, old)), Some(index)) => {
            span.name = name;
            span.attributes[index].value = Some(old);
            span.encode_to_vec()
        }
        (old, _) => {
            let mut record = bytes.to_vec();
            prost::encoding::string::encode(NAME, &name, &mut record);
            if let Some((key, value)) = old {
                let key = key.to_owned();
                let attribute = KeyValue { key, value: Some(value), ..KeyValue::default() };
                prost::encoding::message::encode(ATTRIBUTES, &attribute, &mut record);
            }
            record
        }
    };
    Changed { record: Some(record), appended: Vec::new() }
}

fn text(text: String) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text)) }
}

fn conventional(span: &Span) -> Option<String> {
    let kind = SpanKind::try_from(span.kind).ok()?;
    if matches!(kind, SpanKind::Unspecified | SpanKind::Internal) {
        return None;
    }
    let about = About(span);
    let is_client = kind == SpanKind::Client;
    about
        .http(is_client)
        .or_else(|| about.rpc())
        .or_else(|| about.messaging())
        .or_else(|| is_client.then(|| about.database()).flatten())
}

/// What the attributes of a span say.
struct About<'s>(&'s Span);

impl About<'_> {
    /// The first of the attributes that is there and says something.
    fn first(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| {
            let attribute = self.0.attributes.iter().find(|attribute| attribute.key == *key)?;
            let text = as_text(attribute.value.as_ref()?.value.as_ref()?);
            (!text.is_empty()).then_some(text)
        })
    }

    fn http(&self, is_client: bool) -> Option<String> {
        let method = self.first(&["http.request.method", "http.method"])?;
        let target = self.first(&[if is_client { "url.template" } else { "http.route" }]);
        Some(joined(Some(method), " ", target).unwrap_or_default())
    }

    fn rpc(&self) -> Option<String> {
        self.first(&["rpc.system.name", "rpc.system"])?;
        let method = self.first(&["rpc.method"]);
        joined(self.first(&["rpc.service"]), "/", method)
    }

    fn messaging(&self) -> Option<String> {
        self.first(&["messaging.system"])?;
        let operation = self.first(&["messaging.operation.name", "messaging.operation"]);
        let flagged = |key: &str, name: &str| {
            self.first(&[key]).filter(|value| value == "true").map(|_| name.to_owned())
        };
        let destination = self
            .first(&["messaging.destination.template"])
            .or_else(|| flagged("messaging.destination.temporary", "(temporary)"))
            .or_else(|| flagged("messaging.destination.anonymous", "(anonymous)"))
            .or_else(|| self.first(&["messaging.destination.name"]))
            .or_else(|| self.server());
        joined(operation, " ", destination)
    }

    fn database(&self) -> Option<String> {
        let system = self.first(&["db.system.name", "db.system"])?;
        if let Some(summary) = self.first(&["db.query.summary"]) {
            return Some(summary);
        }
        let operation = self.first(&["db.operation.name", "db.operation"]);
        let namespace = self.first(&["db.namespace", "db.name"]);
        let collection = self.first(&["db.collection.name", "db.sql.table"]);
        let target = joined(namespace, ".", collection).or_else(|| self.server());
        joined(operation, " ", target).or(Some(system))
    }

    fn server(&self) -> Option<String> {
        let address = self.first(&["server.address"])?;
        joined(Some(address), ":", self.first(&["server.port"]))
    }
}

/// Both with the mark between, or the one that is there.
fn joined(left: Option<String>, mark: &str, right: Option<String>) -> Option<String> {
    match (left, right) {
        (Some(left), Some(right)) => Some(format!("{left}{mark}{right}")),
        (left, right) => left.or(right),
    }
}

/// The text of a value that can be part of a name.
fn as_text(value: &any_value::Value) -> String {
    match value {
        any_value::Value::StringValue(text) => text.clone(),
        any_value::Value::BoolValue(value) => value.to_string(),
        any_value::Value::IntValue(value) => value.to_string(),
        any_value::Value::DoubleValue(value) => json::double_text(*value),
        _ => String::new(),
    }
}
