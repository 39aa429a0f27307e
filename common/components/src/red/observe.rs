//! From the spans of a request, read where they stand, to observations under keys.

use std::borrow::Cow;
use std::time::SystemTime;

use otlp::Malformed;
use otlp::edit::fields::{self, attribute, nested, put_entry, repeated};
use otlp::view::{SpanView, View};
use otlp::wire::{Value as Wire, put_bytes};
use tokio::time::Instant;

use super::series::{Exemplar, Group, Kind, Observed, begin_key};
use super::services::named;
use super::state::{Plan, State};
use crate::config::spanmetrics::{Dimension, SpanMetrics as Settings};
use crate::points::put_text;
use crate::time::unix_ns;

/// OTLP: fields of `ResourceSpans`, `ScopeSpans`, `Span` and `Span.Event`.
const RESOURCE: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const SCOPE: u32 = 1;
const SPANS: u32 = 2;
const SPAN_ATTRIBUTES: u32 = 9;
const SPAN_EVENTS: u32 = 11;
const EVENT_ATTRIBUTES: u32 = 3;
/// Kinds of spans with which a request enters a service.
const SERVER: i32 = 2;
const CONSUMER: i32 = 5;
/// The names of `SpanKind` and `Status.code` by their numbers.
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUSES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

impl State {
    /// Counts every span of a request whose resource has a service name, as far as the plan asks for it.
    pub(crate) fn observe(
        &mut self,
        plan: &Plan,
        request: &[u8],
        now: Instant,
    ) -> Result<(), Malformed> {
        let settings = &plan.settings;
        // Deltas follow each other without a gap; totals begin with their first span.
        let start_ns = match settings.delta {
            true => self.since_ns,
            false => unix_ns(SystemTime::now()),
        };
        for resource_spans in repeated(request, 1) {
            let resource_spans = resource_spans?;
            let mut resource = nested(resource_spans, RESOURCE)?.unwrap_or_default();
            let Some(service) = text_attribute(&resource, 1, b"service.name")? else { continue };
            if let Some(entering) = &plan.entering {
                if !entering.contains(&service[..]) {
                    continue;
                }
                resource = Cow::Owned(named(&service));
            }
            let group = self.group(settings, &resource, now)?;
            for scope_spans in repeated(resource_spans, SCOPE_SPANS) {
                let scope_spans = scope_spans?;
                let scope = scope(settings, scope_spans)?;
                let (resource, service) = (&resource[..], &service[..]);
                let walk = Walk { plan, resource, service, scope, now, start_ns };
                for span in repeated(scope_spans, SPANS) {
                    walk.span(span?, group)?;
                }
            }
        }
        Ok(())
    }
}

/// A text attribute, if it is one.
fn text_attribute(message: &[u8], field: u32, key: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let Some(any) = attribute(message, field, key)? else { return Ok(None) };
    match fields::last_of(&any, &[1, 2, 3, 4, 5, 6, 7])? {
        Some((1, text)) => fields::bytes(text).map(|text| Some(text.to_vec())),
        _ => Ok(None),
    }
}

/// Name and version of the scope, if they are wanted.
fn scope(settings: &Settings, scope_spans: &[u8]) -> Result<Option<[Vec<u8>; 2]>, Malformed> {
    if settings.scopes.is_empty() {
        return Ok(None);
    }
    let scope = nested(scope_spans, SCOPE)?.unwrap_or_default();
    let text = |number| match fields::last(&scope, number)? {
        Some(Wire::Bytes(text)) => Ok(text.to_vec()),
        Some(_) => Err(Malformed),
        None => Ok(Vec::new()),
    };
    let (name, version) = (text(1)?, text(2)?);
    let wanted = settings.scopes.iter().any(|scope| scope.as_bytes() == name);
    Ok(wanted.then_some([name, version]))
}

struct Walk<'a> {
    plan: &'a Plan,
    resource: &'a [u8],
    service: &'a [u8],
    scope: Option<[Vec<u8>; 2]>,
    now: Instant,
    start_ns: u64,
}

