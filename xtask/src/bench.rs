//! `cargo xtask bench`: the numbers that the project promises, from one run, as one table.
//!
//! Builds everything as packages ship it, runs the programs that measure (`kernel_cost` and `reflex_cost`
//! of the agent, `detect_cost` and `nab` of the detectors, `ottl_cost` of the language, `medulla-bench` of the tests),
//! and holds each line against its goal. A missed goal is shown and is not a failure: numbers of a busy machine say
//! little, and no gate depends on time.
//! What cannot be measured here is named with its reason.

mod table;

use crate::{build, ebpf, tree};
use clap::Args;
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What the benchmark may be told.
#[derive(Args)]
pub(crate) struct Arguments {
    /// One JSON object per line instead of the table
    #[arg(long)]
    json: bool,
    /// How long each case of the data plane is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Only cases of the data plane whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// An OpenTelemetry Collector (receiver otlp, processors filter and transform) to compare with
    #[arg(long, value_name = "BINARY")]
    collector: Option<PathBuf>,
    /// The Numenta Anomaly Benchmark (`data` and `combined_windows.json`) to score the detectors on
    #[arg(long, value_name = "FOLDER")]
    nab: Option<PathBuf>,
}

/// A line of a measuring program.
#[derive(Debug, Deserialize, PartialEq)]
struct Row {
    name: String,
    value: Option<f64>,
    #[serde(default)]
    unit: String,
    at_least: Option<f64>,
    at_most: Option<f64>,
    /// Why there is no value.
    missing: Option<String>,
}

impl Row {
    fn missing(name: &str, why: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
            unit: String::new(),
            at_least: None,
            at_most: None,
            missing: Some(why.to_owned()),
        }
    }

    /// Whether the goal is met, if there is one.
    fn met(&self) -> Option<bool> {
        if self.at_least.is_none() && self.at_most.is_none() {
            return None;
        }
        let value = self.value?;
        Some(
            self.at_least.is_none_or(|bound| value >= bound)
                && self.at_most.is_none_or(|bound| value <= bound),
        )
    }
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match measure(arguments) {
        Ok(rows) if arguments.json => table::print_json(&rows),
        Ok(rows) => table::print(&rows),
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(arguments: &Arguments) -> Result<Vec<Row>, String> {
    let object = ebpf::object();
    // Without kernel programs the data plane can still be measured.
    build_all(object.as_deref().ok())?;
    let mut rows = match &object {
        Ok(_) => collect(&mut Command::new(folder().join("examples").join("kernel_cost")))
            .unwrap_or_else(|reason| vec![Row::missing("kernel", &reason)]),
        Err(reason) => vec![Row::missing("kernel", reason)],
    };
    for example in ["reflex_cost", "detect_cost", "ottl_cost"] {
        rows.extend(collect(&mut Command::new(folder().join("examples").join(example)))?);
    }
    rows.extend(nab(arguments.nab.as_deref())?);
    let mut bench = Command::new(folder().join("medulla-bench"));
    bench.args(["--seconds", &arguments.seconds.to_string(), "--only", &arguments.only]);
    if let Some(collector) = &arguments.collector {
        bench.arg("--collector").arg(collector);
    }
    rows.extend(collect(bench.env("MEDULLA_BIN_DIR", folder()))?);
    Ok(rows)
}

/// The detectors on the benchmark, if it is there.
fn nab(data: Option<&Path>) -> Result<Vec<Row>, String> {
    let Some(data) = data else { return Ok(vec![Row::missing("detect: NAB", "no --nab FOLDER")]) };
    collect(Command::new(folder().join("examples").join("nab")).arg(data))
}

/// Everything that is measured or measures.
fn build_all(object: Option<&Path>) -> Result<(), String> {
    let examples = ["--example", "kernel_cost", "--example", "reflex_cost"];
    cargo(object, &[&["--package", "medulla-agent", "--bins"], &examples[..]].concat())?;
    cargo(object, &["--package", "medulla-gateway"])?;
    let examples = ["--example", "detect_cost", "--example", "nab"];
    cargo(object, &[&["--package", "medulla-detect"], &examples[..]].concat())?;
    cargo(object, &["--package", "medulla-ottl", "--example", "ottl_cost"])?;
    cargo(object, &["--package", "medulla-tests", "--bin", "medulla-bench"])
}

fn cargo(object: Option<&Path>, what: &[&str]) -> Result<(), String> {
    let mut command = Command::new(tree::cargo());
    command.args(["build", "--release"]).args(what).current_dir(tree::root());
    if let Some(object) = object {
        command.env(build::OBJECT_VARIABLE, object);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build ended with {status}")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}

/// Where Cargo puts them.
fn folder() -> PathBuf {
    let target = tree::target().join("release");
    std::path::absolute(&target).unwrap_or(target)
}

/// Runs a measuring program and reads what it prints.
fn collect(command: &mut Command) -> Result<Vec<Row>, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("cannot run {program}: {error}"))?;
    let output = child.stdout.take().expect("stdout was asked for as a pipe");
    let lines = BufReader::new(output).lines().map_while(Result::ok);
    let rows = lines.filter_map(|line| serde_json::from_str(&line).ok()).collect();
    match child.wait() {
        Ok(status) if status.success() => Ok(rows),
        Ok(status) => Err(format!("{program} ended with {status}")),
        Err(error) => Err(format!("{program}: {error}")),
    }
}
