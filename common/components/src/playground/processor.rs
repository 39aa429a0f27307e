//! Configurations of the processors `transform` and `filter`, run as the pipeline runs them.

use bytes::Bytes;
use otlp::Signal;
use ottl::Time;
use ottl::contexts::Request;
use ottl::program::{Program, Refused, Runner};
use serde_json::json;

use super::cases::{Expect, result};
use crate::config::filter::Filter;
use crate::config::transform::Transform;
use crate::config::{Code, Report, Section, Sources, Value, expand, value};

/// The outcome of a processor `transform` with this section.
pub(super) fn transform(
    signal: Signal,
    section: &str,
    body: &Bytes,
    now: &Time,
    has_flatten_gate: bool,
) -> Result<Expect, String> {
    let program = read(section, |section| {
        // A configuration of ours needs no gate for it, a case does.
        if section.bool("flatten_data", false) && !has_flatten_gate {
            let message = "true, expected the gate transform.flatten.logs with it";
            section.error("flatten_data", Code::BadValue, message);
        }
        Transform::read(section).program(signal).cloned()
    });
    Ok(outcome(program, signal, body, now))
}

/// The outcome of a processor `filter` with this section.
pub(super) fn filter(
    signal: Signal,
    section: &str,
    body: &Bytes,
    now: &Time,
) -> Result<Expect, String> {
    let program = read(section, |section| Filter::read(section).program(signal).cloned());
    Ok(outcome(program, signal, body, now))
}

/// Nobody's files and environment: a case stands for itself.
struct Nothing;

impl Sources for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("a case has no files".to_owned())
    }
}

/// Reads a section; all errors in one text.
fn read(
    text: &str,
    program: impl FnOnce(&Section<'_>) -> Option<Program>,
) -> Result<Option<Program>, String> {
    let report = Report::default();
    let tree = value::parse(text, report.add_file("case"), &report);
    let tree: Option<Value> = tree.map(|tree| expand(tree, &Nothing, &report));
    let program = tree.and_then(|tree| program(&Section::new(&tree, "", &report)));
    let (errors, _) = report.into_parts();
    if errors.is_empty() {
        return Ok(program);
    }
    Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn outcome(
    program: Result<Option<Program>, String>,
    signal: Signal,
    body: &Bytes,
    now: &Time,
) -> Expect {
    let program = match program {
        Ok(Some(program)) => program,
        Ok(None) => return result(signal, body),
        Err(why) => return Expect::of("config_error", &json!(why)),
    };
    match program.run(&mut Runner::default(), body, &Request::default(), now) {
        Ok(outcome) if outcome.body.is_empty() => Expect::of("dropped", &json!(true)),
        Ok(outcome) => result(signal, &outcome.body),
        Err(Refused::Malformed) => Expect::of("case_error", &json!("the request is malformed")),
        Err(refused @ (Refused::Failed(_) | Refused::TooLarge | Refused::NoMemory)) => {
            let refused = Expect::of("consume_error", &json!(refused.to_string()));
            refused.and("dropped", &json!(true))
        }
    }
}
