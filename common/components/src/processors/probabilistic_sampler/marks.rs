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
/// W3C: longest value of a member; OpenTelemetry's has the same bound.
const MAX_VALUE_BYTES: usize = 256;
/// The Collector's bounds on a trace state.
const MAX_STATE_BYTES: usize = 1024;
const MAX_MEMBERS: usize = 32;

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
        let is_blank = |c| c == ' ' || c == '\t';
        let members = || state.split(',').map(|member| member.trim_matches(is_blank));
        if state.len() > MAX_STATE_BYTES || members().count() > MAX_MEMBERS {
            return None;
        }
        let mut marks = Self::default();
        for member in members().filter(|member| !member.is_empty()) {
            match member.split_once('=').filter(|(key, value)| is_key(key) && is_value(value))? {
                ("ot", value) => marks.read_member(value)?,
                _ => marks.others.1.push(member.to_owned()),
            }
        }
        Some(marks)
    }

    fn read_member(&mut self, value: &str) -> Option<()> {
        for field in value.split(';') {
            let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            let is_field = |key: &str, value: &str| {
                key.starts_with(|first: char| first.is_ascii_lowercase())
                    && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                    && value.bytes().all(is_sign)
            };
            match field.split_once(':').filter(|(key, value)| is_field(key, value))? {
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
            randomness.into_iter().chain(threshold).chain(self.others.0.iter().cloned()).collect();
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

    /// The log record with these marks; one that is as it was stays as it is written.
    pub(super) fn on_log(&self, log: &[u8]) -> Result<Vec<u8>, Malformed> {
        let before = Self::of_log(log)?.unwrap_or_default();
        let mut log = Cow::Borrowed(log);
        if let Some(threshold) = self.threshold.and_then(Threshold::text) {
            log = with(&log, "sampling.threshold", threshold)?.into();
        } else if before.threshold.is_some() {
            let mut out = Vec::new();
            let key = b"sampling.threshold";
            if fields::remove_attribute(&log, LOG_ATTRIBUTES, key, &mut out)? {
                log = out.into();
            }
        }
        if let Some(randomness) = self.randomness.filter(|new| before.randomness != Some(*new)) {
            log = with(&log, "sampling.randomness", randomness.text())?.into();
        }
        Ok(log.into_owned())
    }
}

/// W3C: a key, alone or behind a tenant and `@`.
fn is_key(key: &str) -> bool {
    let (tenant, system) = key.split_once('@').map_or((None, key), |(t, s)| (Some(t), s));
    let starts = |text: &str, is: fn(&u8) -> bool| text.as_bytes().first().is_some_and(is);
    let is_sign =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let is_tenant = |tenant: &str| starts(tenant, |b| b.is_ascii_lowercase() || b.is_ascii_digit());
    key.matches('@').count() <= 1
        && key.bytes().all(is_sign)
        && tenant.is_none_or(is_tenant)
        && starts(system, u8::is_ascii_lowercase)
}

/// W3C: printable signs but `,` and `=`, the last one no space.
fn is_value(value: &str) -> bool {
    (1..=MAX_VALUE_BYTES).contains(&value.len())
        && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b",=".contains(&byte))
        && !value.ends_with(' ')
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

/// The log record with a text as attribute.
fn with(log: &[u8], key: &str, text: String) -> Result<Vec<u8>, Malformed> {
    let (mut value, mut out) = (Vec::new(), Vec::new());
    any::write_owned(&mut value, &Any::Str(text));
    fields::put_attribute(log, LOG_ATTRIBUTES, key.as_bytes(), &value, &mut out)?;
    Ok(out)
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
        check("a=b,ot=th:8;x:y;rv:9b8233f7e3a151", Some("ot=rv:9b8233f7e3a151;th:8;x:y,a=b"));
        check("ot=rv:FD70A3D70A3D71", Some("ot=rv:fd70a3d70a3d71"));
        check(",a@b=c d ,\t, 1x@y=~", Some("a@b=c d,1x@y=~"));
        check("ot=th:80000000000000", Some("ot=th:8"));
        for wrong in [
            "ot=th:",
            "ot=th:G",
            "ot=th:-1",
            "ot=rv:12",
            "ot=rv:9b8233f7e3a1510",
            "ot=th:123456789012345",
            "ot=th:8;",
            "ot=th:8;;x:y",
            "ot=X:y",
            "ot=x:y!",
            "ot=",
            "ot",
            "=a",
            "a=b=c",
            "A=b",
            "1a=b",
            "a@=b",
            "a@1=b",
            "a=\u{e9}",
        ] {
            check(wrong, None);
        }
        let many: Vec<String> = (0..33).map(|n| format!("a{n}=b")).collect();
        check(&many.join(","), None);
        check(&format!("a={}", "b".repeat(257)), None);
    }
}
