//! Runs one case over its fixture, record by record, and compares with what is expected.

use std::path::Path;

use bumpalo::Bump;
use medulla_ottl::contexts::{Otlp, Record, Request, Scratch};
use medulla_ottl::{
    Any, Compiler, Condition, Expression, Frame, Functions, Purpose, RunError, Statement, Time,
    Value,
};
use otlp::edit::{At, Changes, Editor, Level, Levels, Route, Verdict, Visitor};
use otlp::{Malformed, Signal, json};
use prost::Message;
use serde_json::{Value as Json, json};

use crate::compare::normal;

enum Texts {
    Statements(Vec<Statement<Otlp>>),
    Condition(Condition<Otlp>),
    Value(Expression<Otlp>),
}

struct Run<'r> {
    texts: &'r Texts,
    arena: Bump,
    request: Request,
    scratch: Scratch,
    now: Time,
    stops: bool,
    record: usize,
    errors: Vec<(usize, usize)>,
    values: Vec<Json>,
}

struct Stop;

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self
    }
}

/// Whether the case comes out as expected.
pub(crate) fn case(case: &Json, fixtures: &Path) -> Result<(), String> {
    let expect = &case["expect"];
    let refused = !expect["parse_error"].is_null() || !expect["config_error"].is_null();
    let texts = match texts(case) {
        Err(_) if refused => return Ok(()),
        Err(error) => return Err(error),
        Ok(_) if refused => return Err(format!("{} is not refused", case["source"])),
        Ok(texts) => texts,
    };
    let name = case["fixture"].as_str().expect("a fixture");
    let (signal, request) = fixture(&fixtures.join(name));
    let mut run = Run {
        texts: &texts,
        arena: Bump::new(),
        request: Request::default(),
        scratch: Scratch::default(),
        now: Time::from_unix_nano(1_764_000_000_000_000_000),
        stops: case["error_mode"] == "propagate",
        record: 0,
        errors: Vec::new(),
        values: Vec::new(),
    };
    let context = context(case);
    let mut editor = Editor::default();
    let _ = editor.run(&route(signal, context), &request, &mut run);
    let mut result = Vec::new();
    editor.write(&request, &mut result);
    let before = to_json(signal, &request);
    let after = to_json(signal, &result);
    compare(case, &run, &before, &after)
}

fn compare(case: &Json, run: &Run<'_>, before: &Json, after: &Json) -> Result<(), String> {
    let expect = &case["expect"];
    let source = if case["source"].is_null() { &case["sources"] } else { &case["source"] };
    let differs = |what: &str, ours: &Json, theirs: &Json| {
        Err(format!("{source}: {what}\n      ours   {ours}\n      theirs {theirs}"))
    };
    let index = |error: &Json, name: &str| error[name].as_u64().unwrap_or(0) as usize;
    let expected = expect["runtime_errors"].as_array().into_iter().flatten();
    let expected: Vec<_> =
        expected.map(|error| (index(error, "record"), index(error, "statement"))).collect();
    if run.errors != expected {
        return differs("errors", &json!(run.errors), &json!(expected));
    }
    let unordered: Vec<String> = case["unordered"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect();
    for list in ["conditions", "values"] {
        if !expect[list].is_null() {
            let ours = normal(&json!({"values": run.values}), &unordered);
            let theirs = normal(&json!({"values": expect[list]}), &unordered);
            return if ours == theirs { Ok(()) } else { differs(list, &ours, &theirs) };
        }
    }
    if expect["unchanged"] == true || expect["partial"] == true && after == before {
        let (ours, theirs) = (normal(after, &unordered), normal(before, &unordered));
        return if ours == theirs { Ok(()) } else { differs("changed", &ours, &theirs) };
    }
    if !expect["result"].is_null() {
        let (ours, theirs) = (normal(after, &unordered), normal(&expect["result"], &unordered));
        return if ours == theirs { Ok(()) } else { differs("result", &ours, &theirs) };
    }
    Ok(())
}

fn context(case: &Json) -> Otlp {
    Otlp::from_name(case["context"].as_str().expect("a context")).expect("known")
}

fn texts(case: &Json) -> Result<Texts, String> {
    let context = context(case);
    let is_condition = case["kind"] == "condition";
    let purpose = if is_condition { Purpose::Filter } else { Purpose::Transform };
    let gates = case["gates"].to_string();
    let functions = Functions::new(&context, purpose, gates.contains("enableLambda"));
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
    let source = case["source"].as_str().unwrap_or_default();
    let result = match case["kind"].as_str() {
        Some("condition") => compiler.condition(source).map(Texts::Condition),
        Some("value") => compiler.expression(source).map(Texts::Value),
        _ => {
            let sources = case["sources"].as_array();
            let sources =
                sources.map_or(vec![source], |list| list.iter().filter_map(Json::as_str).collect());
            let statements = sources.into_iter().map(|text| compiler.statement(text));
            statements.collect::<Result<_, _>>().map(Texts::Statements)
        }
    };
    result.map_err(|error| format!("{source}: {error}"))
}

fn route(signal: Signal, context: Otlp) -> Route {
    let mut route = Route::visiting(signal, &[context.level()]);
    let around: Vec<_> = Level::ALL.into_iter().filter(|level| *level < context.level()).collect();
    route.writes = Levels::of(&around).with(context.level());
    route.wholes = Levels::of(&[Level::Record, Level::Child]);
    route.links = context == Otlp::SpanLink;
    route
}

impl Visitor for Run<'_> {
    type Error = Stop;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Stop> {
        let arena = std::mem::take(&mut self.arena);
        let now = self.now.clone();
        let request = std::mem::take(&mut self.request);
        let record = Record::new(at, &request, std::mem::take(&mut self.scratch));
        let mut frame = Frame::new(record, &arena, Some(&now));
        let stop = match self.texts {
            Texts::Statements(statements) => {
                statements.iter().enumerate().any(|(index, statement)| {
                    let failed = statement.run(&mut frame).is_err();
                    if failed {
                        self.errors.push((self.record, index));
                    }
                    failed && self.stops
                })
            }
            Texts::Condition(condition) => {
                let held = condition.holds(&frame);
                self.outcome(held.map(Json::Bool), Json::Null)
            }
            Texts::Value(expression) => {
                let value = expression.value(&frame).map(|value| value_json(&value));
                self.outcome(value, json!({"error": true}))
            }
        };
        self.scratch = frame.record.finish(changes);
        self.request = request;
        self.record += 1;
        if stop { Err(Stop) } else { Ok(Verdict::Keep) }
    }
}