impl Walk<'_> {
    fn span(&self, message: &[u8], group: &mut Group) -> Result<(), Malformed> {
        let span = SpanView::view(message)?;
        if self.plan.entering.is_some() && !enters(&span) {
            return Ok(());
        }
        let (settings, shape) = (&self.plan.settings, &self.plan.shape);
        let unit_ns = settings.histogram.as_ref().map_or(1e6, |histogram| histogram.unit.ns());
        let duration = span.duration_ns() as f64 / unit_ns;
        let exemplar = exemplar(&span, duration).filter(|_| settings.exemplars > 0);
        let exemplar = exemplar.as_ref();
        let observed = Observed { duration, exemplar, now: self.now, start_ns: self.start_ns };
        let mut key = Vec::with_capacity(256);
        begin_key(&mut key, Kind::Calls);
        self.put_common(&mut key, &span)?;
        let common = key.len();
        self.put_dimensions(&mut key, &settings.calls_dimensions, message, &[])?;
        group.observe(&key, shape, &observed);
        if let Some(histogram) = &settings.histogram {
            key.truncate(common);
            key[0] = Kind::Duration as u8;
            self.put_dimensions(&mut key, &histogram.dimensions, message, &[])?;
            group.observe(&key, shape, &observed);
        }
        for event in repeated(message, SPAN_EVENTS) {
            let (event, Some(dimensions)) = (event?, &settings.events) else { break };
            key.truncate(common);
            key[0] = Kind::Events as u8;
            self.put_dimensions(&mut key, dimensions, message, event)?;
            group.observe(&key, shape, &observed);
        }
        Ok(())
    }

    /// The dimensions that all metrics have.
    fn put_common(&self, key: &mut Vec<u8>, span: &SpanView<'_>) -> Result<(), Malformed> {
        let mut put = |name: &str, value: &[u8]| {
            if !self.plan.settings.excluded.iter().any(|excluded| excluded == name) {
                put_bytes_entry(key, name, value);
            }
        };
        let known = |names: &'static [&str], number: i32| {
            usize::try_from(number).ok().and_then(|at| names.get(at)).copied().unwrap_or("")
        };
        put("service.name", self.service);
        put("span.name", span.name.as_bytes());
        put("span.kind", known(&KINDS, span.kind).as_bytes());
        put("status.code", known(&STATUSES, span.status_code()?).as_bytes());
        if let Some([name, version]) = &self.scope {
            put("span.instrumentation.scope.name", name);
            put("span.instrumentation.scope.version", version);
        }
        self.put_dimensions(key, &self.plan.settings.dimensions, span.message, &[])
    }

    /// The span's attributes come before an event's, and those before the resource's.
    fn put_dimensions(
        &self,
        key: &mut Vec<u8>,
        dimensions: &[Dimension],
        span: &[u8],
        event: &[u8],
    ) -> Result<(), Malformed> {
        let places =
            [(span, SPAN_ATTRIBUTES), (event, EVENT_ATTRIBUTES), (self.resource, RESOURCE)];
        for Dimension { name, default } in dimensions {
            let mut found: Option<Cow<'_, [u8]>> = None;
            for (message, field) in places.iter().filter(|(message, _)| !message.is_empty()) {
                found = attribute(message, *field, name.as_bytes())?;
                if found.is_some() {
                    break;
                }
            }
            match (found, default) {
                (Some(any), _) => put_entry(key, 1, name.as_bytes(), &any),
                (None, Some(default)) => put_text(key, 1, name, default),
                (None, None) => {}
            }
        }
        Ok(())
    }
}

/// Whether a request enters a service with this span.
fn enters(span: &SpanView<'_>) -> bool {
    matches!(span.kind, SERVER | CONSUMER) || span.parent_span_id.is_empty()
}

/// An attribute with a text.
pub(super) fn put_bytes_entry(key: &mut Vec<u8>, name: &str, text: &[u8]) {
    let mut any = Vec::with_capacity(text.len() + 4);
    put_bytes(&mut any, 1, text);
    put_entry(key, 1, name.as_bytes(), &any);
}

/// A span with valid ids as an exemplar.
fn exemplar(span: &SpanView<'_>, duration: f64) -> Option<Exemplar> {
    Some(Exemplar {
        trace_id: span.trace_id.try_into().ok().filter(|id| *id != [0; 16])?,
        span_id: span.span_id.try_into().ok()?,
        at_ns: span.end_ns,
        duration,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::section;

    fn settings(text: &str) -> Settings {
        section(text, "", Settings::read).0
    }

    proptest! {
        #[test]
        fn hostile_requests_never_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            tags in prop::collection::vec((0usize..200, prop::sample::select(vec![0x0a, 0x12, 0x4a, 0x5a])), 0..20),
        ) {
            for (at, tag) in tags {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = tag;
                }
            }
            let settings = settings("events: {enabled: true, dimensions: [{name: a}]}");
            let mut state = State::since(0);
            let _ = state.observe(&Plan::of(settings), &bytes, Instant::now());
        }
    }
}
