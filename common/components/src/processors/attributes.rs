//! The processor `attributes`: inserts, updates, deletes, hashes, extracts and converts attributes of
//! spans, log records and metric points, in the order of the configuration.
//!
//! Each action is a splice of the record's bytes; what it does not touch is copied as it stands. The
//! processor `resource` does the same to resources.

use std::borrow::Cow;
use std::sync::Arc;

use bumpalo::Bump;
use otlp::Malformed;
use otlp::edit::{At, Changes, Data, Level, Route, Verdict, Visitor, fields};
use ottl::contexts::{Otlp, Record, Request, Scratch, any};
use ottl::number::{parse_double, truncated};
use ottl::program::reading;
use ottl::value::{Any, Value};
use ottl::{Condition, Frame};
use pipeline::{Batch, DropReason, Processor, ProcessorLedger, Sender, Signal};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::rewrite::rewrite;
use crate::component::{BuildError, Context};
use crate::config::ComponentConfig;
use crate::config::attributes::{Action, Attributes as Settings, Keys, Source, Type};

/// Builds the processor for one pipeline.
pub(crate) fn build(
    config: &ComponentConfig,
    signal: Signal,
    context: &Context,
) -> Result<Arc<dyn Processor>, BuildError> {
    let ledger = context.stats.processor(config.id.as_str(), signal);
    Ok(Arc::new(Attributes::new(config.read(Settings::read), signal, ledger)))
}

struct Attributes {
    actions: Vec<Action>,
    /// Holds for records that are left alone.
    left_out: Option<Condition<Otlp>>,
    route: Route,
    ledger: Arc<ProcessorLedger>,
}

impl Attributes {
    fn new(settings: Settings, signal: Signal, ledger: Arc<ProcessorLedger>) -> Self {
        let level = if signal == Signal::Metrics { Level::Child } else { Level::Record };
        let left_out = settings.left_out(signal);
        let visits = Route::visiting(signal, &[level]);
        let route =
            left_out.as_ref().map_or(visits, |condition| reading(visits, level, condition.uses()));
        Self { actions: settings.actions, left_out, route, ledger }
    }
}

impl Processor for Attributes {
    fn process(&self, batch: Batch, _now: Instant, out: &mut Vec<Batch>) {
        let sender = batch.sender.clone();
        let mut visitor = Records {
            of: self,
            sender: &sender,
            request: Request::default(),
            arena: Bump::new(),
            scratch: Scratch::default(),
        };
        let reason = DropReason::Error;
        out.extend(rewrite(batch, &self.route, &mut visitor, &self.ledger, reason));
    }
}

struct Records<'p> {
    of: &'p Attributes,
    sender: &'p Sender,
    request: Request,
    arena: Bump,
    scratch: Scratch,
}

impl Records<'_> {
    /// Whether a record is left alone; one on which that cannot be said is.
    fn leaves(&mut self, at: &At<'_>, changes: &mut Changes) -> bool {
        let Some(condition) = &self.of.left_out else { return false };
        self.arena.reset();
        let record = Record::new(at, &self.request, &mut self.scratch);
        let mut frame = Frame::new(record, &self.arena, None);
        let leaves = condition.holds(&frame).unwrap_or(true);
        frame.record.finish(changes);
        leaves
    }
}

impl Visitor for Records<'_> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        if self.leaves(&at, changes) {
            return Ok(Verdict::Keep);
        }
        let message = at.message();
        let number = field_of_attributes(self.of.route.signal, at.data);
        if let Cow::Owned(edited) = apply(&self.of.actions, message, number, self.sender)? {
            changes.replace(at.level, &edited);
        }
        Ok(Verdict::Keep)
    }
}

/// OTLP: the field that holds a record's attributes.
fn field_of_attributes(signal: Signal, data: Option<Data>) -> u32 {
    match (signal, data) {
        (Signal::Traces, _) => 9,
        (Signal::Logs, _) => 6,
        (_, Some(Data::Histogram)) => 9,
        (_, Some(Data::ExponentialHistogram)) => 1,
        _ => 7,
    }
}

/// The values of a header, joined as the Collector joins them.
fn header(sender: &Sender, name: &str) -> Option<String> {
    let kept = sender.metadata.iter().flat_map(|kept| kept.iter());
    let values: Vec<&str> =
        kept.filter(|(header, _)| header == name).map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(";"))
}

/// Does all actions to the attributes in field `number` of a message.
pub(super) fn apply<'m>(
    actions: &[Action],
    message: &'m [u8],
    number: u32,
    sender: &Sender,
) -> Result<Cow<'m, [u8]>, Malformed> {
    let mut record = Edited { message: Cow::Borrowed(message), number };
    for action in actions {
        record.act(action, sender)?;
    }
    Ok(record.message)
}

/// A message on its way through the actions.
struct Edited<'m> {
    message: Cow<'m, [u8]>,
    number: u32,
}

