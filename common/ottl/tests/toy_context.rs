//! A context defined outside of the crate, with indexed paths: what others do to run OTTL over records of
//! their own.

use std::collections::HashMap;

use bumpalo::Bump;
use medulla_ottl::context::{Found, KeyText, Segment};
use medulla_ottl::{
    Class, Compiler, Context, Frame, Functions, Key, LoadError, Purpose, RunError, Value,
};

/// A host: signals per port and per control group.
struct Toy;

#[derive(Debug)]
enum Path {
    Latency { port: i64 },
    DynamicLatency,
    Utilization { group: String },
    Label,
}

struct Host {
    latency_ns: HashMap<i64, i64>,
    utilization: HashMap<String, f64>,
    label: String,
}

impl Context for Toy {
    type Path = Path;
    type Record<'a> = Host;

    fn name(&self) -> &'static str {
        "host"
    }

    fn resolve(&self, _: &str, segments: &[Segment<'_>]) -> Result<Found<Path>, String> {
        let names: Vec<&str> = segments.iter().map(|segment| segment.name).collect();
        match (&names[..], &segments[0].keys[..]) {
            (["port", "latency"], [KeyText::Int(port)]) => {
                Ok(Found::read_only(Path::Latency { port: *port }, 0))
            }
            (["port", "latency"], [KeyText::Dynamic]) => {
                Ok(Found::read_only(Path::DynamicLatency, 0))
            }
            (["cgroup", "utilization"], [KeyText::Str(group)]) => {
                Ok(Found::read_only(Path::Utilization { group: (*group).to_owned() }, 0))
            }
            (["label"], []) => Ok(Found::new(Path::Label, 0)),
            _ => Err("not a path of a host".to_owned()),
        }
    }

    fn get<'a>(host: &Host, path: &Path, keys: &[Key<'_>]) -> Result<Value<'a>, RunError> {
        let latency = |port: &i64| host.latency_ns.get(port).map(|ns| Value::Duration(*ns));
        let found = match (path, keys) {
            (Path::Latency { port }, _) => latency(port),
            (Path::DynamicLatency, [Key::Int(port)]) => latency(port),
            (Path::Utilization { group }, _) => {
                host.utilization.get(group).copied().map(Value::Double)
            }
            (Path::Label, _) => Some(Value::text(host.label.clone())),
            _ => return Err(RunError::new("a port is a number")),
        };
        Ok(found.unwrap_or(Value::Nil))
    }

    fn set(
        host: &mut Host,
        _: &Bump,
        path: &Path,
        _: &[Key<'_>],
        value: &Value<'_>,
    ) -> Result<(), RunError> {
        match (path, value) {
            (Path::Label, Value::Str(text)) => {
                host.label = text.clone().into_owned();
                Ok(())
            }
            (_, other) => Err(RunError::of_type("string", other.kind())),
        }
    }
}

fn host() -> Host {
    Host {
        latency_ns: HashMap::from([(8080, 300_000_000)]),
        utilization: HashMap::from([("/system.slice".to_owned(), 0.5)]),
        label: "8080".to_owned(),
    }
}

fn condition(text: &str) -> Result<Result<bool, RunError>, LoadError> {
    let functions = Functions::new(&Toy, Purpose::Filter, false);
    let compiler = Compiler { context: &Toy, functions: &functions, needs_prefix: false };
    let condition = compiler.condition(text)?;
    let arena = Bump::new();
    Ok(condition.holds(&Frame::new(host(), &arena, None)))
}

#[test]
fn conditions_run_over_a_context_of_others() {
    for (text, expect) in [
        ("port[8080].latency != nil", true),
        ("port[8080].latency > port[9090].latency", false),
        ("host.port[8080].latency == port[9090].latency", false),
        (r#"cgroup["/system.slice"].utilization * 2 == 1.0"#, true),
        (r#"label == "8080" and not (port[8080].latency == nil)"#, true),
        ("port[9090].latency == nil or label > 5", true),
    ] {
        assert_eq!(condition(text).unwrap(), Ok(expect), "{text}");
    }
}

#[test]
fn dynamic_keys_are_evaluated() {
    assert_eq!(condition("port[(8000 + 80)].latency != nil").unwrap(), Ok(true));
    assert!(condition("port[label].latency != nil").unwrap().is_err(), "a text is no port");
}

#[test]
fn what_the_context_does_not_know_is_refused_with_its_place() {
    for (text, class, offset) in [
        ("label == port.latency", Class::UnknownPath, 9),
        ("label == NO_SYMBOL", Class::UnknownEnum, 9),
        ("Nothing(label)", Class::UnknownFunction, 0),
        ("label and true", Class::Parse, 0),
    ] {
        let error = condition(text).unwrap_err();
        assert_eq!((error.class, error.offset), (class, offset), "{text}: {error}");
    }
}
