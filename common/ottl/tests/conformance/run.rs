//! One case: run it and compare.

use std::path::Path;

use bytes::Bytes;
use medulla_ottl::Time;
use medulla_ottl::contexts::{Otlp, Request};
use medulla_ottl::playground::{Failed, Problem, Setting, any_value};
use medulla_ottl::program::{Program, Refused, Runner};
use otlp::Signal;
use serde_json::{Value as Json, json};

use super::compare::compare;
use super::{config, yaml};

/// Runs a case; the error says how its result differs.
pub(crate) fn case(case: &Json, folder: &Path) -> Result<(), String> {
    case_over(case, &fixture(case, folder)?)
}

/// The text of a case's fixture.
pub(crate) fn fixture(case: &Json, folder: &Path) -> Result<String, String> {
    let fixture = case["fixture"].as_str().ok_or("no fixture")?;
    let text = std::fs::read_to_string(folder.join("fixtures").join(fixture));
    text.map_err(|error| error.to_string())
}

/// Runs a case over a request in OTLP/JSON.
pub(crate) fn case_over(case: &Json, input: &str) -> Result<(), String> {
    let fixture = case["fixture"].as_str().ok_or("no fixture")?;
    let signal = match fixture.as_bytes().first() {
        Some(b't') => Signal::Traces,
        Some(b'm') => Signal::Metrics,
        _ => Signal::Logs,
    };
    let mut body = Vec::new();
    otlp::json::read_request(signal, input.as_bytes(), 1 << 26, &mut body)
        .map_err(|error| format!("fixture: {error}"))?;
    let got = match case["kind"].as_str() {
        Some("transform" | "filter") => processor(case, signal, body.into()),
        _ => texts(case, signal, body.into())?,
    };
    compare(case, &got, input)
}

/// What `medulla-gateway ottl` would print as `expect`.
fn texts(case: &Json, signal: Signal, body: Bytes) -> Result<Json, String> {
    let context = case["context"].as_str().and_then(Otlp::from_name).ok_or("no context")?;
    let setting = Setting {
        signal,
        context,
        lambdas: gates(case).any(|gate| gate == "ottl.functions.enableLambda"),
        stops: case["error_mode"] == "propagate",
        now: Time::from_unix_nano(1_790_000_000_000_000_000),
    };
    let sources = match (&case["source"], &case["sources"]) {
        (Json::String(source), _) => vec![source.as_str()],
        (_, Json::Array(sources)) => sources.iter().filter_map(Json::as_str).collect(),
        _ => vec![""],
    };
    let got = match case["kind"].as_str() {
        Some("condition") => setting.condition(sources[0], &body).map(|it| json!({"conditions": it})),
        Some("value") => setting.values(sources[0], &body).map(|values| {
            let values: Vec<Json> = values
                .iter()
                .map(|value| match value {
                    Ok(value) => serde_json::from_str(&any_value(value)).expect("it is JSON"),
                    Err(error) => json!({"error": true, "why": error.to_string()}),
                })
                .collect();
            json!({"values": values})
        }),
        _ => setting.statements(&sources, &body).map(|(body, failed)| {
            json!({"result": written(signal, &body), "runtime_errors": failures(&failed)})
        }),
    };
    Ok(got.unwrap_or_else(|problem| match problem {
        Problem::Load(_, error) => json!({"load_error": error.to_string()}),
        Problem::Malformed => json!({"malformed": true}),
    }))
}

fn failures(failed: &[Failed]) -> Vec<Json> {
    let one = |it: &Failed| json!({"record": it.record, "statement": it.statement, "why": it.error.to_string()});
    failed.iter().map(one).collect()
}

fn gates(case: &Json) -> impl Iterator<Item = &str> {
    case["gates"].as_array().into_iter().flatten().filter_map(Json::as_str)
}

fn written(signal: Signal, body: &[u8]) -> Json {
    let mut out = Vec::new();
    otlp::json::write_request(signal, body, &mut out).expect("the result is a request");
    serde_json::from_slice(&out).expect("it is JSON")
}

/// The gate behind which the reference keeps `flatten_data`; we have it without.
const FLATTEN_LOGS: &str = "transform.flatten.logs";

fn processor(case: &Json, signal: Signal, body: Bytes) -> Json {
    let build = match case["kind"].as_str() {
        Some("transform") => config::transform_of,
        _ => config::filter_of,
    };
    let source = case["source"].as_str().unwrap_or("");
    let program = yaml::parse(source).and_then(|config| {
        if config["flatten_data"] == json!(true) && gates(case).all(|gate| gate != FLATTEN_LOGS) {
            return Err("flatten_data needs a gate".to_owned());
        }
        build(&config, signal)
    });
    match program {
        Err(error) => json!({"load_error": error}),
        Ok(None) => json!({"result": written(signal, &body)}),
        Ok(Some(program)) => ran(&program, signal, &body),
    }
}

fn ran(program: &Program, signal: Signal, body: &Bytes) -> Json {
    let now = Time::from_unix_nano(1_790_000_000_000_000_000);
    match program.run(&mut Runner::default(), body, &Request::default(), &now) {
        Err(Refused::Malformed) => json!({"malformed": true}),
        Err(failed) => json!({"consume_error": failed.to_string()}),
        Ok(outcome) if outcome.body.is_empty() => json!({"dropped": true}),
        Ok(outcome) => {
            if !outcome.is_changed {
                assert_eq!(
                    outcome.body.as_ptr(),
                    body.as_ptr(),
                    "untouched bytes are the same bytes"
                );
            }
            json!({"result": written(signal, &outcome.body)})
        }
    }
}
