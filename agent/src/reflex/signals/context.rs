//! The OTTL context `signal`: paths to signals, read only.

use bumpalo::Bump;
use ottl::context::{Found, KeyText, Segment};
use ottl::{Context, Key, RunError, Value};

use super::{FIELDS, FieldId, Form, Scope, Signal, Snapshot, Subject};

/// The context.
#[derive(Clone, Copy, Debug)]
pub struct Signals;

impl Context for Signals {
    type Path = Signal;
    type Record<'a> = &'a Snapshot;

    const HAS_CACHE: bool = false;

    fn name(&self) -> &'static str {
        "signal"
    }

    fn resolve(&self, _: &str, segments: &[Segment<'_>]) -> Result<Found<Signal>, String> {
        signal(segments).map(|signal| Found::read_only(signal, 0))
    }

    fn get<'a>(
        record: &Self::Record<'a>,
        path: &Signal,
        _: &[Key<'_>],
    ) -> Result<Value<'a>, RunError> {
        let value = record.get(path);
        Ok(value.map_or(Value::Nil, |value| to_value(value, path.field.row().form)))
    }

    fn set<'a>(
        _: &mut Self::Record<'a>,
        _: &'a Bump,
        _: &Signal,
        _: &[Key<'_>],
        _: &Value<'_>,
    ) -> Result<(), RunError> {
        Err(RunError::new("signals are read only"))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and no signal comes near")]
fn to_value<'a>(value: f64, form: Form) -> Value<'a> {
    match form {
        Form::Ratio | Form::Number => Value::Double(value),
        Form::Count => Value::Int(value as i64),
        Form::Duration => Value::Duration(value as i64),
    }
}

/// The signal that a path names.
pub fn signal(segments: &[Segment<'_>]) -> Result<Signal, String> {
    let (subject, rest) = subject(segments)?;
    if rest.iter().any(|segment| !segment.keys.is_empty()) {
        return Err("a signal is a number and has no keys".to_owned());
    }
    let names: Vec<&str> = rest.iter().map(|segment| segment.name).collect();
    let name = names.join(".");
    let scope = subject.scope();
    match FieldId::find(scope, &name) {
        Some(field) => Ok(Signal { subject, field }),
        None => Err(format!("unknown signal {name}, expected one of {}", known(scope))),
    }
}

fn subject<'s, 't>(segments: &'s [Segment<'t>]) -> Result<(Subject, &'s [Segment<'t>]), String> {
    let [first, rest @ ..] = segments else { return Err("an empty path".to_owned()) };
    let subject = match (first.name, first.keys.as_slice()) {
        ("port", [KeyText::Int(port)]) => match u16::try_from(*port) {
            Ok(port) if port > 0 => Subject::Port(port),
            _ => return Err(format!("port {port}, expected 1 to 65535")),
        },
        ("cgroup", [KeyText::Str(path)]) => Subject::Cgroup((*path).to_owned()),
        ("service", [KeyText::Str(name)]) => Subject::Service((*name).to_owned()),
        ("port", _) => return Err("expected a number: port[8080].latency_p99".to_owned()),
        ("cgroup" | "service", _) => {
            return Err(format!("expected a text: {}[\"name\"]", first.name));
        }
        _ => return Ok((Subject::Host, segments)),
    };
    Ok((subject, rest))
}

fn known(scope: Scope) -> String {
    let fields = FIELDS.iter().filter(|field| field.scope == scope);
    let mut names: Vec<&str> = fields.map(|field| field.name).collect();
    if scope == Scope::Host {
        names.extend(["port[N]....", "cgroup[\"path\"]....", "service[\"name\"]...."]);
    }
    names.join(", ")
}
