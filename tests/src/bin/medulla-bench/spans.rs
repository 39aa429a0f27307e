//! The data: spans as services make them, about 458 bytes and ten attributes each, one in ten with
//! an event, spread over three resources of two scopes.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span::Event};
use prost::Message;

const RESOURCES: usize = 3;
const SCOPES: usize = 2;
/// When everything happens, nanoseconds since 1970.
pub(crate) const TIME: u64 = 1_700_000_000_000_000_000;

/// An export request of `count` spans; requests of different seeds have different ids.
pub(crate) fn request(count: usize, seed: u64) -> Bytes {
    let mut chance = Chance::of(seed);
    let mut left = count;
    let mut scopes_left = if count < 100 { 1 } else { RESOURCES * SCOPES };
    let mut resource_spans = Vec::new();
    while scopes_left > 0 {
        let scopes = scopes_left.min(SCOPES);
        let scope_spans = (0..scopes)
            .map(|scope| {
                let share = left / scopes_left;
                (left, scopes_left) = (left - share, scopes_left - 1);
                scope_spans(scope, share, &mut chance)
            })
            .collect();
        let resource = Some(resource(resource_spans.len()));
        resource_spans.push(ResourceSpans { resource, scope_spans, ..Default::default() });
    }
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

/// xorshift64: the same data in every run.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> i64 {
        i64::try_from(self.next() % bound).expect("bounds are small")
    }
}

pub(crate) fn resource(number: usize) -> Resource {
    let attributes = vec![
        text("service.name", format!("shop-{number}")),
        text("service.version", "2.14.1".to_owned()),
        text("host.name", format!("node-{number}.eu-central-1.internal")),
        text("deployment.environment.name", "production".to_owned()),
    ];
    Resource { attributes, ..Default::default() }
}

fn scope_spans(number: usize, count: usize, chance: &mut Chance) -> ScopeSpans {
    let name = format!("io.opentelemetry.http-server-{number}");
    let scope = Some(InstrumentationScope { name, ..Default::default() });
    let spans = (0..count).map(|index| span(index, chance)).collect();
    ScopeSpans { scope, spans, ..Default::default() }
}

fn span(index: usize, chance: &mut Chance) -> Span {
    let trace_id = [chance.next().to_be_bytes(), chance.next().to_be_bytes()].concat();
    let start_time_unix_nano = TIME + chance.next() % 1_000_000_000;
    let event = || Event {
        time_unix_nano: start_time_unix_nano,
        name: "cache.miss".to_owned(),
        attributes: vec![text("cache.key", format!("cart:{index}"))],
        ..Default::default()
    };
    Span {
        trace_id,
        span_id: chance.next().to_be_bytes().to_vec(),
        parent_span_id: chance.next().to_be_bytes().to_vec(),
        name: "POST /v2/carts/{cart}/items".to_owned(),
        kind: 2,
        start_time_unix_nano,
        end_time_unix_nano: start_time_unix_nano + chance.next() % 90_000_000,
        attributes: attributes(chance),
        events: index.is_multiple_of(10).then(event).into_iter().collect(),
        ..Default::default()
    }
}

fn attributes(chance: &mut Chance) -> Vec<KeyValue> {
    const STATUS: [i64; 4] = [200, 201, 404, 500];
    let status = STATUS[usize::try_from(chance.below(4)).expect("under four")];
    vec![
        text("http.request.method", "POST".to_owned()),
        text("url.path", format!("/v2/carts/{}/items", chance.below(1_000_000))),
        text("server.address", "shop.example.com".to_owned()),
        text("client.address", format!("10.{}.{}.7", chance.below(256), chance.below(256))),
        text("user_agent.original", "okhttp/4.12.0 (Android 14)".to_owned()),
        text("enduser.id", format!("{:016x}", chance.next())),
        attribute("http.response.status_code", Value::IntValue(status)),
        attribute("http.response.body.size", Value::IntValue(chance.below(100_000))),
        attribute("cart.total", Value::DoubleValue(chance.below(100_000) as f64 / 100.0)),
        attribute("cart.guest", Value::BoolValue(chance.below(2) == 0)),
    ]
}

pub(crate) fn text(key: &str, value: String) -> KeyValue {
    attribute(key, Value::StringValue(value))
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..Default::default() }
}

pub(crate) fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_has_the_shape_that_limits_are_given_for() {
        for count in [10, 1000] {
            let request = request(count, 1);
            let spans: usize = ExportTraceServiceRequest::decode(request.clone())
                .unwrap()
                .resource_spans
                .iter()
                .flat_map(|resource| &resource.scope_spans)
                .map(|scope| scope.spans.len())
                .sum();
            assert_eq!(spans, count);
            let bytes = request.len() / count;
            assert!((430..=490).contains(&bytes), "{bytes} bytes per span");
        }
    }
}