impl Edited<'_> {
    fn act(&mut self, action: &Action, sender: &Sender) -> Result<(), Malformed> {
        match action {
            Action::Set { key, sources, adds, replaces } => {
                let is_there = self.get(key)?.is_some();
                if !(if is_there { *replaces } else { *adds }) {
                    return Ok(());
                }
                for source in sources {
                    if let Some(value) = self.value(source, sender)? {
                        return self.put(key, &value);
                    }
                }
                Ok(())
            }
            Action::Delete(keys) => self.delete(keys),
            Action::Hash(keys) => self.hash(keys),
            Action::Extract { key, pattern } => self.extract(key, pattern),
            Action::Convert { key, to } => self.convert(key, *to),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Cow<'_, [u8]>>, Malformed> {
        fields::attribute(&self.message, self.number, key.as_bytes())
    }

    fn text(&self, key: &str) -> Result<Option<String>, Malformed> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        Ok(match any::read(value)? {
            Value::Str(text) => Some(text.into_owned()),
            _ => None,
        })
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), Malformed> {
        let mut out = Vec::new();
        fields::put_attribute(&self.message, self.number, key.as_bytes(), value, &mut out)?;
        self.message = Cow::Owned(out);
        Ok(())
    }

    /// The bytes of an `AnyValue`.
    fn value(&self, source: &Source, sender: &Sender) -> Result<Option<Vec<u8>>, Malformed> {
        let text = |text| bytes_of(&Any::Str(text));
        Ok(match source {
            Source::Value(value) => Some(bytes_of(value)),
            Source::Attribute(key) => self.get(key)?.map(Cow::into_owned),
            Source::Header(name) => header(sender, name).map(text),
            Source::Client => {
                let address = sender.client.map(|client| client.ip().to_string());
                Some(text(address.unwrap_or_default()))
            }
        })
    }

    fn delete(&mut self, keys: &Keys) -> Result<(), Malformed> {
        let mut out = Vec::new();
        if let Some(key) = &keys.key
            && fields::remove_attribute(&self.message, self.number, key.as_bytes(), &mut out)?
        {
            self.message = Cow::Owned(std::mem::take(&mut out));
        }
        let Some(pattern) = &keys.pattern else { return Ok(()) };
        let keep =
            |key: &[u8]| Ok(!std::str::from_utf8(key).is_ok_and(|key| pattern.is_match(key)));
        if fields::retain_attributes(&self.message, self.number, keep, &mut out)? {
            self.message = Cow::Owned(out);
        }
        Ok(())
    }

    fn hash(&mut self, keys: &Keys) -> Result<(), Malformed> {
        let matching = match &keys.pattern {
            Some(pattern) => self.keys()?.into_iter().filter(|key| pattern.is_match(key)).collect(),
            None => Vec::new(),
        };
        for key in keys.key.iter().chain(&matching) {
            let Some(value) = self.get(key)? else { continue };
            let hashed = hash(&any::read(value)?);
            self.put(key, &bytes_of(&Any::Str(hashed)))?;
        }
        Ok(())
    }

    fn keys(&self) -> Result<Vec<String>, Malformed> {
        let entries = fields::repeated(&self.message, self.number);
        entries
            .map(|entry| Ok(String::from_utf8_lossy(fields::key(entry?)?).into_owned()))
            .collect()
    }

    fn extract(&mut self, key: &str, pattern: &regex::Regex) -> Result<(), Malformed> {
        let Some(text) = self.text(key)? else { return Ok(()) };
        let Some(found) = pattern.captures(&text) else { return Ok(()) };
        for name in pattern.capture_names().flatten() {
            let group = found.name(name).map_or("", |group| group.as_str());
            self.put(name, &bytes_of(&Any::Str(group.to_owned())))?;
        }
        Ok(())
    }

    fn convert(&mut self, key: &str, to: Type) -> Result<(), Malformed> {
        let Some(value) = self.get(key)? else { return Ok(()) };
        match converted(&any::read_owned(&value)?, to) {
            Some(value) => self.put(key, &bytes_of(&value)),
            None => Ok(()),
        }
    }
}

fn bytes_of(value: &Any) -> Vec<u8> {
    let mut out = Vec::new();
    any::write_owned(&mut out, value);
    out
}

/// As the Collector hashes: numbers as eight bytes, little-endian; what is neither text, number nor boolean
/// becomes the empty text.
fn hash(value: &Value<'_>) -> String {
    let bytes = match value {
        Value::Str(text) => text.as_bytes().to_vec(),
        Value::Bool(value) => vec![u8::from(*value)],
        Value::Int(value) => value.to_le_bytes().to_vec(),
        Value::Double(value) => value.to_le_bytes().to_vec(),
        _ => return String::new(),
    };
    ottl::json::hex(&Sha256::digest(&bytes))
}

/// The value in another type; nothing if it has that type, or cannot have it.
fn converted(value: &Any, to: Type) -> Option<Any> {
    match (value, to) {
        (Any::Str(text), Type::Int) => text.parse().ok().map(Any::Int),
        (Any::Str(text), Type::Double) => parse_double(text).map(Any::Double),
        (Any::Bool(value), Type::Int) => Some(Any::Int(i64::from(*value))),
        (Any::Bool(value), Type::Double) => Some(Any::Double(f64::from(u8::from(*value)))),
        (Any::Double(value), Type::Int) => Some(Any::Int(truncated(*value))),
        (Any::Int(value), Type::Double) => Some(Any::Double(*value as f64)),
        (Any::Str(_), Type::String) => None,
        (value, Type::String) => Some(Any::Str(ottl::json::as_string(value))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
