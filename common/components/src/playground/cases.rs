//! Many cases in one process, one JSON object a line in and one out, in order.
//!
//! A case that cannot be run at all (no such fixture, no such kind) is an answer, too:
//! `{"id":..,"expect":{"case_error":..}}`; the others run on. So is a line that is no case (no JSON, a field missing),
//! with its number under `line`; it is said on standard error besides, and in the end the status is 1: not all ran.
//! Fixtures are read once.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use otlp::Signal;
use ottl::Time;
use ottl::contexts::Otlp;
use ottl::playground::{Failed, Problem, Setting, any_value};
use serde_json::{Map, Value as Json, json};

use super::request::{parse, read_file, to_json};
use super::{Stop, now, processor};

/// The gates behind which the reference implementation keeps lambdas, and `flatten_data`.
const LAMBDAS: &str = "ottl.functions.enableLambda";
const FLATTEN_LOGS: &str = "transform.flatten.logs";

/// Runs the cases of a file.
pub(super) fn run(file: &Path, fixtures: Option<&Path>) -> Result<(), Stop> {
    let content = read_file(file)?;
    let beside = file.parent().unwrap_or(Path::new("."));
    let mut runner = Runner {
        folder: fixtures.unwrap_or(beside).to_owned(),
        fixtures: HashMap::new(),
        now: now(),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut all_ran = true;
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = match read_case(line) {
            Ok(case) => runner.answer(&case),
            Err(NoCase { id, why }) => {
                all_ran = false;
                eprintln!("{}:{}: {why}", file.display(), index + 1);
                json!({"id": id, "line": index + 1, "expect": {"case_error": why}}).to_string()
            }
        };
        writeln!(out, "{answer}").map_err(written)?;
    }
    out.flush().map_err(written)?;
    // What did not run has been said.
    if all_ran { Ok(()) } else { Err(Stop::Failed(Vec::new())) }
}

/// The outcome of a case: names and JSON. Requests and values stay the text that they are: read and written once more, a
/// double could be another one.
#[derive(Debug)]
pub(super) struct Expect {
    fields: Vec<(&'static str, String)>,
}

impl Expect {
    pub(super) fn of(name: &'static str, value: &Json) -> Self {
        Self::text(name, value.to_string())
    }

    fn text(name: &'static str, json: String) -> Self {
        Self { fields: vec![(name, json)] }
    }

    pub(super) fn and(mut self, name: &'static str, value: &Json) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }
}

impl Display for Expect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, json)) in self.fields.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, r#"{comma}"{name}":{json}"#)?;
        }
        f.write_str("}")
    }
}

/// A line that is no case.
#[derive(Debug, PartialEq)]
struct NoCase {
    /// Its id, if that much can be read.
    id: Json,
    why: String,
}

/// Reads a line. Whether the case can be run is not looked at.
fn read_case(line: &[u8]) -> Result<Case, NoCase> {
    let no_case = |id: Json, why: String| NoCase { id, why: format!("not a case: {why}") };
    let read: Json =
        serde_json::from_slice(line).map_err(|error| no_case(Json::Null, error.to_string()))?;
    let Json::Object(case) = read else {
        return Err(no_case(Json::Null, "expected an object".to_owned()));
    };
    match fields(&case) {
        Ok(()) => Ok(case),
        Err(why) => Err(no_case(case.get("id").cloned().unwrap_or_default(), why)),
    }
}

/// The fields that a case of its kind must have.
fn fields(case: &Case) -> Result<(), String> {
    text(case, "fixture")?;
    match text(case, "kind")? {
        "statement" | "condition" | "value" => text(case, "context").map(drop),
        _ => Ok(()),
    }
}

fn written(error: std::io::Error) -> Stop {
    Stop::failed(format!("-: {error}"))
}

struct Runner {
    folder: PathBuf,
    fixtures: HashMap<String, (Signal, Bytes)>,
    now: Time,
}

type Case = Map<String, Json>;

