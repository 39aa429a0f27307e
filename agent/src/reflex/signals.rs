//! What rules see: the signals of this host at one moment, as the OTTL context `signal`.
//!
//! Every signal is a row of [`FIELDS`], so that the language, the checks of rules and `top` know the same
//! ones. A snapshot holds plain numbers (durations in nanoseconds), or nothing where nothing is known;
//! nil compares false in OTTL, so a rule without data does not hold. `port[N].anomaly` is the state of the
//! port's latency series, a cgroup's that of its cpu, a service's that of its latency: a series'
//! anomaly is evidence of its series' source.

pub mod context;
pub mod window;

use std::collections::BTreeMap;
use std::fmt;

/// What a signal is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// This host.
    Host,
    /// A TCP port.
    Port(u16),
    /// A control group, by its path from the root.
    Cgroup(String),
    /// A service of the spans that pass.
    Service(String),
}

/// Which kind of subject a field belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Scope {
    Host,
    Port,
    Cgroup,
    Service,
}

/// What a field's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 0 to 1.
    Ratio,
    /// Zero or more.
    Number,
    /// Zero or more, whole.
    Count,
    /// Nanoseconds.
    Duration,
}

/// Which source of evidence a signal is of; several together are a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sources(u8);

impl Sources {
    /// None.
    pub const NONE: Self = Self(0);
    /// How long things take.
    pub const LATENCY: Self = Self(1);
    /// Connections, requests, in flight.
    pub const LOAD: Self = Self(2);
    /// Errors.
    pub const ERRORS: Self = Self(4);
    /// CPU and its pressure.
    pub const CPU: Self = Self(8);
    /// Memory and its pressure.
    pub const MEMORY: Self = Self(16);

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// How many.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether all of `other` are in it.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One signal of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is of.
    pub scope: Scope,
    /// As it is written behind its subject.
    pub name: &'static str,
    /// What its numbers are.
    pub form: Form,
    /// What it is evidence of.
    pub source: Sources,
}

/// The index of a field in [`FIELDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(u8);

const fn row(scope: Scope, name: &'static str, form: Form, source: Sources) -> Field {
    Field { scope, name, form, source }
}

/// Every signal.
pub const FIELDS: &[Field] = &[
    row(Scope::Host, "cpu.utilization", Form::Ratio, Sources::CPU),
    row(Scope::Host, "cpu.pressure", Form::Ratio, Sources::CPU),
    row(Scope::Host, "memory.utilization", Form::Ratio, Sources::MEMORY),
    row(Scope::Host, "memory.pressure", Form::Ratio, Sources::MEMORY),
    row(Scope::Host, "memory.time_to_limit", Form::Duration, Sources::MEMORY),
    row(Scope::Host, "load", Form::Number, Sources::CPU),
    row(Scope::Port, "latency_p50", Form::Duration, Sources::LATENCY),
    row(Scope::Port, "latency_p90", Form::Duration, Sources::LATENCY),
    row(Scope::Port, "latency_p99", Form::Duration, Sources::LATENCY),
    row(Scope::Port, "oldest_open", Form::Duration, Sources::LATENCY),
    row(Scope::Port, "requests_per_s", Form::Number, Sources::LOAD),
    row(Scope::Port, "connections_per_s", Form::Number, Sources::LOAD),
    row(Scope::Port, "in_flight", Form::Count, Sources::LOAD),
    row(Scope::Port, "error_ratio", Form::Ratio, Sources::ERRORS),
    row(Scope::Port, "anomaly", Form::Number, Sources::LATENCY),
    row(Scope::Cgroup, "cpu.utilization", Form::Ratio, Sources::CPU),
    row(Scope::Cgroup, "throttled", Form::Ratio, Sources::CPU),
    row(Scope::Cgroup, "memory.utilization", Form::Ratio, Sources::MEMORY),
    row(Scope::Cgroup, "memory.time_to_limit", Form::Duration, Sources::MEMORY),
    row(Scope::Cgroup, "anomaly", Form::Number, Sources::CPU),
    row(Scope::Service, "requests_per_s", Form::Number, Sources::LOAD),
    row(Scope::Service, "error_ratio", Form::Ratio, Sources::ERRORS),
    row(Scope::Service, "latency_p50", Form::Duration, Sources::LATENCY),
    row(Scope::Service, "latency_p90", Form::Duration, Sources::LATENCY),
    row(Scope::Service, "latency_p99", Form::Duration, Sources::LATENCY),
    row(Scope::Service, "anomaly", Form::Number, Sources::LATENCY),
];

impl FieldId {
    /// The field of this name.
    pub fn find(scope: Scope, name: &str) -> Option<Self> {
        let index = FIELDS.iter().position(|field| field.scope == scope && field.name == name)?;
        u8::try_from(index).ok().map(Self)
    }

    /// Its row.
    pub fn row(self) -> &'static Field {
        &FIELDS[usize::from(self.0)]
    }
}

/// A signal: which field of what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal {
    /// Of what.
    pub subject: Subject,
    /// Which.
    pub field: FieldId,
}

impl Signal {
    /// The service that it is of, if it is of one.
    pub fn service(&self) -> Option<&str> {
        match &self.subject {
            Subject::Service(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.field.row().name;
        match &self.subject {
            Subject::Host => f.write_str(name),
            Subject::Port(port) => write!(f, "port[{port}].{name}"),
            Subject::Cgroup(path) => write!(f, "cgroup[{path:?}].{name}"),
            Subject::Service(service) => write!(f, "service[{service:?}].{name}"),
        }
    }
}

/// All signals at one moment. What is absent is nil.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot(BTreeMap<Signal, f64>);

impl Snapshot {
    /// Sets a signal by its name; a name that is not in the table is a mistake of ours.
    pub fn set(&mut self, subject: &Subject, name: &str, value: Option<f64>) {
        let field = FieldId::find(subject.scope(), name).expect("a field of the table");
        let signal = Signal { subject: subject.clone(), field };
        match value.filter(|value| value.is_finite()) {
            Some(value) => self.0.insert(signal, value),
            None => self.0.remove(&signal),
        };
    }

    /// A signal's value.
    pub fn get(&self, signal: &Signal) -> Option<f64> {
        self.0.get(signal).copied()
    }

    /// All that have one.
    pub fn iter(&self) -> impl Iterator<Item = (&Signal, f64)> {
        self.0.iter().map(|(signal, value)| (signal, *value))
    }

    /// A signal's value for people.
    pub fn show(&self, signal: &Signal) -> String {
        let Some(value) = self.get(signal) else { return "nil".to_owned() };
        match signal.field.row().form {
            Form::Duration => show_ns(value),
            Form::Count => format!("{value:.0}"),
            Form::Ratio | Form::Number => format!("{value:.3}"),
        }
    }
}

impl Subject {
    /// Its kind.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Host => Scope::Host,
            Self::Port(_) => Scope::Port,
            Self::Cgroup(_) => Scope::Cgroup,
            Self::Service(_) => Scope::Service,
        }
    }
}

fn show_ns(ns: f64) -> String {
    match ns {
        ns if ns < 1e6 => format!("{:.0}us", ns / 1e3),
        ns if ns < 1e10 => format!("{:.1}ms", ns / 1e6),
        ns => format!("{:.0}s", ns / 1e9),
    }
}
