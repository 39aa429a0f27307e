//! What statements cost next to the same work written by hand on the same views; `cargo xtask bench` runs it.
//!
//! One JSON object per line on stdout, as `xtask bench` reads it. Both sides of a ratio run in turns in one
//! process with one allocator, and the best of many rounds counts. The data: 1,000 spans of ten attributes under
//! three resources.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use medulla_ottl::contexts::Request;
use medulla_ottl::program::{Entry, ErrorMode, Group, Runner, filter, transform};
use medulla_ottl::{Program, Time};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use otlp::edit::{At, Changes, Editor, Level, Levels, Route, Verdict, Visitor, fields};
use otlp::{Malformed, Signal};
use prost::Message as _;

/// OTLP: the field of a span's attributes, and of a resource's.
const SPAN_ATTRIBUTES: u32 = 9;
const RESOURCE_ATTRIBUTES: u32 = 1;
const ROUNDS: usize = 400;
const RESOURCES: usize = 3;
const SPANS: usize = 1000;
/// Each statement costs at most this many times the hand-written loop.
const AT_MOST: f64 = 2.0;
/// And a filter on views is at least this many times faster than decoding.
const FILTER_AT_LEAST: f64 = 20.0;

fn main() {
    let body = request();
    let has_method = |wanted: &'static str| {
        move |span: &[u8]| {
            let found = fields::attribute(span, SPAN_ATTRIBUTES, b"http.request.method")?;
            Ok(found.is_some_and(|any| is_text(&any, wanted.as_bytes())))
        }
    };
    let drops = has_method("DELETE");
    let mut by_hand = Hand::dropping(&drops);
    let condition = r#"span.attributes["http.request.method"] == "DELETE""#;
    compare("ottl filter", &body, &dropping(condition), &mut by_hand);
    let decoded = best(|| {
        let mut owned = ExportTraceServiceRequest::decode(&body[..]).expect("a request");
        let spans = owned.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        spans.for_each(|scope| scope.spans.retain(|span| !has_text(span, "DELETE")));
        black_box(owned.encode_to_vec());
    });
    let viewed = best(|| {
        black_box(by_hand.run(&body));
    });
    row(
        "views filter against prost",
        decoded / viewed,
        "times faster",
        Some(FILTER_AT_LEAST),
        None,
    );

    let any = any_text("prod");
    let set = |span: &[u8], out: &mut Vec<u8>| {
        fields::put_attribute(span, SPAN_ATTRIBUTES, b"env", &any, out).map(|()| true)
    };
    let program = editing(r#"set(span.attributes["env"], "prod")"#);
    compare("ottl set", &body, &program, &mut Hand::editing(&set));
    let delete = |span: &[u8], out: &mut Vec<u8>| {
        fields::remove_attribute(span, SPAN_ATTRIBUTES, b"enduser.id", out)
    };
    let program = editing(r#"delete_key(span.attributes, "enduser.id")"#);
    compare("ottl delete_key", &body, &program, &mut Hand::editing(&delete));
    let keep = |span: &[u8], out: &mut Vec<u8>| {
        let keeps = |key: &[u8]| Ok(key == b"http.request.method" || key == b"url.path");
        fields::retain_attributes(span, SPAN_ATTRIBUTES, keeps, out)
    };
    let program = editing(r#"keep_keys(span.attributes, ["http.request.method", "url.path"])"#);
    compare("ottl keep_keys", &body, &program, &mut Hand::editing(&keep));
    let of_shop = |resource: &[u8]| {
        let resource = fields::nested(resource, RESOURCE_ATTRIBUTES)?.unwrap_or_default();
        let found = fields::attribute(&resource, RESOURCE_ATTRIBUTES, b"service.name")?;
        Ok(found.is_some_and(|any| is_text(&any, b"shop-1")))
    };
    let condition = r#"resource.attributes["service.name"] == "shop-1""#;
    compare("ottl select by resource", &body, &dropping(condition), &mut Hand::selecting(&of_shop));
}

/// One row: the program's time over that of the loop.
fn compare(name: &str, body: &Bytes, program: &Program, hand: &mut Hand<'_>) {
    let (mut runner, request) = (Runner::default(), Request::default());
    let now = Time::from_unix_nano(1_700_000_000_000_000_000);
    let mut ours = || {
        let outcome = program.run(&mut runner, body, &request, &now).expect("it runs");
        outcome.body
    };
    assert_eq!(ours(), hand.run(body), "{name}: both do the same");
    let (mut compiled, mut written) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        compiled = compiled.min(time(|| drop(black_box(ours()))));
        written = written.min(time(|| drop(black_box(hand.run(body)))));
    }
    row(
        &format!("{name} against a hand-written loop"),
        compiled / written,
        "times",
        None,
        Some(AT_MOST),
    );
    row(&format!("{name} per span"), (1e9 * compiled / SPANS as f64).round(), "ns", None, None);
}

fn row(name: &str, value: f64, unit: &str, at_least: Option<f64>, at_most: Option<f64>) {
    let mut line = serde_json::json!({ "name": name, "value": value, "unit": unit });
    if let Some(bound) = at_least {
        line["at_least"] = bound.into();
    }
    if let Some(bound) = at_most {
        line["at_most"] = bound.into();
    }
    println!("{line}");
}

fn best(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS).map(|_| time(&mut work)).fold(f64::MAX, f64::min)
}

