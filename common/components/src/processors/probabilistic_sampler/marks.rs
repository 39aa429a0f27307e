//! What earlier samplers wrote on a record, and what this one writes: threshold and randomness.
//!
//! On spans they are the member `ot` of the trace state (`ot=th:8;rv:9b8233f7e3a151`), on log records
//! the attributes `sampling.threshold` and `sampling.randomness`.

use std::borrow::Cow;

use otlp::Malformed;
use otlp::edit::fields;
use otlp::wire::put_bytes;
use ottl::contexts::any;
use ottl::value::{Any, Value};

use super::threshold::{Randomness, Threshold};

/// OTLP: `Span.trace_state`.
const TRACE_STATE: u32 = 3;
/// OTLP: `LogRecord.attributes`.
const LOG_ATTRIBUTES: u32 = 6;
/// OpenTelemetry: longest value of the member `ot`.
const MAX_MEMBER_BYTES: usize = 256;

/// Threshold and randomness.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Marks {
    pub(super) threshold: Option<Threshold>,
    pub(super) randomness: Option<Randomness>,
    /// Spans: other fields of the member, and the other members of the trace state.
    others: (Vec<String>, Vec<String>),
}

impl Marks {
    /// Reads those of a span; `None` if its trace state, or the member, is not well formed.
    pub(super) fn of_span(span: &[u8]) -> Result<Option<Self>, Malformed> {
        let state = fields::last(span, TRACE_STATE)?.map_or(Ok(&b""[..]), fields::bytes)?;
        Ok(std::str::from_utf8(state).ok().and_then(Self::parse))
    }

    fn parse(state: &str) -> Option<Self> {
        let mut marks = Self::default();
        for member in state.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            match member.split_once('=')? {
                ("ot", value) => marks.read_member(value)?,
                _ => marks.others.1.push(member.to_owned()),
            }
        }
        Some(marks)
    }

    fn read_member(&mut self, value: &str) -> Option<()> {
        if value.len() > MAX_MEMBER_BYTES {
            return None;
        }
        for field in value.split(';').filter(|field| !field.is_empty()) {
            match field.split_once(':')? {
                ("th", text) => self.threshold = Some(Threshold::parse(text)?),
                ("rv", text) => self.randomness = Some(Randomness::parse(text)?),
                _ => self.others.0.push(field.to_owned()),
            }
        }
        Some(())
    }

    /// The span with these marks.
    pub(super) fn on_span(&self, span: &[u8]) -> Result<Vec<u8>, Malformed> {
        let (mut field, mut out) = (Vec::new(), Vec::new());
        let state = self.text();
        if !state.is_empty() {
            put_bytes(&mut field, TRACE_STATE, state.as_bytes());
        }
        fields::replace(span, &[TRACE_STATE], &field, &mut out)?;
        Ok(out)
    }

    fn text(&self) -> String {
        let threshold =
            self.threshold.and_then(|threshold| Some(format!("th:{}", threshold.text()?)));
        let randomness = self.randomness.map(|randomness| format!("rv:{}", randomness.text()));
        let own: Vec<String> =
            threshold.into_iter().chain(randomness).chain(self.others.0.iter().cloned()).collect();
        let own = (!own.is_empty()).then(|| format!("ot={}", own.join(";")));
        own.into_iter().chain(self.others.1.iter().cloned()).collect::<Vec<_>>().join(",")
    }

    /// Reads those of a log record; `None` if one of them is not well formed.
    pub(super) fn of_log(log: &[u8]) -> Result<Option<Self>, Malformed> {
        let threshold = text_of(log, "sampling.threshold")?;
        let randomness = text_of(log, "sampling.randomness")?;
        let read = || {
            Some(Self {
                threshold: threshold
                    .as_deref()
                    .map(Threshold::parse)
                    .map_or(Some(None), |t| t.map(Some))?,
                randomness: randomness
                    .as_deref()
                    .map(Randomness::parse)
                    .map_or(Some(None), |r| r.map(Some))?,
                ..Self::default()
            })
        };
        Ok(read())
    }

    /// The log record with these marks.
    pub(super) fn on_log(&self, log: &[u8]) -> Result<Vec<u8>, Malformed> {
        let threshold = self.threshold.and_then(Threshold::text);
        let randomness = self.randomness.map(Randomness::text);
        let log = with(Cow::Borrowed(log), "sampling.threshold", threshold)?;
        Ok(with(log, "sampling.randomness", randomness)?.into_owned())
    }
}

/// An attribute of a log record that is a text; an empty one counts as absent.
fn text_of(log: &[u8], key: &str) -> Result<Option<String>, Malformed> {
    let Some(value) = fields::attribute(log, LOG_ATTRIBUTES, key.as_bytes())? else {
        return Ok(None);
    };
    Ok(match any::read(value)? {
        Value::Str(text) if !text.is_empty() => Some(text.into_owned()),
        _ => None,
    })
}

/// The log record with a text as attribute; without text it loses the attribute.
fn with<'l>(
    log: Cow<'l, [u8]>,
    key: &str,
    text: Option<String>,
) -> Result<Cow<'l, [u8]>, Malformed> {
    let mut out = Vec::new();
    let Some(text) = text else {
        let removed = fields::remove_attribute(&log, LOG_ATTRIBUTES, key.as_bytes(), &mut out)?;
        return Ok(if removed { Cow::Owned(out) } else { log });
    };
    let mut value = Vec::new();
    any::write_owned(&mut value, &Any::Str(text));
    fields::put_attribute(&log, LOG_ATTRIBUTES, key.as_bytes(), &value, &mut out)?;
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_states_keep_what_is_not_ours() {
        let check = |state: &str, expect: Option<&str>| {
            assert_eq!(Marks::parse(state).map(|marks| marks.text()).as_deref(), expect, "{state}");
        };
        check("", Some(""));
        check("a=b, c=d", Some("a=b,c=d"));
        check("a=b,ot=rv:9b8233f7e3a151;th:8;x:y", Some("ot=th:8;rv:9b8233f7e3a151;x:y,a=b"));
        check("ot=th:80000000000000", Some("ot=th:8"));
        for wrong in ["ot=th:", "ot=th:G", "ot=rv:12", "ot", "ot=th:123456789012345"] {
            check(wrong, None);
        }
    }
}