impl Run<'_> {
    fn outcome(&mut self, value: Result<Json, RunError>, failed: Json) -> bool {
        let is_failed = value.is_err();
        if is_failed {
            self.errors.push((self.record, 0));
        }
        self.values.push(value.unwrap_or(failed));
        is_failed && self.stops
    }
}

fn fixture(path: &Path) -> (Signal, Vec<u8>) {
    let text = std::fs::read(path).expect("a fixture");
    let signal = match path.file_name().and_then(|name| name.as_encoded_bytes().first()) {
        Some(b't') => Signal::Traces,
        Some(b'l') => Signal::Logs,
        _ => Signal::Metrics,
    };
    let mut request = Vec::new();
    json::read_request(signal, &text, 1 << 20, &mut request).expect("fixtures are OTLP/JSON");
    (signal, request)
}

fn to_json(signal: Signal, request: &[u8]) -> Json {
    let mut out = Vec::new();
    json::write_request(signal, request, &mut out).expect("sound");
    serde_json::from_slice(&out).expect("JSON")
}

fn any_json(any: &Any) -> Json {
    match any {
        Any::Empty => json!({}),
        Any::Slice(items) => {
            json!({"arrayValue": {"values": items.iter().map(any_json).collect::<Vec<_>>()}})
        }
        Any::Map(map) => {
            let entry =
                |(key, value): &(String, Any)| json!({"key": key, "value": any_json(value)});
            json!({"kvlistValue": {"values": map.entries.iter().map(entry).collect::<Vec<_>>()}})
        }
        other => value_json(&other.value()),
    }
}

fn double_json(value: f64) -> Json {
    match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

fn value_json(value: &Value<'_>) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => json!({"boolValue": value}),
        Value::Int(value) => json!({"intValue": value.to_string()}),
        Value::Double(value) => json!({"doubleValue": double_json(*value)}),
        Value::Str(text) => json!({"stringValue": text}),
        Value::Bytes(bytes) => json!({"bytesValue": medulla_ottl::json::base64(bytes)}),
        Value::Map(map) => any_json(&Any::Map(map.clone().into_owned())),
        Value::Slice(items) => any_json(&Any::Slice(items.clone().into_owned())),
        Value::List(items) => {
            json!({"arrayValue": {"values": items.iter().map(value_json).collect::<Vec<_>>()}})
        }
        Value::Time(time) => {
            let zoned = time.at.to_zoned(time.zone.clone());
            json!({"time": zoned.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()})
        }
        Value::Duration(nanoseconds) => json!({"durationNanos": nanoseconds.to_string()}),
        Value::TraceId(id) => json!({"traceId": medulla_ottl::json::hex(id)}),
        Value::SpanId(id) => json!({"spanId": medulla_ottl::json::hex(id)}),
        Value::ProfileId(id) => json!({"profileId": medulla_ottl::json::hex(id)}),
        Value::Opaque(opaque) => opaque_json(opaque),
    }
}

fn opaque_json(opaque: &medulla_ottl::value::Opaque<'_>) -> Json {
    use medulla_ottl::value::OpaqueKind;
    use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
    use opentelemetry_proto::tonic::trace::v1::Status;
    let name = match opaque.kind {
        OpaqueKind::Status => {
            let status = Status::decode(&opaque.messages.concat()[..]).expect("sound");
            return json!({"status": {"code": status.code, "message": status.message}});
        }
        OpaqueKind::Buckets => {
            let buckets = Buckets::decode(&opaque.messages.concat()[..]).expect("sound");
            let length = buckets.bucket_counts.len();
            return json!({"opaque": "buckets", "length": length, "offset": buckets.offset});
        }
        OpaqueKind::Events => "events",
        OpaqueKind::Links => "links",
        OpaqueKind::NumberPoints => "number_data_points",
        OpaqueKind::HistogramPoints => "histogram_data_points",
        OpaqueKind::ExponentialHistogramPoints => "exponential_histogram_data_points",
        OpaqueKind::SummaryPoints => "summary_data_points",
        OpaqueKind::Exemplars => "exemplars",
        OpaqueKind::Quantiles => "quantile_values",
        OpaqueKind::Record => "record",
    };
    json!({"opaque": name, "length": opaque.messages.len()})
}