fn time(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Whether a message passes.
type Test<'h> = &'h dyn Fn(&[u8]) -> Result<bool, Malformed>;
/// Writes what a span becomes and says whether it changed.
type Splice<'h> = &'h dyn Fn(&[u8], &mut Vec<u8>) -> Result<bool, Malformed>;

/// What the loop does.
#[derive(Clone, Copy)]
enum Work<'h> {
    Drop(Test<'h>),
    Edit(Splice<'h>),
}

/// A loop over the views, written by hand.
struct Hand<'h> {
    editor: Editor,
    route: Route,
    work: Work<'h>,
    out: Vec<u8>,
}

impl<'h> Hand<'h> {
    fn new(level: Level, work: Work<'h>, prunes: Levels) -> Self {
        let route = Route { prunes, ..Route::visiting(Signal::Traces, &[level]) };
        Self { editor: Editor::default(), route, work, out: Vec::new() }
    }

    fn dropping(test: Test<'h>) -> Self {
        let groups = Levels::of(&[Level::Resource, Level::Scope]);
        Self::new(Level::Record, Work::Drop(test), groups)
    }

    fn selecting(test: Test<'h>) -> Self {
        Self::new(Level::Resource, Work::Drop(test), Levels::NONE)
    }

    fn editing(splice: Splice<'h>) -> Self {
        Self::new(Level::Record, Work::Edit(splice), Levels::NONE)
    }

    fn run(&mut self, body: &Bytes) -> Bytes {
        let mut visit = Visit { work: self.work, out: &mut self.out };
        self.editor.run(&self.route, body, &mut visit).expect("a request");
        self.editor.body(body)
    }
}

struct Visit<'v> {
    work: Work<'v>,
    out: &'v mut Vec<u8>,
}

impl Visitor for Visit<'_> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        match self.work {
            Work::Drop(test) => {
                return Ok(if test(at.message())? { Verdict::Drop } else { Verdict::Keep });
            }
            Work::Edit(splice) => {
                self.out.clear();
                if splice(at.message(), self.out)? {
                    changes.replace(at.level, self.out);
                }
            }
        }
        Ok(Verdict::Keep)
    }
}

fn is_text(any: &[u8], wanted: &[u8]) -> bool {
    let value = fields::last(any, 1).ok().flatten();
    value.is_some_and(|value| fields::bytes(value).is_ok_and(|text| text == wanted))
}

fn any_text(text: &str) -> Vec<u8> {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }.encode_to_vec()
}

fn has_text(span: &Span, wanted: &str) -> bool {
    let method = span.attributes.iter().find(|it| it.key == "http.request.method");
    let value = method.and_then(|it| it.value.as_ref()).and_then(|any| any.value.as_ref());
    matches!(value, Some(Value::StringValue(text)) if text == wanted)
}

fn editing(text: &str) -> Program {
    let group = Group {
        statements: vec![text.to_owned()],
        error_mode: ErrorMode::Propagate,
        ..Group::default()
    };
    transform(Signal::Traces, &[group], false).expect("it loads")
}

fn dropping(text: &str) -> Program {
    let entry = Entry { conditions: vec![text.to_owned()], ..Entry::default() };
    filter(Signal::Traces, &[entry], false).expect("it loads")
}

/// Spans as services make them; one in twenty is a DELETE.
fn request() -> Bytes {
    let resource = |number: usize| {
        let attributes = vec![
            text("service.version", "2.14.1"),
            text("service.name", &format!("shop-{number}")),
            text("host.name", &format!("node-{number}.eu-central-1.internal")),
        ];
        let spans = (number..SPANS).step_by(RESOURCES).map(span).collect();
        ResourceSpans {
            resource: Some(Resource { attributes, ..Default::default() }),
            scope_spans: vec![ScopeSpans { spans, ..Default::default() }],
            ..Default::default()
        }
    };
    let resource_spans = (0..RESOURCES).map(resource).collect();
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

fn span(index: usize) -> Span {
    let method = if index.is_multiple_of(20) { "DELETE" } else { "POST" };
    let start = 1_700_000_000_000_000_000 + index as u64;
    Span {
        trace_id: (index as u128).to_be_bytes().to_vec(),
        span_id: (index as u64).to_be_bytes().to_vec(),
        name: "POST /v2/carts/{cart}/items".to_owned(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000,
        attributes: vec![
            text("server.address", "shop.example.com"),
            text("client.address", &format!("10.0.{}.7", index % 256)),
            text("user_agent.original", "okhttp/4.12.0 (Android 14)"),
            text("http.request.method", method),
            text("url.path", &format!("/v2/carts/{index}/items")),
            text("enduser.id", &format!("{index:016x}")),
            attribute("http.response.status_code", Value::IntValue(200)),
            attribute("http.response.body.size", Value::IntValue(index as i64)),
            attribute("cart.total", Value::DoubleValue(index as f64)),
            attribute("cart.guest", Value::BoolValue(index.is_multiple_of(2))),
        ],
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}
