//! The command `ottl` of both binaries: OTTL tried on one request, and in bulk on cases.
//!
//! It reads an export request, runs the texts with the engine of the processors, and writes OTLP/JSON, so that what
//! is tried here is what a pipeline does. Texts that cannot be loaded end with status 2 and say
//! where; a failure under `propagate`, the default here, ends with status 1 and writes no result.
//!
//! Without `--context` it is the outermost one whose paths the texts spell out (`resource.x`,
//! `span.y`), else that of the signal's records.
//!
//! Limits: `INPUT_MAX_BYTES` of input; a request that JSON makes longer, four times that.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use otlp::Signal;
use ottl::Time;
use ottl::contexts::Otlp;
use ottl::program::ErrorMode;

use crate::time;

mod cases;
mod plan;
mod processor;
mod request;
mod single;
mod texts;

/// Largest file that is read.
const INPUT_MAX_BYTES: usize = 256 << 20;

/// Arguments of `ottl`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// What the request holds
    #[arg(long, value_enum, required_unless_present = "cases")]
    signal: Option<SignalName>,
    /// What the texts run on: resource, scope, span, spanevent, metric, datapoint, exemplar, log
    #[arg(long, value_parser = context)]
    context: Option<Otlp>,
    /// A statement to run; repeated ones run in order for each record
    #[arg(long = "statement", value_name = "S", group = "texts", allow_hyphen_values = true)]
    statements: Vec<String>,
    /// A condition to evaluate: prints true, false or null (failed) for each record
    #[arg(long, value_name = "C", group = "texts", allow_hyphen_values = true)]
    condition: Option<String>,
    /// An expression to evaluate: prints a value or null for each record
    #[arg(long = "value", value_name = "E", group = "texts", allow_hyphen_values = true)]
    values: Vec<String>,
    /// A file of statements, one a line; lines that begin with a space go on, with # are comments
    #[arg(long, value_name = "F", group = "texts")]
    file: Option<PathBuf>,
    /// The request, OTLP/JSON or protobuf; - is standard input
    #[arg(long, value_name = "F", default_value = "-")]
    input: PathBuf,
    /// Where the result goes; - is standard output
    #[arg(long, value_name = "F", default_value = "-")]
    output: PathBuf,
    /// What a failure on a record does
    #[arg(long, value_enum, default_value = "propagate")]
    error_mode: ModeName,
    /// What Now() says, instead of the clock
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    now: Option<Time>,
    /// Print what would run, and run nothing
    #[arg(long)]
    explain: bool,
    /// Failures as JSON lines
    #[arg(long)]
    json: bool,
    /// Run a file of cases, one JSON object a line; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "texts")]
    cases: Option<PathBuf>,
    /// Where the cases' fixtures are, instead of beside FILE
    #[arg(long, value_name = "DIR", requires = "cases")]
    fixtures: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SignalName {
    Traces,
    Metrics,
    Logs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    Propagate,
    Ignore,
    Silent,
}

impl From<SignalName> for Signal {
    fn from(name: SignalName) -> Self {
        match name {
            SignalName::Traces => Self::Traces,
            SignalName::Metrics => Self::Metrics,
            SignalName::Logs => Self::Logs,
        }
    }
}

impl From<ModeName> for ErrorMode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Propagate => Self::Propagate,
            ModeName::Ignore => Self::Ignore,
            ModeName::Silent => Self::Silent,
        }
    }
}

/// Why the command ends early.
#[derive(Debug)]
enum Stop {
    /// Status 2: the arguments, or texts that cannot be loaded; each line stands for itself.
    Usage(Vec<String>),
    /// Status 1: input, output, or a failure that propagates.
    Failed(Vec<String>),
}

impl Stop {
    fn failed(message: impl Into<String>) -> Self {
        Self::Failed(vec![message.into()])
    }

    fn usage(message: impl Into<String>) -> Self {
        Self::Usage(vec![message.into()])
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    let ran = match (&arguments.cases, arguments.signal) {
        (Some(file), _) => cases::run(file, arguments.fixtures.as_deref()),
        (None, Some(signal)) => single::run(arguments, signal.into()),
        (None, None) => Err(Stop::usage("ottl: expected --signal or --cases")),
    };
    let (lines, code) = match ran {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Stop::Usage(lines)) => (lines, 2),
        Err(Stop::Failed(lines)) => (lines, 1),
    };
    lines.iter().for_each(|line| eprintln!("{line}"));
    ExitCode::from(code)
}

fn context(name: &str) -> Result<Otlp, String> {
    let names = || Otlp::ALL.map(|context| context.title()).join(", ");
    Otlp::from_name(name).ok_or_else(|| format!("expected one of {}", names()))
}

fn instant(text: &str) -> Result<Time, String> {
    let nanos = time::parse(text).ok_or("expected a time such as 2026-01-31T12:00:00Z")?;
    Ok(Time::from_unix_nano(nanos))
}

/// The clock's time.
fn now() -> Time {
    Time::from_unix_nano(time::unix_ns(SystemTime::now()))
}
