//! Names of spans as the semantic conventions form them.
//!
//! They are of low cardinality: method and route, operation and target, service and method. The conventions from 1.37
//! to 1.43 agree in this. A span that they say nothing about keeps its name.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use otlp::view::{Any, Attribute, SpanView, View};
use prost::Message;

use crate::RunError;
use crate::function::{Args, Change, Changed, Unfit};
use crate::json;

/// The conventions that are known, as major and minor version.
const VERSIONS: std::ops::RangeInclusive<(u32, u32)> = (1, 37)..=(1, 43);
/// The fields of a span that change.
const NAME: u32 = 5;
const ATTRIBUTES: u32 = 9;

/// `set_semconv_span_name(version, original_attribute)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Change, Unfit> {
    let version = args.opt_str(0).unwrap_or("");
    let no_version = || Unfit::argument(0, format!("{version:?} is no version"));
    let parsed = parse(version).ok_or_else(no_version)?;
    if !VERSIONS.contains(&parsed) {
        let message = format!("version {version} is not from 1.37.0 to 1.43.0");
        return Err(Unfit::argument(0, message));
    }
    let original = args.opt_str(1).map(str::to_owned);
    if original.as_deref() == Some("") {
        return Err(Unfit::argument(1, "the attribute for the original name has no name"));
    }
    Ok(Box::new(move |bytes, _| {
        let span = SpanView::view(bytes)?;
        match conventional(&span)?.filter(|name| *name != span.name) {
            Some(name) => renamed(&span, name, original.as_deref()),
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
fn renamed(span: &SpanView<'_>, name: String, original: Option<&str>) -> Result<Changed, RunError> {
    let is_known = match original {
        Some(key) => span.attributes().find(key)?.is_some(),
        None => false,
    };
    let record = match original {
        Some(key) if is_known => replaced(span.message, name, key)?,
        original => {
            let mut record = span.message.to_vec();
            prost::encoding::string::encode(NAME, &name, &mut record);
            if let Some(key) = original {
                let (key, value) = (key.to_owned(), Some(text(span.name.to_owned())));
                let attribute = KeyValue { key, value, ..KeyValue::default() };
                prost::encoding::message::encode(ATTRIBUTES, &attribute, &mut record);
            }
            record
        }
    };
    Ok(Changed { record: Some(record), appended: Vec::new() })
}

/// The span with its old name in an attribute that it has already.
fn replaced(bytes: &[u8], name: String, key: &str) -> Result<Vec<u8>, RunError> {
    let mut span = Span::decode(bytes).map_err(|_| otlp::Malformed)?;
    let old = text(std::mem::replace(&mut span.name, name));
    if let Some(attribute) = span.attributes.iter_mut().find(|attribute| attribute.key == key) {
        attribute.value = Some(old);
    }
    Ok(span.encode_to_vec())
}

fn text(text: String) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text)) }
}

fn conventional(span: &SpanView<'_>) -> Result<Option<String>, RunError> {
    let Ok(kind) = SpanKind::try_from(span.kind) else { return Ok(None) };
    if matches!(kind, SpanKind::Unspecified | SpanKind::Internal) {
        return Ok(None);
    }
    let about = About::of(span)?;
    let is_client = kind == SpanKind::Client;
    Ok(about
        .http(is_client)
        .or_else(|| about.rpc())
        .or_else(|| about.messaging())
        .or_else(|| is_client.then(|| about.database()).flatten()))
}

/// What the attributes of a span say.
struct About<'s>(Vec<Attribute<'s>>);

impl<'s> About<'s> {
    fn of(span: &SpanView<'s>) -> Result<Self, RunError> {
        Ok(Self(span.attributes().collect::<Result<_, _>>()?))
    }

    /// The first of the attributes that is there and says something.
    fn first(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| {
            let attribute = self.0.iter().find(|attribute| attribute.key == *key)?;
            let text = as_text(&attribute.value);
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
fn as_text(value: &Any<'_>) -> String {
    match value {
        Any::Double(value) => json::double_text(*value),
        value => value.text().unwrap_or_default().into_owned(),
    }
}
