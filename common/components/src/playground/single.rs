//! Texts on one request.

use bytes::Bytes;
use otlp::Signal;
use ottl::playground::{Failed, Problem, Setting, any_value};
use ottl::program::ErrorMode;
use serde_json::json;

use super::plan::{self, Role};
use super::texts::{self, Text};
use super::{Arguments, Stop, now, request};

/// Runs what the arguments say.
pub(super) fn run(arguments: &Arguments, signal: Signal) -> Result<(), Stop> {
    let texts = texts::of(arguments)?;
    if texts.is_empty() {
        let expected = "expected --statement, --condition, --value or a --file of statements";
        return Err(Stop::usage(format!("ottl: nothing to run, {expected}")));
    }
    let role = Role::of(arguments);
    let context = plan::context(arguments, signal, &texts)?;
    if arguments.explain {
        let shown = plan::explain(context, role, &texts)?;
        return request::write_file(&arguments.output, shown.as_bytes());
    }
    plan::check(context, role, &texts)?;
    let body = request::read(signal, &arguments.input)?;
    let mode = ErrorMode::from(arguments.error_mode);
    let setting = Setting {
        signal,
        context,
        lambdas: true,
        stops: mode == ErrorMode::Propagate,
        now: arguments.now.clone().unwrap_or_else(now),
    };
    let ran = match role {
        Role::Statement => statements(&setting, &texts, &body),
        Role::Condition => condition(&setting, &texts, &body),
        Role::Value => values(&setting, &texts, &body),
    };
    let (result, failures) = ran.map_err(|problem| stop(&problem, &texts))?;
    let said: Vec<String> =
        failures.iter().map(|failed| said(failed, &texts, arguments.json)).collect();
    if mode == ErrorMode::Propagate && !said.is_empty() {
        return Err(Stop::Failed(said));
    }
    if mode == ErrorMode::Ignore {
        said.iter().for_each(|line| eprintln!("{line}"));
    }
    request::write_file(&arguments.output, &[&result.map_err(Stop::failed)?[..], b"\n"].concat())
}

/// What goes out, and what failed.
type Ran = Result<(Result<Vec<u8>, String>, Vec<Failed>), Problem>;

fn statements(setting: &Setting, texts: &[Text], body: &Bytes) -> Ran {
    let sources: Vec<&str> = texts.iter().map(|text| text.source.as_str()).collect();
    let (body, failures) = setting.statements(&sources, body)?;
    Ok((request::to_json(setting.signal, &body), failures))
}

fn condition(setting: &Setting, texts: &[Text], body: &Bytes) -> Ran {
    let verdicts = setting.verdicts(&texts[0].source, body)?;
    let shown: Vec<Option<bool>> = verdicts.iter().map(|it| it.as_ref().ok().copied()).collect();
    let failures = verdicts.into_iter().enumerate();
    let failures = failures.filter_map(|(record, verdict)| {
        Some(Failed { record, statement: 0, error: verdict.err()? })
    });
    Ok((Ok(json!(shown).to_string().into_bytes()), failures.collect()))
}

/// A list of values for each expression, one a line.
fn values(setting: &Setting, texts: &[Text], body: &Bytes) -> Ran {
    let (mut lines, mut failures) = (Vec::new(), Vec::new());
    for (statement, text) in texts.iter().enumerate() {
        let values = setting.values(&text.source, body)?;
        let shown = values.iter().map(|value| value.as_ref().map_or("null".into(), any_value));
        lines.push(format!("[{}]", shown.collect::<Vec<String>>().join(",")));
        let failed = values.into_iter().enumerate();
        failures.extend(
            failed.filter_map(|(record, value)| {
                Some(Failed { record, statement, error: value.err()? })
            }),
        );
    }
    Ok((Ok(lines.join("\n").into_bytes()), failures))
}

fn stop(problem: &Problem, texts: &[Text]) -> Stop {
    match problem {
        Problem::Load(index, error) => Stop::usage(texts[*index].mistake(error)),
        Problem::Malformed => Stop::failed("ottl: the request is malformed"),
    }
}

fn said(failed: &Failed, texts: &[Text], as_json: bool) -> String {
    let message = failed.error.to_string();
    if as_json {
        let Failed { record, statement, .. } = failed;
        return json!({"record": record, "statement": statement, "message": message}).to_string();
    }
    let source = &texts[failed.statement].source;
    format!("ottl: record {}: {source}: {message}", failed.record)
}