impl Runner {
    fn answer(&mut self, case: &Case) -> String {
        let expect = self.run(case).unwrap_or_else(|why| Expect::of("case_error", &json!(why)));
        let id = case.get("id").unwrap_or(&Json::Null);
        format!(r#"{{"id":{id},"expect":{expect}}}"#)
    }

    fn run(&mut self, case: &Case) -> Result<Expect, String> {
        let (signal, body) = self.fixture(text(case, "fixture")?)?;
        match text(case, "kind")? {
            "transform" => {
                let flattens = has_gate(case, FLATTEN_LOGS);
                processor::transform(signal, source(case), &body, &self.now, flattens)
            }
            "filter" => processor::filter(signal, source(case), &body, &self.now),
            kind => {
                let setting = self.setting(case, signal)?;
                let ran = match kind {
                    "statement" => statements(&setting, &sources(case), &body),
                    "condition" => condition(&setting, source(case), &body),
                    "value" => values(&setting, source(case), &body),
                    other => return Err(format!("{other} is no kind of case")),
                };
                Ok(ran.unwrap_or_else(refused))
            }
        }
    }

    fn setting(&self, case: &Case, signal: Signal) -> Result<Setting, String> {
        let name = text(case, "context")?;
        let context = Otlp::from_name(name).ok_or_else(|| format!("{name} is no context"))?;
        let lambdas = has_gate(case, LAMBDAS);
        let stops = case.get("error_mode").is_some_and(|mode| mode == "propagate");
        Ok(Setting { signal, context, lambdas, stops, now: self.now.clone() })
    }

    fn fixture(&mut self, name: &str) -> Result<(Signal, Bytes), String> {
        if let Some((signal, body)) = self.fixtures.get(name) {
            return Ok((*signal, body.clone()));
        }
        let inner = self.folder.join("fixtures").join(name);
        let path = if inner.is_file() { inner } else { self.folder.join(name) };
        let read = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let signal = signal_of(name, &read).ok_or_else(|| format!("{name}: no signal"))?;
        let body = parse(signal, read).map_err(|why| format!("{name}: {why}"))?;
        self.fixtures.insert(name.to_owned(), (signal, body.clone()));
        Ok((signal, body))
    }
}

/// The signal by the request's only key, else by the first letter of the file's name.
fn signal_of(name: &str, content: &[u8]) -> Option<Signal> {
    let head = &content[..content.len().min(256)];
    let has = |key: &[u8]| head.windows(key.len()).any(|window| window == key);
    match name.as_bytes() {
        _ if has(b"\"resourceSpans\"") => Some(Signal::Traces),
        _ if has(b"\"resourceMetrics\"") => Some(Signal::Metrics),
        _ if has(b"\"resourceLogs\"") => Some(Signal::Logs),
        [b't', ..] => Some(Signal::Traces),
        [b'm', ..] => Some(Signal::Metrics),
        [b'l', ..] => Some(Signal::Logs),
        _ => None,
    }
}

fn has_gate(case: &Case, wanted: &str) -> bool {
    let gates = case.get("gates").and_then(Json::as_array);
    gates.is_some_and(|gates| gates.iter().any(|gate| gate == wanted))
}

fn text<'a>(case: &'a Case, key: &str) -> Result<&'a str, String> {
    case.get(key).and_then(Json::as_str).ok_or_else(|| format!("{key}: expected a text"))
}

/// The text of a case; an empty one may be left out.
fn source(case: &Case) -> &str {
    case.get("source").and_then(Json::as_str).unwrap_or_default()
}

fn sources(case: &Case) -> Vec<&str> {
    match case.get("sources").and_then(Json::as_array) {
        Some(sources) => sources.iter().filter_map(Json::as_str).collect(),
        None => vec![source(case)],
    }
}

fn statements(setting: &Setting, sources: &[&str], body: &Bytes) -> Result<Expect, Problem> {
    let (edited, failed) = setting.statements(sources, body)?;
    Ok(with_failures(result(setting.signal, &edited), &failed))
}

/// The request after a run, as part of a case's outcome.
pub(super) fn result(signal: Signal, body: &[u8]) -> Expect {
    let written = to_json(signal, body);
    match written.and_then(|json| String::from_utf8(json).map_err(|error| error.to_string())) {
        Ok(json) => Expect::text("result", json),
        Err(why) => Expect::of("case_error", &json!(why)),
    }
}

fn condition(setting: &Setting, source: &str, body: &Bytes) -> Result<Expect, Problem> {
    let verdicts = setting.verdicts(source, body)?;
    let shown: Vec<Option<bool>> = verdicts.iter().map(|it| it.as_ref().ok().copied()).collect();
    let failed: Vec<Failed> = failures(verdicts);
    Ok(with_failures(Expect::of("conditions", &json!(shown)), &failed))
}

fn values(setting: &Setting, source: &str, body: &Bytes) -> Result<Expect, Problem> {
    let values = setting.values(source, body)?;
    let shown = |value: &Result<ottl::Value<'static>, ottl::RunError>| match value {
        Ok(value) => any_value(value),
        Err(_) => r#"{"error":true}"#.to_owned(),
    };
    let shown: Vec<String> = values.iter().map(shown).collect();
    let expect = Expect::text("values", format!("[{}]", shown.join(",")));
    Ok(with_failures(expect, &failures(values)))
}

fn failures<T>(results: Vec<Result<T, ottl::RunError>>) -> Vec<Failed> {
    let results = results.into_iter().enumerate();
    let failed = results
        .filter_map(|(record, result)| Some(Failed { record, statement: 0, error: result.err()? }));
    failed.collect()
}

fn with_failures(expect: Expect, failed: &[Failed]) -> Expect {
    if failed.is_empty() {
        return expect;
    }
    let one = |it: &Failed| {
        let message = it.error.to_string();
        json!({"record": it.record, "statement": it.statement, "message": message})
    };
    expect.and("runtime_errors", &failed.iter().map(one).collect())
}

fn refused(problem: Problem) -> Expect {
    match problem {
        Problem::Load(_, error) => Expect::of("parse_error", &json!(error.to_string())),
        Problem::Malformed => Expect::of("case_error", &json!("the request is malformed")),
    }
}

#[cfg(test)]
mod lines;
#[cfg(test)]
mod tests;
